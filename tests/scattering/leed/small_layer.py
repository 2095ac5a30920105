"""A small layer: a few strong phase shifts on a small cell, enough to scatter several times, quick to compute."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zoneaxis.scattering.leed.beams import Beams, select_beams, wave_number
from zoneaxis.scattering.leed.layer import Layer, scatter
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.phase_shifts import phase_shifts
from zoneaxis.scattering.leed.waves import Waves

ENERGY_EV, INNER_EV, IMAGINARY_EV = 50.0, 10.0, 4.0
KAPPA = wave_number(ENERGY_EV, INNER_EV, IMAGINARY_EV)
CELL = np.array([[2.6, 0.0], [0.4, 2.7]])
"""Oblique, so that no mirror plane hides an error of sign."""
AREA = abs(float(np.linalg.det(CELL)))
K = torch.tensor([[0.31, -0.12], [0.0, 0.0]], dtype=torch.float64)
DELTA = torch.tensor([1.1, 0.7, -0.4, 0.15, 0.05], dtype=torch.float64)


def t_of(delta: Tensor) -> Tensor:
    """t_l of atoms at rest."""
    return torch.sin(delta) * torch.exp(1j * delta)


def one_coset(spacing: float, tolerance: float, cell: np.ndarray = CELL) -> Beams:
    """Beams of a crystal whose surface has the bulk's own cell."""
    return select_beams(cell, np.eye(2, dtype=int), ENERGY_EV + INNER_EV, spacing, tolerance)


def waves_of(beams: Beams, k: Tensor = K, l_max: int = 2, kappa: complex = KAPPA) -> Waves:
    """Waves of these beams at every angle."""
    return Waves(beams.g[None] + k[:, None], kappa, l_max)


def atom_layer(waves: Waves, positions: Tensor | None = None, tolerance: float = 1e-7, k: Tensor = K) -> Layer:
    """The layer of those positions, one atom at the origin if there are none."""
    positions = torch.zeros(1, 3, dtype=torch.float64) if positions is None else positions
    return scatter(waves, positions, CELL, k, t_of(DELTA[: waves.l_max + 1]), tolerance)


def silicon(inner_ev: float = INNER_EV, imaginary_ev: float = IMAGINARY_EV, u_squared: float = 0.0056) -> Medium:
    """Silicon with its own phase shifts."""
    return Medium(inner_ev, imaginary_ev, {"Si": phase_shifts("Si", "diamond", 5.431)}, {"Si": u_squared})


def brute_lattice(cell: np.ndarray, most: int) -> np.ndarray:
    """Lattice vectors (N, 2) with both indices up to `most`."""
    i, j = np.meshgrid(np.arange(-most, most + 1), np.arange(-most, most + 1), indexing="ij")
    return np.stack([i.ravel(), j.ravel()], axis=1) @ cell
