"""The store: round trips, nothing overwritten, nothing half written, damage named."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from zoneaxis.errors import InputError
from zoneaxis.patterns import readers, store
from zoneaxis.patterns.schema import pattern_set


def patterns(n: int = 5, dtype: type = np.uint8) -> xr.Dataset:
    random = np.random.default_rng(0)
    return pattern_set(
        (random.random((n, 18, 24)) * 200).astype(dtype),
        {
            "crystal": (["Ni", "Al4CoNi2", "Mo3Si"] * n)[:n],
            "space_group": [225] * n,
            "file": [f"{i}.tif" for i in range(n)],
            "phi1_rad": random.random(n),
        },
        technique="ebsd",
        provenance="made in a test",
        static_background=random.random((18, 24)).astype(np.float32),
        pattern_centre=[0.5, 0.3, 0.6],
        beam_energy_ev=20000.0,
    )


@pytest.mark.parametrize("ending", [".zarr", ".npz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_round_trip(tmp_path: Path, ending: str, dtype: type) -> None:
    """Intensity, labels, background and attributes come back equal, with their types."""
    path = store.save(patterns(dtype=dtype), tmp_path / f"set{ending}")
    found = store.load(path)
    xr.testing.assert_identical(found.load(), patterns(dtype=dtype))
    assert found["intensity"].dtype == dtype
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".zarr", ".npz"])
def test_maps_round_trip(tmp_path: Path, ending: str) -> None:
    """A map (scan_row, scan_col) keeps its axes."""
    scan = pattern_set(
        np.random.default_rng(1).random((2, 3, 16, 20)),
        {"iq": np.arange(6.0).reshape(2, 3)},
        technique="ebsd",
        provenance="x",
    )
    xr.testing.assert_identical(store.load(store.save(scan, tmp_path / f"map{ending}")).load(), scan)


def test_zarr_is_version_3_sharded(tmp_path: Path) -> None:
    """Zarr v3, chunks of 64, shards of 4096 for small patterns, fewer for large ones."""
    small = zarr.open(store.save(patterns(70), tmp_path / "a.zarr"))["intensity"]
    assert small.metadata.zarr_format == 3
    assert (small.chunks[0], small.shards[0]) == (64, 4096)
    large = pattern_set(np.zeros((1, 480, 640), np.float32), technique="ebsd", provenance="x")
    assert 64 <= zarr.open(store.save(large, tmp_path / "b.zarr"))["intensity"].shards[0] < 4096


def test_npz_holds_everything_under_its_own_name(tmp_path: Path) -> None:
    """Plain NumPy, without pickle, finds intensity, labels and attributes by name."""
    with np.load(store.save(patterns(), tmp_path / "x.npz"), allow_pickle=False) as archive:
        assert archive["intensity"].shape == (5, 18, 24)
        assert archive["crystal"].tolist()[1] == "Al4CoNi2"
        assert archive["technique"] == "ebsd" and archive["beam_energy_ev"] == 20000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_round_trip(tmp_path: Path, dtype: type) -> None:
    """A multi-page TIFF brings back intensities and labels through the reader."""
    found = readers.read(store.save(patterns(dtype=dtype), tmp_path / "x.tif"))
    assert np.array_equal(found["intensity"], patterns(dtype=dtype)["intensity"])
    assert found["crystal"].values.tolist() == patterns()["crystal"].values.tolist()
    assert found.attrs["beam_energy_ev"] == 20000


def test_png_is_one_pattern_or_a_mosaic(tmp_path: Path) -> None:
    """One pattern keeps its size and 8-bit values; five fill a sheet of 2 x 3."""
    one = patterns(1)
    assert np.array_equal(readers.read(store.save(one, tmp_path / "one.png"))["intensity"], one["intensity"])
    sheet = readers.read(store.save(patterns(5, np.float32), tmp_path / "five.png"))["intensity"]
    assert sheet.shape == (1, 2 * 20 - 2, 3 * 26 - 2) and sheet.dtype == np.uint8


@pytest.mark.parametrize("ending", [".zarr", ".npz", ".tif", ".png"])
def test_nothing_is_overwritten_unless_asked(tmp_path: Path, ending: str) -> None:
    """A second save is refused and leaves the first as it was; overwrite=True replaces it whole."""
    path = store.save(patterns(1), tmp_path / f"set{ending}")
    before = readers.read(path)["intensity"].values
    other = patterns(1)
    other["intensity"].values[:] = 7
    with pytest.raises(InputError, match="exists already and is not overwritten"):
        store.save(other, path)
    assert np.array_equal(readers.read(path)["intensity"].values, before)
    store.save(other, path, overwrite=True)
    assert (readers.read(path)["intensity"].values == 7).all()
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".zarr", ".npz"])
def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, ending: str) -> None:
    """An error on the way leaves what was there and nothing beside it."""
    path = store.save(patterns(1), tmp_path / f"set{ending}")

    def fail() -> None:
        with store.appearing_whole(path, overwrite=True) as place:
            place.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.load(path).sizes["pattern"] == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_impossible_targets_are_refused(tmp_path: Path) -> None:
    """An unknown ending, a missing folder and a faulty set write nothing."""
    with pytest.raises(InputError, match="unknown ending '.csv'"):
        store.save(patterns(), tmp_path / "x.csv")
    with pytest.raises(InputError, match="does not exist"):
        store.save(patterns(), tmp_path / "nowhere" / "x.npz")
    with pytest.raises(InputError, match="technique"):
        store.save(patterns().drop_attrs(), tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_damaged_stores_are_named(tmp_path: Path) -> None:
    """Missing, truncated, foreign and empty files give one line each."""
    whole = store.save(patterns(), tmp_path / "x.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").touch()
    np.savez(tmp_path / "other.npz", data=np.zeros(3))
    np.savez(tmp_path / "pickle.npz", intensity=np.array([{}], dtype=object), _dimensions="{}")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("gone.npz", "cut.npz", "empty.npz", "other.npz", "pickle.npz", "empty.zarr"):
        with pytest.raises(InputError, match=name) as caught:
            store.load(tmp_path / name)
        assert "\n" not in str(caught.value)
