"""Strain: a crystal or a specimen deformed evenly, r' = (1 + e) r."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.crystals.cell import basis, cell_basis, space_group
from zoneaxis.crystals.elasticity import LARGEST_STRAIN
from zoneaxis.crystals.specimen import details, recorded, with_details
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Array = NDArray[np.float64]

SYMMETRY_ROUNDING = 1e-9
"""Largest difference of e_ij and e_ji. Source: rounding of a tensor that was computed in double precision."""


def strained(atoms: Atoms, strain: ArrayLike) -> Atoms:
    """The specimen deformed evenly about the origin: r' = (1 + e) r, for atoms and lattice alike.

    Frame: that of the positions; it does not turn with the lattice, so [uvw] and hkl are those of the new `unit_cell`
    in the same frame. A reciprocal vector becomes (1 + e)^-T g. Strains applied one after the other multiply.

    Args:
        atoms: the specimen.
        strain: (3, 3) symmetric, dimensionless; extension is positive, shear places hold gamma/2.

    Limits: zero changes nothing but the history. Raises InputError for a tensor that is not symmetric, not finite or
    has a principal strain beyond ±0.3. Source: docs/theory/spots.md.
    """
    growth = np.eye(3) + checked_strain(strain)
    known = details(atoms)
    known["unit_cell"] = (np.asarray(known["unit_cell"]) @ growth.T).tolist()
    result = with_details(atoms, known)
    result.set_cell(atoms.cell.array @ growth.T, scale_atoms=False)
    result.set_positions(atoms.get_positions() @ growth.T)
    return recorded(result, "strained", tensor=(growth - np.eye(3)).tolist())


def strained_structure(structure: Structure, strain: ArrayLike) -> Structure:
    """The crystal deformed evenly: the same fractional sites in a deformed cell.

    Frame: the lattice matrix of the result is that of `cell.basis` again (a along x, c* along z), as everywhere in this
    package. The deformed axes (1 + e) a stand in the old frame and are turned against it: `deformation_frame` gives the
    turn. Elements, shares and `b_iso` stay; `properties["space_group"]` is found anew with the tolerance of
    `cell.space_group` (0.01 Å: a strain below about 0.2 % of a small cell is not noticed by it).

    Args: structure; strain (3, 3) as in `strained`, in the crystal frame. Raises as `strained`.
    """
    from pymatgen.core import Lattice

    deformed = Lattice(_deformed_axes(structure, strain))
    result = structure.copy()
    result.lattice = Lattice(cell_basis(deformed.abc, deformed.angles))
    result.properties = dict(structure.properties)
    result.properties["space_group"] = space_group(result)
    return result


def deformation_frame(structure: Structure, strain: ArrayLike) -> Array:
    """Turn (3, 3) from the old crystal frame into that of the strained crystal: v_new = frame @ v_old.

    Rows are the axes of the new crystal frame in the old one. A deformed axis (1 + e) a of the old frame becomes the
    axis a of `basis(strained_structure(...))`. Limits: the identity for strains that keep a along x and c* along z,
    such as extensions along the axes of an orthogonal cell. Raises as `strained`.
    """
    deformed = _deformed_axes(structure, strain)
    new = basis(strained_structure(structure, strain))
    return np.asarray(new.T @ np.linalg.inv(deformed.T), dtype=np.float64)


def checked_strain(strain: ArrayLike) -> Array:
    """The strain as a (3, 3) array. Raises InputError unless symmetric, finite, principal strains within ±0.3."""
    tensor = np.asarray(strain, dtype=np.float64)
    if tensor.shape != (3, 3) or not np.isfinite(tensor).all():
        raise InputError("strain: expected a (3, 3) tensor of finite numbers")
    if np.abs(tensor - tensor.T).max() > SYMMETRY_ROUNDING:
        raise InputError("strain: not symmetric; expected e_ij = e_ji (gamma/2 in both places, no rotation)")
    largest = float(np.abs(np.linalg.eigvalsh(tensor)).max())
    if largest > LARGEST_STRAIN:
        raise InputError(f"strain: principal strain {largest:g}; expected -{LARGEST_STRAIN} to {LARGEST_STRAIN}")
    return tensor


def _deformed_axes(structure: Structure, strain: ArrayLike) -> Array:
    return np.asarray(basis(structure) @ (np.eye(3) + checked_strain(strain)).T, dtype=np.float64)
