"""Counting: what a detector that counts electrons makes of clean images, for training on and for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.instrument.counting import CountingCamera, count
from zoneaxis.patterns.amplitude import SUM_SCALE


def counts(amplitude: np.ndarray, electrons: float, seed: int) -> np.ndarray:
    """Electrons counted in each pixel (n, side, side) of clean amplitudes; `electrons` is the mean total of each."""
    generator = torch.Generator().manual_seed(seed)
    camera = CountingCamera(electrons=(electrons, electrons))
    return count(torch.from_numpy(amplitude) ** 2, camera.draw(len(amplitude), generator), generator).numpy()


@dataclass(frozen=True)
class Counting:
    """Noise for the training of an autoencoder: every image gets its own dose, evenly drawn in its logarithm."""

    fewest_electrons: float
    most_electrons: float

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Clean amplitudes (n, 1, side, side) to amplitudes of counted images, normalised by their sum."""
        camera = CountingCamera(electrons=(self.fewest_electrons, self.most_electrons))
        seen = count(images[:, 0] ** 2, camera.draw(len(images), generator), generator)
        return (seen / (SUM_SCALE * seen.mean((-2, -1), keepdim=True))).clamp(max=1).sqrt()[:, None]
