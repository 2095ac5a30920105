"""Planar detector: the Ewald sphere, its limits, the inverse, sub-pixels, refusals."""

import math

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.planar_detector import PlanarDetector


def test_every_pixel_lies_on_the_ewald_sphere() -> None:
    """|q + k z| = k, q_z <= 0, and x runs right, y down."""
    detector = PlanarDetector(size_px=64, pixel_mm=0.4, camera_length_mm=100, offset_x_mm=2.1, offset_y_mm=-3.3)
    q, k = detector.q(), 1 / detector.wavelength_angstrom
    assert q.shape == (64, 64, 3) and q.dtype == torch.float64
    outgoing = q + torch.tensor([0, 0, k], dtype=torch.float64)
    assert torch.linalg.vector_norm(outgoing, dim=-1).numpy() == pytest.approx(k, rel=1e-14)
    assert bool((q[..., 2] <= 0).all())
    assert bool((q[:, 1:, 0] > q[:, :-1, 0]).all()) and bool((q[1:, :, 1] > q[:-1, :, 1]).all())


def test_small_angles_give_the_camera_constant() -> None:
    """Near the beam q = r / (lambda L) and q_z = -lambda q² / 2, to second order in the angle."""
    detector = PlanarDetector(size_px=9, pixel_mm=0.01, camera_length_mm=1000)
    q = detector.q()
    places = (torch.arange(9) - 4).double() * detector.step_per_angstrom
    assert q[4, :, 0].numpy() == pytest.approx(places.numpy(), rel=1e-8, abs=1e-15)
    assert q[:, 4, 1].numpy() == pytest.approx(places.numpy(), rel=1e-8, abs=1e-15)
    sagitta = -detector.wavelength_angstrom * q[..., :2].square().sum(-1) / 2
    assert q[..., 2].numpy() == pytest.approx(sagitta.numpy(), rel=1e-8, abs=1e-20)
    assert q[4, 4].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("length_mm", "expected"), [(250, 2.04), (320, 1.59), (400, 1.28)])
def test_field_of_view(length_mm: float, expected: float) -> None:
    """256 pixels of 0.1 mm at 200 kV show 2.04, 1.59 and 1.28 1/Å; the outer half pixel is in it."""
    detector = PlanarDetector(camera_length_mm=length_mm)
    assert detector.q_max_per_angstrom == pytest.approx(expected, abs=0.006)
    last = float(torch.linalg.vector_norm(detector.q()[128, -1], dim=-1))
    assert 0.4 < (detector.q_max_per_angstrom - last) / detector.step_per_angstrom < 0.6


def test_offset_moves_the_beam_and_narrows_the_view() -> None:
    """The pixel at `centre_px` has q = 0; the nearest edge is nearer."""
    detector = PlanarDetector(size_px=65, offset_x_mm=0.7, offset_y_mm=-0.3)
    row, col = detector.centre_px
    assert (row, col) == pytest.approx((29, 39))
    assert detector.q()[29, 39].abs().max() < 1e-14
    middle = PlanarDetector(size_px=65)
    lost = middle.q_max_per_angstrom - detector.q_max_per_angstrom
    assert lost == pytest.approx(7 * detector.step_per_angstrom, rel=1e-3)


def test_pixel_of_inverts_q() -> None:
    """Every pixel comes back to 1e-9 px; a vector off the sphere is put where its streak meets it."""
    detector = PlanarDetector(size_px=40, pixel_mm=1.0, camera_length_mm=150, offset_x_mm=3.25, offset_y_mm=-1.5)
    q = detector.q()
    row, col = detector.pixel_of(q)
    rows, cols = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    assert row.numpy() == pytest.approx(rows.numpy(), abs=1e-9)
    assert col.numpy() == pytest.approx(cols.numpy(), abs=1e-9)
    flat = q * torch.tensor([1.0, 1.0, 0.0])
    assert detector.pixel_of(flat)[0].numpy() == pytest.approx(rows.numpy(), abs=1e-9)
    assert detector.pixel_of(q[..., :2])[1].numpy() == pytest.approx(cols.numpy(), abs=1e-9)


def test_sub_pixels_fill_the_pixels() -> None:
    """Sub-pixels are evenly spaced and their mean is the pixel, to the curvature of the sphere."""
    detector = PlanarDetector(size_px=16)
    fine, coarse = detector.q(4), detector.q()
    assert fine.shape == (64, 64, 3)
    binned = detector.binned(fine.permute(2, 0, 1), 4).permute(1, 2, 0)
    assert binned.numpy() == pytest.approx(coarse.numpy(), abs=1e-4 * detector.step_per_angstrom)
    constant = detector.binned(torch.full((2, 48, 48), 7.0), 3)
    assert constant.shape == (2, 16, 16) and bool((constant == 7).all())


def test_oversampling_makes_spot_intensities_right() -> None:
    """Spots of a crystal of 162 Å, anywhere in a pixel: centres alone are far off, the advised number is within 1 %."""
    extent = 162.0
    detector = PlanarDetector(size_px=24, camera_length_mm=256)
    advised = detector.oversampling_for(extent)
    assert advised == math.ceil(1.6 * extent * detector.step_per_angstrom) == 5
    places = np.random.default_rng(3).uniform(-0.5, 0.5, (8, 2)) * detector.step_per_angstrom

    def sums(oversampling: int) -> np.ndarray:
        """Integral of the shape function about each place."""
        away = detector.q(oversampling).numpy()[None, ..., :2] - places[:, None, None]
        spots = np.square(np.sinc(extent * away)).prod(-1)
        return detector.binned(torch.from_numpy(spots), oversampling).sum((-2, -1)).numpy()

    exact = sums(13)
    errors = {n: float(np.std(sums(n) / exact)) for n in (1, 2, advised)}
    print({n: f"{error:.4f}" for n, error in errors.items()})
    assert errors[1] > 0.3
    assert errors[advised] < 0.01


def test_short_wavelength_limit_of_oversampling() -> None:
    """A specimen whose fringes are wider than two pixels needs no sub-pixels."""
    assert PlanarDetector().oversampling_for(20) == 1
    assert PlanarDetector().oversampling_for(162) == 4


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size_px": 0}, "size_px = 0"),
        ({"size_px": 12.5}, "size_px = 12.5"),
        ({"size_px": 9000}, "at most 8192"),
        ({"pixel_mm": -0.1}, "pixel_mm = -0.1"),
        ({"camera_length_mm": math.nan}, "camera_length_mm = nan"),
        ({"wavelength_angstrom": 1.5}, "wavelength_angstrom = 1.5"),
        ({"offset_x_mm": 13.0}, "offset_x_mm = 13.0"),
        ({"offset_y_mm": math.nan}, "offset_y_mm = nan"),
    ],
)
def test_refuses_an_impossible_detector(values: dict[str, float], words: str) -> None:
    """One line names the field and what is allowed."""
    with pytest.raises(InputError, match=words) as refused:
        PlanarDetector(**values)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_refuses_pictures_and_vectors_that_do_not_fit() -> None:
    """Wrong shapes, sideways vectors and too many sub-pixels."""
    detector = PlanarDetector()
    with pytest.raises(InputError, match="expected \\(..., 512, 512\\)"):
        detector.binned(torch.zeros(256, 256), 2)
    with pytest.raises(InputError, match="oversampling = 0"):
        detector.q(0)
    with pytest.raises(InputError, match="1 to 32"):
        detector.q(33)
    with pytest.raises(InputError, match="below 39.87"):
        detector.pixel_of(torch.tensor([40.0, 0, 0]))
    with pytest.raises(InputError, match="shape \\(4,\\)"):
        detector.pixel_of(torch.zeros(4))
    with pytest.raises(InputError, match="extent_angstrom = -1"):
        detector.oversampling_for(-1)
