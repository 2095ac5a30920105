"""`zoneaxis refine`: thickness and other values of a crystal from measured LACBED discs, with a picture of the fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoneaxis.cli.progress import interruptible
from zoneaxis.cli.values import indices


def refine(
    discs: Annotated[Path, typer.Argument(help='.npz file with a square array for each disc, named "h,k,l".')],
    crystal: Annotated[str, typer.Argument(help="Name of the library (`zoneaxis list crystals`) or a CIF file.")],
    half_width: Annotated[
        float, typer.Option(help="From the middle to the edge of a disc in 1/Å, within some per cent.")
    ],
    zone: Annotated[str, typer.Option(help="u,v,w of the cell: the electrons fly along +[uvw].")] = "0,0,1",
    columns: Annotated[
        str | None, typer.Option(help="h,k,l of the zone that points right.", show_default="the shortest")
    ] = None,
    voltage_kv: Annotated[float, typer.Option(help="Accelerating voltage in kV; it is not fitted.")] = 200.0,
    thickness_nm: Annotated[
        float | None, typer.Option(help="To start from.", show_default="10 to 300 nm are scanned")
    ] = None,
    free: Annotated[
        str | None,
        typer.Option(
            help="What is fitted, with commas, of thickness, b_iso, absorption, share, lattice, half_width, aspect, "
            "shear, turn, centre_x, centre_y, blur.",
            show_default="without share, lattice, aspect, shear and turn",
        ),
    ] = None,
    disc_shifts: Annotated[bool, typer.Option(help="A shift of its own for every disc.")] = True,
    bin_px: Annotated[int, typer.Option("--bin", help="Pixels that are binned before the fit.")] = 1,
    grid: Annotated[int, typer.Option(help="Simulated directions across the field.")] = 96,
    beams: Annotated[int, typer.Option(help="Strong beams.")] = 130,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PNG: measured, fitted and difference of every disc.", show_default="none"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing picture.")] = False,
) -> None:
    """Fit discs of one zone axis by dynamical diffraction; the values with their uncertainties go to stdout."""
    from zoneaxis.patterns.store import appearing_whole, refuse
    from zoneaxis.techniques.lacbed.measured_discs import MeasuredDiscs
    from zoneaxis.techniques.lacbed.refine import refine as fit
    from zoneaxis.techniques.lacbed.refine_parameters import DEFAULT_FREE

    if output is not None:
        refuse(output, (".png",), overwrite=force)
    measured = MeasuredDiscs.read(discs)
    with interruptible("nothing was written"):
        found = fit(
            measured,
            crystal,
            zone=indices(zone, "--zone"),
            columns=None if columns is None else indices(columns, "--columns"),
            accelerating_voltage_kv=voltage_kv,
            half_width_per_angstrom=half_width,
            start={} if thickness_nm is None else {"thickness": thickness_nm},
            free=DEFAULT_FREE if free is None else tuple(name.strip() for name in free.split(",")),
            disc_shifts=disc_shifts,
            bin_px=bin_px,
            grid_px=grid,
            beams=beams,
            progress=lambda line: typer.echo(line, err=True),
        )
        typer.echo(str(found))
        if output is not None:
            with appearing_whole(output, overwrite=force) as place:
                place.write_bytes(found.figure())
