"""Sites: which of the simple cubic lattices a cell is, and where its interstices lie."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

GRID = 48
"""Lattice coordinates are compared on this grid: multiples of 1/48 of a cell. Source: positions of the lattices below
and their interstices are multiples of 1/4, origins of the library multiples of 1/8; other sites are rounded alike."""

FACES = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
BODY = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))
LATTICES: dict[str, Array] = {
    "fcc": np.array(FACES),
    "bcc": np.array(BODY),
    "diamond": np.array([*FACES, *(np.array(FACES) + 0.25)]),
}
"""Sites of the conventional cells. Source: International Tables A, groups 225 (4a), 229 (2a), 227 (8a)."""


def _shifted(places: Sequence[Sequence[float]], shifts: Sequence[Sequence[float]]) -> Array:
    return np.array([np.add(place, shift) % 1.0 for place in places for shift in shifts])


INTERSTICES: dict[tuple[str, str], Array] = {
    ("fcc", "octahedral"): _shifted([(0.5, 0.5, 0.5)], FACES),
    ("fcc", "tetrahedral"): _shifted([(0.25, 0.25, 0.25), (0.75, 0.75, 0.75)], FACES),
    ("bcc", "octahedral"): _shifted([(0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)], BODY),
    ("bcc", "tetrahedral"): _shifted(
        [place for x in (0.25, 0.75) for place in ((0.5, x, 0.0), (x, 0.0, 0.5), (0.0, 0.5, x))], BODY
    ),
    ("diamond", "tetrahedral"): _shifted([(0.5, 0.5, 0.5), (0.75, 0.75, 0.75)], FACES),
}
"""Interstices relative to the first site. Source: International Tables A: 225 (4b, 8c), 229 (6b, 12d), 227 (8b)."""


def lattice_type(sites: ArrayLike) -> str | None:
    """fcc, bcc or diamond when the sites (n, 3, fractional) are that lattice, whatever stands on them; else None.

    The origin is free: the sites are taken relative to the first.
    """
    given = np.asarray(sites, dtype=np.float64).reshape(-1, 3)
    relative = grid_set(given - given[0])
    for name, lattice in LATTICES.items():
        if len(lattice) == len(given) and any(relative == grid_set(lattice - site) for site in lattice):
            return name
    return None


def interstices(sites: ArrayLike, site: str | Sequence[float]) -> Array:
    """Fractional interstices (m, 3) of one cell.

    Args:
        sites: fractional sites (n, 3) of the cell.
        site: "tetrahedral" or "octahedral" for fcc, bcc and diamond lattices, or one place as three fractions.

    Raises InputError for a name that the lattice does not have, or three numbers that are not finite.
    """
    given = np.asarray(sites, dtype=np.float64).reshape(-1, 3)
    if not isinstance(site, str):
        place = np.asarray(site, dtype=np.float64)
        if place.shape != (3,) or not np.isfinite(place).all():
            raise InputError(f"site = {site!r}: expected tetrahedral, octahedral or three fractions of the cell")
        return place[None] % 1.0
    lattice = lattice_type(given)
    known = [name for kind, name in INTERSTICES if kind == lattice]
    if lattice is None or site not in known:
        allowed = ", ".join(known) + " or " if known else ""
        raise InputError(
            f"site = {site!r}: expected {allowed}three fractions (lattice: {lattice or 'none of fcc, bcc, diamond'})"
        )
    first = given[0]
    if lattice == "diamond":
        # The first site may be of either sublattice: the other one must lie at +1/4 of it, or everything is inverted.
        plus = grid_set(given - first) == grid_set(LATTICES["diamond"])
        return (first + (1 if plus else -1) * INTERSTICES[lattice, site]) % 1.0
    return (first + INTERSTICES[lattice, site]) % 1.0


def grid_set(places: ArrayLike) -> set[tuple[int, ...]]:
    """Places as whole numbers of 1/48 of a cell, folded into the cell."""
    return {tuple(row) for row in (np.rint(np.asarray(places) * GRID).astype(int) % GRID).tolist()}


def cubic_operations(tetrahedral: bool = False) -> Array:
    """The 48 operations of m-3m as (48, 3, 3) signed permutations, or the 24 of -43m. v' = R @ v.

    Source: International Tables A, table 10.1.2.2; -43m holds those whose signs multiply to +1.
    """
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            if tetrahedral and np.prod(signs) < 0:
                continue
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            found.append(matrix)
    return np.array(found)
