"""Lattice sum: what a whole plane lattice of equal emitters sends to one centre, in outgoing harmonics.

    D_lm(d, k) = sum over R of exp(i k.R) h_l(kappa |rho|) Y_lm(rho),  rho = d - R,  rho = 0 left out

d points from the emitters' own site to the receiving one. Absorption inside the crystal (Im kappa > 0) makes the sum
converge, so that it is cut where the wave has fallen to `tolerance`; no Ewald sum is needed.
"""

from __future__ import annotations

from math import log

import numpy as np
import torch
from torch import Tensor

from zoneaxis.scattering.leed.harmonics import outgoing_waves, spherical_harmonics


def lattice_points(cell: np.ndarray, radius_angstrom: float) -> np.ndarray:
    """All points R = i a1 + j a2 (N, 2) of the plane lattice with |R| up to the radius; cell (2, 2) has rows a1, a2."""
    # |i| is largest where R is perpendicular to a2: |R| |a2| / area.
    area = abs(float(np.linalg.det(cell)))
    most = [int(radius_angstrom * float(np.linalg.norm(cell[1 - axis])) / area) + 1 for axis in (0, 1)]
    i, j = np.meshgrid(*(np.arange(-count, count + 1) for count in most), indexing="ij")
    points = np.stack([i.ravel(), j.ravel()], axis=1) @ cell
    return points[np.linalg.norm(points, axis=1) <= radius_angstrom]


def reach_angstrom(kappa: complex, tolerance: float) -> float:
    """Distance at which a wave of that wave number (1/Å) has decayed to the tolerance."""
    return log(1.0 / tolerance) / kappa.imag


def lattice_sums(offsets: Tensor, cell: np.ndarray, k: Tensor, kappa: complex, l_max: int, tolerance: float) -> Tensor:
    """D_lm(d, k) as (n, offsets, angles), complex128, l up to l_max.

    Args:
        offsets: d (offsets, 3) in Å; a zero offset is an atom's own lattice, whose own site is left out.
        cell: rows A1, A2 (2, 2) in Å.
        k: in-plane wave vectors (angles, 2) in 1/Å, 2 pi included.
        kappa: complex wave number inside the crystal in 1/Å.
        l_max: highest l, twice that of the scattered waves.
        tolerance: where the sum is cut.
    """
    # The cut depends on no offset: a sum is the same whatever it is made beside, and smooth in d.
    radius = reach_angstrom(kappa, tolerance) + float(np.linalg.norm(cell.sum(0))) / 2
    points = torch.from_numpy(lattice_points(cell, radius)).to(offsets.device)
    phases = torch.exp(1j * (k @ points.T))
    rho = offsets[:, None, :] - torch.nn.functional.pad(points, (0, 1))
    square = (rho * rho).sum(-1)
    self_site = square < 1e-12
    length = torch.where(self_site, 1.0, square).sqrt()
    terms = outgoing_waves(kappa * length, l_max)
    terms = torch.where(self_site[..., None], 0.0, terms)
    direction = rho / length[..., None]
    harmonics = spherical_harmonics(direction[..., 2], torch.complex(direction[..., 0], direction[..., 1]), l_max)
    degree = torch.repeat_interleave(torch.arange(l_max + 1), 2 * torch.arange(l_max + 1) + 1).to(offsets.device)
    return torch.einsum("drl,kr->ldk", terms[..., degree] * harmonics, phases)
