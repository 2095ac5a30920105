"""Slip systems: which Burgers vector glides on which plane, and the frame of the edge dislocation that does it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

SMALLEST_BURGERS = 1e-3
"""Of a cell edge; below it a Burgers vector is no lattice vector of any crystal. Our choice."""


@dataclass(frozen=True)
class SlipSystem:
    """Burgers vector and glide plane of an edge dislocation, in the axes of the cell.

    Raises InputError when the Burgers vector does not lie in the plane, or one of them is zero or no triple.

    Attributes:
        name: of the crystal or system.
        burgers: fractions of a, b, c, such as (1/2, 1/2, 0).
        plane: (hkl) of the glide plane; its normal points to the side of the extra half-plane.
    """

    name: str
    burgers: tuple[float, float, float]
    plane: tuple[int, int, int]

    def __post_init__(self) -> None:
        burgers, plane = np.asarray(self.burgers, dtype=float), np.asarray(self.plane, dtype=float)
        if burgers.shape != (3,) or not np.isfinite(burgers).all() or np.abs(burgers).max() < SMALLEST_BURGERS:
            raise InputError(f"burgers = {self.burgers}: expected three fractions of the cell, not all zero")
        if np.abs(burgers * 12 - np.round(burgers * 12)).max() > 1e-6:
            raise InputError(f"burgers = {self.burgers}: expected multiples of 1/12 of the cell edges")
        if plane.shape != (3,) or not np.equal(plane, np.round(plane)).all() or not plane.any():
            raise InputError(f"plane = {self.plane}: expected three whole numbers h, k, l, not all zero")
        if abs(burgers @ plane) > 1e-9:
            raise InputError(
                f"burgers = {self.burgers}: does not lie in the plane {self.plane}; h u + k v + l w must be 0"
            )

    @property
    def line(self) -> tuple[int, int, int]:
        """[uvw] of the edge's line in a cubic cell, b x n: (1/2, 1/2, 0) on (1 -1 1) gives [1 -1 -2]."""
        whole = np.round(np.cross(np.asarray(self.burgers) * 12, self.plane)).astype(int)
        return _triple(whole // np.gcd.reduce(whole))

    def frame(self, unit_cell: ArrayLike) -> Array:
        """(3, 3) rows x || b, y || n, z = x × y along the line: unit vectors in the crystal frame.

        unit_cell: (3, 3) rows a, b, c [Å], strained or not.
        """
        cell = np.asarray(unit_cell, dtype=np.float64)
        x = self.burgers_vector(cell)
        x = x / np.linalg.norm(x)
        y = np.asarray(self.plane) @ np.linalg.inv(cell).T
        y = y / np.linalg.norm(y)
        return np.stack([x, y, np.cross(x, y)])

    def burgers_vector(self, unit_cell: ArrayLike) -> Array:
        """(3,) in the crystal frame [Å]."""
        return np.asarray(np.asarray(self.burgers) @ np.asarray(unit_cell, dtype=np.float64), dtype=np.float64)

    def g_dot_b(self, hkl: ArrayLike) -> Array:
        """g.b for reflections (..., 3): a whole number for a lattice vector b.

        At 0 the jump of the displacement across the cut cannot be seen in that reflection; what is left is the smooth
        part of the field along n, and nothing at all where g also lies along the line of an isotropic edge.
        """
        return np.asarray(np.asarray(hkl) @ np.asarray(self.burgers), dtype=np.float64)

    def variants(self) -> list[SlipSystem]:
        """All systems that the 48 operations of a cubic crystal make of this one, itself first: 12 for fcc and bcc.

        A system and the one with b or n reversed count once.
        """
        found: dict[tuple[tuple[float, ...], ...], SlipSystem] = {}
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1, -1), repeat=3):
                burgers = tuple(float(sign * self.burgers[axis]) + 0.0 for sign, axis in zip(signs, order, strict=True))
                plane = _triple([sign * self.plane[axis] for sign, axis in zip(signs, order, strict=True)])
                key = (_unsigned(burgers), _unsigned(plane))
                found.setdefault(key, SlipSystem(self.name, (burgers[0], burgers[1], burgers[2]), plane))
        return list(found.values())


SLIP_SYSTEMS = {
    "fcc": SlipSystem("fcc", (0.5, 0.5, 0.0), (1, -1, 1)),
    "bcc": SlipSystem("bcc", (0.5, 0.5, 0.5), (1, -1, 0)),
    "bcc-112": SlipSystem("bcc-112", (0.5, 0.5, 0.5), (1, 1, -2)),
    "diamond": SlipSystem("diamond", (0.5, 0.5, 0.0), (1, -1, 1)),
    "rock-salt": SlipSystem("rock-salt", (0.5, 0.5, 0.0), (1, -1, 0)),
    "caesium-chloride": SlipSystem("caesium-chloride", (1.0, 0.0, 0.0), (0, 1, 1)),
    "primitive": SlipSystem("primitive", (1.0, 0.0, 0.0), (0, 1, 0)),
}
"""One system of each kind; `variants` gives the others. Source: Hirth and Lothe, Theory of Dislocations, 1982, chapters
9 to 11; fcc with line [1 -1 -2] as the glide plane demands. The last, b = a[100] on (010), is our choice for
any crystal whose only sure lattice translations are the cell's own."""


def slip_system(name: str | SlipSystem) -> SlipSystem:
    """A slip system by name, or the given one. Raises InputError for an unknown name."""
    if isinstance(name, SlipSystem):
        return name
    if name not in SLIP_SYSTEMS:
        raise InputError(f"slip_system = {name!r}: expected one of {', '.join(SLIP_SYSTEMS)}, or a SlipSystem")
    return SLIP_SYSTEMS[name]


def _triple(values: ArrayLike) -> tuple[int, int, int]:
    first, second, third = (int(value) for value in np.asarray(values))
    return first, second, third


def _unsigned(values: tuple[float, ...]) -> tuple[float, ...]:
    """The triple or its negative, whichever has a positive first number other than zero."""
    sign = next((1 if value > 0 else -1 for value in values if value), 1)
    return tuple(round(sign * value, 9) + 0.0 for value in values)
