"""Pattern mixture: several supplies of patterns as one, each with its share of every batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.stream import PatternSource

MIXING = 7
"""Stream of random numbers of how many patterns each supply gives; those of the supplies are 0 to 2."""


@dataclass(frozen=True)
class PatternMixture:
    """A `PatternSource` that asks its parts in turn.

    parts: supplies with the same classes and the same size of input; shares: of each on average, summing to 1.

    Raises InputError for no parts, another number of shares, or shares that do not sum to 1.
    """

    parts: tuple[PatternSource, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.parts or len(self.parts) != len(self.shares):
            raise InputError(f"mixture: {len(self.shares)} shares for {len(self.parts)} supplies; give one each")
        if min(self.shares) < 0 or not math.isclose(sum(self.shares), 1.0, abs_tol=1e-6):
            raise InputError(f"mixture: shares {self.shares}: expected numbers from 0 that sum to 1")

    def __call__(self, n: int, seed: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """n patterns (n, rows, cols) and {"material": (n,)}; depends on (n, seed) only."""
        counts = np.random.default_rng([seed, MIXING]).multinomial(n, self.shares)
        drawn = [part(int(count), seed) for part, count in zip(self.parts, counts, strict=True) if count]
        material = torch.cat([labels["material"] for _, labels in drawn])
        return torch.cat([patterns for patterns, _ in drawn]), {"material": material}
