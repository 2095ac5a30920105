"""How strongly the reflections show that tell the lattice of an ordered crystal from a higher one."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import gemmi
import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from zoneaxis.crystals.cell import SYMMETRY_TOLERANCE_A, basis
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

G_MAX_PER_ANGSTROM = 1.0
"""Reflections up to this |g| are compared. Source: our choice; with a = 3 Å this reaches 300, and spots further out are
weak for all lattices alike."""

FINEST_DIVISION = 4
"""Lattices with 1/1 to 1/4 of the lattice parameter are compared. Source: our choice; gamma brasses are bcc
crystals with a third, and a fifth would need 125 atoms."""

SAME_LENGTH = 1e-3
"""Relative difference of cell edges, and of right angles in radian, below which a cell is cubic. Source: our choice, a
tenth of the strain that a pattern shows."""


def superlattice_contrast(structure: Structure, g_max_per_angstrom: float = G_MAX_PER_ANGSTROM) -> float:
    """Mean |F|² of the reflections that betray the crystal's lattice, over that of the fundamentals.

    The crystal is held against higher lattices: simple, body-centred and face-centred ones with 1, 1/2, 1/3 and 1/4 of
    its lattice parameter, and the face-centred one with the d glide of diamond (0kl: k + l = 4n). For each the
    reflections that it forbids but the crystal's own space group allows are averaged, and so are those that both allow.
    The smallest of the ratios is returned: the crystal is taken for that lattice where it cannot be seen.
    For two elements on a CsCl lattice it is near ((fA - fB) / (fA + fB))²: 4e-5 for FeCo,
    0.1 for NiAl.

    Args:
        structure: crystal in a cubic conventional cell; `site_properties["b_iso"]` [Å²] counts where present.
        g_max_per_angstrom: largest |g| = 1/d of the reflections compared.

    Returns:
        The ratio, 0 or more; above one where the crystal is far from every higher lattice (copper). Infinity where
        no lattice compared leaves a reflection of both kinds in the range.

    Limits: kinematical intensities; groups with the same absences (216 and 225) are not told apart by it.

    Raises:
        InputError: a cell that is not cubic, or a range without reflections.

    Source: electron form factors of International Tables C 4.3.2.2, as in gemmi.
    """
    lattice = structure.lattice
    uneven = max(abs(lattice.b / lattice.a - 1.0), abs(lattice.c / lattice.a - 1.0))
    tilted = max(abs(math.radians(angle - 90.0)) for angle in lattice.angles)
    if uneven > SAME_LENGTH or tilted > SAME_LENGTH:
        raise InputError(f"structure = {structure.composition.reduced_formula}: a cubic conventional cell is needed")
    largest = math.floor(g_max_per_angstrom * lattice.a) if math.isfinite(g_max_per_angstrom) else 0
    if largest < 1:
        raise InputError(f"g_max_per_angstrom = {g_max_per_angstrom}: at least 1/a = {1 / lattice.a:.3f} is needed")
    indices = _half_sphere(largest)
    indices = indices[(indices**2).sum(axis=1) <= (g_max_per_angstrom * lattice.a) ** 2]
    indices = indices[~_absent(structure, indices)]
    intensity = _intensities(structure, indices)
    lowest = math.inf
    for forbidden in _forbidden(indices):
        if forbidden.any() and not forbidden.all():
            fundamental = float(intensity[~forbidden].mean())
            if fundamental > 0.0:
                lowest = min(lowest, float(intensity[forbidden].mean()) / fundamental)
    return lowest


@cache
def _half_sphere(largest: int) -> NDArray[np.int64]:
    """Every second hkl with indices up to `largest`: of a Friedel pair the one whose first index not 0 is positive."""
    side = np.arange(-largest, largest + 1)
    grid = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[len(grid) // 2 + 1 :]


def _absent(structure: Structure, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether the own space group forbids hkl: h R = h and h t is not whole for one operation x -> R x + t."""
    kinds = {symbol: number for number, symbol in enumerate(dict.fromkeys(map(str, structure.species)), start=1)}
    cell: Any = (basis(structure), structure.frac_coords, [kinds[str(species)] for species in structure.species])
    found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE_A)
    if found is None:
        raise InputError(f"structure = {structure.composition.reduced_formula}: spglib finds no symmetry")
    identity = np.eye(3, dtype=int)
    moves = np.abs(found.translations - np.round(found.translations)).max(axis=1) > 1e-3
    operations = list(zip(found.rotations[moves], found.translations[moves], strict=True))
    # Centrings first: they forbid most, and what is forbidden need not be asked again.
    operations.sort(key=lambda operation: not np.array_equal(operation[0], identity))
    left = np.arange(len(indices))
    for rotation, translation in operations:
        stays = np.all(indices[left] @ (rotation - identity) == 0, axis=1)
        phase = indices[left] @ translation
        left = left[~(stays & (np.abs(phase - np.round(phase)) > 0.1))]
    absent = np.ones(len(indices), dtype=bool)
    absent[left] = False
    return absent


def _intensities(structure: Structure, indices: NDArray[np.int64]) -> Array:
    """(n,) |F|² in Å² of the reflections (n, 3), kinematical, with the Debye-Waller factors of the sites."""
    squares, inverse = np.unique((indices**2).sum(axis=1), return_inverse=True)
    g_square = squares / structure.lattice.a**2
    b_iso = np.array(structure.site_properties.get("b_iso", [0.0] * len(structure)), dtype=float)
    symbols = np.array([str(species) for species in structure.species])
    total = np.zeros(len(indices), dtype=complex)
    for symbol in dict.fromkeys(symbols.tolist()):
        coefficients = gemmi.Element(symbol).c4322
        factor = np.array([coefficients.calculate_sf(stol2) for stol2 in g_square / 4])
        for disorder in np.unique(b_iso[symbols == symbol]):
            members = (symbols == symbol) & (b_iso == disorder)
            waves = np.exp(2j * np.pi * (indices @ structure.frac_coords[members].T)).sum(axis=1)
            total += (factor * np.exp(-disorder * g_square / 4))[inverse] * waves
    return np.asarray(np.abs(total) ** 2)


def _forbidden(indices: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """For every lattice compared the mask (n,) of the reflections it forbids."""
    masks = []
    for division in range(1, FINEST_DIVISION + 1):
        off = np.any(indices % division != 0, axis=1)
        divided = indices // division
        odd_sum = divided.sum(axis=1) % 2 != 0
        mixed = np.any(divided % 2 != divided[:, :1] % 2, axis=1)
        masks += [off, off | odd_sum, off | mixed]
        if division == 1:
            glide = np.any(indices == 0, axis=1) & (indices.sum(axis=1) % 4 != 0)
            masks.append(mixed | glide)
    return masks
