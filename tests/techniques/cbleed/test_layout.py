"""Layout of CBLEED images: places of discs, orientation, the spline against known functions, horizon, refusals."""

from dataclasses import replace
from time import process_time

import numpy as np
import pytest
import torch

from zoneaxis.crystals.slab import fcc001, si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.techniques.cbleed.layout import DiscLayout

LAYOUT = DiscLayout.for_slab(si001_2x1())
SIDE = 5.431 / np.sqrt(2)


def pixel_k(layout: DiscLayout) -> np.ndarray:
    """k_out (size, size, 2) of the pixel centres: columns along +kx, rows along -ky."""
    along = (np.arange(layout.size_px) + 0.5 - layout.size_px / 2) / layout.pixels_per_reciprocal_angstrom
    kx, ky = np.meshgrid(along, -along)
    return np.stack([kx, ky], axis=-1) + layout.centre_per_angstrom


def expected(layout: DiscLayout, function: object, energy_ev: float) -> np.ndarray:
    """The image that an exact interpolation of function(beam number, kx, ky) would give."""
    k_out = pixel_k(layout)
    image = np.zeros(k_out.shape[:2])
    total = ELECTRON * energy_ev
    for number, g in enumerate(layout.centres):
        k = k_out - g
        inside = np.hypot(k[..., 0], k[..., 1]) <= layout.radius_at(energy_ev)
        emerging = np.sqrt(np.maximum(total - (k_out**2).sum(-1), 0)) / np.sqrt(np.maximum(total - (k**2).sum(-1), 1))
        value = function(number, k[..., 0], k[..., 1]) * emerging  # type: ignore[operator]
        image[inside] = np.maximum(value, 0)[inside]
    return image


def on_grid(layout: DiscLayout, function: object, energy_ev: float | None = None) -> np.ndarray:
    """Values (beams, N*N) of function(beam number, kx, ky) at the incident directions."""
    kx, ky = layout.incident_grid(energy_ev).T
    return np.stack([function(number, kx, ky) for number in range(len(layout.beams))])  # type: ignore[operator]


def quintic(number: int, kx: np.ndarray, ky: np.ndarray) -> np.ndarray:
    """A polynomial of fifth degree in each of kx and ky, another for every beam."""
    return 2 + number + (1 + number) * kx**5 * ky**4 + 3 * kx * ky**5 - kx**2 + 0.5 * ky


def test_silicon_layout() -> None:
    """The Si(001)-(2x1) image has the fifteen discs, scale and sizes of the design."""
    assert set(LAYOUT.beams) == {(h, k) for h in range(-2, 3) for k in range(-1, 2)} and len(LAYOUT.beams) == 15
    assert LAYOUT.beams[0] == (0, 0)
    assert LAYOUT.half_width_per_angstrom == pytest.approx(2.209, abs=5e-4)
    assert LAYOUT.pixels_per_reciprocal_angstrom == pytest.approx(28.98, abs=5e-3)
    assert LAYOUT.disc_radius_per_angstrom * LAYOUT.pixels_per_reciprocal_angstrom == pytest.approx(10.67, abs=5e-3)
    spacing = np.pi / SIDE * LAYOUT.pixels_per_reciprocal_angstrom
    assert spacing == pytest.approx(23.7, abs=0.05)
    lit = np.bincount(LAYOUT.disc_map().ravel() + 1)
    assert lit[1:].min() > 350 and lit[1:].max() < 364
    angles = np.rad2deg(np.arcsin(LAYOUT.radius_at(30) / np.sqrt(ELECTRON * np.array([30, 60, 100]))))
    assert angles == pytest.approx([7.5, 5.3, 4.1], abs=0.06)
    print(f"{lit[1:].mean():.0f} pixels a disc, {1 - lit[0] / 128**2:.3f} of the image")


def test_simple_face_shows_its_first_beams() -> None:
    """A 1x1 surface gets a field wide enough for the specular disc and its eight neighbours."""
    assert len(DiscLayout.for_slab(fcc001("Cu", 3.615)).beams) == 9


def test_incident_grid() -> None:
    """The grid covers the square about the disc, corners included, with kx running fastest, both rising."""
    grid = LAYOUT.incident_grid().reshape(9, 9, 2)
    radius = LAYOUT.disc_radius_per_angstrom
    assert grid[0, 0] == pytest.approx([-radius, -radius]) and grid[-1, -1] == pytest.approx([radius, radius])
    assert (np.diff(grid[..., 0], axis=1) > 0).all() and (np.diff(grid[..., 1], axis=0) > 0).all()
    assert grid[4, 4] == pytest.approx([0, 0], abs=1e-15)


@pytest.mark.parametrize("grid", [6, 9, 13])
def test_polynomials_are_exact(grid: int) -> None:
    """A quintic in kx and ky comes out exactly at every pixel, times kz_vac(k + g) / kz_vac(k)."""
    layout = replace(LAYOUT, grid=grid)
    image = layout.render(on_grid(layout, quintic), 57.0)
    truth = expected(layout, quintic, 57.0)
    error = np.abs(image - truth).max() / truth.max()
    print(f"{grid} x {grid}: largest error {error:.1e} of the maximum")
    assert error < 1e-6  # float32 of the image
    assert image.dtype == np.float32 and image.shape == (128, 128)


def test_smooth_function_converges() -> None:
    """A fringe pattern as sharp as reflected intensities is followed better by more directions, 9 x 9 to 2e-3."""

    def fringes(number: int, kx: np.ndarray, ky: np.ndarray) -> np.ndarray:
        return 1 + 0.9 * np.cos(9 * kx + number) * np.cos(6 * ky - 0.3 * number)

    errors = []
    for grid in (7, 9, 13):
        layout = replace(LAYOUT, grid=grid)
        truth = expected(layout, fringes, 60.0)
        errors.append(np.abs(layout.render(on_grid(layout, fringes), 60.0) - truth).max() / truth.max())
    print(f"7, 9, 13 directions: {', '.join(f'{error:.1e}' for error in errors)} of the maximum")
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 2e-3


def test_orientation() -> None:
    """Beam (1, 0) lies right of the middle, (0, 1) above it, and inside a disc +ky is up and +kx right."""
    grid = np.zeros((15, 81))
    grid[LAYOUT.beams.index((1, 0))] = 1
    row, column = np.array(np.nonzero(LAYOUT.render(grid, 50.0))).mean(axis=1)
    assert row == pytest.approx(63.5) and column == pytest.approx(63.5 + 23.7, abs=0.1)
    grid = np.zeros((15, 81))
    grid[LAYOUT.beams.index((0, 1))] = 1
    row, column = np.array(np.nonzero(LAYOUT.render(grid, 50.0))).mean(axis=1)
    assert row == pytest.approx(63.5 - 47.4, abs=0.1) and column == pytest.approx(63.5)
    kx, ky = LAYOUT.incident_grid().T
    grid = np.zeros((15, 81))
    grid[0] = 1 + kx + 2 * ky
    disc = LAYOUT.render(grid, 50.0)[53:75, 53:75]
    assert disc[3, 11] > disc[11, 11] > disc[18, 11] and disc[11, 18] > disc[11, 11] > disc[11, 3]


def test_horizon() -> None:
    """At 30 eV and above all pixels of all discs emerge; at 14 eV those beyond the horizon are dark, the rest not."""
    ones = np.ones((15, 81))
    discs = LAYOUT.disc_map() >= 0
    assert (LAYOUT.render(ones, 30.0)[discs] > 0).all()
    k_out = np.linalg.norm(pixel_k(LAYOUT), axis=-1)
    dim = LAYOUT.render(ones, 14.0)
    emerges = k_out < np.sqrt(ELECTRON * 14.0)
    assert not dim[~emerges].any() and (dim[emerges & discs] > 0).all()
    assert (discs & ~emerges).any()
    assert not dim[~discs].any()


def test_undershoot_is_clipped() -> None:
    """Where the spline through intensities falls below zero the image is zero, never negative."""
    grid = np.zeros((15, 81))
    grid[:, ::7] = 1
    assert LAYOUT.render(grid, 40.0).min() == 0


def test_tensors_and_arrays_agree() -> None:
    """Tensors of either precision, batched or not, give what arrays give, and gradients pass."""
    values = np.random.default_rng(1).random((2, 3, 15, 81))
    images = LAYOUT.render(values, 45.0)
    assert images.shape == (2, 3, 128, 128)
    tensor = torch.from_numpy(values).requires_grad_()
    rendered = LAYOUT.render(tensor, 45.0)
    assert np.array_equal(rendered.detach().numpy(), images)
    assert np.allclose(LAYOUT.render(torch.from_numpy(values).float(), 45.0).numpy(), images, atol=3e-6)
    assert np.array_equal(LAYOUT.render(values[1, 2], 45.0), images[1, 2])
    rendered.sum().backward()
    assert tensor.grad is not None and float(tensor.grad.abs().max()) > 0


def test_single_disc() -> None:
    """One disc in its own image is the same disc at another scale."""
    layout = LAYOUT.single((2, 1), 40)
    image = layout.render(on_grid(layout, quintic), 80.0)
    assert image == pytest.approx(expected(layout, quintic, 80.0), abs=1e-6)
    assert (image > 0).sum() == pytest.approx(np.pi * 20**2, rel=0.02)
    assert np.allclose(layout.incident_grid(), LAYOUT.incident_grid())


def test_constant_half_angle() -> None:
    """With a constant half-angle the lit area grows with the energy, and too high an energy is refused."""
    layout = DiscLayout.for_slab(si001_2x1(), constant_half_angle_mrad=np.deg2rad(4) * 1e3)
    lit = [(layout.render(np.ones((15, 81)), energy) > 0).sum() for energy in (40.0, 80.0)]
    assert lit[1] / lit[0] == pytest.approx(2, abs=0.06)
    assert layout.incident_grid(80.0).max() == pytest.approx(np.sin(np.deg2rad(4)) * np.sqrt(ELECTRON * 80))
    truth = expected(layout, quintic, 80.0)
    assert layout.render(on_grid(layout, quintic, 80.0), 80.0) == pytest.approx(truth, abs=1e-5)
    layout.radius_at(100.0)
    with pytest.raises(InputError, match="at 140 eV the disc radius is"):
        layout.radius_at(140.0)
    with pytest.raises(InputError, match="must be a positive number"):
        layout.incident_grid()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"disc_radius_per_angstrom": 0.42}, "overlap"),
        ({"half_width_per_angstrom": 1.9}, "reaches"),
        ({"grid": 1}, "grid = 1"),
        ({"size_px": 0}, "size_px = 0"),
        ({"half_width_per_angstrom": float("nan")}, "half_width"),
        ({"beams": ()}, "at least one"),
        ({"beams": ((0, 0), (0, 0))}, "named once"),
    ],
)
def test_refused_layouts(change: dict[str, object], says: str) -> None:
    """Discs that overlap or leave the image, and impossible sizes, are refused in one line."""
    with pytest.raises(InputError, match=says) as refusal:
        replace(LAYOUT, **change)
    assert "\n" not in str(refusal.value)


def test_refused_intensities() -> None:
    """Grid values of another shape, and energies at which no disc fits, are refused."""
    with pytest.raises(InputError, match="one row a beam"):
        LAYOUT.render(np.ones((15, 49)), 50.0)
    with pytest.raises(InputError, match="positive number"):
        LAYOUT.render(np.ones((15, 81)), float("nan"))
    with pytest.raises(InputError, match="disc radius"):
        LAYOUT.render(np.ones((15, 81)), 0.4)


def test_rate() -> None:
    """Painting is a small share of the time an image takes to compute: under 5 ms once the matrix stands."""
    values = torch.rand(40, 15, 81, generator=torch.Generator().manual_seed(1))
    LAYOUT.render(values, 60.0)
    start = process_time()
    LAYOUT.render(values, 61.0)
    spent = (process_time() - start) / 40
    print(f"{1e3 * spent:.2f} ms an image")
    assert spent < 5e-3
