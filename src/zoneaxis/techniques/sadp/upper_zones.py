"""Upper zones: where in the plane of a zone the reflections of the next Laue zones lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.extinction import ExtinctionClass
from zoneaxis.techniques.sadp.zones import Axis, reduced, zone_net

FINER = (2, 3, 4, 5)
"""How many times finer a net with the reflections of upper zones may be. Source: our choice; three zones, of layers
-1, 0 and 1, hold all nodes of nets up to three times as fine and most of the next ones."""

LAYERS = (0, 1, -1, 2, -2)
"""Laue zones that are looked at; fcc crystals leave every second one empty along half of the axes."""

NEAR = 0.03
"""Farthest, in indices, that a place may lie from a reflection. Source: our choice; nets are known to about 0.01 of
their steps."""


def under_upper_zone(entry: ExtinctionClass, zones: Any, hkl: Any) -> NDArray[np.bool_]:
    """Whether places in the planes of zones lie under reflections of the zone itself or of the next ones.

    A relrod along the beam puts the reflection g of the n-th Laue zone at g - n [uvw] / |uvw|^2.

    Args:
        entry: class, of which the centring counts.
        zones: (m, 3) axes [uvw].
        hkl: (m, k, 3) places in the planes, fractions allowed.

    Returns: (m, k). Limit: the reflections of the zone are under themselves.
    """
    axes, places = np.asarray(zones, dtype=float), np.asarray(hkl, dtype=float)
    rise = axes / np.maximum((axes**2).sum(-1, keepdims=True), 1.0)
    found = np.zeros(places.shape[:-1], dtype=bool)
    for layer in LAYERS:
        above = places + layer * rise[:, None, :]
        whole = np.rint(above)
        near = np.abs(above - whole).max(-1) < NEAR
        found |= near & entry.centring_allowed(whole.astype(np.int64))
    return found


def upper_nets(entry: ExtinctionClass, zone: Axis) -> list[NDArray[np.float64]]:
    """Bases (2, 3), in fractions of indices, of nets finer than that of a zone, whose vectors lie under reflections."""
    basis = zone_net(entry.name, zone).basis_hkl
    found = []
    for index in FINER:
        for step in range(1, index + 1):
            for shift in range(index // step) if index % step == 0 else ():
                finer = reduced(np.linalg.inv([[step, 0], [shift, index // step]]) @ basis)
                vectors = np.stack([finer[0], finer[1], finer[0] + finer[1], finer[0] - finer[1]])
                if under_upper_zone(entry, [zone], vectors[None]).all():
                    found.append(finer)
    return found
