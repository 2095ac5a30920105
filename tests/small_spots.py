"""A small network of spot patterns with weights by chance, and its model folder, for tests of whoever reads it."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoneaxis.learn import artefact
from zoneaxis.learn.card import Card
from zoneaxis.learn.networks import build
from zoneaxis.patterns.polar_view import PolarView
from zoneaxis.reading.spot_network import PREPARATION

CLASSES = (("213 [001]", "213"), ("221 [001]", "221"), ("225 [001]", "225"), ("225 [011]", "225"), ("other", "other"))
JUDGEMENT = {"dependence": 0.5, "picture_px": 64, "other_threshold": 0.9, "false_alarm_rate": 0.05}
VIEW = PolarView(16)


def network(seed: int = 0) -> nn.Module:
    """Five classes, in evaluation mode, on 16 rings and angles; its opinions differ from picture to picture."""
    torch.manual_seed(seed)
    small = build("polar_resnet", classes=len(CLASSES), width=0.125)
    with torch.no_grad():
        for _ in range(10):
            small.train()(torch.randn(32, 1, VIEW.size, VIEW.size))
    return small.eval()


def save_model(folder: Path, **changes: Any) -> Path:
    """The network in a model folder, its card changed as asked."""
    values = {
        "name": "toy-spots",
        "technique": "sadp",
        "architecture": "polar_resnet",
        "arguments": {"classes": len(CLASSES), "width": 0.125},
        "input_size_px": VIEW.size,
        "preparation": PREPARATION,
        "preparation_arguments": VIEW.arguments,
        "materials": tuple(name for name, _ in CLASSES),
        "group_of_material": tuple(group for _, group in CLASSES),
        "group_temperature": 2.0,
        "judgement": JUDGEMENT,
    }
    artefact.save(folder, network(), Card(**(values | changes)))
    return folder
