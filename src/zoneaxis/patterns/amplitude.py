"""Amplitude images: square roots of linear intensities at one size and scale, NumPy only, so that reading stays light.

The square root brings weak discs into sight and turns counting noise into nearly the same noise everywhere. Every
image that a CBLEED model learns from or reads passes through here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from zoneaxis.errors import InputError

Normalisation = Literal["maximum", "sum"]
NORMALISATIONS: tuple[Normalisation, ...] = ("maximum", "sum")
SUM_SCALE = 64.0
"""White under `sum`, in units of the mean intensity. The brightest pixel of a CBLEED image has 10 to 60 times the
mean: nothing clips without noise, and the square root of 10/64 still uses 40 % of the range."""
FLAT = 1e-6
"""A spread below this share of the maximum is rounding of a constant image, not contrast."""


def amplitude(
    intensity: np.ndarray, size_px: int = 64, normalise: Normalisation = "maximum", floor: float = 0.0
) -> np.ndarray:
    """Images ready for a network: binned, clipped at zero, normalised, square root, float32 in [0, 1].

        maximum: a = sqrt(I / max I)          sum: a = min(1, sqrt(I / (SUM_SCALE mean I)))

    intensity (..., rows, cols) linear, rows == cols >= size_px -> (..., size_px, size_px). Binning is the exact mean
    over the area of each new pixel, also where the old size is no multiple of the new one. Negative means (background
    taken away) become zero after binning. Noisy images are normalised by `sum`, which is steady under counting noise;
    `maximum` follows the brightest pixel. The mean counts negative pixels, so noise about zero does not bias it.
    floor: an image whose largest binned intensity is not above it counts as empty, in units of `intensity`.

    Raises `InputError` for another shape, size or normalisation, and for images without content (see `readable`).
    """
    images, content = amplitude_or_nan(intensity, size_px, normalise, floor)
    if not content.all():
        first = np.unravel_index(int(np.argmin(content)), content.shape) if content.ndim else ()
        where = f"image {', '.join(map(str, first))}" if first else "the image"
        many = f" ({int((~content).sum())} of {content.size} such images)" if content.size > 1 else ""
        raise InputError(f"amplitude: {where} is empty, flat or holds NaN{many}; an image needs positive contrast")
    return images


def amplitude_or_nan(
    intensity: np.ndarray, size_px: int = 64, normalise: Normalisation = "maximum", floor: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """`amplitude`, with images that have no content as NaN instead of an error: (images, has content (...,) bool)."""
    if normalise not in NORMALISATIONS:
        raise InputError(f"amplitude: normalise = {normalise!r}; allowed: {', '.join(NORMALISATIONS)}")
    binned = bin_to(intensity, size_px)
    content = readable(binned, floor)
    white = binned.max((-2, -1)) if normalise == "maximum" else SUM_SCALE * binned.mean((-2, -1))
    content &= np.nan_to_num(white) > 0
    share = np.clip(binned, 0, None) / np.where(content, white, np.nan)[..., None, None]
    return np.sqrt(np.minimum(share, 1)).astype(np.float32), content


def readable(intensity: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """Which images (..., rows, cols) have content, (...,) bool: finite, somewhere brighter than `floor`, not flat."""
    finite = np.isfinite(intensity).all((-2, -1))
    brightest, darkest = (np.where(finite, reduce(intensity, (-2, -1)), 0.0) for reduce in (np.max, np.min))
    return finite & (brightest > max(floor, 0.0)) & (brightest - darkest > FLAT * np.abs(brightest))


def bin_to(intensity: np.ndarray, size_px: int) -> np.ndarray:
    """Mean intensity over the area of each of size_px x size_px pixels, float32 (float64 stays float64).

    The mean of the image is kept exactly. Raises `InputError` unless the images are square and at least that large.
    """
    intensity = np.asarray(intensity)
    if intensity.ndim < 2 or intensity.shape[-1] != intensity.shape[-2] or 0 in intensity.shape:
        raise InputError(f"amplitude: intensity has shape {intensity.shape}, expected square images (..., rows, cols)")
    if intensity.dtype.kind not in "buif":
        raise InputError(f"amplitude: intensity is of type {intensity.dtype}, expected real numbers")
    rows = intensity.shape[-1]
    if not isinstance(size_px, int | np.integer) or not 1 <= size_px <= rows:
        raise InputError(f"amplitude: size_px = {size_px!r} is outside 1 to {rows}, the size of the images")
    if intensity.dtype != np.float64:
        intensity = intensity.astype(np.float32)
    if rows == size_px:
        return intensity
    if rows % size_px == 0:
        blocks = (*intensity.shape[:-2], size_px, rows // size_px, size_px, rows // size_px)
        return intensity.reshape(blocks).mean((-3, -1))
    overlap = _overlap(rows, int(size_px)).astype(intensity.dtype)
    return overlap @ intensity @ overlap.T


@lru_cache(maxsize=16)
def _overlap(rows: int, size_px: int) -> np.ndarray:
    """Share of each new pixel's width that an old pixel covers, (size_px, rows); every row sums to 1."""
    new, old = np.arange(size_px)[:, None] * (rows / size_px), np.arange(rows)[None]
    covered = np.minimum(new + rows / size_px, old + 1) - np.maximum(new, old)
    return np.clip(covered, 0, None) * (size_px / rows)
