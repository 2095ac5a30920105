"""Watch: a folder that fills with patterns, read as they arrive; originals are only ever opened for reading."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.reading.image_file import PLAIN, SCANS, read_pixels
from zoneaxis.reading.reading import Reading
from zoneaxis.reading.results_table import ResultsTable
from zoneaxis.reading.value_reader import ValueReader

BATCH_IMAGES = 32
"""Images read together: enough to share the work, few enough that the first answer comes at once."""
STEADY_S = 0.05
"""A file that did not change for as long is taken to be written to its end, if it parses."""
RETRY_S = 0.5
"""How long a file that does not parse is left alone before the next try."""


@dataclass(frozen=True)
class Arrival:
    """One file that was dealt with: its readings, or why there are none."""

    file: str
    readings: tuple[Reading, ...]
    fault: str | None = None


@dataclass
class _Waiting:
    """A file that is not read yet: its size and time when last seen, since when they stand, when to try (again)."""

    signature: tuple[int, int]
    since: float
    fault: str
    again: float = 0.0


@dataclass
class Folder:
    """What is known of a watched folder.

    A file is read when its size and its time of change have stood still for `STEADY_S`, and counts as read if it is
    the same after reading and parses. One that does not parse is tried again and again, and given up when it has not
    changed for `deadline_s`. Files that begin with a dot, and folders in it, are left alone.
    """

    path: Path
    deadline_s: float
    done: set[str] = field(default_factory=set)
    waiting: dict[str, _Waiting] = field(default_factory=dict)

    def look(self) -> list[str]:
        """Names of the files that are worth a try now, in the order of their names; `InputError` without the folder."""
        now, ripe, seen = time.monotonic(), [], set()
        try:
            entries = list(os.scandir(self.path))
        except OSError as reason:
            raise InputError(f"{self.path}: the folder can no longer be read ({reason.strerror})") from None
        for entry in entries:
            name = entry.name
            if name in self.done or name.startswith(".") or not name.lower().endswith((*PLAIN, *SCANS)):
                continue
            try:
                told = entry.stat()
            except OSError:
                continue
            seen.add(name)
            signature = (told.st_size, told.st_mtime_ns)
            known = self.waiting.get(name)
            if known is None:
                # A file that has been lying there for long enough need not be looked at twice.
                age = time.time() - told.st_mtime
                since = now - max(0.0, min(age, 2 * STEADY_S))
                known = self.waiting[name] = _Waiting(signature, since, f"{self.path / name}: the file is empty")
            elif known.signature != signature:
                known.signature, known.since, known.again = signature, now, 0.0
            if signature[0] and now - known.since >= STEADY_S and now >= known.again:
                ripe.append(name)
        for name in set(self.waiting) - seen:
            del self.waiting[name]
        return sorted(ripe)

    def pixels(self, name: str) -> tuple[np.ndarray, str] | None:
        """Pixels (n, rows, cols) and technique of a file, or None if it is not whole yet."""
        known, place = self.waiting[name], self.path / name
        known.again = time.monotonic() + RETRY_S
        try:
            found = read_pixels(place)
            told = place.stat()
        except InputError as fault:
            known.fault = str(fault)
            return None
        except OSError as fault:
            known.fault = f"{place}: {fault.strerror}"
            return None
        if (told.st_size, told.st_mtime_ns) != known.signature:
            known.fault = f"{place}: it changes while it is read"
            return None
        return found

    def settle(self, name: str) -> None:
        """The file is dealt with."""
        self.done.add(name)
        self.waiting.pop(name, None)

    def given_up(self) -> list[tuple[str, str]]:
        """Files that have not changed for the deadline and still do not parse, and why."""
        now = time.monotonic()
        return [
            (name, known.fault)
            for name, known in self.waiting.items()
            if now - known.since > self.deadline_s and (known.again or not known.signature[0])
        ]


def watch(
    folder: str | Path,
    output: str | Path | None = None,
    *,
    technique: str = "cbleed",
    model: str | Path | None = None,
    refine: bool = False,
    once: bool = False,
    poll_s: float = 0.2,
    deadline_s: float = 10.0,
) -> Iterator[Arrival]:
    """Read every new pattern of a folder as it arrives, and append one line per pattern to a table.

    A file counts by its name: one that the table holds is not read again, so a watch that was ended goes on where it
    stopped. A line is written before its arrival is handed out. The model runs on onnxruntime and NumPy.

    Args:
        folder: that fills; it need not hold anything yet.
        output: CSV file; None: `results.csv` in the folder.
        technique: whose default model is taken if none is named.
        model: name of a shipped model or a folder.
        refine: maximum likelihood through the model's emulator, for each pattern.
        once: read what is there and end, instead of waiting for more.
        poll_s: how often an idle folder is looked at.
        deadline_s: how long a file that does not parse may stand still before it is listed as unreadable.

    Yields:
        One `Arrival` per file.

    Raises:
        InputError: no such folder, a table of something else, a model that cannot be used; later, that the folder is
            gone. Later faults of single files become lines of the table.
    """
    from zoneaxis.reading.identify import REGRESSOR
    from zoneaxis.reading.model import model_folder, stated
    from zoneaxis.reading.value_model import open_model

    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"{place}: no such folder")
    if not poll_s > 0 or not deadline_s >= 0:
        raise InputError(f"watch: poll_s = {poll_s}, deadline_s = {deadline_s}; the first must be > 0, the other >= 0")
    trained = model_folder(model, technique)
    reads, form = stated(trained)
    if form != "?" and not form.startswith(REGRESSOR):
        raise InputError(
            f"watch: the model {trained.name} tells kinds of {reads} patterns; a model of values is needed"
        )
    reader = ValueReader(open_model(trained))
    if refine:
        _ = reader.likelihood
    table = ResultsTable.open(Path(output) if output else place / "results.csv", reader.model.spans)
    return _arrivals(Folder(place, deadline_s, set(table.files)), reader, table, refine, once, poll_s)


def _arrivals(
    folder: Folder, reader: ValueReader, table: ResultsTable, refine: bool, once: bool, poll_s: float
) -> Iterator[Arrival]:
    while True:
        ripe = folder.look()
        for begin in range(0, len(ripe), BATCH_IMAGES):
            arrived = []
            for name in ripe[begin : begin + BATCH_IMAGES]:
                found = folder.pixels(name)
                if found is not None:
                    arrived.append((name, *found))
            yield from _told(folder, table, _read(folder, reader, arrived, refine))
        yield from _told(folder, table, [Arrival(name, (), fault) for name, fault in folder.given_up()])
        if not folder.waiting and once:
            return
        if not ripe:
            time.sleep(min(poll_s, STEADY_S) if folder.waiting else poll_s)


def _read(
    folder: Folder, reader: ValueReader, arrived: list[tuple[str, np.ndarray, str]], refine: bool
) -> list[Arrival]:
    """Read files together where their images are alike; a file that the model cannot read is told, not raised."""
    faults: dict[str, str] = {}
    readings: dict[str, list[Reading]] = {name: [] for name, _, _ in arrived}
    alike: dict[tuple[int, ...], list[tuple[str, np.ndarray]]] = {}
    for name, pixels, technique in arrived:
        if technique not in ("unknown", reader.model.technique):
            faults[name] = f"{name}: patterns of {technique}, the model reads {reader.model.technique}"
            continue
        try:
            reader.check(pixels, name)
        except InputError as fault:
            faults[name] = str(fault)
            continue
        alike.setdefault(pixels.shape[1:], []).append((name, pixels))
    for members in alike.values():
        files = [name for name, pixels in members for _ in pixels]
        indices = [index for _, pixels in members for index in range(len(pixels))]
        stack = np.concatenate([pixels.astype(np.float32) for _, pixels in members])
        try:
            for begin in range(0, len(stack), BATCH_IMAGES):
                part = slice(begin, begin + BATCH_IMAGES)
                for one in reader.read(files[part], indices[part], stack[part], refine=refine):
                    readings[one.file].append(one)
        except InputError as fault:
            faults |= {name: f"{name}: {fault}" for name, _ in members}
    return [Arrival(name, () if name in faults else tuple(readings[name]), faults.get(name)) for name, _, _ in arrived]


def _told(folder: Folder, table: ResultsTable, arrivals: list[Arrival]) -> list[Arrival]:
    """Write the arrivals into the table, and only then count them as dealt with."""
    lines = []
    for arrival in arrivals:
        if arrival.fault is not None:
            lines.append(table.unreadable(arrival.file, arrival.fault))
        lines += [table.line(arrival.file, one) for one in arrival.readings]
    if lines:
        table.append(lines)
    for arrival in arrivals:
        folder.settle(arrival.file)
    return arrivals
