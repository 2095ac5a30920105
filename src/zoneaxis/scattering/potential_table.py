"""Potential table: U_g + i U'_g of a zone, evaluated once and looked up for any two of its beams."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.scattering.beam_set import unique_rows
from zoneaxis.scattering.scatterers import Scatterers

SPAN = 1 << 12
"""Indices stay far below this, so that one number stands for (h, k, l) and differences subtract."""


@dataclass(frozen=True)
class PotentialTable:
    """U_g + i U'_g at all differences of a list of beams.

    Attributes:
        keys: (m,) one number for each difference, rising.
        values: (m,) complex128 [1/Å²].
    """

    keys: Tensor
    values: Tensor

    @classmethod
    def of(cls, scatterers: Scatterers, hkl: Tensor) -> PotentialTable:
        """For a list of beams (n, 3)."""
        differences, _ = unique_rows((hkl[:, None] - hkl[None]).reshape(-1, 3))
        elastic, absorbed = scatterers.potential(differences)
        keys = _key(differences)
        order = torch.argsort(keys)
        return cls(keys[order], (elastic + 1j * absorbed)[order])

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Matrix (a, b) of values at h - h' for beams (a, 3) and (b, 3) of the list."""
        return self.values[torch.searchsorted(self.keys, _key(first)[:, None] - _key(second)[None])]


def _key(hkl: Tensor) -> Tensor:
    return (hkl[..., 0] * SPAN + hkl[..., 1]) * SPAN + hkl[..., 2]
