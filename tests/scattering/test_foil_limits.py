"""Limits of a foil that are known by hand: two beams, a thin crystal, no loss, symmetry, reciprocity, derivatives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zoneaxis.crystals import load
from zoneaxis.scattering.beam_set import BeamSet
from zoneaxis.scattering.discs import DiscRule, Field, disc_intensities
from zoneaxis.scattering.foil import foil_waves
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

K = 39.88
"""1/Å, at 200 kV."""
EXACT = {"road": "eig", "dtype": torch.complex128}


def zincblende(shift=(0.0, 0.0, 0.0), order=None, elements=("Ga", "As"), b_iso=0.5):
    """Eight atoms of GaAs, or another crystal with its structure."""
    from pymatgen.core import Lattice, Structure

    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = np.concatenate([fcc, fcc + 0.25]) + np.array(shift)
    species = [elements[0]] * 4 + [elements[1]] * 4
    order = list(range(8)) if order is None else order
    return Structure(
        Lattice.cubic(5.65325),
        [species[n] for n in order],
        positions[order],
        site_properties={"b_iso": [b_iso] * 8},
    )


@pytest.fixture(scope="module")
def gaas() -> Scatterers:
    return Scatterers.of(zincblende(), 200.0)


@pytest.fixture(scope="module")
def silicon() -> Scatterers:
    return Scatterers.of(load("Si"), 200.0)


@pytest.fixture(scope="module")
def zone() -> Zone:
    return Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.4)


def directions(count: int, reach: float = 0.5) -> torch.Tensor:
    """Random k_t (count, 2) in 1/Å."""
    return (torch.rand(count, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2 - 1) * reach


def by_length(zone: Zone, count: int) -> BeamSet:
    return BeamSet.ranked(zone, torch.zeros(1, 2, dtype=torch.float64), count, ranking="length")


def intensities(crystal: Scatterers, beams: BeamSet, k_t, depths, **how) -> torch.Tensor:
    """(thicknesses, directions, beams), without mean absorption."""
    u, absorbed = crystal.potential(beams.differences)
    excitation, k = beams.excitation(k_t, crystal.wave_number), crystal.wave_number
    return foil_waves(excitation, beams.coupling(u + 1j * absorbed), k, depths, **how).abs() ** 2


def test_two_beams_in_slices_are_of_second_order():
    """Twice the slices, a quarter of the error, against sin²(pi t sqrt(s² + 1/xi²)) / (1 + s² xi²)."""
    u, depth = 0.05, 930.0
    s = torch.linspace(-0.004, 0.004, 21, dtype=torch.float64)
    excitation = torch.stack([torch.zeros_like(s), 2 * K * s], dim=1)
    coupling = torch.tensor([[0, u], [u, 0]], dtype=torch.complex128)
    xi = K / u
    wanted = (math.pi * depth * (s**2 + xi**-2).sqrt()).sin() ** 2 / (1 + s**2 * xi**2)
    missed = []
    for slices in (40, 80, 160):
        waves = foil_waves(excitation, coupling, K, [depth], slices=[slices], dtype=torch.complex128)
        missed.append(float((waves[0, :, 1].abs() ** 2 - wanted).abs().max()))
    slopes = [math.log2(coarse / fine) for coarse, fine in zip(missed, missed[1:], strict=False)]
    print("errors", *(f"{one:.1e}" for one in missed), "order", *(f"{one:.3f}" for one in slopes))
    assert all(abs(slope - 2.0) < 0.1 for slope in slopes)


def test_thin_crystal_scatters_once():
    """I_g -> (pi t |U_g| / K)² sinc²(pi t s_g); with a centre and without absorption what is missing falls with t²."""
    crystal = Scatterers.of(load("Si"), 200.0, absorption="none")
    beams, k_t = by_length(Zone.of(load("Si"), (0, 0, 1), d_min_angstrom=0.4), 29), directions(20, 0.2)
    u = crystal.potential(beams.hkl)[0].abs()
    s = beams.excitation(k_t, crystal.wave_number) / (2 * crystal.wave_number)
    allowed = (u > 1e-3).nonzero()[1:, 0]
    missed = []
    for depth in (16.0, 8.0, 4.0):
        found = intensities(crystal, beams, k_t, [depth], **EXACT)[0]
        once = (math.pi * depth * u / crystal.wave_number) ** 2 * torch.sinc(depth * s) ** 2
        missed.append(float((found / once - 1)[:, allowed].abs().mean()))
    slopes = [math.log2(coarse / fine) for coarse, fine in zip(missed, missed[1:], strict=False)]
    print("mean relative difference at 16, 8, 4 Å:", *(f"{one:.1e}" for one in missed), f"slope {slopes[-1]:.2f}")
    assert missed[-1] < 0.01 and abs(slopes[-1] - 2.0) < 0.1


@pytest.mark.parametrize(
    ("how", "limit"),
    [(EXACT, 1e-12), ({"road": "chebyshev", "dtype": torch.complex128}, 1e-9), ({"slices": [500]}, 2e-5)],
)
def test_no_electron_is_lost(gaas, zone, how, limit):
    """Without absorption the intensities of any direction sum to 1, in double precision and after 500 slices."""
    crystal, beams = replace(gaas, absorption="none"), by_length(zone, 45)
    worst = float((intensities(crystal, beams, directions(12, 0.1), [930.0], **how).sum(-1) - 1).abs().max())
    print(f"{how}: {worst:.1e}")
    assert worst < limit


def test_mean_absorption_is_a_factor(gaas, zone):
    """i U'_0 on the diagonal is e^{-2 pi U'_0 t / K} on every intensity, and less arrives the thicker the foil."""
    beams, k_t, depths = by_length(zone, 29), directions(10), [300.0, 930.0]
    u, absorbed = gaas.potential(beams.differences)
    coupling = beams.coupling(u + 1j * absorbed)
    inside = coupling + 1j * gaas.mean_absorption * torch.eye(len(beams), dtype=torch.float64)
    excitation, k = beams.excitation(k_t, gaas.wave_number), gaas.wave_number
    without, within = (foil_waves(excitation, one, k, depths, **EXACT).abs() ** 2 for one in (coupling, inside))
    factor = torch.exp(-2 * math.pi * gaas.mean_absorption / k * torch.tensor(depths, dtype=torch.float64))
    torch.testing.assert_close(within, without * factor[:, None, None], rtol=1e-10, atol=1e-14)
    total = within.sum(-1)
    assert (total[1] < total[0]).all() and (total[0] < 1).all()

    field, rule = Field(4, 0.4), DiscRule(beams=29, weak_beams=0, road="chebyshev")
    found, bare = (
        disc_intensities(gaas, zone, field, depths, rule=replace(rule, mean_absorption=one)) for one in (True, False)
    )
    torch.testing.assert_close(found, bare * factor[:, None, None, None].float(), rtol=1e-5, atol=0)


def test_friedel_and_polarity(gaas, silicon):
    """U_{-g} = conj U_g and U'; I_g(k) = I_{-g}(-k) where the crystal has a centre (Si), and not where it has none."""
    for crystal in (gaas, silicon):
        hkl = torch.tensor([[1, 1, 1], [2, 0, 0], [3, 1, 1], [2, 2, 0], [5, 3, 1]])
        for here, there in zip(crystal.potential(hkl), crystal.potential(-hkl), strict=True):
            torch.testing.assert_close(there, here.conj(), rtol=0, atol=1e-14)
    differences = {}
    for name, crystal, structure in (("GaAs", gaas, zincblende()), ("Si", silicon, load("Si"))):
        zone = Zone.of(structure, (-1, 1, 0), d_min_angstrom=0.5)
        beams, k_t = by_length(zone, 23), directions(20)
        here, there = (intensities(crystal, beams, k, [930.0], **EXACT)[0] for k in (k_t, -k_t))
        place = {tuple(index): number for number, index in enumerate(beams.hkl.tolist())}
        g, minus = place[(1, 1, 1)], place[(-1, -1, -1)]
        differences[name] = float((here[:, g] - there[:, minus]).abs().max())
    print("largest I_111(k) - I_-1-1-1(-k):", {name: f"{one:.1e}" for name, one in differences.items()})
    assert differences["Si"] < 1e-10 and differences["GaAs"] > 0.01


def test_reciprocity(gaas, zone):
    """I_g(k) = I_g(-k - g): half a turn about -g/2 keeps the disc of g, the beams being closed under g - h."""
    hkl = zone.hkl.tolist()
    g = next(index for index in hkl if index[0] == 2 and index[1] == 2)
    inner = {tuple(index) for index in hkl[:37]}
    closed = inner | {tuple(g[axis] - index[axis] for axis in range(3)) for index in inner}
    places = [place for place, index in enumerate(hkl) if tuple(index) in closed]
    beams, k_t = BeamSet.of(zone, torch.tensor(places)), directions(12)
    number = beams.hkl.tolist().index(g)
    back = -k_t - beams.g[number, :2]
    here, there = (intensities(gaas, beams, k, [930.0], **EXACT)[0, :, number] for k in (k_t, back))
    print(f"{len(beams)} beams, g = {g}: {float((here - there).abs().max()):.1e}")
    assert float((here - there).abs().max()) < 1e-10


def test_origin_and_order_of_atoms_change_nothing(gaas, zone):
    """Another origin of the cell, atoms in another order: the same intensities."""
    beams, k_t = by_length(zone, 29), directions(8)
    other = Scatterers.of(zincblende(shift=(0.137, 0.29, 0.71), order=[5, 0, 7, 2, 1, 6, 3, 4]), 200.0)
    found, wanted = (intensities(one, beams, k_t, [930.0], **EXACT) for one in (other, gaas))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("road", "limit"), [("strang", 1e-3), ("chebyshev", 1e-5)])
def test_gallium_arsenide_with_100_beams(gaas, zone, road, limit):
    """A tile of directions at [001], 93 nm, absorption: all beams at the default settings against eigenvalues."""
    step = torch.linspace(0.25, 0.37, 5, dtype=torch.float64)
    k_t = torch.cartesian_prod(step, step)
    beams = BeamSet.ranked(zone, k_t, 100)
    wanted = intensities(gaas, beams, k_t, [930.0], **EXACT)
    worst = float((intensities(gaas, beams, k_t, [930.0], road=road) - wanted).abs().max())
    print(f"{road}: largest difference {worst:.1e}")
    assert worst <= limit


def closed_shells(zone: Zone, about: int) -> int:
    """So many beams, that all of one length are in or out."""
    length = (zone.g[: about + 1].norm(dim=-1) * 1e6).round()
    return int((length[1:] != length[:-1]).nonzero()[-1]) + 1


@pytest.mark.parametrize(
    ("axis", "turns"), [((0, 0, 1), ("flipud", "fliplr", "transpose")), ((-1, 1, 0), ("flipud", "fliplr"))]
)
def test_symmetry_of_the_bright_disc(gaas, axis, turns):
    """(000) has 4mm at [001] and 2mm at [-110], and is the same when each direction is computed once by symmetry.

    What is left in the folded disc is k_n, taken at the middle of the directions that are computed.
    """
    zone = Zone.of(zincblende(), axis, d_min_angstrom=0.4)
    beams = closed_shells(zone, 45)
    rule = DiscRule(beams=beams, weak_beams=0, ranking="length", tile_px=0, road="eig")
    whole, once = (
        disc_intensities(gaas, zone, Field(8, 0.4), [500.0], rule=replace(rule, symmetry=one))[0, 0]
        for one in (False, True)
    )
    turned = {"flipud": whole.flip(0), "fliplr": whole.flip(1), "transpose": whole.T}
    worst = max(float((turned[name] - whole).abs().max()) for name in turns)
    folded = float((once - whole).abs().max())
    print(f"{axis}: {beams} beams, symmetry {worst:.1e}, folded {folded:.1e}, contrast {float(whole.std()):.2f}")
    assert worst < 1e-6 and folded < 1e-4 and float(whole.std()) > 0.01


def test_symmetry_of_other_discs(gaas, zone):
    """A diffracted disc is computed once by symmetry, too, at every thickness, and so are its images."""
    rule = DiscRule(beams=closed_shells(zone, 45), weak_beams=0, ranking="length", tile_px=0, road="chebyshev")
    wanted = [(0, 0, 0), (2, 2, 0), (-2, 2, 0), (4, 0, 0), (2, 0, 0)]
    whole, once = (
        disc_intensities(gaas, zone, Field(8, 0.4), [200.0, 500.0], wanted, replace(rule, symmetry=one))
        for one in (False, True)
    )
    worst = float((whole - once).abs().max())
    image = float((whole[:, 1] - whole[:, 2].flip(-1)).abs().max())
    print(f"{len(zone.operations)} operations, {len(wanted)} discs: folded {worst:.1e}, (220) and (-220) {image:.1e}")
    assert len(zone.operations) == 8 and worst < 1e-4 and image < 1e-5
    assert float((whole[:, 1] - whole[:, 1].flip(-1)).abs().max()) > 0.01


@pytest.mark.parametrize(
    ("road", "by"),
    [
        *(("strang", by) for by in ("thickness", "b_iso", "position", "potential", "tilt")),
        *(("chebyshev", by) for by in ("b_iso", "position", "potential", "tilt")),
    ],
)
def test_derivatives(silicon, road, by):
    """The derivative of a sum of intensities by every quantity that is refined, against central differences."""
    beams = by_length(Zone.of(load("Si"), (0, 0, 1), d_min_angstrom=0.4), 21)
    k_t = directions(4, 0.3)
    weights = torch.rand(4, 21, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    how = {"slices": [400]} if road == "strang" else {}

    def total(x: torch.Tensor) -> torch.Tensor:
        crystal, depths, tilted, scale = silicon, torch.tensor([300.0], dtype=torch.float64), k_t, 1.0
        if by == "thickness":
            depths = depths * x
        elif by == "b_iso":
            crystal = replace(silicon, b_iso=silicon.b_iso * x)
        elif by == "position":
            moved = torch.zeros(8, 3, dtype=torch.float64)
            moved[0] = torch.tensor([0.6, 0.3, 0.0])
            crystal = replace(silicon, positions=silicon.positions + moved * 0.1 * x)
        elif by == "tilt":
            tilted = k_t + 0.1 * (x - 1) * torch.tensor([1.0, 0.5], dtype=torch.float64)
        u, absorbed = crystal.potential(beams.differences)
        if by == "potential":
            lengths = beams.differences.abs().sum(-1)
            scale = 1.0 + (x - 1) * (lengths == 4)
        k = silicon.wave_number
        coupling = beams.coupling((u + 1j * absorbed) * scale)
        waves = foil_waves(beams.excitation(tilted, k), coupling, k, depths, road=road, dtype=torch.complex128, **how)
        return (waves[0].abs() ** 2 * weights).sum()

    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    total(x).backward()
    step = 1e-4
    above, below = (total(x.detach() + sign * step) for sign in (1, -1))
    if by == "b_iso":  # the same table of U' on both sides
        above, below = (total((x.detach() + sign * step).requires_grad_()).detach() for sign in (1, -1))
    differences = float(above - below) / (2 * step)
    print(f"{road}, {by}: {float(x.grad):.6f}, differences {differences:.6f}")
    assert abs(differences) > 1e-3
    assert float(x.grad) == pytest.approx(differences, rel=1e-4)
