"""Curves written, read back and compared: what comes back is what was there, and faults are named by line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.r_factor import pendry_r_factor
from zoneaxis.techniques.cbleed.curve_files import compare, load, save

ENERGIES = np.arange(40.0, 90.5, 0.5)
BEAMS = ((0, 0), (1, 0), (-1, 2))


def curves(seed: int = 0, energies: np.ndarray = ENERGIES, beams: Any = BEAMS, **attributes: Any) -> xr.Dataset:
    """Smooth positive curves of some beams."""
    random = np.random.default_rng(seed)
    peaks = random.uniform(40, 90, (len(beams), 4, 1))
    intensity = (1 / ((energies - peaks) ** 2 + 16)).sum(axis=1) * 1e-3
    h, k = np.array(beams).T
    return xr.Dataset(
        {"intensity": (("beam", "beam_energy_ev"), intensity)},
        {"beam_energy_ev": energies, "h": ("beam", h), "k": ("beam", k)},
        {"technique": "leed-iv", "specimen": "Cu001", "polar_deg": 6.0, "imaginary_potential_ev": 4.0, **attributes},
    )


def test_table_comes_back_the_same(tmp_path: Path) -> None:
    """Invariant: numbers to the last bit, gaps, beams with negative indices, attributes of every kind."""
    made = curves(remark="a: b, c # d", count=3)
    made["intensity"][1, 5:9] = np.nan
    path = save(made, tmp_path / "curves.csv")
    assert load(path).identical(made)
    lines = path.read_text().splitlines()
    assert "# imaginary_potential_ev: 4.0" in lines
    assert "beam_energy_ev,(0 0),(1 0),(-1 2)" in lines


def test_archive(tmp_path: Path) -> None:
    """An .npz holds energies, indices, intensities and attributes under their own names."""
    made = curves()
    with np.load(save(made, tmp_path / "curves.npz")) as archive:
        np.testing.assert_array_equal(archive["intensity"], made["intensity"])
        np.testing.assert_array_equal(archive["beam_energy_ev"], ENERGIES)
        assert archive["h"].tolist() == [0, 1, -1] and archive["k"].tolist() == [0, 0, 2]
        assert str(archive["specimen"]) == "Cu001"


@pytest.mark.parametrize("beams", [((0, 0),), tuple((h, k) for h in range(3) for k in range(3))])
def test_plot(tmp_path: Path, beams: Any) -> None:
    """A plot of one beam or many is a picture with something on it; without attributes too."""
    made = curves(beams=beams)
    for number, one in enumerate((made, made.drop_attrs())):
        with Image.open(save(one, tmp_path / f"{number}.png")) as picture:
            assert min(picture.size) > 200
            assert np.asarray(picture.convert("L")).std() > 5


def test_nothing_is_lost(tmp_path: Path) -> None:
    """What is there stays unless told otherwise; a failed writing leaves nothing; unknown endings are refused."""
    path = tmp_path / "kept.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        save(curves(), path)
    assert path.read_text() == "mine"
    with pytest.raises(InputError, match=r"known are \.csv, \.npz, \.png"):
        save(curves(), tmp_path / "curves.xlsx")
    with pytest.raises(KeyError):
        save(curves().drop_vars("h"), tmp_path / "broken.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.csv"]
    save(curves(), path, overwrite=True)
    assert load(path).identical(curves())


def test_measured_table(tmp_path: Path) -> None:
    """A table without header lines, with blanks, empty fields and a byte-order mark is read."""
    path = tmp_path / "measured.csv"
    path.write_text("\ufeffbeam_energy_ev, (1 0), (0 -1)\n50, 1.5,\n\n51,2, 0.25\n", encoding="utf-8")
    found = load(path)
    np.testing.assert_array_equal(found["intensity"], [[1.5, 2.0], [np.nan, 0.25]])
    assert found["k"].values.tolist() == [0, -1] and not found.attrs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a heading and at least one line"),
        ("# a: 1\nbeam_energy_ev,(0 0)\n", "a heading and at least one line"),
        ("E,(0 0)\n50,1\n", "line 1: expected a heading such as"),
        ("beam_energy_ev,(0 0),10\n50,1,2\n", "line 1: expected a heading such as"),
        ("beam_energy_ev,(0 0),(0 0)\n50,1,2\n", "every beam once"),
        ("# a: 1\nbeam_energy_ev,(0 0)\n50,1\n51,one\n", "line 4: could not convert"),
        ("beam_energy_ev,(0 0)\n50,1,2\n", "line 2: 3 fields; the heading has 2"),
        ("beam_energy_ev,(0 0)\n50,1\n50,1\n", "rise from line to line"),
        ("beam_energy_ev,(0 0)\n,1\n", "must be a number in every line"),
    ],
)
def test_faulty_tables(tmp_path: Path, text: str, says: str) -> None:
    """A table that cannot be read is answered in one line with what is wrong and where."""
    path = tmp_path / "faulty.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    """A missing file and bytes that are no text are refused."""
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a readable table"):
        load(tmp_path / "bytes.csv")


def test_comparison() -> None:
    """R is that of `pendry_r_factor` beam by beam, found by index whatever the order; 0 for curves that are scaled."""
    theory, experiment = curves(0), curves(1)
    table = compare(theory, experiment.isel(beam=[2, 0]))
    assert list(zip(table["h"].values, table["k"].values, strict=True)) == [(0, 0), (-1, 2)]
    for place, beam in enumerate((0, 2)):
        pair = (curve["intensity"].values[beam] for curve in (theory, experiment))
        assert float(table["r_factor"][place]) == pytest.approx(pendry_r_factor(ENERGIES, *pair, 4.0).per_curve[0])
    assert table.to_dataframe().shape == (2, 4)
    same = compare(theory, theory.assign(intensity=5 * theory["intensity"]), imaginary_potential_ev=5.0)
    assert abs(same.attrs["mean"]) < 1e-12 and same.attrs["imaginary_potential_ev"] == 5.0


def test_comparison_at_common_energies() -> None:
    """Only energies that both sets hold enter; gaps of the measurement are left out."""
    theory = curves(0)
    later = curves(0, energies=np.arange(60.0, 120.0, 0.5))
    later["intensity"][0, :10] = np.nan
    table = compare(theory, later)
    assert table["range_ev"].values.tolist() == [25.0, 30.0, 30.0]
    assert np.abs(table["r_factor"]).max() < 1e-3


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (curves(beams=((3, 3),)), r"no beam in common: \(0 0\),\(1 0\),\(-1 2\) against \(3 3\)"),
        (curves(energies=ENERGIES + 0.25), "0 energies in common of 101 and 101"),
    ],
)
def test_nothing_to_compare(other: xr.Dataset, says: str) -> None:
    """Sets without common beams or energies are refused, and a theory that does not say its V0i."""
    with pytest.raises(InputError, match=says):
        compare(curves(), other)
    with pytest.raises(InputError, match="imaginary_potential_ev is neither"):
        compare(curves().drop_attrs(), curves())
