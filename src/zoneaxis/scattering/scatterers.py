"""Scatterers: the atoms of a cell as a fast electron meets them, with gradients in everything that can be refined.

    U_g  = gamma/(pi Omega) sum_j occ_j f_j(s)  e^{-B_j s²} e^{-2 pi i g.r_j}
    U'_g = gamma/(pi Omega) sum_j occ_j f'_j(s, B_j)        e^{-2 pi i g.r_j}        in 1/Å², s = |g|/2

`structure_factor.FourierCoefficients` tabulates the same over a whole box of reflections, for EBSD; here they are
evaluated at the few that a zone axis needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoneaxis.crystals.cell import basis
from zoneaxis.errors import InputError
from zoneaxis.scattering.absorption import absorptive_smooth
from zoneaxis.scattering.electron import relativistic_factor, wave_number_in_crystal
from zoneaxis.scattering.form_factors import elastic
from zoneaxis.scattering.structure_factor import ABSORPTION_MODELS

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Scatterers:
    """Atoms of one cell; a site shared by two elements counts as two atoms.

    Attributes:
        basis: (3, 3) rows a, b, c [Å], a along x and c* along z.
        atomic_numbers: (atoms,).
        positions: (atoms, 3) fractional.
        occupancies, b_iso: (atoms,), B in Å².
        accelerating_voltage_kv: voltage.
        absorption: `none`, `proportional` (U' = factor U), `phonon`, or `phonon+core`. The core part scatters forward
            and is partly collected by the aperture of LACBED, hence `phonon` there.
        form_factor: elastic table; `lobato` has the exact tail that the phonon integral needs.
        proportional_factor: the factor of `proportional`.
    """

    basis: Tensor
    atomic_numbers: tuple[int, ...]
    positions: Tensor
    occupancies: Tensor
    b_iso: Tensor
    accelerating_voltage_kv: float
    absorption: str = "phonon"
    form_factor: str = "lobato"
    proportional_factor: float = 0.1

    def __post_init__(self) -> None:
        if self.absorption not in ABSORPTION_MODELS:
            raise InputError(f"absorption {self.absorption!r}: expected one of {', '.join(ABSORPTION_MODELS)}")
        if not bool((self.b_iso >= 0).all()):
            raise InputError(f"b_iso = {float(self.b_iso.min()):g}: expected a B of 0 Å² or more for every atom")
        if bool((self.b_iso <= 0).any()) and self.absorption.startswith("phonon"):
            raise InputError("b_iso: phonon absorption needs a positive B of every atom")
        relativistic_factor(self.accelerating_voltage_kv)

    @classmethod
    def of(
        cls,
        structure: Structure,
        accelerating_voltage_kv: float,
        *,
        absorption: str = "phonon",
        form_factor: str = "lobato",
        proportional_factor: float = 0.1,
    ) -> Scatterers:
        """The atoms of a structure with `site_properties["b_iso"]`.

        Raises:
            InputError: a structure without B, an unknown absorption model or table, an element that the table lacks.
        """
        if "b_iso" not in structure.site_properties:
            raise InputError("structure: b_iso is missing; set site_properties['b_iso'], B of every site in Å²")
        atoms = [
            (int(element.Z), site.frac_coords, float(share), float(b))
            for site, b in zip(structure, structure.site_properties["b_iso"], strict=True)
            for element, share in site.species.items()
        ]
        numbers, positions, shares, b_iso = zip(*atoms, strict=True)
        found = cls(
            basis=torch.from_numpy(np.ascontiguousarray(basis(structure))),
            atomic_numbers=tuple(numbers),
            positions=torch.from_numpy(np.array(positions, dtype=np.float64)),
            occupancies=torch.tensor(shares, dtype=torch.float64),
            b_iso=torch.tensor(b_iso, dtype=torch.float64),
            accelerating_voltage_kv=float(accelerating_voltage_kv),
            absorption=absorption,
            form_factor=form_factor,
            proportional_factor=proportional_factor,
        )
        for number in set(numbers):
            elastic(number, torch.ones(1, dtype=torch.float64), form_factor)
        return found

    @property
    def reciprocal(self) -> Tensor:
        """(3, 3) rows a*, b*, c* [1/Å]."""
        return torch.linalg.inv(self.basis).T

    @property
    def volume(self) -> Tensor:
        """Omega [Å³]."""
        return torch.linalg.det(self.basis).abs()

    @property
    def mean(self) -> float:
        """U_0 [1/Å²]."""
        return float(self._at_zero[0])

    @property
    def mean_absorption(self) -> float:
        """U'_0 [1/Å²]."""
        return float(self._at_zero[1])

    @property
    def wave_number(self) -> float:
        """K inside the crystal [1/Å]: K² = 1/lambda² + U_0."""
        return wave_number_in_crystal(self.accelerating_voltage_kv, self.mean)

    @property
    def _at_zero(self) -> tuple[Tensor, Tensor]:
        at_rest = replace(
            self, **{name: getattr(self, name).detach() for name in ("basis", "positions", "occupancies", "b_iso")}
        )
        elastic_part, absorbed = at_rest.potential(torch.zeros(1, 3, dtype=torch.long))
        return elastic_part[0].real, absorbed[0].real

    def potential(self, hkl: Tensor) -> tuple[Tensor, Tensor]:
        """U_g and U'_g, (m,) complex128 each [1/Å²], of reflections (m, 3).

        Gradients run in basis, positions, occupancies and b_iso. Limits: U_{-g} = conj U_g and so U'; both real where
        the origin is a centre of the crystal.
        """
        indices = hkl.to(torch.float64)
        s_squared = ((indices @ self.reciprocal) ** 2).sum(-1) / 4.0
        s = s_squared.clamp_min(1e-24).sqrt()
        phases = torch.exp(-2j * math.pi * (indices @ self.positions.T)) * self.occupancies
        thermal = torch.exp(-s_squared[:, None] * self.b_iso)
        total, absorbed = torch.zeros_like(phases[:, 0]), torch.zeros_like(phases[:, 0])
        phonons = self.absorption in ("phonon", "phonon+core")
        for number in sorted(set(self.atomic_numbers)):
            atoms = [place for place, other in enumerate(self.atomic_numbers) if other == number]
            total = total + elastic(number, s_squared, self.form_factor) * (
                (phases[:, atoms] * thermal[:, atoms]).sum(-1)
            )
            for alike in self._of_one_b(atoms) if phonons else ():
                lost = absorptive_smooth(
                    number,
                    s,
                    self.b_iso[alike[0]],
                    self.accelerating_voltage_kv,
                    self.absorption,
                    self.form_factor,
                )
                absorbed = absorbed + lost * phases[:, alike].sum(-1)
        scale = relativistic_factor(self.accelerating_voltage_kv) / (math.pi * self.volume)
        if self.absorption == "proportional":
            absorbed = self.proportional_factor * total
        return scale * total, scale * absorbed

    def _of_one_b(self, atoms: list[int]) -> list[list[int]]:
        """Atoms with one B together; every atom alone where gradients run in B."""
        if self.b_iso.requires_grad:
            return [[atom] for atom in atoms]
        groups: dict[float, list[int]] = {}
        for atom in atoms:
            groups.setdefault(float(self.b_iso[atom]), []).append(atom)
        return list(groups.values())
