"""Codes: what a regressor sees of an image beside the autoencoder's latent numbers: pixels, disc means, components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Encode = Callable[[np.ndarray], np.ndarray]
"""Amplitudes (n, side, side) to numbers (n, k)."""

DARK = 1e-3
"""Mean amplitude, as a fraction of the largest, below which a pixel lies outside the discs."""


def lit(amplitude: np.ndarray) -> np.ndarray:
    """Pixels (side, side) bool on which some image of (n, side, side) is bright: the discs."""
    brightest = amplitude.max(0)
    return np.asarray(brightest > DARK * brightest.max())


@dataclass(frozen=True)
class Pixels:
    """The amplitudes of the lit pixels themselves."""

    lit: np.ndarray

    def __call__(self, amplitude: np.ndarray) -> np.ndarray:
        """(n, side, side) -> (n, lit pixels)."""
        return amplitude[:, self.lit]


@dataclass(frozen=True)
class DiscMeans:
    """Share of the intensity in each disc: what a reader without a look inside the discs would have.

    disc: (side, side) number of the disc from 1, 0 outside; discs are the connected pieces of the lit pixels.
    """

    disc: np.ndarray

    @classmethod
    def fit(cls, amplitude: np.ndarray) -> DiscMeans:
        """Find the discs of images (n, side, side)."""
        from scipy.ndimage import label

        return cls(label(lit(amplitude))[0])

    def __call__(self, amplitude: np.ndarray) -> np.ndarray:
        """(n, side, side) -> (n, discs), summing to 1 over the discs up to their sizes."""
        discs = range(1, int(self.disc.max()) + 1)
        means = np.stack([(amplitude[:, self.disc == disc] ** 2).mean(1) for disc in discs], axis=1)
        return means / means.sum(1, keepdims=True)


@dataclass(frozen=True)
class Components:
    """Scores on the leading principal components of the lit pixels: a linear code.

    lit (side, side) bool; mean (lit,); vectors (lit, k), orthonormal.
    """

    lit: np.ndarray
    mean: np.ndarray
    vectors: np.ndarray

    @classmethod
    def fit(cls, amplitude: np.ndarray, count: int) -> Components:
        """The `count` directions in which images (n, side, side) vary most, of the largest variance first."""
        from scipy.linalg import svd

        where = lit(amplitude)
        bright = amplitude[:, where].astype(np.float64)
        mean = bright.mean(0)
        # The triangle of a QR decomposition has the same directions and is at most (pixels, pixels).
        triangle = np.linalg.qr(bright - mean, mode="r")
        vectors = svd(triangle, full_matrices=False)[2][:count].T
        return cls(where, mean, vectors)

    def __call__(self, amplitude: np.ndarray) -> np.ndarray:
        """(n, side, side) -> (n, k)."""
        return (amplitude[:, self.lit] - self.mean) @ self.vectors

    def reconstruct(self, amplitude: np.ndarray) -> np.ndarray:
        """The images as the components hold them, (n, side, side), clipped to [0, 1]."""
        images = np.zeros_like(amplitude)
        images[:, self.lit] = np.clip(self.mean + self(amplitude) @ self.vectors.T, 0, 1)
        return images
