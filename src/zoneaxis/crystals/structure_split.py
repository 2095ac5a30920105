"""Which crystals train, which validate, and which hold an unseen chemistry or an unseen structure type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core import Structure

from zoneaxis.errors import InputError

PARTS = ("training", "validation", "unseen_chemistry", "unseen_prototype")

SHARES: dict[str, dict[str, float]] = {
    "chemistry": {"training": 0.7, "validation": 0.1, "unseen_chemistry": 0.2, "unseen_prototype": 0.0},
    "prototype": {"training": 0.7, "validation": 0.1, "unseen_chemistry": 0.0, "unseen_prototype": 0.2},
    "both": {"training": 0.6, "validation": 0.1, "unseen_chemistry": 0.15, "unseen_prototype": 0.15},
}
"""Shares of the crystals of each space group unless others are given. Source: our choice."""

HELD_OUT_ELEMENTS = ("Al", "Fe")
"""Elements whose crystals of one element are always unseen: their defects are the test. Source: Jeong et al., RSC Adv.
14 (2024) 18489, tests on Al and Fe."""


def split(
    structures: Sequence[Structure],
    by: str = "both",
    *,
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
) -> dict[str, list[int]]:
    """Divide crystals into training, validation, unseen chemistry and unseen prototype, without a leak.

    Inside each space group whole families of prototypes (or prototypes, where a crystal names no family) are drawn for
    "unseen_prototype", from listed and from randomly filled types alike; what is left is dealt out by chemical system
    inside a family, so that no part shares one with another. By "prototype" validation too takes whole families. Types
    of one element stay out of "unseen_prototype": without other elements of the type, copper for Al, nothing on Al and
    Fe can be learned. Al and Fe themselves, as elements, are always in "unseen_chemistry".

    Args:
        structures: crystals with properties prototype and space_group, and family where known.
        by: "chemistry" (no unseen_prototype), "prototype" (unseen_chemistry holds Al and Fe alone) or "both".
        seed: order in which keys are dealt out.
        shares: share of each part, summing to 1; `SHARES[by]` when None. Met as far as whole keys allow.

    Returns:
        For each part the places of its crystals in `structures`, rising. A part may be empty where keys are few.

    Raises:
        InputError: an unknown `by` or part, shares that are negative or do not sum to 1, a crystal without the
            properties, or fewer keys than leave training something in a group.
    """
    if by not in SHARES:
        raise InputError(f"by = {by!r}: one of {', '.join(SHARES)} is needed")
    wanted = dict.fromkeys(PARTS, 0.0) | dict(SHARES[by] if shares is None else shares)
    if set(wanted) - set(PARTS) or min(wanted.values()) < 0 or abs(sum(wanted.values()) - 1.0) > 1e-6:
        raise InputError(f"shares = {wanted}: parts {', '.join(PARTS)} with shares from 0 that sum to 1 are needed")
    never = {"chemistry": "unseen_prototype", "prototype": "unseen_chemistry"}.get(by)
    if never and wanted[never] > 0:
        raise InputError(f"shares = {wanted}: by = {by} allows no share of {never}")
    if seed < 0:
        raise InputError(f"seed = {seed}: a whole number from 0 is needed")
    groups = [_property(crystal, "space_group", place) for place, crystal in enumerate(structures)]
    families = [family_of(crystal, place) for place, crystal in enumerate(structures)]
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for group in sorted(set(groups)):
        members = [place for place, found in enumerate(groups) if found == group]
        generator = np.random.default_rng([seed, int(group)])
        for part, places in _of_group(structures, families, members, by, wanted, generator).items():
            parts[part] += places
        if wanted["training"] > 0 and not set(members) & set(parts["training"]):
            raise InputError(f"space group {group}: {len(members)} crystals have too few keys by {by} to train on any")
    parts = {part: sorted(places) for part, places in parts.items()}
    assert_no_shared_crystal(structures, parts)
    return parts


def assert_no_shared_crystal(structures: Sequence[Structure], parts: Mapping[str, Sequence[int]]) -> None:
    """Raise InputError when two parts share a chemical system inside a family, or an unseen family is seen elsewhere.

    Args:
        structures, parts: as `split` takes and gives them. Al or Fe in training or validation, or a
            crystal listed twice, is refused too.
    """
    seen: dict[tuple[str, str], str] = {}
    homes: dict[str, set[str]] = {}
    for part, places in parts.items():
        for place in places:
            crystal = structures[place]
            kin, system = family_of(crystal, place), crystal.chemical_system
            other = seen.setdefault((kin, system), part)
            if other != part:
                raise InputError(f"split leaks: {system} of {kin} is in {other} and in {part}")
            homes.setdefault(kin, set()).add(part)
            if is_held_out(crystal) and part in ("training", "validation"):
                raise InputError(f"split leaks: {system} of {kin} is in {part}, but must stay unseen")
    for kin, where in homes.items():
        if "unseen_prototype" in where and len(where) > 1:
            raise InputError(f"split leaks: {kin} is in {' and in '.join(sorted(where))}")
    places = [place for chosen in parts.values() for place in chosen]
    if len(places) > len(set(places)):
        raise InputError("split leaks: a crystal is listed twice")


def is_held_out(structure: Structure) -> bool:
    """Whether a crystal is Al or Fe as an element, in whatever structure."""
    return structure.chemical_system in HELD_OUT_ELEMENTS


def family_of(structure: Structure, place: int = 0) -> str:
    """Family of the crystal's prototype, or the prototype where no family is named; `place` is for the message."""
    return str(structure.properties.get("family") or _property(structure, "prototype", place))


def _property(structure: Structure, name: str, place: int) -> str:
    if name not in structure.properties:
        raise InputError(f"structure {place} ({structure.composition.reduced_formula}) has no property {name!r}")
    return str(structure.properties[name])


def _of_group(
    structures: Sequence[Structure],
    families: Sequence[str],
    members: Sequence[int],
    by: str,
    wanted: Mapping[str, float],
    generator: np.random.Generator,
) -> dict[str, list[int]]:
    """The places of one space group by part."""
    held = [place for place in members if is_held_out(structures[place])]
    parts: dict[str, list[int]] = {part: [] for part in PARTS} | {"unseen_chemistry": held}
    rest = [place for place in members if place not in held]
    if by != "chemistry":
        elemental = {families[place] for place in members if len(structures[place].composition) == 1}
        unseen = wanted["unseen_prototype"]
        validation = wanted["validation"] if by == "prototype" else 0.0
        quotas = {"training": 1.0 - unseen - validation, "validation": validation, "unseen_prototype": unseen}
        listed = {families[place] for place in members if not _is_filling(structures[place])}
        for nature in (True, False):
            stratum = [place for place in rest if (families[place] in listed) == nature]
            known = [place for place in stratum if families[place] in elemental]
            keys = {place: families[place] for place in stratum if place not in known}
            for part, places in _dealt(keys, {"training": known}, quotas, generator).items():
                parts[part] += places
        if by == "prototype":
            return parts
        rest, parts["training"] = parts["training"], []
    total = 1.0 - wanted["unseen_prototype"]
    quotas = {part: wanted[part] / total for part in PARTS[:3]} if total > 0 else {"training": 1.0}
    keys = {place: f"{families[place]} {structures[place].chemical_system}" for place in rest}
    for part, places in _dealt(keys, {}, quotas, generator).items():
        parts[part] += places
    return parts


def _dealt(
    keys: Mapping[int, str], start: Mapping[str, list[int]], quotas: Mapping[str, float], generator: np.random.Generator
) -> dict[str, list[int]]:
    """Places dealt out by key: each, in random order, to the part that lacks most, and every part gets one if it can.

    Args: keys: {place: key}; start: what parts hold beforehand; quotas: share of each part, summing to 1.
    """
    dealt = {part: list(start.get(part, [])) for part, share in quotas.items() if share > 0}
    total = len(keys) + sum(map(len, start.values()))
    names = generator.permutation(sorted(set(keys.values()))).tolist()
    for position, name in enumerate(names):
        empty = [part for part, places in dealt.items() if not places]
        among = empty if len(names) - position <= len(empty) else list(dealt)
        part = max(among, key=lambda one: quotas[one] * total - len(dealt[one]))
        dealt[part] += [place for place, key in keys.items() if key == name]
    return dealt


def _is_filling(structure: Structure) -> bool:
    """Whether the prototype is a random filling of Wyckoff positions, named "W225-ac-1003"."""
    return str(structure.properties.get("prototype", "")).startswith("W")
