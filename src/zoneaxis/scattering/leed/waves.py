"""Waves: plane waves inside the crystal, and how atoms take them up and send them out.

A wave exp(iK.r) with K = (k + g, s kz), kz = sqrt(kappa² - |k + g|²), Im kz > 0: s = +1 runs and decays inward (z
points into the crystal), s = -1 outward. Around an atom it is a sum of regular spherical waves; what the atom sends
out, summed over its plane lattice, is a sum of plane waves again. Source: Pendry (1974), chapter IV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi

import torch
from torch import Tensor

from zoneaxis.scattering.leed.harmonics import conjugate, degrees, spherical_harmonics

INWARD, OUTWARD = +1, -1


@dataclass(frozen=True)
class Waves:
    """Plane waves of every angle and beam.

    Attributes:
        parallel: k + g (angles, beams, 2) in 1/Å, float64.
        kappa: complex wave number inside in 1/Å.
        l_max: of the spherical waves.
    """

    parallel: Tensor
    kappa: complex
    l_max: int

    @cached_property
    def kz(self) -> Tensor:
        """Normal component (angles, beams), complex128, decaying along the way of the wave."""
        root = torch.sqrt(self.kappa**2 - (self.parallel * self.parallel).sum(-1) + 0j)
        return torch.where(root.imag < 0, -root, root)

    def of(self, beams: slice) -> Waves:
        """Some of the beams."""
        return Waves(self.parallel[:, beams], self.kappa, self.l_max)

    def shift(self, step: Tensor, direction: int) -> Tensor:
        """exp(i s K^s.d): the factor (..., angles, beams) by which waves gain when they advance by d (..., 3) in Å.

        For inward waves (+1) d is the way they run, for outward ones (-1) they run by -d: both decay for d_z > 0.
        """
        along = torch.einsum("abc,...c->...ab", self.parallel, step[..., :2])
        return torch.exp(1j * (direction * along + self.kz * step[..., 2, None, None]))

    def harmonics(self, direction: int) -> Tensor:
        """Y_L of the wave vectors of that direction, (angles, beams, n)."""
        return self._harmonics[direction]

    @cached_property
    def _harmonics(self) -> dict[int, Tensor]:
        across = torch.complex(self.parallel[..., 0], self.parallel[..., 1]) / self.kappa
        back = torch.complex(self.parallel[..., 0], -self.parallel[..., 1]) / self.kappa
        return {
            sign: spherical_harmonics(sign * self.kz / self.kappa, across, self.l_max, back)
            for sign in (INWARD, OUTWARD)
        }

    def _phases(self, positions: Tensor, direction: int) -> Tensor:
        """exp(i K^s.R) (..., atoms, angles, beams) at positions (..., atoms, 3)."""
        along = torch.einsum("abc,...c->...ab", self.parallel, positions[..., :2])
        return torch.exp(1j * (along + direction * self.kz * positions[..., 2, None, None]))

    def arriving(self, positions: Tensor, direction: int, dtype: torch.dtype = torch.complex128) -> Tensor:
        """in^s (..., angles, atoms n, beams): regular waves about each atom from plane waves of unit amplitude.

        in_{iL,g} = 4 pi i^l Y*_L(K_g^s) exp(i K_g^s.R_i); positions (..., atoms, 3) in Å.
        """
        turn = torch.tensor([1, 1j, -1, -1j], dtype=self.kz.dtype)[degrees(self.l_max) % 4].to(self.kz.device)
        taken = 4 * pi * turn * conjugate(self.harmonics(direction))
        joined = torch.einsum("...iab,abl->...ailb", self._phases(positions, direction).to(dtype), taken.to(dtype))
        return joined.flatten(-3, -2)

    def leaving(
        self,
        positions: Tensor,
        direction: int,
        area: float,
        kappa: complex | None = None,
        dtype: torch.dtype = torch.complex128,
    ) -> Tensor:
        """out^s (..., angles, beams, atoms n): plane waves that a lattice of emitters sends out.

        out_{g,iL} = 2 pi / (A kappa kz_g) i^-l Y_L(K_g^s) exp(-i K_g^s.R_i); area A of the layer's own cell in Å².
        kappa: for the prefactor alone; CLEED takes its real part in layers of one atom, which no physics asks for.
        """
        turn = torch.tensor([1, -1j, -1, 1j], dtype=self.kz.dtype)[degrees(self.l_max) % 4].to(self.kz.device)
        scale = 2 * pi / (area * (self.kappa if kappa is None else kappa) * self.kz)
        sent = scale[..., None] * turn * self.harmonics(direction)
        joined = torch.einsum("...iab,abl->...abil", self._phases(-positions, direction).to(dtype), sent.to(dtype))
        return joined.flatten(-2, -1)
