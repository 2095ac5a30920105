"""Generation: a large pattern set made shard by shard, in parallel, that can be killed and taken up again.

One shard is one task. It depends on nothing but the source, its size and its own seed, writes one file beside the
target, and may be run again without harm, here or by any cluster scheduler (`make_shard`). When all shards are there
they are joined into one sharded Zarr store and the folder of shards is removed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import processes, schema, store


class Source(Protocol):
    """Makes n patterns from a seed: same n and seed, same patterns. It must be picklable for workers > 1."""

    def __call__(self, n: int, seed: int) -> xr.Dataset: ...


class Listing(Protocol):
    """A source whose patterns are a list, not drawn: it is asked for places start to stop instead of a number."""

    def part(self, start: int, stop: int) -> xr.Dataset:
        """Patterns number start to stop - 1."""
        ...


@dataclass(frozen=True)
class Job:
    """What is to be made: `count` patterns from `seed` in shards of `shard_size`; `source` tells sources apart."""

    count: int
    seed: int
    shard_size: int
    source: str

    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-self.count // self.shard_size))

    def size(self, shard: int) -> int:
        """Patterns in a shard: the last may be smaller."""
        return min(self.shard_size, self.count - shard * self.shard_size)

    def shard_seed(self, shard: int) -> int:
        """Seed of a shard, independent between shards and jobs (NumPy's SeedSequence), below 2^63."""
        return int(np.random.SeedSequence([self.seed, shard]).generate_state(1, np.uint64)[0] >> 1)


def generate(
    source: Source | Listing,
    count: int,
    path: str | Path,
    seed: int,
    shard_size: int = store.SHARD,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make `count` patterns with `source` and store them at `path`, a .zarr; return the path.

    Arguments: source: draws patterns, or lists them (`Listing`); where it has a text attribute `fingerprint` (the hash
    of its recipe), that tells it from others, otherwise its name does; workers: processes, each with one torch thread;
    progress: called as progress(patterns done, count).
    Killed and started again with the same arguments, only the missing shards are made; the result depends on source,
    count, seed and shard_size, not on workers or interruptions.
    Raises InputError when `path` exists, is no .zarr, or when unfinished shards there belong to another job.
    """
    path = Path(path)
    if count < 1 or shard_size < 1 or workers < 1 or seed < 0:
        raise InputError(
            f"generate: count {count}, shard_size {shard_size}, workers {workers} must be at least 1, "
            f"seed {seed} at least 0"
        )
    store.refuse(path, (".zarr",))
    job = Job(count, seed, shard_size, _name(source))
    folder = _open_folder(path, job)
    missing = [shard for shard in job.shards() if not _shard_path(folder, shard).exists()]
    done = count - sum(map(job.size, missing))
    if progress:
        progress(done, count)
    for shard in processes.results([partial(make_shard, source, job, folder, n) for n in missing], workers, "generate"):
        done += job.size(shard)
        if progress:
            progress(done, count)
    with store.appearing_whole(path) as place:
        store.write_zarr((store.load(_shard_path(folder, shard)) for shard in job.shards()), place)
    shutil.rmtree(folder)
    return path


def make_shard(source: Source | Listing, job: Job, folder: Path, shard: int) -> int:
    """Make one shard, check it and write it whole; return its number. Doing it twice gives the same file."""
    if hasattr(source, "part"):
        start = shard * job.shard_size
        dataset = source.part(start, start + job.size(shard))
    else:
        dataset = source(job.size(shard), job.shard_seed(shard))
    schema.check(dataset, where=f"shard {shard}")
    if dataset.sizes.get("pattern") != job.size(shard):
        raise InputError(
            f"shard {shard}: the source made {dataset.sizes.get('pattern')} patterns instead of {job.size(shard)}"
        )
    store.save(dataset, _shard_path(folder, shard), overwrite=True)
    return shard


def _name(source: Source | Listing) -> str:
    return str(getattr(source, "fingerprint", None) or getattr(source, "__qualname__", type(source).__qualname__))


def _open_folder(path: Path, job: Job) -> Path:
    """The folder of shards beside the target; one left by an interrupted run must belong to the same job."""
    folder = path.with_name(path.name + ".shards")
    folder.mkdir(exist_ok=True)
    record = folder / "job.json"
    if record.exists():
        before = json.loads(record.read_text())
        changed = [
            f"{name} {before.get(name)} (now {value})"
            for name, value in asdict(job).items()
            if before.get(name) != value
        ]
        if changed:
            raise InputError(
                f"{folder}: holds shards of another run: {', '.join(changed)}; run that one on or remove the folder"
            )
    else:
        with store.appearing_whole(record) as place:
            place.write_text(json.dumps(asdict(job)))
    return folder


def _shard_path(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:06d}.zarr"
