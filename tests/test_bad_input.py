"""Bad input, from the outside: one clear line on stderr, exit code 2, nothing printed and nothing written."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from zoneaxis.cli import app
from zoneaxis.learn import artefact, networks
from zoneaxis.learn.card import Card

GREY = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
IMPOSSIBLE_CIF = """data_none
_cell_length_a -3.5
_cell_length_b 3.5
_cell_length_c 3.5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ni1 Ni 0 0 0
"""


def missing(folder: Path) -> Path:
    return folder / "not_there.png"


def empty(folder: Path) -> Path:
    return write(folder / "empty.tif", b"")


def truncated(folder: Path) -> Path:
    Image.fromarray(GREY).save(folder / "whole.png")
    return write(folder / "cut.png", (folder / "whole.png").read_bytes()[:300])


def truncated_scan(folder: Path) -> Path:
    with h5py.File(folder / "whole.h5", "w") as file:
        file["patterns"] = np.stack([GREY] * 20)
    return write(folder / "cut.h5", (folder / "whole.h5").read_bytes()[:4000])


def no_image(folder: Path) -> Path:
    return write(folder / "letter.png", b"Dear microscopist, this is no image.")


def unknown_ending(folder: Path) -> Path:
    return write(folder / "pattern.docx", b"PK\x03\x04")


def colour(folder: Path) -> Path:
    Image.fromarray(np.stack((GREY, GREY[::-1], GREY.T), -1)).save(folder / "colour.png")
    return folder / "colour.png"


def nan(folder: Path) -> Path:
    values = GREY.astype(np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(folder / "nan.tif", values)
    return folder / "nan.tif"


def three_pixels(folder: Path) -> Path:
    Image.fromarray(GREY[:1, :3]).save(folder / "three.png")
    return folder / "three.png"


def several_data_sets(folder: Path) -> Path:
    with h5py.File(folder / "several.h5", "w") as file:
        file["first/patterns"] = file["second/patterns"] = np.stack([GREY] * 2)
        file["third/patterns"] = np.stack([GREY] * 3)
    return folder / "several.h5"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# What is wrong with a file of patterns, and a word of the line that says so.
FILES: dict[Callable[[Path], Path], str] = {
    missing: "no such file",
    empty: "empty",
    truncated: "complete",
    truncated_scan: "cut off",
    no_image: "cannot be read as an image",
    unknown_ending: "no reader",
    colour: "colour",
    nan: "NaN",
    three_pixels: "too small",
    several_data_sets: "several data sets",
}


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the program, hold it to its promise about bad input, and give back the one line."""

    def run(*words: object) -> str:
        before = contents(tmp_path)
        with pytest.raises(SystemExit) as ended:
            app([str(word) for word in words])
        written = capsys.readouterr()
        assert ended.value.code == 2, written.err
        assert written.out == ""
        assert written.err.startswith("zoneaxis: ")
        assert written.err.count("\n") == 1
        assert "Traceback" not in written.err
        assert contents(tmp_path) == before
        return written.err

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder, whole but untrained."""
    torch.manual_seed(0)
    arguments = {"classes": 2, "width": 0.125}
    card = Card(
        name="untrained",
        architecture="resnet",
        arguments=arguments,
        input_size_px=64,
        preparation="zoneaxis.patterns.preprocess.prepare",
        preparation_arguments={"size_px": 64},
        materials=("Ni", "Si"),
        group_of_material=("225", "227"),
    )
    artefact.save(tmp_path / "model", networks.build("resnet", **arguments), card)
    return tmp_path / "model"


@pytest.mark.parametrize("spoil", FILES, ids=lambda spoil: spoil.__name__)
def test_file_of_patterns(refused, model, tmp_path, spoil):
    """A file that holds no readable pattern is named with what is wrong; no report and no picture appear."""
    path = spoil(tmp_path)
    line = refused(
        *("identify", path, "--no-verify", "--model", model),
        *("--json", "--report", tmp_path / "r.html", "--picture", tmp_path / "p.png"),
    )
    assert str(path) in line
    assert FILES[spoil] in line


def test_a_good_file_before_a_bad_one(refused, model, tmp_path):
    """All files are looked at before the first answer is given."""
    Image.fromarray(GREY).save(tmp_path / "good.png")
    line = refused("identify", tmp_path / "good.png", missing(tmp_path), "--no-verify", "--model", model, "--json")
    assert "not_there.png" in line


def test_data_set_that_is_not_there(refused, model, tmp_path):
    """A data set by a name that the file does not hold is answered with the names it holds."""
    line = refused("identify", several_data_sets(tmp_path), "--dataset", "fourth", "--no-verify", "--model", model)
    assert "fourth" in line
    assert "second/patterns" in line


@pytest.mark.parametrize("command", ["ebsd", "ebsd-master"])
def test_impossible_cif(refused, tmp_path, command):
    """A cell edge below zero is refused before anything is computed, with the file's name and the value."""
    path = write(tmp_path / "none.cif", IMPOSSIBLE_CIF.encode())
    line = refused("simulate", command, path, "-o", tmp_path / "out.npz")
    assert path.name in line
    assert "-3.5" in line


def test_unknown_crystal(refused, tmp_path):
    """An unknown name is answered with the library's names nearest to it."""
    assert "Ni3Al" in refused("simulate", "ebsd", "Ni3A", "-o", tmp_path / "out.npz")


@pytest.mark.parametrize("centre", ["5,0.2,0.6", "0.5,-3,0.6", "0.5,0.2,0", "0.5,0.2,nan"])
def test_pattern_centre_outside_the_detector(refused, model, tmp_path, centre):
    """A pattern centre that cannot be is refused with its values, in simulation and in reading."""
    Image.fromarray(GREY).save(tmp_path / "good.png")
    assert "pattern centre" in refused("simulate", "ebsd", "Ni", "--pattern-centre", centre, "-o", tmp_path / "out.npz")
    words = ("identify", tmp_path / "good.png", "--no-verify", "--model", model, "--pattern-centre", centre)
    assert "pattern centre" in refused(*words)


def test_model_that_is_not_there(refused, tmp_path):
    """A model that is neither shipped nor a folder is named."""
    Image.fromarray(GREY).save(tmp_path / "good.png")
    assert "no_model" in refused("identify", tmp_path / "good.png", "--model", tmp_path / "no_model")


def test_model_with_a_missing_file(refused, model, tmp_path):
    """Weights that the card names and the folder lacks are named."""
    Image.fromarray(GREY).save(tmp_path / "good.png")
    (model / "weights.safetensors").unlink()
    assert "weights.safetensors" in refused("identify", tmp_path / "good.png", "--model", model)


def test_model_with_an_altered_file(refused, model, tmp_path):
    """One changed byte in the weights is found by the hash in the card."""
    Image.fromarray(GREY).save(tmp_path / "good.png")
    weights = bytearray((model / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "weights.safetensors").write_bytes(weights)
    line = refused("identify", tmp_path / "good.png", "--model", model)
    assert "altered" in line
    assert "weights.safetensors" in line


@pytest.mark.parametrize("output", ["out.gif", "no_folder/out.npz"])
def test_output_that_cannot_be_written(refused, tmp_path, output):
    """An unknown ending or a missing folder is refused before any work."""
    assert output.split("/")[0] in refused("simulate", "ebsd", "Ni", "-o", tmp_path / output)
