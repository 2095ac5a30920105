"""Potential table: U_g + i U'_g of a zone, evaluated once and looked up for any two of its beams."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.scattering.beam_set import unique_rows
from zoneaxis.scattering.scatterers import Scatterers


@dataclass(frozen=True)
class PotentialTable:
    """U_g + i U'_g at all differences of a list of beams.

    Attributes:
        strides: (3,) one number g . strides stands for each difference, so that those of differences subtract.
        first: the smallest of them.
        values: complex128 [1/Å²] by that number, from the smallest on; zero where no difference is.
    """

    strides: Tensor
    first: int
    values: Tensor

    @classmethod
    def of(cls, scatterers: Scatterers, hkl: Tensor) -> PotentialTable:
        """For a list of beams (n, 3)."""
        differences, _ = unique_rows((hkl[:, None] - hkl[None]).reshape(-1, 3))
        spans = (differences.amax(0) - differences.amin(0) + 1).tolist()
        strides = torch.tensor([spans[1] * spans[2], spans[2], 1])
        numbers = differences @ strides
        elastic, absorbed = scatterers.potential(differences)
        first = int(numbers.min())
        values = torch.zeros(int(numbers.max()) - first + 1, dtype=torch.complex128)
        values[numbers - first] = elastic + 1j * absorbed
        return cls(strides, first, values)

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Matrix (a, b) of values at h - h' for beams (a, 3) and (b, 3) of the list."""
        return self.values[(first @ self.strides)[:, None] - (second @ self.strides)[None] - self.first]
