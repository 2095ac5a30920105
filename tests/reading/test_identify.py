"""`identify` on files of simulated patterns: answers, evidence, pattern centres, strangers, faults."""

import functools
import json

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from tests.small_world import CENTRE, CRYSTALS, GROUPS, INPUT_PX, pictures, small_library, small_model
from zoneaxis.errors import InputError
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns import store
from zoneaxis.patterns.preprocess import circular_mask
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.reading import reader
from zoneaxis.reading.identify import identify, model_folder
from zoneaxis.reading.stated_centre import stated_centre

COUNT = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Model and library, as options of `identify`."""
    folder = tmp_path_factory.mktemp("world")
    return {"model": small_model(folder / "model"), "library": small_library(folder / "library")}


@pytest.fixture(scope="module")
def measured(world, tmp_path_factory):
    """Five pictures in a .npz with their pattern centre, the first of them as .png, and their space groups."""
    folder = tmp_path_factory.mktemp("measured")
    images, truth = pictures(world["library"], COUNT)
    centres = {f"pattern_centre_{axis}": np.full(COUNT, value) for axis, value in zip("xyz", CENTRE, strict=True)}
    store.save(pattern_set(images, centres, technique="ebsd", provenance="test"), folder / "five.npz")
    Image.fromarray(images[0]).save(folder / "first.png")
    return {"npz": folder / "five.npz", "png": folder / "first.png", "truth": truth}


@pytest.fixture(scope="module")
def readings(world, measured):
    """The five pictures read with all that there is."""
    return list(identify(measured["npz"], images=True, **world))


def test_matching_reads_what_an_untrained_network_cannot(readings, measured):
    """The space group of every clean pattern is first, although the network is blind."""
    assert [reading.answers[0].label for reading in readings] == measured["truth"]
    assert all(reading.answers[0].label in reading.prediction_set for reading in readings)


def test_fields_of_a_reading(readings, measured):
    """Index, names and evidence are all there, probabilities sum to one and fall."""
    for index, reading in enumerate(readings):
        assert (reading.file, reading.index) == (str(measured["npz"]), index)
        assert (reading.technique, reading.model) == ("ebsd", "small-world")
        chances = [answer.probability for answer in reading.answers]
        assert sum(chances) == pytest.approx(1.0, abs=1e-5)
        assert chances == sorted(chances, reverse=True)
        matching = reading.evidence["matching"]
        assert set(matching["crystals"]) == set(CRYSTALS)
        assert set(matching["groups"]) == set(GROUPS)
        assert matching["ncc"] == max(matching["crystals"].values()) > 0.5
        assert matching["pattern_centre"] == pytest.approx(CENTRE, abs=0.03)
        assert matching["best_crystal"] in reading.reason
        assert reading.evidence["agreement"] == (
            reading.evidence["network"]["answers"][0]["label"] == matching["best_group"]
        )


def test_json_form(readings):
    """Plain values with the keys of the format; pictures stay out."""
    told = json.loads(json.dumps(readings[0].to_json(), allow_nan=False))
    assert set(told) == {
        *("file", "index", "technique", "model", "unknown", "unknown_score"),
        *("answers", "prediction_set", "reason", "evidence"),
    }
    assert told["answers"][0]["label"] == readings[0].answers[0].label
    assert told["prediction_set"] == list(readings[0].prediction_set)


def test_pictures_behind_an_answer(readings):
    """Pattern, saliency and best-fitting simulation, of one size; the simulation looks like the pattern."""
    inside = circular_mask((INPUT_PX, INPUT_PX)).numpy()
    for reading in readings:
        assert set(reading.images) == {"pattern", "simulated", "saliency"}
        assert all(image.shape == (INPUT_PX, INPUT_PX) for image in reading.images.values())
        alike = np.corrcoef(reading.images["pattern"][inside], reading.images["simulated"][inside])[0, 1]
        assert alike > 0.7 * reading.evidence["matching"]["ncc"]


def test_network_alone(world, measured):
    """verify=False: no matching, no library, and the reason says so."""
    alone = list(identify(measured["npz"], model=world["model"], verify=False, images=True))
    assert len(alone) == COUNT
    assert all("matching" not in reading.evidence and "network alone" in reading.reason for reading in alone)
    assert set(alone[0].images) == {"pattern", "saliency"}


def test_several_files_in_their_order(world, measured):
    """A picture and a file of five, with a stated centre: six readings, and the picture reads like its twin."""
    found = list(identify([measured["png"], measured["npz"]], pattern_centre=CENTRE, **world))
    assert [reading.index for reading in found] == [0, *range(COUNT)]
    assert [reading.file for reading in found[:2]] == [str(measured["png"]), str(measured["npz"])]
    assert found[0].to_json() | {"file": ""} == found[1].to_json() | {"file": ""}


def test_unknown_pattern_centre_is_searched(world, measured, monkeypatch):
    """Nobody states it: the search starts from its grid and the answer is the same."""
    few = functools.partial(reader.find_pattern_centre, centres=((0.5, 0.24, 0.5), (0.5, 0.38, 0.72)))
    monkeypatch.setattr(reader, "find_pattern_centre", few)
    stages = []
    (found,) = identify(measured["png"], progress=lambda *told: stages.append(told), **world)
    assert found.answers[0].label == measured["truth"][0]
    assert found.evidence["matching"]["pattern_centre"] == pytest.approx(CENTRE, abs=0.05)
    assert ("pattern centre", 2, 2) in stages
    assert stages[-1] == ("matching", 1, 1)


def test_uniform_image_is_unknown(world, tmp_path):
    """A picture without any pattern is unknown by both roads, never an answer with confidence."""
    Image.fromarray(np.full((64, 64), 90, dtype=np.uint8)).save(tmp_path / "grey.png")
    for options in ({"pattern_centre": CENTRE, **world}, {"model": world["model"], "verify": False}):
        (found,) = identify(tmp_path / "grey.png", **options)
        assert found.unknown
        assert found.unknown_score > 1.0
        assert "uniform" in found.reason
        json.dumps(found.to_json(), allow_nan=False)


def test_noise_is_less_like_a_crystal_than_a_pattern(world, readings, tmp_path):
    """White noise is stranger than every pattern of the library."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (found,) = identify(tmp_path / "noise.png", pattern_centre=CENTRE, **world)
    assert found.unknown_score > max(reading.unknown_score for reading in readings)
    assert found.unknown


@pytest.mark.parametrize(("convention", "leave"), [("edax", "to_edax"), ("oxford", "to_oxford"), ("bruker", None)])
def test_centre_in_the_words_of_a_maker(convention, leave):
    """What a maker's program writes becomes Bruker's centre of the same screen."""
    patterns = xr.Dataset({"intensity": (("pattern", "row", "col"), np.zeros((1, 48, 64)))})
    detector = TiltedDetector((48, 64), CENTRE)
    given = CENTRE if leave is None else getattr(detector, leave)()
    assert stated_centre(patterns, given, convention) == pytest.approx(CENTRE)
    assert stated_centre(patterns, None, convention) is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pattern_centre": (1.4, 0.2, 0.5)}, "on the detector"),
        ({"pattern_centre": (0.4, 0.2)}, "three numbers"),
        ({"pattern_centre": (0.4, 0.2, -0.5)}, "pattern centre"),
        ({"pattern_centre": CENTRE, "detector_convention": "mine"}, "convention"),
        ({"library": "no-such-library"}, "no master pattern library"),
        ({"model": "no-such-model"}, "no-such-model"),
    ],
)
def test_faults_are_told_before_anything_is_read(world, measured, options, named):
    """Impossible centres, unknown conventions, missing models and libraries: one line each."""
    with pytest.raises(InputError, match=named) as caught:
        next(identify(measured["png"], **(world | options)))
    assert "\n" not in str(caught.value)


def test_library_without_a_known_group_is_refused(world, measured, tmp_path):
    """A library that lacks a group the model tells apart cannot confirm it."""
    for name in CRYSTALS[:2]:
        (tmp_path / f"{name}.safetensors").write_bytes((world["library"] / f"{name}.safetensors").read_bytes())
    with pytest.raises(InputError, match="229"):
        next(identify(measured["npz"], **(world | {"library": tmp_path})))


def test_no_file_is_no_question(world):
    """An empty list is refused; a model that does not exist is named with those that do."""
    with pytest.raises(InputError, match="no file"):
        next(identify([], **world))
    assert model_folder(world["model"]) == world["model"]
