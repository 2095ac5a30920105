"""`zoneaxis simulate lacbed` and `simulate cbed` write what their Python twins return, and say how good it is."""

import numpy as np
import pytest

import zoneaxis as package
from zoneaxis.techniques import simulate
from zoneaxis.techniques.lacbed.simulator import SIMULATIONS

SMALL = ("--size", 16, "--thickness-nm", "20", "--absorption", "none", "--half-angle-mrad", 8)


@pytest.mark.parametrize(("command", "own"), [("lacbed", "--half-angle-mrad"), ("cbed", "--convergence-mrad")])
def test_help_has_an_example(zoneaxis, command, own):
    """`--help` explains every option with its unit and ends with an example."""
    shown = zoneaxis("simulate", command, "--help")
    words = " ".join(shown.out.replace("│", " ").split())
    assert shown.code == 0
    assert f"Example: zoneaxis simulate {command}" in words
    for said in (own, "in mrad", "--zone", "--thickness-nm", "In nm", "--columns", "--error", "in kV"):
        assert said in words


def test_discs_are_those_of_the_twin(zoneaxis, tmp_path):
    """An .npz of the program and the Python function agree; the last lines tell the error."""
    path = tmp_path / "discs.npz"
    words = ("--zone", "-1,1,0", "--hkl", "0,0,0", "--hkl", "-1,-1,1", "--columns", "-1,-1,0", "--voltage-kv", 120)
    ended = zoneaxis(
        "simulate", "lacbed", "Al", "--thickness-nm", "10:20:10", "--half-angle-mrad", 8, "--size", 16, "--beams", 30,
        "--absorption", "proportional", "--form-factor", "kirkland", "--seed", 5, *words, "-o", path,
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    assert "4 x 16 x 16 px" in ended.err
    assert "30 beams and 45 weak ones: error about" in ended.err
    twin = package.simulate(
        "lacbed",
        "Al",
        zone=(-1, 1, 0),
        thickness_nm=[10, 20],
        hkl=[(0, 0, 0), (-1, -1, 1)],
        columns=(-1, -1, 0),
        half_angle_mrad=8,
        size_px=16,
        accelerating_voltage_kv=120,
        beams=30,
        absorption="proportional",
        form_factor="kirkland",
        seed=5,
    )
    assert package.read(path).drop_attrs().equals(twin.drop_attrs())
    with np.load(path) as archive:
        assert {"intensity", "thickness_nm", "h", "k", "l", "beam_error_rms", "zone_axis"} <= set(archive.files)


def test_every_option_reaches_the_simulator(zoneaxis, tmp_path, monkeypatch):
    """What is said on the command line, and nothing else, is what the simulator is told."""
    told = {}

    def watch(specimen, *, progress, **settings):
        told.update(settings, specimen=specimen)
        return SIMULATIONS["cbed"]("Al", thickness_nm=5, size_px=32, beams=40, absorption="none")

    monkeypatch.setattr(simulate, "simulations", lambda: {"cbed": watch})
    said = (
        "--zone", "1,1,0", "--thickness-nm", "50,40", "--convergence-mrad", 3, "--half-width-mrad", 20, "--size", 99,
        "--voltage-kv", 300, "--error", 0.01, "--form-factor", "peng", "--columns", "0,0,1", "--road", "eig",
    )  # fmt: skip
    assert zoneaxis("simulate", "cbed", "Si", *said, "-o", tmp_path / "x.png").code == 0
    assert told == {
        "specimen": "Si",
        "zone": (1, 1, 0),
        "thickness_nm": [50.0, 40.0],
        "convergence_mrad": 3.0,
        "half_width_mrad": 20.0,
        "size_px": 99,
        "accelerating_voltage_kv": 300.0,
        "beams": None,
        "error": 0.01,
        "absorption": "phonon",
        "form_factor": "peng",
        "columns": (0, 0, 1),
        "road": "eig",
        "slice_angstrom": None,
        "seed": 0,
    }


def test_poor_convergence_is_warned_of(zoneaxis, tmp_path):
    """One line that says so, before the others; the picture is written all the same."""
    path = tmp_path / "x.npz"
    ended = zoneaxis("simulate", "lacbed", "W", *SMALL, "--beams", 5, "-o", path)
    assert ended.code == 0
    assert path.exists()
    assert "zoneaxis: warning: the picture is off by about" in ended.err
    assert zoneaxis("simulate", "lacbed", "Al", *SMALL, "--beams", 60, "-o", path, "--force").err.count("warning") == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lacbed", "Al", "--zone", "0,0,0"), "zone axis 0,0,0: expected three whole numbers u,v,w, not all zero"),
        (("lacbed", "Al", "--zone", "0,0"), "--zone '0,0': expected three whole numbers"),
        (("lacbed", "Al", "--zone", "0,0,1.5"), "--zone '0,0,1.5': expected three whole numbers"),
        (("lacbed", "Al", "--thickness-nm", "0"), "thickness_nm = 0: expected"),
        (("lacbed", "Al", "--thickness-nm", "thick"), "--thickness-nm 'thick': expected a number such as"),
        (("lacbed", "Al", "--half-angle-mrad", "70"), "half_angle_mrad = 70: in the corners"),
        (("lacbed", "Al", "--hkl", "1,1,1"), "disc 1,1,1 is not in the zone [0,0,1]"),
        (("lacbed", "Al", "--beams", "1"), "beams = 1: expected 2 to"),
        (("lacbed", "Al", "--size", "4"), "size_px = 4: expected 16"),
        (("lacbed", "Al", "--slice-angstrom", "200"), "unstable, at least"),
        (("lacbed", "Al", "--slice-angstrom", "0"), "slice_angstrom = 0.0: expected more than 0"),
        (("lacbed", "Al", "--error", "7"), "error = 7: expected"),
        (("lacbed", "Al", "--beams", "40", "--error", "0.01"), "give one of them"),
        (("lacbed", "Xx"), "crystal 'Xx' is not in the library"),
        (("cbed", "Al", "--convergence-mrad", "40"), "half_width_mrad = 25: expected from the convergence"),
        (("cbed", "Al", "--columns", "0,0,1"), "columns 0,0,1: expected (h,k,l) of the zone"),
    ],
)
def test_bad_input(zoneaxis, tmp_path, words, says):
    """One line on stderr, exit code 2, nothing on stdout and nothing written."""
    ended = zoneaxis("simulate", *words, "-o", tmp_path / "x.npz")
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_existing_file_is_refused_before_any_work(zoneaxis, monkeypatch, tmp_path):
    """What is there stays as it is, and no time is spent."""
    path = tmp_path / "kept.png"
    path.write_text("mine")
    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("it was simulated"))
    ended = zoneaxis("simulate", "cbed", "Al", "-o", path)
    assert ended.code == 2 and "exists already" in ended.err
    assert path.read_text() == "mine"
