"""Angles: the incident directions of a cone that symmetry leaves to be computed, and what the others follow from.

A mirror plane of the surface, y -> -y say, takes the beam (h, k) at (kx, ky) into (h, -k) at (kx, -ky). So half of the
directions is enough, and a quarter where both mirrors are there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class FoldedCone:
    """A cone of directions cut down to its own share.

    Attributes:
        k: (few, 2) in 1/Å, the directions to compute.
        source: (all,) which of them each direction of the whole cone is an image of.
        flip: (all, 2) signs that the beam's indices take there.
    """

    k: np.ndarray
    source: np.ndarray
    flip: np.ndarray

    @classmethod
    def fold(cls, k: np.ndarray, mirror_x: bool, mirror_y: bool) -> FoldedCone:
        """Fold a cone (all, 2) that is symmetric about its middle, along the mirrors there are."""
        sign = np.ones_like(k)
        for axis, mirror in enumerate((mirror_x, mirror_y)):
            if mirror:
                sign[:, axis] = np.where(k[:, axis] < -1e-9, -1.0, 1.0)
        few, source = np.unique(np.round(k * sign, 12), axis=0, return_inverse=True)
        return cls(few, source.ravel(), sign.astype(int))

    def beams(self, beams: np.ndarray) -> np.ndarray:
        """All beams (more, 2) needed to fill the cone for these (beams, 2)."""
        flips = np.unique(self.flip, axis=0)
        return np.unique((np.asarray(beams)[:, None] * flips).reshape(-1, 2), axis=0)

    def unfold(self, intensity: Tensor, computed: np.ndarray, beams: np.ndarray) -> Tensor:
        """(structures, few, computed beams) -> (structures, beams, all directions)."""
        place = {(int(h), int(k)): number for number, (h, k) in enumerate(computed)}
        column = np.array([[place[int(h * a), int(k * b)] for a, b in self.flip] for h, k in beams])
        return intensity[:, torch.from_numpy(self.source), torch.from_numpy(column)]
