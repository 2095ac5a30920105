"""Simulator: CBLEED images of a surface as pattern sets."""

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
from zoneaxis.instrument.counting import CountingCamera
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.techniques.cbleed.curves import simulate_leed_iv
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import Physics

Progress = Callable[[int, int], None]


def simulate_cbleed(
    specimen: str | Slab,
    *,
    energy_ev: float | Sequence[float] = 60.0,
    preset: str = "paper",
    inner_potential_ev: float | None = None,
    imaginary_potential_ev: float | None = None,
    temperature_k: float | None = None,
    vibration_factor: float | None = None,
    accuracy: str | None = None,
    model: str = "multiple",
    size_px: int = 128,
    directions: int = 9,
    disc: tuple[int, int] | None = None,
    constant_half_angle_mrad: float | None = None,
    rotational_domains: int = 1,
    onset_angstrom: float | None = None,
    electrons: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **displacements: Any,
) -> xr.Dataset:
    """CBLEED images of a surface, one for each energy, with multiple scattering.

    Axes are those of the outgoing in-plane wave vector: columns +kx (along the dimer of Si001-2x1), row 0 at the
    largest ky; (00) in the middle. Pixels hold intensity per incident intensity, linear, 0 between the discs.

    Args:
        specimen: name of a surface (`crystals.slab.names`), or a slab.
        energy_ev: one or several, in vacuum.
        preset: `paper` (V0r 5 eV, V0i 10 eV, 293 K) or `physical` (10 eV, 4 eV).
        inner_potential_ev, imaginary_potential_ev, temperature_k, vibration_factor, accuracy: in place of the
            preset's; see `Physics`.
        model: `multiple`, or `kinematic` (single scattering, for teaching: wrong contrast).
        size_px: side of the image.
        directions: N of the N x N incident directions between which a spline runs; 9 is exact to 2e-4 with the paper's
            absorption and to 6e-3 of the maximum with the physical one, 13 to 1e-3.
        disc: (h, k) of a single disc that fills the image.
        constant_half_angle_mrad: half-angle of the cone at every energy, in place of a constant disc radius. The size
            of the discs then betrays the energy.
        rotational_domains: 2 adds the pattern turned by 90 degrees, half of each, as from a wafer with both domains.
        onset_angstrom: see `CBLEEDExperiment`.
        electrons: mean number counted in an image; pixels then hold whole electrons. None: the intensity itself.
        seed: of the counting.
        progress: called with (images done, images in all).
        displacements: of a named surface: dimer (`symmetric`, `buckled`), dimer_height_angstrom, dimer_length_angstrom,
            dimer_tilt_deg.

    Raises:
        InputError: an unknown surface, displacement or preset; atoms that overlap; an energy, size or angle out of
            range.
    """
    if isinstance(specimen, Slab) and displacements:
        raise InputError(f"cbleed: {next(iter(displacements))} belongs to a surface given by name, not to a slab")
    if rotational_domains not in (1, 2):
        raise InputError(f"cbleed: rotational_domains = {rotational_domains}: expected 1 or 2")
    surface = specimen if isinstance(specimen, Slab) else slab.named(specimen, **displacements)
    layout = DiscLayout.for_slab(
        surface, size_px=size_px, grid=directions, constant_half_angle_mrad=constant_half_angle_mrad
    )
    if disc is not None:
        if rotational_domains == 2:
            raise InputError("cbleed: a single disc shows one domain; leave disc or rotational_domains out")
        layout = layout.single((int(disc[0]), int(disc[1])), size_px)
    physics = Physics.preset(
        preset,
        inner_potential_ev=inner_potential_ev,
        imaginary_potential_ev=imaginary_potential_ev,
        temperature_k=temperature_k,
        vibration_factor=vibration_factor,
        accuracy=accuracy,
    )
    experiment = CBLEEDExperiment(layout, physics, model, onset_angstrom)
    energies = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
    for energy in energies:
        experiment.check(float(energy))
    images = []
    for number, energy in enumerate(energies):
        images.append(experiment.images([surface], float(energy))[0])
        if progress is not None:
            progress(number + 1, len(energies))
    stack = torch.stack(images)
    if disc is not None and not stack.any():
        raise InputError(f"cbleed: disc {disc} lies beyond the horizon at {energies.max():g} eV: there is no such beam")
    if rotational_domains == 2:
        stack = (stack + torch.rot90(stack, dims=(-2, -1))) / 2
    counted: dict[str, Any] = {} if electrons is None else {"electrons": electrons, "seed": seed}
    if electrons is not None:
        camera, generator = CountingCamera(electrons=(electrons, electrons)), torch.Generator().manual_seed(seed)
        stack = camera.apply(stack, camera.draw(len(stack), generator), generator)
    return pattern_set(
        stack.numpy(),
        {"beam_energy_ev": energies, **labels([surface] * len(energies))},
        technique="cbleed",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}",
        rotational_domains=rotational_domains,
        **counted,
        **attributes(experiment, surface, preset),
    )


def labels(slabs: Sequence[Slab]) -> dict[str, np.ndarray]:
    """What tells the structures apart, one value each: `dimer` and its displacements, where there is a dimer."""
    names = ("dimer", "dimer_height_angstrom", "dimer_length_angstrom", "dimer_tilt_deg")
    return {
        name: np.array([one.properties[name] for one in slabs])
        for name in names
        if all(name in one.properties for one in slabs)
    }


def attributes(experiment: CBLEEDExperiment, surface: Slab, preset: str) -> dict[str, Any]:
    """What all images of an experiment have in common."""
    physics, layout = experiment.physics, experiment.layout
    return {
        "specimen": surface.name,
        "preset": preset,
        "inner_potential_ev": physics.inner_potential_ev,
        "imaginary_potential_ev": physics.imaginary_potential_ev,
        "temperature_k": physics.temperature_k,
        "vibration_factor": physics.vibration_factor,
        "accuracy": physics.accuracy,
        "model": experiment.model,
        "half_width_per_angstrom": layout.half_width_per_angstrom,
        "disc_radius_per_angstrom": layout.disc_radius_per_angstrom,
        "directions": layout.grid,
    }


SIMULATIONS: dict[str, Callable[..., xr.Dataset]] = {"cbleed": simulate_cbleed, "leed-iv": simulate_leed_iv}
"""What this technique can simulate, by the name that `simulate` is called with."""
