"""Random fillings of the Wyckoff positions of the cubic space groups: structure types that nobody listed."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import gemmi
import numpy as np
import spglib
from numpy.typing import NDArray

from zoneaxis.crystals.cell import SYMMETRY_TOLERANCE_A
from zoneaxis.crystals.element_families import ELEMENTS, is_metal
from zoneaxis.crystals.prototypes import (
    Orbit,
    Prototype,
    Site,
    cubic_prototypes,
    needed_volume,
    orbit,
    read_prototypes,
    shortest_distances,
    touching_lattice_parameter,
)
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

SEED = 20261120
"""Seed of the listed fillings; another one gives other topologies under the same names."""

LARGEST_CELL = 60
"""Atoms in a conventional cell at most."""

SPECIES_SHARES = (0.04, 0.40, 0.38, 0.18)
"""Shares of draws with one to four elements, of which simple ones are kept more often. Source: our choice; binary and
ternary crystals are the most common."""

LOOSEST = 2.5
"""Largest cell over the room that its atoms need. Source: silicon has 1.8, solid SiF4 1.9."""

SMALLEST_A_ANGSTROM, LARGEST_A_ANGSTROM = 3.2, 9.5
"""Range of a template's lattice parameter [Å], narrower than that of the crystals made from it."""

SMALLEST_DISTANCE = 0.03
"""Distance in lattice parameters below which two atoms coincide; nearer ones never fill space anyway."""

ONLY_METALS, TWO_NON_METALS, LARGEST_IS_NON_METAL = 0.3, 0.4, 0.7
"""Shares of fillings with metals only; of ternaries and quaternaries with two non-metals; of those whose non-metal is
the most frequent kind. Source: our choice."""

METALS = tuple(element for element in ELEMENTS if is_metal(element))
NON_METAL_ELEMENTS = tuple(element for element in ELEMENTS if not is_metal(element))

TRIES = 40
"""Draws in one group before it is passed over for this turn."""

COORDINATE_DRAWS = 60
"""Draws of the free coordinates before another filling is tried."""


@dataclass(frozen=True)
class WyckoffPosition:
    """A Wyckoff position of a cubic group, reference setting.

    Attributes:
        space_group: number, 195 to 230.
        letter: as in International Tables A.
        multiplicity: atoms of one orbit in the conventional cell.
        base, free: one representative is base + free @ (x, y, z), fractional.
    """

    space_group: int
    letter: str
    multiplicity: int
    base: tuple[float, float, float]
    free: tuple[tuple[float, float, float], ...]

    @property
    def is_fixed(self) -> bool:
        """Whether it is a point without free coordinate, which only one orbit can fill."""
        return not np.any(self.free)

    def at(self, parameters: Array) -> tuple[float, float, float]:
        """The representative for parameters x, y, z; those that the position does not have are not used."""
        x, y, z = (float(value) for value in (self.base + np.array(self.free) @ parameters) % 1.0)
        return x, y, z

    def atoms(self, parameters: Array) -> Array:
        """(multiplicity, 3) fractional positions of the orbit."""
        part = _usual_orbit(self)
        return np.asarray((part.rotations @ self.at(parameters) + part.translations) % 1.0)


@cache
def _usual_orbit(position: WyckoffPosition) -> Orbit:
    """The orbit for parameters that are nothing special: its operations serve all parameters."""
    return orbit(position.space_group, position.at(np.array([0.0713, 0.1831, 0.3570])))


@cache
def wyckoff_positions(space_group: int) -> tuple[WyckoffPosition, ...]:
    """The Wyckoff positions of a cubic group in the reference setting, by letter.

    Raises:
        InputError: a group that is not cubic.

    Source: `cubic_wyckoff.csv` beside this file, which says how it was made.
    """
    found = tuple(
        WyckoffPosition(space_group, row["letter"], int(row["multiplicity"]), *_affine(row["position"]))
        for row in _table()
        if int(row["space_group"]) == space_group
    )
    if not found:
        raise InputError(f"space group {space_group}: a cubic one is needed, 195 to 230")
    return found


@cache
def _table() -> tuple[dict[str, str], ...]:
    text = files("zoneaxis.crystals").joinpath("cubic_wyckoff.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def _affine(triplet: str) -> tuple[tuple[float, float, float], tuple[tuple[float, float, float], ...]]:
    operation = gemmi.Op(triplet)
    x, y, z = (value / gemmi.Op.DEN for value in operation.tran)
    return (x, y, z), tuple((a / gemmi.Op.DEN, b / gemmi.Op.DEN, c / gemmi.Op.DEN) for a, b, c in operation.rot)


def wyckoff_prototypes(count: int) -> tuple[Prototype, ...]:
    """The first `count` random fillings of the table beside this file, which `draw_prototypes` once wrote.

    Each holds one to four elements on one to six orbits, at most 60 atoms, has exactly the symmetry of its group, is
    nowhere crowded nor empty, and is neither a prototype of AFLOW nor one before it under another name.

    Raises:
        InputError: a negative count, or more than the table holds.
    """
    listed = _listed()
    if not 0 <= count <= len(listed):
        raise InputError(f"count = {count} random fillings: 0 to {len(listed)} are listed")
    return listed[:count]


@cache
def _listed() -> tuple[Prototype, ...]:
    return read_prototypes("wyckoff_prototypes.csv")


def draw_prototypes(count: int, seed: int = SEED) -> Iterator[Prototype]:
    """Draw `count` random fillings, a few a second; a longer list begins with the shorter ones.

    The cubic groups take turns, and a group that gives nothing new in `TRIES` draws is passed over. Positions are drawn
    with small orbits a little more often, then elements, then free coordinates.
    """
    known = {fingerprint(prototype) for prototype in cubic_prototypes()}
    found = 0
    for turn in itertools.count():
        for group in range(195, 231):
            for attempt in range(TRIES):
                candidate = random_filling(group, np.random.default_rng([seed, turn, group, attempt]), found)
                mark = fingerprint(candidate) if candidate else None
                if candidate is None or mark in known:
                    continue
                known.add(mark)
                found += 1
                yield candidate
                break
            if found >= count:
                return


def fingerprint(prototype: Prototype) -> Hashable:
    """What two prototypes share that differ in origin and names only: neighbour distances in lattice parameters.

    For every orbit its number of atoms, and the 24 shortest distances from it to each kind of atom, rounded to 0.001.
    """
    orbits = [part.atoms(np.zeros(3)) for part in prototype.orbits]
    cells = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    kinds = [
        np.concatenate([atoms for atoms, site in zip(orbits, prototype.sites, strict=True) if site.element == element])
        for element in prototype.elements
    ]
    rows = []
    for atoms, site in zip(orbits, prototype.sites, strict=True):
        shells = []
        for element, others in zip(prototype.elements, kinds, strict=True):
            lengths = np.sort(np.linalg.norm(others - atoms[0] + cells, axis=-1).ravel())[:24]
            shells.append((element == site.element, *np.round(lengths + 1e-7, 3).tolist()))
        rows.append((len(atoms), *sorted(shells)))
    return (len(prototype.elements), *sorted(rows))


def random_filling(group: int, generator: np.random.Generator, number: int) -> Prototype | None:
    """A random filling, or None where the draw is crowded, empty, too symmetric, too small or too large."""
    species = 1 + int(generator.choice(len(SPECIES_SHARES), p=SPECIES_SHARES))
    chosen = _positions(group, species + int(generator.integers(0, 3)), generator)
    if len(chosen) < species:
        return None
    elements = _elements(chosen, species, generator)
    room = needed_volume(elements, [position.multiplicity for position in chosen])
    if not SMALLEST_A_ANGSTROM**3 <= room <= LARGEST_A_ANGSTROM**3:
        return None
    fixed = all(position.is_fixed for position in chosen)
    for _ in range(1 if fixed else COORDINATE_DRAWS):
        values = np.round(generator.random((len(chosen), 3)), 4)
        atoms = tuple(position.atoms(row) for position, row in zip(chosen, values, strict=True))
        touching = _touching(atoms, elements)
        if touching > LARGEST_A_ANGSTROM or touching**3 > LOOSEST * room:
            continue
        if not _has_symmetry(group, atoms, elements, room):
            continue
        sites = tuple(
            Site(element, position.letter, position.at(row))
            for element, position, row in zip(elements, chosen, values, strict=True)
        )
        return Prototype(f"W{group}-{''.join(sorted(site.letter for site in sites))}-{number:03d}", group, sites)
    return None


def _positions(group: int, count: int, generator: np.random.Generator) -> list[WyckoffPosition]:
    """Positions for `count` orbits, or fewer when 60 atoms are reached; a point is taken at most once."""
    chosen: list[WyckoffPosition] = []
    for _ in range(count):
        room = LARGEST_CELL - sum(position.multiplicity for position in chosen)
        left = [
            position
            for position in wyckoff_positions(group)
            if position.multiplicity <= room and not (position.is_fixed and position in chosen)
        ]
        if not left:
            break
        weights = np.array([position.multiplicity for position in left]) ** -0.75
        chosen.append(left[int(generator.choice(len(left), p=weights / weights.sum()))])
    return chosen


def _elements(chosen: list[WyckoffPosition], species: int, generator: np.random.Generator) -> list[str]:
    """An element for each orbit: metals only, or metals with one kind (or two) of the other side, often the largest."""
    kinds = [*range(species), *generator.integers(species, size=len(chosen) - species).tolist()]
    sizes = np.bincount(kinds, weights=[position.multiplicity for position in chosen], minlength=species)
    others = 0 if generator.random() < ONLY_METALS else 1 + int(species > 2 and generator.random() < TWO_NON_METALS)
    order = np.argsort(-sizes, kind="stable") if generator.random() < LARGEST_IS_NON_METAL else np.arange(species)
    sides = [METALS] * species
    for kind in order[:others]:
        sides[int(kind)] = NON_METAL_ELEMENTS
    drawn: list[str] = []
    for side in sides:
        left = [element for element in side if element not in drawn]
        drawn.append(left[int(generator.integers(len(left)))])
    return [drawn[kind] for kind in kinds]


def _touching(atoms: tuple[Array, ...], elements: list[str]) -> float:
    """Lattice parameter at which the atoms touch [Å], infinite where two of them coincide."""
    distances = shortest_distances(atoms)
    return touching_lattice_parameter(distances, elements) if distances.min() > SMALLEST_DISTANCE else math.inf


def _has_symmetry(group: int, atoms: tuple[Array, ...], elements: list[str], room: float) -> bool:
    """Whether the crystal has the group alone and no smaller cell (one too large has the group of the smaller one)."""
    kinds = [elements.index(element) for element, part in zip(elements, atoms, strict=True) for _ in part]
    cell: Any = (np.eye(3) * np.cbrt(room), np.concatenate(atoms), kinds)
    found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE_A)
    return found is not None and found.number == group and len(found.std_types) == len(kinds)
