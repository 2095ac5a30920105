"""Outcome: what a study found, as numbers for its claims and as pages and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoneaxis.patterns.store import appearing_whole


@dataclass(frozen=True)
class Outcome:
    """What came out of a run.

    ours: value for each claim that could be computed, by id; spread: one standard deviation of it, where known;
    pages: file name -> content of every table and figure.
    """

    ours: Mapping[str, float | bool]
    spread: Mapping[str, float]
    pages: Mapping[str, str | bytes]

    def write(self, folder: Path) -> None:
        """Write the pages into a folder, each whole, in the place of those of an earlier run."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.pages.items():
            with appearing_whole(folder / name, overwrite=True) as place:
                place.write_bytes(content.encode() if isinstance(content, str) else content)
