"""Spots: where a diffraction pattern has its maxima, how strong and how sure, and where its centre is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.rings import Rings, rings_about

Array = NDArray[np.float64]

SEARCHED_PX = 256
"""Shorter side of a picture for which the lengths in pixels of this file are made. Source: our choice, the size of the
pictures of Jeong et al., RSC Adv. 14 (2024) 18489."""

KERNEL_VARIANCE_PX2 = 1 / 3
"""Variance along a line of the cubic B-spline that a pixel becomes [px^2 before]. Source: four boxes of 1/12 each."""

SNR_LEAST = 5.0
"""A maximum counts when its curvature stands this many noise widths above zero. Source: our choice; of 65,000 pixels
of Gaussian noise 0.02 lie above."""

EVENT_SNR = 2.5
"""Noise widths that one lonely lit pixel is worth where most pixels are dark. Source: our choice; with few electrons
the noise has no width, and three electrons side by side are a spot where two are chance."""

SCALES_PX = (0.9, 1.4, 2.1, 3.1, 4.6)
"""Gaussian widths at which spots are sought [px]. Source: our choice; cameras blur by 0.7 to 2.5 px, saturated spots
are wider."""

ROUNDNESS = 0.2
"""Least ratio of the two curvatures of a spot; what is below is a streak. Source: our choice; a spot of two widths
1:2 has 0.25."""

DYNAMIC_RANGE = 2e-3
"""A maximum below this share of a maximum within `NEIGHBOURHOOD_PX` is taken for a ripple of its tail.
Source: our choice; the side lobes of a spot of a 162 Å crystal are 1e-3 and lower after binning."""

NEIGHBOURHOOD_PX = 15
"""Half width of the square in which the strongest maximum is looked for [px]. Source: our choice, 6 to 25 px lie
between spots."""

STOP_LEVEL = 0.5
"""Share of the level around it below which the middle of a picture is taken for a beam stop. Source: our choice; a
stop lets nothing through, a scintillator spreads a little."""

STOP_REACH_PX = 10.0
"""Farthest that the edge of a beam stop is from the middle of the picture [px]. Source: our choice."""

LARGEST_STOP = 0.08
"""Largest share of the picture that counts as a beam stop. Source: our choice; a disc of 20 px and its arm cover 5 %
of 256 x 256."""

CENTROID_PX = 0.8
"""Gaussian width by which a picture is smoothed before centroids are taken [px]. Source: our choice, below the width of
spots."""

POSITION_FLOOR_PX = 0.05
"""Uncertainty of the position of a strong spot along x or y [px]. Source: our choice; sampling of narrow spots."""

PARTNER_PX = 1.8
"""Farthest that a spot may lie from where its partner points [px]. Source: our choice; both shift by noise."""

MOST_SPOTS = 400
"""Kept of one picture, the strongest first. Source: our choice; bounds the time."""

MOST_PAIRS = 500
"""Pairs that vote for the centre, those of most equal strength first. Source: our choice; bounds the time."""

LARGEST_OFFSET_SHARE = 0.08
"""Farthest distance of the centre from the middle, as a share of the width. Source: our choice; 20 of 256 pixels."""


@dataclass(frozen=True)
class Spots:
    """Spots of one picture, the strongest first, without the direct beam.

    All pixels are those in which spots were sought: 1 / magnification as wide as those of the picture.

    Attributes:
        xy_px: (n, 2) positions; x counts columns to the right, y rows downwards, from the centre of pixel (0, 0).
        intensity: (n,) sum above the background, in units of the picture.
        sigma_px: (n,) uncertainty along x or y [px].
        snr: (n,) height over noise.
        centre_px: (2,) x, y of the direct beam.
        shape: rows, columns of the picture.
        blocked: (rows, cols) pixels that could not show a spot: beam stop and edge; or None.
        magnification: whole factor by which the picture was magnified.
    """

    xy_px: Array
    intensity: Array
    sigma_px: Array
    snr: Array
    centre_px: Array
    shape: tuple[int, int]
    blocked: NDArray[np.bool_] | None = None
    magnification: int = 1

    def __len__(self) -> int:
        return len(self.xy_px)

    @property
    def vectors_px(self) -> Array:
        """(n, 2) positions from the direct beam [px]."""
        return self.xy_px - self.centre_px

    @property
    def picture_centre_px(self) -> Array:
        """(2,) x, y of the direct beam in pixels of the picture before it was magnified."""
        return (self.centre_px - (self.magnification - 1) / 2) / self.magnification

    @property
    def half_width_px(self) -> float:
        """From the middle of the picture to its nearest edge [px]."""
        return min(self.shape) / 2

    @cached_property
    def lonely(self) -> NDArray[np.bool_]:
        """(n,) whether the partner of a spot across the centre could be seen and is not there: then it is noise."""
        gap2 = ((self.vectors_px[:, None] + self.vectors_px[None]) ** 2).sum(-1).min(1, initial=np.inf)
        return np.asarray((gap2 > PARTNER_PX**2) & self.visible(self.centre_px - self.vectors_px, 3.0))

    def visible(self, xy_px: Array, margin_px: float = 2.0) -> NDArray[np.bool_]:
        """Whether positions (..., 2) lie in the picture, a margin off its edge and off blocked pixels."""
        rows, cols = self.shape
        x, y = xy_px[..., 0], xy_px[..., 1]
        seen = (x >= margin_px) & (y >= margin_px) & (x <= cols - 1 - margin_px) & (y <= rows - 1 - margin_px)
        if self.blocked is not None:
            column = np.clip(np.rint(x), 0, cols - 1).astype(int)
            row = np.clip(np.rint(y), 0, rows - 1).astype(int)
            seen &= ~self.blocked[row, column]
        return np.asarray(seen)


def find_spots(
    picture: Any,
    *,
    blocked: Any = None,
    centre_px: tuple[float, float] | None = None,
    direct_beam_px: float = 3.5,
    magnification: int | None = None,
) -> Spots:
    """The spots of a picture and its centre.

    A spot is a place from which the picture falls in all directions, at one of the widths `SCALES_PX`; a streak falls
    across it only. The background is the median at each distance from the middle. Any rising map of the intensity
    (root, logarithm, saturation) leaves the positions; intensities are then on that scale.

    Args:
        picture: (rows, cols) intensities, at least 32 x 32, finite.
        blocked: (rows, cols) booleans, True where a beam stop hides the pattern; None: a dark region about the middle
            is taken for one.
        centre_px: x, y of the direct beam where it is known; otherwise it is found from pairs of spots.
        direct_beam_px: radius about the centre in which nothing counts as a reflection [px of the spots].
        magnification: whole factor by which the picture is `magnified` first; None: as `magnification_for` its size.

    Raises:
        InputError: a picture that is not two-dimensional, too small or not finite; a mask of another shape or over the
            whole picture; a magnification below 1.
    """
    image = np.asarray(picture, dtype=np.float64)
    if image.ndim != 2 or min(image.shape) < 32:
        raise InputError(f"picture of shape {image.shape}: expected (rows, cols), at least 32 x 32")
    if not np.isfinite(image).all():
        raise InputError("picture: expected finite intensities, found NaN or infinity")
    hidden = np.zeros(image.shape, dtype=bool) if blocked is None else np.asarray(blocked, dtype=bool)
    if hidden.shape != image.shape:
        raise InputError(f"blocked of shape {hidden.shape}: expected the shape {image.shape} of the picture")
    if hidden.all():
        raise InputError("blocked: hides the whole picture; expected some pixels to be seen")
    factor = magnification_for(image.shape) if magnification is None else magnification
    if factor < 1:
        raise InputError(f"magnification = {factor}: expected a whole number from 1")
    middle = np.array(image.shape[::-1]) / 2 - 0.5 if centre_px is None else np.array(centre_px, dtype=float)
    camera = rings_about((image.shape[0], image.shape[1]), float(middle[0]), float(middle[1]))
    event = _event(image, camera.number, hidden)
    if factor > 1:
        image, hidden = magnified(image, factor), hidden.repeat(factor, 0).repeat(factor, 1)
        middle = factor * middle + (factor - 1) / 2
    rows, cols = image.shape
    rings = rings_about((rows, cols), float(middle[0]), float(middle[1]))
    if blocked is None:
        hidden = _beam_stop(image, rings)
    level, _ = rings.medians(image, hidden)
    above = np.where(hidden, 0.0, image - level[rings.number])
    near_stop = ndimage.binary_dilation(hidden, iterations=2) if hidden.any() else hidden
    event = factor**2 * event[np.minimum(np.arange(rings.count) // factor, len(event) - 1)]
    spread2 = 0.0 if factor == 1 else factor**2 * KERNEL_VARIANCE_PX2
    xy, snr, width, intensity = _maxima(above, rings.number, event, spread2, near_stop, middle, direct_beam_px)
    sigma = np.hypot(POSITION_FLOOR_PX, width / np.maximum(snr, 1.0))
    spots = Spots(xy, intensity, sigma, snr, middle, (rows, cols), near_stop if hidden.any() else None, factor)
    if centre_px is None:
        spots = replace(spots, centre_px=friedel_centre(spots))
    keep = np.linalg.norm(spots.vectors_px, axis=1) > direct_beam_px
    return some_spots(spots, keep)


def magnification_for(shape: tuple[int, ...]) -> int:
    """Whole factor by which pictures (..., rows, cols) are magnified so that spots are as wide as they are sought."""
    return max(1, round(SEARCHED_PX / min(shape[-2:])))


def magnified(picture: Array, factor: int) -> Array:
    """A picture (rows, cols) with factor x factor pixels for each, smooth and of the same mean.

    Every pixel becomes a cubic B-spline: no ripple beside a beam stop or a saturated spot, and centroids stay. Pixel
    centre x comes to factor x + (factor - 1) / 2. Limit: an even picture stays even, its edges included.
    """
    down, right = (_spread(side, factor) for side in picture.shape)
    return np.asarray(down @ picture @ right.T)


@lru_cache(maxsize=8)
def _spread(side: int, factor: int) -> Array:
    """(side factor, side) weights of the pixels of a line in those of the magnified line."""
    place = (np.arange(side * factor) + 0.5) / factor - 0.5
    near = np.floor(place).astype(np.int64)
    t = place - near
    weights = np.zeros((side * factor, side))
    taps = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3)
    for step, tap in zip((-1, 0, 1, 2), taps, strict=True):
        np.add.at(weights, (np.arange(len(place)), np.clip(near + step, 0, side - 1)), tap / 6)
    return weights


def some_spots(spots: Spots, chosen: NDArray[np.bool_]) -> Spots:
    """The chosen (n,) spots of a picture; centre, shape and mask stay."""
    return replace(
        spots,
        xy_px=spots.xy_px[chosen],
        intensity=spots.intensity[chosen],
        sigma_px=spots.sigma_px[chosen],
        snr=spots.snr[chosen],
    )


def friedel_centre(spots: Spots) -> Array:
    """The centre (2,) about which spots come in pairs of like strength, near the present centre [px].

    Any half of a net vector is the middle of many pairs; the true centre is that of most pairs of equal strength, and
    of the pair that the direct beam makes with itself. With fewer than two spots the present centre comes back.

    Source: Friedel's law; on the sphere both spots of a pair of a zone axis have the same excitation error.
    """
    if len(spots) < 2:
        return spots.centre_px
    few = slice(0, 120)
    xy, strength = spots.xy_px[few], np.maximum(spots.intensity[few], 1e-300)
    first, second = np.triu_indices(len(xy))
    middles = (xy[first] + xy[second]) / 2
    reach = LARGEST_OFFSET_SHARE * min(spots.shape)
    near = np.linalg.norm(middles - spots.centre_px, axis=1) < reach
    if not near.any():
        return spots.centre_px
    middles, first, second = middles[near], first[near], second[near]
    ratio = np.log(strength[first] / strength[second])
    weight = np.exp(-((ratio / 0.4) ** 2) / 2)
    distance = np.linalg.norm(middles - spots.centre_px, axis=1)
    weight = weight * np.exp(-((distance / reach) ** 2))
    best = np.argsort(-weight)[:MOST_PAIRS]
    middles, weight = middles[best], weight[best]
    gap2 = ((middles[:, None] - middles[None]) ** 2).sum(-1)
    votes = np.exp(-gap2 / (2 * 0.5**2)) @ weight
    centre = middles[np.argmax(votes)]
    for _ in range(4):
        share = weight * np.exp(-((middles - centre) ** 2).sum(1) / (2 * 0.5**2))
        centre = (share[:, None] * middles).sum(0) / share.sum()
    return np.asarray(centre)


def _beam_stop(image: Array, rings: Rings) -> NDArray[np.bool_]:
    """Pixels of a dark region that begins near the middle and is small: a beam stop and its arm."""
    smooth = ndimage.gaussian_filter(image, 1.0)
    floor = float(smooth.min())
    level, width = rings.medians(smooth - floor)
    ring = rings.number
    # Within a disc the level is that just outside of it.
    around = np.maximum.accumulate(level[::-1])[::-1]
    # A little farther out, so that a steep fall is no edge.
    outside = np.append(around[2:], around[-1:].repeat(2))
    dark = (smooth - floor < STOP_LEVEL * outside[ring]) & (outside > 4 * width)[ring]
    regions, _ = ndimage.label(dark)
    near = np.unique(regions[(ring < STOP_REACH_PX / 2) & dark])
    stop = np.isin(regions, near[near > 0])
    if not stop.any() or stop.mean() > LARGEST_STOP:
        return np.zeros(image.shape, dtype=bool)
    return np.asarray(ndimage.binary_dilation(stop))


def _event(image: Array, ring: NDArray[np.int64], hidden: NDArray[np.bool_]) -> Array:
    """(rings,) height of one lonely lit pixel where at least half of a ring is dark, 0 elsewhere."""
    above = image - image.min()
    lit = (above > 0) & ~hidden
    count = int(ring.max()) + 1
    seen = np.maximum(np.bincount(ring[~hidden], minlength=count), 1)
    share = np.bincount(ring[lit], minlength=count) / seen
    mean = np.bincount(ring[lit], above[lit], minlength=count) / np.maximum(share * seen, 1)
    return np.where((share > 0) & (share < 0.5), ndimage.median_filter(mean, 5, mode="nearest"), 0.0)


def _maxima(
    above: Array,
    ring: NDArray[np.int64],
    event: Array,
    spread2: float,
    near_stop: NDArray[np.bool_],
    middle: Array,
    direct_beam_px: float,
) -> tuple[Array, Array, Array, Array]:
    """Positions (n, 2) as x, y, strengths over noise, widths [px] and summed intensities of spots, strongest first.

    event (rings,): sum over one lonely lit pixel of the camera; spread2: how far the magnification spread it [px^2].
    """
    open_ = np.zeros(above.shape, dtype=bool)
    open_[2:-2, 2:-2] = ~near_stop[2:-2, 2:-2]
    # Neighbouring pixels of a smoothed picture are alike: every second one tells its noise.
    thin = (slice(None, None, 2), slice(None, None, 2))
    thinned = rings_about(above.shape, float(middle[0]), float(middle[1]), 2)
    found = []
    for number, scale in enumerate(SCALES_PX):
        smooth = ndimage.gaussian_filter(above, scale)
        least, most = _curvatures(smooth, scale)
        _, noise = thinned.medians(((least + most) / 2)[thin], near_stop[thin])
        lonely = event * scale**2 / (2 * np.pi * (scale**2 + spread2) ** 2)
        noise = np.maximum(noise, lonely / EVENT_SNR)
        noise = np.maximum(noise, 1e-9 * max(float(most.max()), 1e-300))[ring]
        row, col = np.nonzero((least > SNR_LEAST * noise) & (least > ROUNDNESS * most) & open_)
        height = least[row, col]
        top = np.all([height >= least[row + i, col + j] for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0)
        row, col, height = row[top], col[top], height[top]
        found.append(np.stack([row, col, height, height / noise[row, col], 0 * row + number], axis=1))
    row, col, height, snr, number = _separate(np.concatenate(found)).T
    # The direct beam is no measure of what a reflection may be.
    away = np.hypot(col - middle[0], row - middle[1]) > direct_beam_px + 2
    reflections = np.zeros_like(above)
    reflections[row[away].astype(int), col[away].astype(int)] = height[away]
    largest = ndimage.maximum_filter(reflections, 2 * NEIGHBOURHOOD_PX + 1)
    strong = np.nonzero(height > DYNAMIC_RANGE * largest[row.astype(int), col.astype(int)])[0][:MOST_SPOTS]
    xy, summed = np.zeros((len(strong), 2)), np.zeros(len(strong))
    smooth = ndimage.gaussian_filter(above, CENTROID_PX)
    for place, scale in enumerate(SCALES_PX):
        of_scale = number[strong] == place
        chosen = strong[of_scale]
        xy[of_scale], summed[of_scale] = _centroids(smooth, row[chosen].astype(int), col[chosen].astype(int), scale)
    return xy, snr[strong], np.array(SCALES_PX)[number[strong].astype(int)], summed


def _curvatures(smooth: Array, scale: float) -> tuple[Array, Array]:
    """Downward curvatures times the scale squared, the smaller and the larger one; a spot has both positive."""
    padded = np.pad(smooth, 1, mode="edge")
    xx = smooth * 2 - padded[1:-1, 2:] - padded[1:-1, :-2]
    yy = smooth * 2 - padded[2:, 1:-1] - padded[:-2, 1:-1]
    xy = (padded[2:, :-2] + padded[:-2, 2:] - padded[2:, 2:] - padded[:-2, :-2]) / 4
    mean, apart = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return scale**2 * (mean - apart), scale**2 * (mean + apart)


def _separate(found: Array) -> Array:
    """Maxima (n, 5) of all scales, strongest first, without those inside the width of a stronger one."""
    found = found[np.argsort(-found[:, 2], kind="stable")][: 4 * MOST_SPOTS]
    radius = 1.8 * np.array(SCALES_PX)[found[:, 4].astype(int)]
    apart = np.hypot(found[:, None, 0] - found[None, :, 0], found[:, None, 1] - found[None, :, 1])
    kept = np.ones(len(found), dtype=bool)
    for place in range(len(found)):
        if kept[place]:
            kept[place + 1 :] &= apart[place, place + 1 :] > max(radius[place], 2.0)
    return found[kept]


def _centroids(smooth: Array, row: NDArray[np.int64], col: NDArray[np.int64], scale: float) -> tuple[Array, Array]:
    """Centroids in a Gaussian window that follows them, and the sums over the window above its edge."""
    half = max(2, round(2 * scale))
    offset_y, offset_x = np.mgrid[-half : half + 1, -half : half + 1]
    rows = np.clip(row[:, None, None] + offset_y, 0, smooth.shape[0] - 1)
    cols = np.clip(col[:, None, None] + offset_x, 0, smooth.shape[1] - 1)
    patch = smooth[rows, cols]
    rim = np.maximum(np.abs(offset_x), np.abs(offset_y)) == half
    patch = np.maximum(patch - np.median(patch[:, rim], axis=1)[:, None, None], 0.0)
    window = max(1.2, scale)
    shift = np.zeros((len(row), 2))
    for _ in range(6):
        dx, dy = offset_x - shift[:, 0, None, None], offset_y - shift[:, 1, None, None]
        weight = np.exp(-(dx**2 + dy**2) / (2 * window**2)) * patch
        total = np.maximum(weight.sum((1, 2)), 1e-300)
        # Twice the weighted mean: a window as wide as the spot halves every displacement.
        shift = shift + 1.6 * np.stack([(weight * dx).sum((1, 2)), (weight * dy).sum((1, 2))], axis=1) / total[:, None]
        shift = np.clip(shift, -0.75 * half, 0.75 * half)
    xy = np.stack([col, row], axis=1) + shift
    return np.asarray(xy, dtype=np.float64), np.asarray(patch.sum((1, 2)))
