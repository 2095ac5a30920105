"""`zoneaxis refine`: discs that the program itself simulated, and what it refuses."""

import numpy as np
import pytest

import zoneaxis as package


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Three discs of aluminium, 60 nm thick, as a file of measured discs."""
    made = package.simulate(
        "lacbed",
        "Al",
        zone=(0, 0, 1),
        thickness_nm=60.0,
        hkl=((0, 0, 0), (2, 0, 0), (2, 2, 0)),
        half_angle_mrad=8.0,
        size_px=24,
        beams=40,
    )
    path = tmp_path_factory.mktemp("discs") / "discs.npz"
    names = [",".join(str(int(made[axis].values[i])) for axis in "hkl") for i in range(made.sizes["pattern"])]
    np.savez(path, **{name: 1e4 * picture for name, picture in zip(names, made["intensity"].values, strict=True)})
    return path, float(made.attrs["half_width_per_angstrom"])


def test_help_has_an_example(zoneaxis):
    """And names the parameters."""
    told = zoneaxis("refine", "--help")
    assert told.code == 0
    assert "Example" in told.out
    assert "thickness" in told.out


def test_thickness_is_found(zoneaxis, discs, tmp_path):
    """Within half a per cent of what the discs were simulated with; the picture is written."""
    path, half_width = discs
    options = [
        "--thickness-nm",
        "58",
        "--free",
        "thickness,b_iso,blur",
        "--no-disc-shifts",
        "--grid",
        "24",
        "--beams",
        "40",
    ]
    told = zoneaxis("refine", path, "Al", "--half-width", half_width, *options, "-o", tmp_path / "fit.png")
    assert told.code == 0, told.out
    (line,) = [line for line in told.out.splitlines() if line.startswith("thickness")]
    print(line)
    assert float(line.split()[1]) == pytest.approx(60.0, rel=0.005)
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.npz", "Al", "--half-width", "0.3"], "nowhere.npz"),
        (["{discs}", "Al", "--half-width", "0.3", "--zone", "0,0,0"], "zone axis 0,0,0"),
        (["{discs}", "Al", "--half-width", "-1"], "half_width"),
        (["{discs}", "Al", "--half-width", "0.3", "--free", "mood"], "mood"),
        (["{discs}", "Al", "--half-width", "0.3", "-o", "fit.jpg"], ".png"),
    ],
)
def test_bad_input(zoneaxis, discs, words, says):
    """One line that names what is wrong, exit code 2."""
    told = zoneaxis("refine", *[str(discs[0]) if word == "{discs}" else word for word in words])
    assert told.code == 2
    assert says in told.err
    assert len(told.err.strip().splitlines()) == 1
