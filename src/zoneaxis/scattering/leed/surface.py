"""Surface: atoms in angular-momentum space over a half-infinite crystal that they see through plane waves.

    (1 - T [G + in^- R_B out^+]) B = T (in^+ e_0 + in^- R_B e_0)
    a = out^- B + R_B (e_0 + out^+ B)

One equation with one right-hand side for each angle and structure. Atoms that lie too close above one another for plane
waves (a dimer and the layer under it) are joined by G, exactly; the bulk's reflection R_B and everything that belongs
to the energy alone is shared by all structures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoneaxis.scattering.leed.layer import propagator, scattering_factors
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD, Waves


def reflected_amplitudes(
    positions: Tensor,
    cell: np.ndarray,
    k: Tensor,
    t_matrix: Tensor,
    waves: Waves,
    bulk: Sequence[Tensor],
    cosets: Sequence[slice],
    wanted: Tensor,
    tolerance: float,
    incident: int,
) -> Tensor:
    """Amplitudes a_g (structures, angles, wanted beams) of waves sent back out, referred to the frame's origin.

    Args:
        positions: (structures, atoms, 3) in Å, z into the crystal.
        cell: rows A1, A2 of the surface cell in Å.
        k: in-plane wave vectors (angles, 2) in 1/Å.
        t_matrix: t_l of each atom (atoms, l_max + 1), or one for all.
        waves: of all beams at these angles.
        bulk: R-+ (angles, beams, beams) of the crystal below, one block for each coset; its type is that of the work.
        cosets: beams of each block.
        wanted: positions of the beams asked for.
        tolerance: of the lattice sums.
        incident: position of the beam (0, 0).
    """
    dtype = bulk[0].dtype
    atoms = positions.shape[1]
    area = abs(float(np.linalg.det(cell)))
    factors = scattering_factors(t_matrix, atoms).to(dtype)
    into = waves.arriving(positions, INWARD, dtype)[..., incident]
    seen = torch.cat(
        [
            waves.of(beams).arriving(positions, OUTWARD, dtype) @ block
            for beams, block in zip(cosets, bulk, strict=True)
        ],
        dim=-1,
    )  # in^- R_B
    sent_in = waves.leaving(positions, INWARD, area, dtype=dtype)
    inside = propagator(positions, cell, k, waves.kappa, waves.l_max, tolerance, dtype)
    size = inside.shape[-1]
    environment = torch.baddbmm(inside.reshape(-1, size, size), seen.flatten(0, 1), sent_in.flatten(0, 1))
    matrix = (environment * -factors[:, None]).reshape(inside.shape)
    matrix.diagonal(dim1=-2, dim2=-1).add_(1.0)
    field = torch.linalg.solve(matrix, (factors * (into + seen[..., incident]))[..., None])
    downward = (sent_in @ field)[..., 0]
    unit = torch.zeros_like(downward)
    unit[..., incident] = 1.0
    downward = downward + unit
    reflected = torch.cat(
        [(block @ downward[..., beams, None])[..., 0] for beams, block in zip(cosets, bulk, strict=True)], dim=-1
    )
    outward = waves.leaving(positions, OUTWARD, area, dtype=dtype) @ field
    return (outward[..., 0] + reflected)[..., wanted]
