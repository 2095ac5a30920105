"""Readers: measured and simulated files give the stated values, bad files one line each."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from zoneaxis.errors import InputError
from zoneaxis.patterns.readers import kikuchipy_sample, read, read_master

GREY = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)


def test_measured_nickel(shared: Path) -> None:
    """Nine patterns with background, orientation and Bruker pattern centre as the data describe themselves."""
    found = read(shared / "data" / "ebsd" / "patterns.h5", dataset="Scan 1")
    assert found["intensity"].shape == (9, 60, 60) and found["intensity"].dtype == np.uint8
    assert found["static_background"].shape == (60, 60)
    centres = [float(found[f"pattern_centre_{axis}"].mean()) for axis in "xyz"]
    assert centres == pytest.approx([0.4251, 0.2134, 0.5007], abs=1e-4)
    assert float(found["phi1_rad"][0]) == pytest.approx(4.50142171)
    assert found.attrs["beam_energy_ev"] == 20000 and found.attrs["sample_tilt_deg"] == 70


def test_measured_silicon_header_is_not_believed(shared: Path) -> None:
    """A header of -1 and a wrong phase give no labels, while background and voltage are read."""
    for name in ("si_in.h5", "si_out5mm.h5", "si_out10mm.h5"):
        found = read(shared / "data" / "ebsd" / name)
        assert found["intensity"].shape == (1, 480, 480) and found["static_background"].shape == (480, 480)
        assert not found.coords


def test_emsoft_detector_pattern(shared: Path) -> None:
    """Orientation 120, 45, 60 degrees and Bruker centre (0.53125, 0.45833, 0.625): the version-4 sign of xpc."""
    found = read(shared / "data" / "ebsd" / "EBSD_TEST_Ni.h5")
    assert found["intensity"].shape == (1, 480, 640)
    angles = [float(np.rad2deg(found[name][0])) for name in ("phi1_rad", "Phi_rad", "phi2_rad")]
    assert angles == pytest.approx([120, 45, 60], abs=1e-3)
    centre = [float(found[f"pattern_centre_{axis}"][0]) for axis in "xyz"]
    assert centre == pytest.approx([0.53125, 0.458333, 0.625], abs=1e-5)


def test_emsoft_master(shared: Path) -> None:
    """One energy, both hemispheres of 401 x 401, weights that sum to 1; the centre of symmetry of Ni shows."""
    path = shared / "data" / "ebsd" / "ni_mc_mp_20kv_uint8_gzip_opts9.h5"
    master = read_master(path)
    assert master["intensity"].dims == ("beam_energy_ev", "hemisphere", "row", "col")
    assert master["intensity"].shape == (1, 2, 401, 401)
    assert master["beam_energy_ev"].values.tolist() == [20000.0]
    assert float(master["weight"].sum()) == pytest.approx(1)
    assert master.attrs["space_group"] == 225
    north, south = master["intensity"].values[0]
    assert np.abs(north - south[::-1, ::-1]).max() <= 1
    with pytest.raises(InputError, match="master pattern, not detector patterns"):
        read(path)


def test_kikuchipy_sample_has_the_same_patterns(shared: Path) -> None:
    """The file inside the kikuchipy package holds the nine patterns, found without importing it."""
    import sys

    pytest.importorskip("importlib.util")
    try:
        path = kikuchipy_sample()
    except InputError:
        pytest.skip("kikuchipy is not installed")
    ours = read(shared / "data" / "ebsd" / "patterns.h5", "Scan 1")["intensity"]
    assert np.array_equal(read(path, "Scan 1")["intensity"], ours)
    assert "kikuchipy" not in sys.modules


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".tiff", ".npy"])
def test_8_bit_images(tmp_path: Path, ending: str) -> None:
    """Grey images of every ending come back pixel by pixel."""
    path = tmp_path / f"x{ending}"
    np.save(path, GREY) if ending == ".npy" else Image.fromarray(GREY).save(path)
    assert np.array_equal(read(path)["intensity"], GREY[None])


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_16_bit_images(tmp_path: Path, ending: str) -> None:
    """16 bit stay 16 bit."""
    deep = GREY.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / f"x{ending}")
    found = read(tmp_path / f"x{ending}")["intensity"]
    assert found.dtype == np.uint16 and np.array_equal(found, deep[None])


def test_many_patterns(tmp_path: Path) -> None:
    """A multi-page TIFF and a folder of images are lists of patterns; the folder keeps names in order."""
    stack = np.stack([GREY, GREY[::-1], GREY[:, ::-1]])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    assert np.array_equal(read(tmp_path / "stack.tif")["intensity"], stack)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, image in zip(("b.png", "a.png", "c.tif"), stack, strict=True):
        Image.fromarray(image).save(folder / name)
    (folder / "notes.txt").write_text("not an image")
    found = read(folder)
    assert found["file"].values.tolist() == ["a.png", "b.png", "c.tif"]
    assert np.array_equal(found["intensity"], stack[[1, 0, 2]])


def test_grey_stored_as_colour_is_grey(tmp_path: Path) -> None:
    """Three equal channels are one grey channel."""
    for ending in (".png", ".tif"):
        Image.fromarray(np.repeat(GREY[..., None], 3, -1)).save(tmp_path / f"x{ending}")
        assert np.array_equal(read(tmp_path / f"x{ending}")["intensity"], GREY[None])


def test_scan_file_through_rosettasciio(tmp_path: Path) -> None:
    """A map written by RosettaSciIO in HyperSpy's format comes back as a map of patterns."""
    from rsciio.hspy import file_writer

    scan = np.random.default_rng(1).integers(0, 255, (2, 3, 32, 32), np.uint8)
    axes = [
        {"name": name, "size": size, "scale": 1.0, "offset": 0.0, "units": "nm", "navigate": index < 2}
        for index, (name, size) in enumerate(zip(("y", "x", "dy", "dx"), scan.shape, strict=True))
    ]
    signal = {
        "data": scan,
        "axes": axes,
        "metadata": {"General": {"title": "scan"}},
        "original_metadata": {},
        "package_info": {},
    }
    signal |= {
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "tmp_parameters": {},
        "models": {},
    }
    file_writer(str(tmp_path / "x.hspy"), signal, show_progressbar=False)
    assert np.array_equal(read(tmp_path / "x.hspy")["intensity"], scan)


def test_any_hdf5_with_one_stack_of_images(tmp_path: Path) -> None:
    """Other HDF5 files are read when there is no doubt which data set is meant; small tables do not count."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["run/detector/frames"] = np.stack([GREY, GREY])
        file["run/table"] = np.zeros((9, 20))
    assert read(tmp_path / "x.h5")["intensity"].shape == (2, 20, 30)


def test_several_data_sets_are_listed(tmp_path: Path) -> None:
    """Without a choice all are listed; a choice by scan or full path reads one; a wrong one lists them again."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a/frames"], file["b/frames"] = np.stack([GREY] * 2), np.stack([GREY] * 3)
    with pytest.raises(InputError, match="several data sets: a/frames, b/frames; choose one with dataset="):
        read(path)
    assert read(path, "a").sizes["pattern"] == 2
    assert read(path, "b/frames").sizes["pattern"] == 3
    with pytest.raises(InputError, match="no patterns at 'c'; there are a/frames, b/frames"):
        read(path, "c")


def _bad_files(folder: Path) -> dict[str, str]:
    """Write every kind of bad file; return {name: what the message must say}."""
    Image.fromarray(GREY).save(folder / "good.png")
    Image.fromarray(GREY).save(folder / "good.tif")
    with h5py.File(folder / "good.h5", "w") as file:
        file["frames"] = np.random.default_rng(2).random((50, 20, 30))
    for name in ("good.png", "good.tif", "good.h5"):
        whole = (folder / name).read_bytes()
        (folder / name.replace("good", "cut")).write_bytes(whole[: int(len(whole) * 0.6)])
    for name in ("empty.png", "empty.tif", "empty.h5", "empty.blo"):
        (folder / name).touch()
    for name in ("text.png", "text.tif", "text.h5", "text.blo", "text.npy", "text.txt", "text"):
        (folder / name).write_text("this is no image\n" * 50)
    colour = np.random.default_rng(3).integers(0, 255, (20, 30, 3), np.uint8)
    for name in ("colour.png", "colour.tif", "colour.bmp", "colour.jpg"):
        Image.fromarray(colour).save(folder / name)
    Image.fromarray(GREY[:3, :3]).save(folder / "three.png")
    spoiled = GREY.astype(np.float32)
    spoiled[3, 4] = np.nan
    tifffile.imwrite(folder / "nan.tif", spoiled)
    np.save(folder / "line.npy", np.zeros(30))
    np.save(folder / "object.npy", np.array([{}], dtype=object))
    with h5py.File(folder / "nothing.h5", "w") as file:
        file["title"] = "nothing here"
    (folder / "none").mkdir()
    mixed = folder / "mixed"
    mixed.mkdir()
    Image.fromarray(GREY).save(mixed / "a.png")
    Image.fromarray(GREY[:18]).save(mixed / "b.png")
    return {
        "gone.png": "no such file",
        "cut.png": "cannot be read",
        "cut.tif": "cannot be read",
        "cut.h5": "cut off",
        "empty.png": "empty",
        "empty.tif": "empty",
        "empty.h5": "empty",
        "empty.blo": "empty",
        "text.png": "cannot be read as an image",
        "text.tif": "cannot be read as a TIFF",
        "text.h5": "no HDF5 file",
        "text.blo": "cannot be read as Blockfile",
        "text.npy": "cannot be read",
        "text.txt": "no reader for '.txt'",
        "text": "no reader for 'a file without ending'",
        "colour.png": "convert it to grey",
        "colour.tif": "convert it to grey",
        "colour.bmp": "convert it to grey",
        "colour.jpg": "convert it to grey",
        "three.png": "3 x 3 px are too small",
        "nan.tif": "1 values are NaN",
        "line.npy": "neither an image",
        "object.npy": "cannot be read",
        "nothing.h5": "no data set of images",
        "none": "no image in this folder",
        "mixed": "must be alike",
    }


def test_bad_files_get_one_line_each(tmp_path: Path) -> None:
    """Missing, empty, truncated, foreign, coloured, tiny, NaN: InputError, one line, with the file's name."""
    for name, message in _bad_files(tmp_path).items():
        with pytest.raises(InputError, match=message) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value) and name in str(caught.value), name


def test_master_of_another_file_is_refused(tmp_path: Path) -> None:
    """read_master names what is missing."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["frames"] = np.stack([GREY])
    with pytest.raises(InputError, match="no EMsoft master pattern"):
        read_master(tmp_path / "x.h5")
    with pytest.raises(InputError, match="no such file"):
        read_master(tmp_path / "gone.h5")
