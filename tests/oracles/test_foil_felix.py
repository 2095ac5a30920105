"""Discs of GaAs [-110] behind 93 nm against Felix, an independent Bloch-wave program.

What makes two programs agree to 1e-4 here, and only to 4e-3 without it:

* Felix counts beams by their distance from the sphere: a cut that rises in steps of 0.005 in 2 pi/Å until the wanted
  number lies below it. Of at least 100 beams there are then 100 to 105, different in every pixel.
* Its pool holds the first higher Laue zone next to order 0 (248 of 700, 309 of 800 reflections), although the runs were
  asked for none; up to 16 of 100 beams, 21 to 53 of 250 and 113 to 125 of 500 come from there. Lists of order 0 alone
  converge to another picture: rms 0.0004 at 300 beams, but 0.0017 at 400 and 0.0023 at 480.
* No mean absorption, and the cell volume 180.55 Å³. Its refraction, 15.32 added to (2 pi K)², moves K by 8e-5 and
  brings the discs no nearer, so K is ours.

Felix's table of U' is not the reason: up to |g| = 3.2 1/Å it has ours within 4e-6 1/Å² for the strong reflections;
for the weak ones, h + k + l = 4 n + 2, whose U' is a difference of nearly equal numbers, it is off by up to 5e-5, and
beyond 3.2 it gives some of them values of other reflections ((2,2,18) has U' of (000)). Put in the place of ours it
changes (000) by 2e-4 at most. The lower half of its 500-beam disc differs from the upper half by 0.004, where the
crystal allows no difference; ours does by 4e-5, so only the upper half is compared.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from zoneaxis.scattering.beam_set import BeamSet
from zoneaxis.scattering.foil import foil_waves
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

pytestmark = pytest.mark.oracle

LATTICE, FELIX_VOLUME = 5.65325, 180.55
"""Å, and the rounded volume in Å³ that Felix computes with."""
HALF_WIDTH, THICKNESS, CUT_STEP = 0.7586, 930.0, 0.005
OTHERS = ((0, 0, 2), (0, 0, 4), (1, 1, 1), (1, 1, -1), (2, 2, 0), (1, 1, 3), (3, 3, 1), (2, 2, 4))


def gallium_arsenide():
    from pymatgen.core import Lattice, Structure

    fcc = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    positions = [*fcc, *(np.array(fcc) + 0.25)]
    return Structure(Lattice.cubic(LATTICE), ["Ga"] * 4 + ["As"] * 4, positions, site_properties={"b_iso": [0.1] * 8})


@pytest.fixture(scope="module")
def zone() -> Zone:
    """Columns along [-1,-1,0], rows along [001], up to h u + k v + l w = 2, the first that face centring allows."""
    return Zone.of(gallium_arsenide(), (-1, 1, 0), columns=(-1, -1, 0), d_min_angstrom=0.25, laue_zones=2)


def felix_run(zone: Zone, stored, at_least: int, wanted, pixels=slice(None), orders: int = 1) -> np.ndarray:
    """Intensities (discs, pixels) with the beams that Felix takes, or without its higher Laue zone (orders = 0)."""
    places = {tuple(index): place for place, index in enumerate(zone.hkl.tolist())}
    listed = [places[tuple(index)] for index in stored["sf_hkl"].tolist()]
    pool = BeamSet.of(zone, torch.tensor([place for place in listed if orders or not zone.g[place, 2]]))
    crystal = Scatterers.of(gallium_arsenide(), 200.0, form_factor="kirkland")
    wave_number = crystal.wave_number
    u, absorbed = crystal.potential(pool.differences)
    coupling = pool.coupling((u + 1j * absorbed) * LATTICE**3 / FELIX_VOLUME, wave_number)

    size = stored["0,0,0"].shape[0]
    steps = (torch.arange(size, dtype=torch.float64) + 0.5 - size / 2) * HALF_WIDTH / (size / 2)
    k_t = torch.cartesian_prod(steps, steps).flip(-1)[pixels]
    excitation = pool.excitation(k_t, wave_number)
    distance = math.pi * (excitation * (1 + pool.g[:, 2] / wave_number)).abs() / wave_number
    place = {tuple(index): number for number, index in enumerate(pool.hkl.tolist())}
    asked = torch.tensor([place[index] for index in wanted])
    found = torch.zeros(len(asked), len(k_t))
    for pixel, one in enumerate(distance):
        cut = CUT_STEP * math.ceil(float(one.kthvalue(at_least).values) / CUT_STEP)
        beams = (one <= cut).nonzero()[:, 0]
        waves = foil_waves(
            excitation[pixel : pixel + 1, beams], coupling[beams][:, beams], wave_number, [THICKNESS], road="chebyshev"
        )
        full = torch.zeros(len(pool))
        full[beams] = waves[0, 0].abs() ** 2
        found[:, pixel] = full[asked]
    return found.numpy()


def closeness(stored, index, found: np.ndarray, pixels=slice(None)) -> tuple[float, float]:
    """Correlation and rms difference of a disc, printed."""
    wanted = stored[",".join(map(str, index))].ravel()[pixels]
    r, rms = float(np.corrcoef(wanted, found)[0, 1]), float(np.sqrt(np.mean((wanted - found) ** 2)))
    print(f"{index}: r {r:.6f}, rms {rms:.5f}, largest {np.abs(wanted - found).max():.5f}")
    return r, rms


@pytest.mark.parametrize(
    ("name", "at_least", "pixels", "limit"),
    [
        ("gaas_m110_93nm_16px_100beams", 100, slice(None, None, 2), 2e-4),
        ("gaas_m110_93nm_16px_250beams", 250, slice(None, None, 7), 2e-4),
        ("gaas_m110_93nm_6px_500beams", 500, slice(18), 5e-4),
    ],
)
def test_discs_with_felix_beams(shared: Path, zone, name, at_least, pixels, limit):
    """(000) and eight others with Felix's own beams, at the three numbers of them that are stored."""
    stored = np.load(shared / "data" / "lacbed" / f"{name}.npz", allow_pickle=False)
    wanted = ((0, 0, 0), *OTHERS)
    for index, found in zip(wanted, felix_run(zone, stored, at_least, wanted, pixels), strict=True):
        r, rms = closeness(stored, index, found, pixels)
        assert r >= 0.9999 and rms <= limit


def test_higher_laue_zone_is_in_felix_pool(shared: Path, zone):
    """Without its reflections of order 1 the 250-beam disc comes no nearer than 2e-3; with them it does tenfold."""
    stored = np.load(shared / "data" / "lacbed" / "gaas_m110_93nm_16px_250beams.npz", allow_pickle=False)
    pixels = slice(None, None, 11)
    flat, full = (
        closeness(stored, (0, 0, 0), felix_run(zone, stored, 250, ((0, 0, 0),), pixels, orders)[0], pixels)[1]
        for orders in (0, 1)
    )
    assert flat > 2e-3 and full < 0.2 * flat


def test_polarity(shared: Path, zone):
    """The disc of -g turned by 180 degrees, which a centre of symmetry would make the same, is another picture."""
    stored = np.load(shared / "data" / "lacbed" / "gaas_m110_93nm_16px_100beams.npz", allow_pickle=False)
    wanted = ((1, 1, 1), (-1, -1, -1), (1, 1, 3), (-1, -1, -3))
    found = felix_run(zone, stored, 100, wanted)
    for number in (0, 2):
        with_g = closeness(stored, wanted[number], found[number])[0]
        turned = closeness(stored, wanted[number], found[number + 1][::-1])[0]
        assert with_g > 0.999 and turned < 0.96


def test_symmetry_of_the_500_beam_disc(shared: Path, zone):
    """Upper and lower half of (000) are one picture for this crystal: in ours to 1e-4, in Felix's file they are not."""
    stored = np.load(shared / "data" / "lacbed" / "gaas_m110_93nm_6px_500beams.npz", allow_pickle=False)
    theirs = stored["0,0,0"]
    rows = [slice(12, 18), slice(18, 24)]
    upper, lower = (felix_run(zone, stored, 500, ((0, 0, 0),), row)[0] for row in rows)
    ours, felix = np.abs(upper - lower).max(), np.abs(theirs - theirs[::-1]).max()
    print(f"upper against lower half: ours {ours:.1e}, Felix {felix:.1e}")
    assert ours < 1e-4 < felix
