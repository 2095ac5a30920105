"""Plane symmetry: turns, mirrors and glides that map a periodic picture of a square cell onto itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from zoneaxis.techniques.lacbed.columns import Array, square_operations

GRID = 64
SNAP = 0.012
"""Shifts this near to a multiple of an eighth of the edge are taken to be one."""
SOFT_PX = 1.2


@dataclass(frozen=True)
class PlaneOperation:
    """r -> plane r + shift, in fractions of the cell's edge; shift in -1/2 to 1/2."""

    plane: Array
    shift: Array


def folded(density: Array, period: float, field_angstrom: float, grid: int = GRID) -> Array:
    """One cell (grid, grid) of the softened square root of a picture, the mean of all its cells; origin first."""
    pixel = field_angstrom / len(density)
    soft = gaussian_filter(np.sqrt(density), SOFT_PX, mode="nearest")
    inner = 0.5 * field_angstrom - 1.5 * pixel
    steps = np.arange(grid) / grid
    reach = math.ceil(0.5 * field_angstrom / period) + 1
    places = (steps[:, None] + np.arange(-reach, reach + 1)) * period
    inside = np.abs(places) <= inner
    cell = np.zeros((grid, grid))
    counts = np.zeros((grid, grid))
    for row in range(places.shape[1]):
        for column in range(places.shape[1]):
            y, x = np.nonzero(inside[:, row])[0], np.nonzero(inside[:, column])[0]
            if not len(y) or not len(x):
                continue
            at = np.meshgrid(places[y, row], places[x, column], indexing="ij")
            values = map_coordinates(soft, [one / pixel + 0.5 * len(density) - 0.5 for one in at], order=3)
            cell[np.ix_(y, x)] += values
            counts[np.ix_(y, x)] += 1
    return np.asarray(cell / np.maximum(counts, 1))


def plane_symmetry(
    density: Array, period: float, field_angstrom: float, alike: float = 0.995
) -> tuple[PlaneOperation, ...]:
    """Operations of the square, each with its shift, that a picture has; a centred cell gives each twice.

    Args:
        density: (size, size).
        period: edge of the cell [Å].
        field_angstrom: width of the picture [Å].
        alike: least correlation with the turned picture.
    """
    cell = folded(density, period, field_angstrom)
    cell = cell - cell.mean()
    own = float((cell**2).sum()) + 1e-30
    spectrum = np.fft.fft2(cell)
    half = len(cell) // 2
    itself = np.fft.ifft2(spectrum * spectrum.conj()).real / own
    centrings = [np.zeros(2)]
    if itself[half, half] > 0.5 * (1.0 + alike):
        centrings.append(np.array([0.5, 0.5]))
    found = []
    for plane in square_operations():
        likeness = np.fft.ifft2(spectrum * np.fft.fft2(_turned(cell, plane)).conj()).real / own
        likeness[0, 0] += 1e-9
        row, column = np.unravel_index(int(likeness.argmax()), likeness.shape)
        if likeness[row, column] < alike:
            continue
        shift = np.array([_top(likeness[row], int(column)), _top(likeness[:, column], int(row))]) / len(cell)
        near = np.round(8.0 * shift) / 8.0
        shift = np.where(np.abs(shift - near) < SNAP, near, shift)
        for centring in centrings:
            moved = shift + centring
            found.append(PlaneOperation(plane, np.asarray(moved - np.round(moved))))
    return tuple(found)


def _turned(cell: Array, plane: Array) -> Array:
    """Value at R r is the old one at r, on a periodic grid whose first point is the origin."""
    turned = cell if plane[0, 0] else cell.T
    if plane[0].sum() < 0:
        turned = np.roll(turned[:, ::-1], 1, axis=1)
    if plane[1].sum() < 0:
        turned = np.roll(turned[::-1], 1, axis=0)
    return turned


def _top(line: Array, place: int) -> float:
    left, middle, right = line[place - 1], line[place], line[(place + 1) % len(line)]
    bend = left - 2 * middle + right
    return place + (0.5 * (left - right) / bend if bend < 0 else 0.0)
