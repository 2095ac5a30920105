"""Displacement about one straight dislocation: the isotropic edge in closed form, any dislocation by Stroh's roots.

Frame of a dislocation: x, y across the line, z along it. For an edge x || b, y || n (normal of the glide plane) and
z = x × y. The branch cut lies on the glide plane, y = 0 and x < 0: across it the displacement jumps by b, a lattice
vector, so no atom has to be added or removed. Round the line once, right-handed about +z, the displacement grows by +b.
The extra half-plane is at y > 0.

A core of half width w is the sum of dislocations spread over the glide plane with the density (w/pi)/(x^2 + w^2), the
one of Peierls and Nabarro: x + p y becomes x + p y + i w for y >= 0 and x + p y - i w below. The jump is then
b (1/2 - atan(x/w)/pi), nothing diverges, and far away all is as for w = 0. A gap is half the distance of the two atom
layers at the glide plane: the elastic bodies end at these layers, y counts from there, and what lies between has no
thickness. Source: Hirth and Lothe, Theory of Dislocations, 1982, section 8-2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.crystals.elasticity import full_tensor, rotated
from zoneaxis.errors import InputError

Array = NDArray[np.float64]
Field = Callable[[Array], Array]
"""Positions (n, 3) relative to a point of the line [Å, crystal frame] to displacements (n, 3) [Å, crystal frame]."""

CLOSURE_TOLERANCE = 1e-6
"""Largest allowed departure of 2 Re(A B^T) from one. Our choice: cubic metals leave less, coinciding roots far more."""


def isotropic_edge_field(
    x: ArrayLike,
    y: ArrayLike,
    burgers_angstrom: float,
    poisson: float,
    core_angstrom: float = 0.0,
    gap_angstrom: float = 0.0,
) -> tuple[Array, Array]:
    """Displacement (u_x, u_y) in Å of an edge dislocation in an isotropic medium; u_z = 0.

    Frame and sign: that of this module, for burgers_angstrom > 0; a negative one turns the sign. The zero of u_y
    comes from ln(r/b) and means nothing: a rigid shift.

    Args:
        x: along b, from the line [Å]; y: along the glide plane's normal [Å], of the same shape.
        burgers_angstrom: length of b [Å].
        poisson: Poisson's ratio.
        core_angstrom, gap_angstrom: half width of the core and half the gap, see this module.

    Limits: without a core u_x jumps by b across the cut; far from it the strain falls as 1/r.

    Raises:
        InputError: Poisson's ratio outside -1 to 0.5; a Burgers vector of no length; a negative core.

    Source: Hirth and Lothe, Theory of Dislocations, 1982, section 3-4.
    """
    if not -1.0 < poisson < 0.5:
        raise InputError(f"poisson = {poisson}: expected more than -1 and less than 0.5")
    if not np.isfinite(burgers_angstrom) or burgers_angstrom == 0:
        raise InputError(f"burgers_angstrom = {burgers_angstrom}: expected a length other than zero")
    _check_core(core_angstrom, gap_angstrom)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    y, core = _sides(y, core_angstrom, gap_angstrom)
    height = y + core
    square = np.maximum(x**2 + height**2, np.finfo(np.float64).tiny)
    slope = burgers_angstrom / (2 * np.pi)
    weight = 1 / (4 * (1 - poisson))
    u_x = slope * (np.arctan2(height, x) + 2 * weight * x * y / square)
    logarithm = np.log(square / burgers_angstrom**2)
    u_y = -slope * weight * ((1 - 2 * poisson) * logarithm + 1 - 2 * y * height / square)
    return u_x, u_y


def isotropic_field(
    frame: ArrayLike, burgers_angstrom: float, poisson: float, core_angstrom: float = 0.0, gap_angstrom: float = 0.0
) -> Field:
    """The isotropic edge as a function of positions in the crystal frame.

    Args:
        frame: (3, 3) rows x || b, y || n, z along the line, in the crystal frame.
        burgers_angstrom, poisson, core_angstrom, gap_angstrom: as in `isotropic_edge_field`.

    Raises:
        InputError: as `isotropic_edge_field`, and for a frame that is no right-handed set of unit vectors.
    """
    axes = _checked_frame(frame)
    isotropic_edge_field(1.0, 1.0, burgers_angstrom, poisson, core_angstrom, gap_angstrom)

    def field(positions: Array) -> Array:
        x, y = axes[:2] @ np.asarray(positions, dtype=np.float64).T
        u_x, u_y = isotropic_edge_field(x, y, burgers_angstrom, poisson, core_angstrom, gap_angstrom)
        return np.outer(u_x, axes[0]) + np.outer(u_y, axes[1])

    return field


def stroh_field(
    stiffness_gpa: ArrayLike,
    frame: ArrayLike,
    burgers_vector_angstrom: ArrayLike,
    core_angstrom: float = 0.0,
    gap_angstrom: float = 0.0,
) -> Field:
    """Displacement of a straight dislocation of any character in an anisotropic medium.

    u = (1/π) Im{A <ln(x + p_a y)> B^T} b, with the roots p_a (Im p > 0) and the vectors A, B of the six-dimensional
    eigenproblem of the stiffness turned into the frame, normalised A^T B + B^T A = 1.

    Args:
        stiffness_gpa: (6, 6) in Voigt's order 11, 22, 33, 23, 13, 12, in the crystal frame [GPa]; only ratios count.
        frame: (3, 3) rows x, y, z in the crystal frame; z along the line, the cut at y = 0, x < 0.
        burgers_vector_angstrom: (3,) in the crystal frame [Å].
        core_angstrom, gap_angstrom: half width of the core and half the gap, see this module.

    Returns:
        A function of positions relative to the line; see `Field`.

    Limits: a nearly isotropic stiffness gives `isotropic_edge_field` and a rigid shift; round the line the displacement
    grows by b.

    Raises:
        InputError: a stiffness that is not symmetric and stable, or isotropic (its roots coincide: give Poisson's
            ratio instead); a frame that is not right-handed and orthonormal; b of no length; a negative core.

    Source: Stroh, Phil. Mag. 3 (1958) 625; Ting, Anisotropic Elasticity, 1996, chapters 5 and 8.
    """
    axes = _checked_frame(frame)
    _check_core(core_angstrom, gap_angstrom)
    burgers = np.asarray(burgers_vector_angstrom, dtype=np.float64)
    length = float(np.linalg.norm(burgers)) if burgers.shape == (3,) else 0.0
    if not np.isfinite(length) or length == 0:
        raise InputError(f"burgers_vector_angstrom = {burgers.tolist()}: expected three numbers, not all zero")
    roots, amplitudes, forces = stroh_roots(stiffness_gpa, axes)
    weights = forces.T @ (axes @ burgers)

    def field(positions: Array) -> Array:
        x, y = axes[:2] @ np.asarray(positions, dtype=np.float64).T
        y, core = _sides(y, core_angstrom, gap_angstrom)
        place = x[:, None] + roots * y[:, None] + 1j * core[:, None]
        size = np.maximum(np.abs(place), np.finfo(np.float64).tiny)
        logarithm = np.log(size / length) + 1j * np.angle(place)
        return np.asarray(((logarithm * weights) @ amplitudes.T).imag / np.pi @ axes)

    return field


def stroh_roots(
    stiffness_gpa: ArrayLike, frame: ArrayLike
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.complex128]]:
    """Roots p (3,) with Im p > 0, and the matrices A, B (3, 3) whose columns are the vectors of one root each.

    Args and errors as in `stroh_field`. A^T B + B^T A = 1 and 2 Re(A B^T) = 1, in the frame given.
    """
    turned = full_tensor(rotated(stiffness_gpa, _checked_frame(frame)))
    tensor = turned / np.abs(turned).max()
    q, r, t = tensor[:, 0, :, 0], tensor[:, 0, :, 1], tensor[:, 1, :, 1]
    inverse = np.linalg.inv(t)
    first = -inverse @ r.T
    roots, vectors = np.linalg.eig(np.block([[first, inverse], [r @ inverse @ r.T - q, first.T]]))
    upper = roots.imag > 0
    if upper.sum() != 3:
        raise InputError("stiffness_gpa: expected three roots with a positive imaginary part")
    roots, vectors = roots[upper], vectors[:, upper]
    norms = np.sqrt(2 * (vectors[:3] * vectors[3:]).sum(axis=0).astype(np.complex128))
    with np.errstate(divide="ignore", invalid="ignore"):
        vectors = vectors / norms
    amplitudes, forces = vectors[:3], vectors[3:]
    misfit = np.abs(2 * (amplitudes @ forces.T).real - np.eye(3)).max()
    if not misfit < CLOSURE_TOLERANCE:
        raise InputError("stiffness_gpa: its Stroh roots coincide, as in an isotropic medium; give poisson instead")
    return roots, amplitudes, forces


def _checked_frame(frame: ArrayLike) -> Array:
    axes = np.asarray(frame, dtype=np.float64)
    right = axes.shape == (3, 3) and np.allclose(axes @ axes.T, np.eye(3), atol=1e-6) and np.linalg.det(axes) > 0
    if not right:
        raise InputError(f"frame = {axes.tolist()}: expected three right-handed unit vectors, one a row")
    return axes


def _sides(y: Array, core_angstrom: float, gap_angstrom: float) -> tuple[Array, Array]:
    """Height over the end of the half crystal that an atom belongs to, and the half width of the core with its sign."""
    side = np.where(y >= 0, 1.0, -1.0)
    return side * np.maximum(np.abs(y) - gap_angstrom, 0.0), side * core_angstrom


def _check_core(core_angstrom: float, gap_angstrom: float) -> None:
    for name, length in (("core_angstrom", core_angstrom), ("gap_angstrom", gap_angstrom)):
        if not 0 <= length < np.inf:
            raise InputError(f"{name} = {length}: expected zero or a positive length in Å")
