"""The SADP experiment: geometry of the picture, convergence of its pixels, one renderer for all specimens."""

import math

import numpy as np
import pytest
import torch

from tests.scattering.crystals_by_hand import magnesium, zincblende
from zoneaxis.crystals import load
from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.crystals.defects.strain import strained, strained_structure
from zoneaxis.crystals.defects.thermal import displaced
from zoneaxis.crystals.group_structures import group_structure
from zoneaxis.crystals.specimen import specimen
from zoneaxis.errors import InputError
from zoneaxis.scattering.kinematical import block_amplitude
from zoneaxis.techniques.sadp import SADPExperiment
from zoneaxis.techniques.sadp.dynamical import dynamical_pattern
from zoneaxis.techniques.sadp.indexed import indexed_picture, labelled_spots


def centroid(pattern: torch.Tensor, row: float, col: float, sigma_px: float = 2.0) -> tuple[float, float]:
    """Centre of mass of a spot under a Gaussian window, moved with it until it stays."""
    rows, cols = torch.meshgrid(*[torch.arange(len(pattern), dtype=torch.float64)] * 2, indexing="ij")
    for _ in range(20):
        window = pattern.double() * torch.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2.0 * sigma_px**2))
        row, col = float((window * rows).sum() / window.sum()), float((window * cols).sum() / window.sum())
    return row, col


def spot_sum(pattern: torch.Tensor, row: float, col: float, reach: int = 5) -> float:
    """Intensity in a window about a spot."""
    top, left = round(row) - reach, round(col) - reach
    return float(pattern[top : top + 2 * reach + 1, left : left + 2 * reach + 1].double().sum())


@pytest.mark.parametrize("rotation_deg", [0.0, 30.0, -75.0])
def test_frame_turns_anticlockwise(rotation_deg):
    """At 0 the shortest reflection (100) of [001] points right; a turn moves it up, as seen."""
    experiment = SADPExperiment.of((0, 0, 1), rotation_deg=rotation_deg)
    frame = experiment.frame(basis(load("Al")))
    assert np.allclose(frame @ frame.T, np.eye(3)) and np.linalg.det(frame) == pytest.approx(1.0)
    x, y, z = frame @ [1.0, 0.0, 0.0]
    turn = math.radians(rotation_deg)
    assert (x, y, z) == pytest.approx((math.cos(turn), -math.sin(turn), 0.0))


def test_tilt_leans_the_beam():
    """A tilt of 20 mrad to the right: the beam has that much of the picture's x, and Laue's circle moves."""
    plain = SADPExperiment.of((0, 0, 1)).frame(np.eye(3))
    leant = SADPExperiment.of((0, 0, 1), tilt_mrad=(20.0, 0.0)).frame(np.eye(3))
    assert leant[2] @ plain[0] == pytest.approx(0.02, rel=1e-3)
    assert np.allclose(leant @ leant.T, np.eye(3))


@pytest.mark.parametrize("crystal", [lambda: load("Al"), lambda: load("Si"), magnesium], ids=["Al", "Si", "Mg"])
def test_spots_lie_where_geometry_says(crystal):
    """Strong spots of [001] are within 0.1 pixel (of 0.1 mm) of the exact projection of g, on pixels half as wide."""
    structure = crystal()
    experiment = SADPExperiment.of((0, 0, 1), camera_length_mm=400, size_px=512, rotation_deg=3.0)
    pattern = experiment.perfect(structure, (40, 40, 8))
    hkl, places, strength = labelled_spots(experiment, structure)
    inside = [place for place in places if np.abs(place - 255.5).max() < 220][:8]
    assert len(inside) >= 4 and (np.diff(strength) <= 1e-9 * strength[0]).all()
    for row, col in inside:
        assert np.hypot(*(np.array(centroid(pattern, row, col)) - (row, col))) < 0.2


def test_pixels_are_converged():
    """Spot intensities with the advised sub-pixels are within 0.5 % of those with twice as many; pixel centres fail."""
    structure = load("Al")
    settings = {"camera_length_mm": 320, "diffuse": False}
    # Turned, so that no spot falls on a symmetric place of the pixels.
    patterns = {
        factor: SADPExperiment.of((0, 0, 1), rotation_deg=7.3, oversampling=factor, **settings).perfect(
            structure, (40, 30, 20)
        )
        for factor in (1, 4, 8)
    }
    experiment = SADPExperiment.of((0, 0, 1), rotation_deg=7.3, **settings)
    _, places, _ = labelled_spots(experiment, structure)
    inside = [place for place in places if np.abs(place - 127.5).max() < 118][:20]
    sums = {factor: np.array([spot_sum(pattern, *at) for at in inside]) for factor, pattern in patterns.items()}
    strong = sums[8] > 1e-5 * sums[8].max()
    assert strong.sum() >= 8
    assert np.abs(sums[4] / sums[8] - 1)[strong].max() < 0.005
    assert np.abs(sums[1] / sums[8] - 1)[strong].max() > 0.2


FAST = {
    "Al [001]": (lambda: load("Al"), (0, 0, 1), (20, 15, 10), {}),
    "Al [112]": (lambda: load("Al"), (1, 1, 2), (20, 15, 10), {"accelerating_voltage_kv": 300.0, "rotation_deg": 11.0}),
    "Al, 1 m": (lambda: load("Al"), (1, 1, 2), (20, 15, 10), {"camera_length_mm": 1000.0}),
    "213": (lambda: group_structure(213, 4, 3), (0, 1, 3), (9, 8, 10), {"accelerating_voltage_kv": 100.0}),
    "227 tilted": (lambda: group_structure(227, 2, 3), (1, 1, 1), (7, 8, 6), {"tilt_mrad": (6.0, -9.0)}),
    "227, 250 mm": (lambda: group_structure(227, 4, 3), (0, 0, 1), (8, 8, 9), {"camera_length_mm": 250.0}),
}
"""Crystal, zone, cells and settings."""


@pytest.mark.parametrize("case", list(FAST))
def test_fast_road_is_the_full_sum(case):
    """Pixels are within 2e-5 of the brightest of the closed form at every sub-pixel, and within 0.1 % above 1e-7."""
    crystal, zone, cells, settings = FAST[case]
    structure = crystal()
    experiment = SADPExperiment.of(zone, size_px=96, diffuse=False, **settings)
    block = experiment.block(structure, cells)
    factor = experiment.subpixels(block)
    amplitude = block_amplitude(block, experiment.detector.q(factor))
    full = experiment.detector.binned(amplitude.abs().square(), factor)
    found = experiment.perfect(structure, cells)
    assert float((found - full).abs().max()) < 2e-5 * float(full.max())
    seen = full > 1e-7 * full.max()
    assert float((found / full - 1)[seen].abs().max()) < 1e-3
    assert torch.equal(found, experiment.perfect(structure, cells))


@pytest.mark.parametrize("zone", [(0, 0, 1), (1, 1, 2)])
def test_one_renderer(zone):
    """A perfect crystal in closed form and atom by atom: the same picture to 1e-4 of its brightest pixel."""
    structure = zincblende()
    experiment = SADPExperiment.of(zone, size_px=64, rotation_deg=11.0, tilt_mrad=(3.0, -2.0), oversampling=6)
    closed = experiment.perfect(structure, (10, 8, 6))
    atoms = experiment.specimen(specimen(structure, (10, 8, 6)))
    assert float((closed - atoms).abs().max()) < 1e-4 * float(closed.max())
    background = closed < 1e-6 * closed.max()
    assert torch.allclose(closed[background], atoms[background], rtol=0.05, atol=1e-8 * float(closed.max()))


def test_strain_moves_spots():
    """Spots of a strained specimen lie at (1+e)^-T g within 0.1 px, in closed form and atom by atom."""
    structure = load("Al")
    strain = np.array([[0.02, 0.01, 0.0], [0.01, -0.01, 0.0], [0.0, 0.0, -0.005]])
    experiment = SADPExperiment.of((0, 0, 1), camera_length_mm=400)
    atoms = experiment.specimen(strained(specimen(structure, (30, 30, 6)), strain))
    perfect = experiment.perfect(strained_structure(structure, strain), (30, 30, 6))
    assert float((atoms - perfect).abs().max()) < 2e-3 * float(perfect.max())
    for hkl in ((2, 0, 0), (0, 2, 0), (2, 2, 0), (-2, 2, 0)):
        g = np.array(hkl) @ reciprocal_basis(structure) @ np.linalg.inv(np.eye(3) + strain)
        seen = experiment.frame(basis(structure) @ (np.eye(3) + strain).T) @ g
        row, col = (float(place) for place in experiment.detector.pixel_of(torch.from_numpy(seen)))
        assert np.hypot(*(np.array(centroid(atoms, row, col)) - (row, col))) < 0.1


def test_heat_is_the_same_by_factor_and_by_displacement():
    """B on the atoms or displaced atoms: the same mean intensity of spots and background."""
    structure = load("Al")
    hot = structure.copy()
    hot.add_site_property("b_iso", [1.5] * len(hot))
    experiment = SADPExperiment.of((0, 0, 1), size_px=64)
    smooth = experiment.specimen(specimen(hot, (10, 10, 10)))
    cold = specimen(hot, (10, 10, 10))
    noisy = torch.stack([experiment.specimen(displaced(cold, seed=seed)) for seed in range(12)]).mean(0)
    assert float((smooth - noisy).abs().max()) < 0.02 * float(smooth.max())
    between = smooth < 3e-5 * smooth.max()
    assert float(noisy[between].mean() / smooth[between].mean()) == pytest.approx(1.0, abs=0.05)


def test_thin_foil_is_kinematical():
    """Bloch waves of 1 nm: intensities in the ratios of |F|² times the shape of the foil, within 5 %."""
    structure = load("Si")
    experiment = SADPExperiment.of((0, 0, 1))
    pattern = dynamical_pattern(experiment, structure, (20, 20, 2), 1.0)
    hkl, places, strength = labelled_spots(experiment, structure)
    length = np.linalg.norm(hkl, axis=1) / structure.lattice.a
    excitation = length**2 * experiment.detector.wavelength_angstrom / 2.0
    expected = strength * np.sinc(10.0 * excitation) ** 2
    seen = np.array([spot_sum(pattern, *place) for place in places])
    strong = (expected > 0.1 * expected.max()) & (np.abs(places - 127.5).max(1) < 115)
    assert strong.sum() >= 8
    assert np.allclose(seen[strong] / seen[strong].max(), expected[strong] / expected[strong].max(), rtol=0.05)


def test_thick_foil_fills_extinct_spots():
    """Double diffraction: Si [011] shows (200), which single scattering forbids."""
    structure = load("Si")
    experiment = SADPExperiment.of((0, 1, 1))
    thick = dynamical_pattern(experiment, structure, (20, 20, 2), 40.0)
    g = np.array([2, 0, 0]) @ reciprocal_basis(structure) @ experiment.frame(basis(structure)).T
    row, col = (float(place) for place in experiment.detector.pixel_of(torch.from_numpy(g)))
    assert spot_sum(thick, row, col) > 1e-4
    assert spot_sum(dynamical_pattern(experiment, structure, (20, 20, 2), 0.5), row, col) < 1e-7


def test_labels_leave_extinct_reflections_out():
    """[001] of Si: (400) and (220) are labelled, (200) is not; [001] of Mg has no (00l)."""
    hkl, _, _ = labelled_spots(SADPExperiment.of((0, 0, 1)), load("Si"))
    listed = {tuple(row) for row in hkl.tolist()}
    assert (4, 0, 0) in listed and (2, 2, 0) in listed and (2, 0, 0) not in listed
    hkl, _, _ = labelled_spots(SADPExperiment.of((0, 0, 1)), magnesium())
    assert not any(h == 0 and k == 0 for h, k, _ in hkl.tolist())


def test_indexed_picture_is_a_png():
    """The same pattern gives the same bytes."""
    structure, experiment = load("Al"), SADPExperiment.of((0, 0, 1), size_px=64)
    pattern = experiment.perfect(structure, (10, 10, 4)).numpy()
    picture = indexed_picture(pattern, experiment, structure)
    assert picture[:4] == b"\x89PNG" and picture == indexed_picture(pattern, experiment, structure)


NONSENSE = {
    "rotation_deg": math.nan,
    "tilt_mrad": (200.0, 0.0),
    "form_factor": "guess",
    "tolerance": 0.1,
    "oversampling": 0,
    "camera_length_mm": -1.0,
    "size_px": 0,
}


@pytest.mark.parametrize("name", list(NONSENSE))
def test_nonsense_is_refused(name):
    """A value that cannot be is named."""
    with pytest.raises(InputError, match=name):
        SADPExperiment.of((0, 0, 1), **{name: NONSENSE[name]})


def test_a_specimen_too_large_for_the_picture():
    """Fringes that would take more than 4096 sub-pixels a side are refused, not undersampled."""
    with pytest.raises(InputError, match="sub-pixels"):
        SADPExperiment.of((0, 0, 1)).perfect(load("Al"), (400, 400, 20))
