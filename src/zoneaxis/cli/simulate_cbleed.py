"""`zoneaxis simulate cbleed` and `simulate leed-iv`: a slow electron beam on a surface, as discs or as curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zoneaxis.cli.simulation import Force, Output, tell_patterns, write
from zoneaxis.cli.values import pair, series
from zoneaxis.errors import InputError

PRESETS_OWN = "the preset's"
SURFACES_OWN = "the surface's"
GREYS = ("linear", "sqrt")

Surface = Annotated[
    str,
    typer.Argument(help="Name of a surface, such as Si001-2x1 or Cu001; a wrong name lists them.", metavar="SURFACE"),
]
Preset = Annotated[str, typer.Option(help="paper (V0r 5 eV, V0i 10 eV) or physical (10 eV, 4 eV).")]
InnerPotential = Annotated[float | None, typer.Option(help="V0r in eV.", show_default=PRESETS_OWN)]
ImaginaryPotential = Annotated[
    float | None, typer.Option(help="V0i in eV, positive: absorption.", show_default=PRESETS_OWN)
]
Temperature = Annotated[float | None, typer.Option(help="Of the crystal in K.", show_default="293")]
Vibration = Annotated[float | None, typer.Option(help="Factor on the amplitude of all atoms.", show_default="1")]
AccuracyName = Annotated[str | None, typer.Option(help="preview, balanced or reference.", show_default="balanced")]
Model = Annotated[str, typer.Option(help="multiple, or kinematic (single scattering: wrong contrast).")]
Dimer = Annotated[str | None, typer.Option(help="symmetric or buckled, of Si001-2x1.", show_default="symmetric")]
DimerHeight = Annotated[
    float | None, typer.Option(help="Outward displacement of the dimer in Å.", show_default=SURFACES_OWN)
]
DimerLength = Annotated[
    float | None, typer.Option(help="Added to the length of the dimer, in Å.", show_default=SURFACES_OWN)
]
DimerTilt = Annotated[float | None, typer.Option(help="Tilt of a buckled dimer in degrees.", show_default=SURFACES_OWN)]


def cbleed(
    surface: Surface,
    output: Output,
    energy_ev: Annotated[
        str, typer.Option(help="In vacuum: 60, several such as 30,40,50, or first:last:step such as 30:95:5.")
    ] = "60",
    dimer: Dimer = None,
    dimer_height: DimerHeight = None,
    dimer_length: DimerLength = None,
    dimer_tilt_deg: DimerTilt = None,
    preset: Preset = "paper",
    inner_potential_ev: InnerPotential = None,
    imaginary_potential_ev: ImaginaryPotential = None,
    temperature_k: Temperature = None,
    vibration_factor: Vibration = None,
    accuracy: AccuracyName = None,
    model: Model = "multiple",
    size: Annotated[int, typer.Option(help="Side of the image in pixels.")] = 128,
    directions: Annotated[
        int, typer.Option(help="N of the N x N incident directions that are computed; a spline runs between them.")
    ] = 9,
    disc: Annotated[str | None, typer.Option(help="h,k of one disc that fills the image.", show_default=False)] = None,
    constant_half_angle_mrad: Annotated[
        float | None,
        typer.Option(
            help="Half-angle of the cone, the same at all energies: disc sizes then betray the energy.",
            show_default="discs of constant radius",
        ),
    ] = None,
    rotational_domains: Annotated[int, typer.Option(help="2: half of the surface is turned by 90 degrees.")] = 1,
    electrons: Annotated[
        float | None,
        typer.Option(help="Mean number counted in an image, with their noise.", show_default="none: the intensity"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the counting.")] = 0,
    grey: Annotated[
        str, typer.Option(help="Of a .png: linear, or sqrt, which shows weak discs and is for the eye alone.")
    ] = "linear",
    force: Force = False,
) -> None:
    """Simulate convergent-beam LEED images of a surface, with multiple scattering."""
    if grey not in GREYS:
        raise InputError(f"--grey {grey!r}: expected {' or '.join(GREYS)}")
    if grey == "sqrt" and output.suffix.lower() != ".png":
        raise InputError(f"--grey sqrt is for a .png that is looked at; {output} keeps linear intensities")
    settings = {
        "energy_ev": series(energy_ev, "--energy-ev"),
        "preset": preset,
        "inner_potential_ev": inner_potential_ev,
        "imaginary_potential_ev": imaginary_potential_ev,
        "temperature_k": temperature_k,
        "vibration_factor": vibration_factor,
        "accuracy": accuracy,
        "model": model,
        "size_px": size,
        "directions": directions,
        "disc": None if disc is None else pair(disc, "--disc"),
        "constant_half_angle_mrad": constant_half_angle_mrad,
        "rotational_domains": rotational_domains,
        "electrons": electrons,
        "seed": seed,
        **_displacements(dimer, dimer_height, dimer_length, dimer_tilt_deg),
    }
    made = write(
        "cbleed", surface, settings, output, force, what="images", save=_save_square_root if grey == "sqrt" else None
    )
    tell_patterns(made, output)


def leed_iv(
    surface: Surface,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="File to write: .csv (a table), .npz or .png (a plot).", show_default=False
        ),
    ],
    energy_ev: Annotated[
        str, typer.Option(help="In vacuum, rising: first:last:step such as 30:200:2, or several such as 30,31,33.")
    ] = "30:100:1",
    beam: Annotated[
        list[str] | None,
        typer.Option(help="h,k in the surface's reciprocal cell; may be repeated.", show_default="0,0  1,0  0,1  1,1"),
    ] = None,
    polar_deg: Annotated[float, typer.Option(help="Of the incident beam, from the normal, in degrees.")] = 0.0,
    azimuth_deg: Annotated[float, typer.Option(help="Of the incident beam, from x, in degrees.")] = 0.0,
    dimer: Dimer = None,
    dimer_height: DimerHeight = None,
    dimer_length: DimerLength = None,
    dimer_tilt_deg: DimerTilt = None,
    preset: Preset = "physical",
    inner_potential_ev: InnerPotential = None,
    imaginary_potential_ev: ImaginaryPotential = None,
    temperature_k: Temperature = None,
    vibration_factor: Vibration = None,
    accuracy: AccuracyName = None,
    model: Model = "multiple",
    force: Force = False,
) -> None:
    """Simulate LEED I(V) curves: the intensity of chosen beams against the energy."""
    from zoneaxis.techniques.cbleed import curve_files

    settings = {
        "energy_ev": series(energy_ev, "--energy-ev"),
        "polar_deg": polar_deg,
        "azimuth_deg": azimuth_deg,
        "preset": preset,
        "inner_potential_ev": inner_potential_ev,
        "imaginary_potential_ev": imaginary_potential_ev,
        "temperature_k": temperature_k,
        "vibration_factor": vibration_factor,
        "accuracy": accuracy,
        "model": model,
        **({"beams": [pair(text, "--beam") for text in beam]} if beam else {}),
        **_displacements(dimer, dimer_height, dimer_length, dimer_tilt_deg),
    }
    curves = write(
        "leed-iv", surface, settings, output, force,
        what="energies", save=curve_files.save, endings=curve_files.ENDINGS,
    )  # fmt: skip
    beams, energies = curves["intensity"].shape
    typer.echo(f"{output}: {beams} beams, {energies} energies", err=True)


def _displacements(
    dimer: str | None, height: float | None, length: float | None, tilt_deg: float | None
) -> dict[str, Any]:
    """What was said about the dimer; a surface without one refuses it."""
    said = {
        "dimer": dimer,
        "dimer_height_angstrom": height,
        "dimer_length_angstrom": length,
        "dimer_tilt_deg": tilt_deg,
    }
    return {name: value for name, value in said.items() if value is not None}


def _save_square_root(patterns: Any, path: Path, overwrite: bool) -> Path:
    from zoneaxis.patterns import store

    return store.save(patterns.assign(intensity=patterns["intensity"] ** 0.5), path, overwrite=overwrite)
