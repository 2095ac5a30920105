"""What spots and lattices alone say about simulated pictures: group, lattice parameter, strain, without a network.

    python benchmarks/lattice_fit.py [--quick]

Crystals of the library and of `group_structures`, perfect and with defects, along eight zone axes, 256 x 256 pixels,
random in-plane turn, through the cameras `laboratory` and `harsh` (beam stop not told, display maps unknown). For 1, 4
and 8 of the pictures of a crystal, with and without camera length: share of answers with the right group first, share
called unknown, mean probability of the right group, median error of a, median strain found, CPU time a picture.
For groups that are none of the five, right is `other`; 216 is apart, since its absences are those of 225. Perfect
crystals in closed form; twins and dislocations as explicit atoms. Five minutes of one core, half a minute with --quick.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from pymatgen.core import Structure

from zoneaxis.crystals import load, space_group
from zoneaxis.crystals.defects.strain import strained_structure
from zoneaxis.crystals.defects.thermal import b_iso_of_temperature
from zoneaxis.crystals.elasticity import shear_strain, stiffness_of, uniaxial_strain
from zoneaxis.crystals.group_structures import group_structure
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.techniques.sadp.alternatives import fit_nets
from zoneaxis.techniques.sadp.lattice_fit import KNOWN_GROUPS, OTHER, fit_lattice
from zoneaxis.techniques.sadp.simulator import simulate_sadp
from zoneaxis.techniques.sadp.spots import Spots, find_spots

ZONES = ((0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 1, 2), (1, 1, 2), (0, 1, 3), (1, 2, 3), (2, 3, 3))
LIBRARY = ("Al", "Fe", "Si", "NiAl", "Cr3Si", "TiC")
GROUPS = (213, 213, 221, 221, 225, 225, 227, 227, 229, 229, 198, 198, 205, 205, 216, 216)
SEED = 5


@dataclass(frozen=True)
class Specimen:
    """Noise-free pictures (zones, rows, cols) of one crystal, what it is, and the scale of a pixel."""

    name: str
    kind: str
    group: int
    a_angstrom: float
    step: float
    pictures: torch.Tensor


def specimens(quick: bool) -> Iterator[Specimen]:
    """Perfect crystals first, then those with defects."""
    zones = ZONES[:4] if quick else ZONES
    crystals = [(name, load(name)) for name in (LIBRARY[:3] if quick else LIBRARY)]
    for place, group in enumerate(GROUPS[::5] if quick else GROUPS):
        crystals.append(("", group_structure(group, 3 + place, SEED)))
    for name, crystal in crystals:
        group = space_group(crystal)
        kind = "perfect" if group in KNOWN_GROUPS else "group 216" if group == 216 else "other group"
        yield simulated(name or crystal.composition.reduced_formula, kind, group, crystal, zones, 120.0)
    for name, law in (("Al", "fcc"), ("Fe", "bcc")):
        crystal = load(name)
        group = space_group(crystal)
        tensor = stiffness_of(name)
        for strain in (0.02, 0.035, 0.06):
            pulled = strained_structure(crystal, uniaxial_strain(tensor, [1, 0, 0], strain))
            yield simulated(name, f"stretch {strain}", group, pulled, zones, 120.0)
        sheared = strained_structure(crystal, shear_strain(0.03))
        yield simulated(name, "shear 0.03", group, sheared, zones, 120.0)
        hot = crystal.copy(site_properties={"b_iso": [b_iso_of_temperature(name, 300.0)] * len(crystal)})
        hot.properties = dict(crystal.properties)
        yield simulated(name, "heat 300 K", group, hot, zones, 120.0)
        if quick:
            continue
        for defect in (f"twin:law={law}", f"dislocations:system={law}"):
            yield simulated(name, defect.split(":")[0], group, crystal, zones, 90.0, (defect,))


def simulated(
    name: str,
    kind: str,
    group: int,
    crystal: Structure,
    zones: tuple[tuple[int, int, int], ...],
    edge_angstrom: float,
    defects: tuple[str, ...] = (),
) -> Specimen:
    """Pictures along the zones, each turned by another angle, of a block of about this edge."""
    generator = np.random.default_rng([SEED, len(name), group, len(kind)])
    a = float(crystal.lattice.volume ** (1 / 3))
    cells = [max(2, round(edge_angstrom * share / a)) for share in (1.2, 1.0, 0.8)]
    length = float(generator.choice([250.0, 320.0, 400.0]))
    voltage = float(generator.choice([100.0, 200.0, 300.0]))
    made = [
        simulate_sadp(
            crystal,
            zone=zone,
            cells=cells,
            defects=defects,
            camera_length_mm=length,
            accelerating_voltage_kv=voltage,
            rotation_deg=float(generator.uniform(0, 360)),
            tilt_mrad=tuple(generator.normal(0, 1.0, 2)),
            seed=SEED,
        )
        for zone in zones
    ]
    pictures = torch.stack([torch.from_numpy(one["intensity"].values[0].copy()) for one in made])
    return Specimen(name, kind, group, a, float(made[0].attrs["per_angstrom_per_px"]), pictures)


def shown(specimen: Specimen, camera: str, seed: int) -> np.ndarray:
    """The pictures as a camera shows them."""
    generator = torch.Generator().manual_seed(seed)
    settings = DiffractionCamera.from_dict({"preset": camera})
    pictures = specimen.pictures
    return settings.apply(pictures, settings.draw(len(pictures), generator), generator).numpy()


def choices(count: int, total: int) -> list[list[int]]:
    """Which pictures are taken together: each alone, or a few draws."""
    if count == 1:
        return [[number] for number in range(total)]
    if count >= total:
        return [list(range(total))]
    generator = np.random.default_rng(SEED)
    return [sorted(generator.choice(total, count, replace=False).tolist()) for _ in range(4)]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv[1:]
    started = time.process_time()
    every = list(specimens(quick))
    print(f"{len(every)} specimens simulated in {time.process_time() - started:.0f} CPU-s")
    table(every, quick, "-v" in sys.argv[1:])


def table(every: list[Specimen], quick: bool, verbose: bool = False) -> None:
    """Fit and print."""
    rows: dict[tuple[str, str, str, int], list[tuple[float, ...]]] = {}
    spent, pictures = {"spots": 0.0, "nets": 0.0, "classes": 0.0}, {"spots": 0, "nets": 0, "classes": 0}
    for number, specimen in enumerate(every):
        right = specimen.group if specimen.group in KNOWN_GROUPS else OTHER
        for camera in ("laboratory",) if quick else ("laboratory", "harsh"):
            begin = time.process_time()
            spots: list[Spots] = [find_spots(one) for one in shown(specimen, camera, number)]
            spent["spots"] += time.process_time() - begin
            pictures["spots"] += len(spots)
            begin = time.process_time()
            nets = [fit_nets(one) for one in spots]
            spent["nets"] += time.process_time() - begin
            pictures["nets"] += len(spots)
            for scale, step in (("known", specimen.step), ("unknown", None)):
                for count in (1, 4, 8):
                    for chosen in choices(count, len(spots)) if count <= len(spots) else []:
                        begin = time.process_time()
                        fit = fit_lattice([spots[one] for one in chosen], step, nets=[nets[one] for one in chosen])
                        spent["classes"] += time.process_time() - begin
                        pictures["classes"] += len(chosen)
                        a = np.nan if fit.a_angstrom is None else abs(fit.a_angstrom / specimen.a_angstrom - 1)
                        line = (
                            float(fit.space_group == right),
                            float(fit.unknown),
                            fit.probabilities[right],
                            a,
                            fit.strain,
                        )
                        rows.setdefault((specimen.kind, camera, scale, count), []).append(line)
                        if verbose and count > 1 and (line[0] == 0 or line[1] != (right == OTHER)):
                            zones = [str(entry.zone).replace(", ", "") for entry in fit.pictures]
                            print(
                                f"{specimen.name} {specimen.group} {specimen.kind} {camera} {scale} {chosen}: "
                                f"{fit.space_group} P {fit.probabilities[right]:.2f} a {fit.a_angstrom} "
                                f"({specimen.a_angstrom:.3f}) strain {fit.strain:.3f} | {fit.reason} | {zones}"
                            )
    print(f"{'':14s} {'camera':10s} {'length':8s} pictures  right unknown  P(right)  a error %  strain %   answers")
    for (kind, camera, scale, count), lines in sorted(rows.items()):
        found = np.array(lines)
        a = f"{100 * np.nanmedian(found[:, 3]):9.2f}" if np.isfinite(found[:, 3]).any() else "        -"
        strain = np.where(np.isfinite(found[:, 4]), found[:, 4], np.nan)
        size = f"{100 * np.nanmedian(strain):9.2f}" if np.isfinite(strain).any() else "        -"
        print(
            f"{kind:14s} {camera:10s} {scale:8s} {count:8d} {100 * found[:, 0].mean():6.0f} "
            f"{100 * found[:, 1].mean():7.0f} {found[:, 2].mean():9.2f}  {a} {size} {len(lines):9d}"
        )
    for work, seconds in spent.items():
        print(f"{work}: {1000 * seconds / max(pictures[work], 1):.0f} ms a picture")


if __name__ == "__main__":
    main()
