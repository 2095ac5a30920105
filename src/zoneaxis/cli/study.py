"""`zoneaxis study`: a published system run anew, its claims beside what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoneaxis.cli.progress import interruptible

GO_ON = "finished stages are kept: give the same command again to go on from here"


def study(
    name: Annotated[str, typer.Argument(help="Name of the study.", show_default=False)],
    scale: Annotated[
        str, typer.Option(help="smoke: a minute; small: an hour on two cores; full: as in the paper.")
    ] = "smoke",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Folder of the results.", show_default="studies/NAME/results of the checkout"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps data sets and finished stages.", show_default="the user's cache"),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, one thread each.", show_default="all cores")] = None,
) -> None:
    """Run a study: simulate, train, read, and hold what comes out against the claims of its paper."""
    from zoneaxis.studies import run

    with interruptible(GO_ON):
        page = run(name, scale, output, data=data, workers=workers)
    typer.echo(page.read_text(encoding="utf-8"), nl=False)
    typer.echo(f"claims, tables and figures: {page.parent}", err=True)
