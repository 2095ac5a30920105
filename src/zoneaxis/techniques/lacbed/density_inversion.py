"""Density inversion: the columns of atoms behind a picture of the electron density, and the disc that they give.

The picture repeats with an unknown period and is linear in the amounts of elements at known places. So: periods from
the picture against its shifted self; places from what is still missing; amounts by least squares without negative
values; places and period by Gauss-Newton steps; repeated until nothing is missing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, map_coordinates

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, disc_intensities
from zoneaxis.scattering.electron_density import FIELD_ANGSTROM
from zoneaxis.scattering.zone import Zone
from zoneaxis.techniques.lacbed.column_search import ColumnSearch
from zoneaxis.techniques.lacbed.columns import Array, Columns
from zoneaxis.techniques.lacbed.plane_symmetry import plane_symmetry

SHORTEST_PERIOD, LONGEST_PERIOD = 1.4, 10.6
MOST_COLUMNS = 100
GOOD_ENOUGH = 2e-4
ROUGHLY = 0.2
WRONG_PERIOD = 0.03
ATTEMPTS = (((4, 0.15, False), True), ((4, 0.15, True), True), ((2, 0.3, True), True), ((6, 0.03, False), False))
"""Places added at once, the least share of the best place's gain that each must have, whether first with sharp elements
only; and whether symmetry is held."""


@dataclass(frozen=True)
class DensityFit:
    """Columns found in a picture.

    Attributes:
        columns: they.
        misfit: rms of the difference over rms of the picture, both divided by the square root of the density.
    """

    columns: Columns
    misfit: float


def columns_from_density(
    picture: ArrayLike,
    *,
    field_angstrom: float = FIELD_ANGSTROM,
    b_iso: float = 0.5,
    known: ArrayLike | None = None,
    periods: Sequence[float] | None = None,
    most_columns: int = MOST_COLUMNS,
    elements: bool = True,
    alike: float = 0.995,
) -> DensityFit:
    """The columns of atoms of a picture of the electron density averaged along a fourfold or twofold cube axis.

    Limits: exact pictures give back period and places within 1e-3 and the charge of every column; the period may be a
    part of the lattice parameter, where the projection repeats earlier.

    Args:
        picture: (size, size) in e/Å³, pixel averages.
        field_angstrom: width of the picture [Å].
        b_iso: B of all atoms [Å²].
        known: (size, size) whether a pixel counts (not where a scaled picture was cut off); default all.
        periods: edges of the net to try [Å], in this order; default: found from the picture.
        most_columns: of one net cell.
        elements: name the elements of every column in the end, which takes half of the time; otherwise a mixture of a
            few stands for them.
        alike: correlation of the picture with its turned self from which the columns are held to that symmetry.

    Raises:
        InputError: a picture that is not square, empty or not finite; no period that repeats in the field.
    """
    density = np.asarray(picture, dtype=np.float64)
    if density.ndim != 2 or density.shape[0] != density.shape[1] or len(density) < 16:
        raise InputError(f"picture of shape {density.shape}: expected a square one of at least 16 pixels")
    if not np.isfinite(density).all() or not density.max() > 0:
        raise InputError("picture of the density: expected finite values, some above 0")
    density = density.clip(min=0.0)
    weights = 1.0 / np.sqrt(density + 0.03 * density.mean())
    if known is not None:
        weights = weights * np.asarray(known, dtype=np.float64)
    tried = periods_of(density, field_angstrom) if periods is None else [(float(one), 0.0) for one in periods]
    best: ColumnSearch | None = None
    for (period, _), (greedy, held) in itertools.product(tried[:2], ATTEMPTS if elements else ATTEMPTS[:1]):
        if best is not None and best.misfit < WRONG_PERIOD and abs(best.period - period) > 0.1:
            break
        symmetry = plane_symmetry(density, period, field_angstrom, alike)
        if not held:
            symmetry = tuple(one for one in symmetry if one.plane[0, 0] and not one.shift.any())
        fit = ColumnSearch(density, weights, field_angstrom, b_iso, period, symmetry, *greedy)
        fit.find(most_columns, elements)
        if best is None or fit.misfit < 0.7 * best.misfit:
            best = fit
        if best.misfit < (GOOD_ENOUGH if elements else ROUGHLY):
            break
    if best is None:
        raise InputError("picture of the density: no period between 1.4 and 10.6 Å repeats in the field")
    return DensityFit(best.columns(), best.misfit)


def disc_from_density(
    picture: ArrayLike,
    size_px: int = 64,
    *,
    half_width_per_angstrom: float = 0.5,
    thickness_angstrom: float = 500.0,
    accelerating_voltage_kv: float = 200.0,
    field_angstrom: float = FIELD_ANGSTROM,
    b_iso: float = 0.5,
    known: ArrayLike | None = None,
    absorption: str = "phonon",
    d_min_angstrom: float | None = None,
    rule: Callable[[Zone], DiscRule] = lambda _: DiscRule(),
) -> tuple[Array, DensityFit]:
    """The disc (000) (size_px, size_px) of a crystal of which only the picture of the density is given; its columns.

    Limits: with an exact picture it is the disc of the crystal itself, as exact as the rule makes either.

    Args:
        picture: see `columns_from_density`, as are field_angstrom, b_iso and known.
        size_px, half_width_per_angstrom: of the disc.
        thickness_angstrom, accelerating_voltage_kv: of the foil and the beam.
        absorption: see `Scatterers`.
        d_min_angstrom: see `Columns.zone`.
        rule: accuracy of the disc, for the zone that is found; default: that of `DiscRule`.
    """
    fit = columns_from_density(picture, field_angstrom=field_angstrom, b_iso=b_iso, known=known)
    zone = fit.columns.zone() if d_min_angstrom is None else fit.columns.zone(d_min_angstrom)
    disc = disc_intensities(
        fit.columns.scatterers(accelerating_voltage_kv, absorption),
        zone,
        Field(size_px, half_width_per_angstrom),
        [thickness_angstrom],
        rule=rule(zone),
    )
    return disc[0, 0].double().numpy(), fit


def density_of_picture(picture: ArrayLike, scale: float, square_root: bool = True) -> tuple[Array, Array]:
    """Density [e/Å³] of a picture scaled to 0..1 by a global scale, and which pixels were not cut off at 1."""
    values = np.asarray(picture, dtype=np.float64)
    return np.asarray(scale * (values**2 if square_root else values)), np.asarray(values < 1.0 - 1e-6)


def periods_of(density: Array, field_angstrom: float = FIELD_ANGSTROM, most: int = 6) -> list[tuple[float, float]]:
    """Shifts along both axes after which a picture repeats, the likeliest first: (period [Å], mismatch 0 to about 1).

    The mismatch is the mean square difference of the softened picture and its shifted self over that of a random shift.
    Of shifts that repeat equally well the shortest comes first.
    """
    pixel = field_angstrom / len(density)
    soft = gaussian_filter(np.sqrt(density), 1.2, mode="nearest")[2:-2, 2:-2]
    size = len(soft)
    shifts = np.arange(SHORTEST_PERIOD, min(LONGEST_PERIOD, (size - 6) * pixel), 0.02)
    places = np.arange(size, dtype=np.float64)
    mismatch = np.empty(len(shifts))
    for number, shift in enumerate(shifts):
        count = size - math.ceil(shift / pixel)
        moved = places[:count] + shift / pixel
        rows = map_coordinates(soft, np.meshgrid(moved, places, indexing="ij"), order=3, mode="nearest")
        columns = map_coordinates(soft, np.meshgrid(places, moved, indexing="ij"), order=3, mode="nearest")
        mismatch[number] = ((rows - soft[:count]) ** 2).mean() + ((columns - soft[:, :count]) ** 2).mean()
    mismatch /= 4.0 * soft.var() + 1e-30
    inner = (mismatch[1:-1] <= mismatch[:-2]) & (mismatch[1:-1] <= mismatch[2:])
    found = []
    for place in np.nonzero(inner)[0] + 1:
        left, middle, right = mismatch[place - 1 : place + 2]
        bend = left - 2 * middle + right
        offset = 0.5 * (left - right) / bend if bend > 0 else 0.0
        found.append((float(shifts[place] + 0.02 * offset), float(mismatch[place])))
    if not found:
        return []
    level = min(value for _, value in found)
    good = [one for one in found if one[1] <= 4.0 * level + 2e-3]
    rest = sorted((one for one in found if one not in good), key=lambda one: one[1])
    return [*sorted(good), *rest][:most]
