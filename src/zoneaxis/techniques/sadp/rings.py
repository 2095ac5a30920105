"""Rings: medians of a picture at each distance from a point, which are its background and its noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

RING_PX = 2.0
"""Width of a ring [px]. Source: our choice; the innermost ones then hold some ten pixels."""

LEAST_PIXELS = 8
"""Rings of fewer pixels are filled from their neighbours. Source: our choice; a median of fewer is noise."""

RUNNING = 5
"""Rings over which the median is taken once more. Source: our choice; a ring of spots does not lift the background."""

GAUSSIAN_MAD = 1.4826
"""Standard deviation of a Gaussian over its median distance from the middle. Source: 1 / 0.6745."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Pixels of a picture by their distance from a point.

    Attributes:
        number: (rows, cols) ring of each pixel.
        places: (rings, most) numbers of the pixels of every ring; one past the last pixel fills the rows.
        sizes: (rings,) pixels of each.
    """

    number: Whole
    places: Whole
    sizes: Whole

    @property
    def count(self) -> int:
        """Number of rings, those without a pixel included."""
        return len(self.sizes)

    def medians(self, image: Array, hidden: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
        """Median of every ring (rings,), and the width of a Gaussian with the same median distance from it.

        Args:
            image: (rows, cols) finite values.
            hidden: (rows, cols) pixels that are left out.
        """
        values, sizes = image.reshape(-1), self.sizes
        if hidden is not None and hidden.any():
            values = np.where(hidden.reshape(-1), np.inf, values)
            sizes = sizes - np.bincount(self.number[hidden], minlength=self.count)
        ordered = np.append(values, np.inf)[self.places]
        ordered.sort(axis=1)
        level = _middles(ordered, sizes)
        ordered -= level[:, None]
        np.abs(ordered, out=ordered)
        ordered.sort(axis=1)
        return level, GAUSSIAN_MAD * _middles(ordered, sizes)


@lru_cache(maxsize=32)
def rings_about(shape: tuple[int, int], x: float, y: float, step: int = 1) -> Rings:
    """Rings of every `step`-th row and column of a picture about a point, x right and y down [px]; only to be read.

    The number of rings does not depend on the step.
    """
    row, col = np.mgrid[: shape[0], : shape[1]]
    number = (np.hypot(col - x, row - y) / RING_PX).astype(np.int64)
    count = int(number.max()) + 1
    number = np.ascontiguousarray(number[::step, ::step])
    sizes = np.bincount(number.reshape(-1), minlength=count)
    places = np.full((count, int(sizes.max())), number.size)
    places[np.arange(places.shape[1]) < sizes[:, None]] = np.argsort(number.reshape(-1), kind="stable")
    return Rings(number, places, sizes)


def _middles(ordered: Array, sizes: Whole) -> Array:
    """Medians of sorted rows whose first `sizes` entries count, smoothed; thin rows lie between their neighbours."""
    filled = np.nonzero(sizes >= LEAST_PIXELS)[0]
    medians = ordered[filled, sizes[filled] // 2]
    return np.interp(np.arange(len(sizes)), filled, ndimage.median_filter(medians, RUNNING, mode="nearest"))
