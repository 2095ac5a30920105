"""`zoneaxis generate` and `zoneaxis train`: what a recipe file describes, made and taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoneaxis.cli.progress import interruptible

Recipe = Annotated[Path, typer.Argument(help="Recipe, a TOML file.", show_default=False)]
GO_ON = "what is finished is kept: give the same command again to go on from here"


def generate(
    recipe: Recipe,
    output: Annotated[Path, typer.Option("-o", "--output", help="Pattern set to write, a .zarr.", show_default=False)],
    workers: Annotated[int, typer.Option(help="Processes, one thread each.")] = 1,
    patterns: Annotated[
        int | None, typer.Option(help="How many patterns, in place of the recipe's number.", show_default=False)
    ] = None,
) -> None:
    """Make the pattern set of a recipe; interrupted and started again, it goes on where it stopped."""
    from zoneaxis.recipes.generate import generate as make

    with interruptible(GO_ON):
        path = make(recipe, output, workers=workers, patterns=patterns)
    typer.echo(f"pattern set: {path}", err=True)


def train(
    recipe: Recipe,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the run and its model.", show_default=False)
    ],
    workers: Annotated[
        int | None, typer.Option(help="Processes that simulate patterns.", show_default="all cores")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Put the new model in the place of a finished one.")] = False,
) -> None:
    """Train the model of a recipe; interrupted and started again, it goes on where it stopped."""
    from zoneaxis.recipes.train import train as make

    with interruptible(GO_ON):
        path = make(recipe, output, workers=workers, overwrite=force)
    typer.echo(f"model: {path}", err=True)
