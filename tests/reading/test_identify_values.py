"""`identify` hands patterns to the reader that the model's card asks for, and answers with values."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.small_grid import KINDS, NAMES, counted, intensity, places, save_model
from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.reading.identify import identify
from zoneaxis.reading.model import DEFAULTS, model_folder
from zoneaxis.reading.value_model import open_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The small model in a folder."""
    return save_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Five noisy patterns as one set and the first as a picture."""
    folder = tmp_path_factory.mktemp("measured")
    counts = counted(intensity("buckled", places(5)), 3e5).repeat(2, 1).repeat(2, 2)
    store.save(pattern_set(counts, technique="cbleed", provenance="test"), folder / "five.npz")
    Image.fromarray(counts[0].astype(np.uint16)).save(folder / "first.png")
    return folder


def test_values_of_every_pattern(model, measured):
    """A set of five and a picture give six readings, near the truth, the picture like its twin."""
    seen = []
    found = list(
        identify([measured / "first.png", measured / "five.npz"], model=model, progress=lambda *told: seen.append(told))
    )
    assert [reading.index for reading in found] == [0, 0, 1, 2, 3, 4]
    values = np.array([[reading.values[name].value for name in NAMES] for reading in found])
    assert np.abs(values[1:] - places(5)).max(0) == pytest.approx([0, 0, 0], abs=0.1)
    assert found[0].values == found[1].values
    assert {reading.answers[0].label for reading in found} == {KINDS[0]}
    assert seen[-1] == ("reading", 5, 5)


@pytest.mark.parametrize("option", [{"refine": False}, {"verify": False}])
def test_network_alone(model, measured, option):
    """Both words for it leave out the likelihood."""
    (found,) = identify(measured / "first.png", technique="cbleed", model=model, **option)
    assert set(found.evidence) == {"network"}
    assert "network alone" in found.reason


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"technique": "ebsd"}, "it reads cbleed, not ebsd"),
        ({"technique": "tea"}, "technique 'tea'"),
        ({"pattern_centre": (0.5, 0.5, 0.5)}, "pattern_centre: for EBSD"),
        ({"library": "masters"}, "library: for EBSD"),
    ],
)
def test_words_of_the_other_technique(model, measured, options, named):
    """Options that mean nothing for values are refused, not ignored."""
    with pytest.raises(InputError, match=named):
        next(identify(measured / "first.png", **({"model": model} | options)))


def test_refining_is_no_word_for_space_groups(measured):
    """A classifier is confirmed by matching; `refine` is refused."""
    with pytest.raises(InputError, match="refine: for values"):
        next(identify(measured / "first.png", refine=True))


def test_all_files_are_looked_at_first(model, measured, tmp_path):
    """A pattern set of another technique or an oblong image among the files stops before the first reading."""
    store.save(pattern_set(np.eye(64)[None], technique="ebsd", provenance="test"), tmp_path / "ebsd.npz")
    np.save(tmp_path / "oblong.npy", np.ones((40, 64)))
    for name, words in (("ebsd.npz", "patterns of ebsd"), ("oblong.npy", "40 x 64")):
        with pytest.raises(InputError, match=words):
            next(identify([measured / "first.png", tmp_path / name], model=model))


def test_default_model_of_each_technique():
    """Every technique that can be read names a model; the one of EBSD is shipped."""
    assert set(DEFAULTS) == {"ebsd", "cbleed", "sadp"}
    assert model_folder(None).name == model_folder(None, "ebsd").name == DEFAULTS["ebsd"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("preparation", {"function": "zoneaxis.patterns.preprocess.prepare"}, "preparation"),
        ("judgement", {"thresholds": {"misfit": -1.0}}, "misfit = -1"),
        ("files", {}, "model.onnx"),
        ("format", "zoneaxis-regressor/9", "zoneaxis-regressor/9"),
        ("values", {"beam_energy_ev": {"unit": "eV", "low": 3.0, "high": 1.0}}, "low < high"),
        ("values", {"beam_energy_ev": {"unit": "eV", "low": 1.0, "high": 3.0}}, "its emulator tells"),
    ],
)
def test_cards_that_do_not_fit(model, tmp_path, field, value, named):
    """A card of another preparation, version, range or judgement is refused in one line."""
    import shutil

    copy = shutil.copytree(model, tmp_path / "copy")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {field: value}))
    with pytest.raises(InputError, match=named) as caught:
        open_model(copy)
    assert "\n" not in str(caught.value)


def test_no_torch_for_a_picture(model, measured):
    """Identifying a plain picture by a regressor imports no torch."""
    code = (
        "import sys; from zoneaxis.reading.identify import identify\n"
        f"(one,) = identify({str(measured / 'first.png')!r}, model={str(model)!r})\n"
        "print(one.unknown, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False False\n", done.stderr
