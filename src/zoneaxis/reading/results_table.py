"""Results table: a CSV file that grows by one line per pattern and remembers which files it holds."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoneaxis.errors import InputError
from zoneaxis.reading.reading import Reading

FIRST = ("file", "index", "state", "answer", "probability")
LAST = ("unknown_score", "technique", "model", "reason")
READ, UNKNOWN, UNREADABLE = "read", "unknown", "unreadable"


@dataclass
class ResultsTable:
    """An open table.

    Attributes:
        path: of the CSV file, UTF-8.
        names: values that it has columns for, each followed by a column `NAME_uncertainty` (one standard deviation).
            Units stand in the names, as in `beam_energy_ev`.
        files: names of the files that it holds already.
    """

    path: Path
    names: tuple[str, ...]
    files: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path, values: Mapping[str, object]) -> ResultsTable:
        """The table at `path`, begun if there is none.

        A last line that was cut short by a crash is taken away, so that its file is read again.

        Raises:
            InputError: something else is there, or a table with other columns: nothing is changed.
        """
        table = cls(path, tuple(values))
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: folder {path.absolute().parent} does not exist")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a file; name a .csv file for the results")
        content = path.read_bytes() if path.exists() else b""
        if not content:
            path.write_text(_line(table.columns), encoding="utf-8")
            return table
        try:
            whole = content[: content.rfind(b"\n") + 1].decode("utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a table of results (no UTF-8 text); name another file") from None
        lines = list(csv.reader(io.StringIO(whole)))
        if not lines or lines[0] != list(table.columns):
            found = ",".join(lines[0] if lines else ())[:80]
            raise InputError(
                f"{path}: its first line is {found!r}, not that of this model's results; name another file"
            )
        if len(whole.encode()) < len(content):
            os.truncate(path, len(whole.encode()))
        table.files.update(line[0] for line in lines[1:] if line)
        return table

    @property
    def columns(self) -> tuple[str, ...]:
        """The header."""
        numbers = [column for name in self.names for column in (name, f"{name}_uncertainty")]
        return (*FIRST, *numbers, *LAST)

    def append(self, lines: Iterable[Sequence[str]]) -> None:
        """Add lines in one write, down to the disk's cache."""
        lines = list(lines)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write("".join(map(_line, lines)))
        self.files.update(line[0] for line in lines)

    def line(self, name: str, reading: Reading) -> tuple[str, ...]:
        """A reading of the file that the table calls `name`."""
        values = reading.values or {}
        numbers = []
        for column in self.names:
            value = values.get(column)
            numbers += ["", ""] if value is None else [f"{value.value:.6g}", f"{value.uncertainty:.3g}"]
        best = reading.answers[0] if reading.answers else None
        return (
            name,
            str(reading.index),
            UNKNOWN if reading.unknown else READ,
            *((best.label, f"{best.probability:.4f}") if best else ("", "")),
            *numbers,
            f"{reading.unknown_score:.4g}",
            reading.technique,
            reading.model,
            reading.reason,
        )

    def unreadable(self, name: str, reason: str) -> tuple[str, ...]:
        """A file that gave no pattern."""
        blank = [""] * (len(self.columns) - 4)
        return (name, "", UNREADABLE, *blank, " ".join(reason.split()))


def _line(entries: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(entries)
    return text.getvalue()
