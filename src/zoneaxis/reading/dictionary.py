"""Dictionary: coarse simulated patterns of candidate crystals for orientations all over the fundamental zone.

It answers "where could this crystal lie?" with a few starts for the refinement, not with an orientation. Pixels,
blur and orientation step are matched: the blur makes neighbouring entries alike, so that none is missed in between,
and what is slower than a band is taken out of patterns and entries alike because it tells orientations apart badly.
Steps, sizes and filters were chosen on simulated degraded patterns (benchmarks/matching.py prints what they reach).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.instrument.orientation import orientation_grid
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import circular_mask, remove_dynamic, resize, standardise

DICTIONARY_PX = 24
DICTIONARY_STEP_DEG = 4.0
DICTIONARY_BLUR_DEG = 1.2
COARSE_MASTER_SIDE = 101  # samples of a blurred master: about 1.3 degrees apart, as fine as the blur
COARSE_SLOW_PER_WIDTH = 12.0  # the slow part is a Gaussian of width / 12
_ORIENTATIONS_AT_ONCE = 256


@dataclass(frozen=True)
class Dictionary:
    """Entries (crystals, orientations, pixels) of unit norm, for crystals that share their symmetry.

    A product with a vector from `coarse` is the normalised cross-correlation.
    """

    names: tuple[str, ...]
    orientations: Tensor
    entries: Tensor

    @classmethod
    def build(
        cls,
        masters: Mapping[str, Tensor],
        symmetry: Tensor,
        detector: TiltedDetector,
        step_deg: float = DICTIONARY_STEP_DEG,
    ) -> "Dictionary":
        """Simulate all entries from blurred masters {name: (2, S, S)}; symmetry (m, 3, 3); a square detector."""
        stack = torch.stack(tuple(masters.values()))
        grid = orientation_grid(step_deg, symmetry).to(stack)
        screen = detector.resized((DICTIONARY_PX, DICTIONARY_PX))
        parts = (grid[start : start + _ORIENTATIONS_AT_ONCE] for start in range(0, len(grid), _ORIENTATIONS_AT_ONCE))
        entries = torch.cat([coarse(project(stack, part, screen)) for part in parts], dim=1)
        return cls(tuple(masters), grid, entries)

    def propose(self, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k best entries for vectors (n, pixels) from `coarse`: NCC (crystals, n, k), orientations (..., 3, 3)."""
        best = [(vectors @ entries.T).topk(min(k, len(self.orientations))) for entries in self.entries]
        return torch.stack([b.values for b in best]), torch.stack([self.orientations[b.indices] for b in best])


def coarse(patterns: Tensor) -> Tensor:
    """Square patterns (..., rows, cols) as vectors (..., pixels) of unit norm: shrunk, slow part removed, masked."""
    shape = (DICTIONARY_PX, DICTIONARY_PX)
    mask = circular_mask(shape).to(patterns.device)
    quick = remove_dynamic(resize(patterns, shape), sigma=DICTIONARY_PX / COARSE_SLOW_PER_WIDTH, mask=mask)
    return standardise(quick, mask)[..., mask] / mask.sum().sqrt()
