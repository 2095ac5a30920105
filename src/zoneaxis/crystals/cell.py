"""The cell of a crystal: Cartesian axes, reciprocal axes, and the symmetry that spglib finds in it."""

from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

SYMMETRY_TOLERANCE_A = 0.01
"""Largest misfit, in Å, between an atom and its symmetry image. Source: ten times the rounding of a four-digit
fractional coordinate in a 10 Å cell; spglib's own default (1e-5) refuses published coordinates such as 0.3333."""


def cell_basis(lengths_a: tuple[float, float, float], angles_deg: tuple[float, float, float]) -> Array:
    """Cell vectors in the Cartesian frame of the crystal: a along x, c* along z (so b lies in the xy plane).

    Lengths (a, b, c) in Å and angles (alpha, beta, gamma) in degrees give a (3, 3) array with rows a, b, c in Å.
    A cell with three right angles gives a diagonal matrix. Source: derived in docs/theory/cell.md.
    """
    a, b, c = lengths_a
    # Rounded to 1e-15 so that right angles are exact.
    cos_alpha, cos_beta, cos_gamma = np.round(np.cos(np.deg2rad(angles_deg)), 15)
    sin_gamma = np.sqrt(1 - cos_gamma**2)
    c_y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    c_z = np.sqrt(1 - cos_beta**2 - c_y**2)
    return np.array(
        [[a, 0, 0], [b * cos_gamma, b * sin_gamma, 0], [c * cos_beta, c * c_y, c * c_z]],
        dtype=float,
    )


def basis(structure: Structure) -> Array:
    """Rows a, b, c in Å, a along x and c* along z, from the six cell parameters.

    The matrix inside the `Structure` may be turned against this one: directions, reciprocal vectors and master patterns
    of this package always refer to the frame given here. Cartesian = fractional @ basis.
    """
    return cell_basis(structure.lattice.abc, structure.lattice.angles)


def reciprocal_basis(structure: Structure) -> Array:
    """Rows a*, b*, c* in 1/Å without the factor 2 pi, so that basis @ reciprocal_basis.T is one and |g| = 1/d."""
    return np.asarray(np.linalg.inv(basis(structure)).T, dtype=np.float64)


def space_group(structure: Structure) -> int:
    """Space-group number (1 to 230) of the atoms as they lie, found by spglib, not read from a label.

    Sites are alike when they hold the same elements in the same shares and have the same Debye-Waller factor.
    """
    return int(_symmetry(structure).number)


def point_group(structure: Structure) -> Array:
    """Point group of the crystal as (m, 3, 3) Cartesian matrices acting on column vectors, v' = R @ v.

    These are the rotation parts of the space group of the structure in the setting given; the identity comes first.
    """
    return _cartesian(structure, _unique_rotations(structure))


def laue_group(structure: Structure) -> Array:
    """Point group with the inversion added, (m, 3, 3) Cartesian matrices: the symmetry of a kinematical pattern.

    Equal to the point group when the crystal has a centre.
    """
    rotations = _unique_rotations(structure)
    if not _holds_inversion(rotations):
        rotations = np.concatenate([rotations, -rotations])
    return _cartesian(structure, rotations)


def centring_translations(structure: Structure) -> Array:
    """Fractional translations (k, 3) that map the structure onto itself; (0, 0, 0) is first, alone in a primitive cell.

    Reflections h with h·t not an integer for one of them are extinct.
    """
    symmetry = _symmetry(structure)
    pure = np.all(symmetry.rotations == np.eye(3, dtype=int), axis=(1, 2))
    translations = np.round(symmetry.translations[pure] * 24) / 24
    # A supercell may hold translations that are no multiples of 1/24: keep those as found.
    translations = np.where(
        np.abs(translations - symmetry.translations[pure]) < 1e-3, translations, symmetry.translations[pure]
    )
    translations = translations % 1.0
    return translations[np.argsort(np.linalg.norm(translations, axis=1), kind="stable")]


def is_centrosymmetric(structure: Structure) -> bool:
    """Whether the crystal has an inversion centre, wherever it lies."""
    return _holds_inversion(_symmetry(structure).rotations)


def origin_on_centre(structure: Structure) -> bool:
    """Whether an inversion centre lies at the origin: then all structure factors without absorption are real."""
    return is_centrosymmetric(structure) and bool(np.all(_centre_nearest_origin(structure) == 0))


def centre_origin(structure: Structure) -> Structure:
    """Copy of the structure with the nearest inversion centre moved to the origin; the crystal itself is unchanged.

    A structure that has a centre at its origin comes back as it is. Raises `InputError` when there is no centre.
    """
    if not is_centrosymmetric(structure):
        name = structure.properties.get("name", structure.composition.reduced_formula)
        raise InputError(
            f"{name} (space group {space_group(structure)}) has no inversion centre; keep complex structure factors"
        )
    moved = structure.copy()
    centre = _centre_nearest_origin(structure)
    if np.any(centre != 0):
        moved.translate_sites(range(len(moved)), -centre, frac_coords=True, to_unit_cell=True)
    return moved


def _centre_nearest_origin(structure: Structure) -> Array:
    """Fractional coordinates of the inversion centre nearest the origin; exactly zero when it is there (in tolerance).

    An operation x -> t - x has its centre at t/2. Every atom i with image j says t = x_i + x_j; their mean is used.
    """
    symmetry = _symmetry(structure)
    inversions = np.all(symmetry.rotations == -np.eye(3, dtype=int), axis=(1, 2))
    translations = symmetry.translations[inversions]
    translations = translations - np.round(translations)
    lengths = np.linalg.norm(translations @ basis(structure), axis=1)
    translation = translations[np.argmin(lengths)]
    if lengths.min() < 2 * SYMMETRY_TOLERANCE_A:
        return np.zeros(3)
    positions = structure.frac_coords
    misfit = positions[:, None] + positions[None, :] - translation
    misfit -= np.round(misfit)
    alike = _site_types(structure)
    distance = np.linalg.norm(misfit @ basis(structure), axis=2)
    image = np.where(np.equal.outer(alike, alike), distance, np.inf).argmin(axis=1)
    return (translation + misfit[np.arange(len(image)), image].mean(axis=0)) / 2


def _symmetry(structure: Structure) -> Any:
    """Symmetry data set of spglib, with every distinct site occupation treated as an element of its own."""
    cell: Any = (basis(structure), structure.frac_coords, _site_types(structure))
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE_A)
    except Exception as error:  # spglib raises its own classes, which differ between versions
        raise InputError(f"no space group found for {structure.composition.reduced_formula}: {error}") from error
    if found is None:
        raise InputError(f"no space group found for {structure.composition.reduced_formula}: do atoms overlap?")
    return found


def _site_types(structure: Structure) -> NDArray[np.int64]:
    """One number for every site, the same for sites of the same composition and Debye-Waller factor."""
    b_iso = structure.site_properties.get("b_iso", [0.0] * len(structure))
    occupations = [
        (tuple(sorted((str(element), round(share, 4)) for element, share in site.species.items())), round(float(b), 4))
        for site, b in zip(structure, b_iso, strict=True)
    ]
    kinds = {occupation: number for number, occupation in enumerate(dict.fromkeys(occupations), start=1)}
    return np.array([kinds[occupation] for occupation in occupations])


def _unique_rotations(structure: Structure) -> NDArray[np.int64]:
    """Rotation parts in the basis of the cell, each once, in the order in which spglib lists them (identity first)."""
    rotations = np.asarray(_symmetry(structure).rotations, dtype=np.int64)
    _, first = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
    return rotations[np.sort(first)]


def _holds_inversion(rotations: NDArray[Any]) -> bool:
    return bool(np.any(np.all(rotations == -np.eye(3, dtype=int), axis=(1, 2))))


def _cartesian(structure: Structure, rotations: NDArray[np.int64]) -> Array:
    """Matrices W that act on fractional columns, as A W A^-1 with the cell vectors in the columns of A."""
    columns = basis(structure).T
    return columns @ rotations @ np.linalg.inv(columns)
