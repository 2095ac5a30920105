"""A toy problem that a small network solves in a second: gratings of four pitches in noise, two of one group."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from zoneaxis.learn.card import Card
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.networks import build
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stream import PatternSource

PITCHES = torch.tensor([0.3, 0.6, 0.9, 1.2])


def draw_gratings(n: int, seed: int) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Gratings (n, 32, 32) of random phase in white noise, and which of the four pitches each has."""
    generator = torch.Generator().manual_seed(seed)
    material = torch.randint(0, 4, (n,), generator=generator)
    phase = 6.3 * torch.rand(n, 1, 1, generator=generator)
    wave = torch.sin(PITCHES[material, None, None] * torch.arange(32.0) + phase)
    return wave + 0.5 * torch.randn(n, 32, 32, generator=generator), {"material": material}


@pytest.fixture
def gratings() -> PatternSource:
    """The toy source itself."""
    return draw_gratings


@pytest.fixture
def grouping() -> Grouping:
    """Four materials in three groups."""
    return Grouping(("A", "B", "C", "D"), ("225", "225", "227", "229"))


@pytest.fixture
def recipe() -> TrainingRecipe:
    """A few seconds of training."""
    return TrainingRecipe(
        arguments={"width": 0.125}, images=3200, batch_images=64, validate_every_images=1600, workers=0, seed=1
    )


@pytest.fixture
def network() -> nn.Module:
    """An untrained small network with a repeatable start and settled normalisation."""
    torch.manual_seed(0)
    small = build("resnet", classes=4, width=0.125)
    with torch.no_grad():
        for seed in range(20):
            small.train()(draw_gratings(64, seed)[0][:, None])
    return small.eval()


@pytest.fixture
def card() -> Card:
    """A card that fits `network`."""
    return Card(
        name="toy",
        architecture="resnet",
        arguments={"classes": 4, "width": 0.125},
        input_size_px=32,
        preparation="zoneaxis.patterns.preprocess.prepare",
        preparation_arguments={"size_px": 32},
        materials=("A", "B", "C", "D"),
        group_of_material=("225", "225", "227", "229"),
    )
