"""Presence: what the spots that are there, and those that are not, say for and against an extinction class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.extinction import ExtinctionClass
from zoneaxis.techniques.sadp.net import TRUSTED_SHARE, Net
from zoneaxis.techniques.sadp.spots import Spots
from zoneaxis.techniques.sadp.zones import zone_net

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

FALSE_SPOT = 0.02
"""Chance that a forbidden reflection is seen all the same: noise, another crystal. Source: our choice."""

DOUBLE_DIFFRACTION = 0.35
"""The same for screw axes and glide planes where crystals are thick and double diffraction fills them.
Source: our choice; what it fills is not known before the thickness is."""

SURE = 0.9
"""Largest chance that an allowed reflection is seen. Source: our choice; any structure has accidental zeros."""

HIDDEN_NODES = 0.03
"""Share of crystals whose cell is larger than their strong reflections show, so that all nodes between those of an
observed net stay below the noise at once. Source: fresh crystals of `group_structure` along 8 zones."""

REACH = 1.2
"""Nodes are judged up to this multiple of the trusted radius. Source: our choice."""

KERNEL = 0.6
"""Width in which nodes of like distance are compared, in shortest vectors. Source: our choice."""


@dataclass(frozen=True)
class Nodes:
    """Nodes of an observed net that could show a spot.

    Attributes:
        indices: (n, 2) in the basis of the net.
        radius_px: (n,) distance from the centre.
        seen: (n,) whether a spot lies there.
        kernel_px: width of the comparison.
    """

    indices: Whole
    radius_px: Array
    seen: NDArray[np.bool_]
    kernel_px: float

    @cached_property
    def own_chance(self) -> Array:
        """`chance` of the nodes themselves."""
        return self.chance(self.radius_px)

    def chance(self, radius_px: Array) -> Array:
        """Share of the nodes at about these distances that are seen, those at exactly the same distance left out."""
        apart = np.abs(radius_px[:, None] - self.radius_px[None])
        weight = np.exp(-((apart / self.kernel_px) ** 2) / 2) * (apart > 0.02 * self.kernel_px)
        share = (weight @ self.seen + 0.5) / (weight.sum(1) + 1.0)
        return np.asarray(np.clip(share, 0.02, SURE))


def nodes(spots: Spots, net: Net) -> Nodes:
    """The visible nodes of a net in the trusted part of a picture."""
    step = np.linalg.norm(net.basis_px, axis=1)
    reach = max(REACH * TRUSTED_SHARE * spots.half_width_px, 2.3 * float(step.min()))
    count = min(int(np.ceil(1.3 * reach / step.min())) + 1, 40)
    grid = np.stack(np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1)), -1).reshape(-1, 2)
    place = grid @ net.basis_px
    radius = np.linalg.norm(place, axis=1)
    keep = (radius < reach) & grid.any(1) & spots.visible(place + net.centre_px, 3.0)
    grid, radius = grid[keep], radius[keep]
    at = {tuple(pair) for pair in net.indices[net.on_net].tolist()}
    seen = np.array([tuple(pair) in at for pair in grid.tolist()], dtype=bool)
    return Nodes(grid, radius, seen, KERNEL * float(step.min()))


@dataclass(frozen=True)
class View:
    """What one picture shows of an indexed net: families of reflections that speak for or against a class.

    An allowed node of the observed net says nothing and is left out.

    Attributes:
        family: (n,) numbers of the families, each once, rising; the same for those that the point group makes alike.
        allowed: (n,) by the class.
        own: (n,) whether the family belongs to the observed net, rather than to the finer one of the class.
        seen: (n,) share of its nodes that are seen.
        chance: (n,) mean chance that they would be seen if they were allowed.
        false_spot: (n,) chance that they would be seen though forbidden.
    """

    family: Whole
    allowed: NDArray[np.bool_]
    own: NDArray[np.bool_]
    seen: Array
    chance: Array
    false_spot: Array


def view(
    found: Nodes, entry: ExtinctionClass, zone: tuple[int, int, int], hkl: Whole, index: int, double_diffraction: bool
) -> View:
    """The nodes of a picture as reflections of a class.

    Args:
        found: nodes of the picture.
        entry: class whose rules are asked.
        zone: axis of the picture.
        hkl: (2, 3) indices of the net's basis.
        index: 1 where the net holds every node of the class, 2 where it holds half of them.
        double_diffraction: whether screw and glide absences may be filled.
    """
    reflections, radius = found.indices @ hkl, found.radius_px
    allowed = entry.allowed(reflections)
    reflections, radius, seen = reflections[~allowed], radius[~allowed], found.seen[~allowed].astype(float)
    chance = found.own_chance[~allowed]
    allowed, own = np.zeros(len(radius), dtype=bool), np.ones(len(radius), dtype=bool)
    if index > 1 and len(found.radius_px):
        extra, extra_radius = _between(found, hkl, zone_net(entry.name, zone).basis_hkl)
        reflections = np.concatenate([reflections, extra])
        allowed = np.concatenate([allowed, entry.allowed(extra)])
        own = np.concatenate([own, np.zeros(len(extra), dtype=bool)])
        seen = np.concatenate([seen, np.zeros(len(extra))])
        chance = np.concatenate([chance, found.chance(extra_radius)])
    filled = double_diffraction & entry.centring_allowed(reflections)
    false_spot = np.where(filled, DOUBLE_DIFFRACTION, FALSE_SPOT)
    family, first, member = np.unique(_families(reflections, entry.keeps_order), return_index=True, return_inverse=True)
    count = np.maximum(np.bincount(member, minlength=len(family)), 1)
    return View(
        family=family,
        allowed=allowed[first],
        own=own[first],
        seen=np.bincount(member, seen, len(family)) / count,
        chance=np.bincount(member, chance, len(family)) / count,
        false_spot=false_spot[first],
    )


def evidence(views: Sequence[View]) -> float:
    """Logarithm of the likelihood of what was seen under a class, over that under no rule at all.

    Reflections that symmetry makes alike count once over all pictures: seen when one picture shows half of them. A
    forbidden one of the observed net speaks by its absence or presence; an allowed node between those of the observed
    net speaks against the class, for it is missing, unless all of them are hidden.
    """
    views = [entry for entry in views if len(entry.family)]
    if not views:
        return 0.0
    may, own, wrong, chance, seen = (
        np.concatenate([getattr(entry, name) for entry in views])
        for name in ("allowed", "own", "false_spot", "chance", "seen")
    )
    if len(views) > 1:
        family = np.concatenate([entry.family for entry in views])
        alike, first, member = np.unique(family, return_index=True, return_inverse=True)
        most_chance, most_seen = np.zeros(len(alike)), np.zeros(len(alike))
        np.maximum.at(most_chance, member, chance)
        np.maximum.at(most_seen, member, seen)
        may, own, wrong, chance, seen = may[first], own[first], wrong[first], most_chance, most_seen
    shown = seen >= 0.5
    missing = np.log(1 - chance[~own & may])
    present = np.log(wrong / chance)[own & ~may & shown]
    absent = np.log((1 - wrong) / (1 - chance))[own & ~may & ~shown]
    # What hides one node of a larger cell hides them all.
    return float(max(missing.sum(), np.log(HIDDEN_NODES)) + np.minimum(present, 0).sum() + absent.sum())


def _between(found: Nodes, hkl: Whole, class_basis: Whole) -> tuple[Whole, Array]:
    """Reflections of the class off the observed net, within the radius of the nodes, and their distances [px]."""
    reach = float(found.radius_px.max())
    scale = found.radius_px[0] / float(np.linalg.norm(found.indices[0] @ hkl))
    count = min(int(np.ceil(1.3 * reach / scale / np.sqrt((class_basis[0] ** 2).sum()))) + 1, 40)
    grid = np.stack(np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1)), -1).reshape(-1, 2)
    reflections = grid @ class_basis
    parts = np.linalg.solve((hkl @ hkl.T).astype(float), hkl @ reflections.T).T
    off = np.abs(parts - np.rint(parts)).max(1) > 1e-6
    radius = np.linalg.norm(reflections, axis=1) * scale
    keep = off & (radius < reach) & (radius > float(found.radius_px.min()))
    return reflections[keep], radius[keep]


def _families(reflections: Whole, keeps_order: bool) -> Whole:
    """One number for every family of m-3m, or of m-3 where the order of the indices matters."""
    sizes = np.abs(reflections)
    if keeps_order:
        names = -np.sort(-sizes, axis=1)
        return np.asarray((names[:, 0] * 1000 + names[:, 1]) * 1000 + names[:, 2])
    turns = np.stack([sizes[:, [0, 1, 2]], sizes[:, [1, 2, 0]], sizes[:, [2, 0, 1]]])
    return np.asarray(((turns[..., 0] * 1000 + turns[..., 1]) * 1000 + turns[..., 2]).max(0))
