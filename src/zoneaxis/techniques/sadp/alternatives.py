"""Alternatives: other nets that a picture may show when its faint spots are not reflections of the zone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.net import Net, fit_net, refined_net, rival_nets, spot_weights
from zoneaxis.techniques.sadp.spots import Spots, some_spots

Array = NDArray[np.float64]

BRIGHTEST = (0.6, 0.4, 0.25)
"""Shares of the spots, the brightest of their distance, that are asked alone. Source: our choice; nets of upper Laue
zones are two to four times as fine as those of the zone."""

MOST_NETS = 6
"""Of one picture. Source: our choice; bounds the time."""

COARSER_NETS = tuple(
    np.array([[index // step, shift], [0, step]])
    for index in (2, 3, 4, 5, 6, 8)
    for step in range(1, index + 1)
    if index % step == 0
    for shift in range(step)
)
"""Every sublattice of a plane net that holds a half, a third or a quarter of its nodes, in Hermite's form."""

BRIGHTER_SHARE = 0.85
"""Share of pairs, of like distance, of which the spot on the coarser net is the brighter one. Source: our choice; half
by chance."""

LEAST_COMPARED = 8
"""Such pairs at least. Source: our choice; two on the net against four off it."""

ANNULUS_SHARE = 0.12
"""Half width of the ring in which the brightness of spots is compared, as a share of the half width of the picture.
Source: our choice; two shortest vectors of a usual net."""


def fit_nets(spots: Spots) -> tuple[Net, ...]:
    """The net that makes the spots most likely, and what the brightest spots alone would say, the most likely first.

    Fine nets may owe their faint spots to upper Laue zones or to streaks of a thin crystal, which lie between the nodes
    of the zone; a faint superstructure looks the same. Which it is only several pictures together can say.

    Args:
        spots: of one picture, as `find_spots` gives them.

    Returns: at most `MOST_NETS` nets of different metric; only the first may be untested. Empty where nothing fits.

    Raises:
        InputError: positions that are not finite.
    """
    rivals = rival_nets(spots)
    if not rivals:
        return ()
    nets = list(rivals[:1])
    for net in rivals[1:]:
        _add(nets, net)
    weight = spot_weights(spots)
    brightness = _brightness(spots)
    for net in nets:
        # The list grows: a coarser net may hold a still coarser one.
        for basis in _brighter(spots, net, brightness):
            _add(nets, refined_net(spots, weight, basis))
    rank = np.argsort(np.argsort(brightness, kind="stable"), kind="stable") / max(len(spots) - 1, 1)
    for share in BRIGHTEST:
        few = rank >= 1 - share
        alone = fit_net(some_spots(spots, few), look_for_second=False)
        if alone is not None and alone.tested:
            _add(nets, refined_net(spots, weight, alone.basis_px))
    return tuple(nets[:MOST_NETS])


def _add(nets: list[Net], net: Net | None) -> None:
    """Add a net that is tested and has another metric than all before."""
    if net is not None and net.tested and all(_differ(net, old) for old in nets):
        nets.append(net)


def _brightness(spots: Spots) -> Array:
    """(n,) every spot's share of the brightest at about its distance."""
    near = _neighbours(spots)
    return np.asarray(spots.intensity / np.maximum(np.where(near, spots.intensity[None], 0).max(1), 1e-300))


def _neighbours(spots: Spots) -> NDArray[np.bool_]:
    """(n, n) whether two spots are at about one distance from the centre."""
    length = np.linalg.norm(spots.vectors_px, axis=1)
    return np.asarray(np.abs(length[:, None] - length[None]) < ANNULUS_SHARE * spots.half_width_px)


def _brighter(spots: Spots, net: Net, brightness: Array) -> list[Array]:
    """Bases of coarser nets whose nodes are brighter than the others at their distance, the surest first."""
    near = _neighbours(spots) & net.on_net[:, None] & net.on_net[None]
    brighter = brightness[:, None] > brightness[None]
    found = []
    for turn in COARSER_NETS:
        parts = net.indices @ np.linalg.inv(turn)
        on = np.abs(parts - np.rint(parts)).max(1) < 1e-6
        pairs = near & on[:, None] & ~on[None]
        share = float((pairs & brighter).sum() / max(pairs.sum(), 1))
        if pairs.sum() >= LEAST_COMPARED and share >= BRIGHTER_SHARE:
            found.append((share, turn))
    found.sort(key=lambda entry: -entry[0])
    return [turn @ net.basis_px for _, turn in found[:2]]


def _differ(first: Net, second: Net) -> bool:
    """Whether two nets have other metrics."""
    one, two = (net.basis_px @ net.basis_px.T for net in (first, second))
    return bool(np.abs(np.linalg.solve(one, two) - np.eye(2)).max() > 0.03)
