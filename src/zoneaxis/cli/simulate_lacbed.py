"""`zoneaxis simulate lacbed` and `simulate cbed`: a convergent beam of fast electrons along a zone axis of a foil."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import typer

from zoneaxis.cli.simulation import Force, Output, tell_patterns, write
from zoneaxis.cli.values import indices, series

Crystal = Annotated[str, typer.Argument(help="Name of the library (`zoneaxis list crystals`) or a CIF file.")]
ZoneAxis = Annotated[str, typer.Option(help="u,v,w of the cell: the electrons fly along +[uvw].")]
Voltage = Annotated[float, typer.Option(help="Accelerating voltage in kV.")]
Thickness = Annotated[
    str, typer.Option(help="In nm: 50, several such as 20,30,50, or first:last:step such as 20:90:10.")
]
Beams = Annotated[
    int | None,
    typer.Option(help="Strong beams; half as many again are weak ones.", show_default="100, or what the zone has"),
]
Error = Annotated[
    float | None,
    typer.Option(help="Wanted error (rms, the incident beam has 1) in place of --beams.", show_default="none"),
]
Absorption = Annotated[str, typer.Option(help="none, proportional (0.1), phonon or phonon+core.")]
FormFactor = Annotated[str, typer.Option(help="lobato, kirkland, weickenmeier-kohl or peng.")]
Columns = Annotated[str | None, typer.Option(help="h,k,l of the zone that points right.", show_default="the shortest")]
Road = Annotated[str, typer.Option(help="strang (fast), chebyshev (exact) or eig (reference).")]
SliceThickness = Annotated[
    float | None, typer.Option(help="Thickest slice in Å, of strang.", show_default="as the error asks for")
]
Seed = Annotated[int, typer.Option(help="Of the 64 pixels that are computed again to tell the error.")]


def lacbed(
    crystal: Crystal,
    output: Output,
    zone: ZoneAxis = "0,0,1",
    thickness_nm: Thickness = "50",
    hkl: Annotated[
        list[str] | None,
        typer.Option(help="h,k,l of a disc; may be repeated.", show_default="0,0,0"),
    ] = None,
    half_angle_mrad: Annotated[
        float, typer.Option(help="From the axis to the middle of an edge of the picture, in mrad.")
    ] = 12.5,
    size: Annotated[int, typer.Option(help="Side of a pattern in pixels.")] = 128,
    voltage_kv: Voltage = 200.0,
    beams: Beams = None,
    error: Error = None,
    absorption: Absorption = "phonon",
    form_factor: FormFactor = "lobato",
    columns: Columns = None,
    road: Road = "strang",
    slice_angstrom: SliceThickness = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Simulate LACBED discs of a foil, one for each thickness and reflection, and tell how far they are converged."""
    settings = {
        "hkl": [indices(one, "--hkl") for one in hkl] if hkl else [(0, 0, 0)],
        "half_angle_mrad": half_angle_mrad,
        **_foil(zone, thickness_nm, columns),
        "size_px": size,
        "accelerating_voltage_kv": voltage_kv,
        "beams": beams,
        "error": error,
        "absorption": absorption,
        "form_factor": form_factor,
        "road": road,
        "slice_angstrom": slice_angstrom,
        "seed": seed,
    }
    _made("lacbed", crystal, settings, output, force)


def cbed(
    crystal: Crystal,
    output: Output,
    zone: ZoneAxis = "0,0,1",
    thickness_nm: Thickness = "50",
    convergence_mrad: Annotated[float, typer.Option(help="Half-angle of the cone in mrad.")] = 5.0,
    half_width_mrad: Annotated[
        float, typer.Option(help="From the middle of the detector to the middle of an edge, in mrad.")
    ] = 25.0,
    size: Annotated[int, typer.Option(help="Side of a pattern in pixels.")] = 256,
    voltage_kv: Voltage = 200.0,
    beams: Beams = None,
    error: Error = None,
    absorption: Absorption = "phonon",
    form_factor: FormFactor = "lobato",
    columns: Columns = None,
    road: Road = "strang",
    slice_angstrom: SliceThickness = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Simulate CBED patterns of a foil: all discs on one detector, overlaps added as of an incoherent source."""
    settings = {
        "convergence_mrad": convergence_mrad,
        "half_width_mrad": half_width_mrad,
        **_foil(zone, thickness_nm, columns),
        "size_px": size,
        "accelerating_voltage_kv": voltage_kv,
        "beams": beams,
        "error": error,
        "absorption": absorption,
        "form_factor": form_factor,
        "road": road,
        "slice_angstrom": slice_angstrom,
        "seed": seed,
    }
    _made("cbed", crystal, settings, output, force)


def _foil(zone: str, thickness_nm: str, columns: str | None) -> dict[str, Any]:
    """What is written with commas."""
    return {
        "zone": indices(zone, "--zone"),
        "thickness_nm": series(thickness_nm, "--thickness-nm"),
        "columns": None if columns is None else indices(columns, "--columns"),
    }


def _made(technique: str, crystal: str, settings: dict[str, Any], output: Any, force: bool) -> None:
    """Simulate, write, and say on stderr what was warned of, where the patterns are, and how far they are converged."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        made = write(technique, crystal, settings, output, force, what="parts")
    for one in warned:
        typer.echo(f"zoneaxis: warning: {one.message}", err=True)
    tell_patterns(made, output)
    told = made.attrs
    typer.echo(
        f"{told['beams']} beams and {told['weak_beams']} weak ones: error about {told['beam_error_rms']:.1e} rms, "
        f"{told['beam_error_max']:.1e} at most; of the slices {told['slice_error_rms']:.1e}, "
        f"{told['slice_error_max']:.1e}",
        err=True,
    )
