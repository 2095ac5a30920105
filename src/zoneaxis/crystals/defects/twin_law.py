"""Twin laws: the plane in which a crystal is mirrored, the shear that leads there, and the zones that show it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class TwinLaw:
    """A coherent twin of a cubic crystal.

    Attributes:
        normal: (hkl) of the coherent plane.
        shear: [uvw] of the twinning shear, in the plane.
        seen_along: [uvw] of a beam that sees the plane edge-on and the shear lying: shear x normal.
        through: "layer" when the plane passes through an atom layer, "gap" when it passes midway between two.
    """

    normal: Triple
    shear: Triple
    seen_along: Triple
    through: str = "layer"


TWIN_LAWS = {
    "fcc": TwinLaw((1, 1, 1), (1, 1, -2), (1, -1, 0)),
    "bcc": TwinLaw((1, -2, 1), (1, 1, 1), (1, 0, -1)),
    "diamond": TwinLaw((1, 1, 1), (1, 1, -2), (1, -1, 0), through="gap"),
}
"""Source: Christian and Mahajan, Prog. Mater. Sci. 39 (1995) 1. In diamond the mirror halves
the bonds that stand on (111)."""


def twin_law(kind: str = "fcc") -> TwinLaw:
    """The law of a kind of crystal: fcc, bcc or diamond. Raises InputError for another name."""
    if kind not in TWIN_LAWS:
        raise InputError(f"kind = {kind!r}: expected one of {', '.join(TWIN_LAWS)}")
    return TWIN_LAWS[kind]


def twin_mirror(normal: ArrayLike) -> Array:
    """(3, 3) M = 1 - 2 n n^T that mirrors Cartesian columns, v' = M v, in the plane of a normal of any length.

    Limits: M M = 1, det M = -1; -M is the half turn about n, the same for the intensities of a pattern (Friedel).
    Raises InputError for a normal of no length.
    """
    n = np.asarray(normal, dtype=np.float64)
    length = float(np.linalg.norm(n)) if n.shape == (3,) else 0.0
    if not np.isfinite(length) or length == 0:
        raise InputError(f"normal = {n.tolist()}: expected three numbers, not all zero")
    n = n / length
    return np.eye(3) - 2 * np.outer(n, n)


def new_spot_share(
    normal: Sequence[int],
    zone_axis: Sequence[int],
    allowed: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
    reach: int = 8,
) -> float:
    """Share of the zero-order spots of the twin half that fall on no spot of the matrix, in a cubic crystal.

    0: the two nets coincide, or the twin has no spot in the picture: geometry cannot show the twin in this zone.

    Args:
        normal: (hkl) of the twin plane.
        zone_axis: [uvw] of the beam, in the matrix.
        allowed: which of (n, 3) reflections of the crystal are present, (n,) of bool.
        reach: largest index of a reflection that is tried; spots up to |hkl| = reach are compared.

    Limits: fcc, (111) seen along [1,-1,0] gives 2/3 (spots with h + k + l = 3n coincide) as reach grows; a beam along
    the normal gives 0.

    Raises:
        InputError: a plane or axis that is no triple of whole numbers, or zero; a reach outside 1 to 20.
    """
    n, beam = _whole(normal, "normal"), _whole(zone_axis, "zone_axis")
    if not 1 <= reach <= 20:
        raise InputError(f"reach = {reach}: expected 1 to 20")
    indices = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)), dtype=np.int64)
    square = (indices**2).sum(axis=1)
    indices = indices[(square > 0) & (square <= reach**2)]
    indices = indices[np.asarray(allowed(indices), dtype=bool)]
    scale = int(n @ n)
    mirrored = scale * indices - 2 * (indices @ n)[:, None] * n
    mirrored = mirrored[mirrored @ beam == 0]
    matrix = {tuple(row) for row in (scale * indices[indices @ beam == 0]).tolist()}
    if len(mirrored) == 0:
        return 0.0
    return float(np.mean([tuple(row) not in matrix for row in mirrored.tolist()]))


def _whole(values: Sequence[int], name: str) -> NDArray[np.int64]:
    given = np.asarray(values, dtype=np.float64)
    if given.shape != (3,) or not np.equal(given, np.round(given)).all() or not given.any():
        raise InputError(f"{name} = {list(values)}: expected three whole numbers, not all zero")
    return np.asarray(np.round(given), dtype=np.int64)
