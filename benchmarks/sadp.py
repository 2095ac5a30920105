"""A selected-area pattern of 96,000 atoms, one thread: closed form, transform and direct sum, and diffsims beside them.

    python benchmarks/sadp.py

Al, 40 x 30 x 20 cells, 200 kV, 256 x 256 pixels of 0.1 mm, 320 mm camera length, [001] and [112]; explicit atoms are
displaced by heat (B = 0.86 Å²), so that no closed form can give their pattern. "pixels": with the sub-pixels that the
fringes of the specimen need, for the closed form by the fast road and by F at each of them; "centres": one q a pixel,
which aliases spots and is timed for comparison only. The direct sum takes 100 vectors and is scaled up. Errors are
amplitudes over the number of atoms, against the direct sum.
diffsims lists the spots of a perfect crystal and draws them as Gaussians: no shape of the specimen, no defects.
Last, what a data set asks for: perfect crystals of random chemistry, 1 to 60 atoms a cell, edges near 70 Å, 128 x 128
pixels 0.2 mm wide, five of each of five space groups, any voltage, camera length and turn.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from zoneaxis.crystals import load
from zoneaxis.crystals.defects.thermal import displaced
from zoneaxis.crystals.group_prototypes import KNOWN_GROUPS
from zoneaxis.crystals.group_structures import group_structure
from zoneaxis.crystals.specimen import specimen
from zoneaxis.scattering.form_factors import elastic
from zoneaxis.scattering.kinematical import (
    DEFAULT_TOLERANCE,
    FINE_TOLERANCE,
    Kind,
    block_intensity,
    direct_amplitude,
    specimen_amplitude,
)
from zoneaxis.techniques.sadp import SADPExperiment
from zoneaxis.techniques.sadp.zones import STANDARD_ZONES

CELLS, B_ISO, SAMPLE, REPEATS = (40, 30, 20), 0.86, 100, 5


def seconds(work: Callable[[], Any], times: int = REPEATS) -> tuple[float, Any]:
    """Processor seconds, the shortest of some times, and what came out."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        found = work()
        spent.append(time.process_time() - start)
    return min(spent), found


def diffsims_seconds(zone: tuple[int, int, int]) -> float:
    """Processor seconds of a 256 x 256 pattern of a perfect crystal by diffsims, after a first call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffpy.structure import Atom, Lattice, Structure
        from diffsims.generators.simulation_generator import SimulationGenerator
        from orix.crystal_map import Phase
        from orix.quaternion import Rotation
        from orix.vector import Miller

        a = load("Al").lattice.a
        atoms = [Atom("Al", place) for place in ([0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5])]
        phase = Phase(space_group=1, structure=Structure(atoms=atoms, lattice=Lattice(a, a, a, 90, 90, 90)))
        generator = SimulationGenerator(accelerating_voltage=200.0, scattering_params="lobato")
        turn = Rotation.from_align_vectors(Miller(uvw=[zone], phase=phase), Miller(uvw=[(0, 0, 1)], phase=phase))

        def one() -> Any:
            made = generator.calculate_diffraction2d(phase, turn, reciprocal_radius=1.6, max_excitation_error=0.01)
            return made.get_diffraction_pattern(shape=(256, 256), sigma=1, calibration=0.0125)

        one()
        return seconds(one)[0]


def of_a_data_set(each: int = 5) -> list[float]:
    """Processor seconds of a pattern of each of some perfect crystals."""
    generator = np.random.default_rng(0)
    spent = []
    for group in KNOWN_GROUPS:
        for number in range(each):
            structure = group_structure(group, number, seed=3)
            edges = generator.uniform(50.0, 90.0, 3)
            cells = [max(1, round(edge / a)) for edge, a in zip(edges, structure.lattice.abc, strict=True)]
            experiment = SADPExperiment.of(
                STANDARD_ZONES[number % len(STANDARD_ZONES)],
                accelerating_voltage_kv=float(generator.choice([100.0, 200.0, 300.0])),
                camera_length_mm=float(generator.choice([250.0, 320.0, 400.0])),
                size_px=128,
                rotation_deg=float(generator.uniform(0.0, 360.0)),
            )
            spent.append(seconds(lambda one=experiment, of=structure, n=cells: one.perfect(of, n))[0])
    return spent


def main() -> None:
    """Print a table for each zone."""
    torch.set_num_threads(1)
    crystal = load("Al")
    atoms = displaced(specimen(crystal, CELLS), B_ISO, seed=0)
    print(f"{len(atoms)} atoms, CPU-s of one thread, the shortest of {REPEATS}")
    for zone in ((0, 0, 1), (1, 1, 2)):
        experiment = SADPExperiment.of(zone)
        closed, _ = seconds(lambda experiment=experiment: experiment.perfect(crystal, CELLS))
        block = experiment.block(crystal, CELLS)
        subpixels = experiment.subpixels(block)
        q = experiment.detector.q(subpixels)
        every, _ = seconds(lambda block=block, q=q: block_intensity(block, q))
        explicit, _ = seconds(lambda experiment=experiment: experiment.specimen(atoms))
        kinds = [Kind(one.atomic_number, 0.0, one.positions, one.occupancies) for one in experiment.seen(atoms)]
        centres = experiment.detector.q()
        flat = centres.reshape(-1, 3)
        f = elastic(13, flat.square().sum(-1) / 4.0, experiment.form_factor)
        chosen = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:SAMPLE]
        direct, exact = seconds(lambda kinds=kinds, some=flat[chosen]: direct_amplitude(kinds, some), 1)
        print(f"\n[{' '.join(map(str, zone))}]")
        print(f"  perfect crystal, closed form, pixels         {closed:8.3f}")
        print(f"  the same, F at each of {subpixels} x {subpixels} sub-pixels        {every:8.3f}")
        print(f"  explicit atoms, pixels                       {explicit:8.3f}")
        for tolerance in (DEFAULT_TOLERANCE, FINE_TOLERANCE):
            spent, found = seconds(
                lambda kinds=kinds, q=centres, tolerance=tolerance: specimen_amplitude(kinds, q, tolerance=tolerance)
            )
            error = float(((found.reshape(-1)[chosen] - exact) / f[chosen]).abs().max()) / len(atoms)
            print(f"  explicit atoms, centres, tolerance {tolerance:.0e}      {spent:8.3f}   error {error:.1e}")
        print(f"  direct sum, centres (from {SAMPLE} vectors)        {direct * len(flat) / SAMPLE:8.1f}")
        print(f"  diffsims, perfect crystal, spots as Gaussians{diffsims_seconds(zone):8.3f}")
    assert np.isfinite(exact.abs().numpy()).all()
    spent = of_a_data_set()
    print(f"\n{len(spent)} perfect crystals of a data set: mean {np.mean(spent):.4f}, longest {max(spent):.4f}")


if __name__ == "__main__":
    main()
