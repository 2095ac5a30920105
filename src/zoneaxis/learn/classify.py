"""Classifier: prepared patterns in, probabilities of materials and space groups out."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.learn import artefact
from zoneaxis.learn.calibrate import temper
from zoneaxis.learn.card import Card
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.open_set import OpenSet
from zoneaxis.learn.stream import Preparation

PREPARATIONS_FROM = "zoneaxis.patterns."
"""A card may name functions of this package only: reading a model must never run what its author chose."""


@dataclass(frozen=True)
class Prediction:
    """What a network says about n patterns.

    logits (n, materials) as they leave the network; material_probabilities (n, materials) and group_probabilities
    (n, groups) after temperature; features (n, f), the vector before the last layer.
    """

    logits: Tensor
    material_probabilities: Tensor
    group_probabilities: Tensor
    features: Tensor

    def __len__(self) -> int:
        return len(self.logits)


@dataclass(frozen=True)
class Classifier:
    """A network in evaluation mode with its grouping, its temperatures and, when fitted, its `unknown` score."""

    network: nn.Module
    grouping: Grouping
    material_temperature: float = 1.0
    group_temperature: float = 1.0
    open_set: OpenSet | None = None
    card: Card | None = None

    @classmethod
    def from_folder(cls, folder: str | Path, device: str | torch.device = "cpu") -> Classifier:
        """Classifier from a model folder; `InputError` when the folder is not a whole, unaltered model."""
        model = artefact.load(folder, device)
        card = model.card
        stored = model.tensors.get("open_set")
        return cls(
            model.network,
            card.grouping,
            card.material_temperature,
            card.group_temperature,
            OpenSet.restore(card.open_set, stored) if card.open_set and stored else None,
            card,
        )

    @property
    def prepare(self) -> Preparation:
        """The function that makes network input (n, size, size) from recorded patterns (n, rows, cols)."""
        if self.card is None:
            raise InputError("classifier: no card, so no preparation is known; prepare the patterns as in training")
        return preparation(self.card.preparation, **self.card.preparation_arguments)

    @torch.inference_mode()
    def predict(self, patterns: Tensor, batch_images: int = 128) -> Prediction:
        """Prediction for prepared patterns (n, rows, cols); batch size changes nothing but memory.

        Raises `InputError` for another shape or for values that are not finite.
        """
        if patterns.ndim != 3 or 0 in patterns.shape:
            raise InputError(f"classifier: patterns have shape {tuple(patterns.shape)}, expected (n, rows, cols)")
        if self.card is not None and tuple(patterns.shape[1:]) != (self.card.input_size_px,) * 2:
            size = self.card.input_size_px
            shape = " x ".join(str(side) for side in patterns.shape[1:])
            raise InputError(f"classifier: patterns are {shape} px, the model reads {size} x {size}")
        if not torch.isfinite(patterns).all():
            raise InputError("classifier: patterns hold values that are not finite (NaN or infinity)")
        device = next(self.network.parameters()).device
        self.network.eval()
        batches = patterns.split(batch_images)
        features = torch.cat([self.network.features(b[:, None].to(device, torch.float32)) for b in batches])  # type: ignore[operator]
        logits = self.network.head(features)  # type: ignore[operator]
        return Prediction(
            logits,
            temper(logits, self.material_temperature).softmax(-1),
            temper(self.grouping.group_log_probabilities(logits), self.group_temperature).softmax(-1),
            features,
        )


def preparation(name: str, **arguments: object) -> Preparation:
    """The function of this package that a card names, with its arguments bound; picklable, so workers can run it."""
    from functools import partial

    module, _, function = name.rpartition(".")
    if not name.startswith(PREPARATIONS_FROM):
        raise InputError(f"preparation {name!r}: only functions under {PREPARATIONS_FROM[:-1]} are called")
    try:
        return partial(getattr(importlib.import_module(module), function), **arguments)
    except (ImportError, AttributeError):
        raise InputError(f"preparation {name!r}: this version of zoneaxis has no such function") from None
