"""CBLEED image sets: every image of a plan, made energy by energy so that structures share the bulk's reflection."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.patterns import generate as shards
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.recipes import plan_file
from zoneaxis.scattering.leed.accuracy import accuracy
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import Physics
from zoneaxis.techniques.cbleed.simulator import attributes, labels

LABELS = ("beam_energy_ev", "dimer", "dimer_height_angstrom", "dimer_length_angstrom")
FEWEST_IN_A_SHARD, MOST_IN_A_SHARD = 16, 256
LONGEST_AXIS = 1000
SECTIONS = ("name", "technique", "seed", "specimen", "preset", "physics", "image", "grid", "scan")
READER_SECTIONS = ("autoencoder", "camera", "reader")
"""What `train` needs beside the images; see `recipes.cbleed_reader`."""


@dataclass(frozen=True)
class Plan:
    """The images of a set: one value of every label for each, and what they have in common.

    labels: `LABELS`, (n,) each; preset, changes: of `Physics`; size_px, directions: of the image.
    """

    labels: Mapping[str, np.ndarray]
    preset: str = "paper"
    changes: Mapping[str, Any] = field(default_factory=dict)
    size_px: int = 128
    directions: int = 7

    def __len__(self) -> int:
        return len(self.labels["beam_energy_ev"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the plan."""
        digest = hashlib.sha256(
            repr((self.preset, sorted(self.changes.items()), self.size_px, self.directions)).encode()
        )
        for name in LABELS:
            digest.update(repr(np.asarray(self.labels[name]).tolist()).encode())
        return digest.hexdigest()

    @functools.cached_property
    def experiment(self) -> CBLEEDExperiment:
        """Beam and screen of all images."""
        layout = DiscLayout.for_slab(si001_2x1(), size_px=self.size_px, grid=self.directions)
        return CBLEEDExperiment(layout, Physics.preset(self.preset, **self.changes))

    def check(self) -> None:
        """Find now what would end the run later.

        Raises:
            InputError: a preset, physics, image, energy or dimer that cannot be.
        """
        known = [one.name for one in fields(Physics)]
        strange = sorted(set(self.changes) - set(known))
        if strange:
            raise InputError(f"[physics] has no {strange[0]!r}; known are {', '.join(known)}")
        energies = self.labels["beam_energy_ev"]
        accuracy(self.experiment.physics.accuracy)
        medium = self.experiment.physics.medium(("Si",))
        for energy in (float(energies.min()), float(energies.max())):
            self.experiment.check(energy)
            medium.t_matrix(("Si",), energy, 0)
        for structure in set(zip(*(self.labels[name].tolist() for name in LABELS[1:]), strict=True)):
            si001_2x1(*structure)

    def part(self, start: int, stop: int) -> xr.Dataset:
        """Images start to stop, in the order of the plan, those of one energy made together."""
        chosen = {name: np.asarray(values)[start:stop] for name, values in self.labels.items()}
        energies = chosen["beam_energy_ev"].astype(np.float64)
        slabs = [
            si001_2x1(str(dimer), float(height), float(length))
            for dimer, height, length in zip(*(chosen[name] for name in LABELS[1:]), strict=True)
        ]
        images = torch.empty(len(slabs), self.size_px, self.size_px)
        for energy in np.unique(energies):
            rows = np.flatnonzero(energies == energy)
            images[rows] = self.experiment.images([slabs[row] for row in rows], float(energy))
        return pattern_set(
            images.numpy(),
            {"beam_energy_ev": energies, **labels(slabs)},
            technique="cbleed",
            provenance=f"simulated by zoneaxis {version('zoneaxis')}, plan {self.fingerprint[:12]}",
            **attributes(self.experiment, slabs[0], self.preset),
        )


def write_images(
    labels: Mapping[str, np.ndarray],
    path: str | Path,
    *,
    preset: str = "paper",
    inner_potential_shift_ev: float = 0.0,
    size_px: int = 128,
    directions: int = 7,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the images of these labels, in their order, as a pattern set (.zarr); resumes after an interruption.

    Args:
        labels: `LABELS`, one value per image each; images of one energy should stand together.
        path: a `.zarr`.
        preset, inner_potential_shift_ev: potentials; the shift is added to the preset's V0r.
        size_px, directions: of the image, see `simulate_cbleed`.
        workers: processes of one thread each.
        progress: called with (images done, images in all).

    Raises:
        InputError: labels that do not fit together, atoms that overlap, a path that is taken.
    """
    missing = [name for name in LABELS if name not in labels]
    if missing or len({len(labels[name]) for name in LABELS}) != 1:
        raise InputError(f"cbleed images: labels {', '.join(LABELS)} of one length each are needed")
    changes: dict[str, Any] = {}
    if inner_potential_shift_ev:
        changes["inner_potential_ev"] = Physics.preset(preset).inner_potential_ev + inner_potential_shift_ev
    plan = Plan({name: np.asarray(labels[name]) for name in LABELS}, preset, changes, size_px, directions)
    return generate(plan, path, workers=workers, progress=progress)


def read(path: str | Path) -> Plan:
    """The plan of a recipe file.

    [grid] or [scan]: energy_ev, dimer_height_angstrom, dimer_length_angstrom = [first, last, step], dimer = [names]; a
    grid takes every height with every length, a scan displaces along one of them at a time. preset; [physics] in place
    of the preset's; [image] size_px, directions.

    Raises:
        InputError: a faulty recipe, with the field and what would be right; see also `Plan.check`.
    """
    return plan_file.read(path, _plan)


def _plan(values: Mapping[str, Any]) -> Plan:
    known = (*SECTIONS, *READER_SECTIONS)
    strange = sorted(set(values) - set(known))
    if strange:
        raise InputError(f"unknown {strange[0]!r}; known are {', '.join(known)}")
    for name, only in (("technique", "cbleed"), ("specimen", "Si001-2x1")):
        if values.get(name, only) != only:
            raise InputError(f"{name} {values[name]!r}: these image sets are of {only}")
    layouts = [name for name in ("grid", "scan") if name in values]
    if len(layouts) != 1:
        raise InputError("one of [grid] and [scan] is needed, not both")
    (layout,) = layouts
    table, image = dict(values[layout]), dict(values.get("image", {}))
    axes = ("energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")
    if set(table) != {*axes, "dimer"} or set(image) - {"size_px", "directions"}:
        raise InputError(f"[{layout}] holds {', '.join(axes)}, dimer; [image] size_px, directions")
    dimers = table["dimer"]
    if not isinstance(dimers, list) or not dimers or any(dimers.count(one) > 1 for one in dimers):
        raise InputError(f"dimer = {dimers!r}: expected a list such as ['symmetric', 'buckled'], each named once")
    if not all(type(value) is int for value in image.values()):
        raise InputError(f"[image] {image}: expected whole numbers")
    energies, heights, lengths = (axis(table[name], name) for name in axes)
    if layout == "grid":
        moved = list(product(heights, lengths))
    else:  # along height, then along length; the undisplaced dimer once
        moved = [(height, 0.0) for height in heights] + [(0.0, length) for length in lengths if length]
    rows = [(energy, dimer, *place) for energy, dimer, place in product(energies, dimers, moved)]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Plan(
        dict(zip(LABELS, columns, strict=True)), values.get("preset", "paper"), values.get("physics", {}), **image
    )


def axis(span: Any, name: str) -> np.ndarray:
    """Values from [first, last, step], both ends included; InputError, naming it, when steps do not lead there."""
    try:
        first, last, step = map(float, span)
    except (TypeError, ValueError):
        raise InputError(f"{name} = {span!r}: expected [first, last, step]") from None
    steps = (last - first) / step if step > 0 else -1.0
    if not 0 <= steps < LONGEST_AXIS or abs(steps - round(steps)) > 1e-6:
        raise InputError(
            f"{name} = {span}: steps of {step:g} do not lead from {first:g} to {last:g} in fewer than "
            f"{LONGEST_AXIS} values"
        )
    return np.round(first + step * np.arange(round(steps) + 1), 9)


def generate(
    plan: Plan, path: str | Path, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the images of a plan as a pattern set (.zarr), one shard an energy; resumes after an interruption.

    Raises:
        InputError: a plan that fails its `check`, a path that is taken.
    """
    plan.check()
    energies = plan.labels["beam_energy_ev"]
    changes = np.flatnonzero(np.diff(energies))
    together = int(changes[0]) + 1 if len(changes) else len(plan)
    size = min(max(together, FEWEST_IN_A_SHARD), MOST_IN_A_SHARD, len(plan))
    return shards.generate(plan, len(plan), path, 0, shard_size=size, workers=workers, progress=progress)
