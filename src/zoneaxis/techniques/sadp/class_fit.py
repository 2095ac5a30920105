"""Class fit: how well one extinction class, with one lattice parameter, accounts for the nets of all pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.extinction import ExtinctionClass
from zoneaxis.techniques.sadp.matching import Forms, Matches, matches, uncertainties
from zoneaxis.techniques.sadp.net import Net
from zoneaxis.techniques.sadp.presence import Nodes, View, evidence, nodes, view
from zoneaxis.techniques.sadp.spots import Spots
from zoneaxis.techniques.sadp.upper_zones import under_streak, under_upper_zone

Array = NDArray[np.float64]

SMALLEST_A, LARGEST_A = 2.4, 20.0
"""Range of the lattice parameter of a cubic crystal [Å]. Source: our choice; polonium has 3.34, iron 2.87, beryllium
compounds 2.6, and 20 Å shows more than one spot in 5 pixels."""

Choice = tuple[int, int]

LOG_RANGE = math.log(LARGEST_A / SMALLEST_A)

STRAINED_SHARE, STRAIN_WIDTH = 0.2, 0.02
"""Share of crystals that are strained, and the width of their strains. Source: our choice; tests go to 6 %."""

SHOWN_SHARE = 0.7
"""Share of the nets of a strained crystal that are strained themselves. Source: our choice; along some axes a strain
does not show."""

OUTLIER_SHARE = 0.15
"""Share of pictures whose net is none of the crystal's: another crystal, no zone of the list, streaks taken for spots.
Source: one in seven pictures of fresh crystals of `group_structure`, most along [023], [014] and [124]."""

COARSER = 0.2
"""Prior chance that a picture shows only every second node of its class. Source: our choice; what is missing then has
its own price, see `presence.HIDDEN_NODES`."""

FIRST_NET, REACHED_NET, OTHER_NET = 0.65, 0.3, 0.1
"""Prior chance that the likeliest net of a picture is the zone's; that one of its other nets is, where the spots off it
lie under reflections of other Laue zones of the class or on streaks from them; and where they do not. The last two are
shared by all other nets. Source: 0.72, 0.19 and 0.09 of fresh crystals of `group_structure` with edges of 50 to 90 Å;
relrods of thin crystals reach down from upper zones."""

TRIED = 3
"""Lattice parameters of a class whose absences are judged. Source: our choice."""

TIE = 4.0
"""Zones of a picture within this logarithm of the best are told apart by their absences. Source: our choice."""


def log_sum(values: Any) -> Array:
    """Logarithm of the sum of exponentials over the last axis; -inf where all of them are."""
    terms = np.asarray(values, dtype=float)
    largest = np.maximum(terms.max(-1), -1e300)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(terms - largest[..., None]).sum(-1)) + largest)


@dataclass(frozen=True)
class SeenNets:
    """The nets that one picture may show, ready for comparison.

    Attributes:
        nets: the likeliest first.
        nodes: of each net, those that could show a spot.
        step: scale at the centre [1/Å per pixel], or None.
        shape_sigma, scale_sigma: of each net, uncertainty of its distortion (each of two components) and of the
            logarithm of a.
    """

    nets: tuple[Net, ...]
    nodes: tuple[Nodes, ...]
    step: float | None
    shape_sigma: Array
    scale_sigma: Array


@dataclass(frozen=True)
class ClassFit:
    """The best account that a class gives.

    Attributes:
        entry, table: the class and its forms.
        log_likelihood: metric and absences together.
        log_a, log_a_sigma: logarithm of a [Å] and its uncertainty; None and infinite when no picture has a scale.
        log_a_px: for each picture, logarithm of a times its scale, from that picture alone.
        chosen: net and line of the table for each picture, None for one that does not fit.
        alone: logarithm of the likelihood of each picture by itself.
    """

    entry: ExtinctionClass
    table: Forms
    log_likelihood: float
    log_a: float | None
    log_a_sigma: float
    log_a_px: tuple[float, ...]
    chosen: tuple[Choice | None, ...]
    alone: tuple[float, ...]


def seen_nets(spots: Spots, nets: Sequence[Net], step: float | None) -> SeenNets | None:
    """Nets of a picture ready for comparison; None where there is none, or too few spots test them."""
    nets = [net for net in nets if net.tested]
    if not nets:
        return None
    shape, scale = np.array([uncertainties(net) for net in nets]).T
    return SeenNets(tuple(nets), tuple(nodes(spots, net) for net in nets), step, shape, scale)


def log_without_lattice(picture: SeenNets) -> float:
    """Logarithm of the density of a net when the crystal is not cubic: any shape, any scale."""
    return -math.log(LOG_RANGE) if picture.step is not None else 0.0


def class_fit(entry: ExtinctionClass, table: Forms, pictures: list[SeenNets], double_diffraction: bool) -> ClassFit:
    """The best lattice parameter and zones of a class for all pictures together.

    Args:
        entry: the class.
        table: its forms along the zones that are considered.
        pictures: at least one.
        double_diffraction: whether screw and glide absences may be filled.
    """
    found = [matches(picture.nets, table, picture.step) for picture in pictures]
    known: dict[tuple[int, int, int], View] = {}

    def seen(number: int, net: int, line: int) -> View:
        key = (number, net, line)
        if key not in known:
            zone, hkl, index = table.zones[line], table.hkl[line], int(table.index[line])
            known[key] = view(pictures[number].nodes[net], entry, zone, hkl, index, double_diffraction)
        return known[key]

    best: tuple[float, float | None, float, list[int | None]] | None = None
    shapes: list[Array] = []
    for strained, share in ((False, 1 - STRAINED_SHARE), (True, STRAINED_SHARE)):
        if best is not None and None not in best[3]:
            # Every picture fits a crystal without strain.
            break
        shapes = [_shape_density(*one, table, entry, strained) for one in zip(pictures, found, strict=True)]
        for log_a, sigma, metric in _lattice_parameters(pictures, found, shapes, strained):
            chosen = [
                _chosen(picture, match, shape, log_a, partial(seen, number), strained)
                for number, (picture, match, shape) in enumerate(zip(pictures, found, shapes, strict=True))
            ]
            views = [
                seen(number, int(match.net[place]), int(match.line[place]))
                for number, (match, place) in enumerate(zip(found, chosen, strict=True))
                if place is not None
            ]
            total = metric + evidence(views) + math.log(share)
            if best is None or total > best[0]:
                best = (total, log_a, sigma, chosen)
    assert best is not None
    _, log_a, sigma, chosen = best
    own, choices = [], []
    for picture, match, place in zip(pictures, found, chosen, strict=True):
        step = math.log(picture.step) if picture.step else 0.0
        own.append(math.nan if place is None else float(match.log_a[place]) + step)
        choices.append(None if place is None else (int(match.net[place]), int(match.line[place])))
    alone = tuple(
        _alone(picture, match, shape, partial(seen, number))
        for number, (picture, match, shape) in enumerate(zip(pictures, found, shapes, strict=True))
    )
    return ClassFit(entry, table, best[0], log_a, sigma, tuple(own), tuple(choices), alone)


def _chosen(
    picture: SeenNets,
    match: Matches,
    shape: Array,
    log_a: float | None,
    seen: Callable[[int, int], View],
    strained: bool,
) -> int | None:
    """The best match of a picture for a lattice parameter, near ones told apart by their absences; None: an outlier."""
    local = shape if log_a is None or picture.step is None else shape + _scale_density(picture, match, log_a, strained)
    lost = math.log(OUTLIER_SHARE) + log_without_lattice(picture)
    if not len(local) or local.max() < lost:
        return None
    near = np.nonzero(local > local.max() - TIE)[0]
    if len(near) == 1:
        return int(near[0])
    near = near[np.argsort(-local[near])[:6]]
    told = [float(local[n]) + evidence([seen(int(match.net[n]), int(match.line[n]))]) for n in near]
    return int(near[int(np.argmax(told))])


def _shape_density(picture: SeenNets, match: Matches, table: Forms, entry: ExtinctionClass, strained: bool) -> Array:
    """Logarithm of the prior of each line times the density of its distortion, in two components."""
    narrow, size = picture.shape_sigma[match.net] ** 2, match.misfit**2
    density = -size / (2 * narrow) - np.log(2 * math.pi * narrow)
    if strained:
        wide = narrow + STRAIN_WIDTH**2
        spread = -size / (2 * wide) - np.log(2 * math.pi * wide)
        density = np.logaddexp(math.log(1 - SHOWN_SHARE) + density, math.log(SHOWN_SHARE) + spread)
    density = density + _net_prior(picture, match, table, entry)
    coarse = np.where(table.index[match.line] > 1, math.log(COARSER), 0.0)
    inside = np.ones(len(match.line), dtype=bool)
    if picture.step is not None:
        inside = (match.log_a > math.log(SMALLEST_A)) & (match.log_a < math.log(LARGEST_A))
    zones = len(set(table.zones))
    return np.where(inside, density + coarse - math.log(zones) - np.log(table.alike[match.line]), -np.inf)


def _net_prior(picture: SeenNets, match: Matches, table: Forms, entry: ExtinctionClass) -> Array:
    """Logarithm of the prior of each match for its net: 0 where there is only one."""
    prior = np.full(len(match.net), math.log(FIRST_NET)) if len(picture.nets) > 1 else np.zeros(len(match.net))
    others = max(len(picture.nets) - 1, 1)
    first = picture.nets[0].basis_px
    for place, net in enumerate(picture.nets[1:], start=1):
        chosen = np.nonzero(match.net == place)[0]
        hkl = (first @ np.linalg.inv(net.basis_px)) @ table.hkl[match.line[chosen]]
        zones = np.array(table.zones)[match.line[chosen]]
        under = (under_upper_zone(entry, zones, hkl) | under_streak(entry, zones, hkl)).all(1)
        prior[chosen] = np.log(np.where(under, REACHED_NET, OTHER_NET) / others)
    return prior


def _scale_density(picture: SeenNets, match: Matches, log_a: float | Array, strained: bool) -> Array:
    """Logarithm of the density of each line's lattice parameter about a common one."""
    apart = match.log_a - np.asarray(log_a)[..., None]
    narrow = picture.scale_sigma[match.net] ** 2
    density = -(apart**2) / (2 * narrow) - np.log(2 * math.pi * narrow) / 2
    if strained:
        wide = narrow + STRAIN_WIDTH**2
        spread = -(apart**2) / (2 * wide) - np.log(2 * math.pi * wide) / 2
        density = np.logaddexp(math.log(1 - SHOWN_SHARE) + density, math.log(SHOWN_SHARE) + spread)
    return np.asarray(density)


def _lattice_parameters(
    pictures: list[SeenNets], found: list[Matches], shapes: list[Array], strained: bool
) -> list[tuple[float | None, float, float]]:
    """The few best (log a, uncertainty, logarithm of the likelihood of all metrics)."""
    free = sum(_either(shape, picture) for picture, shape in zip(pictures, shapes, strict=True) if picture.step is None)
    scaled = [entry for entry in zip(pictures, found, shapes, strict=True) if entry[0].step is not None]
    if not scaled:
        return [(None, math.inf, free)]
    tried = np.concatenate([match.log_a[np.isfinite(shape)] for _, match, shape in scaled])
    if not len(tried):
        return [(None, math.inf, free + sum(_either(shape, picture) for picture, _, shape in scaled))]
    tried = np.unique(np.round(tried / 0.002)) * 0.002
    for _ in range(2):
        each = [_marginal(picture, match, shape, tried, strained) for picture, match, shape in scaled]
        total = np.sum([value for value, _, _ in each], axis=0)
        order = _apart(tried, total)
        weight = np.sum([value for _, value, _ in each], axis=0)[order]
        shift = np.sum([value for _, _, value in each], axis=0)[order]
        # One Newton step for all candidates: the mean of the lattice parameters that each picture gives.
        tried = tried[order] + np.where(weight > 0, shift / np.maximum(weight, 1e-9), 0.0)
    each = [_marginal(picture, match, shape, tried, strained) for picture, match, shape in scaled]
    total = np.sum([value for value, _, _ in each], axis=0)
    weight = np.sum([value for _, value, _ in each], axis=0)
    sigma = 1 / np.sqrt(np.maximum(weight, 1 / LOG_RANGE**2))
    room = np.log(np.minimum(np.sqrt(2 * np.pi) * sigma / LOG_RANGE, 1.0))
    return [
        (float(log_a), float(width), float(value + chance) + free)
        for log_a, width, value, chance in zip(tried, sigma, total, room, strict=True)
    ]


def _marginal(
    picture: SeenNets, match: Matches, shape: Array, log_a: Array, strained: bool
) -> tuple[Array, Array, Array]:
    """For each a: logarithm of the likelihood over all lines and outliers, weight and weighted shift of the best."""
    lost = math.log(OUTLIER_SHARE) + log_without_lattice(picture)
    if not len(match.line):
        return np.full(len(log_a), lost), np.zeros(len(log_a)), np.zeros(len(log_a))
    lines = shape + _scale_density(picture, match, log_a, strained)
    total = np.logaddexp(log_sum(lines), lost)
    best = np.argmax(lines, axis=1)
    inlier = lines[np.arange(len(log_a)), best] > lost
    shift = match.log_a[best] - log_a
    # A strained picture counts as much as its strain lets it.
    weight = inlier / (picture.scale_sigma[match.net[best]] ** 2 + np.minimum(shift**2, STRAIN_WIDTH**2))
    return total, weight, weight * shift


def _apart(tried: Array, total: Array) -> NDArray[np.int64]:
    kept: list[int] = []
    for number in np.argsort(-total):
        if all(abs(tried[number] - tried[old]) > 0.01 for old in kept):
            kept.append(int(number))
        if len(kept) == TRIED:
            break
    return np.array(kept)


def _either(shape: Array, picture: SeenNets) -> float:
    """Likelihood of a picture whose scale does not matter, over all lines and outliers."""
    lost = math.log(OUTLIER_SHARE) + log_without_lattice(picture)
    room = log_without_lattice(picture)
    return float(np.logaddexp(log_sum(shape) + room, lost)) if len(shape) else lost


def _alone(picture: SeenNets, match: Matches, shape: Array, seen: Callable[[int, int], View]) -> float:
    """Likelihood of a picture by itself, its absences included."""
    lost = math.log(OUTLIER_SHARE) + log_without_lattice(picture)
    if not len(shape) or not np.isfinite(shape).any():
        return lost
    best = np.argsort(-shape)[:4]
    best = best[shape[best] > shape.max() - TIE]
    told = [float(shape[n]) + evidence([seen(int(match.net[n]), int(match.line[n]))]) for n in best]
    return float(np.logaddexp(log_sum(told) + log_without_lattice(picture), lost))
