"""Counting camera: statistics, what each parameter does, presets, chance, refusals."""

import math

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.counting import CountingCamera, blurred, count, expected_electrons


def generator(seed: int = 1) -> torch.Generator:
    """A fresh source of chance."""
    return torch.Generator().manual_seed(seed)


def discs(n: int = 1, size: int = 64) -> torch.Tensor:
    """Images (n, size, size) of three uneven discs, far from any scale in electrons."""
    y, x = np.mgrid[:size, :size] + 0.5
    image = np.zeros((size, size))
    for row, column, height in ((32, 32, 1.0), (32, 50, 0.4), (15, 32, 0.7)):
        image += height * (np.hypot(y - row, x - column) < 6)
    return torch.from_numpy(3e-4 * image).float().repeat(n, 1, 1)


def drawn(n: int = 1, **values: float) -> dict[str, torch.Tensor]:
    """Parameters of n images: the ideal camera, but for what is named."""
    return CountingCamera.from_dict({"preset": "ideal", **values}).draw(n, generator())


def centroid(image: torch.Tensor) -> np.ndarray:
    """Row and column of the centre of mass, in pixels from the middle."""
    rows, cols = image.shape
    along = [torch.arange(length) - (length - 1) / 2 for length in (rows, cols)]
    weights = image / image.sum()
    return np.array([float((weights.sum(1) * along[0]).sum()), float((weights.sum(0) * along[1]).sum())])


def test_ideal_counts_are_poisson() -> None:
    """Every pixel has mean and variance of its share of the electrons; dark pixels stay dark."""
    images = count(discs(4000, 40), drawn(4000, electrons=2000), generator())
    expected = 2000 * discs(1, 40)[0] / discs(1, 40).sum()
    lit = expected > 0
    mean, variance = images.mean(0), images.var(0)
    assert images.sum((1, 2)).mean() == pytest.approx(2000, rel=2e-3)
    assert mean[lit].numpy() == pytest.approx(expected[lit].numpy(), rel=0.06)
    ratio = float((variance[lit] / mean[lit]).mean())
    print(f"variance over mean {ratio:.4f} of {images[:, lit].numel()} counts")
    assert ratio == pytest.approx(1, abs=0.01)
    assert not images[:, ~lit].any()
    assert torch.equal(images, images.round()) and images.dtype == torch.float32


def test_many_electrons_give_the_image() -> None:
    """With 1e10 electrons the image itself comes back, at any scale it was given in."""
    for scale in (1.0, 1e6):
        image = count(scale * discs(), drawn(electrons=1e10), generator())[0]
        assert (image / image.sum()).numpy() == pytest.approx((discs()[0] / discs().sum()).numpy(), abs=5e-6)


def test_backgrounds() -> None:
    """The flat background and the hill are fractions of the maximum and leave the diffracted electrons alone."""
    plain = expected_electrons(discs(), drawn())
    top = float(plain.max())
    flat = expected_electrons(discs(), drawn(uniform_background=0.05))
    assert (flat - plain).numpy() == pytest.approx(0.05 * top, rel=1e-4)
    hill = expected_electrons(discs(), drawn(smooth_background=0.3, background_width=0.25)) - plain
    assert float(hill.max()) == pytest.approx(0.3 * top, rel=1e-3)
    assert float(hill[0, 32, 0] / hill.max()) == pytest.approx(math.exp(-0.5 * (0.5 / 0.25) ** 2), rel=0.08)
    moved = expected_electrons(discs(), drawn(smooth_background=0.3, background_x=0.75)) - plain
    assert int(moved[0, 10].argmax()) in (47, 48)


def test_blur() -> None:
    """A point becomes a Gaussian of the stated width and sum, each image with its own; none means untouched."""
    point = torch.zeros(3, 41, 41)
    point[:, 20, 20] = 1
    spread = blurred(point, torch.tensor([0.0, 1.0, 2.0])[:, None, None])
    assert torch.allclose(spread[0], point[0])
    for image, sigma in zip(spread[1:], (1.0, 2.0), strict=True):
        along = torch.arange(41) - 20
        assert float(image.sum()) == pytest.approx(1, abs=1e-5)
        assert math.sqrt(float((image.sum(0) * along**2).sum())) == pytest.approx(sigma, rel=2e-3)
    assert torch.equal(blurred(point, torch.zeros(3, 1, 1)), point)


def test_shift_and_turn() -> None:
    """The image moves right and down by the stated pixels and turns anticlockwise as seen, about its middle."""
    start = centroid(discs()[0])
    moved = centroid(expected_electrons(discs(), drawn(shift_x_px=1.6, shift_y_px=-2.3))[0])
    assert moved - start == pytest.approx([-2.3, 1.6], abs=1e-3)
    row, column = start
    for angle in (10.0, 90.0):
        turned = centroid(expected_electrons(discs(), drawn(rotation_deg=angle))[0])
        sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        assert turned == pytest.approx([cosine * row - sine * column, cosine * column + sine * row], abs=0.02)
    quarter = expected_electrons(discs(), drawn(rotation_deg=90))[0]
    assert torch.allclose(quarter, torch.rot90(expected_electrons(discs(), drawn())[0]), atol=1e-3)


def test_sixteen_bits() -> None:
    """A grey camera puts the brightest pixel at its white level and clips what exceeds full scale."""
    image = count(discs(), drawn(electrons=1e9, white_level=0.8), generator())[0]
    assert float(image.max()) == pytest.approx(0.8 * 65535, rel=2e-3)
    assert torch.equal(image, image.round())
    bright = count(discs(), drawn(electrons=1e9, white_level=1.5), generator())[0]
    assert float(bright.max()) == 65535 and (bright == 65535).sum() > 100


def test_instrument_preset() -> None:
    """The instrument draws within its ranges, electrons evenly in their logarithm, and applies to a batch."""
    camera = CountingCamera.instrument()
    values = camera.draw(2000, generator())
    for name, (low, high) in camera.to_dict().items():
        assert low - 1e-4 <= float(values[name].min()) and float(values[name].max()) <= high * 1.0001 + 1e-4
    assert float(values["electrons"].log10().mean()) == pytest.approx(4.5, abs=0.07)
    images = camera.apply(discs(8), camera.draw(8, generator()), generator())
    assert images.shape == (8, 64, 64) and float(images.max()) <= 65535 and torch.isfinite(images).all()
    assert float(images.std(0).max()) > 0


def test_chance_is_the_generator() -> None:
    """The same generator gives the same images, another one does not."""
    camera = CountingCamera.instrument()
    first, again, other = (camera.apply(discs(4), camera.draw(4, generator(2)), generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_images_do_not_depend_on_their_batch() -> None:
    """The expected electrons of an image are the same alone and among others."""
    camera = CountingCamera.instrument()
    values = camera.draw(5, generator())
    together = expected_electrons(discs(5), values)
    alone = expected_electrons(discs(1), {name: value[3:4] for name, value in values.items()})
    assert torch.allclose(together[3:4], alone, rtol=1e-4, atol=1e-4)


def test_round_trip() -> None:
    """A recipe's ranges come back as they went, and one number stands for low = high."""
    camera = CountingCamera.instrument()
    assert CountingCamera.from_dict(camera.to_dict()) == camera
    assert CountingCamera.from_dict({"preset": "instrument", "electrons": 500}).electrons == (500, 500)
    assert CountingCamera.from_dict({}) == CountingCamera.ideal()


@pytest.mark.parametrize(
    ("ranges", "says"),
    [
        ({"electrons": [0, 10]}, "electrons = \\[0, 10\\] must be low <= high within 1 to"),
        ({"point_spread_px": [2, 1]}, "point_spread_px"),
        ({"electrons": "many"}, "two finite numbers"),
        ({"electrons": [1, float("nan")]}, "two finite numbers"),
        ({"electrons": [1, 2, "x"]}, "two finite numbers"),
        ({"photons": 1}, "unknown photons"),
        ({"preset": "dream"}, "not one of ideal, instrument"),
    ],
)
def test_refused_ranges(ranges: dict[str, object], says: str) -> None:
    """Ranges that are inverted, unphysical, unknown or no numbers are refused in one line."""
    with pytest.raises(InputError, match=says):
        CountingCamera.from_dict(ranges)


def test_refused_images() -> None:
    """Dark, negative and non-finite images are refused, also one that the shift moved out of sight."""
    for image, says in (
        (torch.zeros(1, 8, 8), "no intensity"),
        (-discs(), "not negative"),
        (discs() * float("nan"), "finite"),
    ):
        with pytest.raises(InputError, match=says):
            count(image, drawn(), generator())
    with pytest.raises(InputError, match="image 0 has no intensity"):
        count(discs(), drawn(shift_x_px=500), generator())
