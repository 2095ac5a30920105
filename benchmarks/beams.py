"""How many beams a master pattern needs, and what the weak ones add when their waves count on the atoms.

    python benchmarks/beams.py [directions, default 300]

Back-scattered intensity of random directions at 20 kV and 5 nm mean escape distance, few beams against many. Printed:
mean number of strong beams, correlation with the reference without and with radiating weak beams, processor time.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import sys
import time
from dataclasses import replace

import torch

from zoneaxis.crystals import load
from zoneaxis.crystals.cell import centring_translations
from zoneaxis.scattering.bloch import PRESETS, BeamRule, structure_matrices
from zoneaxis.scattering.propagate import backscattered_intensity
from zoneaxis.scattering.reflections import candidate_reflections
from zoneaxis.scattering.structure_factor import FourierCoefficients, fourier_coefficients

VOLTAGE_KV, ESCAPE_LENGTH_ANGSTROM = 20.0, 50.0
REFERENCE = BeamRule(20.0, 40.0, 400.0, max_strong=224, max_weak=160)
RULES = {"emsoft": PRESETS["emsoft"], "balanced": PRESETS["balanced"], "(10, 30, 150)": BeamRule(10.0, 30.0, 150.0)}


def main(count: int) -> None:
    torch.set_num_threads(1)
    v = torch.nn.functional.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    print(f"{count} directions, {VOLTAGE_KV:g} kV; correlation with the reference without / with radiating weak beams")
    for name in ("Ni", "Si", "W"):
        crystal = load(name)
        coefficients = fourier_coefficients(crystal, VOLTAGE_KV)
        hkl = candidate_reflections(coefficients, torch.from_numpy(centring_translations(crystal)))
        reference, beams, seconds = solved(coefficients, hkl, v, REFERENCE)
        print(f"{name:2s} reference      {beams:5.1f} strong beams {1e3 * seconds / count:27.2f} ms per direction")
        for label, rule in RULES.items():
            found = {}
            for radiate in (False, True):
                values, beams, seconds = solved(coefficients, hkl, v, replace(rule, weak_beams_radiate=radiate))
                found[radiate] = float(torch.corrcoef(torch.stack((values, reference)))[0, 1])
            print(
                f"{name:2s} {label:14s} {beams:5.1f} strong beams   {found[False]:.4f} / {found[True]:.4f}"
                f" {1e3 * seconds / count:8.2f} ms per direction"
            )


def solved(
    coefficients: FourierCoefficients, hkl: torch.Tensor, v: torch.Tensor, rule: BeamRule
) -> tuple[torch.Tensor, float, float]:
    """Intensities (n,), mean number of strong beams, processor seconds."""
    intensity, beams, start = torch.zeros(len(v)), 0.0, time.process_time()
    for matrices in structure_matrices(coefficients, hkl, v, rule, batch=32):
        intensity[matrices.rows] = backscattered_intensity(matrices, ESCAPE_LENGTH_ANGSTROM).float()
        beams += float(matrices.strong.sum())
    return intensity, beams / len(v), time.process_time() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
