"""Numerical error of CBLEED images: where sums and series are cut, and how many directions carry the spline.

    python benchmarks/leed_accuracy.py [energies in eV, default 30 60 95]

Si(001)-(2x1), both dimers, both presets. Cuts: images from 5 x 5 directions against evanescent waves to 1e-5, layer 3
in spherical waves too, l_max 2.5 beyond k R_MT. Directions: images from N x N against 25 x 25. Printed: relative L2
error and, in brackets, the largest error of a pixel over the largest intensity.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import sys
from dataclasses import replace

import torch

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.scattering.leed.accuracy import Accuracy
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import PRESETS

REFERENCE = Accuracy(beams=1e-5, sums=1e-5, doubling=1e-6, extra_l=2.5)
CUTS = ("preview", "balanced", "reference")
DIRECTIONS, MANY = (7, 9, 13), 25
DIMERS = ("symmetric", "buckled")


def image(
    preset: str, dimer: str, energy_ev: float, directions: int, cuts: str | Accuracy, layers: int = 1
) -> torch.Tensor:
    """One image of 64 x 64 pixels."""
    slab = si001_2x1(dimer, layers_in_slab=layers)
    physics = replace(PRESETS[preset], accuracy=cuts)
    layout = DiscLayout.for_slab(slab, size_px=64, grid=directions)
    return CBLEEDExperiment(layout, physics).images([slab], energy_ev)[0].double()


def errors(found: torch.Tensor, expected: torch.Tensor) -> str:
    """Relative L2 error and largest error over the maximum."""
    relative = float((found - expected).norm() / expected.norm())
    return f"{relative:.1e} ({float((found - expected).abs().max() / expected.max()):.1e})"


def main(energies: list[float]) -> None:
    torch.set_num_threads(1)
    image("paper", "symmetric", energies[0], 5, "preview")  # phase shifts and coupling, made once
    for title, choices in (("cuts", CUTS), ("directions", DIRECTIONS)):
        print(
            f"{title:10s} {'preset':9s} {'dimer':10s} {'eV':>4s} " + "".join(f"{choice!s:>20s}" for choice in choices)
        )
        for preset in PRESETS:
            for dimer in DIMERS:
                for energy in energies:
                    if title == "cuts":
                        best = image(preset, dimer, energy, 5, REFERENCE, layers=2)
                        settings = [(5, cuts) for cuts in CUTS]
                    else:
                        best = image(preset, dimer, energy, MANY, "preview")
                        settings = [(number, "preview") for number in DIRECTIONS]
                    row = [errors(image(preset, dimer, energy, *setting), best) for setting in settings]
                    print(f"{'':10s} {preset:9s} {dimer:10s} {energy:4g} " + "".join(f"{one:>20s}" for one in row))


if __name__ == "__main__":
    main([float(value) for value in sys.argv[1:]] or [30.0, 60.0, 95.0])
