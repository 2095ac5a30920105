"""`zoneaxis demo` reads the sample, writes its picture and report, and spares what is not its own."""

import re
from importlib import resources

import pytest

from zoneaxis.patterns import readers


@pytest.fixture
def sample(monkeypatch, patterns_file):
    """Two patterns in the place of the measured nine."""
    monkeypatch.setattr(readers, "kikuchipy_sample", lambda: patterns_file)
    return patterns_file


def test_demo_writes_picture_and_report_twice(zoneaxis, fake_identify, sample, tmp_path):
    """The demo names its files in the last line; given again, it replaces its own."""
    folder = tmp_path / "shown" / "demo"
    for _ in range(2):
        ended = zoneaxis("demo", "-o", folder)
        assert ended.code == 0
        assert fake_identify.called["dataset"] == "Scan 1"
        assert fake_identify.called["images"]
        last = ended.out.splitlines()[-1]
        assert "2 of 2" in last
        assert str(folder / "nickel.png") in last
        assert sorted(path.name for path in folder.iterdir()) == ["nickel.png", "report.html"]


def test_foreign_file_is_spared(zoneaxis, fake_identify, sample, tmp_path):
    """A file of that name that zoneaxis did not write stops the demo before it reads anything."""
    (tmp_path / "report.html").write_text("<p>mine</p>")
    ended = zoneaxis("demo", "-o", tmp_path)
    assert ended.code == 2
    assert fake_identify.called is None
    assert (tmp_path / "report.html").read_text() == "<p>mine</p>"
    assert not (tmp_path / "nickel.png").exists()


def test_demo_as_a_newcomer_runs_it(zoneaxis, tmp_path):
    """The measured nickel patterns, read by the shipped model: 225 is in the set of all nine."""
    if not (resources.files("zoneaxis") / "models" / "ebsd-space-groups" / "card.json").is_file():
        pytest.skip("the trained model is not in src/zoneaxis/models")
    ended = zoneaxis("demo", "-o", tmp_path)
    assert ended.code == 0
    last = ended.out.splitlines()[-1]
    assert re.match(r"225 \(nickel\) is in the set of 9 of 9 patterns", last), last
    assert (tmp_path / "report.html").stat().st_size > 10_000
