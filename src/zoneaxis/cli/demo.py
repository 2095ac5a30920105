"""`zoneaxis demo`: nine measured nickel patterns, read, shown and written as a picture and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoneaxis.cli.progress import bar, interruptible

SCAN = "Scan 1"
PICTURE, REPORT = "nickel.png", "report.html"


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the picture and the report.")] = Path(
        "demo"
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over files that the demo did not write.")] = False,
) -> None:
    """Read the nine measured nickel patterns that come with kikuchipy; their space group is 225."""
    from zoneaxis.cli.identify import publish
    from zoneaxis.cli.table import show
    from zoneaxis.patterns.readers import kikuchipy_sample
    from zoneaxis.reading.identify import identify

    picture, report = output / PICTURE, output / REPORT
    for path in (picture, report):
        _refuse(path, force)
    sample = kikuchipy_sample()
    with interruptible("nothing was written"):
        with bar() as progress:
            readings = list(identify([sample], dataset=SCAN, images=True, progress=progress))
        show(readings)
        output.mkdir(parents=True, exist_ok=True)
        publish(readings, report, picture, force=True)
    expected = sum("225" in reading.prediction_set for reading in readings)
    typer.echo(f"225 (nickel) is in the set of {expected} of {len(readings)} patterns; see {picture} and {report}")


def _refuse(path: Path, force: bool) -> None:
    """A file of an earlier demo or report may be replaced, anything else may not."""
    from zoneaxis.errors import InputError
    from zoneaxis.report.figures import SIGNATURE

    if path.exists() and not force and not (path.is_file() and SIGNATURE.encode() in path.read_bytes()[:4096]):
        raise InputError(f"{path}: exists and was not written by zoneaxis; choose another folder with -o, or --force")
