"""Models: the networks of the honest protocol, one table of the recipe each, and their trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.pattern_mixture import PatternMixture
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stored_patterns import Classes, StoredPatterns
from zoneaxis.learn.training import TrainedNetwork, fit
from zoneaxis.recipes.sadp_classes import SADPClasses
from zoneaxis.recipes.sadp_input import PolarInput
from zoneaxis.studies.bench import Bench, key_of
from zoneaxis.studies.sadp_defects import plans
from zoneaxis.studies.sadp_defects.listings import CAMERA

CLEAN, AWARE, OPEN, SHUFFLED = "clean", "defect_aware", "open", "shuffled"
PAPER_MODEL = "paper"
LEFT_OUT = "without_"
"""Models trained with all defects but one family have it after this in their names."""
VALIDATION_STEP = 4
"""Every so many patterns of the validation part watch a training. Source: our choice."""


@dataclass(frozen=True)
class Model:
    """One network of the study.

    Attributes:
        bench: where it is trained.
        name: its table under `models`: shares of defects, further twins and outliers in training; families left out;
            camera constant known or unknown; labels shuffled; images shown.
    """

    bench: Bench
    name: str

    @property
    def table(self) -> Mapping[str, Any]:
        """Its settings over those that all have."""
        return dict(self.bench.settings["model"]) | dict(self.bench.settings["models"][self.name])

    @property
    def classes(self) -> SADPClasses:
        """What it tells apart."""
        zones = tuple(tuple(zone) for zone in self.bench.settings["zones"])
        return SADPClasses(zones=zones, other=float(self.table["outliers"]) > 0)  # type: ignore[arg-type]

    @property
    def view(self) -> PolarInput:
        """How it sees the pictures of a camera."""
        camera = DiffractionCamera.from_dict({"preset": CAMERA})
        return PolarInput(camera=camera, size=int(self.table["size"]), camera_constant=self.table["camera_constant"])

    @property
    def recipe(self) -> TrainingRecipe:
        """Of its training."""
        table = dict(self.bench.settings["training"]) | {"images": int(self.table["images"])}
        return TrainingRecipe.from_mapping(table | {"seed": int(self.bench.settings["seed"]) % 1000})

    @property
    def output(self) -> Path:
        """Folder of its run, named after all that decides it."""
        return self.bench.path("models", f"{self.name}-{self.key}")

    @cached_property
    def key(self) -> str:
        """Fingerprint of recipe, input and data."""
        held = [name for name in plans.HONEST if name == plans.PERFECT or float(self.table[name]) > 0]
        data = {name: plans.plan(self.bench.settings, name).fingerprint for name in held}
        shown = {name: value for name, value in self.table.items() if name != "images"}
        return key_of({"recipe": self.recipe.to_mapping(), "model": shown, "data": data})

    @property
    def finished(self) -> bool:
        """Whether it is trained."""
        return (self.output / "trained.safetensors").exists()

    def source(self) -> PatternMixture:
        """What it is trained on: perfect crystals, defects but those left out, outliers, by their shares."""
        numbers: Classes = self.classes.numbers
        if self.table["shuffled"]:
            numbers = Shuffled(numbers, self.recipe.seed)
        parts: list[StoredPatterns] = []
        shares: list[float] = []
        balance = ("space_group",)
        stack = plans.stack(self.bench, plans.PERFECT)
        parts.append(stack.picked({"set": ["training"]}, classes=numbers, degrade=self.view, balance=balance))
        if (share := float(self.table["defects"])) > 0:
            stack = plans.stack(self.bench, plans.DEFECTS)
            families = np.unique(stack.labels["family"][stack.labels["set"] == "training"])
            kept = [str(name) for name in families if name not in self.table["left_out"]]
            where = {"set": ["training"], "family": kept}
            parts.append(stack.picked(where, classes=numbers, degrade=self.view, balance=balance))
            shares.append(share)
        if (share := float(self.table.get("twins", 0.0))) > 0:
            stack = plans.twin_stack(self.bench)
            parts.append(stack.picked({"set": ["twins"]}, classes=numbers, degrade=self.view, balance=balance))
            shares.append(share)
        if (share := float(self.table["outliers"])) > 0:
            others = self.classes.other_numbers
            for name in (plans.DEFECTS, plans.OUTLIERS):
                stack = plans.stack(self.bench, name)
                parts.append(stack.picked({"set": ["outliers"]}, classes=others, degrade=self.view))
                shares.append(share / 2)
        return PatternMixture(tuple(parts), (1.0 - sum(shares), *shares))

    def watched(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Some patterns of the validation part, which watch the training."""
        stack = plans.stack(self.bench, plans.PERFECT)
        every = stack.picked({"set": ["validation"]}, classes=self.classes.numbers, degrade=self.view)
        some = slice(None, None, VALIDATION_STEP)
        labels = {name: values[some] for name, values in every.labels.items()}
        part = replace(every, places=every.places[some], material=every.material[some], labels=labels)
        return part.all(self.recipe.seed)

    def run(self) -> TrainedNetwork:
        """Train, go on with what was interrupted, or read back what is finished."""
        provenance = {"study": self.bench.study, "model": self.name, "key": self.key}
        classes = self.classes.grouping
        return fit(
            self.source(), self.watched(), classes, self.recipe, self.output, provenance=provenance, progress=False
        )

    @torch.inference_mode()
    def logits(self, network: torch.nn.Module, pictures: Tensor, per_angstrom_per_px: Tensor) -> Tensor:
        """Class logits (n, classes) of shown pictures, mean over the picture and its mirror image."""
        cells = self.view.prepared(pictures, per_angstrom_per_px)
        mirrored = torch.roll(cells.flip(-1), 1, -1)
        return (network(cells[:, None]) + network(mirrored[:, None])).float() / 2


@dataclass(frozen=True)
class Shuffled:
    """Class numbers dealt out anew: what a network then reads is how much the protocol leaks."""

    classes: Classes
    seed: int

    def __call__(self, labels: Mapping[str, np.ndarray]) -> np.ndarray:
        """Class numbers (n,), the same ones in another order."""
        numbers = self.classes(labels)
        return np.random.default_rng(self.seed).permutation(numbers)


def names(bench: Bench) -> list[str]:
    """All models of the honest protocol."""
    return list(bench.settings["models"])
