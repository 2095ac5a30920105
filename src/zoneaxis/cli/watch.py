"""`zoneaxis watch`: patterns read as they arrive in a folder, one line each in a table."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneaxis.reading.watch import Arrival

TOLD_EVERY_S = 1.0


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that fills with patterns.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="CSV table.", show_default="results.csv in the folder")
    ] = None,
    technique: Annotated[str, typer.Option(help="Of the patterns.")] = "cbleed",
    model: Annotated[
        str | None, typer.Option(help="Name of a shipped model or a model folder.", show_default="the technique's")
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine/--no-refine", help="Maximum likelihood after the network's guess.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Read what is there and end.")] = False,
    poll_s: Annotated[float, typer.Option(help="How often an idle folder is looked at, in seconds.")] = 0.2,
    deadline_s: Annotated[
        float, typer.Option(help="How long a file that does not parse may stand still before it is given up.")
    ] = 10.0,
) -> None:
    """Read every new pattern of a folder as it arrives; Ctrl-C ends it, the same command goes on."""
    from zoneaxis.reading.watch import watch as read

    arrivals = read(
        folder,
        output,
        technique=technique,
        model=model,
        refine=refine,
        once=once,
        poll_s=poll_s,
        deadline_s=deadline_s,
    )
    table = output or folder / "results.csv"
    typer.echo(f"watching {folder}, results in {table}" + ("" if once else "; Ctrl-C ends"), err=True)
    _follow(arrivals)


def _follow(arrivals: Iterator[Arrival]) -> None:
    """Count what arrives, tell the rate about once a second and at the end; Ctrl-C is the ordinary end."""
    patterns = unknown = unreadable = 0
    # Time in which something arrived: waiting for the next file is not counted in the rate.
    busy, last, spoken = 0.0, time.monotonic(), 0.0

    def say() -> None:
        rate = f", {patterns / busy:.0f} patterns/s" if busy > 0 and patterns > 1 else ""
        typer.echo(f"{patterns} patterns, {unknown} unknown, {unreadable} files unreadable{rate}", err=True)

    try:
        for arrival in arrivals:
            now = time.monotonic()
            busy += min(now - last, TOLD_EVERY_S / 10)
            last = now
            patterns += len(arrival.readings)
            unknown += sum(reading.unknown for reading in arrival.readings)
            unreadable += arrival.fault is not None
            if arrival.fault is not None:
                typer.echo(f"unreadable: {arrival.fault}", err=True)
            if now - spoken > TOLD_EVERY_S:
                say()
                spoken = now
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    say()
