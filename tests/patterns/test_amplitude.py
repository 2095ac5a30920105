"""Amplitude images: exact binning, a scale that is kept, and no number where there is no image."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneaxis.errors import InputError
from zoneaxis.patterns.amplitude import SUM_SCALE, amplitude, amplitude_or_nan, bin_to, readable


def blobs(n: int = 3, size_px: int = 96, seed: int = 0) -> np.ndarray:
    """Smooth intensities (n, size, size) with dark surroundings."""
    generator = np.random.default_rng(seed)
    x = np.linspace(-1, 1, size_px)
    centre, width = generator.uniform(-0.3, 0.3, (n, 2, 1, 1)), generator.uniform(0.1, 0.3, (n, 1, 1))
    return np.exp(-((x - centre[:, 0]) ** 2 + (x[:, None] - centre[:, 1]) ** 2) / width**2) * generator.uniform(
        0.1, 50, (n, 1, 1)
    )


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_binning_keeps_the_mean_whatever_the_sizes(size_px: int, more: int, seed: int) -> None:
    """Invariant: new pixels hold the mean over their own area, so the mean of the image stays, multiple or not."""
    image = np.random.default_rng(seed).random((size_px + more, size_px + more))
    binned = bin_to(image, size_px)
    assert binned.shape == (size_px, size_px)
    assert np.allclose(binned.mean(), image.mean(), rtol=1e-12)
    assert image.min() - 1e-12 <= binned.min() and binned.max() <= image.max() + 1e-12


def test_fractional_pixels_share_what_they_cover() -> None:
    """Three pixels into two: the middle one gives half of itself to each side."""
    row = np.array([1.0, 2.0, 4.0])
    assert np.allclose(bin_to(np.tile(row, (3, 1)), 2), [[4 / 3, 10 / 3]] * 2)


def test_maximum_and_sum_scale_as_stated() -> None:
    """`maximum` ends at 1 and squares to I / max I; `sum` has the mean square 1 / SUM_SCALE; gain changes neither."""
    images = blobs()
    by_maximum, by_sum = amplitude(images, 96), amplitude(images, 96, "sum")
    assert by_maximum.dtype == by_sum.dtype == np.float32
    assert np.allclose(by_maximum.max((1, 2)), 1)
    assert np.allclose(by_maximum**2, images / images.max((1, 2), keepdims=True), atol=1e-6)
    assert np.allclose((by_sum**2).mean((1, 2)), 1 / SUM_SCALE, rtol=1e-4)
    assert by_sum.max() < 1
    for normalise in ("maximum", "sum"):
        assert np.allclose(amplitude(images, 48, normalise), amplitude(1e-7 * images, 48, normalise), atol=1e-6)


def test_counted_images_keep_their_scale_under_sum_only() -> None:
    """Counting noise of 1e4 electrons moves the brightness of discs by 1 % under `sum`, by more under `maximum`."""
    clean = blobs(8, 64)
    clean = 1e4 * clean / clean.sum((1, 2), keepdims=True)
    noisy = np.random.default_rng(0).poisson(clean)
    shifts = {}
    for normalise in ("maximum", "sum"):
        lit = clean > 0.3 * clean.max((1, 2), keepdims=True)
        ratio = [(amplitude(a, 64, normalise)[k] ** 2)[lit[k]].sum() for k in range(8) for a in (noisy, clean)]
        shifts[normalise] = np.abs(np.array(ratio[::2]) / np.array(ratio[1::2]) - 1).mean()
    print(f"change of brightness by counting noise: {shifts['maximum']:.3f} maximum, {shifts['sum']:.3f} sum")
    assert shifts["sum"] < 0.02 < shifts["maximum"]


def test_negative_means_are_zero_after_binning() -> None:
    """Noise about zero averages out before it is clipped; what is negative after that is dark."""
    image = np.zeros((4, 4))
    image[:2, :2], image[:2, 2:], image[2:, :2] = [[5, -1], [-1, 5]], -3, [[1, -1], [1, -1]]
    assert np.allclose(amplitude(image, 2), [[1, 0], [0, 0]])


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8)), np.full((8, 8), 7.0), np.full((8, 8), np.nan), -np.eye(8), np.full((8, 8), np.inf)]
)
def test_nothing_to_see_is_never_a_number(bad: np.ndarray) -> None:
    """Empty, flat, NaN, infinite and negative images are flagged and NaN, or named when a number is demanded."""
    images = np.stack([np.eye(8), bad])
    prepared, content = amplitude_or_nan(images, 4)
    assert content.tolist() == [True, False] == readable(images).tolist()
    assert np.isfinite(prepared[0]).all() and np.isnan(prepared[1]).all()
    with pytest.raises(InputError, match=r"image 1 is empty.*1 of 2"):
        amplitude(images, 4)
    with pytest.raises(InputError, match="the image is empty"):
        amplitude(bad, 4)


def test_floor_tells_dark_current_from_an_image() -> None:
    """An image that nowhere rises above the floor counts as empty; one that does is untouched by it."""
    images = np.stack([np.eye(8), 3 * np.eye(8)])
    assert amplitude_or_nan(images, 8, floor=2.0)[1].tolist() == [False, True]
    assert np.array_equal(amplitude(images[1], 8, floor=2.0), amplitude(images[1], 8))


def test_counts_of_any_type_are_read() -> None:
    """Integers and booleans give what the same numbers as floats give, for one image or a stack of stacks."""
    counts = np.random.default_rng(0).integers(0, 60000, (2, 3, 16, 16)).astype(np.uint16)
    assert np.allclose(amplitude(counts, 8), amplitude(counts.astype(float), 8), atol=1e-6)
    assert amplitude(counts[0, 0], 8).shape == (8, 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.ones((2, 8, 9)), 4), "square"),
        ((np.eye(8), 9), "size_px = 9 is outside 1 to 8"),
        ((np.eye(8), 0), "outside"),
        ((np.eye(8), 4, "mean"), "normalise = 'mean'"),
        ((np.eye(8).astype(complex), 4), "real numbers"),
    ],
)
def test_nonsense_is_refused(arguments: tuple, words: str) -> None:
    """Images that are not square or too small, unknown normalisations and complex numbers are named."""
    with pytest.raises(InputError, match=words):
        amplitude(*arguments)


def test_reading_needs_no_torch() -> None:
    """The module loads NumPy only, so that a reader of images starts at once."""
    code = (
        "import sys, zoneaxis.patterns.amplitude; print([m for m in ('torch', 'scipy', 'xarray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
