"""SADP patterns of a plan: what is drawn for each specimen and each pattern, and their simulation.

Specimens and patterns are numbered; what is drawn for one depends on the seed of the plan and its number alone.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from pymatgen.core import Structure

from zoneaxis.crystals.cell import basis
from zoneaxis.crystals.specimen import unit_cell
from zoneaxis.errors import InputError
from zoneaxis.patterns import generate as shards
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.recipes.sadp import Plan
from zoneaxis.recipes.sadp_families import Family, atoms_with, averaged
from zoneaxis.recipes.sadp_listing import Progress, Whole, crystal_of, listed
from zoneaxis.scattering.zone import zone_frame

if TYPE_CHECKING:
    from ase import Atoms

PATTERNS_IN_A_SHARD = 256
"""A few minutes of work. Source: our choice."""
ROOT = 4
"""Stored is the fourth root of the intensity. Source: our choice; in half precision it spans all spots and tails, and
the intensity is rounded by at most 0.2 %."""
SPECIMEN, PATTERN = 0, 1
"""Streams of random numbers; `sadp_listing` has another one."""

LABELS = (
    "set", "structure", "crystal", "prototype", "prototype_family", "chemical_system", "space_group", "part",
    "lattice_parameter_angstrom", "specimen", "u", "v", "w", "zone", "accelerating_voltage_kv", "camera_length_mm",
    "per_angstrom_per_px", "rotation_deg", "tilt_x_mrad", "tilt_y_mrad", "cells_a", "cells_b", "cells_c", "family",
    "defect", "strength", "explicit_atoms", "seed",
)  # fmt: skip
"""What is told of every pattern. structure, specimen, zone: numbers in the plan; u, v, w: the axis flown along, the
zone or its equivalent; defect: as written for `simulate sadp`, whose `seed` is told too; strength: in the unit of the
defect."""


@dataclass(frozen=True)
class Drawn:
    """What is drawn for one specimen."""

    family: Family
    strength: float
    defect: str
    cells: tuple[int, int, int]
    voltage_kv: float
    camera_length_mm: float
    seed: int


@dataclass(frozen=True, eq=False)
class PatternList:
    """All patterns of a plan; light enough to travel to worker processes, which make the crystals themselves.

    Attributes:
        plan: the plan.
        parts: part of each crystal by its number.
        specimens: (n, 5) set, crystal, draw, family (-1: to be drawn), step of its strength.
        patterns: (m, 3) specimen, zone, combination of voltage and camera length (-1: as drawn for the specimen).
    """

    plan: Plan
    parts: tuple[str, ...]
    specimens: Whole
    patterns: Whole

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan and of what it lists."""
        held = hashlib.sha256(self.plan.fingerprint.encode())
        for part in (repr(self.parts).encode(), self.specimens.tobytes(), self.patterns.tobytes()):
            held.update(part)
        return held.hexdigest()

    def structure(self, number: int) -> Structure:
        """The crystal with this number."""
        return crystal_of(self.plan, number)

    def drawn(self, number: int) -> Drawn:
        """What specimen `number` is."""
        of, crystal, _, family_number, step = self.specimens[number].tolist()
        pattern_set, structure = self.plan.sets[of], self.structure(crystal)
        generator = np.random.default_rng([self.plan.seed, SPECIMEN, number])
        seed = int(generator.integers(2**31))
        voltage = float(self.plan.voltages_kv.draw(generator))
        length = float(self.plan.camera_lengths_mm.draw(generator))
        edges = np.array(structure.lattice.abc)
        cells = self.plan.cells
        if self.plan.edges_angstrom is not None:
            wanted = [float(self.plan.edges_angstrom.draw(generator)) for _ in range(3)]
            counts = [max(1, round(edge / own)) for edge, own in zip(wanted, edges.tolist(), strict=True)]
            cells = (counts[0], counts[1], counts[2])
        if family_number < 0:
            fitting = [family for family in pattern_set.families if family.fits(structure)]
            shares = np.array([family.share for family in fitting])
            family = fitting[int(generator.choice(len(fitting), p=shares / shares.sum()))]
            strength = family.drawn(generator)
        else:
            family = pattern_set.families[family_number]
            strength = family.steps[step]
        cells = family.cells or cells
        shortest = float((edges * np.array(cells)).min())
        defect = family.written(structure, strength, shortest, generator)
        return Drawn(family, strength, defect, cells, voltage, length, seed)

    def part(self, start: int, stop: int) -> xr.Dataset:
        """Patterns start to stop - 1: `intensity` is the `ROOT`-th root of the mean |A|^2 [angstrom^2] over a pixel."""
        plan = self.plan
        pictures = np.empty((stop - start, plan.size_px, plan.size_px), dtype=np.float16)
        labels: dict[str, list[Any]] = {name: [] for name in LABELS}
        before = -1
        for place, number in enumerate(range(start, stop)):
            specimen, zone, combination = self.patterns[number].tolist()
            if specimen != before:
                drawn, before = self.drawn(specimen), specimen
                crystal = int(self.specimens[specimen, 1])
                structure = self.structure(crystal)
                try:
                    seen = _seen(structure, drawn)
                except InputError as reason:
                    name = structure.properties["name"]
                    raise InputError(
                        f"specimen {specimen}, {name} with {drawn.defect or 'no defect'}: {reason}"
                    ) from None
            conditions = (drawn.voltage_kv, drawn.camera_length_mm)
            if combination >= 0:
                conditions = plan.combinations[combination]
            told = self._view(number, zone, structure, seen)
            experiment = plan.experiment(
                told["axis"], *conditions, rotation_deg=told["rotation_deg"], tilt_mrad=told["tilt_mrad"]
            )
            picture = experiment.perfect(seen, drawn.cells) if drawn.family.closed_form else experiment.specimen(seen)
            pictures[place] = picture.clamp_min(0.0).double().pow(1.0 / ROOT).to(torch.float16).numpy()
            values = {
                "set": plan.sets[int(self.specimens[specimen, 0])].name,
                "structure": crystal,
                "part": self.parts[crystal],
                **_of_crystal(structure),
                "specimen": specimen,
                **dict(zip("uvw", told["axis"], strict=True)),
                "zone": zone,
                "accelerating_voltage_kv": conditions[0],
                "camera_length_mm": conditions[1],
                "per_angstrom_per_px": experiment.detector.step_per_angstrom,
                "rotation_deg": told["rotation_deg"],
                "tilt_x_mrad": told["tilt_mrad"][0],
                "tilt_y_mrad": told["tilt_mrad"][1],
                **{f"cells_{axis}": count for axis, count in zip("abc", drawn.cells, strict=True)},
                "family": drawn.family.name,
                "defect": drawn.defect,
                "strength": drawn.strength,
                "explicit_atoms": not drawn.family.closed_form,
                "seed": drawn.seed,
            }
            for name in LABELS:
                labels[name].append(values[name])
        return pattern_set(
            pictures,
            {name: np.array(values) for name, values in labels.items()},
            technique="sadp",
            provenance=f"simulated by zoneaxis {version('zoneaxis')}, plan {plan.fingerprint[:12]}",
            name=plan.name,
            root=ROOT,
            unit="mean of |A|^2 in square Angstrom over a pixel, to the power 1/root",
            frame="seen along the beam, which flies along +[uvw]: columns run right, rows downwards",
            detector_mm=25.6,
            scattering="kinematical",
            zones=[",".join(map(str, zone)) for zone in plan.zones],
            plan=plan.fingerprint,
            draws_seed=plan.seed,
        )

    def _view(self, number: int, zone: int, structure: Structure, seen: Structure | Atoms) -> dict[str, Any]:
        """Axis, turn and tilt of pattern `number`."""
        plan = self.plan
        generator = np.random.default_rng([plan.seed, PATTERN, number])
        axis = plan.zones[zone]
        if plan.equivalent_zones:
            axis = equivalents(axis)[int(generator.integers(12))]
        tilt = tuple(round(float(angle), 4) for angle in plan.tilt_mrad * generator.standard_normal(2))
        if plan.rotation_deg is None:
            turn = round(float(generator.uniform(0.0, 360.0)), 4)
        else:
            turn = plan.rotation_deg - shift_deg(structure, seen, axis)
        return {"axis": axis, "rotation_deg": turn, "tilt_mrad": (tilt[0], tilt[1])}


def equivalents(zone: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The twelve axes that the rotations of point group 23, which every cubic crystal has, make of one; some alike."""
    signs = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
    turned = [(zone[i % 3], zone[(i + 1) % 3], zone[(i + 2) % 3]) for i in range(3)]
    return [(a * x, b * y, c * z) for x, y, z in turned for a, b, c in signs]


def shift_deg(structure: Structure, seen: Structure | Atoms, zone: tuple[int, int, int]) -> float:
    """By how much the reflection that points right in the undeformed crystal points up in the deformed one [degree].

    0 unless the strain makes another reflection the shortest, or turns the two.
    """
    before = basis(structure)
    after = basis(seen) if isinstance(seen, Structure) else unit_cell(seen)
    _, right = zone_frame(before, zone)
    frame, _ = zone_frame(after, zone)
    g = frame @ (np.array(right) @ np.linalg.inv(after).T)
    return math.degrees(math.atan2(-g[1], g[0]))


def _seen(structure: Structure, drawn: Drawn) -> Any:
    """The crystal whose block is drawn in closed form, or the specimen's atoms."""
    if drawn.family.closed_form:
        return averaged(structure, drawn.defect)
    return atoms_with(structure, drawn.cells, drawn.defect, drawn.seed)


def _of_crystal(structure: Structure) -> dict[str, Any]:
    properties = structure.properties
    prototype = str(properties.get("prototype", properties["name"]))
    return {
        "crystal": str(properties["name"]),
        "prototype": prototype,
        "prototype_family": str(properties.get("family", prototype)),
        "chemical_system": structure.chemical_system,
        "space_group": int(properties["space_group"]),
        "lattice_parameter_angstrom": float(structure.lattice.a),
    }


def generate(
    plan: Plan,
    path: str | Path,
    *,
    workers: int = 1,
    patterns: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the set of a plan as a pattern set (.zarr); resumes after an interruption.

    Args:
        plan: what is wanted.
        path: a .zarr that does not exist.
        workers: processes, one thread each.
        patterns: only the first of the list.
        progress: called as progress(what, done, in all).

    Raises:
        InputError: a plan that fails its `check`, a path that is taken, a number of patterns the plan does not have.
    """
    plan.check()
    found = PatternList(plan, *listed(plan, progress))
    count = len(found) if patterns is None else patterns
    if not 1 <= count <= len(found):
        raise InputError(f"patterns = {patterns}: expected 1 to {len(found)}, what the plan lists")
    return shards.generate(
        found,
        count,
        path,
        plan.seed,
        shard_size=min(PATTERNS_IN_A_SHARD, count),
        workers=workers,
        progress=None if progress is None else lambda done, total: progress("patterns", done, total),
    )
