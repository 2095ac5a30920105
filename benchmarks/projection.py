"""Projection rates: zoneaxis against kikuchipy, one thread each, same master size, same detector, same run.

python benchmarks/projection.py [best-of repeats, default 5]
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from zoneaxis.instrument.orientation import random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector

SIDE = 401
CENTRE = (0.42, 0.21, 0.50)


def best_seconds(work: Callable[[], object], repeats: int) -> float:
    """Shortest wall time of `repeats` runs after one to warm up (caches, compilation)."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def kikuchipy_job(master: np.ndarray, size: int, n: int) -> Callable[[], object]:
    """kikuchipy's projection of `n` patterns with its default float32 output."""
    import dask
    from kikuchipy.detectors import EBSDDetector
    from kikuchipy.signals import EBSDMasterPattern
    from orix.crystal_map import Phase
    from orix.quaternion import Rotation

    dask.config.set(scheduler="single-threaded")
    signal = EBSDMasterPattern(
        master,
        projection="lambert",
        hemisphere="both",
        phase=Phase("ni", space_group=225),
    )
    detector = EBSDDetector(shape=(size, size), pc=CENTRE, sample_tilt=70)
    rotations = Rotation.random(n)
    return lambda: signal.get_patterns(
        rotations,
        detector,
        energy=None,
        dtype_out="float32",
        compute=True,
        show_progressbar=False,
    )


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    master = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    print(f"master {SIDE} x {SIDE}, one thread, best of {repeats}; patterns per second")
    for size, n in ((60, 1000), (128, 250), (299, 50)):
        detector, orientations = (
            TiltedDetector((size, size), CENTRE),
            random_orientations(n, seed=0),
        )
        ours = n / best_seconds(lambda o=orientations, d=detector: project(master, o, d), repeats)
        theirs = n / best_seconds(kikuchipy_job(master.numpy(), size, n), repeats)
        print(
            f"{size:4d} px: zoneaxis {ours:8.0f}   kikuchipy {theirs:8.0f}   ratio {ours / theirs:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
