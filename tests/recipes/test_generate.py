"""A recipe becomes a data set: whole, repeatable, taken up again, never written over."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import check
from zoneaxis.recipes import generate as module
from zoneaxis.recipes.generate import generate
from zoneaxis.recipes.recipe import Recipe

pytestmark = pytest.mark.usefixtures("small_cache")


def test_a_small_data_set(write_recipe, tmp_path):
    """Forty 8-bit pictures with every label; the same recipe gives the same pixels."""
    recipe = write_recipe()
    first = store.load(generate(recipe, tmp_path / "a.zarr", progress=False))
    check(first)
    assert first.sizes["pattern"] == 40
    assert first["intensity"].dtype == np.uint8
    for name in ("crystal", "space_group", "phi1_rad", "pattern_centre_z", "image_quality"):
        assert name in first.coords
    second = store.load(generate(recipe, tmp_path / "b.zarr", patterns=40, progress=False))
    np.testing.assert_array_equal(first["intensity"].values, second["intensity"].values)


def test_an_interrupted_run_goes_on(write_recipe, tmp_path, monkeypatch):
    """Stopped after the first shard, started again: only what is missing is made, and the result is the same."""
    recipe, made = write_recipe(), []
    fine = module.shards.generate

    def in_shards(*arguments, **options):
        return fine(*arguments, **(options | {"shard_size": 10}))

    def draw(self, n, seed):
        made.append(n)
        if len(made) == 3:
            raise KeyboardInterrupt
        return Recipe.read(self.recipe_path).experiment_for().draw(n, seed)

    monkeypatch.setattr(module.shards, "generate", in_shards)
    whole = store.load(generate(recipe, tmp_path / "whole.zarr", progress=False))
    monkeypatch.setattr(module.RecipeSource, "__call__", draw)
    with pytest.raises(KeyboardInterrupt):
        generate(recipe, tmp_path / "parts.zarr", progress=False)
    assert not (tmp_path / "parts.zarr").exists()
    parts = store.load(generate(recipe, tmp_path / "parts.zarr", progress=False))
    assert len(made) == 5
    np.testing.assert_array_equal(parts["intensity"].values, whole["intensity"].values)


def test_nothing_is_written_over(write_recipe, tmp_path):
    """An output that exists is refused and stays."""
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "note").write_text("mine")
    with pytest.raises(InputError, match="mine.zarr"):
        generate(write_recipe(), tmp_path / "mine.zarr", progress=False)
    assert (tmp_path / "mine.zarr" / "note").read_text() == "mine"


def test_a_changed_recipe_is_another_data_set(write_recipe, tmp_path):
    """A recipe edited between two runs of one process counts as it now is."""
    before = store.load(generate(write_recipe(), tmp_path / "a.zarr", patterns=4, progress=False))
    changed = write_recipe(("size_px = 32", "size_px = 24"))
    after = store.load(generate(changed, tmp_path / "b.zarr", patterns=4, progress=False))
    assert before["intensity"].shape[1:] == (32, 32)
    assert after["intensity"].shape[1:] == (24, 24)


def test_fewer_than_one_pattern_is_refused(write_recipe, tmp_path):
    """No pattern is no data set."""
    with pytest.raises(InputError, match="patterns = 0"):
        generate(write_recipe(), tmp_path / "a.zarr", patterns=0, progress=False)
