"""Net starts: rough plane lattices among the spots of a picture, for a least-squares fit to begin with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from zoneaxis.techniques.sadp.spots import Spots

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

OUTLIER_DENSITY = 0.15
"""Density of spots off the net, relative to that of a picture filled evenly. Source: our choice; noise, upper Laue
zones, twins."""

LEAST_STEP_PX = 3.5
"""Shortest vector of a net [px]. Source: our choice; nearer spots of a laboratory camera run into one another."""

REACH_SHARE = 0.7
"""Longest vector of a net, as a share of the half width of the picture. Source: our choice; a longer one has no
multiple in the picture."""

MOST_STARTS = 10
"""Rough nets of one picture. Source: our choice; bounds the time."""

SAME_VECTOR_PX, NEAR_PEAK_PX = 0.7, 1.6
"""Candidates nearer than this are one; differences this near to a peak of their number are its members [px].
Source: our choice; spots are placed to a quarter of a pixel."""


def rough_bases(spots: Spots, weight: Array) -> list[Array]:
    """Reduced bases (2, 2) that explain most spots, the best first: of short spot vectors and frequent differences.

    Args:
        spots: at least two.
        weight: (n,) how much each of them counts.
    """
    vectors = spots.vectors_px
    few = np.argsort(-weight)[:160]
    vectors, weight = vectors[few], weight[few]
    candidates = _candidates(vectors, spots.half_width_px)
    first, second = np.triu_indices(len(candidates), 1)
    bases = np.stack([candidates[first], candidates[second]], axis=1)
    length = np.linalg.norm(bases, axis=2)
    area = np.abs(determinants(bases))
    usable = (area > 0.4 * length.prod(1)) & (length.max(1) < 12 * length.min(1))
    bases = bases[usable]
    if not len(bases):
        return []
    width = 0.5 + 0.012 * np.linalg.norm(vectors, axis=1)
    scores = log_density(vectors, bases, width) @ weight
    best = reduced_bases(bases[np.argsort(-scores)[:40]])
    signs = np.array([[[one], [two]] for one in (1, -1) for two in (1, -1)])
    apart = np.abs((best[:, None] * signs)[:, None] - best[None, :, None]).max((-2, -1)).min(2)
    return list(best[_first_of_kind(apart <= 0.03 * np.abs(best).max((1, 2))[:, None], MOST_STARTS)])


def reduced_bases(bases: Array) -> Array:
    """Shortest two vectors (rows) of each of (m, 2, 2) plane nets, at 60 to 90 degrees, the shorter one first.

    Source: Lagrange's reduction of a plane form, as in `zones.reduced`.
    """
    first, second = bases[:, 0].copy(), bases[:, 1].copy()
    for _ in range(64):
        swap = ((second**2).sum(1) < (first**2).sum(1))[:, None]
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        turns = np.rint((first * second).sum(1) / (first**2).sum(1))
        if not turns.any():
            break
        second = second - turns[:, None] * first
    acute = np.where((first * second).sum(1) < 0, -1.0, 1.0)
    return np.stack([first, second * acute[:, None]], axis=1)


def determinants(bases: Array) -> Array:
    """Determinants (...) of matrices (..., 2, 2); faster than `numpy.linalg` for a few of them."""
    return np.asarray(bases[..., 0, 0] * bases[..., 1, 1] - bases[..., 0, 1] * bases[..., 1, 0])


def inverses(bases: Array) -> Array:
    """Inverses (..., 2, 2) of regular matrices, likewise."""
    turned = np.empty_like(bases)
    turned[..., 0, 0], turned[..., 1, 1] = bases[..., 1, 1], bases[..., 0, 0]
    turned[..., 0, 1], turned[..., 1, 0] = -bases[..., 0, 1], -bases[..., 1, 0]
    return np.asarray(turned / determinants(bases)[..., None, None])


def log_density(vectors: Array, bases: Array, width: Array) -> Array:
    """Logarithm of the density of n spots (m, n) for m bases, over that of an evenly filled picture.

    vectors: (n, 2), or (m, n, 2) where every net has its own centre [px]; bases (m, 2, 2); width (n,) or (m, n):
    misfit of a spot along x or y [px].
    """
    return np.asarray(np.log(OUTLIER_DENSITY + (1 - OUTLIER_DENSITY) * node_density(vectors, bases, width)))


def node_density(vectors: Array, bases: Array, width: Array) -> Array:
    """The same for spots that all lie on nodes, not its logarithm."""
    parts = vectors @ inverses(bases)
    miss = (parts - np.rint(parts)) @ bases
    area = np.abs(determinants(bases))[:, None]
    return np.asarray(area * np.exp(-(miss**2).sum(-1) / (2 * width**2)) / (2 * np.pi * width**2))


def _candidates(vectors: Array, half_width: float) -> Array:
    """Short vectors (m, 2) that may span the net, one of each pair +v, -v."""
    bright, reach = vectors[:70], REACH_SHARE * half_width
    apart = (bright[:, None] - bright[None]).reshape(-1, 2)
    distance = np.sqrt((apart**2).sum(1))
    apart = apart[(distance > LEAST_STEP_PX) & (distance < reach)]
    edges = np.arange(-reach, reach + 1.0, 1.0)
    count = len(edges) - 1
    bins = np.floor(apart + reach).astype(np.int64)
    bins = bins[((bins >= 0) & (bins < count)).all(1)]
    votes = np.bincount(bins[:, 0] * count + bins[:, 1], minlength=count**2).reshape(count, count).astype(float)
    votes = ndimage.gaussian_filter(votes, 1.0)
    peak = (votes == ndimage.maximum_filter(votes, 5)) & (votes > 0)
    peak[: len(edges) // 2] = False
    at = np.argwhere(peak)
    centres = edges[at] + 0.5
    # Frequent and short ones first: every net vector has multiples.
    order = np.argsort(-votes[peak] / (1 + np.linalg.norm(centres, axis=1) / half_width))[:26]
    near = ((apart[None] - centres[order][:, None]) ** 2).sum(-1) < NEAR_PEAK_PX**2
    members = near.sum(1)[:, None]
    frequent = np.where(members > 0, near @ apart / np.maximum(members, 1), centres[order])
    short = vectors[np.argsort((vectors**2).sum(1))[:24]]
    both = np.concatenate([frequent, short])
    both = np.where((both[:, :1] < 0) | ((both[:, :1] == 0) & (both[:, 1:] < 0)), -both, both)
    both = both[(both**2).sum(1) > LEAST_STEP_PX**2]
    gap = np.minimum(*(((both[:, None] - sign * both[None]) ** 2).sum(-1) for sign in (1, -1)))
    return np.asarray(both[_first_of_kind(gap <= SAME_VECTOR_PX**2, len(both))])


def _first_of_kind(alike: Mask, most: int) -> list[int]:
    """Numbers of the entries, in order, that are like no kept one before: alike[i, j] for i after j."""
    kept: list[int] = []
    dropped = np.zeros(len(alike), dtype=bool)
    for number in range(len(alike)):
        if not dropped[number] and len(kept) < most:
            kept.append(number)
            dropped |= alike[:, number]
    return kept
