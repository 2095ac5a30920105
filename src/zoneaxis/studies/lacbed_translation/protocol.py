"""Protocol: which crystals are learned from, which are held out, and in what form pictures are translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from zoneaxis.patterns import splits
from zoneaxis.studies.lacbed_translation.data import Pairs

FORWARD, BACKWARD = "forward", "backward"
RANDOM, UNSEEN = "random", "unseen"
DIRECTIONS = {FORWARD: "density to disc", BACKWARD: "disc to density"}
SPLITS = {RANDOM: "random split", UNSEEN: "whole topologies held out"}
Key = tuple[str, str]
"""Direction and split."""
TASKS: tuple[Key, ...] = tuple((direction, split) for direction in DIRECTIONS for split in SPLITS)


@dataclass(frozen=True)
class Task:
    """Pictures to be translated and their translations, each (n, s, s) float32 in [0, 1].

    Attributes:
        direction, split: see above.
        scale: density [e/Å³] that is drawn as 1; None: the greatest of each picture by itself, as on the poster.
        train, validation, test: places of the crystals in the set.
        inputs, targets: of all crystals.
        groups: (n,) topology of each crystal.
        key: of data, split and scale.
    """

    direction: str
    split: str
    scale: float | None
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    key: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Direction, split and, where it is unusual, scale."""
        return f"{self.direction} {self.split}" + ("" if self.scale else " own scale")

    def of(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of some crystals."""
        return self.inputs[places], self.targets[places]


def task(pairs: Pairs, direction: str, split: str, settings: Mapping[str, Any], *, own_scale: bool = False) -> Task:
    """The pictures of a task; the scale of the densities is taken from its training part."""
    parts = divided(pairs, split, settings)
    scale = None if own_scale else density_scale(pairs.densities[parts["train"]], settings["density"]["quantile"])
    pictures = density_pictures(pairs.densities, scale)
    inputs, targets = (pictures, pairs.discs) if direction == FORWARD else (pairs.discs, pictures)
    key = {
        "data": pairs.key,
        "split": split,
        "shares": settings["split"][split],
        "seed": settings["seed"],
        "scale": scale,
    }
    return Task(direction, split, scale, **parts, inputs=inputs, targets=targets, groups=pairs.prototype, key=key)


def divided(pairs: Pairs, split: str, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Places of the crystals of each part.

    Under the random split crystals of one formula and topology, which differ in scatter alone, stay together; under the
    other one all crystals of a topology.
    """
    held_out = settings["split"][split]
    fractions = {"train": 1.0 - sum(held_out.values()), **held_out}
    labels = {"place": np.arange(len(pairs)), "prototype": pairs.prototype, "crystal": pairs.crystal}
    listed = xr.Dataset(coords={name: ("pattern", values) for name, values in labels.items()})
    by = ("prototype", "crystal") if split == RANDOM else "prototype"
    parts = splits.split(listed, by, fractions, int(settings["seed"]))
    return {name: part["place"].values for name, part in parts.items()}


def density_scale(densities: np.ndarray, quantile: float) -> float:
    """Density [e/Å³] that is drawn as 1: a quantile of the greatest densities of pictures."""
    return float(np.quantile(densities.max((1, 2)), quantile))


def density_pictures(densities: np.ndarray, scale: float | None) -> np.ndarray:
    """The root of the density over the scale, or over its own greatest value, cut off at 1."""
    over = np.float32(scale) if scale else densities.max((1, 2), keepdims=True)
    return np.sqrt(np.clip(densities / over, 0.0, 1.0)).astype(np.float32)
