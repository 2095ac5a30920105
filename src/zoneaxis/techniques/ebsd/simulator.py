"""Simulator: EBSD master patterns and detector patterns of one crystal, as pattern sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from zoneaxis import crystals
from zoneaxis.errors import InputError
from zoneaxis.instrument.noise import Degradation
from zoneaxis.instrument.orientation import euler_to_matrix, matrix_to_euler, random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.schema import SMALLEST_PX, pattern_set
from zoneaxis.techniques.ebsd.library import open_library
from zoneaxis.techniques.ebsd.master import Progress, SectorMaster, simulate_master, simulate_sector

if TYPE_CHECKING:
    from pymatgen.core import Structure

DEGRADATIONS = ("none", "mild", "harsh", "extreme")
CONVENTIONS = ("bruker", "edax", "oxford", "emsoft")
MOST_PATTERNS = 10_000
"""More than these are made shard by shard with `generate`."""


def simulate_ebsd_master(specimen: str | Path | Structure, **settings: Any) -> xr.Dataset:
    """Dynamical master pattern of a crystal as a pattern set: one pattern per energy and hemisphere.

    Labels: beam_energy_ev, hemisphere (`north` has v_z >= 0), weight (share of that energy in the spectrum), crystal,
    space_group. Rows are y, columns x of the modified Lambert square, both from -1 to 1. Settings are those of
    `master.simulate_sector`; `simulate_master` gives the same numbers with their four axes.

    Raises:
        InputError: an unknown crystal or a setting that cannot be.
    """
    half_size = settings.get("half_size", 200)
    if 2 * half_size + 1 < SMALLEST_PX:
        raise InputError(f"ebsd-master: half_size = {half_size}, expected {SMALLEST_PX // 2} or more")
    master = simulate_master(_structure(specimen), **settings)
    intensity = master["intensity"]
    energies, hemispheres = len(master["beam_energy_ev"]), len(master["hemisphere"])
    attributes = {
        key: value for key, value in master.attrs.items() if key not in ("crystal", "space_group", "technique")
    }
    return pattern_set(
        intensity.values.reshape(-1, *intensity.shape[-2:]),
        {
            "beam_energy_ev": np.repeat(master["beam_energy_ev"].values, hemispheres),
            "hemisphere": np.tile(master["hemisphere"].values, energies),
            "weight": np.repeat(master["weight"].values, hemispheres),
            "crystal": master.attrs["crystal"],
            "space_group": master.attrs["space_group"],
        },
        technique="ebsd-master",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}",
        **attributes,
    )


def simulate_ebsd(
    specimen: str | Path | Structure,
    *,
    euler_deg: Sequence[float] | Sequence[Sequence[float]] | None = None,
    count: int = 1,
    seed: int = 0,
    pattern_centre: tuple[float, float, float] = (0.5, 0.25, 0.6),
    convention: str = "bruker",
    pixel_size_um: float | None = None,
    sample_tilt_deg: float = 70.0,
    camera_elevation_deg: float = 0.0,
    shape: int | tuple[int, int] = 128,
    degradation: str | Degradation = "none",
    accelerating_voltage_kv: float = 20.0,
    half_size: int = 140,
    progress: Progress | None = None,
) -> xr.Dataset:
    """EBSD patterns of one crystal before a tilted screen, seen from behind the screen.

    The master pattern comes from the shipped library when that holds the named crystal at this voltage and at least
    this fine; otherwise it is simulated first. Its energies are summed with their Monte Carlo weights.

    Args:
        specimen: library name, CIF file or structure.
        euler_deg: Bunge angles (phi1, Phi, phi2), one or several; None: `count` random orientations from `seed`.
        count: number of random orientations.
        seed: of orientations and degradation.
        pattern_centre: (PCx, PCy, PCz) in `convention`; for `emsoft`: xpc, ypc in pixels and L in µm.
        convention: bruker, edax, oxford or emsoft (version 5).
        pixel_size_um: delta, needed by `emsoft` alone.
        sample_tilt_deg, camera_elevation_deg: geometry of the microscope.
        shape: side of a square pattern in pixels, or (rows, cols).
        degradation: `none`: the bare intensity, float32; a `mild`, `harsh` or `extreme` camera, or ranges of one's
            own: 8 bit.
        accelerating_voltage_kv, half_size: of the master pattern.
        progress: called with (directions done, directions in all) while a master pattern is simulated.

    Returns: pattern set with labels phi1_rad, Phi_rad, phi2_rad, pattern_centre_x, _y, _z (Bruker), crystal,
        space_group and, when degraded, every parameter that was drawn.

    Raises:
        InputError: an unknown crystal, convention or degradation; angles that are no triples; a pattern centre far
            outside of the screen; sizes and counts out of range.
    """
    rows, cols = (shape, shape) if isinstance(shape, int) else shape
    if not SMALLEST_PX <= min(rows, cols) <= max(rows, cols) <= 4096:
        raise InputError(f"ebsd: size {rows} x {cols} px, expected {SMALLEST_PX} to 4096")
    detector = replace(
        _detector((rows, cols), pattern_centre, convention, pixel_size_um),
        sample_tilt_deg=sample_tilt_deg,
        camera_elevation_deg=camera_elevation_deg,
    )
    orientations = _orientations(euler_deg, count, seed)
    camera = _degradation(degradation)
    master, origin = _master(specimen, accelerating_voltage_kv, half_size, progress)
    patterns = project(master.collapsed(), orientations, detector)
    drawn: dict[str, Tensor] = {}
    if camera is not None:
        generator = torch.Generator().manual_seed(seed)
        drawn = camera.draw(len(patterns), generator)
        patterns = camera.apply(patterns, drawn, generator).round().to(torch.uint8)
    euler = matrix_to_euler(orientations)
    return pattern_set(
        patterns.numpy(),
        {
            "crystal": master.crystal,
            "space_group": master.space_group,
            **{name: euler[:, axis].numpy() for axis, name in enumerate(("phi1_rad", "Phi_rad", "phi2_rad"))},
            **{f"pattern_centre_{axis}": value for axis, value in zip("xyz", detector.pattern_centre, strict=True)},
            **{name: values.numpy() for name, values in drawn.items()},
        },
        technique="ebsd",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}, {origin}, seed {seed}",
        accelerating_voltage_kv=accelerating_voltage_kv,
        sample_tilt_deg=sample_tilt_deg,
        camera_elevation_deg=camera_elevation_deg,
        azimuth_deg=0.0,
        degradation=degradation if isinstance(degradation, str) else "own ranges",
    )


SIMULATIONS: dict[str, Callable[..., xr.Dataset]] = {"ebsd": simulate_ebsd, "ebsd-master": simulate_ebsd_master}
"""What this technique can simulate, by the name that `simulate` is called with."""


def _structure(specimen: str | Path | Structure) -> Structure:
    return crystals.load(specimen) if isinstance(specimen, str | Path) else specimen


def _master(
    specimen: str | Path | Structure, voltage_kv: float, half_size: int, progress: Progress | None
) -> tuple[SectorMaster, str]:
    """The master pattern, and in words where it comes from."""
    if isinstance(specimen, str) and specimen in crystals.names():
        shipped = open_library().get(specimen)
        fits = shipped is not None and shipped.attributes["accelerating_voltage_kv"] == voltage_kv
        if shipped is not None and fits and half_size <= shipped.half_size:
            return shipped, "master pattern of the shipped library"
    master = simulate_sector(
        _structure(specimen),
        accelerating_voltage_kv=voltage_kv,
        half_size=half_size,
        energies="spectrum",
        progress=progress,
    )
    return master, f"master pattern of half-size {half_size}"


def _detector(
    shape: tuple[int, int], centre: tuple[float, float, float], convention: str, pixel_size_um: float | None
) -> TiltedDetector:
    """A detector with the pattern centre of a vendor, at the usual angles."""
    if len(centre) != 3:
        raise InputError(f"ebsd: pattern centre {centre} is not three numbers")
    if convention == "bruker":
        return TiltedDetector(shape, centre)
    if convention == "edax":
        return TiltedDetector.from_edax(shape, *centre)
    if convention == "oxford":
        return TiltedDetector.from_oxford(shape, *centre)
    if convention != "emsoft":
        raise InputError(f"ebsd: convention {convention!r} is unknown; there are {', '.join(CONVENTIONS)}")
    if pixel_size_um is None or not pixel_size_um > 0:
        raise InputError(f"ebsd: convention emsoft needs the pixel size in µm, above 0, found {pixel_size_um}")
    xpc, ypc, distance_um = centre
    return TiltedDetector.from_emsoft(shape, xpc, ypc, distance_um, pixel_size_um)


def _orientations(euler_deg: Any, count: int, seed: int) -> Tensor:
    if euler_deg is None:
        if not 1 <= count <= MOST_PATTERNS:
            raise InputError(f"ebsd: count = {count}, expected 1 to {MOST_PATTERNS}; `generate` makes larger sets")
        return random_orientations(count, seed)
    given = np.atleast_2d(np.asarray(euler_deg, dtype=np.float64))
    if given.ndim != 2 or given.shape[1] != 3 or not np.isfinite(given).all() or len(given) > MOST_PATTERNS:
        raise InputError(
            f"ebsd: euler_deg of shape {given.shape} is not three finite angles (phi1, Phi, phi2) a pattern"
        )
    return euler_to_matrix(torch.from_numpy(np.radians(given))).float()


def _degradation(degradation: str | Degradation) -> Degradation | None:
    if isinstance(degradation, Degradation):
        return degradation
    if degradation not in DEGRADATIONS:
        raise InputError(f"ebsd: degradation {degradation!r} is unknown; there are {', '.join(DEGRADATIONS)}")
    return None if degradation == "none" else Degradation.from_dict({"preset": degradation})
