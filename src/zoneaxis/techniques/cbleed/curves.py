"""Curves: intensities of LEED beams against the energy, I(V), for one direction of incidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import xarray as xr

from zoneaxis.crystals import slab
from zoneaxis.crystals.slab import Slab
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.diffraction import beam_intensities, kinematic_intensities
from zoneaxis.techniques.cbleed.experiment import HIGHEST_EV, LOWEST_EV, MODELS
from zoneaxis.techniques.cbleed.physics import Physics

Progress = Callable[[int, int], None]


def simulate_leed_iv(
    specimen: str | Slab,
    *,
    energy_ev: Sequence[float] = tuple(np.arange(30.0, 100.5, 1.0)),
    beams: Sequence[tuple[int, int]] = ((0, 0), (1, 0), (0, 1), (1, 1)),
    polar_deg: float = 0.0,
    azimuth_deg: float = 0.0,
    preset: str = "physical",
    inner_potential_ev: float | None = None,
    imaginary_potential_ev: float | None = None,
    temperature_k: float | None = None,
    vibration_factor: float | None = None,
    accuracy: str | None = None,
    model: str = "multiple",
    progress: Progress | None = None,
    **displacements: Any,
) -> xr.Dataset:
    """I(V) curves of chosen beams, as `intensity` (beam, beam_energy_ev) per incident intensity.

    Args:
        specimen: name of a surface (`crystals.slab.names`), or a slab.
        energy_ev: vacuum energies, rising.
        beams: indices h, k in the surface's reciprocal cell; a half-order spot of a 2x1 surface has odd h.
        polar_deg, azimuth_deg: of the incident beam, from the normal and from x.
        preset, inner_potential_ev, imaginary_potential_ev, temperature_k, vibration_factor, accuracy: see `Physics`.
        model: `multiple` or `kinematic`.
        progress: called with (energies done, energies in all).
        displacements: of a named surface, such as dimer, dimer_height_angstrom.

    Returns: a dataset with labels `h`, `k` along beam; intensity 0 below a beam's horizon; attributes of the physics.
    `curve_files.compare` holds two such sets against one another, `curve_files.save` writes them.

    Raises:
        InputError: an unknown surface, displacement or preset; energies or angles out of range; a beam that emerges
            at none of the energies.
    """
    if isinstance(specimen, Slab) and displacements:
        raise InputError(f"leed-iv: {next(iter(displacements))} belongs to a surface given by name, not to a slab")
    surface = specimen if isinstance(specimen, Slab) else slab.named(specimen, **displacements)
    energies = np.asarray(energy_ev, dtype=np.float64)
    if energies.ndim != 1 or not len(energies) or not (np.diff(energies) > 0).all():
        raise InputError("leed-iv: energy_ev must be one rising list of energies in eV")
    if energies[0] < LOWEST_EV or energies[-1] > HIGHEST_EV:
        raise InputError(
            f"leed-iv: energy_ev from {energies[0]:g} to {energies[-1]:g} eV is outside {LOWEST_EV:g} to "
            f"{HIGHEST_EV:g} eV, where the physics holds"
        )
    if not 0 <= polar_deg < 80:
        raise InputError(f"leed-iv: polar_deg = {polar_deg:g} must lie between 0 and 80 degrees")
    if not np.isfinite(azimuth_deg):
        raise InputError(f"leed-iv: azimuth_deg = {azimuth_deg:g} must be a finite number of degrees")
    if model not in MODELS:
        raise InputError(f"leed-iv: model {model!r} is not one of {', '.join(MODELS)}")
    index = np.asarray(beams, dtype=int)
    if index.ndim != 2 or index.shape[1] != 2 or not len(index):
        raise InputError(f"leed-iv: beams {beams} are not pairs of whole numbers h, k")
    if len(np.unique(index, axis=0)) < len(index):
        raise InputError(f"leed-iv: beams {index.tolist()} name one of them twice")
    physics = Physics.preset(
        preset,
        inner_potential_ev=inner_potential_ev,
        imaginary_potential_ev=imaginary_potential_ev,
        temperature_k=temperature_k,
        vibration_factor=vibration_factor,
        accuracy=accuracy,
    )
    medium = physics.medium((*surface.elements, surface.substrate.element))
    direction = np.array([np.cos(np.radians(azimuth_deg)), np.sin(np.radians(azimuth_deg))])
    square = ELECTRON * energies
    incident = np.sqrt(square)[:, None] * np.sin(np.radians(polar_deg)) * direction
    outgoing = square - ((index @ surface.reciprocal_cell + incident[:, None]) ** 2).sum(-1).T
    hidden = (outgoing <= 0).all(1)
    if hidden.any():
        raise InputError(
            f"leed-iv: beam {tuple(index[hidden][0].tolist())} lies beyond the horizon at all energies up to "
            f"{energies[-1]:g} eV"
        )
    ratios = np.sqrt(np.clip(outgoing, 0, None) / (square - (incident**2).sum(1)))
    curves = np.zeros((len(index), len(energies)), dtype=np.float64)
    for number, (energy, k) in enumerate(zip(energies, incident, strict=True)):
        if model == "multiple":
            found = beam_intensities(
                [surface],
                energy,
                torch.from_numpy(k[None]),
                index,
                medium,
                limits=physics.accuracy,
                dtype=torch.complex128,
            )
        else:
            found = kinematic_intensities(
                surface, energy, torch.from_numpy(k[None]), index, medium, limits=physics.accuracy
            )
        curves[:, number] = found[0, 0].numpy() * ratios[:, number]
        if progress is not None:
            progress(number + 1, len(energies))
    return xr.Dataset(
        {"intensity": (("beam", "beam_energy_ev"), curves)},
        {"beam_energy_ev": energies, "h": ("beam", index[:, 0]), "k": ("beam", index[:, 1])},
        {
            "technique": "leed-iv",
            "provenance": f"simulated by zoneaxis {version('zoneaxis')}",
            "specimen": surface.name,
            "polar_deg": polar_deg,
            "azimuth_deg": azimuth_deg,
            "preset": preset,
            "inner_potential_ev": physics.inner_potential_ev,
            "imaginary_potential_ev": physics.imaginary_potential_ev,
            "temperature_k": physics.temperature_k,
            "vibration_factor": physics.vibration_factor,
            "accuracy": physics.accuracy,
            "model": model,
        },
    )
