"""`zoneaxis simulate sadp` writes what its Python twin returns, and an indexed picture on request."""

import pytest

import zoneaxis as package

SMALL = ("--size", 32, "--cells", "8,8,4")


def test_help_has_an_example(zoneaxis):
    """`--help` explains options with their units, names every defect and ends with an example."""
    shown = zoneaxis("simulate", "sadp", "--help")
    words = " ".join(shown.out.replace("│", " ").split())
    assert shown.code == 0
    for said in (
        "Example: zoneaxis simulate sadp",
        "in kV",
        "--camera-length-mm",
        "dislocations:count=4",
        "twin:",
        "hkl",
    ):
        assert said in words


def test_patterns_are_those_of_the_twin(zoneaxis, tmp_path):
    """An .npz of the program and the Python function agree."""
    path = tmp_path / "spots.npz"
    ended = zoneaxis(
        "simulate", "sadp", "Al", *SMALL, "--zone", "0,0,1", "--zone", "-1,1,0", "--voltage-kv", 120,
        "--camera-length-mm", 250, "--defect", "heat:temperature_k=300", "--defect", "stretch:strain=0.01",
        "--rotation-deg", 12, "--tilt-mrad", "1,-2", "--camera", "laboratory", "--electrons", 1e5,
        "--seed", 4, "-o", path,
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    assert "2 x 32 x 32 px" in ended.err
    twin = package.simulate(
        "sadp",
        "Al",
        zone=[(0, 0, 1), (-1, 1, 0)],
        accelerating_voltage_kv=120,
        camera_length_mm=250,
        cells=(8, 8, 4),
        size_px=32,
        defects=["heat:temperature_k=300", "stretch:strain=0.01"],
        rotation_deg=12,
        tilt_mrad=(1, -2),
        camera="laboratory",
        electrons=1e5,
        seed=4,
    )
    assert package.read(path).drop_attrs().equals(twin.drop_attrs())


def test_indexed_picture(zoneaxis, tmp_path):
    """A PNG beside the patterns; an existing one is not overwritten, and then nothing is simulated."""
    words = ("simulate", "sadp", "Al", *SMALL, "--indexed", tmp_path / "hkl.png")
    ended = zoneaxis(*words, "-o", tmp_path / "a.npz")
    assert ended.code == 0 and (tmp_path / "hkl.png").read_bytes()[:4] == b"\x89PNG"
    again = zoneaxis(*words, "-o", tmp_path / "b.npz")
    assert again.code == 2 and "hkl.png" in again.err and not (tmp_path / "b.npz").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--zone", "0,0,0"), "zone axis 0,0,0"),
        (("--defect", "crack"), "expected one of stretch"),
        (("--tilt-mrad", "3"), "--tilt-mrad"),
        (("--cells", "0,3,3"), "cells"),
        (("--thickness-nm", -4), "thickness_nm"),
    ],
)
def test_bad_input(zoneaxis, tmp_path, words, said):
    """One line, exit code 2, and no file."""
    path = tmp_path / "spots.png"
    ended = zoneaxis("simulate", "sadp", "Al", *SMALL, *words, "-o", path)
    assert ended.code == 2 and said in ended.err and len(ended.err.strip().splitlines()) == 1
    assert not path.exists()
