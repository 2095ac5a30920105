"""The value reader: numbers with honest uncertainties, and `unknown` for what its simulator cannot explain."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.small_grid import AXES, KINDS, NAMES, SIZE_PX, counted, intensity, places, small_model
from zoneaxis.errors import InputError
from zoneaxis.reading.value_calibration import fit_judge
from zoneaxis.reading.value_reader import ValueReader

COUNT = 60


def larger(images: np.ndarray, factor: int = 4) -> np.ndarray:
    """The same images with more pixels."""
    return images.repeat(factor, 1).repeat(factor, 2)


def wrong_physics(at: np.ndarray) -> np.ndarray:
    """What the small world would look like if brightness were no simple square."""
    return (intensity("buckled", at) ** 1.15).astype(np.float32)


@pytest.fixture(scope="module")
def reader():
    """With a judge fitted on clean and noisy images and on those of another physics."""
    plain = ValueReader(small_model())
    at = places(240, seed=5)
    noisy = counted(intensity("buckled", at[80:160]), 1e4, seed=1)
    images = np.concatenate([intensity("buckled", at[:80]), noisy, wrong_physics(at[160:])])
    part = np.arange(240) // 80
    judge = fit_judge(plain, images, at, clean=part == 0, wrong=part == 2)
    return ValueReader(replace(plain.model, judge=judge))


def read(reader: ValueReader, patterns: np.ndarray, **options):
    return reader.read(["a.png"] * len(patterns), range(len(patterns)), patterns, **options)


def table(readings) -> tuple[np.ndarray, np.ndarray]:
    values = [[reading.values[name].value for name in NAMES] for reading in readings]
    return np.array(values), np.array([[reading.values[name].uncertainty for name in NAMES] for reading in readings])


@pytest.mark.parametrize("refine", [True, False])
def test_deviations_cover_the_errors(reader, refine):
    """Of images with 1e4 electrons nearly all errors lie within two stated deviations, and few are unknown."""
    at = places(COUNT)
    readings = read(reader, larger(counted(intensity("buckled", at), 1e4)), refine=refine)
    values, sigma = table(readings)
    within = (np.abs(values - at) < 2 * sigma).mean(0)
    unknown = np.mean([reading.unknown for reading in readings])
    print(
        f"refine {refine}: mean errors {np.abs(values - at).mean(0).round(4)}, within 2 sd {within}, unknown {unknown}"
    )
    assert (within > 0.85).all()
    assert unknown < 0.15


def test_refinement_is_better_than_the_guess(reader):
    """Errors after refinement are a small part of the guess's."""
    at = places(COUNT)
    images = counted(intensity("symmetric", at), 1e5)
    refined, guessed = (np.abs(table(read(reader, images, refine=refine))[0] - at).mean(0) for refine in (True, False))
    assert (refined < 0.3 * guessed).all()


def test_kind_comes_as_answer(reader):
    """The likelier kind is first, probabilities sum to one, and the set holds it; without refinement nobody says."""
    for kind in KINDS:
        for reading in read(reader, counted(intensity(kind, places(10)), 1e5)):
            assert reading.answers[0].label == kind
            assert sum(answer.probability for answer in reading.answers) == pytest.approx(1.0)
            assert reading.prediction_set == (kind,)
    assert read(reader, intensity(KINDS[0], places(1)), refine=False)[0].answers == ()


def test_json_form(reader):
    """Values with unit and uncertainty, evidence of both witnesses, everything finite plain JSON."""
    for refine in (True, False):
        (reading,) = read(reader, intensity("buckled", places(1)), refine=refine)
        told = json.loads(json.dumps(reading.to_json(), allow_nan=False))
        assert set(told["values"]) == set(NAMES)
        assert set(told["values"]["beam_energy_ev"]) == {"value", "unit", "uncertainty"}
        assert told["values"]["beam_energy_ev"]["unit"] == "eV"
        assert told["technique"] == "cbleed"
        assert set(told["evidence"]) == ({"network", "likelihood"} if refine else {"network"})
        assert (told["unknown"], reading.unknown_score < 1.0) == (False, True)


def strangers() -> dict[str, np.ndarray]:
    """Images that are none of the small world."""
    draw = np.random.default_rng(0)
    rows, cols = np.mgrid[:128, :128] / 128 - 0.5
    bands = sum(
        np.exp(-(((np.cos(a) * rows + np.sin(a) * cols) - b) ** 2) / 0.002) for a, b in draw.normal(size=(9, 2))
    )
    beyond = places(1)
    beyond[:, 0] = AXES[0][-1] + 4.0
    shifted = np.roll(intensity("buckled", places(1))[0], 5, axis=1)
    return {
        "bands": 100 + 60 * bands,
        "noise": draw.poisson(20.0, (128, 128)).astype(float),
        "spots": 200 * (draw.random((128, 128)) > 0.995).astype(float) + 1.0,
        "shifted": larger(shifted[None])[0],
        "energy": larger(intensity("buckled", beyond))[0],
    }


@pytest.mark.parametrize("name", list(strangers()))
def test_strangers_are_unknown(reader, name):
    """Kikuchi bands, noise, spots, shifted discs and an energy beyond the grid are unknown, with a reason."""
    image = strangers()[name][None].astype(np.float32)
    (reading,) = read(reader, image)
    print(f"{name}: {reading.unknown_score:.1f}, {reading.reason}")
    assert reading.unknown
    assert "known patterns stay below" in reading.reason


def test_another_physics_is_covered_or_unknown(reader):
    """Images of a simulator that differs from the emulated one: three deviations hold the truth, or it says unknown."""
    at = places(COUNT, seed=9)
    readings = read(reader, wrong_physics(at))
    values, sigma = table(readings)
    unknown = np.array([reading.unknown for reading in readings])
    honest = unknown | (np.abs(values - at) < 3 * sigma).all(1)
    print(f"another physics: {unknown.mean():.2f} unknown, {honest.mean():.2f} honest")
    assert honest.mean() > 0.9


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_images_without_a_pattern(reader, level):
    """A uniform image is unknown and has no values, among others that are read as ever."""
    images = intensity("buckled", places(3))
    images[1] = level
    blank, other = read(reader, images)[1], read(reader, images[:1])[0]
    assert blank.unknown and blank.values == {} and "uniform" in blank.reason
    assert json.loads(json.dumps(blank.to_json(), allow_nan=False))["values"] == {}
    assert read(reader, images)[0].values == other.values


def test_pictures_behind_an_answer(reader):
    """Measured, emulated or redrawn, and their difference, of one size and scale."""
    image = intensity("buckled", places(1))
    for refine, best in ((True, "emulated"), (False, "reconstruction")):
        pictures = read(reader, image, refine=refine, images=True)[0].images
        assert set(pictures) == {"pattern", best, "residual"}
        assert all(picture.shape == (SIZE_PX, SIZE_PX) for picture in pictures.values())
        assert pictures["pattern"] - pictures[best] == pytest.approx(pictures["residual"], abs=1e-6)
    emulated = read(reader, image, images=True)[0].images
    assert np.abs(emulated["residual"]).max() < 0.02 * emulated["pattern"].max()


def test_images_of_another_shape(reader):
    """Oblong and small images are refused with what the model reads; a model without emulator does not refine."""
    with pytest.raises(InputError, match="a.png: images of 32 x 40 px"):
        reader.check(np.ones((1, 32, 40)), "a.png")
    with pytest.raises(InputError, match="at least 32"):
        reader.check(np.ones((1, 16, 16)), "a.png")
    with pytest.raises(InputError, match="--no-refine"):
        read(ValueReader(replace(reader.model, emulator=None)), intensity("buckled", places(1)))


def test_time_per_pattern(reader):
    """One image in memory becomes numbers within the time that a live view has."""
    image = larger(intensity("buckled", places(1)))
    for refine in (False, True):
        taken = []
        for _ in range(30):
            begin = time.process_time()
            read(reader, image, refine=refine)
            taken.append(time.process_time() - begin)
        print(f"refine {refine}: {1e3 * min(taken):.1f} ms")
        assert min(taken) < 0.02
