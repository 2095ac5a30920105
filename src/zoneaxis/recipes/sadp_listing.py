"""The list of a SADP data set: its crystals by part, its specimens, and the patterns of each.

The sets of a plan are dealt out evenly along the list, so that its beginning is a small data set of all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis import crystals
from zoneaxis.crystals.group_structures import group_structure
from zoneaxis.crystals.structure_split import PARTS, split
from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp import NAMED, UNKNOWN, PatternSet, Plan

if TYPE_CHECKING:
    from pymatgen.core import Structure

Whole = NDArray[np.int64]
Progress = Callable[[str, int, int], None]

DEAL = 2
"""Stream of random numbers of the order of zones; 0 and 1 are those of specimens and patterns."""


def _place(plan: Plan, number: int) -> tuple[int, int, int, str, str]:
    """Group, number in its list, seed, kind of prototypes and library name of a crystal of the plan."""
    known, unknown = plan.count * len(plan.groups), plan.unknown_count * len(plan.unknown_groups)
    if number < known:
        return plan.groups[number // plan.count], number % plan.count, plan.seed, plan.prototypes, ""
    if number < known + unknown:
        rest = number - known
        kind = "wyckoff" if plan.unknown_groups[rest // plan.unknown_count] == 230 else plan.prototypes
        return plan.unknown_groups[rest // plan.unknown_count], rest % plan.unknown_count, plan.seed, kind, ""
    return 0, 0, 0, "", plan.crystals[number - known - unknown]


def crystal_of(plan: Plan, number: int) -> Structure:
    """The crystal of a plan with this number: groups in turn, then unknown groups, then named ones."""
    return _crystal(*_place(plan, number))


@lru_cache(maxsize=512)
def _crystal(group: int, number: int, seed: int, prototypes: str, name: str) -> Structure:
    if name:
        found = crystals.load(name)
        found.properties = {"name": name, "space_group": crystals.space_group(found), **(found.properties or {})}
        return found
    return group_structure(group, number, seed, prototypes=prototypes)


def listed(plan: Plan, progress: Progress | None = None) -> tuple[tuple[str, ...], Whole, Whole]:
    """Make the crystals of a plan, divide them, and list its specimens and patterns; some twenty crystals a second.

    Returns:
        Part of each crystal by its number; specimens (n, 5): set, crystal, draw, family (-1: to be drawn), step of its
        strength; patterns (m, 3): specimen, zone, combination of voltage and camera length (-1: to be drawn).

    Raises:
        InputError: a set that no crystal fits, a named crystal that is in training too, and what `split` and
            `group_structure` raise.
    """
    known, unknown = plan.count * len(plan.groups), plan.unknown_count * len(plan.unknown_groups)
    total = known + unknown + len(plan.crystals)
    structures = []
    for number in range(total):
        structures.append(crystal_of(plan, number))
        if progress is not None and (number + 1) % 50 == 0:
            progress("crystals", number + 1, total)
    divided = split(structures[:known], plan.by, seed=plan.seed, shares=plan.shares)
    parts = [""] * known + [UNKNOWN] * unknown + [NAMED] * len(plan.crystals)
    for part in PARTS:
        for place in divided[part]:
            parts[place] = part
    _refuse_seen(structures, parts)
    rows, keys, sizes = [], [], []
    for number, one in enumerate(plan.sets):
        members = _members(plan, one, structures, parts)
        found = _specimens(number, one, members, structures)
        if not found:
            raise InputError(f"[set.{one.name}]: no crystal of {', '.join(one.parts)} fits; expected at least one")
        rows += found
        keys += [(place + 0.5) / len(found) for place in range(len(found))]
        sizes.append(len(found))
    order = np.argsort(np.array(keys), kind="stable")
    specimens = np.array(rows, dtype=np.int64)[order]
    return tuple(parts), specimens, _patterns(plan, specimens)


def _refuse_seen(structures: list[Structure], parts: list[str]) -> None:
    """A crystal of the library is there to be tested."""
    trained = {
        (crystal.chemical_system, int(crystal.properties["space_group"]))
        for crystal, part in zip(structures, parts, strict=True)
        if part in ("training", "validation")
    }
    for crystal, part in zip(structures, parts, strict=True):
        if part == NAMED and (crystal.chemical_system, int(crystal.properties["space_group"])) in trained:
            name = crystal.properties["name"]
            raise InputError(f"crystals: {name} is in training too; expected Al, Fe or others that are not")


def _members(plan: Plan, one: PatternSet, structures: list[Structure], parts: list[str]) -> list[int]:
    """Crystals of a set, group after group in turn."""
    of_group: dict[int, list[int]] = {}
    for number, (crystal, part) in enumerate(zip(structures, parts, strict=True)):
        group, name = int(crystal.properties["space_group"]), str(crystal.properties["name"])
        wanted = part in one.parts and (not one.groups or group in one.groups)
        if (
            wanted
            and (not one.crystals or name in one.crystals)
            and any(family.fits(crystal) for family in one.families)
        ):
            of_group.setdefault(group, []).append(number)
    ranked = [(rank, number) for held in of_group.values() for rank, number in enumerate(held[: one.structures])]
    return [number for _, number in sorted(ranked)]


def _specimens(number: int, one: PatternSet, members: list[int], structures: list[Structure]) -> list[tuple[int, ...]]:
    if not one.each:
        return [(number, crystal, draw, -1, -1) for draw in range(one.specimens) for crystal in members]
    steps = [(family, step) for family, of in enumerate(one.families) for step in range(len(of.steps))]
    return [
        (number, crystal, draw, family, step)
        for draw, (family, step) in itertools.product(range(one.specimens), steps)
        for crystal in members
        if one.families[family].fits(structures[crystal])
    ]


def _patterns(plan: Plan, specimens: Whole) -> Whole:
    rows = []
    combinations = range(len(plan.combinations)) if plan.combinations else (-1,)
    for number, (of, crystal, draw, family, step) in enumerate(specimens.tolist()):
        count = plan.sets[of].zones or len(plan.zones)
        # One order of zones for all draws of a crystal, so that its draws together meet each zone alike.
        order = np.random.default_rng([plan.seed, DEAL, of, crystal, family + 1, step + 1]).permutation(len(plan.zones))
        dealt = [int(order[(draw * count + place) % len(order)]) for place in range(count)]
        rows += [(number, zone, combination) for zone in sorted(dealt) for combination in combinations]
    return np.array(rows, dtype=np.int64)
