"""Zones: the plane nets that cubic lattices show along low-index axes, in units of 1/a."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.extinction import ExtinctionClass, extinction_class

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Axis = tuple[int, int, int]

STANDARD_ZONES: tuple[Axis, ...] = (
    (0, 0, 1),
    (0, 1, 1),
    (1, 1, 1),
    (0, 1, 2),
    (1, 1, 2),
    (1, 2, 2),
    (0, 1, 3),
    (1, 1, 3),
    (0, 2, 3),
    (1, 2, 3),
    (1, 3, 3),
    (2, 2, 3),
    (2, 3, 3),
    (0, 1, 4),
    (1, 1, 4),
    (1, 2, 4),
)
"""Axes [uvw] of the standard triangle with indices up to 3, and 014, 114, 124. Source: Jeong et al.,
RSC Adv. 14 (2024) 18489, who use 16 axes from [001] to [233]; their last three are to be checked."""

NET_REACH = 4.0
"""The net of a zone is spanned by the allowed reflections up to this multiple of the shortest.
Source: our choice; farther ones are weak in a thin crystal."""

SECOND_REACH = 1.5
"""And up to this multiple of the shortest one across it, which long nets such as [014] need. Source: our choice."""

LARGEST_ZONE_INDEX = 12
"""Of a zone axis; the search for its reflections takes the square of it. Source: our choice."""


@dataclass(frozen=True)
class ZoneNet:
    """The net of allowed reflections that a zone shows.

    Attributes:
        zone: [uvw].
        basis_hkl: (2, 3) the two shortest vectors that span the net of allowed reflections.
        gram: (2, 2) their scalar products in units of 1/a^2, so that gram / a^2 is what a picture shows.
        index: number of nodes of the primitive cubic lattice for every node of this net.
        complete: whether every node of the net is allowed; False where a rule such as h00: h = 4n takes single nodes.
    """

    zone: Axis
    basis_hkl: Whole
    gram: Array
    index: int
    complete: bool


def reduced(basis: NDArray[Any]) -> NDArray[Any]:
    """Two shortest vectors (rows) of the plane net that two rows span, at 60 to 90 degrees, first the shorter one.

    Rows may hold 2 or 3 components and stay whole numbers when they are. Source: Lagrange's reduction of a plane form.
    """
    first, second = np.array(basis[0]), np.array(basis[1])
    for _ in range(64):
        if second @ second < first @ first:
            first, second = second, first
        turns = np.rint((first @ second) / (first @ first)).astype(int)
        if turns == 0:
            break
        second = second - turns * first
    if first @ second < 0:
        second = -second
    return np.stack([first, second])


@cache
def zone_net(rule: str | int, zone: Axis) -> ZoneNet:
    """The net that an extinction class shows along an axis.

    Args:
        rule: name of an extinction class, or a cubic space group.
        zone: [uvw], coprime or not.

    Raises:
        InputError: an axis that is no triple of whole numbers up to 12, not all zero; an unknown class.
    """
    entry = extinction_class(rule)
    plane = primitive_basis(zone)
    nodes = np.array([pair for pair in itertools.product(range(-12, 13), repeat=2) if any(pair)])
    hkl = nodes @ plane
    length2 = (hkl**2).sum(1)
    allowed = entry.allowed(hkl)
    shortest = hkl[allowed][np.argmin(length2[allowed])]
    across = allowed & np.cross(hkl, shortest).any(1)
    reach2 = max(NET_REACH**2 * int(shortest @ shortest), SECOND_REACH**2 * int(length2[across].min()))
    inside = length2 <= reach2
    spanned = _spanned(nodes[allowed & inside])
    basis = reduced(spanned @ plane)
    on_net = np.abs(_fractions(nodes, spanned)).max(1) < 1e-6
    return ZoneNet(
        zone=zone,
        basis_hkl=basis,
        gram=(basis @ basis.T).astype(float),
        index=round(abs(float(np.linalg.det(spanned)))),
        complete=bool(allowed[inside & on_net].all()),
    )


@cache
def primitive_basis(zone: Axis) -> Whole:
    """Two shortest (hkl) (2, 3) with h u + k v + l w = 0 that span all of them.

    Raises:
        InputError: an axis that is no triple of whole numbers up to 12, not all zero.
    """
    axis = np.asarray(zone)
    whole = axis.shape == (3,) and bool(np.equal(axis, np.round(axis)).all()) and bool(axis.any())
    if not whole or np.abs(axis).max() > LARGEST_ZONE_INDEX:
        raise InputError(f"zone = {zone!r}: expected three whole numbers u, v, w up to {LARGEST_ZONE_INDEX}, not all 0")
    axis = axis.astype(np.int64) // int(np.gcd.reduce(axis.astype(np.int64)))
    reach = range(-int(np.abs(axis).max()) - 1, int(np.abs(axis).max()) + 2)
    hkl = np.array([t for t in itertools.product(reach, repeat=3) if any(t) and int(np.dot(t, axis)) == 0])
    hkl = hkl[np.argsort((hkl**2).sum(1), kind="stable")]
    first = hkl[0]
    for second in hkl[1:]:
        # Two vectors span the plane lattice when their cross product is the axis itself.
        if np.array_equal(np.abs(np.cross(first, second)), np.abs(axis)):
            return reduced(np.stack([first, second]))
    raise InputError(f"zone = {zone!r}: no basis found")


def nets(rules: Sequence[ExtinctionClass], zones: Sequence[Axis]) -> list[tuple[ExtinctionClass, ZoneNet]]:
    """All pairs of class and zone with their nets."""
    return [(entry, zone_net(entry.name, zone)) for entry in rules for zone in zones]


def _spanned(nodes: Whole) -> Whole:
    """A basis (2, 2) of the lattice that whole vectors span, by Euclid's steps on rows."""
    top = np.zeros(2, dtype=np.int64)
    rest = 0
    for row in nodes:
        row = row.copy()
        while row[0]:
            top, row = row, top - (top[0] // row[0]) * row
        rest = int(np.gcd(rest, abs(int(row[1]))))
        if rest:
            top = np.array([top[0], top[1] % rest])
    return np.array([[top[0], top[1]], [0, rest]])


def _fractions(nodes: Whole, basis: Whole) -> Array:
    parts = nodes @ np.linalg.inv(basis.astype(float))
    return np.asarray(parts - np.round(parts))
