"""Master pattern: the back-scattered intensity of a crystal in every direction, at one or several electron energies.

By reciprocity an electron leaves along v with the probability that a plane wave coming in along -v reaches the atoms
that scatter back, at the depth from which it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from zoneaxis.crystals import centre_origin, is_centrosymmetric
from zoneaxis.crystals.cell import centring_translations, origin_on_centre, point_group
from zoneaxis.errors import InputError
from zoneaxis.scattering.bloch import BeamRule, beam_rule, structure_matrices
from zoneaxis.scattering.depth import escape_distribution, target
from zoneaxis.scattering.electron import relativistic_factor, wave_number_in_crystal
from zoneaxis.scattering.propagate import backscattered_intensity, safe_escape_length
from zoneaxis.scattering.reflections import candidate_reflections
from zoneaxis.scattering.structure_factor import FourierCoefficients, fourier_coefficients
from zoneaxis.techniques.ebsd.sector import sector_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

SPECTRUM_EDGES = (1.0, 0.95, 0.875, 0.775, 0.65, 0.5)
"""Edges of the energy bins as fractions of the accelerating voltage: 20 to 10 keV at 20 kV."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SectorMaster:
    """A master pattern kept on the asymmetric sector alone, at one or several energies.

    Attributes:
        crystal: name of the crystal.
        space_group: its number.
        energy_kev: (e,) electron energies.
        weight: (e,) share of each in the spectrum, summing to one.
        values: (e, d) intensities in the sector's directions.
        point_group: (m, 3, 3) Cartesian matrices.
        half_size: N of the Lambert squares.
        attributes: the settings and errors of the simulation.
    """

    crystal: str
    space_group: int
    energy_kev: np.ndarray
    weight: np.ndarray
    values: Tensor
    point_group: np.ndarray
    half_size: int
    attributes: dict[str, Any]

    @property
    def symmetry(self) -> Tensor:
        """Point group as a tensor (m, 3, 3) float32."""
        return torch.from_numpy(np.ascontiguousarray(self.point_group, dtype=np.float32))

    def layers(self) -> Tensor:
        """All energies on the whole sphere: (e, 2, S, S) float32."""
        return sector_of(self.point_group, self.half_size).fill(self.values.float())

    def collapsed(self, weight: Sequence[float] | None = None) -> Tensor:
        """The pattern of the whole spectrum (2, S, S): sum over energies with the stored or the given weights."""
        share = torch.as_tensor(np.asarray(self.weight if weight is None else weight), dtype=torch.float32)
        return sector_of(self.point_group, self.half_size).fill((share[:, None] * self.values.float()).sum(0))

    def dataset(self) -> xr.Dataset:
        """Dataset with `intensity` (beam_energy_ev, hemisphere, row, col) and `weight` (beam_energy_ev)."""
        return xr.Dataset(
            {
                "intensity": (("beam_energy_ev", "hemisphere", "row", "col"), self.layers().numpy()),
                "weight": (("beam_energy_ev",), np.asarray(self.weight)),
            },
            coords={"beam_energy_ev": 1e3 * np.asarray(self.energy_kev), "hemisphere": ["north", "south"]},
            attrs={"crystal": self.crystal, "space_group": self.space_group, **self.attributes},
        )


def simulate_sector(
    structure: Structure,
    *,
    accelerating_voltage_kv: float = 20.0,
    half_size: int = 200,
    energies: str | Sequence[float] = "single",
    escape_length_nm: float | Sequence[float] | None = None,
    beams: str | BeamRule = "balanced",
    solver: str = "doubling",
    absorption: str = "phonon+core",
    form_factor: str = "weickenmeier-kohl",
    d_min_angstrom: float = 0.5,
    convergence_samples: int = 0,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> SectorMaster:
    """Dynamical master pattern of a crystal on the modified Lambert grid.

    Frame: Cartesian crystal frame, a along x, c* along z. Only the asymmetric sector of the crystal's point group is
    solved; the rest follows by symmetry.

    Limits: an escape length towards zero gives a flat pattern; without U' and with one beam a constant.

    Args:
        structure: the crystal, from `crystals.load`.
        accelerating_voltage_kv: incident energy [kV].
        half_size: N, each hemisphere has (2 N + 1)^2 points.
        energies: `single`: the accelerating voltage alone; `spectrum`: five bins down to half of it, weighted by a
            Monte Carlo; or a list of energies [keV], weighted equally.
        escape_length_nm: tau of the depth distribution e^{-z/tau}/tau, one or one per energy; None: the Monte Carlo's.
        beams: `emsoft`, `balanced`, `converged` or a `BeamRule`.
        solver: `doubling`, `eig` or `eigh` (preview).
        absorption: see `scattering.fourier_coefficients`.
        form_factor: elastic form factor table.
        d_min_angstrom: smallest lattice spacing of a reflection [angstrom].
        convergence_samples: number of random directions solved again with half as many beams again; their deviation is
            stored as `beam_error_rms` and `beam_error_max`, in units of the mean intensity. 0: no report.
        seed: of the Monte Carlo and of those directions.
        device: torch device of the solver.
        progress: called with (directions done, directions in all).

    Raises:
        InputError: half size below 2, an energy above the accelerating voltage, numbers of energies and escape
            lengths that differ.

    Source: Callahan and De Graef, Microsc. Microanal. 19 (2013) 1255.
    """
    relativistic_factor(accelerating_voltage_kv)
    if half_size < 2:
        raise InputError(f"half_size = {half_size}: expected at least 2")
    rule = beam_rule(beams)
    crystal = structure
    if is_centrosymmetric(crystal) and not origin_on_centre(crystal):
        crystal = centre_origin(crystal)
    energy_kev, weight, tau_nm = _spectrum(structure, accelerating_voltage_kv, energies, escape_length_nm, seed)
    group = point_group(crystal)
    sector = sector_of(group, half_size)
    total = len(energy_kev) * len(sector.directions)
    layers, reports, held = [], [], []
    for number, (energy, tau) in enumerate(zip(energy_kev, tau_nm, strict=True)):
        coefficients = fourier_coefficients(
            crystal, energy, d_min_angstrom=d_min_angstrom, absorption=absorption, form_factor=form_factor
        )
        hkl = candidate_reflections(coefficients, torch.from_numpy(centring_translations(crystal)))
        k = wave_number_in_crystal(energy, coefficients.mean)
        tau_angstrom = safe_escape_length(10.0 * tau, k, coefficients.mean_absorption)
        held.append(0.1 * tau_angstrom)

        def solve(directions: Tensor, rule: BeamRule, tick: Progress | None) -> Tensor:
            return _solve(coefficients, hkl, directions, rule, tau_angstrom, solver, device, tick)  # noqa: B023

        done = number * len(sector.directions)
        tick = None if progress is None else (lambda n, _: progress(done + n, total))  # noqa: B023
        values = solve(sector.directions, rule, tick)
        if convergence_samples:
            reports.append(_beam_error(solve, values, sector.directions, rule, convergence_samples, seed))
        layers.append(values)
    attributes: dict[str, Any] = {
        "technique": "ebsd-master",
        "accelerating_voltage_kv": accelerating_voltage_kv,
        "projection": "modified Lambert, row = y, col = x, -1 to 1, northern hemisphere first",
        "escape_length_nm": [round(value, 4) for value in held],
        "beams": beams if isinstance(beams, str) else repr(beams),
        "weak_beams_radiate": rule.weak_beams_radiate,
        "bethe_cutoffs": [rule.bethe_strong_cutoff, rule.bethe_weak_cutoff, rule.candidate_cutoff],
        "solver": solver,
        "absorption": absorption,
        "form_factor": form_factor,
        "d_min_angstrom": d_min_angstrom,
        "directions_solved": len(sector.directions),
        "seed": seed,
    }
    if reports:
        attributes["beam_error_rms"] = float(np.sqrt(np.mean([rms**2 for rms, _ in reports])))
        attributes["beam_error_max"] = max(worst for _, worst in reports)
    return SectorMaster(
        crystal=str(structure.properties.get("name", structure.composition.reduced_formula)),
        space_group=int(structure.properties["space_group"]),
        energy_kev=np.asarray(energy_kev),
        weight=np.asarray(weight),
        values=torch.stack(layers),
        point_group=group,
        half_size=half_size,
        attributes=attributes,
    )


def simulate_master(structure: Structure, **settings: Any) -> xr.Dataset:
    """Dynamical master pattern of a crystal on the whole sphere; arguments as those of `simulate_sector`.

    Returns: dataset with `intensity` (beam_energy_ev, hemisphere, row, col), float32, and `weight` (beam_energy_ev).
    """
    return simulate_sector(structure, **settings).dataset()


def _spectrum(
    structure: Structure,
    voltage_kv: float,
    energies: str | Sequence[float],
    escape_length_nm: float | Sequence[float] | None,
    seed: int,
) -> tuple[list[float], list[float], list[float]]:
    """Energies [keV], their weights and escape lengths [nm]; the Monte Carlo runs only for what is not given."""
    if isinstance(energies, str) and energies not in ("single", "spectrum"):
        raise InputError(f"energies {energies!r}: expected 'single', 'spectrum' or a list of energies in keV")
    if energies == "spectrum":
        edges = tuple(fraction * voltage_kv for fraction in SPECTRUM_EDGES)
        escaped = escape_distribution(target(structure), voltage_kv, edges, seed=seed)
        energy = [0.5 * (high + low) for high, low in zip(edges[:-1], edges[1:], strict=True)]
        weight, tau = list(escaped.weights), list(escaped.mean_distance_nm)
    else:
        energy = [voltage_kv] if isinstance(energies, str) else [float(value) for value in energies]
        if not energy or max(energy) > voltage_kv or min(energy) <= 0:
            raise InputError(f"energies = {energies}: expected values above 0 up to {voltage_kv} keV")
        weight, tau = [1.0 / len(energy)] * len(energy), []
        if escape_length_nm is None:
            for value in energy:
                window = (min(voltage_kv, 1.05 * value), 0.95 * value)
                tau.append(
                    float(escape_distribution(target(structure), voltage_kv, window, seed=seed).mean_distance_nm[0])
                )
    if escape_length_nm is not None:
        given = [escape_length_nm] if isinstance(escape_length_nm, int | float) else list(escape_length_nm)
        tau = [float(value) for value in (given * len(energy) if len(given) == 1 else given)]
    if len(tau) != len(energy):
        raise InputError(f"escape_length_nm: {len(tau)} values for {len(energy)} energies")
    return energy, weight, tau


def _solve(
    coefficients: FourierCoefficients,
    hkl: Tensor,
    directions: Tensor,
    rule: BeamRule,
    tau_angstrom: float,
    solver: str,
    device: str,
    tick: Progress | None,
) -> Tensor:
    """Intensity of every exit direction, the incident wave of the reciprocal problem running against it."""
    intensity = torch.zeros(len(directions), device=device)
    dtype = torch.complex64 if solver == "doubling" else torch.complex128
    done = 0
    for matrices in structure_matrices(coefficients, hkl, -directions.to(device), rule, dtype=dtype):
        intensity[matrices.rows] = backscattered_intensity(matrices, tau_angstrom, solver).float()
        done += len(matrices.rows)
        if tick is not None:
            tick(done, len(directions))
    return intensity.cpu()


def _beam_error(
    solve: Callable[[Tensor, BeamRule, Progress | None], Tensor],
    values: Tensor,
    directions: Tensor,
    rule: BeamRule,
    samples: int,
    seed: int,
) -> tuple[float, float]:
    """Deviation of random directions from a solution with 1.5 times cutoffs and beams: rms and largest, relative."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(directions), generator=generator)[:samples]
    finer = replace(
        rule,
        bethe_strong_cutoff=1.5 * rule.bethe_strong_cutoff,
        bethe_weak_cutoff=1.5 * rule.bethe_weak_cutoff,
        candidate_cutoff=1.5 * rule.candidate_cutoff,
        max_strong=(3 * rule.max_strong) // 2,
        max_weak=(3 * rule.max_weak) // 2,
    )
    deviation = (values[chosen] - solve(directions[chosen], finer, None)) / values.mean()
    return float(deviation.square().mean().sqrt()), float(deviation.abs().max())
