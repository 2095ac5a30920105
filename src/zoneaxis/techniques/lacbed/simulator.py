"""Simulator: LACBED discs and CBED patterns of a crystal as pattern sets that say how far they are converged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from zoneaxis import crystals
from zoneaxis.errors import InputError
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.techniques.lacbed.cbed import cone
from zoneaxis.techniques.lacbed.convergence import Convergence, convergence, sampled, with_wanted_error
from zoneaxis.techniques.lacbed.experiment import LACBEDExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

Progress = Callable[[int, int], None]


def simulate_lacbed(
    specimen: str | Path | Structure,
    *,
    zone: Sequence[int] = (0, 0, 1),
    thickness_nm: float | Sequence[float] = 50.0,
    hkl: Sequence[Sequence[int]] = ((0, 0, 0),),
    half_angle_mrad: float = 12.5,
    size_px: int = 128,
    accelerating_voltage_kv: float = 200.0,
    beams: int | None = None,
    error: float | None = None,
    absorption: str = "phonon",
    form_factor: str = "lobato",
    columns: Sequence[int] | None = None,
    road: str = "strang",
    slice_angstrom: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """LACBED discs of a foil along a zone axis, one pattern for every thickness and reflection.

    A pixel is the intensity of the disc's beam for one incident direction, per incident intensity, linear. Directions
    run with the columns along the reciprocal vector `columns` and with the rows downwards at right angles to it, as
    seen along the beam. All discs and thicknesses come from one computation. Only the zero-order Laue zone scatters:
    there are no HOLZ lines.

    Args:
        specimen: library name, CIF file or structure.
        zone: [uvw], along which the electrons fly.
        thickness_nm: one or several; patterns come in rising order.
        hkl: reflections whose discs are wanted, of the zone.
        half_angle_mrad: from the axis to the middle of an edge of the square field of directions.
        size_px: side of a pattern.
        accelerating_voltage_kv: voltage.
        beams: strong beams of each part of the picture; half as many again are weak ones, by Bethe's correction.
            None: 100, or fewer where the zone has fewer.
        error: wanted error (rms of the intensity) in place of a number of beams.
        absorption: none, proportional (U' = 0.1 U), phonon or phonon+core.
        form_factor: lobato, kirkland, weickenmeier-kohl or peng.
        columns: (hkl) of the zone that points right; None: the shortest, (1,0,0) of [001].
        road: strang, chebyshev or eig; see `scattering.foil`.
        slice_angstrom: thickest slice of `strang`, refused where it is unstable; None: as thin as the error asks for.
        seed: of the pixels that are computed again to tell the error.
        progress: called with (parts done, parts in all).

    Returns: pattern set with labels thickness_nm, h, k, l. Attributes: geometry, physics and the convergence report
        `beam_error_rms`, `beam_error_max`, `slice_error_rms`, `slice_error_max` of `convergence`, above 0.02 with a
        Python warning.

    Raises:
        InputError: an unknown crystal, or a setting that cannot be.
    """
    tell = _Steps(progress, 3)
    structure = crystals.load(specimen) if isinstance(specimen, str | Path) else specimen
    experiment = LACBEDExperiment.of(
        structure,
        zone,
        columns=columns,
        accelerating_voltage_kv=accelerating_voltage_kv,
        half_angle_mrad=half_angle_mrad,
        size_px=size_px,
        beams=_one_of(beams, error, slice_angstrom),
        road=road,
        slice_angstrom=slice_angstrom,
        absorption=absorption,
        form_factor=form_factor,
    )
    reflections, depths = experiment.reflections(hkl), experiment.depths(thickness_nm)
    pixels = sampled(experiment, seed=seed)
    if error is not None:
        experiment = with_wanted_error(experiment, error, thickness_nm, hkl, pixels)
    tell()
    discs = experiment.discs(thickness_nm, hkl)
    tell()
    report = convergence(experiment, discs, thickness_nm, hkl, pixels)
    report.warn(stacklevel=2)
    tell()
    indices = np.array(reflections)
    return pattern_set(
        discs.flatten(0, 1).numpy(),
        {
            "thickness_nm": np.repeat(np.array(depths) / 10.0, len(indices)),
            **{name: np.tile(indices[:, place], len(depths)) for place, name in enumerate("hkl")},
        },
        technique="lacbed",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}, seed {seed}",
        **attributes(experiment, structure, report),
    )


def simulate_cbed(
    specimen: str | Path | Structure,
    *,
    zone: Sequence[int] = (0, 0, 1),
    thickness_nm: float | Sequence[float] = 50.0,
    convergence_mrad: float = 5.0,
    half_width_mrad: float = 25.0,
    size_px: int = 256,
    accelerating_voltage_kv: float = 200.0,
    beams: int | None = None,
    error: float | None = None,
    absorption: str = "phonon",
    form_factor: str = "lobato",
    columns: Sequence[int] | None = None,
    road: str = "strang",
    slice_angstrom: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """CBED patterns of a foil along a zone axis, one for every thickness: all discs on one detector.

    The disc of g has the radius of the cone and lies at g. Where discs overlap their intensities are added: the source
    is taken to be incoherent, so that each direction diffracts by itself. The interference fringes of a coherent
    source (a field-emission tip focused on the foil, STEM) are not in the picture.

    Args:
        specimen, zone, thickness_nm, accelerating_voltage_kv, absorption, form_factor, columns, road, slice_angstrom,
            seed, progress: see `simulate_lacbed`.
        convergence_mrad: half-angle of the cone.
        half_width_mrad: from the middle of the detector to the middle of an edge. All discs that touch the picture
            are shown.
        size_px: side of a pattern.
        beams: strong beams, raised where more discs are shown; None: 100.
        error: wanted error (rms of the intensity of a disc) in place of a number of beams.

    Returns: pattern set with the label thickness_nm; attributes as those of `simulate_lacbed`, where the convergence
        report is of the discs before they overlap.

    Raises:
        InputError: an unknown crystal, or a setting that cannot be.
    """
    tell = _Steps(progress, 4)
    structure = crystals.load(specimen) if isinstance(specimen, str | Path) else specimen
    detector, experiment = cone(
        structure,
        zone,
        columns=columns,
        accelerating_voltage_kv=accelerating_voltage_kv,
        thickness_nm=thickness_nm,
        convergence_mrad=convergence_mrad,
        half_width_mrad=half_width_mrad,
        size_px=size_px,
        beams=_one_of(beams, error, slice_angstrom),
        road=road,
        slice_angstrom=slice_angstrom,
        absorption=absorption,
        form_factor=form_factor,
    )
    pixels = sampled(experiment, detector.radius_per_angstrom, seed)
    if error is not None:
        experiment = with_wanted_error(experiment, error, thickness_nm, detector.hkl, pixels)
    tell()
    discs = experiment.discs(thickness_nm, detector.hkl)
    tell()
    report = convergence(experiment, discs, thickness_nm, detector.hkl, pixels)
    report.warn(stacklevel=2)
    tell()
    patterns = detector.paint(discs, experiment.field)
    tell()
    told = attributes(experiment, structure, report) | {
        "half_width_per_angstrom": detector.half_width_per_angstrom,
        "half_angle_mrad": half_width_mrad,
    }
    return pattern_set(
        patterns.numpy(),
        {"thickness_nm": np.array(experiment.depths(thickness_nm)) / 10.0},
        technique="cbed",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}, seed {seed}",
        convergence_mrad=float(convergence_mrad),
        discs=len(detector.hkl),
        overlap="incoherent: intensities of overlapping discs are added",
        **told,
    )


def attributes(experiment: LACBEDExperiment, structure: Structure, report: Convergence) -> dict[str, Any]:
    """What all pictures of an experiment have in common, and how far they are converged."""
    scatterers, zone, rule = experiment.scatterers, experiment.zone, experiment.rule
    properties = structure.properties or {}
    return {
        "crystal": str(properties.get("name", structure.composition.reduced_formula)),
        "space_group": int(properties.get("space_group", 0)) or crystals.space_group(structure),
        "zone_axis": list(zone.axis),
        "columns_hkl": list(zone.columns),
        "frame": "seen along the beam, which flies along +[uvw]: columns_hkl points right, rows run downwards",
        "accelerating_voltage_kv": scatterers.accelerating_voltage_kv,
        "half_width_per_angstrom": experiment.field.half_width_per_angstrom,
        "half_angle_mrad": experiment.half_angle_mrad,
        "absorption": scatterers.absorption,
        "proportional_factor": scatterers.proportional_factor if scatterers.absorption == "proportional" else 0.0,
        "form_factor": scatterers.form_factor,
        "b_iso": _b_iso(structure),
        "beams": rule.beams,
        "weak_beams": rule.weak_beams,
        "beam_ranking": rule.ranking,
        "d_min_angstrom": zone.d_min_angstrom,
        "laue_zones": "zero order",
        "road": rule.road,
        "slice_angstrom": "as the error asks for" if rule.slice_angstrom is None else rule.slice_angstrom,
        "slice_error_wanted": rule.slice_error,
        "beam_error_rms": report.beam_error_rms,
        "beam_error_max": report.beam_error_max,
        "slice_error_rms": report.slice_error_rms,
        "slice_error_max": report.slice_error_max,
        "error_pixels": report.pixels,
    }


SIMULATIONS: dict[str, Callable[..., xr.Dataset]] = {"lacbed": simulate_lacbed, "cbed": simulate_cbed}
"""What this technique can simulate, by the name that `simulate` is called with."""


def _one_of(beams: int | None, error: float | None, slice_angstrom: float | None) -> int | None:
    for name, given in (("beams", beams), ("slice_angstrom", slice_angstrom)):
        if given is not None and error is not None:
            raise InputError(f"{name} = {given:g} and error = {error:g}: give one of them, the other follows")
    return beams


def _b_iso(structure: Structure) -> str:
    """Debye-Waller factors by element, and whose they are."""
    found: dict[str, set[float]] = {}
    for site, b in zip(structure, structure.site_properties["b_iso"], strict=True):
        for element in site.species:
            found.setdefault(element.symbol, set()).add(round(float(b), 4))
    values = "; ".join(f"{name} {', '.join(f'{b:g}' for b in sorted(of))}" for name, of in sorted(found.items()))
    assumed = structure.properties.get("b_iso_assumed")
    source = f"assumed for {', '.join(assumed)}, the file states none" if assumed else "as the structure states"
    return f"B in Å²: {values}; {source}"


class _Steps:
    """Counts the parts of a simulation."""

    def __init__(self, progress: Progress | None, parts: int) -> None:
        self.progress, self.parts, self.done = progress, parts, 0

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.parts)
