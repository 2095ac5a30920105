"""Layers: where the atoms of a specimen lie along the normal of a lattice plane, whatever moves them a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.specimen import unit_cell
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

HIGHEST_ORDER = 4
"""Of a reflection nh nk nl that is tried. Our choice: cubic centrings and the rock-salt stacking need at most 2."""
SMALLEST_SHARE = 0.1
"""Of the atoms that must scatter in phase for an order to count as layered. Our choice: heat at 300 K leaves 0.5 or
more, 4000 atoms at random 0.02."""


@dataclass(frozen=True)
class Layers:
    """Equal layers of a crystal along a plane normal.

    Attributes:
        normal: (3,) unit vector in the crystal frame.
        height_angstrom: of one layer's centre of weight, along the normal from the origin.
        spacing_angstrom: from one layer to the next; in diamond a layer of {111} is the pair of close planes.
        half_gap_angstrom: from the middle between two layers to the atoms nearest to it, in the median over the atoms.
    """

    normal: Array
    height_angstrom: float
    spacing_angstrom: float
    half_gap_angstrom: float

    def nearest(self, height_angstrom: float, *, between: bool = False) -> float:
        """Height of the layer nearest a height, or of the middle of the gap nearest to it [Å]."""
        start = self.height_angstrom + (self.spacing_angstrom / 2 if between else 0.0)
        steps = np.round((height_angstrom - start) / self.spacing_angstrom)
        return float(start + steps * self.spacing_angstrom)


def plane_normal(atoms: Atoms, hkl: Sequence[int]) -> tuple[Array, float]:
    """Unit normal (3,) of lattice planes (hkl) in the crystal frame, and their spacing [Å].

    Raises InputError for (hkl) that is no triple of whole numbers, or (0, 0, 0).
    """
    indices = np.asarray(hkl, dtype=np.float64)
    if indices.shape != (3,) or not np.equal(indices, np.round(indices)).all() or not indices.any():
        raise InputError(f"plane = {list(hkl)}: expected three whole numbers h, k, l, not all zero")
    reciprocal = indices @ np.linalg.inv(unit_cell(atoms)).T
    length = float(np.linalg.norm(reciprocal))
    return reciprocal / length, 1 / length


def layers(atoms: Atoms, hkl: Sequence[int], positions_angstrom: Array | None = None) -> Layers:
    """Layers of the atoms along the normal of (hkl), by their positions or by others given for them, (n, 3) in Å.

    The phase of sum exp(2 pi i n g.r) over all atoms tells the height, for the lowest order n in which a tenth of them
    scatter together; displacements by heat, vacancies and dislocations lower the sum and leave its phase. When no order
    does, the lattice spacing itself is given, with a layer at the height the phase of order one tells.

    Raises InputError for (hkl) as `plane_normal` does, and for a specimen without atoms.
    """
    if len(atoms) == 0:
        raise InputError("atoms: expected a specimen with atoms in it")
    normal, spacing = plane_normal(atoms, hkl)
    heights = (atoms.positions if positions_angstrom is None else positions_angstrom) @ normal
    orders = np.arange(1, HIGHEST_ORDER + 1)
    sums = np.array([np.exp(2j * np.pi * order / spacing * heights).mean() for order in orders])
    layered = np.abs(sums) > SMALLEST_SHARE
    best = int(np.argmax(layered)) if layered.any() else 0
    spacing = spacing / int(orders[best])
    height = float(np.angle(sums[best]) / (2 * np.pi) * spacing)
    from_layer = (heights - height) / spacing
    from_gap = 0.5 - np.abs(from_layer - np.round(from_layer))
    return Layers(normal, height, spacing, float(np.median(from_gap) * spacing))
