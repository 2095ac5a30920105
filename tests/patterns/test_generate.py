"""Generation: shard by shard, resumable, the same whatever the number of workers."""

import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.patterns.generate import Job, generate
from zoneaxis.patterns.schema import pattern_set


@dataclass(frozen=True)
class Speckle:
    """Random patterns with labels of changing length; breaks on request."""

    fingerprint: str = "speckle 1"
    breaks_at_size: int = 0

    def __call__(self, n: int, seed: int) -> xr.Dataset:
        if n == self.breaks_at_size:
            raise KeyboardInterrupt
        random = np.random.default_rng(seed)
        return pattern_set(
            random.integers(0, 255, (n, 16, 16), np.uint8),
            {"crystal": random.choice(["W", "Al4CoNi2"], n), "seed": seed},
            technique="ebsd",
            provenance="speckle",
            static_background=np.ones((16, 16), np.uint8),
        )


@dataclass(frozen=True)
class Letters:
    """A list of patterns, each labelled with its place; remembers what it was asked for, breaks on request."""

    asked: list[tuple[int, int]] = field(default_factory=list)
    breaks_at: int = -1
    fingerprint: str = "letters"

    def part(self, start: int, stop: int) -> xr.Dataset:
        if start == self.breaks_at:
            raise KeyboardInterrupt
        self.asked.append((start, stop))
        places = np.arange(start, stop)
        pixels = np.ones((len(places), 16, 16), np.float32) * places[:, None, None]
        return pattern_set(pixels, {"place": places}, technique="cbleed", provenance="letters")


def test_all_patterns_are_there(tmp_path: Path) -> None:
    """The count, the labels and the progress add up, the last shard is smaller, no folder of shards is left."""
    seen: list[tuple[int, int]] = []
    path = generate(
        Speckle(), 100, tmp_path / "set.zarr", seed=1, shard_size=40, progress=lambda *step: seen.append(step)
    )
    found = store.load(path)
    assert found["intensity"].shape == (100, 16, 16)
    assert set(found["crystal"].values.tolist()) == {"W", "Al4CoNi2"}
    assert len(np.unique(found["seed"])) == 3
    assert found["static_background"].shape == (16, 16)
    assert seen == [(0, 100), (40, 100), (80, 100), (100, 100)]
    assert [item.name for item in tmp_path.iterdir()] == ["set.zarr"]


def test_interrupted_and_taken_up_again_gives_the_same(tmp_path: Path) -> None:
    """Killed before the last shard and started again: only that shard is made; the set is the same."""
    with pytest.raises(KeyboardInterrupt):
        generate(Speckle(breaks_at_size=20), 100, tmp_path / "a.zarr", seed=1, shard_size=40)
    assert not (tmp_path / "a.zarr").exists()
    seen: list[tuple[int, int]] = []
    resumed = generate(
        Speckle(), 100, tmp_path / "a.zarr", seed=1, shard_size=40, progress=lambda *step: seen.append(step)
    )
    assert seen == [(80, 100), (100, 100)]
    whole = generate(Speckle(), 100, tmp_path / "b.zarr", seed=1, shard_size=40)
    xr.testing.assert_identical(store.load(resumed).load(), store.load(whole).load())


def test_workers_change_nothing(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant: two processes give the same set as one."""
    monkeypatch.syspath_prepend(project)  # so that the workers can import this module
    one = generate(Speckle(), 60, tmp_path / "one.zarr", seed=2, shard_size=20)
    two = generate(Speckle(), 60, tmp_path / "two.zarr", seed=2, shard_size=20, workers=2)
    xr.testing.assert_identical(store.load(one).load(), store.load(two).load())


def test_a_source_that_workers_cannot_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that die end the run with one line; it does not wait for them for ever."""
    ghost = types.ModuleType("ghost")
    ghost.Ghost = type("Ghost", (), {"__module__": "ghost", "__call__": Speckle.__call__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ghost", ghost)
    with pytest.raises(InputError, match="a worker process died"):
        generate(ghost.Ghost(), 60, tmp_path / "a.zarr", seed=2, shard_size=20, workers=2)  # type: ignore[attr-defined]
    assert not (tmp_path / "a.zarr").exists()


def test_shards_of_another_job_are_not_mixed_in(tmp_path: Path) -> None:
    """Left-over shards from another seed or source are refused, and named."""
    with pytest.raises(KeyboardInterrupt):
        generate(Speckle(breaks_at_size=20), 100, tmp_path / "a.zarr", seed=1, shard_size=40)
    with pytest.raises(InputError, match=r"another run: seed 1 \(now 2\)"):
        generate(Speckle(), 100, tmp_path / "a.zarr", seed=2, shard_size=40)
    with pytest.raises(InputError, match=r"source speckle 1 \(now speckle 2\)"):
        generate(Speckle("speckle 2"), 100, tmp_path / "a.zarr", seed=1, shard_size=40)


def test_a_listing_is_asked_for_places(tmp_path: Path) -> None:
    """A source that lists its patterns is asked for consecutive places, each once, and they come in order."""
    letters = Letters()
    found = store.load(generate(letters, 50, tmp_path / "set.zarr", seed=0, shard_size=20))
    assert letters.asked == [(0, 20), (20, 40), (40, 50)]
    assert found["place"].values.tolist() == list(range(50))
    np.testing.assert_array_equal(found["intensity"].values[:, 3, 3], np.arange(50))


def test_an_interrupted_listing_goes_on(tmp_path: Path) -> None:
    """Of a listing, too, only the missing places are asked for again, and the size of shards does not matter."""
    with pytest.raises(KeyboardInterrupt):
        generate(Letters(breaks_at=40), 50, tmp_path / "a.zarr", seed=0, shard_size=20)
    letters = Letters()
    resumed = generate(letters, 50, tmp_path / "a.zarr", seed=0, shard_size=20)
    assert letters.asked == [(40, 50)]
    whole = generate(Letters(), 50, tmp_path / "b.zarr", seed=0, shard_size=50)
    xr.testing.assert_identical(store.load(resumed).load(), store.load(whole).load())


def test_a_listing_that_falls_short_is_told(tmp_path: Path) -> None:
    """A listing that gives fewer patterns than it was asked for is refused, and nothing is written."""
    short = types.SimpleNamespace(part=lambda start, stop: Letters().part(start, stop - 1))
    with pytest.raises(InputError, match="made 9 patterns instead of 10"):
        generate(short, 10, tmp_path / "a.zarr", seed=0)
    assert not (tmp_path / "a.zarr").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A finished set is not touched; other endings and empty jobs are refused."""
    path = generate(Speckle(), 10, tmp_path / "a.zarr", seed=1)
    for arguments, message in (
        ((10, path, 2), "exists already"),
        ((10, tmp_path / "a.npz", 1), "unknown ending"),
        ((0, tmp_path / "b.zarr", 1), "count 0"),
    ):
        with pytest.raises(InputError, match=message):
            generate(Speckle(), *arguments)
    assert [item.name for item in tmp_path.iterdir()] == ["a.zarr"]


def test_shard_seeds_differ() -> None:
    """No two shards of one job, nor of neighbouring seeds, share a seed."""
    seeds = [Job(100, seed, 1, "x").shard_seed(shard) for seed in range(20) for shard in range(100)]
    assert len(set(seeds)) == len(seeds) and min(seeds) >= 0 and max(seeds) < 2**63
