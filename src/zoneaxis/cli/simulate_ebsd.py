"""`zoneaxis simulate ebsd-master` and `simulate ebsd`: a crystal on a tilted screen."""

from __future__ import annotations

from typing import Annotated

import typer

from zoneaxis.cli.simulation import Force, Output, tell_patterns, write
from zoneaxis.cli.values import pixels, triple

Crystal = Annotated[str, typer.Argument(help="Name of the library (`zoneaxis list crystals`) or a CIF file.")]
Voltage = Annotated[float, typer.Option(help="Accelerating voltage in kV.")]
WHAT = "directions of the master pattern"


def ebsd_master(
    crystal: Crystal,
    output: Output,
    voltage_kv: Voltage = 20.0,
    half_size: Annotated[int, typer.Option(help="N: each hemisphere has 2N+1 by 2N+1 points.")] = 200,
    energies: Annotated[
        str, typer.Option(help="single (the accelerating voltage) or spectrum (five energy bins).")
    ] = "single",
    beams: Annotated[str, typer.Option(help="Beam selection: emsoft, balanced or converged.")] = "balanced",
    solver: Annotated[str, typer.Option(help="doubling, eig or eigh (preview).")] = "doubling",
    escape_length_nm: Annotated[
        float | None, typer.Option(help="Mean depth of the back-scattered electrons; left out: from a Monte Carlo.")
    ] = None,
    convergence: Annotated[int, typer.Option(help="Directions solved again with more beams, as a report.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo and of those directions.")] = 0,
    force: Force = False,
) -> None:
    """Simulate the master pattern of a crystal: its back-scattered intensity in every direction."""
    settings = {
        "accelerating_voltage_kv": voltage_kv,
        "half_size": half_size,
        "energies": energies,
        "beams": beams,
        "solver": solver,
        "escape_length_nm": escape_length_nm,
        "convergence_samples": convergence,
        "seed": seed,
    }
    tell_patterns(write("ebsd-master", crystal, settings, output, force, what=WHAT), output)


def ebsd(
    crystal: Crystal,
    output: Output,
    euler_deg: Annotated[
        list[str] | None,
        typer.Option(help="Bunge angles phi1,Phi,phi2 in degrees; may be repeated.", show_default="random"),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of random orientations.")] = 1,
    pattern_centre: Annotated[str, typer.Option(help="x,y,z in the given convention.")] = "0.5,0.25,0.6",
    convention: Annotated[
        str, typer.Option(help="bruker, edax, oxford, or emsoft (x, y in pixels, z in µm).")
    ] = "bruker",
    pixel_size_um: Annotated[float | None, typer.Option(help="Pixel of the detector, for emsoft alone in µm.")] = None,
    tilt_deg: Annotated[float, typer.Option(help="Tilt of the sample in degrees.")] = 70.0,
    camera_elevation_deg: Annotated[float, typer.Option(help="Elevation of the camera in degrees.")] = 0.0,
    size: Annotated[str, typer.Option(help="Pixels: a side, or rows x columns such as 60x80.")] = "128",
    degradation: Annotated[
        str, typer.Option(help="none (bare intensity), mild, harsh or extreme (an 8-bit camera).")
    ] = "none",
    voltage_kv: Voltage = 20.0,
    half_size: Annotated[
        int, typer.Option(help="N of the master pattern, where it is not in the shipped library.")
    ] = 140,
    seed: Annotated[int, typer.Option(help="Of orientations and degradation.")] = 0,
    force: Force = False,
) -> None:
    """Simulate EBSD patterns of a crystal on a tilted screen."""
    settings = {
        "euler_deg": [triple(angles, "--euler-deg") for angles in euler_deg] if euler_deg else None,
        "count": count,
        "pattern_centre": triple(pattern_centre, "--pattern-centre"),
        "convention": convention,
        "pixel_size_um": pixel_size_um,
        "sample_tilt_deg": tilt_deg,
        "camera_elevation_deg": camera_elevation_deg,
        "shape": pixels(size, "--size"),
        "degradation": degradation,
        "accelerating_voltage_kv": voltage_kv,
        "half_size": half_size,
        "seed": seed,
    }
    tell_patterns(write("ebsd", crystal, settings, output, force, what=WHAT), output)
