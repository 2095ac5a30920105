"""Polar: spot patterns over angle and radius about the direct beam, where a turn of the picture is a shift.

    turn of the picture -> roll of the angle axis     change of the camera constant -> shift of the log-radius axis

Friedel's law makes a kinematic pattern the same at phi and phi + 180°. Folding averages the two and halves the axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zoneaxis.errors import InputError

Radial = Literal["linear", "log"]
Stretch = Literal["log", "root", "none"]

LOW_QUANTILE, HIGH_QUANTILE = 0.05, 0.999
"""Black and white of `prepare_polar`. High: at 256 x 256 beyond 65 pixels, about what direct beam and a few of the
brightest spots cover. Our choice."""
LOG_REFERENCE = 0.01
"""Share of white from which on the logarithm of `prepare_polar` grows slowly. Our choice."""
SAMPLES_AT_ONCE = 1 << 22
"""Points looked up together: about 100 MB of intermediates."""


def polar(
    patterns: Tensor,
    radii: int,
    angles: int,
    *,
    centre_px: Sequence[float] | Tensor | None = None,
    first_px: float = 0.0,
    last_px: float | None = None,
    scale: Tensor | None = None,
    radial: Radial = "linear",
    fold: bool = True,
) -> Tensor:
    """Patterns averaged over the cells of a polar grid.

    Cell (j, m) covers ring j from the inside, and the angles about phi = m x period / angles, with period 180° when
    folded and 360° else; phi runs anticlockwise as seen and starts at the right. Each cell is the mean of points no
    further apart than a pixel, read by linear interpolation; points outside the picture do not count, and a cell
    wholly outside is 0. The angle axis is circular: pad it so.

    Limits: a picture turned anticlockwise by m steps gives the angles rolled by +m. With `radial="log"` a picture
    magnified by (last/first)^(j/radii) gives the rings shifted outwards by j.

    Args:
        patterns: (n, rows, cols).
        radii: rings.
        angles: cells around.
        centre_px: (row, col) of the direct beam, for all or (n, 2) each its own; the first pixel's centre is (0, 0).
            Default: the middle of the picture.
        first_px: inner edge of the first ring; above 0 for `radial="log"`.
        last_px: outer edge of the last ring. Default: half the shorter side.
        scale: (n,) pixels per unit, each pattern its own. `first_px` and `last_px` are then in that unit, and ring j
            is the same in all patterns: pixels per 1/Å of a known camera give rings of constant |g|.
        radial: rings of equal width, or of equal ratio.
        fold: average phi and phi + 180°.

    Returns:
        (n, radii, angles), the type of the patterns, float32 for whole numbers. Differentiable in the patterns.

    Raises:
        InputError: a shape, number or range that does not fit; `scale` without `last_px`.
    """
    patterns = _floats(patterns)
    n, rows, cols = patterns.shape
    if radii < 1 or angles < 1:
        raise InputError(f"polar: radii = {radii}, angles = {angles}: expected at least 1 of each")
    if radial not in ("linear", "log"):
        raise InputError(f"polar: radial = {radial!r}: expected linear or log")
    if scale is not None and last_px is None:
        raise InputError("polar: last_px = None: expected the outer edge in the unit of scale")
    last = min(rows, cols) / 2 if last_px is None else float(last_px)
    first = float(first_px)
    if not (math.isfinite(last) and 0 <= first < last) or (radial == "log" and first == 0):
        least = "0 < first_px" if radial == "log" else "0 <= first_px"
        raise InputError(f"polar: first_px = {first:g}, last_px = {last:g}: expected {least} < last_px")
    centre = _centre(centre_px, n, (rows, cols))
    factor = _scale(scale, n)
    if fold and centre_px is None:
        # The middle is the centre of symmetry of the grid of pixels: fold before looking up.
        patterns = (patterns + patterns.flip((-2, -1))) / 2
    grid = _Grid(radii, angles, first, last, radial, turn=math.pi if fold else 2 * math.pi)
    both = fold and centre_px is not None
    # Patterns of one camera and centre are looked up together.
    places = torch.cat([centre.expand(n, 2), factor.expand(n)[:, None]], dim=1)
    cameras, members = torch.unique(places, dim=0, return_inverse=True)
    if len(cameras) == 1:
        return _cells(patterns, cameras[0], grid, both)
    groups = [(members == number).nonzero()[:, 0] for number in range(len(cameras))]
    parts = [
        _cells(patterns[own.to(patterns.device)], camera, grid, both)
        for own, camera in zip(groups, cameras, strict=True)
    ]
    if n == 0:
        return patterns.new_zeros(0, radii, angles)
    return torch.cat(parts)[torch.cat(groups).argsort().to(patterns.device)]


def prepare_polar(
    patterns: Tensor,
    radii: int,
    angles: int,
    *,
    stretch: Stretch = "log",
    low_quantile: float = LOW_QUANTILE,
    high_quantile: float = HIGH_QUANTILE,
    centre_px: Sequence[float] | Tensor | None = None,
    first_px: float = 0.0,
    last_px: float | None = None,
    scale: Tensor | None = None,
    radial: Radial = "linear",
    fold: bool = True,
) -> Tensor:
    """Network input from pictures of any grey scale: stretched, over polar cells, mean 0 and variance 1.

    Each picture is cut at two of its own quantiles, black and white, which lie off the direct beam and the noise;
    the share of white is stretched by log(1 + I/0.01) or a square root, averaged by `polar`, and standardised.
    Limit: a picture times a positive factor plus a constant gives the same. A flat picture gives zeros.

    Args:
        patterns: (n, rows, cols).
        stretch: "log", "root" (square root) or "none".
        low_quantile: share of the pixels that are black.
        high_quantile: share of the pixels up to white. Where white would be no brighter than black, the brightest
            pixel is white.
        radii, angles, centre_px, first_px, last_px, scale, radial, fold: see `polar`.

    Returns:
        (n, radii, angles).

    Raises:
        InputError: as `polar`; a stretch, or quantiles, out of range; values that are not finite.
    """
    patterns = _floats(patterns)
    if stretch not in ("log", "root", "none"):
        raise InputError(f"polar: stretch = {stretch!r}: expected log, root or none")
    if not 0 <= low_quantile < high_quantile <= 1:
        raise InputError(
            f"polar: low_quantile = {low_quantile:g}, high_quantile = {high_quantile:g}: "
            "expected 0 <= low_quantile < high_quantile <= 1"
        )
    if not bool(torch.isfinite(patterns).all()):
        raise InputError("polar: patterns must be finite")
    shown = _stretched(patterns, stretch, low_quantile, high_quantile) if patterns.numel() else patterns
    cells = polar(
        shown,
        radii,
        angles,
        centre_px=centre_px,
        first_px=first_px,
        last_px=last_px,
        scale=scale,
        radial=radial,
        fold=fold,
    )
    cells = cells - cells.mean((-2, -1), keepdim=True)
    spread = cells.square().mean((-2, -1), keepdim=True).sqrt()
    # Below this the cells differ by rounding alone.
    return torch.where(spread > 1e-6, cells / spread.clamp_min(1e-6), 0)


def _stretched(patterns: Tensor, stretch: Stretch, low: float, high: float) -> Tensor:
    flat = patterns.flatten(1)
    black, white = (flat.kthvalue(1 + round(q * (flat.shape[1] - 1)), dim=1).values[:, None, None] for q in (low, high))
    white = torch.where(white > black, white, patterns.amax((-2, -1), keepdim=True))
    contrast = white - black
    share = torch.where(contrast > 0, (patterns - black) / torch.where(contrast > 0, contrast, 1), 0).clamp(0, 1)
    if stretch == "none":
        return share
    return share.sqrt() if stretch == "root" else torch.log1p(share / LOG_REFERENCE) / math.log1p(1 / LOG_REFERENCE)


class _Grid(NamedTuple):
    """Cells of a polar grid; `turn` is the period of the angle axis [rad]."""

    radii: int
    angles: int
    first: float
    last: float
    radial: Radial
    turn: float


def _cells(patterns: Tensor, camera: Tensor, grid: _Grid, both: bool) -> Tensor:
    """Cells (n, radii, angles) of patterns (n, rows, cols) with one camera (row, col, pixels per unit).

    `both`: average with the opposite cells.
    """
    rows, cols = patterns.shape[-2:]
    row, col, scale = camera.tolist()
    ring = float(_edges(grid, grid.radii).diff().max()) * scale
    arc = grid.turn / grid.angles * grid.last * scale
    parts_r, parts_a = (max(1, math.ceil(width - 1e-9)) for width in (ring, arc))
    radius = _edges(grid, grid.radii * parts_r)
    middle = (radius[1:] + radius[:-1]) / 2 if grid.radial == "linear" else torch.sqrt(radius[1:] * radius[:-1])
    steps = (torch.arange(grid.angles * parts_a, dtype=torch.float64) + 0.5) / parts_a - 0.5
    phi = grid.turn / grid.angles * steps
    offsets = scale * middle[:, None, None] * torch.stack([torch.cos(phi), -torch.sin(phi)], dim=-1)
    offsets = torch.stack([offsets, -offsets]) if both else offsets[None]
    places = offsets + torch.tensor([col, row], dtype=torch.float64)
    side = torch.tensor([cols, rows], dtype=torch.float64)
    inside = ((places >= -0.5) & (places <= side - 0.5)).all(-1)
    # grid_sample: -1 and 1 are the outer edges of the first and last pixels.
    places = ((2 * places + 1) / side - 1).to(patterns).reshape(1, -1, len(phi), 2)
    parts = (len(offsets), grid.radii, parts_r, grid.angles, parts_a)
    weights = inside.reshape(parts).to(patterns)
    count, whole = weights.sum((0, 2, 4)).clamp_min(1), bool(inside.all())
    cells = []
    for part in patterns.split(max(1, SAMPLES_AT_ONCE // inside.numel())):
        # One grid for many patterns: they go as channels, and the weights of the interpolation are computed once.
        values = F.grid_sample(part[None], places, mode="bilinear", padding_mode="border", align_corners=False)
        values = values.reshape(len(part), *parts)
        cells.append((values if whole else values * weights).sum((1, 3, 5)) / count)
    return torch.cat(cells)


def _edges(grid: _Grid, number: int) -> Tensor:
    """Edges (number + 1) of rings from first to last."""
    steps = torch.linspace(0, 1, number + 1, dtype=torch.float64)
    if grid.radial == "linear":
        return grid.first + (grid.last - grid.first) * steps
    return grid.first * (grid.last / grid.first) ** steps


def _floats(patterns: Tensor) -> Tensor:
    if patterns.ndim != 3 or patterns.is_complex() or 0 in patterns.shape[1:]:
        raise InputError(f"polar: patterns of shape {tuple(patterns.shape)}: expected (n, rows, cols) of real numbers")
    return patterns if patterns.is_floating_point() else patterns.to(torch.float32)


def _centre(centre_px: Sequence[float] | Tensor | None, n: int, shape: tuple[int, int]) -> Tensor:
    """(row, col) as (1, 2) or (n, 2) float64."""
    if centre_px is None:
        return torch.tensor([[(side - 1) / 2 for side in shape]], dtype=torch.float64)
    centre = torch.as_tensor(centre_px, dtype=torch.float64, device="cpu")
    centre = centre[None] if centre.ndim == 1 else centre
    if tuple(centre.shape) not in ((1, 2), (n, 2)) or not bool(torch.isfinite(centre).all()):
        raise InputError(f"polar: centre_px of shape {tuple(centre.shape)}: expected (row, col) or ({n}, 2), finite")
    return centre


def _scale(scale: Tensor | None, n: int) -> Tensor:
    """Pixels per unit as (1,) or (n,) float64."""
    if scale is None:
        return torch.ones(1, dtype=torch.float64)
    factor = torch.as_tensor(scale, dtype=torch.float64, device="cpu")
    if tuple(factor.shape) != (n,) or not bool(((factor > 0) & torch.isfinite(factor)).all()):
        raise InputError(f"polar: scale of shape {tuple(factor.shape)}: expected ({n},) of finite numbers above 0")
    return factor
