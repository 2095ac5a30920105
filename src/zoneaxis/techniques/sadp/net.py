"""Net: the plane lattice on which the spots of a picture lie, and a second one when a twin gives the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.net_starts import (
    LEAST_STEP_PX,
    OUTLIER_DENSITY,
    determinants,
    inverses,
    log_density,
    node_density,
    reduced_bases,
    rough_bases,
)
from zoneaxis.techniques.sadp.spots import Spots, some_spots

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

LEAST_SPOTS = 4
"""A net needs two vectors and their partners. Source: a plane net has four parameters."""

POSITION_FLOOR_PX = 0.25
"""Misfit of single spots that a good net leaves [px]. Source: our choice; excitation moves spots of thin crystals."""

BEND_PX = 0.5
"""Further misfit of spots at the trusted radius, growing with the square of the distance [px]. Source: our choice; the
sphere leaves the plane of the zone as q^2."""

TRUSTED_SHARE = 0.55
"""Radius that is trusted, as a share of the half width: spots beyond count less and less, because upper Laue zones
begin there. Source: our choice."""

LEAST_GAIN = 9.0
"""Gain in the logarithm of the likelihood that a second net must bring to a first one. Source: our choice; four free
numbers and a chance of about 1e-2 for the search."""

TWIN_GAIN, OTHER_GAIN = 6.0, 20.0
"""Gain over the best net alone from which two nets are the better account, where both have one area, and where they
have not. Source: our choice; two nets that were fitted to pictures of one perfect crystal gain less than 12 nine times
in ten, and a twin of aluminium or iron may gain no more than 6 to 9: a fine net of all spots explains it as well."""

TWIN_AREA = 0.03
"""Relative difference of the areas of two nets of one metric. Source: our choice; strains of a per cent or two."""

LEAST_CHI2 = 0.05
"""Least factor by which the misfit of all spots may narrow the uncertainty of a net. Source: our choice; spots of a
clean picture lie within 0.06 px, a quarter of `POSITION_FLOOR_PX`."""

LEAST_ONLY = 6
"""Spots that only the second net explains, at least. Source: our choice; three pairs, one more than define a net."""

LONELY_WEIGHT = 0.1
"""Weight of a spot without partner. Source: our choice; Friedel's law."""

LINE = 1 << 20
"""Two indices become one number. Source: above any index of a spot."""

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
    nets = rival_nets(spots, look_for_second=look_for_second)
    return nets[0] if nets else None


def rival_nets(spots: Spots, *, look_for_second: bool = True) -> tuple[Net, ...]:
    """The net that makes the spots most likely, as `fit_net`, and the runner-up of the other kind.

    One kind is a net for all spots, the other a net of two, of which only the first comes back as a runner-up.
    """
    if not np.isfinite(spots.xy_px).all():
        raise InputError("spots: expected finite positions")
    if len(spots) < LEAST_SPOTS:
        return ()
    weight = spot_weights(spots)
    bases = rough_bases(spots, weight)
    if not bases:
        return ()
    nets = _best(spots, weight, _refined(spots, weight, np.array(bases)), 6 if look_for_second else 1)
    if not nets or not look_for_second:
        return tuple(nets)
    single = nets[0]
    pairs = [net for net in (_with_second(spots, weight, net) for net in nets) if net.second is not None]
    if not pairs:
        return (single,)
    pair = max(pairs, key=_total)
    assert pair.second is not None
    twin = abs(pair.second.area_px2 / pair.area_px2 - 1) < TWIN_AREA
    if _total(pair) - single.score >= (TWIN_GAIN if twin else OTHER_GAIN):
        return pair, single
    return single, replace(pair, second=None)


def spot_weights(spots: Spots) -> Array:
    """(n,) how much each spot counts: less when faint, far from the centre, or without a partner across the centre."""
    vectors = spots.vectors_px
    length = np.linalg.norm(vectors, axis=1)
    weight = spots.snr / (spots.snr + 5) / (1 + (length / (TRUSTED_SHARE * spots.half_width_px)) ** 4)
    return np.asarray(weight * np.where(spots.lonely, LONELY_WEIGHT, 1.0))


def _total(net: Net) -> float:
    return net.score if net.second is None else net.second.score


def _width(spots: Spots, vectors: Array) -> Array:
    """Misfit along x or y that spots at vectors (..., n, 2) of a good net may have, (..., n) [px]."""
    share = np.linalg.norm(vectors, axis=-1) / (TRUSTED_SHARE * spots.half_width_px)
    return np.sqrt(spots.sigma_px**2 + POSITION_FLOOR_PX**2 + (BEND_PX * share**2) ** 2)


def refined_net(spots: Spots, weight: Array, basis: Array, *, keep_centre: bool = False) -> Net | None:
    """Least squares from a rough basis (2, 2), over a radius that grows as the net gets sharper; None if it is lost.

    Args:
        spots: of one picture.
        weight: (n,) how much each of them counts.
        basis: rows are two vectors [px].
        keep_centre: whether the centre of the spots is known.
    """
    nets = _best(spots, weight, _refined(spots, weight, basis[None], keep_centre=keep_centre), 1)
    return nets[0] if nets else None


@dataclass(frozen=True, eq=False)
class _Refined:
    """Several nets after least squares: centre (m, 2), basis (m, 2, 2), covariance of a component, (m, 2, 2), score."""

    centre: Array
    basis: Array
    spread: Array
    score: Array


def _refined(spots: Spots, weight: Array, bases: Array, *, keep_centre: bool = False) -> _Refined:
    """Least squares from rough bases (m, 2, 2); those whose mesh shrinks to nothing are left out."""
    width = _width(spots, spots.vectors_px)
    length = np.linalg.norm(spots.vectors_px, axis=1)
    step = np.linalg.norm(bases, axis=2).max(1)[:, None]
    centre, basis = np.tile(spots.centre_px, (len(bases), 1)), bases.astype(float)
    inverse = np.tile(np.eye(3), (len(bases), 1, 1))
    alive = np.ones(len(bases), dtype=bool)
    # The direct beam itself is a node: the centre found from pairs holds to half a pixel.
    prior = np.diag([1e6 if keep_centre else 1 / 0.5**2, 0.0, 0.0])
    start = np.zeros((3, 2))
    start[0] = prior[0, 0] * spots.centre_px
    for reach in (2.2, 3.5, 6.0, 12.0, np.inf, np.inf):
        vectors = spots.xy_px - centre[:, None]
        indices = np.rint(vectors @ inverses(basis))
        miss = np.sqrt(((vectors - indices @ basis) ** 2).sum(-1))
        used = (length < reach * step) & (miss < np.minimum(3 * width + 0.6, 0.3 * step)) & indices.any(-1)
        size = np.where(used, weight / width**2, 0.0)[..., None]
        design = np.concatenate([np.ones_like(indices[..., :1]), indices], axis=-1)
        weighted = (design * size).swapaxes(1, 2)
        normal, right = weighted @ design + prior, weighted @ spots.xy_px + start
        chosen = indices * used[..., None]
        # Spots on one row through the centre fix no net.
        solvable = alive & (determinants(chosen.swapaxes(1, 2) @ chosen) > 0.5)
        inverse[solvable] = np.linalg.inv(normal[solvable])
        solved = inverse[solvable] @ right[solvable]
        alive[solvable] = np.abs(determinants(solved[:, 1:])) >= LEAST_STEP_PX**2 / 2
        solvable[solvable] = alive[solvable]
        centre[solvable], basis[solvable] = solved[alive[solvable], 0], solved[alive[solvable], 1:]
    turned = reduced_bases(basis)
    change = np.rint(turned @ np.linalg.inv(basis))
    spread = change @ inverse[:, 1:, 1:] @ change.swapaxes(1, 2)
    alive &= np.linalg.norm(turned, axis=2).min(1) >= LEAST_STEP_PX
    centre, turned, spread = centre[alive], turned[alive], spread[alive]
    vectors = spots.xy_px - centre[:, None]
    score = log_density(vectors, turned, _width(spots, vectors)) @ weight
    return _Refined(centre, turned, spread, score)


def _best(spots: Spots, weight: Array, found: _Refined, most: int) -> list[Net]:
    """The nets of best score, at most so many of different bases."""
    kept: list[int] = []
    for number in np.argsort(-found.score, kind="stable").tolist():
        relative = found.basis[number] @ np.linalg.inv(found.basis[kept])
        other = np.abs(relative - np.eye(2)).max((1, 2)) > 0.02
        if (other & (np.abs(found.score[number] - found.score[kept]) > 1e-3)).all():
            kept.append(number)
        if len(kept) == most:
            break
    return [_net(spots, weight, found, number) for number in kept]


def _net(spots: Spots, weight: Array, found: _Refined, number: int) -> Net:
    centre, basis = found.centre[number], found.basis[number]
    vectors = spots.xy_px - centre
    width = _width(spots, vectors)
    indices = np.rint(vectors @ np.linalg.inv(basis)).astype(np.int64)
    miss = np.linalg.norm(vectors - indices @ basis, axis=1)
    on_net = (miss < 3 * width + 0.2) & (miss < 0.3 * np.linalg.norm(basis, axis=1).min()) & indices.any(1)
    strength = np.sqrt(np.maximum(spots.intensity, 0)) * weight
    # Four spots of unit misfit are added, because the misfit of few spots is itself uncertain.
    chi2 = float(((miss / width)[on_net] ** 2).sum() / 2 + 4) / (float(on_net.sum()) + 4)
    pairs, off_row = _pairs(indices[on_net & ~spots.lonely])
    return Net(
        centre_px=centre,
        basis_px=basis,
        covariance_px2=np.asarray(np.kron(found.spread[number], np.eye(2)) * max(chi2, LEAST_CHI2), dtype=np.float64),
        indices=indices,
        on_net=on_net,
        share_of_spots=float(weight[on_net].sum() / weight.sum()),
        share_of_intensity=float(strength[on_net].sum() / max(strength.sum(), 1e-300)),
        pairs=pairs,
        pairs_off_row=off_row,
        score=float(found.score[number]),
    )


def _pairs(indices: Whole) -> tuple[int, int]:
    """Number of nodes up to sign, and of those off the fullest row through the origin."""
    if not len(indices):
        return 0, 0
    flip = (indices[:, 0] < 0) | ((indices[:, 0] == 0) & (indices[:, 1] < 0))
    nodes = np.where(flip[:, None], -indices, indices)
    nodes = nodes[np.unique(nodes @ [LINE, 1], return_index=True)[1]]
    rows = nodes // np.gcd(nodes[:, 0], nodes[:, 1])[:, None]
    _, count = np.unique(rows @ [LINE, 1], return_counts=True)
    return len(nodes), len(nodes) - int(count.max())


def _with_second(spots: Spots, weight: Array, net: Net) -> Net:
    """The net with the second one that gains most, or without when none gains enough."""
    vectors = spots.xy_px - net.centre_px
    width = _width(spots, vectors)
    own = node_density(vectors, net.basis_px[None], width)[0]
    tried = [net.basis_px @ _mirror(np.array(direction) @ net.basis_px) for direction in MIRRORS]
    rest = ~net.on_net
    if rest.sum() >= 2 * LEAST_SPOTS:
        left = replace(some_spots(spots, rest), centre_px=net.centre_px)
        bases = rough_bases(left, weight[rest])[:3]
        if bases:
            tried += list(_refined(left, weight[rest], np.array(bases), keep_centre=True).basis)
    tried = [basis for basis in tried if not _half_step(net.basis_px, basis)]
    if not tried:
        return net
    together = _shared_score(weight, own, node_density(vectors, np.array(tried), width))
    best = int(np.argmax(together))
    if together[best] < net.score + LEAST_GAIN:
        return net
    centred = replace(spots, centre_px=net.centre_px)
    second = refined_net(centred, weight * (0.3 + 0.7 * rest), tried[best], keep_centre=True)
    if second is None:
        return net
    score = float(_shared_score(weight, own, node_density(vectors, second.basis_px[None], width))[0])
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
