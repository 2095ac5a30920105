"""`zoneaxis identify` shows what `identify` found: as a table, as JSON lines, as a picture and a page."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from tests.small_grid import counted, intensity, places, save_model
from zoneaxis.errors import InputError

KEYS = {
    "file",
    "index",
    "technique",
    "model",
    "unknown",
    "unknown_score",
    "answers",
    "prediction_set",
    "reason",
    "evidence",
}


def test_json_is_one_object_a_line_and_nothing_else(zoneaxis, fake_identify, patterns_file):
    """Every line of stdout is a JSON object with the keys of the format; stderr may say more."""
    ended = zoneaxis("identify", patterns_file, "--json")
    objects = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert [(entry["file"], entry["index"]) for entry in objects] == [(str(patterns_file), 0), (str(patterns_file), 1)]
    assert all(set(entry) == KEYS for entry in objects)
    assert objects[0]["answers"][0] == {"label": "225", "probability": 0.75}


def test_options_reach_the_twin(zoneaxis, fake_identify, patterns_file):
    """Each option arrives at the Python function under its own name."""
    words = (
        "--model",
        "m",
        "--no-verify",
        "--dataset",
        "Scan 1",
        "--pattern-centre",
        "0.4,0.2,0.5",
        "--convention",
        "edax",
    )
    assert zoneaxis("identify", patterns_file, patterns_file, *words).code == 0
    called = dict(fake_identify.called)
    assert callable(called.pop("progress"))
    assert called == {
        "paths": [str(patterns_file)] * 2,
        "technique": None,
        "model": "m",
        "verify": False,
        "refine": None,
        "dataset": "Scan 1",
        "pattern_centre": (0.4, 0.2, 0.5),
        "detector_convention": "edax",
        "images": False,
        "per_angstrom_per_px": None,
        "each_alone": False,
    }


@pytest.mark.parametrize(("words", "refine"), [(["--refine"], True), (["--no-refine"], False)])
def test_technique_and_refinement_reach_the_twin(zoneaxis, fake_identify, patterns_file, words, refine):
    """`--technique` and both words for refinement arrive as they are meant."""
    assert zoneaxis("identify", patterns_file, "--technique", "cbleed", *words).code == 0
    assert (fake_identify.called["technique"], fake_identify.called["refine"]) == ("cbleed", refine)


def test_values_as_table_json_report_and_picture(zoneaxis, tmp_path):
    """A regressor's readings: columns with uncertainties, JSON with `values`, a page and a picture, end to end."""
    image = counted(intensity("buckled", places(1)), 1e5)[0].astype(np.uint16)
    Image.fromarray(image).save(tmp_path / "a.png")
    words = ("identify", tmp_path / "a.png", "--model", save_model(tmp_path / "model"))
    shown = zoneaxis(*words, "--report", tmp_path / "r.html", "--picture", tmp_path / "p.png")
    assert shown.code == 0, shown.err
    for word in ("beam", "dimer", "±", "eV", "Å", "buckled", "chi2", "misfit"):
        assert word in shown.out
    assert "beam energy" in (tmp_path / "r.html").read_text()
    (told,) = [json.loads(line) for line in zoneaxis(*words, "--json").out.splitlines()]
    assert told["values"]["beam_energy_ev"]["value"] == pytest.approx(places(1)[0, 0], abs=0.5)
    assert set(told) == KEYS | {"values"}


def test_table_says_answer_set_and_reason(zoneaxis, fake_identify, patterns_file):
    """The table holds answer, probability, set, both witnesses, and below it every reason."""
    shown = zoneaxis("identify", patterns_file).out
    for word in ("225", "0.75", "225 227", "Ni 225", "0.50", "Network and matching agree on 225."):
        assert word in shown
    assert "1: No crystal explains it." in shown


def test_report_and_picture(zoneaxis, fake_identify, patterns_file, tmp_path):
    """Both are written whole, each named on stderr; the page holds the picture."""
    report, picture = tmp_path / "r.html", tmp_path / "p.png"
    ended = zoneaxis("identify", patterns_file, "--json", "--report", report, "--picture", picture)
    assert ended.code == 0
    assert str(report) in ended.err
    assert str(picture) in ended.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "data:image/png;base64," in report.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "r.html", "two.tif"]


def test_existing_report_is_refused_before_reading(zoneaxis, fake_identify, patterns_file, tmp_path):
    """Nothing is read when the report could not be written; --force lets it."""
    report = tmp_path / "r.html"
    report.write_text("mine")
    assert zoneaxis("identify", patterns_file, "--report", report).code == 2
    assert report.read_text() == "mine"
    assert fake_identify.called is None
    assert zoneaxis("identify", patterns_file, "--report", report, "--force").code == 0
    assert "225" in report.read_text()


def test_nothing_is_written_when_reading_fails(zoneaxis, monkeypatch, patterns_file, tmp_path):
    """A fault in the second file leaves no half report behind."""

    def fail(paths, **_):
        raise InputError(f"{paths[0]}: spoilt")
        yield

    monkeypatch.setattr(importlib.import_module("zoneaxis.reading.identify"), "identify", fail)
    ended = zoneaxis("identify", patterns_file, "--report", tmp_path / "r.html", "--picture", tmp_path / "p.png")
    assert (ended.code, ended.err) == (2, f"zoneaxis: {patterns_file}: spoilt\n")
    assert [path.name for path in tmp_path.iterdir()] == ["two.tif"]
