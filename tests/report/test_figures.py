"""The picture shows what readings hold: one column each, one row for each kind of image."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoneaxis.reading.reading import Answer, Reading, Value
from zoneaxis.report.figures import MOST_COLUMNS, SIGNATURE, picture

DISC = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
IMAGES = {"pattern": DISC, "simulated": -DISC, "saliency": np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)}


def reading(index: int = 0, **changes: Any) -> Reading:
    values: dict[str, Any] = {
        "file": "a.png",
        "index": index,
        "technique": "ebsd",
        "model": "m",
        "unknown": False,
        "unknown_score": 0.1,
        "answers": (Answer("225", 0.75),),
        "prediction_set": ("225",),
        "reason": "because",
        "evidence": {"matching": {"best_crystal": "Ni", "ncc": 0.5}},
        "images": IMAGES,
    }
    return Reading(**(values | changes))


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def without(*names: str) -> dict[str, np.ndarray]:
    return {name: image for name, image in IMAGES.items() if name not in names}


def test_columns_are_readings_and_rows_are_kinds():
    """Width grows by a column per reading, height by a row per kind of image that there is."""
    one, three = opened(picture([reading()])), opened(picture([reading(i) for i in range(3)]))
    assert three.width - one.width == pytest.approx(2 * 180, abs=2)
    assert three.height == one.height
    plain = opened(picture([reading(images=without("simulated"), evidence={})]))
    assert one.height - plain.height == pytest.approx(172, abs=2)


def test_more_readings_than_columns():
    """A large scan is shown by its first readings."""
    many = opened(picture([reading(i) for i in range(MOST_COLUMNS + 5)]))
    assert many.width == opened(picture([reading(i) for i in range(MOST_COLUMNS)])).width


def test_evidence_is_in_colour_and_patterns_are_grey():
    """Only the row of evidence has colour; without saliency the whole picture is grey."""

    def colour(content: bytes) -> np.ndarray:
        pixels = np.asarray(opened(content).convert("RGB"), dtype=int)
        return np.ptp(pixels, axis=-1).max(axis=1)

    coloured = np.flatnonzero(colour(picture([reading()])) > 30)
    assert coloured.min() > opened(picture([reading()])).height / 2
    assert colour(picture([reading(images=without("saliency"))])).max() == 0


def test_odd_readings_are_shown():
    """Unknown readings, readings without answer and without images give a picture too; so does no reading."""
    odd = [reading(unknown=True), reading(answers=()), reading(images={}), reading(images=without("pattern"))]
    assert opened(picture(odd)).width > 600
    assert opened(picture([])).width > 0


def test_same_readings_same_bytes_and_signed():
    """The picture is reproducible and says who made it."""
    content = picture([reading()])
    assert content == picture([reading()])
    assert opened(content).info["Software"] == SIGNATURE
    assert SIGNATURE.encode() in content[:4096]


def regressed(**changes: Any) -> Reading:
    amplitude = np.abs(DISC)
    images = {"pattern": amplitude, "emulated": amplitude * 0.9, "residual": amplitude * 0.1}
    values = {name: Value(1.0, "eV", 0.1) for name in ("a", "b", "c")}
    return reading(values=values, images=images, evidence={}, answers=(Answer("buckled", 1.0),), **changes)


def test_values_are_shown_with_what_is_left_over():
    """Three rows, the last coloured by the sign of what is left; lines of values below make the picture taller."""
    content = picture([regressed()])
    pixels = np.asarray(opened(content).convert("RGB"), dtype=int)
    reds = np.flatnonzero((pixels[..., 0] - pixels[..., 2]).max(axis=1) > 30)
    assert reds.min() > 0.5 * len(pixels)
    assert (pixels[..., 2] - pixels[..., 0]).max() < 30
    assert opened(content).height > opened(picture([reading()])).height
    assert picture([regressed()]) == content


def test_reading_without_values_has_no_picture():
    """An image that held nothing stands as an empty column beside others."""
    assert opened(picture([regressed(), reading(values={}, images={}, unknown=True, answers=())])).width > 0
