"""Simulation: an output refused before the work, a bar during it, a file that is whole after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoneaxis.cli.progress import bar, interruptible

if TYPE_CHECKING:
    import xarray as xr

    Save = Callable[..., Path]
    """Called as save(dataset, path, overwrite)."""

Output = Annotated[
    Path,
    typer.Option("-o", "--output", help="File to write: .zarr, .npz, .tif or .png by its ending.", show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Write over an existing file.")]


def write(
    technique: str,
    specimen: str,
    settings: dict[str, Any],
    output: Path,
    force: bool,
    *,
    what: str,
    save: Save | None = None,
    endings: tuple[str, ...] | None = None,
) -> xr.Dataset:
    """Simulate and write what comes out; `save` and `endings` are those of pattern sets unless given.

    `what` stands beside the bar.
    """
    from zoneaxis.patterns import store
    from zoneaxis.techniques.simulate import simulate

    store.refuse(output, endings or store.ENDINGS, overwrite=force)
    with interruptible("nothing was written"):
        with bar() as progress:
            made = simulate(technique, specimen, progress=partial(progress, what), **settings)
        (save or store.save)(made, output, overwrite=force)
    return made


def tell_patterns(patterns: xr.Dataset, output: Path) -> None:
    """One line on stderr: where the patterns are and of what size."""
    count, rows, cols = patterns["intensity"].shape
    typer.echo(f"{output}: {count} x {rows} x {cols} px, {patterns['intensity'].dtype}", err=True)
