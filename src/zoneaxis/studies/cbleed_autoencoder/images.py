"""Images: CBLEED patterns prepared for reading, with what is to be read from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from zoneaxis.studies.cbleed_autoencoder.counting import Counting
from zoneaxis.studies.cbleed_autoencoder.plans import PLANE, SCAN

TARGETS = {
    SCAN: {"energy": "eV", "displacement": "Å"},
    PLANE: {"energy": "eV", "height": "Å", "length": "Å"},
}
"""What is read from the images of a set, with units."""


@dataclass(frozen=True)
class Images:
    """Prepared images with their labels.

    amplitude (n, side, side) float32 in [0, 1], square root of the intensity; energy_ev, height, length (n,) Å;
    dimer (n,) index into `plans.DIMERS`; key: fingerprint of the data set and its preparation; minutes: of
    simulation, None where it was interrupted.
    """

    amplitude: np.ndarray
    energy_ev: np.ndarray
    height: np.ndarray
    length: np.ndarray
    dimer: np.ndarray
    key: str
    minutes: float | None = None

    def __len__(self) -> int:
        return len(self.amplitude)

    @property
    def displacement(self) -> np.ndarray:
        """The signed displacement of a scan, Å: along height or length, the other is zero."""
        return self.height + self.length

    def targets(self, kind: str) -> np.ndarray:
        """(n, t) in the order of `TARGETS[kind]`."""
        columns = {
            "energy": self.energy_ev,
            "displacement": self.displacement,
            "height": self.height,
            "length": self.length,
        }
        return np.stack([columns[name] for name in TARGETS[kind]], axis=1)

    def of(self, chosen: np.ndarray) -> Images:
        """The images that a mask or an index chooses."""
        parts = {name: getattr(self, name)[chosen] for name in ("amplitude", "energy_ev", "height", "length", "dimer")}
        digest = hashlib.sha256(np.ascontiguousarray(chosen).tobytes()).hexdigest()[:12]
        return replace(self, key=f"{self.key}:{digest}", **parts)

    def seen_through(self, counting: Counting, seed: int) -> Images:
        """The same images, each counted once."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        seen = counting(torch.from_numpy(self.amplitude)[:, None], generator)[:, 0].numpy()
        return replace(self, amplitude=seen, key=f"{self.key}:counted-{seed}")
