"""`zoneaxis simulate` writes what its Python twin returns, and nothing over what is there."""

import numpy as np
import pytest

import zoneaxis as package
from zoneaxis.patterns import readers
from zoneaxis.techniques import simulate


def test_file_holds_what_the_twin_returns(zoneaxis, tmp_path):
    """An .npz of the program and the Python function agree in patterns, labels and attributes."""
    path = tmp_path / "ni.npz"
    ended = zoneaxis(
        "simulate", "ebsd", "Ni", "--count", 3, "--size", "24x32", "--degradation", "mild", "--seed", 4, "-o", path
    )
    assert ended.code == 0
    twin = package.simulate("ebsd", "Ni", count=3, shape=(24, 32), degradation="mild", seed=4)
    assert package.read(path).drop_attrs().equals(twin.drop_attrs())
    with np.load(path) as archive:
        assert {"intensity", "crystal", "phi1_rad", "technique", "provenance"} <= set(archive.files)


@pytest.mark.parametrize("ending", [".zarr", ".tif", ".png"])
def test_every_ending_can_be_read_again(zoneaxis, tmp_path, ending):
    """A single 8-bit pattern comes back the same from each format."""
    path = tmp_path / f"ni{ending}"
    words = ("simulate", "ebsd", "Ni", "--euler-deg", "10,20,30", "--size", 24, "--degradation", "harsh", "-o", path)
    assert zoneaxis(*words).code == 0
    twin = package.simulate("ebsd", "Ni", euler_deg=[10, 20, 30], shape=24, degradation="harsh")
    np.testing.assert_array_equal(readers.read(path)["intensity"], twin["intensity"])


def test_master_pattern_file(zoneaxis, tmp_path):
    """A master pattern is written as a pattern set, one pattern per energy and hemisphere."""
    path = tmp_path / "al.npz"
    ended = zoneaxis("simulate", "ebsd-master", "Al", "--half-size", 8, "--escape-length-nm", 10, "-o", path)
    assert ended.code == 0
    assert "2 x 17 x 17 px" in ended.err
    assert package.read(path)["hemisphere"].values.tolist() == ["north", "south"]


def test_existing_file_is_refused_before_any_work(zoneaxis, monkeypatch, tmp_path):
    """What is there stays as it is, and no time is spent on what could not be written."""
    path = tmp_path / "kept.png"
    path.write_text("mine")
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("it was simulated"))
    ended = zoneaxis("simulate", "ebsd", "Ni", "-o", path)
    assert ended.code == 2
    assert "exists already" in ended.err
    assert path.read_text() == "mine"


def test_force_replaces(zoneaxis, tmp_path):
    """With --force the file gives way to the new one, and nothing else is left in the folder."""
    path = tmp_path / "old.png"
    path.write_text("old")
    assert zoneaxis("simulate", "ebsd", "Ni", "--size", 24, "-o", path, "--force").code == 0
    assert readers.read(path)["intensity"].shape == (1, 24, 24)
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.png"]
