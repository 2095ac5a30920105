"""Surface: atoms in angular-momentum space over a half-infinite crystal that they see through plane waves.

    (1 - T E) B = T f,   E = G + in^- R_B out^+,   f = in^+ e_0 + in^- R_B e_0
    a = out^- B + R_B (e_0 + out^+ B)

One equation with one right-hand side for each angle and structure. Atoms that lie too close above one another for plane
waves (a dimer and the layer under it) are joined by G, exactly. The ground is what all structures of one energy share:
the bulk's reflection R_B, and the atoms that none of them moves (s). It answers the atoms that move (m) by

    Y = (1 - T E_ss)^-1 T E_sm,   y = (1 - T E_ss)^-1 T f_s
    (1 - T [E_mm + E_ms Y]) B_m = T [f_m + E_ms y],   B_s = y + Y B_m
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from zoneaxis.scattering.leed.layer import propagator, scattering_factors
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD, Waves


@dataclass(frozen=True)
class Ground:
    """Bulk and still atoms under a cone of waves of one energy.

    Attributes:
        positions: of the still atoms (atoms, 3) in Å, z into the crystal; there may be none.
        t_matrix: t_l of each (atoms, l_max + 1).
        cell: rows A1, A2 of the surface cell in Å.
        k: in-plane wave vectors (angles, 2) in 1/Å.
        waves: of all beams at these angles.
        bulk: R-+ (angles, beams, beams) of the crystal below, one block for each coset; its type is that of the work.
        cosets: beams of each block.
        incident: position of the beam (0, 0).
        tolerance: of the lattice sums.
    """

    positions: Tensor
    t_matrix: Tensor
    cell: np.ndarray
    k: Tensor
    waves: Waves
    bulk: Sequence[Tensor]
    cosets: Sequence[slice]
    incident: int
    tolerance: float

    @property
    def dtype(self) -> torch.dtype:
        """Complex type of the work."""
        return self.bulk[0].dtype

    @cached_property
    def area(self) -> float:
        """Of the surface cell in Å²."""
        return abs(float(np.linalg.det(self.cell)))

    def reflect(self, waves: Tensor) -> Tensor:
        """R_B of the bulk on amplitudes (..., angles, beams)."""
        parts = [(r @ waves[..., b, None])[..., 0] for b, r in zip(self.cosets, self.bulk, strict=True)]
        return torch.cat(parts, dim=-1)

    def seen_by(self, positions: Tensor) -> Tensor:
        """in^- R_B: what the bulk sends back to atoms (..., atoms, 3), as (..., angles, atoms n, beams)."""
        parts = [
            self.waves.of(b).arriving(positions, OUTWARD, self.dtype) @ r
            for b, r in zip(self.cosets, self.bulk, strict=True)
        ]
        return torch.cat(parts, dim=-1)

    def sent_by(self, positions: Tensor, direction: int) -> Tensor:
        """out of that direction, (..., angles, beams, atoms n)."""
        return self.waves.leaving(positions, direction, self.area, dtype=self.dtype)

    def field_at(self, positions: Tensor, seen: Tensor) -> Tensor:
        """f (..., angles, atoms n, 1): the incident wave and its reflection by the bulk."""
        arriving = self.waves.arriving(positions, INWARD, self.dtype)
        return (arriving + seen)[..., self.incident, None]

    def between(self, receivers: Tensor, emitters: Tensor, seen: Tensor, sent: Tensor) -> Tensor:
        """E (structures, angles, receivers n, emitters n) of atoms (structures, atoms, 3).

        seen: of the receivers, sent: of the emitters inward; either may be the same for all structures.
        """
        waves = self.waves
        direct = propagator(
            receivers, emitters, self.cell, self.k, waves.kappa, waves.l_max, self.tolerance, self.dtype
        )
        seen, sent = (one.expand(*direct.shape[:2], *one.shape[-2:]).flatten(0, 1) for one in (seen, sent))
        return torch.baddbmm(direct.flatten(0, 1), seen, sent).unflatten(0, direct.shape[:2])

    @cached_property
    def factors(self) -> Tensor:
        """T of the still atoms as a column."""
        return scattering_factors(self.t_matrix, len(self.t_matrix)).to(self.dtype)[:, None]

    @cached_property
    def seen(self) -> Tensor:
        """`seen_by` of the still atoms."""
        return self.seen_by(self.positions)

    @cached_property
    def sent(self) -> dict[int, Tensor]:
        """`sent_by` of the still atoms, for both directions."""
        return {direction: self.sent_by(self.positions, direction) for direction in (INWARD, OUTWARD)}

    @cached_property
    def decomposed(self) -> tuple[Tensor, Tensor]:
        """LU factors and pivots of 1 - T E_ss."""
        own = self.positions[None]
        return torch.linalg.lu_factor(
            _one_minus(self.factors * self.between(own, own, self.seen, self.sent[INWARD])[0])
        )

    @cached_property
    def answer(self) -> Tensor:
        """y (angles, still n, 1): what the still atoms emit by themselves."""
        return torch.linalg.lu_solve(*self.decomposed, self.factors * self.field_at(self.positions, self.seen))

    def driven(self, emitters: Tensor, sent: Tensor) -> Tensor:
        """Y (structures, angles, still n, emitters n): what the still atoms emit for unit waves of the moving ones."""
        still = self.positions.expand(len(emitters), -1, -1)
        sources = self.factors * self.between(still, emitters, self.seen, sent)
        # One decomposition for each angle answers all structures: their columns stand side by side.
        columns = torch.linalg.lu_solve(*self.decomposed, sources.permute(1, 2, 0, 3).flatten(2))
        return columns.unflatten(-1, (len(emitters), sources.shape[-1])).permute(2, 0, 1, 3)


def reflected_amplitudes(moving: Tensor, t_moving: Tensor, ground: Ground, wanted: Tensor) -> Tensor:
    """Amplitudes a_g (structures, angles, wanted beams) of waves sent back out, referred to the frame's origin.

    Args:
        moving: (structures, atoms, 3) in Å, atoms of which every structure has its own; there may be none.
        t_moving: t_l of each (atoms, l_max + 1).
        ground: everything below and around them.
        wanted: positions of the beams asked for.
    """
    factors = scattering_factors(t_moving, len(t_moving)).to(ground.dtype)[:, None]
    seen, sent = ground.seen_by(moving), ground.sent_by(moving, INWARD)
    driven = ground.driven(moving, sent)
    back = ground.between(moving, ground.positions.expand(len(moving), -1, -1), seen, ground.sent[INWARD])
    matrix = _one_minus(factors * (ground.between(moving, moving, seen, sent) + back @ driven))
    emitted = torch.linalg.solve(matrix, factors * (ground.field_at(moving, seen) + back @ ground.answer))
    emitted_still = ground.answer + driven @ emitted

    inward = (sent @ emitted + ground.sent[INWARD] @ emitted_still)[..., 0]
    unit = torch.nn.functional.one_hot(torch.tensor(ground.incident, device=inward.device), inward.shape[-1])
    outward = ground.sent_by(moving, OUTWARD) @ emitted + ground.sent[OUTWARD] @ emitted_still
    return (outward[..., 0] + ground.reflect(inward + unit))[..., wanted]


def _one_minus(matrix: Tensor) -> Tensor:
    """1 - M, without writing the unit matrix."""
    negative = -matrix
    negative.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return negative
