"""Medium: what an electron of some tens of eV meets inside the crystal.

A uniform optical potential -(V0r + i V0i), which shortens and damps its wave, and spheres that scatter, each with its
phase shifts, blurred by thermal vibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON, wave_number
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts
from zoneaxis.scattering.leed.thermal import t_matrix

LEAST_ABSORPTION_EV = 0.5
"""Lattice sums reach as far as a wave: with less absorption they would take millions of atoms."""


@dataclass(frozen=True)
class Medium:
    """Optical potential and scatterers.

    Attributes:
        inner_potential_ev: V0r; only E + V0r shows, so it must be known or fitted.
        imaginary_potential_ev: V0i, positive: absorption.
        phase_shifts: table of every element.
        u_squared: mean-square displacement along one axis in Å² of every element; 0: atoms at rest.
        interpolation: of the table between its energies, `cubic` or `linear`.
    """

    inner_potential_ev: float
    imaginary_potential_ev: float
    phase_shifts: Mapping[str, PhaseShifts]
    u_squared: Mapping[str, float]
    interpolation: str = "cubic"

    def __post_init__(self) -> None:
        if not 0 <= self.inner_potential_ev <= 50:
            raise InputError(f"inner_potential_ev = {self.inner_potential_ev:g} must lie between 0 and 50 eV")
        if not LEAST_ABSORPTION_EV <= self.imaginary_potential_ev <= 50:
            raise InputError(
                f"imaginary_potential_ev = {self.imaginary_potential_ev:g} must lie between {LEAST_ABSORPTION_EV:g} "
                "and 50 eV"
            )
        for element, value in self.u_squared.items():
            if not 0 <= value <= 0.25:
                raise InputError(f"mean-square displacement of {element} = {value:g} Å² must lie between 0 and 0.25")

    def kappa(self, energy_ev: float) -> complex:
        """Complex wave number inside in 1/Å."""
        return wave_number(energy_ev, self.inner_potential_ev, self.imaginary_potential_ev)

    def t_matrix(self, elements: tuple[str, ...], energy_ev: float, l_max: int) -> Tensor:
        """Thermal t_l (atoms, l_max + 1) of these atoms, complex128, at a vacuum energy.

        Raises InputError for an element without phase shifts, or an energy outside its table.
        """
        inside_ev = energy_ev + self.inner_potential_ev
        rows: dict[str, Tensor] = {}
        for element in set(elements):
            if element not in self.phase_shifts:
                raise InputError(
                    f"no phase shifts of {element}; there are those of {', '.join(self.phase_shifts) or 'no element'}"
                )
            # The thermal average mixes l, so it takes all the table has.
            table = self.phase_shifts[element]
            delta = torch.as_tensor(table.at(inside_ev, table.l_max, kind=self.interpolation))
            k2_times_u2 = ELECTRON * inside_ev * self.u_squared.get(element, 0.0)
            rows[element] = t_matrix(delta, k2_times_u2, l_max)
        return torch.stack([rows[element] for element in elements])
