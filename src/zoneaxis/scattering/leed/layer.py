"""Layer: one plane lattice of atoms, everything inside it scattered to all orders.

    B = (1 - T G)^-1 T in^s,   M^{s's} = out^{s'} B,   T++ = 1 + M++,  T-- = 1 + M--,  R-+ = M-+,  R+- = M+-

The first sign is that of the wave that leaves, the second that of the wave that comes: R-+ reflects what comes from
outside. Source: Pendry (1974), chapter IV; Beeby, J. Phys. C 1 (1968) 82.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.scattering.leed.harmonics import count, degrees, two_centre
from zoneaxis.scattering.leed.lattice_sum import lattice_sums
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD, Waves


@dataclass(frozen=True)
class Layer:
    """Scattering matrices (angles, beams, beams) of a slab.

    R-+ and incoming waves refer to the origin of its first layer, R+- and what it lets through to that of its last.
    """

    reflect_out: Tensor
    through_in: Tensor
    reflect_in: Tensor
    through_out: Tensor


def propagator(
    receivers: Tensor,
    emitters: Tensor,
    cell: np.ndarray,
    k: Tensor,
    kappa: complex,
    l_max: int,
    tolerance: float,
    dtype: torch.dtype,
) -> Tensor:
    """G (structures, angles, receivers n, emitters n): waves from the lattice of every emitter at every receiver.

    Args:
        receivers, emitters: (structures, atoms, 3) in Å. Pairs at the same distance vector share one lattice sum, also
            across structures; an atom's own site is left out.
        cell, k, kappa, tolerance: as for `lattice_sums`; l_max of the scattered waves.
        dtype: complex type of the result; sums are made in complex128.
    """
    structures, n = len(receivers), count(l_max)
    pairs = (structures, receivers.shape[1], emitters.shape[1])
    inside = torch.empty(structures, len(k), pairs[1], n, pairs[2], n, dtype=dtype, device=receivers.device)
    if inside.numel():
        offsets = (receivers[:, :, None] - emitters[:, None, :]).reshape(-1, 3)
        rounded = np.round(offsets.detach().cpu().numpy(), 9)
        _, first, place = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
        if offsets.requires_grad:  # a shared sum would hand its gradient to one pair alone
            first = place = np.arange(len(offsets))
        distinct = offsets[torch.from_numpy(first).to(offsets.device)]
        sums = lattice_sums(distinct, cell, k, kappa, 2 * l_max, tolerance).to(dtype)
        blocks = two_centre(sums, l_max).permute(2, 3, 0, 1)  # offset, angle, L, L'
        for (structure, receiver, emitter), which in zip(np.ndindex(*pairs), place.ravel(), strict=True):
            inside[structure, :, receiver, :, emitter] = blocks[which]
    return inside.reshape(structures, len(k), pairs[1] * n, pairs[2] * n)


def scattering_factors(t_matrix: Tensor, atoms: int) -> Tensor:
    """T = i t_l of every L of every atom (atoms n) from t_l (l_max + 1), or (atoms, l_max + 1), complex."""
    t_matrix = t_matrix.expand(atoms, -1) if t_matrix.ndim == 1 else t_matrix
    return (1j * t_matrix)[:, degrees(t_matrix.shape[-1] - 1).to(t_matrix.device)].flatten()


def scatter(
    waves: Waves,
    positions: Tensor,
    cell: np.ndarray,
    k: Tensor,
    t_matrix: Tensor,
    tolerance: float,
    *,
    dtype: torch.dtype = torch.complex128,
    prefactor: complex | None = None,
) -> Layer:
    """Scattering matrices of a layer of atoms, its origin that of the positions.

    Args:
        waves: of the beams, at these angles.
        positions: (atoms, 3) in Å.
        cell: of this layer, rows (2, 2) in Å; k: wave vectors (angles, 2) it is summed at.
        t_matrix: t_l (l_max + 1) or (atoms, l_max + 1).
        tolerance: of the lattice sums.
        prefactor: kappa of outgoing waves in place of the medium's; see `Waves.leaving`.
    """
    factors = scattering_factors(t_matrix, len(positions)).to(dtype)
    inside = propagator(positions[None], positions[None], cell, k, waves.kappa, waves.l_max, tolerance, dtype)[0]
    identity = torch.eye(inside.shape[-1], dtype=dtype, device=inside.device)
    area = abs(float(np.linalg.det(cell)))
    arriving = {s: waves.arriving(positions, s, dtype) for s in (INWARD, OUTWARD)}
    leaving = {s: waves.leaving(positions, s, area, prefactor, dtype) for s in (INWARD, OUTWARD)}
    both = torch.cat([arriving[INWARD], arriving[OUTWARD]], dim=-1)
    response = torch.linalg.solve(identity - factors[:, None] * inside, factors[:, None] * both)
    beams = waves.parallel.shape[1]
    from_outside, from_inside = response[..., :beams], response[..., beams:]
    unit = torch.eye(beams, dtype=dtype, device=inside.device)
    return Layer(
        reflect_out=leaving[OUTWARD] @ from_outside,
        through_in=unit + leaving[INWARD] @ from_outside,
        reflect_in=leaving[INWARD] @ from_inside,
        through_out=unit + leaving[OUTWARD] @ from_inside,
    )
