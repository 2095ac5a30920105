"""CBED: the discs of all reflections on one detector, overlaps added incoherently.

A pixel q of the detector is reached by every reflection whose disc covers it: I(q) = sum_g I_g(q - g), |q - g| <= R.
The discs are computed once, on one field of directions that they share, and a cubic spline runs between its points.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import Field
from zoneaxis.techniques.lacbed.experiment import LARGEST_SIZE_PX, MORE, WEAK_PER_BEAM, Hkl, LACBEDExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from zoneaxis.scattering.zone import Zone

SMALLEST_RADIUS_PX = 2.0
FEWEST_POINTS, MOST_POINTS = 24, 192
"""Sides of the field of directions."""
FINEST_G = 2.0
"""1/Å: intensity fringes of reflections up to this are resolved by the field, K/(t g) from one to the next."""
POINTS_PER_FRINGE, FEWEST_PER_FRINGE = 4.0, 2.0
"""As many as are computed where `MOST_POINTS` allow, and below which a warning says that they do not."""


@dataclass(frozen=True)
class CBEDDetector:
    """A square detector behind the foil, in the frame of the zone: x right, y downwards.

    Attributes:
        hkl: reflections whose discs touch the picture, |g| rising.
        centres: (discs, 2) in-plane g [1/Å].
        radius_per_angstrom: of every disc.
        half_width_per_angstrom: from the middle to the middle of an edge.
        size_px: side.
    """

    hkl: tuple[Hkl, ...]
    centres: Tensor
    radius_per_angstrom: float
    half_width_per_angstrom: float
    size_px: int

    @classmethod
    def of(cls, zone: Zone, radius_per_angstrom: float, half_width_per_angstrom: float, size_px: int) -> CBEDDetector:
        """The detector that shows every disc of the zone which reaches into the picture."""
        centres = zone.g[:, :2]
        shown = (centres.abs().amax(-1) <= half_width_per_angstrom + radius_per_angstrom) & (zone.g[:, 2] == 0)
        triples = [(int(h), int(k), int(l)) for h, k, l in zone.hkl[shown].tolist()]  # noqa: E741
        return cls(tuple(triples), centres[shown], radius_per_angstrom, half_width_per_angstrom, size_px)

    def paint(self, discs: Tensor, field: Field) -> Tensor:
        """Pictures (thicknesses, size, size) float32 from discs (thicknesses, reflections, rows, cols) on a field.

        The field must cover the radius. Undershoots of the spline below 0 are cut.
        """
        from scipy.interpolate import RectBivariateSpline

        steps = (np.arange(self.size_px) + 0.5 - self.size_px / 2) * (2 * self.half_width_per_angstrom / self.size_px)
        points = np.asarray(field.k_t[: field.size_px, 0], dtype=np.float64)
        pictures = np.zeros((len(discs), self.size_px, self.size_px))
        values = discs.double().numpy()
        for number, (x, y) in enumerate(self.centres.tolist()):
            right, down = steps - x, steps - y
            cols = np.nonzero(np.abs(right) <= self.radius_per_angstrom)[0]
            rows = np.nonzero(np.abs(down) <= self.radius_per_angstrom)[0]
            if not len(cols) or not len(rows):
                continue
            inside = np.hypot(right[cols], down[rows][:, None]) <= self.radius_per_angstrom
            window = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
            for picture, disc in zip(pictures, values[:, number], strict=True):
                spline = RectBivariateSpline(points, points, disc)
                picture[window] += np.where(inside, spline(down[rows], right[cols]).clip(min=0.0), 0.0)
        return torch.from_numpy(pictures).float()


def cone(
    structure: Structure,
    zone: Sequence[int],
    *,
    accelerating_voltage_kv: float,
    thickness_nm: float | Sequence[float],
    convergence_mrad: float,
    half_width_mrad: float,
    size_px: int,
    beams: int | None,
    **settings: Any,
) -> tuple[CBEDDetector, LACBEDExperiment]:
    """The detector, and the experiment whose field of directions just covers the cone, fine enough for its fringes.

    One list of beams serves the whole cone; it holds every reflection whose disc is shown.

    Args: see `simulator.simulate_cbed`; `settings` are further ones of `LACBEDExperiment.of`.

    Warns where a foil is too thick for the fringes in so wide a cone to be resolved.

    Raises:
        InputError: angles or a size that cannot be, or more discs than the zone has beams for.
    """
    if not 0.05 <= convergence_mrad <= 500.0:
        raise InputError(f"convergence_mrad = {convergence_mrad:g}: expected 0.05 to 500 mrad")
    if not convergence_mrad <= half_width_mrad <= 500.0:
        raise InputError(
            f"half_width_mrad = {half_width_mrad:g}: expected from the convergence, {convergence_mrad:g}, to 500 mrad"
        )
    if not 16 <= size_px <= LARGEST_SIZE_PX or int(size_px) != size_px:
        raise InputError(f"size_px = {size_px}: expected 16 to {LARGEST_SIZE_PX} pixels")
    fits = {"accelerating_voltage_kv": accelerating_voltage_kv, "beams": beams, **settings}
    first = LACBEDExperiment.of(structure, zone, half_angle_mrad=convergence_mrad, size_px=FEWEST_POINTS, **fits)
    radius = first.field.half_width_per_angstrom
    half_width = math.sin(1e-3 * half_width_mrad) / first.wavelength
    detector = CBEDDetector.of(first.zone, radius, half_width, size_px)
    pixels = radius / (2 * half_width) * size_px
    if pixels < SMALLEST_RADIUS_PX:
        raise InputError(
            f"convergence_mrad = {convergence_mrad:g}: discs of {pixels:.1f} px radius; expected at least "
            f"{SMALLEST_RADIUS_PX:g} px, so {math.ceil(size_px * SMALLEST_RADIUS_PX / pixels)} px a side or more"
        )
    discs = first.fewest_beams(detector.hkl)
    if discs > first.most_beams:
        raise InputError(
            f"half_width_mrad = {half_width_mrad:g}: {discs} beams are needed for its discs; expected at most "
            f"{first.most_beams}, {1 / MORE:.0%} of the reflections with d > {first.zone.d_min_angstrom:g} Å"
        )
    fringe = first.scatterers.wave_number / (first.depths(thickness_nm)[-1] * FINEST_G)
    finest = 2 * radius / MOST_POINTS
    if fringe < FEWEST_PER_FRINGE * finest:
        warnings.warn(
            f"fringes of {fringe:.1e} 1/Å, as of reflections with d = {1 / FINEST_G:g} Å, are finer than the "
            f"{MOST_POINTS} directions across a disc resolve; a thinner foil or a narrower cone is shown right",
            stacklevel=3,
        )
    points = max(2 * pixels, 2 * radius / fringe * POINTS_PER_FRINGE, FEWEST_POINTS)
    side = 2 * math.ceil(min(points, MOST_POINTS) / 2)
    # One ring of points beyond the cone: the spline never runs out of its field.
    field = Field(side, radius * side / (side - 2))
    counted = max(first.rule.beams, discs)
    rule = first.with_rule(beams=counted, weak_beams=round(WEAK_PER_BEAM * counted), tile_px=0).rule
    return detector, LACBEDExperiment(first.scatterers, first.zone, field, rule)
