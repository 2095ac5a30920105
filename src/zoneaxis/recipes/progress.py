"""Progress: a bar on stderr while something long runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tick = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is."""


@contextmanager
def bar(lines: bool = False, wanted: bool = True) -> Iterator[Tick]:
    """A bar on a terminal; elsewhere nothing, or with `lines` a line for every tick, which suits a log file."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if wanted and lines and not console.is_terminal:
        yield lambda what, done, total: print(f"{what}: {done} of {total}", file=sys.stderr)
        return
    label = TextColumn("{task.description}")
    columns = (label, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    shown = wanted and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
