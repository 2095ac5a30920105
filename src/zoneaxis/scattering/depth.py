"""From how deep, and with which energies, back-scattered electrons come: a small Monte Carlo in the slowing-down model.

Elastic scattering by the screened Rutherford cross-section, energy loss continuous (Joy and Luo). What a Kikuchi
pattern needs of it: the share of electrons w(E) in each energy bin, and their escape distance z, the way from the last
scattering event to the surface along the exit path.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

AVOGADRO_SHORT = 602.2
"""Avogadro constant in the units of Joy's cross-section formula (1e21 / mol)."""


@dataclass(frozen=True)
class Element:
    """One element of the target: atomic number, atomic weight [g/mol] and its share of the density [g/cm^3]."""

    atomic_number: int
    weight: float
    density: float

    def mean_free_path_nm(self, energy_kev: Tensor) -> Tensor:
        """Elastic mean free path lambda_el [nm] at an energy, screened Rutherford."""
        z = self.atomic_number
        alpha = self.screening(energy_kev)
        cross_section = (
            5.21
            * AVOGADRO_SHORT
            * (z / energy_kev) ** 2
            * (4.0 * math.pi / (alpha * (1.0 + alpha)))
            * ((energy_kev + 511.0) / (energy_kev + 1024.0)) ** 2
        )
        return 1e7 * self.weight / (self.density * cross_section)

    def screening(self, energy_kev: Tensor) -> Tensor:
        """Screening parameter alpha = 3.4e-3 Z^(2/3) / E."""
        return 3.4e-3 * self.atomic_number ** (2.0 / 3.0) / energy_kev

    def stopping_kev_per_nm(self, energy_kev: Tensor) -> Tensor:
        """Energy loss per path length -dE/ds [keV/nm], Joy and Luo's low-energy form of Bethe's law."""
        z = self.atomic_number
        ionisation_kev = (9.76 * z + 58.5 * z**-0.19) * 1e-3
        logarithm = torch.log(1.166 * energy_kev / ionisation_kev + 0.9911)
        return 0.00785 * self.density * z / (self.weight * energy_kev) * logarithm


def target(structure: Structure) -> tuple[Element, ...]:
    """The elements of a crystal with their partial densities, lightest first."""
    volume_cm3 = structure.lattice.volume * 1e-24
    amounts: dict[int, tuple[float, float]] = {}
    for site in structure:
        for species, occupancy in site.species.items():
            weight = float(species.atomic_mass)  # type: ignore[arg-type]
            amounts[int(species.Z)] = (weight, amounts.get(int(species.Z), (weight, 0.0))[1] + occupancy)
    return tuple(
        Element(z, weight, weight * amount / (6.02214076e23 * volume_cm3))
        for z, (weight, amount) in sorted(amounts.items())
    )


@dataclass(frozen=True)
class EscapeDistribution:
    """Back-scattered electrons by energy and escape distance.

    Attributes:
        energy_edges_kev: (e + 1,) falling edges; bin i holds energies between edges i + 1 and i.
        distance_edges_nm: (z + 1,) edges of the escape distance; the last bin also takes what lies beyond.
        counts: (e, z) electrons.
        mean_distance_nm: (e,) mean escape distance, the tau of lambda(z) = e^{-z/tau}/tau.
        incident: number of incident electrons that counts belong to.
    """

    energy_edges_kev: np.ndarray
    distance_edges_nm: np.ndarray
    counts: np.ndarray
    mean_distance_nm: np.ndarray
    incident: int

    @property
    def yield_fraction(self) -> float:
        """Back-scattered electrons within the energy window per incident electron."""
        return float(self.counts.sum() / self.incident)

    @property
    def weights(self) -> np.ndarray:
        """w(E): share of each energy bin, summing to one."""
        return self.counts.sum(1) / max(self.counts.sum(), 1)


@functools.lru_cache(maxsize=256)
def escape_distribution(
    elements: tuple[Element, ...],
    accelerating_voltage_kv: float,
    energy_edges_kev: tuple[float, ...],
    *,
    sample_tilt_deg: float = 70.0,
    exit_cone_deg: float | None = 30.0,
    electrons: int = 200_000,
    distance_bin_nm: float = 1.0,
    distance_bins: int = 101,
    convention: str = "physical",
    seed: int = 0,
) -> EscapeDistribution:
    """Simulate electrons until they leave the sample or fall below the lowest energy edge.

    Frame: the sample's; its normal is z, the beam enters along (sin tilt, 0, -cos tilt). The detector looks along
    (cos tilt, 0, sin tilt), camera elevation zero.

    Args:
        elements: the target, see `target`.
        accelerating_voltage_kv: incident energy [keV].
        energy_edges_kev: falling edges of the energy bins [keV].
        sample_tilt_deg: tilt of the surface normal from the beam [deg].
        exit_cone_deg: count only electrons leaving within this half angle about the detector's direction; None: all.
        electrons: incident electrons; 2e5 give weights to 1 %.
        distance_bin_nm: width of a distance bin [nm].
        distance_bins: number of distance bins.
        convention: `physical`: energy at the surface, distance bins begin at k widths; `emsoft`: as in its kernel the
            last free path counts in full towards the energy loss, and bin k is centred on k widths.
        seed: seed of the random numbers.

    Raises:
        InputError: edges not falling, or above the incident energy; unknown convention.

    Source: Joy, Monte Carlo Modeling for Electron Microscopy and Microanalysis (1995), chapters 3 and 4; as EMsoft.
    """
    edges = np.asarray(energy_edges_kev, float)
    if len(edges) < 2 or not (np.diff(edges) < 0).all() or edges[0] > accelerating_voltage_kv + 1e-9:
        raise InputError(
            f"energy_edges_kev = {energy_edges_kev}: expected falling edges at or below {accelerating_voltage_kv} keV"
        )
    if convention not in ("physical", "emsoft"):
        raise InputError(f"convention {convention!r}: expected physical or emsoft")
    generator = torch.Generator().manual_seed(seed)
    tilt = math.radians(sample_tilt_deg)
    axis = torch.tensor([math.cos(tilt), 0.0, math.sin(tilt)])
    least_cosine = -1.0 if exit_cone_deg is None else math.cos(math.radians(exit_cone_deg))
    counts = np.zeros((len(edges) - 1, distance_bins))
    totals = np.zeros(len(edges) - 1)
    remaining = electrons
    while remaining > 0:
        n = min(remaining, 500_000)
        remaining -= n
        energy = torch.full((n,), float(accelerating_voltage_kv))
        depth = torch.zeros(n)
        heading = torch.tensor([math.sin(tilt), 0.0, -math.cos(tilt)]).expand(n, 3)
        while len(energy):
            random = torch.rand(4, len(energy), generator=generator)
            rates = torch.stack([1.0 / element.mean_free_path_nm(energy) for element in elements])
            path = -torch.log(random[0].clamp_min(1e-12)) / rates.sum(0)
            loss = torch.stack([element.stopping_kev_per_nm(energy) for element in elements]).sum(0)
            reached = depth - path * heading[:, 2]
            escaped = reached < 0.0
            if bool(escaped.any()):
                distance = depth[escaped] / heading[escaped, 2]
                kept = (heading[escaped] @ axis) >= least_cosine
                travelled = path[escaped] if convention == "emsoft" else distance
                left = energy[escaped] - loss[escaped] * travelled
                _accumulate(counts, totals, left[kept], distance[kept], edges, distance_bin_nm, convention == "emsoft")
            energy = energy - loss * path
            inside = ~escaped & (energy > edges[-1])
            energy, depth = energy[inside], reached[inside]
            kind = (random[3, inside] * rates.sum(0)[inside] > rates.cumsum(0)[:, inside]).sum(0)
            kind = kind.clamp_max(len(elements) - 1)
            screening = torch.stack([element.screening(energy) for element in elements])
            alpha = screening.gather(0, kind[None])[0]
            heading = _deflect(heading[inside], alpha, random[1, inside], random[2, inside])
    mean = totals / np.maximum(counts.sum(1), 1.0)
    distances = distance_bin_nm * np.arange(distance_bins + 1)
    return EscapeDistribution(edges, distances, counts, mean, electrons)


def _deflect(heading: Tensor, alpha: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """New direction after one elastic event: cos phi = 1 - 2 alpha R/(1 + alpha - R), azimuth uniform."""
    cosine = 1.0 - 2.0 * alpha * first / (1.0 + alpha - first)
    sine = torch.sqrt((1.0 - cosine**2).clamp_min(0.0))
    azimuth = 2.0 * math.pi * second
    z = heading[:, 2]
    across = torch.sqrt((1.0 - z**2).clamp_min(1e-12))
    u = torch.stack((-heading[:, 1] / across, heading[:, 0] / across, torch.zeros_like(z)), dim=-1)
    v = torch.cross(heading, u, dim=-1)
    turned = cosine[:, None] * heading + sine[:, None] * (
        torch.cos(azimuth)[:, None] * u + torch.sin(azimuth)[:, None] * v
    )
    return turned / torch.linalg.vector_norm(turned, dim=-1, keepdim=True)


def _accumulate(
    counts: np.ndarray,
    totals: np.ndarray,
    energy: Tensor,
    distance: Tensor,
    edges: np.ndarray,
    bin_nm: float,
    nearest: bool,
) -> None:
    """Add escaped electrons to the histogram (energy, distance) and to the sum of distances of each energy bin."""
    row = np.searchsorted(-edges, -energy.numpy().astype(float), side="right") - 1
    row = np.where(energy.numpy() == edges[0], 0, row)
    inside = (row >= 0) & (row < len(edges) - 1)
    z = distance.numpy()[inside] / bin_nm
    column = np.minimum((np.rint(z) if nearest else np.floor(z)).astype(int), counts.shape[1] - 1)
    np.add.at(counts, (row[inside], column), 1)
    np.add.at(totals, row[inside], distance.numpy()[inside])
