"""Preprocessing: background removal, masking, resizing and the measures that compare and grade patterns.

Every function takes patterns as a float tensor (..., rows, cols), works on the last two axes and follows the device of
its input. `prepare` is the one chain through which every pattern passes, simulated for training or measured for
reading.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from zoneaxis.errors import InputError

OPERATIONS = ("subtract", "divide")
# A spread below this share of the mean is rounding of a constant image, not contrast.
FLAT = 1e-6


def remove_static(patterns: Tensor, background: Tensor, operation: str = "subtract", scale: bool = False) -> Tensor:
    """Take away what every pattern of a scan shares: screen, optics and the mean back-scatter intensity.

    Arguments: patterns (..., rows, cols); background (rows, cols), the mean or stored background pattern; operation
    `subtract` or `divide`; scale: first bring the background to the mean of each pattern (off, as usual in the field).
    Limits: a pattern equal to the background becomes 0 (subtract) or 1 (divide).
    Raises InputError for another operation or a background of another shape.
    Source: common practice; the same as kikuchipy, against which it is tested.
    """
    _check_operation(operation)
    if background.shape[-2:] != patterns.shape[-2:]:
        raise InputError(
            f"static background has shape {tuple(background.shape[-2:])}, the patterns {tuple(patterns.shape[-2:])}: "
            "both must be equal"
        )
    background = background.to(patterns)
    if scale:
        background = background * _mean(patterns) / _mean(background).clamp_min(torch.finfo(patterns.dtype).tiny)
    return _take_away(patterns, background, operation)


def remove_dynamic(
    patterns: Tensor,
    operation: str = "subtract",
    sigma: float | None = None,
    truncate: float = 4.0,
    mask: Tensor | None = None,
) -> Tensor:
    """Take away the slow variation of each pattern: its own Gaussian blur.

    Arguments: patterns (..., rows, cols); sigma in pixels, cols/8 when None; truncate: width of the Gaussian window in
    sigma, from end to end; mask (rows, cols) bool: only pixels inside give to the blur (normalised convolution), so
    that a dark rim outside a round screen does not leak in. The blur is separable and applied as two small matrices,
    which is the frequency-domain convolution of the edge-extended pattern, exactly, and faster at these sizes.
    Limits: a constant pattern becomes 0 (subtract) or 1 (divide); sigma -> infinity subtracts the mean.
    Raises InputError for another operation. Normalised convolution: Knutsson and Westin
    1993.
    """
    _check_operation(operation)
    sigma = patterns.shape[-1] / 8 if sigma is None else sigma
    return _take_away(patterns, _gaussian_blur(patterns, sigma, truncate, mask), operation)


def standardise(patterns: Tensor, mask: Tensor | None = None) -> Tensor:
    """Bring every pattern to mean 0 and standard deviation 1, over the mask when one is given; outside it is 0.

    A constant pattern has no contrast to scale and becomes all zeros, never NaN.
    Arguments: patterns (..., rows, cols); mask (rows, cols) bool.
    """
    weight = (
        torch.ones(patterns.shape[-2:], dtype=patterns.dtype, device=patterns.device)
        if mask is None
        else mask.to(patterns)
    )
    pixels = weight.sum()
    mean = (patterns * weight).sum((-2, -1), keepdim=True) / pixels
    centred = (patterns - mean) * weight
    spread = (centred.square().sum((-2, -1), keepdim=True) / pixels).sqrt()
    flat = spread <= FLAT * mean.abs().clamp_min(FLAT)
    return torch.where(flat, torch.zeros_like(centred), centred / torch.where(flat, torch.ones_like(spread), spread))


@lru_cache(maxsize=16)
def circular_mask(shape: tuple[int, int]) -> Tensor:
    """The largest disc on a (rows, cols) pattern: bool (rows, cols), true where a pixel's centre lies inside."""
    rows, cols = shape
    y = torch.arange(rows) - (rows - 1) / 2
    x = torch.arange(cols) - (cols - 1) / 2
    return y[:, None].square() + x[None, :].square() <= (min(rows, cols) / 2) ** 2


def resize(patterns: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resample to (rows, cols), bilinear; the filter is widened when shrinking, so that fine bands do not alias."""
    if tuple(patterns.shape[-2:]) == tuple(shape):
        return patterns
    flat = patterns.reshape(-1, 1, *patterns.shape[-2:])
    resampled = F.interpolate(flat, size=tuple(shape), mode="bilinear", antialias=True, align_corners=False)
    return resampled.reshape(*patterns.shape[:-2], *shape)


def square(patterns: Tensor, size_px: int) -> Tensor:
    """The central square of each pattern at size_px: resized keeping the aspect, then cropped in the middle."""
    rows, cols = patterns.shape[-2:]
    short = min(rows, cols)
    height, width = round(rows * size_px / short), round(cols * size_px / short)
    top, left = (height - size_px) // 2, (width - size_px) // 2
    return resize(patterns, (height, width))[..., top : top + size_px, left : left + size_px]


def prepare(
    patterns: Tensor,
    size_px: int,
    static_background: Tensor | None = None,
    mask: bool = True,
) -> Tensor:
    """The one chain before every network and every comparison, the same for simulated and measured patterns.

    float -> static background subtracted, when there is one -> central square at size_px (aspect kept, long side
    cropped) -> dynamic background subtracted -> round mask -> mean 0, standard deviation 1 inside the mask.
    Arguments: patterns (..., rows, cols) of any real type; size_px > 0; static_background (rows, cols).
    Returns float32 (..., size_px, size_px); constant patterns come out as zeros.
    Limits: unchanged by a gain and an offset of the camera.
    """
    patterns = patterns.to(torch.float32)
    if static_background is not None:
        patterns = remove_static(patterns, static_background)
    patterns = square(patterns, size_px)
    # Contrast is judged before the blur is taken away: the rounding residue of a flat image must not be amplified.
    patterns = standardise(patterns)
    disc = circular_mask((size_px, size_px)).to(patterns.device) if mask else None
    return standardise(remove_dynamic(patterns, mask=disc), disc)


def image_quality(patterns: Tensor) -> Tensor:
    """Sharpness of a pattern by how much of its amplitude spectrum sits at low frequencies: Q = 1 - J/J_max.

    J is the mean squared frequency weighted by |F(u, v)|, J_max that of a flat spectrum: 0 for white noise, towards 1
    for a smooth image. Arguments: patterns (..., rows, cols), corrected patterns. Returns (...); a constant pattern
    gives 0.
    Source: N. C. Krieger Lassen, PhD thesis, DTU 1994.
    """
    rows, cols = patterns.shape[-2:]
    amplitude = torch.fft.fft2(standardise(patterns.to(torch.float32))).abs()
    v = torch.fft.fftfreq(rows, 1 / rows, device=patterns.device)
    u = torch.fft.fftfreq(cols, 1 / cols, device=patterns.device)
    squared_frequency = v[:, None].square() + u[None, :].square()
    total = amplitude.sum((-2, -1))
    weighted = (amplitude * squared_frequency).sum((-2, -1))
    ratio = weighted / total.clamp_min(torch.finfo(total.dtype).tiny) / squared_frequency.mean()
    return torch.where(total > 0, 1 - ratio, torch.zeros_like(ratio))


def ncc(a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
    """Normalised cross-correlation of two (sets of) patterns, -1 to 1, blind to gain and offset; 0 if one is constant.

    Arguments: a, b (..., rows, cols), broadcast against each other; mask (rows, cols) bool. Returns (...).
    """
    pixels = a.shape[-2] * a.shape[-1] if mask is None else mask.sum()
    return (standardise(a, mask) * standardise(b, mask)).sum((-2, -1)) / pixels


def _check_operation(operation: str) -> None:
    if operation not in OPERATIONS:
        raise InputError(f"background operation {operation!r} is not one of {', '.join(OPERATIONS)}")


def _take_away(patterns: Tensor, background: Tensor, operation: str) -> Tensor:
    if operation == "subtract":
        return patterns - background
    safe = torch.where(background.abs() > FLAT, background, torch.ones_like(background))
    return patterns / safe


def _mean(patterns: Tensor) -> Tensor:
    return patterns.mean((-2, -1), keepdim=True)


def _gaussian_blur(patterns: Tensor, sigma: float, truncate: float, mask: Tensor | None) -> Tensor:
    rows, cols = patterns.shape[-2:]
    down = _blur_matrix(rows, sigma, truncate).to(patterns)
    across = _blur_matrix(cols, sigma, truncate).to(patterns).T
    if mask is None:
        return down @ patterns @ across
    weight = mask.to(patterns)
    share = down @ weight @ across
    return down @ (patterns * weight) @ across / share.clamp_min(FLAT)


@lru_cache(maxsize=32)
def _blur_matrix(size: int, sigma: float, truncate: float) -> Tensor:
    """Gaussian blur along one axis as a (size, size) matrix; beyond the edge the edge pixel goes on."""
    reach = max(int(truncate * sigma), 1) // 2
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma).square())
    sources = (torch.arange(size)[:, None] + offsets).clamp(0, size - 1)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    matrix.scatter_add_(1, sources, (weights / weights.sum()).expand(size, -1))
    return matrix.float()
