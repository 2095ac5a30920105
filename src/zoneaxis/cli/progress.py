"""Progress: a bar on stderr while something long runs, and a clean way out when it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from zoneaxis.recipes.progress import bar

__all__ = ["bar", "interruptible"]


@contextmanager
def interruptible(afterwards: str) -> Iterator[None]:
    """Ctrl-C inside ends the program with exit code 130 and a line that says what was kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"zoneaxis: interrupted; {afterwards}", err=True)
        raise typer.Exit(130) from None
