"""Translators: the trainings of this study, side by side, each in its own folder where it can be taken up again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.learn.translate import TrainedTranslator, TranslatorRecipe, fit
from zoneaxis.studies.bench import Bench, key_of
from zoneaxis.studies.lacbed_translation.protocol import Task

UNET, GAN = "U-Net", "U-Net + PatchGAN"


@dataclass(frozen=True)
class Training:
    """One translator to be trained on some crystals of a task; output: its folder, named after all that decides it."""

    task: Task
    network: str
    seed: int
    train: np.ndarray
    recipe: TranslatorRecipe
    output: Path

    def run(self) -> TrainedTranslator:
        """Train, go on with what was interrupted, or read back what is finished."""
        validation = self.task.of(self.task.validation)
        return fit(*self.task.of(self.train), self.recipe, self.output, validation=validation)

    def answer(self, trained: TrainedTranslator, images: np.ndarray) -> np.ndarray:
        """Its translations (n, 1, s, s); if it learned turned pairs, the mean over the eight ways to ask."""
        return trained.translate(images, symmetric=self.recipe.augment)

    @property
    def finished(self) -> bool:
        """Whether it is trained."""
        return (self.output / "trained.safetensors").exists()


def training(bench: Bench, task: Task, network: str, seed: int, crystals: int | None = None) -> Training:
    """The training of a network on a task; crystals: on how many of its training part, drawn at random."""
    table: dict[str, Any] = dict(bench.settings["unet"])
    if network == GAN:
        table |= bench.settings["gan"]
    effort = bench.settings["effort"]["gan" if network == GAN else "unet"][task.direction][task.split]
    table["images"] = round(int(table["images"]) * float(effort))
    recipe = TranslatorRecipe.from_mapping(table | {"seed": int(bench.settings["seed"]) + seed})
    train = task.train
    if crystals is not None:
        order = np.random.default_rng([int(bench.settings["seed"]), seed]).permutation(len(train))
        train = train[np.sort(order[:crystals])]
    decided_by = {"recipe": recipe.to_mapping(), "task": [task.direction, dict(task.key)], "crystals": crystals}
    name = f"{task.title}-{network}-{seed}-{key_of(decided_by)}".replace(" + ", "-").replace(" ", "-")
    return Training(task, network, seed, train, recipe, bench.path("translators", name))
