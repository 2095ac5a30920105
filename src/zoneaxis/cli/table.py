"""Table: readings side by side on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneaxis.reading.reading import Reading

MOST_REASONS = 20
RIGHT = ("pattern", "prob.", "NCC", "chi2", "misfit")


def show(readings: Sequence[Reading]) -> None:
    """Print a table of the readings on stdout, and below it the first reasons."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from zoneaxis.report.row import headings, rows

    console = Console()
    files = sorted({reading.file for reading in readings})
    title = Path(files[0]).name if len(files) == 1 else None
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("pattern", *headings(readings)):
        table.add_column(heading, justify="right" if heading in RIGHT else "left")
    for reading, entries in zip(readings, rows(readings), strict=True):
        name = str(reading.index) if len(files) == 1 else f"{Path(reading.file).name} {reading.index}"
        table.add_row(name, *map(escape, entries), style="dim" if reading.unknown else None)
    console.print(table)
    for reading in readings[:MOST_REASONS]:
        console.print(f"{reading.index}: {reading.reason}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if len(readings) > MOST_REASONS:
        console.print("... and the rest with --json or --report", style="dim")
