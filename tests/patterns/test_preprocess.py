"""Preprocessing: corrections, masks and measures on patterns whose right answer is known."""

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.patterns.preprocess import (
    circular_mask,
    image_quality,
    ncc,
    prepare,
    remove_dynamic,
    remove_static,
    resize,
    square,
    standardise,
)


@pytest.fixture
def stripes() -> torch.Tensor:
    """Fine oblique stripes, mean 0, (3, 64, 64), of three periods."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.stack([torch.sin(2 * torch.pi * (x + 0.5 * y) / period) for period in (5, 6, 7)])


@pytest.mark.parametrize(("operation", "left"), [("subtract", 0.0), ("divide", 1.0)])
def test_pattern_equal_to_background_leaves_nothing(operation: str, left: float) -> None:
    """Limit: a pattern that is the background becomes 0 or 1; a constant one does so under dynamic removal."""
    background = torch.rand(20, 30) + 1
    assert torch.allclose(remove_static(background[None], background, operation), torch.full((1, 20, 30), left))
    assert torch.allclose(
        remove_dynamic(torch.full((2, 40, 40), 7.0), operation), torch.full((2, 40, 40), left), atol=1e-5
    )


def test_dynamic_removal_takes_the_slow_and_leaves_the_fine(stripes: torch.Tensor) -> None:
    """A wide Gaussian hill goes, stripes finer than the blur stay."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    hill = 4 * torch.exp(-(x**2 + y**2))
    assert ncc(stripes + hill, stripes).max() < 0.75
    assert ncc(remove_dynamic(stripes + hill), stripes).min() > 0.9


def test_dynamic_removal_is_the_frequency_domain_convolution() -> None:
    """Two roads: the separable matrices equal the Fourier product of the edge-extended pattern."""
    pattern = torch.rand(48, 40, generator=torch.Generator().manual_seed(0))
    sigma, reach = 5.0, 10
    padded = np.pad(pattern.numpy(), reach, mode="edge")
    axis = np.arange(-reach, reach + 1)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * sigma**2))
    shape = [a + b - 1 for a, b in zip(padded.shape, window.shape, strict=True)]
    blurred = np.fft.irfft2(np.fft.rfft2(padded, shape) * np.fft.rfft2(window / window.sum(), shape), shape)
    expected = pattern.numpy() - blurred[2 * reach : 2 * reach + 48, 2 * reach : 2 * reach + 40]
    assert np.allclose(remove_dynamic(pattern[None], sigma=sigma)[0], expected, atol=1e-5)


def test_mask_keeps_the_outside_out(stripes: torch.Tensor) -> None:
    """Invariant: with the mask, what stands outside the screen changes nothing inside."""
    mask = circular_mask((64, 64))
    dark, bright = (torch.where(mask, stripes, torch.full_like(stripes, rim)) for rim in (-50.0, 300.0))
    inside = [remove_dynamic(patterns, mask=mask)[:, mask] for patterns in (dark, bright)]
    assert torch.allclose(*inside, atol=1e-4)
    assert not torch.allclose(remove_dynamic(dark)[:, mask], remove_dynamic(bright)[:, mask], atol=1)


@pytest.mark.parametrize("value", [0.0, 13.0, 255.0, 1e6])
@pytest.mark.parametrize("shape", [(64, 64), (60, 80), (90, 41)])
def test_constant_patterns_become_zeros(value: float, shape: tuple[int, int]) -> None:
    """A uniform image has no contrast: zeros everywhere, no NaN, and correlation 0 with anything."""
    flat = torch.full((2, *shape), value)
    assert torch.equal(prepare(flat, 48), torch.zeros(2, 48, 48))
    assert torch.equal(standardise(flat), torch.zeros_like(flat))
    assert torch.equal(ncc(flat, torch.rand(2, *shape)), torch.zeros(2))
    assert torch.equal(image_quality(flat), torch.zeros(2))


def test_prepare_gives_mean_0_and_spread_1_inside_the_disc(stripes: torch.Tensor) -> None:
    """Inside the mask mean 0 and standard deviation 1, outside exactly 0; integers are welcome."""
    prepared = prepare((100 * stripes + 120).to(torch.uint8), 48)
    mask = circular_mask((48, 48))
    assert prepared.dtype == torch.float32
    assert prepared[:, mask].mean(-1).abs().max() < 1e-5
    assert (prepared[:, mask].std(-1, correction=0) - 1).abs().max() < 1e-5
    assert (prepared[:, ~mask] == 0).all()


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (3.0, -40.0), (200.0, 5000.0)])
def test_prepare_ignores_gain_and_offset(stripes: torch.Tensor, gain: float, offset: float) -> None:
    """Invariant: camera gain and offset change nothing."""
    assert torch.allclose(prepare(stripes, 48), prepare(gain * stripes + offset, 48), atol=2e-3)


def test_square_crops_the_long_side_in_the_middle() -> None:
    """A 40 x 80 pattern at 40 px is its central 40 columns; sizes that do not divide come out right too."""
    pattern = torch.arange(80.0).expand(1, 40, 80)
    assert torch.equal(square(pattern, 40), pattern[..., 20:60])
    assert square(torch.rand(2, 479, 640), 97).shape == (2, 97, 97)
    assert square(torch.rand(641, 480), 96).shape == (96, 96)


def test_resize_does_not_alias() -> None:
    """A chessboard of single pixels shrinks to grey, not to a coarse pattern."""
    board = (torch.arange(96)[:, None] + torch.arange(96)).remainder(2).float()[None]
    assert resize(board, (36, 36)).std() < 0.1


def test_image_quality_limits(stripes: torch.Tensor) -> None:
    """Limits: white noise gives 0, smooth images near 1, blurring raises it."""
    noise = torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(1))
    smooth = torch.exp(-((torch.arange(64.0)[:, None] - 30) ** 2 + (torch.arange(64.0) - 35) ** 2) / 400)[None]
    assert image_quality(noise).abs().max() < 0.02
    assert image_quality(smooth).min() > 0.8
    assert image_quality(stripes + noise[:3]).min() > image_quality(noise).max()


def test_image_quality_of_measured_nickel(shared) -> None:  # type: ignore[no-untyped-def]
    """The nine measured Ni patterns have Q = 0.168 to 0.205 within 0.01, an earlier independent evaluation."""
    from zoneaxis.patterns.readers import read

    found = read(shared / "data" / "ebsd" / "patterns.h5", "Scan 1")
    patterns = torch.from_numpy(found["intensity"].values).float()
    background = torch.from_numpy(found["static_background"].values).float()
    quality = image_quality(remove_dynamic(remove_static(patterns, background)))
    print(f"image quality {quality.min():.3f} to {quality.max():.3f} (earlier: 0.168 to 0.205)")
    assert abs(quality.min() - 0.168) < 0.01
    assert abs(quality.max() - 0.205) < 0.01


def test_ncc_known_values(stripes: torch.Tensor) -> None:
    """1 with itself whatever the gain, -1 with its negative, near 0 with other stripes; the mask is obeyed."""
    assert torch.allclose(ncc(stripes, 3 * stripes + 2), torch.ones(3), atol=1e-5)
    assert torch.allclose(ncc(stripes, -stripes), -torch.ones(3), atol=1e-5)
    assert ncc(stripes[0], stripes[1]).abs() < 0.1
    mask = circular_mask((64, 64))
    spoiled = torch.where(mask, stripes, torch.full_like(stripes, 99.0))
    assert torch.allclose(ncc(stripes, spoiled, mask), torch.ones(3), atol=1e-5)


def test_kernels_are_differentiable(stripes: torch.Tensor) -> None:
    """Gradients through the whole chain are finite, so patterns can be fitted after correction."""
    patterns = stripes.clone().requires_grad_()
    ncc(prepare(patterns, 48), prepare(stripes, 48).roll(1, -1)).sum().backward()
    assert patterns.grad is not None and patterns.grad.isfinite().all() and patterns.grad.abs().max() > 0


def test_wrong_arguments_are_named(stripes: torch.Tensor) -> None:
    """Another operation and a background of another shape are refused with the fact and the remedy."""
    with pytest.raises(InputError, match="'multiply' is not one of subtract, divide"):
        remove_dynamic(stripes, "multiply")
    with pytest.raises(InputError, match=r"\(60, 60\).*\(64, 64\)"):
        remove_static(stripes, torch.rand(60, 60))
