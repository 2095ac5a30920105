"""Many structure types of one cubic space group: the listed ones, and random fillings drawn for that group."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from zoneaxis.crystals.cell import basis
from zoneaxis.crystals.prototypes import Prototype, cubic_prototypes, decorate, operations, read_prototypes
from zoneaxis.crystals.superlattice import superlattice_contrast
from zoneaxis.crystals.wyckoff import (
    WyckoffPosition,
    fingerprint,
    random_filling,
    wyckoff_positions,
    wyckoff_prototypes,
)
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

KNOWN_GROUPS = (213, 221, 225, 227, 229)
"""The groups told apart. Source: Jeong et al., RSC Adv. 14 (2024) 18489."""

OTHER_GROUPS = (198, 205, 216, 217, 223, 230)
"""Cubic groups that serve as unknown ones. Source: our choice, those with prototypes in the AFLOW library."""

DRAWN = {**dict.fromkeys(KNOWN_GROUPS, 100), **dict.fromkeys(OTHER_GROUPS, 40)}
"""Random fillings drawn for each group at most. Source: our choice; ten times what AFLOW lists."""

SEED = 20261205
"""Seed of the fillings of the table; another one gives other topologies under the same names."""

WYCKOFF_PROTOTYPES = 344
"""Fillings of all groups that `wyckoff.wyckoff_prototypes` lists."""

FIRST_NUMBER = 1000
"""Number in the name of a group's first filling, above those that `wyckoff.wyckoff_prototypes` has taken."""

LARGEST_FAMILY = 3
"""Fillings of one family at most, so that no family fills a list. Source: our choice."""

TRIES = 600
"""Draws without a new filling after which a group counts as exhausted."""

TOLERANCES_ANGSTROM = (1e-3, 1e-2)
"""Tolerances at which spglib must find the group. Source: the finer finds symmetry that coordinates miss by rounding,
the coarser symmetry that is broken too little to be seen (0.01 Å moves phases at 2 1/Å by 7 degrees)."""

LEAST_CONTRAST = 5e-3
"""Superlattice contrast below which a crystal does not show its group. Source: our choice; where
a fundamental spot has a thousand electrons it leaves five. FeCo and CuZn lie below, NiAl above."""

ADDED_TYPES = (
    ("A3B2_cP20_213_d_c", 213, 6.94, "Ru c 0.0636 0.0636 0.0636; Mg d 0.2022 0.4522 1/8"),
    ("A2BC3_cP24_213_c_a_d", 213, 6.866, "Al c 0.0636 0.0636 0.0636; C a 3/8 3/8 3/8; Mo d 0.2022 0.4522 1/8"),
    ("A2B_cP12_213_c_b", 213, 6.535, "Si c 0.5772 0.5772 0.5772; Sr b 7/8 7/8 7/8"),
    ("A6B2C_cF36_225_e_c_a", 225, 9.755, "Cl e 0.24 0 0; K c 1/4 1/4 1/4; Pt a 0 0 0"),
    ("AB6C2D_cF40_225_a_e_c_b", 225, 8.122, "Al a 0 0 0; F e 0.219 0 0; K c 1/4 1/4 1/4; Na b 1/2 0 0"),
    ("A4B_cI10_229_c_a", 229, 6.186, "Hg c 1/4 1/4 1/4; Pt a 0 0 0"),
)
"""Types that the list of AFLOW lacks: Mg3Ru2, Mo3Al2C, SrSi2 (the hand of 213), K2PtCl6, elpasolite, PtHg4; lattice
parameters in Å. Source: coordinates of the first two as in beta-Mn, the rest from memory of the literature, to be
checked; they only shape a virtual crystal, whose lattice parameter comes from radii."""


@cache
def listed_prototypes(space_group: int) -> tuple[Prototype, ...]:
    """Structure types of nature: those of AFLOW with this group, then those of `ADDED_TYPES`."""
    _check_group(space_group)
    added = {name for name, *_ in ADDED_TYPES}
    everything = cubic_prototypes() + tuple(prototype for prototype in _table() if prototype.name in added)
    return tuple(prototype for prototype in everything if prototype.space_group == space_group)


@cache
def filled_prototypes(space_group: int) -> tuple[Prototype, ...]:
    """Random fillings of Wyckoff positions of this group: those of `wyckoff_prototypes`, then its own.

    The latter are what `draw_group_prototypes` once gave. Of the former those are left out that do not show their
    group.

    Raises:
        InputError: a group that is not in `DRAWN`.
    """
    _check_group(space_group)
    drawn = tuple(prototype for prototype in _table() if prototype.name.startswith("W"))
    return tuple(
        prototype
        for prototype in _earlier(space_group) + drawn
        if prototype.space_group == space_group and (prototype in drawn or _shows_group(prototype))
    )


def _earlier(space_group: int) -> tuple[Prototype, ...]:
    listed = wyckoff_prototypes(WYCKOFF_PROTOTYPES)
    return tuple(prototype for prototype in listed if prototype.space_group == space_group)


def _shows_group(prototype: Prototype) -> bool:
    """Whether the template has its group at both tolerances, and contrast enough to show it."""
    crystal = decorate(prototype, {symbol: symbol for symbol in prototype.elements})
    return has_group(crystal, prototype.space_group) and superlattice_contrast(crystal) >= LEAST_CONTRAST


@cache
def _table() -> tuple[Prototype, ...]:
    return read_prototypes("group_prototypes.csv")


def _check_group(space_group: int) -> None:
    if space_group not in DRAWN:
        raise InputError(f"space_group = {space_group}: one of {', '.join(map(str, DRAWN))} is needed")


def draw_group_prototypes(space_group: int, count: int, seed: int = SEED) -> Iterator[Prototype]:
    """Draw up to `count` random fillings of one group, some twenty a second; a longer list begins with the shorter one.

    Each has one to four elements on one to six orbits and at most 60 atoms, is no listed prototype, none of
    `wyckoff_prototypes` and none before it, shows its group at both `TOLERANCES_ANGSTROM` and by `LEAST_CONTRAST`. A
    family (see `family`) comes at most `LARGEST_FAMILY` times. Fewer are drawn where the group has no more to give.

    Raises:
        InputError: a group that is not in `DRAWN`.
    """
    _check_group(space_group)
    known = {fingerprint(prototype) for prototype in cubic_prototypes() + _earlier(space_group)}
    families: Counter[str] = Counter()
    found = missed = 0
    for attempt in itertools.count():
        if found >= count or missed >= TRIES:
            return
        missed += 1
        generator = np.random.default_rng([seed, space_group, attempt])
        candidate = random_filling(space_group, generator, FIRST_NUMBER + found)
        if candidate is None:
            continue
        mark, kin = fingerprint(candidate), family(candidate)
        if mark in known or families[kin] >= LARGEST_FAMILY:
            continue
        if not _shows_group(candidate):
            continue
        known.add(mark)
        families[kin] += 1
        found += 1
        missed = 0
        yield candidate


def table_rows(prototypes: Iterable[Prototype]) -> list[str]:
    """Lines of `group_prototypes.csv` below its head: name, space group, touching lattice parameter [Å], sites."""
    rows = [f"{name},{group},{a},{sites}" for name, group, a, sites in ADDED_TYPES]
    for prototype in prototypes:
        a = prototype.lattice_parameter([site.element for site in prototype.sites])
        sites = "; ".join(
            " ".join([site.element, site.letter, *map(_coordinate, site.position)]) for site in prototype.sites
        )
        rows.append(f"{prototype.name},{prototype.space_group},{a:.4f},{sites}")
    return rows


def _coordinate(value: float) -> str:
    eighths = Fraction(value).limit_denominator(8)
    return str(eighths) if abs(float(eighths) - value) < 1e-9 else f"{value:.6f}".rstrip("0")


def has_group(structure: Structure, space_group: int) -> bool:
    """Whether spglib finds this group, and no smaller cell, at both `TOLERANCES_ANGSTROM`."""
    symbols = [str(species) for species in structure.species]
    kinds = [symbols.index(symbol) for symbol in symbols]
    cell: Any = (basis(structure), structure.frac_coords, kinds)
    for tolerance in TOLERANCES_ANGSTROM:
        found = spglib.get_symmetry_dataset(cell, symprec=tolerance)
        if found is None or found.number != space_group or len(found.std_types) != len(kinds):
            return False
    return True


@cache
def family(prototype: Prototype) -> str:
    """What a prototype fills, whatever the coordinates: group and letters of each element, "225 a|b" for halite.

    Letters that another choice of origin or axes exchanges are one: fluorite is "225 a|c" with calcium on a or on b.
    Prototypes of one family can look alike; a set of unseen prototypes must not share a family with training.
    """
    symbols = prototype.elements
    kinds = [[site.letter for site in prototype.sites if site.element == symbol] for symbol in symbols]
    written = [
        "|".join(sorted("".join(sorted(change[letter] for letter in kind)) for kind in kinds))
        for change in _exchanges(prototype.space_group)
    ]
    return f"{prototype.space_group} {min(written)}"


@cache
def _exchanges(space_group: int) -> tuple[dict[str, str], ...]:
    """How the letters of a group change under the motions that map its symmetry onto itself (Euclidean normaliser).

    Motions are the identity, the inversion and the exchange of x and y, with shifts by quarters of the axes.
    """
    rotations, translations = operations(space_group)
    listed = _rows(rotations, translations)
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    changes: dict[tuple[str, ...], dict[str, str]] = {}
    for matrix in (np.eye(3), -np.eye(3), swap, -swap):
        turned = matrix @ rotations @ np.linalg.inv(matrix)
        for quarters in itertools.product(range(4), repeat=3):
            shift = np.array(quarters) / 4
            if _rows(turned, translations @ matrix.T + shift - turned @ shift) != listed:
                continue
            change = {
                position.letter: _letter(space_group, matrix @ _general(position) + shift, position)
                for position in wyckoff_positions(space_group)
            }
            changes[tuple(change.values())] = change
    return tuple(changes.values())


def _rows(rotations: Array, translations: Array) -> set[tuple[int, ...]]:
    """Operations as whole numbers, translations in twenty-fourths of an axis: equal sets are equal groups."""
    whole = np.round(np.concatenate([rotations.reshape(-1, 9), 24 * translations % 24], axis=1)).astype(int)
    whole[:, 9:] %= 24
    return set(map(tuple, whole.tolist()))


def _general(position: WyckoffPosition) -> Array:
    """A point of the position for parameters that are nothing special."""
    return np.array(position.at(np.array([0.0713, 0.1831, 0.3570])))


def _letter(space_group: int, point: Array, alike: WyckoffPosition) -> str:
    """Letter of the position that holds a point, among those with the multiplicity and the freedom of `alike`."""
    rotations, translations = operations(space_group)
    images = np.unique(np.round(rotations @ point + translations, 9) % 1.0, axis=0)
    cells = np.array(list(itertools.product(range(-2, 3), repeat=3)), dtype=float)
    freedom = np.linalg.matrix_rank(np.array(alike.free))
    for position in wyckoff_positions(space_group):
        free = np.array(position.free)
        if position.multiplicity != alike.multiplicity or np.linalg.matrix_rank(free) != freedom:
            continue
        across = np.eye(3) - free @ np.linalg.pinv(free)
        misfit = (images - np.array(position.base))[:, None] + cells
        if np.abs(misfit @ across.T).max(axis=2).min() < 1e-6:
            return position.letter
    raise InputError(f"space_group = {space_group}: no Wyckoff position holds {point.tolist()}")
