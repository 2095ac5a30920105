"""An endless list of cubic crystals: prototypes in turn, each with other elements every time."""

from __future__ import annotations

from functools import cache

import numpy as np
from pymatgen.core import Structure

from zoneaxis.crystals.element_families import ELEMENTS, substitute
from zoneaxis.crystals.prototypes import Prototype, cubic_prototypes, decorate, needed_volume
from zoneaxis.crystals.wyckoff import wyckoff_prototypes
from zoneaxis.errors import InputError

WYCKOFF_TOPOLOGIES = 64
"""Random Wyckoff fillings beside the 56 prototypes of AFLOW unless another number is asked for. Source: our choice, 120
topologies in all."""

SMALLEST_A_ANGSTROM, LARGEST_A_ANGSTROM = 3.0, 10.0
"""Range of the lattice parameter in Å. Source: our choice; a picture of 12 Å shows more than one cell of each."""

LOOSEST = 5.0
"""Largest cell over the room that its atoms need. Source: our choice; solid nitrogen has 2.8."""

ATTEMPTS = 200
"""Draws of elements like those of the template, and then of any elements, before a repetition is taken."""

SCATTER_ATTEMPTS = 20
"""Draws of scatter before it is left out where it carries the lattice parameter out of range."""


@cache
def cubic_topologies(wyckoff_topologies: int = WYCKOFF_TOPOLOGIES) -> tuple[Prototype, ...]:
    """The prototypes of the list: those of AFLOW, then `wyckoff_topologies` random fillings of Wyckoff positions."""
    return cubic_prototypes() + wyckoff_prototypes(wyckoff_topologies)


def cubic_structure(number: int, seed: int = 0, *, wyckoff_topologies: int = WYCKOFF_TOPOLOGIES) -> Structure:
    """The crystal with this number in the list that belongs to the seed.

    The list runs through all N topologies in an order of its own, again and again, so the first n crystals hold each
    of them n / N times, give or take one. A topology takes other elements each time as long as there are any that fit.
    The same number and seed give the same crystal, whatever was asked before.

    Args:
        number: place in the list, from 0.
        seed: which list.
        wyckoff_topologies: random Wyckoff fillings in the list beside the prototypes of AFLOW.

    Returns:
        Conventional cubic cell with a = 3 to 10 Å and at most 60 atoms, B = 0.5 Å² on all sites, and the properties
        that `prototypes.decorate` gives; `prototype` is the topology.

    Raises:
        InputError: a negative number or seed, more Wyckoff fillings than are listed.
    """
    for name, value in (("number", number), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} = {value}: a whole number from 0 is needed")
    topologies = cubic_topologies(wyckoff_topologies)
    turn, place = divmod(number, len(topologies))
    order = np.random.default_rng([seed, 0, turn]).permutation(len(topologies))
    topology = int(order[place])
    prototype = topologies[topology]

    earlier = _drawn(prototype.name, seed)
    while len(earlier) <= turn:
        generator = np.random.default_rng([seed, 1, topology, len(earlier)])
        earlier.append(_elements(prototype, generator, earlier))
    structure = _scattered(prototype, earlier[turn], np.random.default_rng([seed, 2, topology, turn]))
    structure.properties["source"] = f"number {number} of cubic list {seed}"
    return structure


@cache
def _drawn(prototype: str, seed: int) -> list[tuple[str, ...]]:
    """Elements of a topology in the turns so far: a list that grows, always in the same order."""
    return []


def _elements(prototype: Prototype, generator: np.random.Generator, earlier: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Elements like those of the template, in their order, that give a sensible lattice parameter and are new.

    Where nothing alike is left, any elements are taken that fit, and at last some that came before.
    """
    fitting: tuple[str, ...] | None = None
    for attempt in range(2 * ATTEMPTS):
        if attempt < ATTEMPTS:
            drawn = tuple(substitute(symbol, generator) for symbol in prototype.elements)
        else:
            drawn = tuple(ELEMENTS[int(generator.integers(len(ELEMENTS)))] for _ in prototype.elements)
        if len(set(drawn)) < len(drawn) or not _fits(prototype, drawn):
            continue
        if drawn not in earlier:
            return drawn
        fitting = fitting or drawn
    if fitting is None:
        raise InputError(f"prototype {prototype.name}: no elements found that give a = 3 to 10 Å")
    return fitting


def _fits(prototype: Prototype, elements: tuple[str, ...]) -> bool:
    """Whether the lattice parameter is in range and the crystal not far too open."""
    chosen = dict(zip(prototype.elements, elements, strict=True))
    of_sites = [chosen[site.element] for site in prototype.sites]
    a = prototype.lattice_parameter(of_sites)
    in_range = SMALLEST_A_ANGSTROM <= a <= LARGEST_A_ANGSTROM
    return in_range and a**3 <= LOOSEST * needed_volume(of_sites, prototype.multiplicities)


def _scattered(prototype: Prototype, elements: tuple[str, ...], generator: np.random.Generator) -> Structure:
    """The decorated prototype with scatter that keeps the lattice parameter in range."""
    chosen = dict(zip(prototype.elements, elements, strict=True))
    for _ in range(SCATTER_ATTEMPTS):
        structure = decorate(prototype, chosen, generator=generator)
        if SMALLEST_A_ANGSTROM <= structure.lattice.a <= LARGEST_A_ANGSTROM:
            return structure
    return decorate(prototype, chosen)
