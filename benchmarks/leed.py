"""CBLEED images beside cleedpy, in one run on one thread: processor seconds for an energy, direction and structure.

    python benchmarks/leed.py [structures, default 70]

cleedpy's command (needs `pip install cleedpy`) computes buckled Si(001)-(2x1) at normal incidence and 15 energies, 30
to 100 eV, its start included, as a user pays it. A second run with 71 energies tells start from calculation, and the
ratio is printed without the start as well. zoneaxis makes images of a data set: all structures of one energy together,
7 x 7 directions, 15 discs. Potentials, phase shifts and thermal vibration are the same in both. cleedpy's cuts: 1e-4 as
in its stored results (l_max 7), and 1e-3 as in `balanced`. With mirror planes zoneaxis computes 28 (buckled) or 16
(symmetric) of the 49 directions; ratios are printed with and without.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import resource
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from tests.oracles.cleed_files import CleedInput
from tests.oracles.cleed_run import NO_CLEED, command, run_cleed
from zoneaxis.crystals.slab import Slab, si001_2x1
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import PRESETS

CLEED_EV, FEW, MANY = (30.0, 100.0), 15, 71
OURS_EV = (30.0, 60.0, 95.0)
TOLERANCES = (1e-4, 1e-3)
DIRECTIONS, SET, PROCESSES, ASKED = 7, 5000, 2, 20.0


def displaced(dimer: str, count: int) -> list[Slab]:
    """Dimers at seven heights and as many lengths as it takes."""
    lengths = np.linspace(-0.2, 0.2, max(count // 7, 2))
    pairs = list(product(np.linspace(-0.3, 0.3, 7), lengths))[:count]
    return [si001_2x1(dimer, dimer_height_angstrom=height, dimer_length_angstrom=length) for height, length in pairs]


def children() -> float:
    """Processor seconds of all programs run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cleed_seconds(preset: str, tolerance: float, energies: int) -> float:
    """cleedpy's command over that many energies from 30 to 100 eV; the shorter of two."""
    physics = PRESETS[preset]
    medium = physics.medium(("Si",))
    case = CleedInput(
        slab=si001_2x1("buckled"),
        inner_potential_ev=physics.inner_potential_ev,
        imaginary_potential_ev=physics.imaginary_potential_ev,
        energy_ev=np.linspace(*CLEED_EV, energies),
        tolerance=tolerance,
        l_max=7,
        u_squared=dict(medium.u_squared),
    )
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            start = children()
            result = run_cleed(case, medium.phase_shifts, Path(folder))
            found.append(children() - start)
            assert len(result.energy_ev) == energies
    return min(found)


def our_seconds(preset: str, slabs: list[Slab], energy_ev: float, symmetry: bool) -> float:
    """One image of a set, the mean of all structures of an energy."""
    layout = DiscLayout.for_slab(slabs[0], grid=DIRECTIONS)
    experiment = CBLEEDExperiment(layout, PRESETS[preset], symmetry=symmetry)
    start = time.process_time()
    experiment.images(slabs, energy_ev)
    return (time.process_time() - start) / len(slabs)


def main(structures: int) -> None:
    torch.set_num_threads(1)
    if command() is None:
        print(NO_CLEED)
    for preset in PRESETS:
        slabs = [*displaced("symmetric", structures // 2), *displaced("buckled", structures - structures // 2)]
        our_seconds(preset, slabs[:2], OURS_EV[0], True)  # phase shifts, coupling and spline, made once
        ours = {
            symmetry: [our_seconds(preset, slabs, energy, symmetry) for energy in OURS_EV] for symmetry in (True, False)
        }
        image = float(np.mean(ours[True]))
        times = ", ".join(f"{energy:g} eV {1e3 * one:.0f} ms" for energy, one in zip(OURS_EV, ours[True], strict=True))
        print(f"{preset}: {len(slabs)} structures, {DIRECTIONS} x {DIRECTIONS} directions, an image at {times}")
        minutes = SET * image / PROCESSES / 60
        print(f"  {1 / image:.1f} images per second; {SET} images in {minutes:.1f} min on {PROCESSES} processes")
        each = {symmetry: float(np.mean(one)) / DIRECTIONS**2 for symmetry, one in ours.items()}
        print(
            f"  zoneaxis {1e3 * each[True]:.2f} ms per energy, direction and structure, "
            f"{1e3 * each[False]:.2f} ms without mirrors"
        )
        for tolerance in TOLERANCES if command() else ():
            few, many = (cleed_seconds(preset, tolerance, energies) for energies in (FEW, MANY))
            further = (many - few) / (MANY - FEW)
            print(f"  cleedpy at {tolerance:.0e}: start {1e3 * (few - FEW * further):.0f} ms")
            for name, theirs in ((f"{FEW} energies as run", few / FEW), ("a further energy", further)):
                print(
                    f"    {name:19s} {1e3 * theirs:6.1f} ms   ratio {theirs / each[True]:5.1f}, "
                    f"{theirs / each[False]:5.1f} without mirrors",
                    flush=True,
                )
    print(f"asked for, as run: {ASKED:g}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 70)
