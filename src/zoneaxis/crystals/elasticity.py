"""Elasticity: stiffness of cubic crystals, and the strain that a stress along a direction brings with it.

Voigt order 11, 22, 33, 23, 13, 12; engineering shear strains (twice the tensor component). Stiffness in GPa.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Pairs of axes behind the six Voigt numbers. Source: as in Nye, Physical Properties of Crystals."""
LARGEST_STRAIN = 0.3
"""Our choice: beyond it linear elasticity says nothing, and no crystal of the list stays a crystal."""
LARGEST_SHEAR_RAD = 0.5
"""Our choice, as for `LARGEST_STRAIN`."""


def materials() -> list[str]:
    """Names of the crystals whose elastic constants are in the table."""
    return list(_table())


def constants(name: str) -> dict[str, Any]:
    """Row of the table: c11, c12, c44 in GPa at room temperature, source; checked is False where it was not read.

    Raises InputError for a name that is not in the table.
    """
    table = _table()
    if name not in table:
        raise InputError(f"material = {name!r}: no elastic constants in the table; there are {', '.join(table)}")
    return dict(table[name])


def stiffness_of(element: str) -> Array:
    """Stiffness (6, 6) in GPa of a cubic crystal of the table, in its cubic axes. Raises as `constants`."""
    row = constants(element)
    return cubic_stiffness(row["c11"], row["c12"], row["c44"])


def cubic_stiffness(c11: float, c12: float, c44: float) -> Array:
    """Stiffness (6, 6) of a cubic crystal in its cubic axes, from three constants in one unit (GPa).

    Limit: 2 c44 = c11 - c12 is an isotropic body. Raises InputError for an unstable crystal (c44 <= 0, c11 <= |c12|
    or c11 + 2 c12 <= 0). Source: Nye, Physical Properties of Crystals, ch. 8.
    """
    if not all(np.isfinite([c11, c12, c44])) or not (c44 > 0 and c11 > abs(c12) and c11 + 2 * c12 > 0):
        raise InputError(f"c11, c12, c44 = {c11}, {c12}, {c44}: expected c44 > 0, c11 > |c12| and c11 + 2 c12 > 0")
    stiffness = np.full((6, 6), 0.0)
    stiffness[:3, :3] = c12
    stiffness[range(3), range(3)] = c11
    stiffness[range(3, 6), range(3, 6)] = c44
    return stiffness


def full_tensor(stiffness: ArrayLike) -> Array:
    """The same stiffness as C_ijkl, (3, 3, 3, 3), from its Voigt form (6, 6). Raises as `checked_stiffness`."""
    voigt = checked_stiffness(stiffness)
    number = np.zeros((3, 3), dtype=int)
    for place, (i, j) in enumerate(VOIGT):
        number[i, j] = number[j, i] = place
    return voigt[number[:, :, None, None], number[None, None, :, :]]


def rotated(stiffness: ArrayLike, rotation: ArrayLike) -> Array:
    """Stiffness (6, 6) seen in other axes.

    Args:
        stiffness: (6, 6) in the old axes.
        rotation: (3, 3), rows are the new axes in the old ones, so that v_new = rotation @ v_old.

    Limits: the identity changes nothing; an isotropic body looks the same from everywhere.
    Raises InputError for a matrix that is no proper or improper rotation.
    """
    turn = np.asarray(rotation, dtype=np.float64)
    if turn.shape != (3, 3) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6):
        raise InputError("rotation: expected a (3, 3) orthogonal matrix whose rows are the new axes")
    tensor = np.einsum("ai,bj,ck,dl,ijkl->abcd", turn, turn, turn, turn, full_tensor(stiffness), optimize=True)
    return np.array([[tensor[i, j, k, m] for k, m in VOIGT] for i, j in VOIGT])


def uniaxial_strain(stiffness: ArrayLike, direction: Sequence[float] | Array, strain: float) -> Array:
    """Strain tensor (3, 3) of a bar pulled along a direction, its sides free of stress.

    A positive strain is an extension. The strain along the direction is the given one; what happens across it follows
    from S = C^-1 with the stress sigma n n^T. Along a direction of low symmetry shear strains appear as well.

    Args:
        stiffness: (6, 6) in the frame of the specimen.
        direction: Cartesian, in that frame; its length does not matter. In a cubic crystal [uvw] itself.
        strain: n.e.n, dimensionless, within ±0.3.

    Limits: along [100] of a cubic crystal the sides contract by strain c12/(c11 + c12); in an isotropic body by
    Poisson's ratio. Raises InputError for a zero direction or a strain out of range.
    Source: Hooke's law; Nye, Physical Properties of Crystals, ch. 8.
    """
    along = np.asarray(direction, dtype=np.float64)
    if along.shape != (3,) or not np.isfinite(along).all() or np.linalg.norm(along) == 0:
        raise InputError(f"direction = {direction!r}: expected three finite numbers, not all zero")
    if not np.isfinite(strain) or abs(strain) > LARGEST_STRAIN:
        raise InputError(f"strain = {strain}: expected -{LARGEST_STRAIN} to {LARGEST_STRAIN}")
    n = along / np.linalg.norm(along)
    stress = np.array([n[i] * n[j] for i, j in VOIGT])
    answer = np.linalg.solve(checked_stiffness(stiffness), stress)
    tensor = np.zeros((3, 3))
    for place, (i, j) in enumerate(VOIGT):
        tensor[i, j] = tensor[j, i] = answer[place] if place < 3 else answer[place] / 2
    return tensor * (strain / (n @ tensor @ n))


def shear_strain(gamma_rad: float, plane_axes: tuple[int, int] = (0, 1)) -> Array:
    """Strain tensor (3, 3) of a pure shear: the right angle between two axes closes by gamma.

    Convention: symmetric, gamma/2 in both off-diagonal places, so nothing turns; the angle between the two axes becomes
    pi/2 - 2 atan(gamma/2) (88.28 degrees at 0.03). Positive gamma closes the angle, negative gamma opens it.

    Args:
        gamma_rad: engineering shear strain, within ±0.5.
        plane_axes: numbers of the two Cartesian axes; (0, 1) is the a-b plane of a cubic crystal.

    Raises InputError for a shear out of range or axes that are not two different numbers from 0 to 2.
    """
    if not np.isfinite(gamma_rad) or abs(gamma_rad) > LARGEST_SHEAR_RAD:
        raise InputError(f"gamma_rad = {gamma_rad}: expected -{LARGEST_SHEAR_RAD} to {LARGEST_SHEAR_RAD}")
    if len(set(plane_axes)) != 2 or not set(plane_axes) <= {0, 1, 2}:
        raise InputError(f"plane_axes = {plane_axes!r}: expected two different axes out of 0, 1, 2")
    tensor = np.zeros((3, 3))
    first, second = plane_axes
    tensor[first, second] = tensor[second, first] = gamma_rad / 2
    return tensor


def checked_stiffness(stiffness: ArrayLike) -> Array:
    """The stiffness as a (6, 6) array. Raises InputError unless it is symmetric and positive definite."""
    voigt = np.asarray(stiffness, dtype=np.float64)
    if voigt.shape != (6, 6) or not np.isfinite(voigt).all() or not np.allclose(voigt, voigt.T, rtol=1e-9, atol=1e-9):
        raise InputError("stiffness: expected a symmetric (6, 6) matrix of finite numbers, Voigt order, GPa")
    if np.linalg.eigvalsh(voigt).min() <= 0:
        raise InputError("stiffness: not positive definite; expected the stiffness of a stable crystal")
    return voigt


@cache
def _table() -> dict[str, dict[str, Any]]:
    text = files("zoneaxis.crystals").joinpath("elastic_constants.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
