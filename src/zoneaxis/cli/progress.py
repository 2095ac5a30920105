"""Progress: a bar on stderr while something long runs, and a clean way out when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that is fed with (what is done now, done, in all); nothing is drawn where stderr is not a terminal."""
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
    label = TextColumn("{task.description}")
    columns = (label, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


@contextmanager
def interruptible(afterwards: str) -> Iterator[None]:
    """Ctrl-C inside ends the program with exit code 130 and a line that says what was kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"zoneaxis: interrupted; {afterwards}", err=True)
        raise typer.Exit(130) from None
