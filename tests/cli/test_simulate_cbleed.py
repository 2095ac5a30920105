"""`zoneaxis simulate cbleed` and `simulate leed-iv` write what their Python twins return, and nothing else."""

import numpy as np
import pytest
from PIL import Image

import zoneaxis as package
from zoneaxis.patterns import readers
from zoneaxis.techniques import simulate
from zoneaxis.techniques.cbleed import curve_files
from zoneaxis.techniques.cbleed.simulator import SIMULATIONS

SMALL = ("--size", 32, "--directions", 3)


@pytest.mark.parametrize("command", ["cbleed", "leed-iv"])
def test_help_has_an_example(zoneaxis, command):
    """`--help` explains every option with its unit and ends with an example."""
    shown = zoneaxis("simulate", command, "--help")
    words = " ".join(shown.out.replace("│", " ").split())
    assert shown.code == 0
    assert f"Example: zoneaxis simulate {command}" in words
    for said in ("--dimer-height", "in Å", "--inner-potential-ev", "V0r in eV", "--energy-ev", "30:95:5"):
        assert said in words or said == "30:95:5" and command == "leed-iv"


def test_images_are_those_of_the_twin(zoneaxis, tmp_path):
    """An .npz of the program and the Python function agree in images, labels and attributes."""
    path = tmp_path / "discs.npz"
    ended = zoneaxis(
        "simulate", "cbleed", "Si001-2x1", "--energy-ev", "40:45:5", "--dimer", "buckled", "--dimer-height", -0.1,
        "--dimer-length", 0.05, "--dimer-tilt-deg", 17, "--preset", "physical", "--accuracy", "preview",
        "--rotational-domains", 2, *SMALL, "-o", path,
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    assert "2 x 32 x 32 px" in ended.err
    twin = package.simulate(
        "cbleed",
        "Si001-2x1",
        energy_ev=[40, 45],
        dimer="buckled",
        dimer_height_angstrom=-0.1,
        dimer_length_angstrom=0.05,
        dimer_tilt_deg=17,
        preset="physical",
        accuracy="preview",
        rotational_domains=2,
        size_px=32,
        directions=3,
    )
    assert package.read(path).drop_attrs().equals(twin.drop_attrs())
    with np.load(path) as archive:
        assert {"intensity", "dimer", "beam_energy_ev", "inner_potential_ev", "provenance"} <= set(archive.files)


def test_every_option_reaches_the_simulator(zoneaxis, tmp_path, monkeypatch):
    """What is said on the command line, and nothing else, is what the simulator is told."""
    told = {}

    def watch(specimen, *, progress, **settings):
        told.update(settings, specimen=specimen)
        return SIMULATIONS["cbleed"]("Si001-2x1", energy_ev=40, size_px=16, directions=2, accuracy="preview")

    monkeypatch.setattr(simulate, "simulations", lambda: {"cbleed": watch})
    said = (
        "--inner-potential-ev", 6, "--imaginary-potential-ev", 9, "--temperature-k", 100, "--vibration-factor", 1.2,
        "--model", "kinematic", "--disc", "-1,0", "--constant-half-angle-mrad", 50, "--electrons", 1e4, "--seed", 3,
    )  # fmt: skip
    assert zoneaxis("simulate", "cbleed", "Cu001", *said, "-o", tmp_path / "x.npz").code == 0
    assert told == {
        "specimen": "Cu001",
        "energy_ev": [60.0],
        "preset": "paper",
        "inner_potential_ev": 6.0,
        "imaginary_potential_ev": 9.0,
        "temperature_k": 100.0,
        "vibration_factor": 1.2,
        "accuracy": None,
        "model": "kinematic",
        "size_px": 128,
        "directions": 9,
        "disc": (-1, 0),
        "constant_half_angle_mrad": 50.0,
        "rotational_domains": 1,
        "electrons": 10000.0,
        "seed": 3,
    }


def test_pictures(zoneaxis, tmp_path):
    """A .png is linear; with `--grey sqrt` it is the square root, brighter where discs are weak."""
    for grey in ("linear", "sqrt"):
        words = ("simulate", "cbleed", "Si001-2x1", *SMALL, "--grey", grey, "-o", tmp_path / f"{grey}.png")
        assert zoneaxis(*words).code == 0
    linear, root = (readers.read(tmp_path / f"{grey}.png")["intensity"].values / 255 for grey in ("linear", "sqrt"))
    np.testing.assert_allclose(root**2, linear, atol=0.01)
    assert np.median(root[root > 0]) > 1.5 * np.median(linear[linear > 0])


def test_curves_are_those_of_the_twin(zoneaxis, tmp_path):
    """The table holds the curves of the Python function to the last bit, with the physics in its first lines."""
    path = tmp_path / "copper.csv"
    words = ("--energy-ev", "60:80:10", "--beam", "0,0", "--beam", "-1,1", "--polar-deg", 6, "--azimuth-deg", 30)
    ended = zoneaxis("simulate", "leed-iv", "Cu001", *words, "--accuracy", "preview", "-o", path)
    assert (ended.code, ended.err) == (0, f"{path}: 2 beams, 3 energies\n")
    twin = package.simulate(
        "leed-iv", "Cu001", energy_ev=[60, 70, 80], beams=[(0, 0), (-1, 1)], polar_deg=6, azimuth_deg=30,
        accuracy="preview",
    )  # fmt: skip
    assert curve_files.load(path).equals(twin)
    assert {'# specimen: "Cu001"', "# polar_deg: 6.0", "# imaginary_potential_ev: 4.0"} <= set(
        path.read_text().splitlines()
    )


def test_plot_of_curves(zoneaxis, tmp_path):
    """A .png of curves is a plot."""
    path = tmp_path / "copper.png"
    words = ("--energy-ev", "60,70", "--beam", "0,0", "--model", "kinematic", "-o", path)
    assert zoneaxis("simulate", "leed-iv", "Cu001", *words).code == 0
    with Image.open(path) as picture:
        assert min(picture.size) > 200


@pytest.mark.parametrize(("command", "name"), [("cbleed", "kept.png"), ("leed-iv", "kept.csv")])
def test_existing_file_is_refused_before_any_work(zoneaxis, monkeypatch, tmp_path, command, name):
    """What is there stays as it is, and no time is spent; with --force it gives way."""
    path = tmp_path / name
    path.write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(simulate, "simulate", lambda *_, **__: pytest.fail("it was simulated"))
        ended = zoneaxis("simulate", command, "Cu001", "-o", path)
    assert ended.code == 2 and "exists already" in ended.err
    assert path.read_text() == "mine"
    assert (
        zoneaxis("simulate", command, "Cu001", "--energy-ev", 60, "--model", "kinematic", "--force", "-o", path).code
        == 0
    )
    assert path.read_bytes() != b"mine"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("cbleed", "Si001-2x1", "--energy-ev", "10"), "10 eV is outside 20 to 250 eV"),
        (("cbleed", "Si001-2x1", "--energy-ev", "30:300:1"), "251 eV is outside 20 to 250 eV"),
        (("cbleed", "Si001-2x1", "--energy-ev", "slow"), "--energy-ev 'slow': expected a number such as 60"),
        (("cbleed", "Si001-2x1", "--energy-ev", "30:40:3"), "steps of 3 do not lead from 30 to 40"),
        (("cbleed", "Si001-2x1", "--energy-ev", "0:1:1e-9"), "fewer than 10000 values"),
        (("cbleed", "Si001-2x1", "--dimer-length", "-1"), "Å apart; allowed is 1.6 Å"),
        (("cbleed", "Cu001", "--dimer-height", "0.1"), "no dimer_height_angstrom"),
        (("cbleed", "Si111"), "there are: Si001-2x1"),
        (("cbleed", "Si001-2x1", "--disc", "1"), "--disc '1': expected two whole numbers"),
        (("cbleed", "Si001-2x1", "--grey", "blue"), "--grey 'blue'"),
        (("cbleed", "Si001-2x1", "--grey", "sqrt"), "keeps linear intensities"),
        (("leed-iv", "Cu001", "--beam", "1,0,0"), "--beam '1,0,0': expected two whole numbers"),
        (("leed-iv", "Cu001", "--energy-ev", "60,50"), "one rising list"),
        (("leed-iv", "Cu001", "--polar-deg", "95"), "polar_deg = 95"),
    ],
)
def test_bad_input(zoneaxis, tmp_path, words, says):
    """One line on stderr, exit code 2, nothing on stdout and nothing written."""
    ended = zoneaxis("simulate", *words, "-o", tmp_path / "x.npz")
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("command", "ending"), [("cbleed", "csv"), ("leed-iv", "zarr")])
def test_endings_that_cannot_be(zoneaxis, tmp_path, command, ending):
    """Images are no table and curves no pattern set: the endings there are are named."""
    ended = zoneaxis("simulate", command, "Cu001", "-o", tmp_path / f"x.{ending}")
    assert ended.code == 2
    assert "known are" in ended.err
