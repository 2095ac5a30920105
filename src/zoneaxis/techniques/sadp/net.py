"""Net: the plane lattice on which the spots of a picture lie, and a second one when a twin gives the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.spots import Spots, some_spots
from zoneaxis.techniques.sadp.zones import reduced

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

LEAST_SPOTS = 4
"""A net needs two vectors and their partners. Source: a plane net has four parameters."""

OUTLIER_DENSITY = 0.15
"""Density of spots off the net, relative to that of a picture filled evenly. Source: our choice; noise, upper Laue
zones, twins."""

POSITION_FLOOR_PX = 0.25
"""Misfit of single spots that a good net leaves [px]. Source: our choice; excitation moves spots of thin crystals."""

BEND_PX = 0.5
"""Further misfit of spots at the trusted radius, growing with the square of the distance [px]. Source: our choice; the
sphere leaves the plane of the zone as q^2."""

TRUSTED_SHARE = 0.55
"""Radius that is trusted, as a share of the half width: spots beyond count less and less, because upper Laue zones
begin there. Source: our choice."""

LEAST_STEP_PX = 3.5
"""Shortest vector of a net [px]. Source: our choice; nearer spots of a laboratory camera run into one another."""

LEAST_GAIN = 9.0
"""Gain in the logarithm of the likelihood that a second net must bring. Source: our choice; four free numbers and a
chance of about 1e-2 for the search."""

LEAST_CHI2 = 0.05
"""Least factor by which the misfit of all spots may narrow the uncertainty of a net. Source: our choice; spots of a
clean picture lie within 0.06 px, a quarter of `POSITION_FLOOR_PX`."""

LEAST_ONLY = 6
"""Spots that only the second net explains, at least. Source: our choice; three pairs, one more than define a net."""

MOST_STARTS = 10
"""Rough nets that are refined. Source: our choice; bounds the time."""

PARTNER_PX = 1.8
"""Farthest that a spot may lie from where its partner points [px]. Source: our choice; both shift by noise."""

LONELY_WEIGHT = 0.1
"""Weight of a spot without partner. Source: our choice; Friedel's law."""

MIRRORS = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2), (3, 1), (1, 3), (3, -1), (1, -3))
"""Net directions in which a twin may mirror the net. Source: our choice; twin planes have low indices."""


@dataclass(frozen=True)
class Net:
    """A plane net.

    Attributes:
        centre_px: (2,) x, y of its origin, the direct beam.
        basis_px: (2, 2) rows: the two shortest vectors, at 60 to 90 degrees, x right, y down [px].
        covariance_px2: (4, 4) of (b1x, b1y, b2x, b2y) [px^2].
        indices: (n, 2) nearest node of every spot.
        on_net: (n,) whether the spot lies there.
        share_of_spots, share_of_intensity: what the net explains, spots far from the centre counting less.
        pairs, pairs_off_row: nodes seen with their opposite (one of a pair may be hidden), each pair counting once; and
            those off the fullest row through the centre.
        score: logarithm of the likelihood over that of an evenly filled picture.
        second: another net for the rest, such as that of a twin; None when there is none.
    """

    centre_px: Array
    basis_px: Array
    covariance_px2: Array
    indices: Whole
    on_net: NDArray[np.bool_]
    share_of_spots: float
    share_of_intensity: float
    pairs: int
    pairs_off_row: int
    score: float
    second: Net | None = None

    @property
    def tested(self) -> bool:
        """Whether more spots lie on the net than define it: three pairs at least, two of them off the fullest row."""
        return self.pairs >= 3 and self.pairs_off_row >= 2

    @property
    def area_px2(self) -> float:
        """Area of a mesh [px^2]."""
        return abs(float(np.linalg.det(self.basis_px)))

    @property
    def share_with_second(self) -> float:
        """Share of the spots that one of the two nets explains."""
        if self.second is None:
            return self.share_of_spots
        return min(1.0, self.share_of_spots + self.second.share_of_spots)


def fit_net(spots: Spots, *, look_for_second: bool = True) -> Net | None:
    """The net that makes the spots most likely; None when there are too few spots or nothing fits.

    A spot is either strewn evenly or lies on a node, so a coarse net that explains nearly everything wins over a fine
    one, and a fine one over a coarse one that leaves many spots out. The centre is fitted with the net. Two nets of one
    metric, mirrored, compete with the fine net that holds both.

    Args:
        spots: of one picture, as `find_spots` gives them.
        look_for_second: whether to try twins and other second nets.

    Raises:
        InputError: positions that are not finite.
    """
    if not np.isfinite(spots.xy_px).all():
        raise InputError("spots: expected finite positions")
    if len(spots) < LEAST_SPOTS:
        return None
    weight = spot_weights(spots)
    found = [refined_net(spots, weight, basis) for basis in _started(spots, weight)]
    nets = _distinct([net for net in found if net is not None])
    if not nets:
        return None
    if not look_for_second:
        return nets[0]
    return max((_with_second(spots, weight, net) for net in nets[:6]), key=_total)


def spot_weights(spots: Spots) -> Array:
    """(n,) how much each spot counts: less when faint, far from the centre, or without a partner across the centre."""
    vectors = spots.vectors_px
    length = np.linalg.norm(vectors, axis=1)
    weight = spots.snr / (spots.snr + 5) / (1 + (length / (TRUSTED_SHARE * spots.half_width_px)) ** 4)
    return np.asarray(weight * np.where(_lonely(spots), LONELY_WEIGHT, 1.0))


def _lonely(spots: Spots) -> NDArray[np.bool_]:
    """Whether the partner of a spot across the centre could be seen and is not there: then it is noise."""
    gap = np.linalg.norm(spots.vectors_px[:, None] + spots.vectors_px[None], axis=-1).min(1)
    return np.asarray((gap > PARTNER_PX) & spots.visible(spots.centre_px - spots.vectors_px, 3.0))


def _total(net: Net) -> float:
    return net.score if net.second is None else net.second.score


def _started(spots: Spots, weight: Array) -> list[Array]:
    """Rough bases, the most likely first: pairs of short spot vectors and of frequent differences."""
    vectors = spots.vectors_px
    few = np.argsort(-weight)[:160]
    vectors, weight = vectors[few], weight[few]
    candidates = _candidates(vectors, spots.half_width_px)
    first, second = np.triu_indices(len(candidates), 1)
    bases = np.stack([candidates[first], candidates[second]], axis=1)
    length = np.linalg.norm(bases, axis=2)
    area = np.abs(np.linalg.det(bases))
    usable = (area > 0.4 * length.prod(1)) & (length.max(1) < 12 * length.min(1))
    bases = bases[usable]
    if not len(bases):
        return []
    width = 0.5 + 0.012 * np.linalg.norm(vectors, axis=1)
    scores = _log_density(vectors, bases, width) @ weight
    kept: list[Array] = []
    for number in np.argsort(-scores)[:40]:
        basis = reduced(bases[number])
        signed = [basis * np.array([[one], [two]]) for one in (1, -1) for two in (1, -1)]
        if all(min(np.abs(sign - old).max() for sign in signed) > 0.03 * np.abs(basis).max() for old in kept):
            kept.append(basis)
    return kept[:MOST_STARTS]


def _candidates(vectors: Array, half_width: float) -> Array:
    """Short vectors (m, 2) that may span the net, one of each pair +v, -v."""
    bright = vectors[:70]
    apart = (bright[:, None] - bright[None]).reshape(-1, 2)
    apart = apart[(np.linalg.norm(apart, axis=1) > LEAST_STEP_PX) & (np.linalg.norm(apart, axis=1) < 0.7 * half_width)]
    reach = 0.7 * half_width
    edges = np.arange(-reach, reach + 1.0, 1.0)
    votes, *_ = np.histogram2d(apart[:, 0], apart[:, 1], bins=(edges, edges))
    votes = ndimage.gaussian_filter(votes, 1.0)
    peak = (votes == ndimage.maximum_filter(votes, 5)) & (votes > 0)
    peak[: len(edges) // 2] = False
    at = np.argwhere(peak)
    centres = edges[at] + 0.5
    # Frequent and short ones first: every net vector has multiples.
    order = np.argsort(-votes[peak] / (1 + np.linalg.norm(centres, axis=1) / half_width))[:26]
    frequent = []
    for centre in centres[order]:
        near = np.linalg.norm(apart - centre, axis=1) < 1.6
        frequent.append(apart[near].mean(0) if near.any() else centre)
    length = np.linalg.norm(vectors, axis=1)
    short = vectors[np.argsort(length)[:24]]
    both = np.concatenate([np.array(frequent).reshape(-1, 2), short])
    both = np.where((both[:, :1] < 0) | ((both[:, :1] == 0) & (both[:, 1:] < 0)), -both, both)
    both = both[np.linalg.norm(both, axis=1) > LEAST_STEP_PX]
    kept: list[Array] = []
    for vector in both:
        if all(min(np.linalg.norm(vector - old), np.linalg.norm(vector + old)) > 0.7 for old in kept):
            kept.append(vector)
    return np.array(kept).reshape(-1, 2)


def _log_density(vectors: Array, bases: Array, width: Array) -> Array:
    """(m, n) logarithm of the density of n spots for m bases, over that of an evenly filled picture."""
    return np.log(OUTLIER_DENSITY + (1 - OUTLIER_DENSITY) * _node_density(vectors, bases, width))


def _node_density(vectors: Array, bases: Array, width: Array) -> Array:
    parts = vectors @ np.linalg.inv(bases)
    miss = (parts - np.rint(parts)) @ bases
    area = np.abs(np.linalg.det(bases))[:, None]
    return np.asarray(area * np.exp(-(miss**2).sum(-1) / (2 * width**2)) / (2 * np.pi * width**2))


def _width(spots: Spots, vectors: Array) -> Array:
    """(n,) misfit along x or y that a spot of a good net may have [px]."""
    share = np.linalg.norm(vectors, axis=1) / (TRUSTED_SHARE * spots.half_width_px)
    return np.sqrt(spots.sigma_px**2 + POSITION_FLOOR_PX**2 + (BEND_PX * share**2) ** 2)


def refined_net(spots: Spots, weight: Array, basis: Array, *, keep_centre: bool = False) -> Net | None:
    """Least squares from a rough basis, over a radius that grows as the net gets sharper."""
    centre = spots.centre_px.copy()
    width = _width(spots, spots.vectors_px)
    length = np.linalg.norm(spots.vectors_px, axis=1)
    step = float(np.linalg.norm(basis, axis=1).max())
    normal = np.eye(3)
    for reach in (2.2 * step, 3.5 * step, 6 * step, 12 * step, np.inf, np.inf):
        vectors = spots.xy_px - centre
        indices = np.rint(vectors @ np.linalg.inv(basis))
        miss = np.linalg.norm(vectors - indices @ basis, axis=1)
        used = (length < reach) & (miss < np.minimum(3 * width + 0.6, 0.3 * step)) & indices.any(1)
        if np.linalg.matrix_rank(indices[used]) < 2:
            continue
        design = np.column_stack([np.ones(len(indices)), indices])[used]
        size = 1 / width[used] * np.sqrt(weight[used])
        # The direct beam itself is a node: the centre found from pairs holds to half a pixel.
        prior = np.diag([1e6 if keep_centre else 1 / 0.5**2, 0.0, 0.0])
        normal = (design * size[:, None] ** 2).T @ design + prior
        start = np.zeros((3, 2))
        start[0] = spots.centre_px
        right = (design * size[:, None] ** 2).T @ spots.xy_px[used] + prior @ start
        if np.linalg.matrix_rank(normal) < 3:
            return None
        solved = np.linalg.solve(normal, right)
        centre, basis = solved[0], solved[1:]
        if abs(np.linalg.det(basis)) < LEAST_STEP_PX**2 / 2:
            return None
    inverse = np.linalg.inv(normal) if np.linalg.matrix_rank(normal) == 3 else None
    if inverse is None:
        return None
    turned = reduced(basis)
    change = np.rint(turned @ np.linalg.inv(basis))
    if np.linalg.norm(turned, axis=1).min() < LEAST_STEP_PX:
        return None
    return _net(spots, weight, centre, turned, change @ inverse[1:, 1:] @ change.T)


def _net(spots: Spots, weight: Array, centre: Array, basis: Array, spread: Array) -> Net:
    vectors = spots.xy_px - centre
    width = _width(spots, vectors)
    indices = np.rint(vectors @ np.linalg.inv(basis)).astype(np.int64)
    miss = np.linalg.norm(vectors - indices @ basis, axis=1)
    on_net = (miss < 3 * width + 0.2) & (miss < 0.3 * np.linalg.norm(basis, axis=1).min()) & indices.any(1)
    strength = np.sqrt(np.maximum(spots.intensity, 0)) * weight
    # Four spots of unit misfit are added, because the misfit of few spots is itself uncertain.
    chi2 = float(((miss / width)[on_net] ** 2).sum() / 2 + 4) / (float(on_net.sum()) + 4)
    pairs, off_row = _pairs(indices[on_net & ~_lonely(spots)])
    return Net(
        centre_px=centre,
        basis_px=basis,
        covariance_px2=np.asarray(np.kron(spread, np.eye(2)) * max(chi2, LEAST_CHI2), dtype=np.float64),
        indices=indices,
        on_net=on_net,
        share_of_spots=float(weight[on_net].sum() / weight.sum()),
        share_of_intensity=float(strength[on_net].sum() / max(strength.sum(), 1e-300)),
        pairs=pairs,
        pairs_off_row=off_row,
        score=float(_log_density(vectors, basis[None], width)[0] @ weight),
    )


def _pairs(indices: Whole) -> tuple[int, int]:
    """Number of nodes up to sign, and of those off the fullest row through the origin."""
    if not len(indices):
        return 0, 0
    flip = (indices[:, 0] < 0) | ((indices[:, 0] == 0) & (indices[:, 1] < 0))
    nodes = np.unique(np.where(flip[:, None], -indices, indices), axis=0)
    rows = nodes // np.gcd(nodes[:, 0], nodes[:, 1])[:, None]
    _, count = np.unique(rows, axis=0, return_counts=True)
    return len(nodes), len(nodes) - int(count.max())


def _distinct(nets: list[Net]) -> list[Net]:
    kept: list[Net] = []
    for net in sorted(nets, key=lambda net: -net.score):
        if all(np.abs(net.basis_px @ np.linalg.inv(old.basis_px) - np.eye(2)).max() > 0.02 for old in kept) and all(
            abs(net.score - old.score) > 1e-3 for old in kept
        ):
            kept.append(net)
    return kept


def _with_second(spots: Spots, weight: Array, net: Net) -> Net:
    """The net with the second one that gains most, or without when none gains enough."""
    vectors = spots.xy_px - net.centre_px
    width = _width(spots, vectors)
    own = _node_density(vectors, net.basis_px[None], width)[0]
    tried = [net.basis_px @ _mirror(np.array(direction) @ net.basis_px) for direction in MIRRORS]
    rest = ~net.on_net
    if rest.sum() >= 2 * LEAST_SPOTS:
        left = replace(some_spots(spots, rest), centre_px=net.centre_px)
        for basis in _started(left, weight[rest])[:3]:
            other = refined_net(left, weight[rest], basis, keep_centre=True)
            if other is not None:
                tried.append(other.basis_px)
    tried = [basis for basis in tried if not _half_step(net.basis_px, basis)]
    if not tried:
        return net
    together = _shared_score(weight, own, _node_density(vectors, np.array(tried), width))
    best = int(np.argmax(together))
    if together[best] < net.score + LEAST_GAIN:
        return net
    centred = replace(spots, centre_px=net.centre_px)
    second = refined_net(centred, weight * (0.3 + 0.7 * rest), tried[best], keep_centre=True)
    if second is None:
        return net
    score = float(_shared_score(weight, own, _node_density(vectors, second.basis_px[None], width))[0])
    only = second.on_net & rest
    if score < net.score + LEAST_GAIN or only.sum() < LEAST_ONLY or _half_step(net.basis_px, second.basis_px):
        return net
    share = float(weight[only].sum() / weight.sum())
    return replace(net, second=replace(second, score=score, share_of_spots=share))


def _half_step(first: Array, second: Array) -> bool:
    """Whether two nets are halves of one finer net, which is the simpler account; twins share a third."""
    steps = 2 * second @ np.linalg.inv(first)
    return bool(np.abs(steps - np.rint(steps)).max() < 0.06)


def _shared_score(weight: Array, own: Array, other: Array) -> Array:
    return np.asarray(np.log(OUTLIER_DENSITY + (1 - OUTLIER_DENSITY) * (own + other) / 2) @ weight)


def _mirror(direction: Array) -> Array:
    """Reflection (2, 2) of row vectors in the line across a direction."""
    unit = direction / np.linalg.norm(direction)
    return np.eye(2) - 2 * np.outer(unit, unit)
