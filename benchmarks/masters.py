"""Seconds on one core for the master patterns of all named crystals (half size 200, 20 kV), with their beam error."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time

import torch

from zoneaxis.crystals import load, names
from zoneaxis.techniques.ebsd import simulate_master


def main() -> None:
    """Print a line per crystal and the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crystals", nargs="*", default=names(), help="names; default: all of the library")
    parser.add_argument("--half-size", type=int, default=200)
    parser.add_argument("--beams", default="balanced", help="emsoft, balanced or converged")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    simulate_master(load("Ni"), half_size=10, escape_length_nm=5.0)  # imports; the Monte Carlo stays to be timed
    print(f"{'crystal':10s} {'CPU s':>7s} {'directions':>10s} {'beam error rms':>15s}")
    total = 0.0
    for name in chosen.crystals:
        crystal = load(name)
        start = time.process_time()
        master = simulate_master(crystal, half_size=chosen.half_size, beams=chosen.beams)
        seconds = time.process_time() - start
        total += seconds
        report = simulate_master(crystal, half_size=20, beams=chosen.beams, convergence_samples=64)
        error = report.attrs["beam_error_rms"]
        print(f"{name:10s} {seconds:7.2f} {master.attrs['directions_solved']:10d} {error:15.4f}", flush=True)
    print(f"{'all':10s} {total:7.2f}   (must: Ni <= 3 s, all 18 <= 600 s)")


if __name__ == "__main__":
    main()
