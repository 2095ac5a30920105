"""Refinement of simulated discs: what went in comes out, within the uncertainties that are stated."""

import functools

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, disc_intensities
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone
from zoneaxis.techniques.lacbed.measured_discs import MeasuredDiscs
from zoneaxis.techniques.lacbed.refine import refine
from zoneaxis.techniques.lacbed.refine_foil import FOIL, RefinableFoil
from zoneaxis.techniques.lacbed.refine_image import ImagePlane

HKL = ((0, 0, 0), (2, 0, 0), (0, -2, 0), (2, 2, 0))
TRUTH = {"thickness": 61.0, "b_iso": 0.55, "absorption": 1.3, "share": 0.0, "lattice": 1.0}
HALF_WIDTH, SIZE, GRID, BEAMS = 0.32, 32, 32, 30
GEOMETRY = (0.322, 0.0, 0.0, 0.0, 0.4, -0.3, 0.8)
CAMERA = {**TRUTH, "half_width": 0.322, "centre_x": 0.4, "centre_y": -0.3, "blur": 0.8}
NOISE = 0.01
SETTINGS = {
    "accelerating_voltage_kv": 200.0,
    "half_width_per_angstrom": HALF_WIDTH,
    "grid_px": GRID,
    "beams": BEAMS,
    "weak_beams": 0,
    "absorption": "proportional",
}


def aluminium() -> Structure:
    fcc = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Structure(Lattice.cubic(4.05), ["Al"] * 4, fcc, site_properties={"b_iso": [0.7] * 4})


def foil(**changes) -> RefinableFoil:
    settings = {**SETTINGS, "half_width": 1.06 * HALF_WIDTH, "size_px": GRID, **changes}
    for name in ("half_width_per_angstrom", "grid_px"):
        del settings[name]
    return RefinableFoil.of(aluminium(), (0, 0, 1), HKL, TRUTH, **settings)


def truth() -> torch.Tensor:
    return torch.tensor([TRUTH[name] for name in FOIL], dtype=torch.float64)


@functools.cache
def clean() -> np.ndarray:
    plane = ImagePlane(SIZE, 1, 1.06 * HALF_WIDTH)
    geometry = torch.tensor(GEOMETRY, dtype=torch.float64)
    shifts = torch.zeros(len(HKL), 2, dtype=torch.float64)
    return plane.image(foil().pictures(truth()), geometry, shifts).numpy()


def measured(seed: int, noise: float = NOISE) -> dict[tuple[int, int, int], np.ndarray]:
    """Every disc on a scale of its own, on a tilted background, with white noise of a share of its greatest value."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(-0.02, 0.02, SIZE)
    found = {}
    for number, (hkl, image) in enumerate(zip(HKL, clean(), strict=True)):
        scaled = image / image.max() + slope[None] - 2 * slope[:, None] + 0.2
        found[hkl] = (1 + number) * 1e3 * (scaled + noise * rng.standard_normal(image.shape))
    return found


def test_pictures_are_those_of_the_simulator():
    """Discs by way of symmetry and tiles against `disc_intensities` without either, up to the mean absorption."""
    made = foil(beams=69, slice_error=1e-4)
    values = dict(TRUTH, absorption=1.0, b_iso=0.7)
    ours = made.pictures(torch.tensor([values[name] for name in FOIL], dtype=torch.float64))
    zone = Zone.of(aluminium(), (0, 0, 1), d_min_angstrom=0.2)
    rule = DiscRule(beams=69, weak_beams=0, tile_px=0, symmetry=False, mean_absorption=False, slice_error=1e-4)
    atoms = Scatterers.of(aluminium(), 200.0, absorption="proportional")
    wanted = disc_intensities(atoms, zone, Field(GRID, 1.06 * HALF_WIDTH), [610.0], HKL, rule)[0]
    misfit = float((ours - wanted).abs().max())
    print(f"pictures under refinement against the simulator's, 69 beams a tile against 69 in all: {misfit:.4f}")
    assert misfit < 0.002


@pytest.mark.parametrize("name", ["thickness", "b_iso", "absorption", "lattice"])
def test_derivatives_against_central_differences(name):
    """Of every picture by every number of the foil, to half a per cent of the largest."""
    small = foil(size_px=8, beams=21, weak_beams=10, slice_error=1e-4)
    step = torch.zeros(5, dtype=torch.float64)
    step[FOIL.index(name)] = {"thickness": 0.05, "lattice": 1e-3}.get(name, 0.05)
    pictures, slopes = small.derivatives(truth(), [name])
    difference = (small.pictures(truth() + step) - small.pictures(truth() - step)) / (2 * step.sum())
    assert torch.allclose(pictures, small.pictures(truth()), atol=1e-5)
    assert float((slopes[0] - difference).abs().max()) < 5e-3 * float(difference.abs().max())


def test_share_of_a_mixed_site():
    """The share is that of the second element: at 1 the crystal is made of it."""
    mixed = Structure(Lattice.cubic(4.05), [{"Al": 0.7, "Si": 0.3}], [[0, 0, 0]], site_properties={"b_iso": [0.55]})
    pure = Structure(Lattice.cubic(4.05), ["Si"], [[0, 0, 0]], site_properties={"b_iso": [0.55]})
    settings = {"accelerating_voltage_kv": 200.0, "half_width": 0.3, "size_px": 8, "beams": 21, "weak_beams": 0}
    settings["absorption"] = "proportional"
    two, one = (
        RefinableFoil.of(crystal, (0, 0, 1), HKL[:2], dict(TRUTH, share=1.0), **settings) for crystal in (mixed, pure)
    )
    values = truth()
    values[FOIL.index("share")] = 1.0
    assert torch.allclose(two.pictures(values), one.pictures(values), atol=2e-4)


def test_parameters_are_recovered_within_their_uncertainties():
    """From 1.5 nm and 30 % of B away, through noise, scale and background: all seven within four uncertainties."""
    free = ("thickness", "b_iso", "absorption", "half_width", "centre_x", "centre_y", "blur")
    start = {"thickness": 62.5, "b_iso": 0.7}
    found = refine(measured(1), aluminium(), start=start, free=free, disc_shifts=False, **SETTINGS)
    for name in free:
        fitted = found.parameters[name]
        assert abs(fitted.value - CAMERA[name]) < 4.0 * fitted.uncertainty, str(fitted)
    assert found.parameters["thickness"].uncertainty < 0.3
    assert found.parameters["lattice"].uncertainty == 0.0
    assert found.zncc.min() > 0.96
    assert found.figure().startswith(b"\x89PNG")
    assert "±" in str(found)


def test_uncertainties_are_the_scatter_of_repeated_noise():
    """Standard deviation over ten noises over what is stated: 1, known to 14 % from three parameters."""
    free = ("half_width", "centre_x", "blur")
    found = [
        refine(
            measured(seed), aluminium(), start=CAMERA, free=free, disc_shifts=False,
            iterations=4, **SETTINGS,
        )
        for seed in range(20, 30)
    ]  # fmt: skip
    ratios = [
        np.std([one.parameters[name].value for one in found], ddof=1)
        / np.mean([one.parameters[name].uncertainty for one in found])
        for name in free
    ]
    print(f"scatter over stated uncertainty, {', '.join(free)}: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    assert 0.6 < np.sqrt(np.mean(np.square(ratios))) < 1.6


def test_correlated_noise_leaves_fewer_independent_pixels():
    """Blocks of 4 x 4 equal errors count about as one pixel, white noise as many."""
    rng = np.random.default_rng(4)
    discs = measured(3, noise=0.0)
    for hkl, image in discs.items():
        coarse = np.kron(rng.standard_normal((SIZE // 4, SIZE // 4)), np.ones((4, 4)))
        discs[hkl] = image + 0.02 * image.std() * coarse
    common = dict(start=CAMERA, free=("blur",), disc_shifts=False, iterations=3, **SETTINGS)
    blocks = refine(discs, aluminium(), **common)
    white = refine(measured(3), aluminium(), **common)
    pixels = int(blocks.mask[0].sum())
    assert (white.independent_pixels > 0.6 * pixels).all()
    assert (blocks.independent_pixels < 0.25 * pixels).all()


def test_own_shifts_of_discs():
    """One disc moved by a pixel gets that shift, the others none."""
    discs = measured(5, noise=0.0)
    discs[(2, 2, 0)] = np.roll(discs[(2, 2, 0)], 1, axis=1)
    found = refine(discs, aluminium(), start=CAMERA, free=("blur",), **SETTINGS)
    assert found.shifts[3, 0] == pytest.approx(-1.0, abs=0.1)
    assert np.abs(found.shifts[:3]).max() < 0.1
    assert found.zncc[3] > found.zncc_common[3]


def test_thickness_is_found_and_a_wrong_crystal_fits_worse():
    """Scanned without a start; aluminium with a vacancy stays behind."""
    common = dict(free=("thickness", "b_iso"), disc_shifts=False, iterations=4, **SETTINGS)
    start = {name: value for name, value in CAMERA.items() if name != "thickness"}
    right = refine(measured(1), aluminium(), start=start, **common)
    vacant = aluminium()
    vacant.remove_sites([1])
    wrong = refine(measured(1), vacant, start=start, **common)
    assert right.parameters["thickness"].value == pytest.approx(61.0, abs=1.0)
    assert right.zncc.mean() > 0.97
    assert wrong.zncc.mean() < right.zncc.mean() - 0.05


def test_wrong_input():
    """Each is refused in one line that names it."""
    discs = measured(1)
    with pytest.raises(InputError, match="free = depth"):
        refine(discs, aluminium(), free=("depth",), **SETTINGS)
    with pytest.raises(InputError, match="share needs sites"):
        refine(discs, aluminium(), free=("share",), **SETTINGS)
    with pytest.raises(InputError, match=r"thickness = -1 nm: expected 1 to 1000"):
        refine(discs, aluminium(), start={"thickness": -1.0}, **SETTINGS)
    with pytest.raises(InputError, match="half_width = 2.12 .* expected up to 1.77"):
        refine(discs, aluminium(), start=TRUTH, **(SETTINGS | {"half_width_per_angstrom": 2.0}))
    with pytest.raises(InputError, match="not in the zone"):
        refine({(1, 1, 1): discs[(0, 0, 0)]}, aluminium(), start=TRUTH, **SETTINGS)
    mixed = Structure(
        Lattice.cubic(4.05),
        [{"Al": 0.9, "Si": 0.1}, {"Al": 0.5, "Si": 0.5}],
        [[0, 0, 0], [0.5, 0.5, 0.5]],
        site_properties={"b_iso": [0.7, 0.7]},
    )
    with pytest.raises(InputError, match="one share for all of them"):
        refine(discs, mixed, start=TRUTH, **SETTINGS)
    bare = Structure(Lattice.cubic(4.05), ["Al"], [[0, 0, 0]])
    with pytest.raises(InputError, match="b_iso is missing"):
        refine(discs, bare, start=TRUTH, **SETTINGS)
    with pytest.raises(InputError, match="bin_px = 5"):
        refine(discs, aluminium(), bin_px=5, **SETTINGS)


def test_copies_border_and_clipped_pixels_do_not_count():
    """Mirror images are left out; borders, zeros and the clipped top are masked, beside NaN too."""
    rng = np.random.default_rng(0)
    image = rng.uniform(1.0, 2.0, (20, 20))
    image[7, 8], image[9, 9], image[9, 10] = 0.0, 3.0, 3.0
    image[0, 0] = np.nan
    discs = MeasuredDiscs.of({"0,0,2": image, "0,0,-2": image[::-1], "0,0,0": image + 0.1}, border_px=2)
    assert discs.hkl == ((0, 0, 2), (0, 0, 0))
    assert discs.copies == {(0, 0, -2): (0, 0, 2)}
    assert int(discs.mask[0].sum()) == 16 * 16 - 3
    with pytest.raises(InputError, match="shape"):
        MeasuredDiscs.of({(0, 0, 0): image[:, 1:]})


@pytest.mark.parametrize("name", ["array.npy", "torn.npz", "empty.npz", "nowhere.npz"])
def test_files_that_hold_no_discs(tmp_path, name):
    """A bare array, a torn archive, an empty file and none: refused in one line with the file."""
    path = tmp_path / name
    if name == "array.npy":
        np.save(path, np.ones((20, 20)))
    elif name != "nowhere.npz":
        path.write_bytes(b"PK\x03\x04 torn" if name == "torn.npz" else b"")
    with pytest.raises(InputError, match=name) as caught:
        MeasuredDiscs.read(path)
    assert "\n" not in str(caught.value)
