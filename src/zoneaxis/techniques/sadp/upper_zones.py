"""Upper zones: where in the plane of a zone the reflections of other Laue zones lie or reach down to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.extinction import ExtinctionClass

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


def under_streak(entry: ExtinctionClass, zones: Any, hkl: Any) -> NDArray[np.bool_]:
    """Whether places in the planes of zones lie on streaks along the cube axes, from the reflections next to them.

    Facets {100} draw every reflection into streaks along a*, b* and c*, which cross the plane of the zone between its
    nodes: at places of which two indices are whole.

    Args, returns: as for `under_upper_zone`; the places are those of nets, with index products of the zone that vanish.
    """
    places = np.asarray(hkl, dtype=float)
    axes = np.abs(np.asarray(zones))
    whole = np.rint(places)
    near = np.abs(places - whole) < NEAR
    found = np.zeros(places.shape[:-1], dtype=bool)
    for axis in range(3):
        others = near[..., (axis + 1) % 3] & near[..., (axis + 2) % 3] & ~near[..., axis]
        crossed = others & (axes[:, axis] > 0)[:, None]
        for end in (np.floor, np.ceil):
            reflection = whole.copy()
            reflection[..., axis] = end(places[..., axis])
            found |= crossed & entry.centring_allowed(reflection.astype(np.int64))
    return found
