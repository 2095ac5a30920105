"""`zoneaxis simulate sadp`: selected-area patterns of a crystal, perfect or with defects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoneaxis.cli.simulation import Force, Output, tell_patterns, write
from zoneaxis.cli.values import indices, pair_of_numbers

if TYPE_CHECKING:
    import xarray as xr

DEFECT_HELP = (
    "A defect as name:setting=value,...; may be repeated. stretch:strain=0.02 | shear:gamma_rad=0.01 | "
    "heat:temperature_k=300 | vacancies:fraction=0.01 | substitution:element=Si,fraction=0.01 | "
    "interstitials:element=C,fraction=0.01 | dislocations:count=4,layout=wall | twin:volume_fraction=0.3"
)


def sadp(
    crystal: Annotated[str, typer.Argument(help="Name of the library (`zoneaxis list crystals`) or a CIF file.")],
    output: Output,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="u,v,w: the electrons fly along +[uvw]; may be repeated.", show_default="0,0,1"),
    ] = None,
    voltage_kv: Annotated[float, typer.Option(help="Accelerating voltage in kV.")] = 200.0,
    camera_length_mm: Annotated[
        float, typer.Option(help="Specimen to detector; the detector is 25.6 mm wide.")
    ] = 320.0,
    size: Annotated[int, typer.Option(help="Side of a pattern in pixels.")] = 256,
    cells: Annotated[str, typer.Option(help="Repeats of the cell along a, b, c.")] = "40,30,20",
    defect: Annotated[list[str] | None, typer.Option(help=DEFECT_HELP, show_default="none")] = None,
    rotation_deg: Annotated[float, typer.Option(help="In-plane turn, anticlockwise.")] = 0.0,
    tilt_mrad: Annotated[str, typer.Option(help="x,y by which the beam leans from the zone axis.")] = "0,0",
    thickness_nm: Annotated[
        float | None,
        typer.Option(
            help="Of a foil: Bloch-wave intensities in place of kinematical ones.", show_default="kinematical"
        ),
    ] = None,
    camera: Annotated[
        str, typer.Option(help="none (intensities), ideal, laboratory or harsh: beam stop, dose, display.")
    ] = "none",
    electrons: Annotated[float | None, typer.Option(help="Dose, with --camera.", show_default="the preset's")] = None,
    indexed: Annotated[
        Path | None,
        typer.Option(help="PNG to write too: the first pattern with hkl, zone axis and scale.", show_default="none"),
    ] = None,
    form_factor: Annotated[str, typer.Option(help="lobato, kirkland, weickenmeier-kohl or peng.")] = "lobato",
    seed: Annotated[int, typer.Option(help="Of defects and camera.")] = 0,
    force: Force = False,
) -> None:
    """Simulate selected-area diffraction patterns of a crystal, perfect or with defects."""
    if indexed is not None:
        from zoneaxis.patterns import store

        store.refuse(indexed, (".png",), overwrite=force)
    axes = [indices(one, "--zone") for one in zone] if zone else [(0, 0, 1)]
    settings = {
        "zone": axes,
        "accelerating_voltage_kv": voltage_kv,
        "camera_length_mm": camera_length_mm,
        "size_px": size,
        "cells": indices(cells, "--cells"),
        "defects": list(defect or ()),
        "rotation_deg": rotation_deg,
        "tilt_mrad": pair_of_numbers(tilt_mrad, "--tilt-mrad"),
        "thickness_nm": thickness_nm,
        "camera": camera,
        "electrons": electrons,
        "form_factor": form_factor,
        "seed": seed,
    }
    made = write("sadp", crystal, settings, output, force, what="patterns")
    tell_patterns(made, output)
    if indexed is not None:
        _write_indexed(made, crystal, indexed)
        typer.echo(f"{indexed}: indexed picture of the first pattern", err=True)


def _write_indexed(made: xr.Dataset, crystal: str, path: Path) -> None:
    from zoneaxis import crystals
    from zoneaxis.techniques.sadp.experiment import SADPExperiment
    from zoneaxis.techniques.sadp.indexed import indexed_picture

    told = made.attrs
    experiment = SADPExperiment.of(
        [int(made[name].values[0]) for name in "uvw"],
        accelerating_voltage_kv=told["accelerating_voltage_kv"],
        camera_length_mm=told["camera_length_mm"],
        size_px=made["intensity"].shape[-1],
        rotation_deg=told["rotation_deg"],
        tilt_mrad=told["tilt_mrad"],
    )
    path.write_bytes(
        indexed_picture(
            made["intensity"].values[0], experiment, crystals.load(crystal), displayed=told["camera"] != "none"
        )
    )
