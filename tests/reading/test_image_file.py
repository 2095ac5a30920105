"""Image files: what a file states about itself, and that patterns of one technique are not read as another's."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.reading.identify import identify
from zoneaxis.reading.image_file import read_pixels, stated_technique


@pytest.fixture(params=[".npz", ".zarr", ".tif"])
def written(request, tmp_path):
    """A pattern set of one technique in each format of ours that keeps it."""
    images = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
    patterns = pattern_set(images, technique="cbleed", provenance="made up")
    return store.save(patterns, tmp_path / f"set{request.param}"), images


def test_file_states_its_technique(written):
    """The technique is found without reading pixels, and is what reading them tells."""
    path, images = written
    assert stated_technique(path) == "cbleed"
    pixels, technique = read_pixels(path)
    assert technique == "cbleed"
    np.testing.assert_array_equal(pixels, images)


def test_others_state_nothing(tmp_path):
    """A bare picture, a broken file and a missing one state nothing, and nothing is raised."""
    from PIL import Image

    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "c.npz", other=1)
    for name in ("a.png", "b.npz", "c.npz", "missing.zarr"):
        assert stated_technique(tmp_path / name) == "unknown"


def test_techniques_are_not_mixed(written, tmp_path):
    """Files of two techniques in one call are refused in one line; so is one technique's file for another's model."""
    path, images = written
    other = store.save(pattern_set(images, technique="ebsd", provenance="made up"), tmp_path / "other.npz")
    with pytest.raises(InputError, match="cbleed and ebsd"):
        list(identify([path, other]))
    with pytest.raises(InputError, match="patterns of cbleed"):
        list(identify(path, technique="ebsd"))
