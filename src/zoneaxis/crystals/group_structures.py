"""Endless lists of crystals of one cubic space group, each of which shows that group."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache

import numpy as np
from pymatgen.core import Structure

from zoneaxis.crystals.cubic_structures import LARGEST_A_ANGSTROM, LOOSEST, SMALLEST_A_ANGSTROM
from zoneaxis.crystals.element_families import ELEMENTS, substitute
from zoneaxis.crystals.group_prototypes import (
    DRAWN,
    LEAST_CONTRAST,
    family,
    filled_prototypes,
    has_group,
    listed_prototypes,
)
from zoneaxis.crystals.prototypes import Prototype, decorate, needed_volume
from zoneaxis.crystals.superlattice import superlattice_contrast
from zoneaxis.errors import InputError

__all__ = ["group_structure", "group_structures", "superlattice_contrast"]

TURNS: dict[str, tuple[str, ...]] = {
    "aflow": ("elemental", "listed", "listed", "listed"),
    "wyckoff": ("filled",),
    "both": ("elemental", "filled", "listed", "filled", "listed", "filled", "listed", "filled"),
}
"""Kinds of prototype in turn. Source: our choice; half of the crystals of "both" are of types that nature has, and an
eighth are elements, since the classes are best known by them."""

ATTEMPTS = 150
"""Draws of elements like those of the template, then of any elements, then of a repetition."""

Key = tuple[str, int, frozenset[str], float]


def group_structures(
    space_group: int,
    count: int,
    seed: int = 0,
    *,
    prototypes: str = "both",
    exclude_elements: Collection[str] = (),
    exclude_prototypes: Collection[str] = (),
    least_contrast: float = LEAST_CONTRAST,
) -> list[Structure]:
    """The first `count` crystals of the list of `group_structure`, which says what the arguments mean.

    A longer list begins with the shorter one.

    Raises:
        InputError: as `group_structure`, or a negative count.
    """
    if count < 0:
        raise InputError(f"count = {count}: a whole number from 0 is needed")
    return [
        group_structure(
            space_group,
            number,
            seed,
            prototypes=prototypes,
            exclude_elements=exclude_elements,
            exclude_prototypes=exclude_prototypes,
            least_contrast=least_contrast,
        )
        for number in range(count)
    ]


def group_structure(
    space_group: int,
    number: int,
    seed: int = 0,
    *,
    prototypes: str = "both",
    exclude_elements: Collection[str] = (),
    exclude_prototypes: Collection[str] = (),
    least_contrast: float = LEAST_CONTRAST,
) -> Structure:
    """The crystal with this number in the list of a group.

    Prototypes come in turn, in an order of their own each time round, and take other elements every time as long as
    some fit (elements of one kind alone any of them, the others those like the template's). Free coordinates and the
    lattice parameter scatter as in `prototypes.decorate`. Every crystal is held against spglib at 1e-3 and 1e-2 Å and
    must show its group by `superlattice_contrast`. The same arguments give the same crystal, whatever was asked before.

    Args:
        space_group: 213, 221, 225, 227, 229, or one of the unknown ones: 198, 205, 216, 217, 223, 230.
        number: place in the list, from 0.
        seed: which list.
        prototypes: "aflow" (types of nature, a quarter of them elements), "wyckoff" (random fillings) or "both".
        exclude_elements: elements that no crystal holds.
        exclude_prototypes: names of prototypes or of families (`group_prototypes.family`) that are left out.
        least_contrast: smallest superlattice contrast.

    Returns:
        Conventional cubic cell, a = 3 to 10 Å, at most 60 atoms, B = 0.5 Å² on all sites; properties are those of
        `prototypes.decorate`, with family and superlattice_contrast.

    Limits: 213 has one elemental type (beta-Mn) and three others; 230 none listed, so its "aflow" list is refused.

    Raises:
        InputError: an unknown group, kind, element or prototype, a negative number or seed, or nothing left to draw.
    """
    for name, value in (("number", number), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} = {value}: a whole number from 0 is needed")
    if not 0.0 <= least_contrast < 1.0:
        raise InputError(f"least_contrast = {least_contrast}: 0 up to 1 (not reached) is needed")
    excluded_elements, excluded = _excluded(exclude_elements, exclude_prototypes)
    pools = _pools(space_group, prototypes, excluded)
    turns = [kind for kind in TURNS[prototypes] if pools[kind]]
    if not turns:
        raise InputError(f"prototypes = {prototypes}: none is left of group {space_group}")
    cycle, place = divmod(number, len(turns))
    kind = turns[place]
    among = cycle * turns.count(kind) + turns[:place].count(kind)
    turn, slot = divmod(among, len(pools[kind]))
    order = np.random.default_rng([seed, space_group, list(pools).index(kind), turn]).permutation(len(pools[kind]))
    prototype = pools[kind][int(order[slot])]

    key = (prototype.name, seed, excluded_elements, least_contrast)
    earlier = _drawn(key)
    while len(earlier) <= turn:
        earlier.append(_crystal(prototype, key, len(earlier), {_chemistry(crystal) for crystal in earlier}))
    crystal = earlier[turn].copy()
    source = f"number {number} of the list of group {space_group}, seed {seed}, {prototypes}"
    crystal.properties = {**earlier[turn].properties, "source": source}
    return crystal


def _excluded(elements: Collection[str], prototypes: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    for name, values in (("exclude_elements", elements), ("exclude_prototypes", prototypes)):
        if isinstance(values, str):
            raise InputError(f"{name} = {values!r}: a list of names is needed")
    strange = sorted(set(elements) - set(ELEMENTS))
    if strange:
        raise InputError(f"exclude_elements = {', '.join(strange)}: a decoration uses {', '.join(ELEMENTS)}")
    unknown = sorted(set(prototypes) - _known_names()) if prototypes else []
    if unknown:
        raise InputError(f"exclude_prototypes = {', '.join(unknown)}: no prototype or family of these groups")
    return frozenset(elements), frozenset(prototypes)


@cache
def _known_names() -> frozenset[str]:
    everything = [prototype for group in DRAWN for prototype in listed_prototypes(group) + filled_prototypes(group)]
    return frozenset(prototype.name for prototype in everything) | frozenset(map(family, everything))


@cache
def _pools(space_group: int, prototypes: str, excluded: frozenset[str]) -> dict[str, tuple[Prototype, ...]]:
    """Prototypes of each kind that are not excluded."""
    if prototypes not in TURNS:
        raise InputError(f"prototypes = {prototypes!r}: one of {', '.join(TURNS)} is needed")

    def left(pool: Iterable[Prototype]) -> tuple[Prototype, ...]:
        return tuple(item for item in pool if item.name not in excluded and family(item) not in excluded)

    listed = listed_prototypes(space_group)
    return {
        "elemental": left(prototype for prototype in listed if len(prototype.elements) == 1),
        "listed": left(prototype for prototype in listed if len(prototype.elements) > 1),
        "filled": left(filled_prototypes(space_group)),
    }


@cache
def _drawn(key: Key) -> list[Structure]:
    """Crystals of a prototype so far: a list that grows, always in the same order."""
    return []


def _chemistry(crystal: Structure) -> tuple[str, ...]:
    """Elements in the order of the sites, each once."""
    return tuple(dict.fromkeys(str(species) for species in crystal.species))


def _crystal(prototype: Prototype, key: Key, turn: int, earlier: set[tuple[str, ...]]) -> Structure:
    """A crystal of the prototype with elements that are new if any are left."""
    _, seed, excluded, least_contrast = key
    generator = np.random.default_rng([seed, turn, *prototype.name.encode()])
    allowed = [element for element in ELEMENTS if element not in excluded]
    if len(prototype.elements) == 1:
        # Any element stands for an elemental type; all are tried once in random order.
        tries = [(element,) for element in generator.permutation(allowed).tolist()]
        candidates: Iterable[tuple[str, ...]] = [one for one in tries if one not in earlier] + tries
    else:
        candidates = _candidates(prototype, allowed, generator, earlier)
    for elements in candidates:
        crystal = _shown(prototype, elements, generator, least_contrast)
        if crystal is not None:
            return crystal
    raise InputError(f"prototype {prototype.name}: no elements give a = 3 to 10 Å and show the group; exclude it")


def _candidates(
    prototype: Prototype, allowed: list[str], generator: np.random.Generator, earlier: set[tuple[str, ...]]
) -> Iterable[tuple[str, ...]]:
    """Elements for the template's: alike and new, then any that are new, then any alike."""
    for stage in range(3):
        for _ in range(ATTEMPTS):
            if stage == 1:
                drawn = tuple(str(element) for element in generator.choice(allowed, len(prototype.elements)))
            else:
                drawn = tuple(substitute(symbol, generator) for symbol in prototype.elements)
            if len(set(drawn)) == len(drawn) and set(drawn) <= set(allowed) and (stage == 2 or drawn not in earlier):
                yield drawn


def _shown(
    prototype: Prototype, elements: tuple[str, ...], generator: np.random.Generator, least_contrast: float
) -> Structure | None:
    """The decorated prototype with scatter, or None where it is out of range or does not show its group."""
    chosen = dict(zip(prototype.elements, elements, strict=True))
    of_sites = [chosen[site.element] for site in prototype.sites]
    a = prototype.lattice_parameter(of_sites)
    if a**3 > LOOSEST * needed_volume(of_sites, prototype.multiplicities):
        return None
    if not SMALLEST_A_ANGSTROM <= a <= LARGEST_A_ANGSTROM:
        return None
    crystal = decorate(prototype, chosen, generator=generator)
    if not SMALLEST_A_ANGSTROM <= crystal.lattice.a <= LARGEST_A_ANGSTROM:
        return None
    contrast = superlattice_contrast(crystal)
    if contrast < least_contrast or not has_group(crystal, prototype.space_group):
        return None
    crystal.properties |= {"family": family(prototype), "superlattice_contrast": contrast}
    return crystal
