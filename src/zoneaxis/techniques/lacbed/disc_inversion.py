"""Disc inversion: the electron density behind a disc (000), by columns fitted through the dynamical theory.

The disc does not say where the origin of the cell is, nor does a fit find a crystal from nowhere: starts come from
elsewhere (the crystals of the nearest known discs, the guess of a network). Each is scaled to the lattice parameter and
the amounts that the disc asks for; the best are fitted in full, with further columns where they are missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from zoneaxis.errors import InputError
from zoneaxis.scattering.electron_density import FIELD_ANGSTROM
from zoneaxis.techniques.lacbed.column_fit import ColumnFit, Directions
from zoneaxis.techniques.lacbed.columns import Array, Columns
from zoneaxis.techniques.lacbed.density_inversion import columns_from_density
from zoneaxis.techniques.lacbed.orbits import Orbits
from zoneaxis.techniques.lacbed.plane_symmetry import plane_symmetry

SCALES = tuple(1.0 + 0.0075 * step for step in range(-8, 9))
FEW, MANY = 32, 80
"""Directions for choosing among starts, and for the fit."""
FOURFOLD = 2e-3
"""Rms difference of a disc and its mirror image about a diagonal below which it is fourfold."""
SOLVED = 6e-3
"""Rms of the fit, of the disc's maximum, at which the search ends."""


@dataclass(frozen=True)
class DiscColumns:
    """What was found behind a disc.

    Attributes:
        columns: of the best fit.
        misfit: rms difference of the disc and the fitted one, in units of the disc's maximum.
        start: number of the start it came from.
        misfits: of all starts after the first, coarse fit; NaN of one without columns or without a twofold axis.
    """

    columns: Columns
    misfit: float
    start: int
    misfits: tuple[float, ...]


def density_from_disc(
    disc: ArrayLike,
    starts: Sequence[Columns | ArrayLike],
    *,
    thickness_angstrom: float = 500.0,
    accelerating_voltage_kv: float = 200.0,
    half_width_per_angstrom: float = 0.5,
    field_angstrom: float = FIELD_ANGSTROM,
    full_fits: int = 3,
    births: int = 2,
    steps: int = 12,
    guess: ArrayLike | None = None,
) -> DiscColumns:
    """Columns whose disc (000) is the given one, along a cube axis; `.columns.density(size)` is the picture.

    Limits: a start that is the crystal itself is kept; the misfit says whether the answer explains the disc.

    Args:
        disc: (size, size), any scale.
        starts: columns, or pictures of the density [e/Å³], likeliest first.
        thickness_angstrom, accelerating_voltage_kv: known.
        half_width_per_angstrom: of the disc.
        field_angstrom: width of pictures.
        full_fits: starts that are fitted in full.
        births: further columns that may be added to each.
        steps: of each full fit.
        guess: picture of the density [e/Å³] that says where the origin is, in quarters of the net; default: the
            start's.

    Raises:
        InputError: a disc that is not square or not finite; no start in which columns with a twofold axis are found.
    """
    picture = np.asarray(disc, dtype=np.float64)
    if picture.ndim != 2 or picture.shape[0] != picture.shape[1] or not np.isfinite(picture).all():
        raise InputError(f"disc of shape {picture.shape}: expected a square one with finite values")
    if not picture.max() > 0:
        raise InputError("disc: expected values above 0")
    picture = picture / picture.max()
    fourfold = math.sqrt(float(((picture - picture.T) ** 2).mean())) < FOURFOLD
    few, many = (
        ColumnFit(
            Directions.of(picture, half_width_per_angstrom, count, fourfold),
            thickness_angstrom,
            accelerating_voltage_kv,
        )
        for count in (FEW, MANY)
    )
    first: list[tuple[float, int, Orbits, Array]] = []
    for number, start in enumerate(starts):
        columns = start if isinstance(start, Columns) else _of_picture(start, field_angstrom)
        found = None if columns is None else orbits_of(columns, field_angstrom)
        if found is None:
            continue
        orbits, origin = found
        orbits, _ = min(
            ((trial := replace(orbits, period=orbits.period * scale), few.misfit(trial)) for scale in SCALES),
            key=lambda pair: pair[1],
        )
        orbits, misfit = few.refine(orbits, 4, move=False)
        first.append((misfit, number, orbits, origin))
    if not first:
        raise InputError("starts: none has columns with a twofold axis along the beam")
    first.sort(key=lambda one: one[0])
    best: tuple[float, int, Orbits, Array] | None = None
    for _, number, orbits, origin in first[:full_fits]:
        orbits, misfit = many.refine(orbits, steps)
        for _ in range(births):
            if misfit < 2 * SOLVED:
                break
            born = many.born(orbits)
            if born is None:
                break
            born, tried = many.refine(born, max(4, steps // 2))
            if tried > 0.93 * misfit:
                break
            orbits, misfit = born, tried
        if best is None or misfit < best[0]:
            best = misfit, number, orbits, origin
        if misfit < 2 * SOLVED:
            break
    assert best is not None
    orbits, misfit = many.refine(best[2], 6, density=7.0)
    columns = orbits.columns(best[3])
    if guess is not None:
        columns = placed(columns, np.asarray(guess, dtype=np.float64), field_angstrom)
    coarse = {number: one for one, number, _, _ in first}
    return DiscColumns(columns, misfit, best[1], tuple(coarse.get(number, math.nan) for number in range(len(starts))))


def placed(columns: Columns, guess: Array, field_angstrom: float = FIELD_ANGSTROM) -> Columns:
    """The columns with the origin, among quarters of the net, that agrees best with a picture of the density.

    Quarters, because twofold axes of a centred net lie there, and screw axes lie a quarter beside the origin of P2_13.
    """
    root = np.sqrt(guess.clip(min=0.0))
    steps = (0.0, 0.25, 0.5, 0.75)
    choices = [columns.shifted((x, y)) for x in steps for y in steps]
    return min(
        choices,
        key=lambda one: float(((np.sqrt(one.density(len(root), field_angstrom).clip(min=0.0)) - root) ** 2).mean()),
    )


def orbits_of(columns: Columns, field_angstrom: float = FIELD_ANGSTROM) -> tuple[Orbits, Array] | None:
    """Columns grouped by the symmetry of their picture about a twofold axis, and where that axis is in fractions.

    None where there is no twofold axis.
    """
    reduced = columns.reduced()
    symmetry = plane_symmetry(reduced.density(64, field_angstrom), reduced.period_angstrom, field_angstrom, 0.998)
    planes = np.array([one.plane for one in symmetry])
    shifts = np.array([one.shift for one in symmetry])
    halves = np.nonzero(np.abs(planes + np.eye(2)).max((1, 2)) < 1e-9)[0]
    if not len(halves):
        return None
    origin = 0.5 * shifts[halves[0]]
    shifts = shifts + planes @ origin - origin
    shifts = shifts - np.round(shifts)
    places = reduced.positions - origin
    orbits = Orbits(
        reduced.period_angstrom,
        planes,
        shifts,
        np.zeros((0, 2)),
        np.zeros(0),
        np.zeros((0, len(reduced.atomic_numbers))),
        reduced.atomic_numbers,
        reduced.b_iso,
    )
    left = list(range(len(places)))
    while left:
        orbit = left[0]
        every = planes @ places[orbit] + shifts
        members = [
            other
            for other in left
            if np.abs((d := every - places[other]) - np.round(d)).max(-1).min() * reduced.period_angstrom < 0.05
        ]
        amounts = reduced.amounts[members].mean(0)
        near = every - places[orbit]
        near = near - np.round(near)
        own = np.abs(near).max(-1) * reduced.period_angstrom < 0.05
        total = float(amounts.sum())
        orbits = replace(
            orbits,
            places=np.concatenate([orbits.places, (places[orbit] + near[own].mean(0))[None]]),
            amounts=np.append(orbits.amounts, total),
            mixture=np.concatenate([orbits.mixture, amounts[None] / max(total, 1e-30)]),
        )
        left = [other for other in left if other not in members]
    return orbits, origin


def _of_picture(picture: ArrayLike, field_angstrom: float) -> Columns | None:
    """Columns of a start, None where the picture holds none: the other starts may."""
    try:
        return columns_from_density(
            picture, field_angstrom=field_angstrom, elements=False, alike=0.9, most_columns=24
        ).columns
    except InputError:
        return None
