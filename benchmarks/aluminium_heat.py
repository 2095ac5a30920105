"""Molecular dynamics of aluminium in the forces of CHGNet: how far atoms stand from their places at 100 and 300 K.

    python benchmarks/aluminium_heat.py [--write] [temperatures, default 100 300]

108 atoms, periodic, 2 fs, Langevin; 500 steps to settle, then 20 snapshots 50 steps apart: 15 minutes of one core for
each temperature. Needs `pip install zoneaxis[md]`. With --write the snapshots become those that the package ships.

Beside it: what Jeong et al. (2024) give for their run, and the Debye model for B of an endless crystal. The block is
too small for long waves, so its B is below that of the endless crystal.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import sys
import time
from pathlib import Path

import numpy as np

from zoneaxis.crystals import load
from zoneaxis.crystals.defects import dynamics
from zoneaxis.crystals.defects.thermal import b_iso_of_temperature

PAPER = {
    100.0: ("0.086 Å at most, 85 of 108 below 0.04 Å", 0.04, 85),
    300.0: ("0.15 Å at most, 88 of 108 below 0.08 Å", 0.08, 88),
}
"""Jeong et al., RSC Adv. 14 (2024) 18489, as the theory note quotes them."""


def main(words: list[str]) -> None:
    """Run, print, and write if asked."""
    write = "--write" in words
    temperatures = [float(word) for word in words if not word.startswith("-")] or [100.0, 300.0]
    for temperature_k in temperatures:
        start = time.process_time()
        found = dynamics.snapshots(load("Al"), temperature_k)
        moved = found.displacements_angstrom
        spent = time.process_time() - start
        distances = np.linalg.norm(moved, axis=2)
        print(
            f"Al, {temperature_k:g} K, {len(moved)} snapshots of {moved.shape[1]} atoms, {spent:.0f} CPU-s", flush=True
        )
        print(f"  sigma of one component {np.sqrt((moved**2).mean()):.4f} Å, B {found.b_iso_angstrom2:.3f} Å²")
        print(f"  Debye model, endless crystal: B {b_iso_of_temperature('Al', temperature_k):.3f} Å²")
        print(
            f"  largest of a snapshot, mean over snapshots: component {np.abs(moved).max((1, 2)).mean():.3f} Å, "
            f"distance {distances.max(1).mean():.3f} Å"
        )
        if temperature_k in PAPER:
            told, limit, count = PAPER[temperature_k]
            near, within = (np.abs(moved) < limit).mean() * 108, (distances < limit).mean() * 108
            print(f"  paper: {told}; here {near:.0f} of 108 components, {within:.0f} of 108 distances ({count})")
        if write:
            path = Path(dynamics.__file__).with_name(f"aluminium_{temperature_k:g}k.npz")
            found.save(path)
            print(f"  {path.name}, {path.stat().st_size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
