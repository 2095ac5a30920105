"""One LACBED disc beside abTEM, in one run on one thread: processor seconds, and the error that goes with them.

    python benchmarks/lacbed.py [pixels of the other code, default 24]

The job: (000) disc of GaAs [-1,1,0], 128 x 128 directions to 0.7586 1/Å (19 mrad), 200 kV, 93 nm, B = 0.5 Å². Errors
of ours are those of random pixels: of the slices against eigenvalues with the same beams, of the beams against 450.

abTEM (needs `pip install abtem`) has no discs and no absorption: it diagonalises one Hermitian matrix for every
direction, which asks for less than the general matrix of an absorbing crystal (the road `eig` below). Its beams are
those within a distance of the sphere that gives as many as ours, and 250, whose error is nearer to that of ours with
weak beams. Twice: through its interface, with the structure factors computed once and handed over, as a user pays it;
and only its eigenvalues and waves, on one matrix made once for all directions, in single precision, which its interface
does not offer. The picture takes a pixel times 16,384. It has no use for symmetry, so ratios are given without and with
ours.

Then the three roads at 64 to 250 beams over three tiles of the picture, and the multislice split with Fourier
transforms on the projected cell, to see whether it pays.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.scattering.beam_set import BeamSet
from zoneaxis.scattering.discs import DiscRule, Field, direction_intensities, disc_intensities
from zoneaxis.scattering.foil import foil_waves, slice_counts
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

LATTICE, B_ISO, VOLTAGE_KV, DEPTH = 5.65325, 0.5, 200.0, 930.0
SIZE, HALF_WIDTH = 128, 0.7586
REFERENCE_BEAMS, SAMPLE, ASKED = 450, 96, 50.0
AT_ONCE = 512


def gallium_arsenide() -> Structure:
    """Conventional cell."""
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(
        Lattice.cubic(LATTICE),
        ["Ga"] * 4 + ["As"] * 4,
        np.concatenate([fcc, fcc + 0.25]),
        site_properties={"b_iso": [B_ISO] * 8},
    )


def seconds(work: Callable[[], object], times: int = 1) -> tuple[float, object]:
    """Processor seconds, the shortest of some times, and what came out."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        found = work()
        spent.append(time.process_time() - start)
    return min(spent), found


def rms(found: torch.Tensor, wanted: torch.Tensor) -> str:
    """Rms and largest difference as text."""
    missed = (found.double() - wanted.double()).abs()
    return f"{float(missed.square().mean().sqrt()):.4f} / {float(missed.max()):.4f}"


def our_discs(crystal: Scatterers, zone: Zone, field: Field) -> dict[str, tuple[float, float]]:
    """Seconds without and with symmetry of the rules that are offered; printed with their errors."""
    pixels = torch.randperm(SIZE**2, generator=torch.Generator().manual_seed(0))[:SAMPLE]
    truth = reference(crystal, zone, field.k_t[pixels])
    print(f"\nours, CPU-s for {SIZE} x {SIZE} pixels; errors rms / largest of {SAMPLE} pixels")
    print("  beams, weak        no symmetry   symmetry   of slices          of beams           of both")
    spent = {}
    for name, rule in {
        "100": DiscRule(beams=100, weak_beams=0),
        "100 + weak": DiscRule(beams=100),
        "150 + weak": DiscRule(beams=150),
    }.items():
        flat = replace(rule, symmetry=False)
        whole, folded = (
            seconds(partial(disc_intensities, crystal, zone, field, [DEPTH], rule=one), 2)[0] for one in (flat, rule)
        )
        found, exact = (
            direction_intensities(crystal, zone, field, pixels, [DEPTH], rule=one)[0, 0]
            for one in (flat, replace(flat, road="eig"))
        )
        print(
            f"  {name:17s} {whole:10.2f} {folded:12.2f}     {rms(found, exact)}    {rms(exact, truth)}    "
            f"{rms(found, truth)}",
            flush=True,
        )
        spent[name] = (whole, folded)
    return spent


def reference(crystal: Scatterers, zone: Zone, k_t: torch.Tensor) -> torch.Tensor:
    """I_000 with 450 beams of each direction's own, mean absorption in it."""
    found = []
    for one in k_t:
        beams = BeamSet.ranked(zone, one[None], REFERENCE_BEAMS, ranking="excitation")
        u, absorbed = crystal.potential(beams.differences)
        along = math.sqrt(crystal.wave_number**2 - float(one.square().sum()))
        coupling = beams.coupling(u + 1j * absorbed)
        waves = foil_waves(beams.excitation(one[None], along), coupling, along, [DEPTH], road="chebyshev")
        found.append(float(waves[0, 0, 0].abs() ** 2))
    damping = math.exp(-2 * math.pi * crystal.mean_absorption / crystal.wave_number * DEPTH)
    return torch.tensor(found) * damping


def abtem_discs(count: int, spent: dict[str, tuple[float, float]]) -> None:
    """abTEM's seconds for the picture, from some of its pixels, and their ratio to ours; printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import abtem
        from abtem.bloch import BlochWaves, StructureFactor
        from abtem.bloch.dynamical import calculate_dynamical_scattering
        from ase import Atoms
    half = LATTICE / math.sqrt(2)
    atoms = Atoms(
        "Ga2As2",
        scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.25, 0], [0, 0.75, 0.5]],
        cell=[half, LATTICE, half],
        pbc=True,
    )
    sigma, volt = math.sqrt(B_ISO / (8 * math.pi**2)), 1e3 * VOLTAGE_KV
    factors = StructureFactor(atoms, g_max=7.6, parametrization="lobato", thermal_sigma=sigma).build(lazy=False)
    still = BlochWaves(factors, energy=volt, sg_max=0.3, g_max=3.8)
    k_t = np.random.default_rng(0).uniform(-HALF_WIDTH, HALF_WIDTH, (count, 2))
    tilts = np.arcsin(k_t * still.wavelength)

    def tilted(sg_max: float, tilt: np.ndarray) -> BlochWaves:
        waves = BlochWaves(factors, energy=volt, sg_max=sg_max, g_max=3.8)
        return waves.rotate("x", float(tilt[0]), "y", float(tilt[1]))

    def bright(sg_max: float, tilt: np.ndarray) -> float:
        pattern = tilted(sg_max, tilt).calculate_diffraction_patterns([DEPTH], lazy=False)
        return float(pattern.array[0, (pattern.miller_indices == 0).all(-1)][0])

    def cut(wanted: int) -> float:
        low, high = 1e-3, 0.5
        for _ in range(14):
            middle = 0.5 * (low + high)
            many = np.mean([len(tilted(middle, tilt)) for tilt in tilts[:8]])
            low, high = (middle, high) if many < wanted else (low, middle)
        return high

    wide = cut(REFERENCE_BEAMS)
    truth = np.array([bright(wide, tilt) for tilt in tilts[:8]])
    print(f"\nabTEM {abtem.__version__}, {count} pixels, no absorption; ratios to ours without and with symmetry")
    for beams in (100, 250):
        sg_max = cut(beams)
        missed = np.array([bright(sg_max, tilt) for tilt in tilts[:8]]) - truth
        print(f"  {beams} beams: rms error {np.sqrt(np.mean(missed**2)):.3f} against {REFERENCE_BEAMS}, 8 pixels")
        nearest = np.argsort(np.abs(still.excitation_errors()))[:beams]
        g, hkl = still.g_vec[nearest], still.hkl[nearest]
        matrix = still.calculate_structure_matrix(lazy=False)[np.ix_(nearest, nearest)].astype(np.complex64)

        def bare(k: np.ndarray, matrix=matrix, g=g, hkl=hkl) -> np.ndarray:
            np.fill_diagonal(matrix, -(g**2).sum(-1) - 2 * g[:, :2] @ k)
            return calculate_dynamical_scattering(matrix, hkl, still.cell, volt, np.array([DEPTH]))

        bare(k_t[0])
        for title, one, places in (
            ("through its interface", partial(bright, sg_max), tilts),
            ("only its eigenvalues and waves", bare, k_t),
        ):
            used = seconds(lambda one=one, places=places: [one(place) for place in places])[0] / count
            whole = used * SIZE**2
            ratios = ";  ".join(
                f"{name}: {whole / flat:.0f}, {whole / folded:.0f}" for name, (flat, folded) in spent.items()
            )
            print(f"    {title:30s} {1e3 * used:6.1f} ms a pixel {whole:6.0f} CPU-s    {ratios}", flush=True)
    print(f"  asked for: {ASKED:g}")


def roads(crystal: Scatterers, zone: Zone, field: Field) -> None:
    """Seconds for the whole picture of each road from three of its tiles, and the largest error of I_000."""
    numbers = field.tiles(None)
    names = numbers.unique()
    middle, corner = numbers[(SIZE // 2) * SIZE + SIZE // 2], names[0]
    tiles = [middle, numbers[(SIZE // 4) * SIZE + SIZE // 4], corner]
    print(f"\nroads, CPU-s for {SIZE} x {SIZE} pixels from three tiles / largest error of I_000")
    print("  beams   eig complex128     chebyshev              strang, 1e-3 asked")
    for count in (64, 100, 150, 250):
        spent = {"eig": 0.0, "chebyshev": 0.0, "strang": 0.0}
        missed = {"chebyshev": 0.0, "strang": 0.0}
        done = {"eig": 0, "chebyshev": 0, "strang": 0}
        slices = []
        for tile in tiles:
            k_t = field.k_t[numbers == tile]
            beams = BeamSet.ranked(zone, k_t, count)
            u, absorbed = crystal.potential(beams.differences)
            coupling, k = beams.coupling(u + 1j * absorbed), crystal.wave_number
            few = torch.linspace(0, len(k_t) - 1, 12 if count < 200 else 6).long()
            excitation = beams.excitation(k_t, k)
            slices.append(slice_counts(excitation, coupling, k, [DEPTH], 1e-3)[0])
            solve = partial(foil_waves, coupling=coupling, wave_number=k, thickness_angstrom=[DEPTH])
            used, exact = seconds(partial(solve, excitation[few], road="eig", dtype=torch.complex128))
            spent["eig"] += used
            done["eig"] += len(few)
            for road, more in (("chebyshev", {}), ("strang", {"slices": [slices[-1]]})):
                used, waves = seconds(partial(solve, excitation, road=road, **more))
                spent[road] += used
                done[road] += len(k_t)
                error = (waves[0, few, 0].abs() ** 2 - exact[0, :, 0].abs() ** 2).abs().max()
                missed[road] = max(missed[road], float(error))
        whole = {road: spent[road] / done[road] * SIZE**2 for road in spent}
        print(
            f"  {count:5d} {whole['eig']:10.1f}         {whole['chebyshev']:8.1f} / {missed['chebyshev']:.0e}      "
            f"{whole['strang']:8.2f} / {missed['strang']:.0e}   {min(slices)} to {max(slices)} slices",
            flush=True,
        )


def fourier_split(crystal: Scatterers, zone: Zone, field: Field) -> None:
    """Multislice on one projected cell: diagonal in reciprocal space, potential in real space."""
    pixels = torch.randperm(SIZE**2, generator=torch.Generator().manual_seed(1))[:AT_ONCE]
    k_t = field.k_t[pixels]
    checked = 48
    truth = reference(crystal, zone, k_t[:checked])
    damping = math.exp(-2 * math.pi * crystal.mean_absorption / crystal.wave_number * DEPTH)
    print(f"\nFourier split, CPU-s for {SIZE} x {SIZE} pixels; error rms / largest against {REFERENCE_BEAMS} beams")
    for grid, slices in ((24, 240), (32, 240), (32, 480)):
        m = (torch.fft.fftfreq(grid) * grid).round().long()
        first, second = torch.meshgrid(m, m, indexing="ij")
        hkl = torch.stack([first + second, first + second, first - second], dim=-1).reshape(-1, 3)
        g = hkl.double() @ crystal.reciprocal @ zone.frame.T
        kept = g.norm(dim=-1) <= 0.66 * float(g[(first.abs() == grid // 2).flatten()].norm(dim=-1).min())
        u, absorbed = crystal.potential(hkl)
        potential = torch.fft.ifft2(((u + 1j * absorbed) * (hkl != 0).any(-1)).reshape(grid, grid)) * grid**2
        step = math.pi * DEPTH / slices / crystal.wave_number
        turn = torch.exp(1j * step * potential).to(torch.complex64)

        def run(g=g, kept=kept, step=step, turn=turn, grid=grid, slices=slices) -> torch.Tensor:
            diagonal = -(g.square().sum(-1) + 2 * k_t @ g[:, :2].T)
            half = (torch.exp(0.5j * step * diagonal) * kept).to(torch.complex64).reshape(-1, grid, grid)
            waves = torch.zeros_like(half)
            waves[:, 0, 0] = 1
            whole = half * half
            waves = waves * half
            for number in range(slices):
                waves = torch.fft.fft2(turn * torch.fft.ifft2(waves)) * (whole if number + 1 < slices else half)
            return waves[:, 0, 0].abs() ** 2 * damping

        used, found = seconds(run)
        print(
            f"  {grid} x {grid}, {int(kept.sum())} beams, {slices} slices: {used / len(k_t) * SIZE**2:7.1f}   "
            f"({1e6 * used / len(k_t) / slices:.1f} us a pixel and slice)   {rms(found[:checked], truth)}",
            flush=True,
        )


def main(count: int) -> None:
    torch.set_num_threads(1)
    structure = gallium_arsenide()
    crystal = Scatterers.of(structure, VOLTAGE_KV)
    zone = Zone.of(structure, (-1, 1, 0), columns=(-1, -1, 0), d_min_angstrom=0.2)
    field = Field(SIZE, HALF_WIDTH)
    first, _ = seconds(lambda: crystal.potential(zone.hkl[:50]))
    print(f"absorption of two elements, once: {first:.1f} CPU-s")
    spent = our_discs(crystal, zone, field)
    try:
        abtem_discs(count, spent)
    except ImportError:
        print("abTEM is not installed")
    roads(crystal, zone, field)
    fourier_split(crystal, zone, field)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
