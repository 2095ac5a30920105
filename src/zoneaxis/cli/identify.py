"""`zoneaxis identify`: real patterns in, answers or values with their certainty and their reason out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoneaxis.cli.progress import bar, interruptible
from zoneaxis.cli.values import triple

if TYPE_CHECKING:
    from zoneaxis.reading.reading import Reading


def identify(
    files: Annotated[list[Path], typer.Argument(help="Images, scan files or folders of images.", show_default=False)],
    technique: Annotated[
        str | None,
        typer.Option(help="ebsd, cbleed or sadp.", show_default="the model's own, else the file's, else ebsd"),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name of a shipped model or a model folder.", show_default="the shipped one")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on stdout, and nothing else.")
    ] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="The network alone, without matching.")] = False,
    refine: Annotated[
        bool | None,
        typer.Option(
            "--refine/--no-refine", help="Values: maximum likelihood after the network's guess.", show_default="refine"
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Which of several data sets in a scan file, e.g. 'Scan 1'.", show_default=False)
    ] = None,
    pattern_centre: Annotated[
        str | None, typer.Option(help="x,y,z of all patterns.", show_default="what the file states, or searched")
    ] = None,
    convention: Annotated[str, typer.Option(help="Of the pattern centre: bruker, edax or oxford.")] = "bruker",
    per_angstrom_per_px: Annotated[
        float | None,
        typer.Option(help="SADP: 1/Å in a pixel.", show_default="what the file states, or not known"),
    ] = None,
    each_alone: Annotated[
        bool, typer.Option("--each-alone", help="SADP: every pattern of a file is another crystal.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="HTML report to write.", show_default=False)] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG picture to write.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing report or picture.")] = False,
) -> None:
    """Read patterns: the space group (EBSD, SADP) or values (CBLEED), how sure that is, and why."""
    from zoneaxis.reading.identify import identify as read

    centre = None if pattern_centre is None else triple(pattern_centre, "--pattern-centre")
    _refuse(report, picture, force)
    readings: list[Reading] = []
    with interruptible("no report and no picture was written"):
        with bar() as progress:
            found = read(
                files,
                technique=technique,
                model=model,
                verify=not no_verify,
                refine=refine,
                dataset=dataset,
                pattern_centre=centre,
                detector_convention=convention,
                images=bool(report or picture),
                per_angstrom_per_px=per_angstrom_per_px,
                each_alone=each_alone,
                progress=progress,
            )
            for reading in found:
                readings.append(reading)
                if as_json:
                    print(json.dumps(reading.to_json(), allow_nan=False), flush=True)
        if not as_json:
            from zoneaxis.cli.table import show

            show(readings)
        if report or picture:
            publish(readings, report, picture, force=force)


def publish(readings: list[Reading], report: Path | None, picture: Path | None, *, force: bool = False) -> None:
    """Draw the readings once and write them as a picture, as a report, or as both; each appears whole or not at all."""
    from zoneaxis.patterns.store import appearing_whole
    from zoneaxis.report import figures, page

    drawing = figures.picture(readings)
    for path, content in ((picture, drawing), (report, None)):
        if path is not None:
            with appearing_whole(path, overwrite=force) as place:
                place.write_bytes(page.page(readings, drawing).encode() if content is None else content)
            typer.echo(f"{'report' if content is None else 'picture'}: {path}", err=True)


def _refuse(report: Path | None, picture: Path | None, force: bool) -> None:
    from zoneaxis.patterns import store

    if report is not None:
        store.refuse(report, (".html", ".htm"), overwrite=force)
    if picture is not None:
        store.refuse(picture, (".png",), overwrite=force)
