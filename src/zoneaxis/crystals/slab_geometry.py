"""Geometry of a half crystal: the closest pair of atoms, and mirror planes that stand upright on the surface.

An atom here is a point with all its translations in the surface cell; one-atom layers are spread over that cell first.
Every length is in Å; cells are (2, 2) with rows A1, A2; x and y in the surface.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SAME_PLACE_ANGSTROM = 1e-6
"""Points closer than this are one point: far above rounding (1e-15), far below any displacement that shows."""


def lattice_points_in_cell(cell: Array, lattice: Array) -> Array:
    """The (n, 2) points of a lattice inside a surface cell that is an integer multiple of it; n is the area ratio."""
    matrix = np.rint(cell @ np.linalg.inv(lattice)).astype(int)
    reach = int(np.abs(matrix).sum())
    steps = np.array(list(itertools.product(range(-reach, reach + 1), repeat=2)))
    inside = np.linalg.solve(matrix.T, steps.T).T
    keep = ((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)
    return np.asarray(steps[keep] @ lattice, dtype=np.float64)


def closest_pair(cell: Array, positions: Array) -> tuple[float, int, int]:
    """Smallest distance (Å) between any two of the atoms (n, 3) and their translations, and which two they are.

    An atom and its own translation count as a pair (i, i). Cells more oblique than 30 degrees would need more shells.
    """
    shells = np.array(list(itertools.product(range(-2, 3), repeat=2))) @ cell
    moved = positions[:, None, None, :] - positions[None, :, None, :]
    moved = np.broadcast_to(moved, (len(positions), len(positions), len(shells), 3)).copy()
    moved[..., :2] += shells
    distance = np.linalg.norm(moved, axis=-1)
    distance[np.eye(len(positions), dtype=bool)[:, :, None] & (np.abs(shells).sum(axis=1) == 0)] = np.inf
    i, j, _ = np.unravel_index(int(distance.argmin()), distance.shape)
    return float(distance.min()), int(i), int(j)


def has_mirror(cell: Array, positions: Array, kinds: tuple[str, ...], axis: int) -> bool:
    """Whether atoms and translations stay the same under x -> -x (axis 0) or y -> -y (axis 1) about some plane.

    positions (n, 3), kinds (n,). Candidates are the planes that carry the rarest kind's first atom to one of its own
    kind at its own depth.
    """
    flip = np.array([1.0, 1.0])
    flip[axis] = -1
    if not _whole(cell * flip, cell):
        return False
    species = np.array(kinds)
    first = min(range(len(kinds)), key=lambda i: kinds.count(kinds[i]))
    alike = positions[(species == species[first]) & _near(positions[:, 2], positions[first, 2])]
    shells = np.array(list(itertools.product(range(-1, 2), repeat=2))) @ cell
    twice = (positions[first, axis] + alike[:, None, axis] + shells[:, axis]).ravel()
    return any(_mirrored(cell, positions, species, flip, axis, plane) for plane in np.unique(twice.round(9)))


def _mirrored(cell: Array, positions: Array, species: NDArray[np.str_], flip: Array, axis: int, twice: float) -> bool:
    """Whether every atom has a partner of its kind after x -> twice - x along the axis."""
    image = positions[:, :2] * flip
    image[:, axis] += twice
    for kind, point, z in zip(species, image, positions[:, 2], strict=True):
        partners = positions[(species == kind) & _near(positions[:, 2], z), :2]
        if not any(_whole(point - partner, cell) for partner in partners):
            return False
    return True


def _near(values: Array, value: float) -> NDArray[np.bool_]:
    return np.abs(values - value) < SAME_PLACE_ANGSTROM


def _whole(vectors: Array, cell: Array) -> bool:
    """Whether the vectors (..., 2) are translations of the cell."""
    counts = vectors @ np.linalg.inv(cell)
    return bool((np.abs((counts - np.rint(counts)) @ cell) < SAME_PLACE_ANGSTROM).all())
