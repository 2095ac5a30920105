"""The list of reflections that may scatter: all g with d >= d_min that the centring allows."""

from __future__ import annotations

import torch
from torch import Tensor

from zoneaxis.scattering.structure_factor import FourierCoefficients


def allowed_by_centring(hkl: Tensor, centring_translations: Tensor) -> Tensor:
    """Whether every pure centring translation t leaves the reflection: h.t an integer.

    Decided by symmetry, never by a small |U_g|: a reflection that glide planes or special positions extinguish is
    still excited by multiple scattering and stays.

    Args:
        hkl: (n, 3) integer indices.
        centring_translations: (k, 3) fractional translations.
    """
    phase = hkl.double() @ centring_translations.double().T
    return ((phase - phase.round()).abs() < 1e-3).all(-1)


def candidate_reflections(coefficients: FourierCoefficients, centring_translations: Tensor) -> Tensor:
    """Indices (n, 3) of all reflections with d >= d_min allowed by the centring, sorted by |g|, (000) first.

    Args:
        coefficients: tables of the crystal; their `d_min_angstrom` bounds the list.
        centring_translations: (k, 3) pure lattice translations of the cell, fractional; may be empty.
    """
    ranges = [torch.arange(-(n // 2), n // 2 + 1) for n in coefficients.index_max]
    hkl = torch.cartesian_prod(*ranges)
    length = torch.linalg.vector_norm(hkl.double() @ coefficients.reciprocal, dim=-1)
    keep = length <= 1.0 / coefficients.d_min_angstrom
    if len(centring_translations):
        keep &= allowed_by_centring(hkl, centring_translations)
    hkl, length = hkl[keep], length[keep]
    return hkl[torch.argsort(length, stable=True)]
