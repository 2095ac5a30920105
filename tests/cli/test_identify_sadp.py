"""`zoneaxis identify --technique sadp`: pictures of one crystal in, group and lattice parameter out."""

import json

import numpy as np
import pytest
from PIL import Image

import zoneaxis as program
from tests.small_spots import save_model
from tests.techniques.sadp.net_pictures import picture
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import pattern_set

STEP = 0.0125
ZONES = ((0, 0, 1), (0, 1, 1), (0, 1, 3))


@pytest.fixture(scope="module")
def images():
    """Three zones of aluminium (3, 256, 256)."""
    made = [picture("Al", zone, angle_deg=12 + 31 * n, electrons=3e6, stop_px=0.0) for n, zone in enumerate(ZONES)]
    return np.stack([one[0] for one in made]).astype(np.float32)


@pytest.fixture
def file(images, tmp_path):
    """A pattern set that states technique and scale."""
    patterns = pattern_set(images, technique="sadp", provenance="made up", per_angstrom_per_px=STEP)
    return store.save(patterns, tmp_path / "al.npz")


def test_json_lines(zoneaxis, file):
    """One object a pattern with the keys of the format; a file that states its technique needs no option."""
    ended = zoneaxis("identify", file, "--json")
    assert ended.code == 0, ended.err
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [(one["file"], one["index"]) for one in told] == [(str(file), n) for n in range(3)]
    for one in told:
        assert one["technique"] == "sadp" and not one["unknown"] and one["unknown_score"] < 1
        assert one["answers"][0]["label"] == "225" and one["prediction_set"] == ["225"]
        assert one["values"]["lattice_parameter_angstrom"]["value"] == pytest.approx(4.05, abs=0.02)
        assert "216" in one["reason"]


def test_table_report_and_picture(zoneaxis, file, tmp_path):
    """The table holds answer and values, and report and picture are written."""
    shown = zoneaxis("identify", file, "--report", tmp_path / "r.html", "--picture", tmp_path / "p.png")
    assert shown.code == 0, shown.err
    for word in ("225", "lattice parameter", "Å", "±"):
        assert word in shown.out
    assert "lattice parameter" in (tmp_path / "r.html").read_text()


def test_plain_image_with_and_without_scale(zoneaxis, images, tmp_path):
    """An 8-bit PNG is read by shape alone, and with `--per-angstrom-per-px` gives a lattice parameter."""
    shown = np.sqrt(np.clip(images[2] / images[2].max(), 0, 1))
    Image.fromarray((255 * np.clip(1.5 * shown, 0, 1)).astype(np.uint8)).save(tmp_path / "a.png")
    words = ("identify", tmp_path / "a.png", "--technique", "sadp", "--json")
    (shape,) = [json.loads(line) for line in zoneaxis(*words).out.splitlines()]
    (scaled,) = [json.loads(line) for line in zoneaxis(*words, "--per-angstrom-per-px", STEP).out.splitlines()]
    assert "lattice_parameter_angstrom" not in shape["values"]
    assert scaled["values"]["lattice_parameter_angstrom"]["value"] == pytest.approx(4.05, abs=0.03)
    assert scaled["answers"][0]["label"] == "225"


def test_each_alone(zoneaxis, file):
    """Every pattern is a crystal of its own: the lattice parameters differ a little."""
    ended = zoneaxis("identify", file, "--each-alone", "--json")
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert len({one["values"]["lattice_parameter_angstrom"]["value"] for one in told}) == 3


def test_python_twin(file):
    """`zoneaxis.identify` takes the same arguments; a stated scale wins over the file's."""
    readings = list(program.identify(file, technique="sadp", per_angstrom_per_px=0.8 * STEP))
    assert len(readings) == 3
    assert readings[0].values["lattice_parameter_angstrom"].value == pytest.approx(4.05 / 0.8, abs=0.03)


def test_model_of_choice(zoneaxis, file, tmp_path):
    """A model folder is asked too, also where the technique is left to it; `lattice-fit` stands for none."""
    folder = save_model(tmp_path / "toy")
    for words in (("--model", folder), ("--technique", "sadp", "--model", folder)):
        ended = zoneaxis("identify", file, "--json", *words)
        assert ended.code == 0, ended.err
        first = json.loads(ended.out.splitlines()[0])
        assert first["model"] == "toy-spots" and first["technique"] == "sadp"
        assert sum(first["evidence"]["network"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert "network" in first["reason"]
    alone = json.loads(zoneaxis("identify", file, "--json", "--model", "lattice-fit").out.splitlines()[0])
    assert alone["model"] == "lattice-fit" and "network" not in alone["evidence"]


def test_model_without_scale(zoneaxis, images, tmp_path):
    """A picture without scale is read by its lattice, and the reason says that the network is silent."""
    shown = np.sqrt(np.clip(images[2] / images[2].max(), 0, 1))
    Image.fromarray((255 * np.clip(1.5 * shown, 0, 1)).astype(np.uint8)).save(tmp_path / "a.png")
    ended = zoneaxis("identify", tmp_path / "a.png", "--model", save_model(tmp_path / "toy"), "--json")
    told = json.loads(ended.out)
    assert told["answers"][0]["label"] == "225" and told["model"] == "lattice-fit"
    assert "the network is silent" in told["reason"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--technique", "sadp", "--model", "m"), "model 'm': neither"),
        (("--technique", "sadp", "--model", "ebsd-space-groups"), "it reads ebsd, not sadp"),
        (("--technique", "sadp", "--no-verify"), "verify = False"),
        (("--technique", "sadp", "--pattern-centre", "0.5,0.2,0.5"), "pattern_centre"),
        (("--technique", "sadp", "--per-angstrom-per-px", "-1"), "per_angstrom_per_px = -1"),
        (("--technique", "ebsd", "--each-alone"), "each_alone"),
    ],
)
def test_bad_options_get_one_line(zoneaxis, file, words, told):
    """Options of other techniques and impossible scales: exit code 2, one line, nothing read."""
    ended = zoneaxis("identify", file, *words)
    assert ended.code == 2 and ended.out == ""
    assert told in ended.err and len(ended.err.strip().splitlines()) == 1


def test_bad_files_get_one_line(zoneaxis, tmp_path):
    """A file that is missing, of another technique, or too small."""
    small = np.zeros((1, 32, 32), np.float32)
    other = store.save(pattern_set(small, technique="ebsd", provenance="made up"), tmp_path / "e.npz")
    tiny = store.save(pattern_set(small, technique="sadp", provenance="made up"), tmp_path / "t.npz")
    for path, told in ((tmp_path / "no.png", "no such file"), (other, "patterns of ebsd"), (tiny, "32 x 32 px")):
        ended = zoneaxis("identify", path, "--technique", "sadp")
        assert ended.code == 2
        assert told in ended.err and len(ended.err.strip().splitlines()) == 1
