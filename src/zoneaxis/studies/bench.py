"""Bench: where a study works: its settings, a folder that keeps every finished stage, and its workers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.patterns import processes
from zoneaxis.patterns.store import appearing_whole
from zoneaxis.recipes.progress import Tick

Result = dict[str, Any]
"""Of a stage: arrays, and whatever JSON can hold."""

REVISION = 1
"""Part of every key: raise it when what a stage computes changes although its settings do not."""


def key_of(decided_by: Mapping[str, Any]) -> str:
    """Short fingerprint of settings: equal settings, equal key."""
    described = json.dumps([REVISION, decided_by], sort_keys=True, default=_plain)
    return hashlib.sha256(described.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Bench:
    """Everything a study needs to run.

    study, scale: names; settings: of that scale; folder: keeps data sets, networks and stages of all scales;
    workers: processes of one thread each; tick: told what is done, how much of it, and of how much.
    """

    study: str
    scale: str
    settings: Mapping[str, Any]
    folder: Path
    workers: int
    tick: Tick

    def stage(self, name: str, decided_by: Mapping[str, Any], make: Callable[[], Result]) -> Result:
        """What `make` gives, computed once: kept under the name and the fingerprint of what decides it.

        Arrays lie in a safetensors file, all else in a JSON file beside it, which is written last and also holds what
        decided the result and the seconds it took (`seconds`). A stage that was interrupted leaves nothing.
        """
        from safetensors.numpy import load_file, save_file

        place = self.path("stages", f"{name.replace(' ', '-')}-{key_of(decided_by)}.json")
        arrays_place = place.with_suffix(".safetensors")
        if place.exists():
            kept = json.loads(place.read_text(encoding="utf-8"))
            arrays = load_file(arrays_place) if kept["arrays"] else {}
            return kept["values"] | arrays | {"seconds": kept["seconds"]}
        begun = time.monotonic()
        made = make()
        arrays = {label: np.ascontiguousarray(value) for label, value in made.items() if isinstance(value, np.ndarray)}
        record = {
            "decided_by": decided_by,
            "seconds": round(time.monotonic() - begun, 2),
            "arrays": sorted(arrays),
            "values": {label: value for label, value in made.items() if label not in arrays},
        }
        text = json.dumps(record, indent=1, default=_plain) + "\n"
        if arrays:
            with appearing_whole(arrays_place, overwrite=True) as partial:
                save_file(arrays, partial)
        with appearing_whole(place, overwrite=True) as partial:
            partial.write_text(text, encoding="utf-8")
        return json.loads(text)["values"] | arrays | {"seconds": record["seconds"]}

    def quiet(self) -> Bench:
        """The same bench for a process of its own, which has no workers and tells nobody what it does."""
        return replace(self, workers=1, tick=_silent)

    def path(self, *parts: str) -> Path:
        """A place in the bench's folder; its parent exists."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def together(self, what: str, jobs: Iterable[Callable[[], object]]) -> None:
        """Do all jobs, in as many processes as there are workers; they must be picklable.

        A job keeps its own result; finished ones stay when others are interrupted. `InputError` when a process dies.
        """
        waiting = list(jobs)
        self.tick(what, 0, len(waiting))
        for done, _ in enumerate(processes.results(waiting, self.workers, what), start=1):
            self.tick(what, done, len(waiting))


def _silent(what: str, done: int, total: int) -> None:
    """Nobody is told."""


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths, as JSON can hold them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise InputError(f"a stage holds a {type(value).__name__}, which JSON cannot keep")
