"""Experiment: a convergent beam of fast electrons along a zone axis of a foil.

Every direction of the cone diffracts by itself; the disc of a reflection g is |psi_g|² over the directions. In LACBED
the cone is wider than the distance of the reflections, and an aperture picks one disc at a time; in CBED it is
narrower or not much wider, and all discs fall on one detector (`cbed`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, direction_intensities, disc_intensities
from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.scattering.foil import ROADS
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

if TYPE_CHECKING:
    from pymatgen.core import Structure

D_MIN = 0.2
"""Smallest spacing of a beam in Å: |g| up to 5 1/Å, the reach within which the form factors are good."""
LARGEST_SIZE_PX = 2048
THICKEST_NM = 1000.0
USUAL_BEAMS = 100
WEAK_PER_BEAM = 1.5
"""Weak beams by Bethe's correction for each strong one: 100 and 150 are as good as 180 strong ones."""
MORE = 1.5
"""An error is told by a second computation with this many times the beams."""

Hkl = tuple[int, int, int]


@dataclass(frozen=True)
class LACBEDExperiment:
    """Foil, beam and field of directions.

    Attributes:
        scatterers: the atoms of a cell as the electron meets them.
        zone: axis, frame of the picture and reflections.
        field: directions of the picture.
        rule: how accurately.

    Raises InputError for directions in which beams are excited that are not in the zone's list.
    """

    scatterers: Scatterers
    zone: Zone
    field: Field
    rule: DiscRule

    def __post_init__(self) -> None:
        corner = math.sqrt(2.0) * self.field.half_width_per_angstrom
        if 2.0 * corner > 1.0 / self.zone.d_min_angstrom:
            largest = 1e3 * math.asin(min(1.0, self.wavelength / self.zone.d_min_angstrom / math.sqrt(8.0)))
            raise InputError(
                f"half_angle_mrad = {self.half_angle_mrad:.4g}: in the corners reflections with "
                f"d < {self.zone.d_min_angstrom:g} Å are excited, which are not in the list; expected up to "
                f"{math.floor(largest * 10) / 10:g} mrad at {self.scatterers.accelerating_voltage_kv:g} kV"
            )

    @classmethod
    def of(
        cls,
        structure: Structure,
        zone: Sequence[int],
        *,
        columns: Sequence[int] | None = None,
        accelerating_voltage_kv: float = 200.0,
        half_angle_mrad: float = 12.5,
        size_px: int = 128,
        beams: int | None = None,
        road: str = "strang",
        slice_angstrom: float | None = None,
        absorption: str = "phonon",
        form_factor: str = "lobato",
        proportional_factor: float = 0.1,
    ) -> LACBEDExperiment:
        """The experiment on a crystal.

        Args:
            structure: crystal with `site_properties["b_iso"]`.
            zone: [uvw], along which the electrons fly.
            columns: (hkl) of the zone whose reciprocal vector points right in the picture.
            accelerating_voltage_kv: voltage.
            half_angle_mrad: from the axis to the middle of an edge of the picture.
            size_px: side of the picture.
            beams: strong beams; half as many again are weak ones, as far as the zone's list goes. None: 100, or two
                thirds of the list where that is less.
            road: strang, chebyshev or eig; see `scattering.foil`.
            slice_angstrom: thickest slice of `strang`; None: as thin as an error of 1e-3 asks for.
            absorption, form_factor, proportional_factor: see `Scatterers`.

        Raises:
            InputError: an unknown road, an impossible zone, column, angle, size or voltage; a crystal without B or
                an element without form factor; fewer beams than 2, or more than the zone has room for.
        """
        if road not in ROADS:
            raise InputError(f"road {road!r}: expected one of {', '.join(ROADS)}")
        scatterers = Scatterers.of(
            structure,
            accelerating_voltage_kv,
            absorption=absorption,
            form_factor=form_factor,
            proportional_factor=proportional_factor,
        )
        if not 0.1 <= half_angle_mrad <= 500.0:
            raise InputError(f"half_angle_mrad = {half_angle_mrad:g}: expected 0.1 to 500 mrad")
        if not 16 <= size_px <= LARGEST_SIZE_PX or int(size_px) != size_px:
            raise InputError(f"size_px = {size_px}: expected 16 to {LARGEST_SIZE_PX} pixels")
        along = Zone.of(structure, zone, columns=columns, d_min_angstrom=D_MIN)
        most = int(len(along.hkl) / MORE)
        if beams is None:
            beams = min(USUAL_BEAMS, most)
        if not 2 <= beams <= most or int(beams) != beams:
            raise InputError(
                f"beams = {beams}: expected 2 to {most}, as the zone has {len(along.hkl)} reflections with "
                f"d > {D_MIN:g} Å and the error is told from half as many beams again"
            )
        half_width = math.sin(1e-3 * half_angle_mrad) / wavelength_angstrom(accelerating_voltage_kv)
        rule = _fitting(
            DiscRule(beams=beams, weak_beams=round(WEAK_PER_BEAM * beams), road=road, slice_angstrom=slice_angstrom),
            len(along.hkl),
        )
        return cls(scatterers, along, Field(size_px, half_width), rule)

    @property
    def wavelength(self) -> float:
        """In vacuum [Å]."""
        return wavelength_angstrom(self.scatterers.accelerating_voltage_kv)

    @property
    def half_angle_mrad(self) -> float:
        """From the axis to the middle of an edge of the picture."""
        return 1e3 * math.asin(min(1.0, self.wavelength * self.field.half_width_per_angstrom))

    @property
    def most_beams(self) -> int:
        """Strong beams from which 1.5 times as many are still in the zone's list."""
        return int(len(self.zone.hkl) / MORE)

    def discs(self, thickness_nm: float | Sequence[float], hkl: Sequence[Sequence[int]]) -> Tensor:
        """Discs (thicknesses, reflections, rows, cols) float32: intensity per incident intensity.

        Rows run with y downwards, columns with x; a pixel belongs to the incident direction, so the Bragg line of g
        lies at k_t = -g/2 in the disc of g and in that of (000). Thicknesses in rising order, each once.

        Raises:
            InputError: a thickness or a reflection that cannot be.
        """
        return disc_intensities(
            self.scatterers, self.zone, self.field, self.depths(thickness_nm), self._computed(hkl), self.rule
        )

    def at(self, pixels: Tensor, thickness_nm: float | Sequence[float], hkl: Sequence[Sequence[int]]) -> Tensor:
        """The same (thicknesses, reflections, pixels) at some pixels alone, numbered row by row."""
        return direction_intensities(
            self.scatterers,
            self.zone,
            self.field,
            pixels,
            self.depths(thickness_nm),
            self._computed(hkl),
            self.rule,
        ).float()

    def with_rule(self, **changes: Any) -> LACBEDExperiment:
        """The same experiment computed otherwise; weak beams beyond the zone's list are left out."""
        return replace(self, rule=_fitting(replace(self.rule, **changes), len(self.zone.hkl)))

    def depths(self, thickness_nm: float | Sequence[float]) -> list[float]:
        """Thicknesses in Å, rising, each once.

        Raises:
            InputError: none, or one that is not above 0 and at most 1000 nm.
        """
        given = np.atleast_1d(np.asarray(thickness_nm, dtype=np.float64))
        if given.ndim != 1 or not len(given) or not ((given > 0) & (given <= THICKEST_NM)).all():
            raise InputError(
                f"thickness_nm = {', '.join(f'{one:g}' for one in given.ravel()) or 'none'}: expected one or several "
                f"above 0, up to {THICKEST_NM:g} nm"
            )
        return [10.0 * float(one) for one in np.unique(given)]

    def reflections(self, hkl: Sequence[Sequence[int]]) -> list[Hkl]:
        """The asked reflections as whole triples.

        Raises:
            InputError: none, one twice, or one that is not in the zone.
        """
        found: list[Hkl] = []
        for one in hkl:
            given = np.asarray(one)
            if given.shape != (3,) or not np.equal(given, np.round(given)).all():
                raise InputError(f"hkl {one}: expected three whole numbers h,k,l")
            h, k, l = (int(index) for index in given)  # noqa: E741
            self.zone.position((h, k, l))
            found.append((h, k, l))
        if not found or len(set(found)) < len(found):
            raise InputError(f"hkl {found}: expected at least one reflection, each once")
        return found

    def fewest_beams(self, hkl: Sequence[Hkl]) -> int:
        """The beam (000), the reflections and all that are alike by the symmetry of the zone, each once."""
        triples = torch.tensor([(0, 0, 0), *hkl])
        images = torch.cat([triples @ operation.hkl for operation in self.zone.operations])
        return len(torch.unique(images, dim=0))

    def _computed(self, hkl: Sequence[Sequence[int]]) -> list[Hkl]:
        found = self.reflections(hkl)
        if self.fewest_beams(found) > self.rule.beams:
            raise InputError(
                f"beams = {self.rule.beams}: expected at least {self.fewest_beams(found)}, the reflections whose discs "
                "are asked and those alike by symmetry"
            )
        return found


def _fitting(rule: DiscRule, listed: int) -> DiscRule:
    return replace(rule, weak_beams=max(0, min(rule.weak_beams, listed - rule.beams)))
