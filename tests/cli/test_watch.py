"""`zoneaxis watch` counts what arrives, names what does not parse, and ends cleanly."""

import csv
import importlib

import numpy as np
import pytest
from PIL import Image

from tests.small_grid import counted, intensity, places, save_model


@pytest.fixture
def live(tmp_path):
    """Three patterns and a broken file in a folder, and the small model beside it."""
    folder = tmp_path / "live"
    folder.mkdir()
    for number, image in enumerate(counted(intensity("buckled", places(3)), 1e5)):
        Image.fromarray(image.astype(np.uint16)).save(folder / f"{number}.png")
    (folder / "broken.tif").write_bytes(b"II*")
    return folder, save_model(tmp_path / "model")


def test_once(zoneaxis, live, tmp_path):
    """`--once` reads what is there into the named table; stdout stays empty, stderr tells counts and the fault."""
    folder, model = live
    table = tmp_path / "t.csv"
    ended = zoneaxis("watch", folder, "-o", table, "--model", model, "--refine", "--once", "--deadline-s", "0.2")
    assert (ended.code, ended.out) == (0, "")
    assert "3 patterns, 0 unknown, 1 files unreadable" in ended.err
    assert "unreadable: " in ended.err
    assert "broken.tif" in ended.err
    with table.open(encoding="utf-8", newline="") as file:
        assert sorted(line["state"] for line in csv.DictReader(file)) == ["read", "read", "read", "unreadable"]
    again = zoneaxis("watch", folder, "-o", table, "--model", model, "--once")
    assert "0 patterns, 0 unknown, 0 files unreadable" in again.err


def test_interruption_is_the_ordinary_end(zoneaxis, live, monkeypatch):
    """Ctrl-C while waiting ends with code 0, the counts told and the table whole."""
    folder, model = live
    module = importlib.import_module("zoneaxis.reading.watch")

    def interrupt(_):
        raise KeyboardInterrupt

    (folder / "broken.tif").unlink()
    monkeypatch.setattr(module.time, "sleep", interrupt)
    monkeypatch.setattr(module, "STEADY_S", 0.0)
    ended = zoneaxis("watch", folder, "--model", model)
    assert ended.code == 0
    assert "3 patterns" in ended.err
    assert len((folder / "results.csv").read_text().splitlines()) == 4


def test_bad_input_is_one_line(zoneaxis, tmp_path):
    """A folder that is not there: exit code 2."""
    ended = zoneaxis("watch", tmp_path / "nowhere")
    assert (ended.code, ended.err) == (2, f"zoneaxis: {tmp_path / 'nowhere'}: no such folder\n")
