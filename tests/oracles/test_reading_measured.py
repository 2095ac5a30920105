"""What `identify` makes of measured patterns, of noise, and of pictures that are no patterns; figures are printed."""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from zoneaxis.patterns.readers import kikuchipy_sample, read
from zoneaxis.patterns.schema import flatten, pattern_set
from zoneaxis.reading.identify import Reader, identify
from zoneaxis.reading.reading import Reading

SILICON_CENTRES = {
    "si_in": (0.511, 0.142, 0.498),
    "si_out5mm": (0.511, 0.142, 0.614),
    "si_out10mm": (0.511, 0.142, 0.730),
}
"""From three zone axes read by hand and the moving-screen rule, to about 0.01 (SOURCES.md of the data)."""
CENTRE = (0.5, 0.2, 0.55)


def summary(readings: Iterable[Reading], truth: str) -> dict[str, float]:
    """Shares of readings in which each witness, and both together, say the truth."""
    readings = list(readings)
    return {
        "in set": np.mean([truth in r.prediction_set for r in readings]),
        "mean set size": np.mean([len(r.prediction_set) for r in readings]),
        "first": np.mean([r.answers[0].label == truth for r in readings]),
        "network alone first": np.mean([r.evidence["network"]["answers"][0]["label"] == truth for r in readings]),
        "matching alone first": np.mean([r.evidence["matching"]["best_group"] == truth for r in readings]),
        "unknown": np.mean([r.unknown for r in readings]),
        "least margin": min(r.evidence["matching"]["margin"] for r in readings),
        "mean NCC": np.mean([r.evidence["matching"]["ncc"] for r in readings]),
    }


def told(figures: dict[str, float]) -> str:
    """Figures in one line."""
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())


def test_nine_measured_nickel_patterns() -> None:
    """225 is in all nine prediction sets, whose mean size is at most 2.5; the patterns come with kikuchipy."""
    readings = list(identify(kikuchipy_sample(), dataset="Scan 1"))
    figures = summary(readings, "225")
    print(f"nine measured Ni: {told(figures)}")
    assert len(readings) == 9
    assert figures["in set"] == 1.0
    assert figures["mean set size"] <= 2.5


def test_three_measured_silicon_patterns(shared: Path) -> None:
    """227 comes first on all three, with the pattern centre told."""
    readings = [
        next(identify(shared / "data" / "ebsd" / f"{name}.h5", pattern_centre=centre))
        for name, centre in SILICON_CENTRES.items()
    ]
    figures = summary(readings, "227")
    print(f"three measured Si, pattern centre told: {told(figures)}")
    assert figures["first"] == 1.0


@pytest.mark.slow
def test_silicon_without_a_pattern_centre(shared: Path) -> None:
    """The same when nobody tells the pattern centre, and the centre found is the one read by hand, to 0.03."""
    readings = [next(identify(shared / "data" / "ebsd" / f"{name}.h5")) for name in SILICON_CENTRES]
    print(f"three measured Si, pattern centre searched: {told(summary(readings, '227'))}")
    for reading, centre in zip(readings, SILICON_CENTRES.values(), strict=True):
        found = reading.evidence["matching"]["pattern_centre"]
        assert reading.answers[0].label == "227"
        assert np.abs(np.subtract(found, centre)).max() < 0.03


def unknown_rate(images: np.ndarray) -> float:
    """Share of images called unknown, network and matching together."""
    patterns = pattern_set(images.astype(np.float32), technique="ebsd", provenance="made by a test")
    return float(np.mean([reading.unknown for reading in Reader.open(None).read("null", patterns, CENTRE)]))


def noise(count: int, exponent: float, seed: int) -> np.ndarray:
    """Noise with an amplitude spectrum f^-exponent, 96 px."""
    generator = torch.Generator().manual_seed(seed)
    frequency = torch.fft.fftfreq(96)
    radius = (frequency[:, None] ** 2 + frequency[None, :] ** 2).sqrt()
    radius[0, 0] = radius[0, 1]
    spectrum = torch.fft.fft2(torch.randn(count, 96, 96, generator=generator)) * radius**-exponent
    return torch.fft.ifft2(spectrum).real.numpy()


def photographs(count: int, seed: int) -> np.ndarray:
    """Patches of two photographs that scikit-learn brings, grey."""
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(seed)
    patches = []
    for number in range(count):
        picture = load_sample_images().images[number % 2].mean(-1)
        row, col = (random.integers(0, size - 192) for size in picture.shape)
        patches.append(picture[row : row + 192, col : col + 192])
    return np.stack(patches)


@pytest.mark.parametrize(
    ("name", "images", "least"),
    [
        ("white noise", lambda: noise(40, 0.0, 1), 0.95),
        ("coloured noise", lambda: np.concatenate([noise(14, beta, 2) for beta in (0.5, 1.0, 1.5)]), 0.70),
        ("photographs", lambda: photographs(24, 3), 0.95),
        ("uniform images", lambda: np.full((2, 64, 64), 7.0), 1.0),
    ],
)
def test_what_is_no_pattern_is_unknown(name: str, images, least: float) -> None:
    """Noise, photographs and uniform images come out as unknown."""
    rate = unknown_rate(images())
    print(f"{name}: unknown {rate:.3f} (must {least:.2f})")
    assert rate >= least


def test_time_per_pattern() -> None:
    """With a known pattern centre, 18 candidates, one core: matching takes at most a second a pattern."""
    reader = Reader.open(None)
    patterns = flatten(read(kikuchipy_sample(), "Scan 1"))
    many = patterns.isel(pattern=np.arange(36) % patterns.sizes["pattern"])
    reader.read("warm", patterns, CENTRE)
    start = time.process_time()
    reader.read("timed", many, CENTRE)
    each = (time.process_time() - start) / 36
    print(f"identify, known pattern centre, 18 candidates, dictionary built: {each:.3f} s a pattern on one core")
    assert each <= 1.0
