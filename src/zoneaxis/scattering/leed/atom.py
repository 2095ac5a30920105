"""The free atom in the local density approximation: levels, density and electrostatic potential.

Hartree units. Derivation and figures: docs/theory/phase_shifts.md.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.exchange_correlation import exchange_correlation
from zoneaxis.scattering.leed.radial_equation import LIGHT_SPEED, RadialMesh, bound_state

Array = NDArray[np.float64]
Level = tuple[int, int]

LETTERS = "spdf"
ORDER = "1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f 6d"
"""Levels in the order in which they fill."""

EXCEPTIONS = {
    "Cr": "3d5 4s1", "Cu": "3d10 4s1", "Nb": "4d4 5s1", "Mo": "4d5 5s1", "Ru": "4d7 5s1", "Rh": "4d8 5s1",
    "Pd": "4d10 5s0", "Ag": "4d10 5s1", "La": "4f0 5d1", "Ce": "4f1 5d1", "Gd": "4f7 5d1", "Pt": "4f14 5d9 6s1",
    "Au": "4f14 5d10 6s1", "Ac": "5f0 6d1", "Th": "5f0 6d2", "Pa": "5f2 6d1", "U": "5f3 6d1",
}  # fmt: skip
"""Ground states that do not follow that order: the levels that differ. Source: those of the NIST tables."""

OUTER_RADIUS_BOHR = 50.0
"""Where every wave has vanished; enough for caesium."""

POINTS = 130
"""Radial points; with these all total energies agree with the NIST tables to 2e-5 Ha."""

HISTORY = 6
"""Past iterations that the mixing combines."""

CONVERGED = 1e-8
"""Largest change of r V [Ha bohr] of a self-consistent atom; its levels may move by 1000 times that [Ha]."""

LARGEST_ITERATIONS = 120
"""All atoms to uranium need fewer than half of these."""


@dataclass(frozen=True)
class Atom:
    """A neutral atom with spherically averaged density and paired spins.

    levels: (n, l) -> energy [Ha]. mesh: radii up to 50 bohr. density: (points,) rho [1/bohr^3] times 4 pi r^2; its
    integral is Z. screened_charge: (points,) r (V_nucleus + V_Hartree), from -Z at the nucleus to 0 far away.
    """

    element: str
    atomic_number: int
    functional: str
    relativistic: bool
    levels: dict[Level, float]
    total_energy: float
    mesh: RadialMesh
    density: Array
    screened_charge: Array


def atomic_number(element: str) -> int:
    """Z of an element symbol.

    Raises:
        InputError: not a symbol of H to U.
    """
    z = gemmi.Element(element).atomic_number
    if not 1 <= z <= 92 or gemmi.Element(z).name != element:
        raise InputError(f"element = {element!r}: expected a symbol from H (1) to U (92)")
    return int(z)


def configuration(element: str) -> dict[Level, int]:
    """Number of electrons in each level (n, l) of the neutral atom's ground state; the empty ones left out."""
    left = atomic_number(element)
    occupation: dict[Level, int] = {}
    for name in ORDER.split():
        level = int(name[0]), LETTERS.index(name[1])
        occupation[level] = min(left, 4 * level[1] + 2)
        left -= occupation[level]
    for n, letter, electrons in re.findall(r"(\d)([spdf])(\d+)", EXCEPTIONS.get(element, "")):
        occupation[int(n), LETTERS.index(letter)] = int(electrons)
    return {level: electrons for level, electrons in sorted(occupation.items()) if electrons}


def _hartree(mesh: RadialMesh, density: Array) -> Array:
    """r V_H on the mesh for 4 pi r^2 rho: (r V_H)'' = -4 pi r rho, 0 at the nucleus, the charge at the outer radius."""
    inner = mesh.derivative[:, 1:-1]
    stiffness = inner.T @ (mesh.weight[:, None] * inner)
    bulge = np.linalg.solve(stiffness, (mesh.weight * density)[1:-1] / mesh.radius[1:-1])
    return mesh.weight @ density * mesh.radius / mesh.radius[-1] + np.concatenate(([0.0], bulge, [0.0]))


def _anderson(inputs: list[Array], residuals: list[Array], mixing: float = 0.4) -> Array:
    """Next input: the combination of the past ones with the smallest residual, moved along what is left of it."""
    steps = np.array([residuals[-1] - residual for residual in residuals[:-1]]).T
    weights = np.linalg.lstsq(steps, residuals[-1], rcond=1e-10)[0] if len(residuals) > 1 else np.zeros(0)
    best, left = inputs[-1].copy(), residuals[-1].copy()
    for weight, past, residual in zip(weights, inputs, residuals, strict=False):
        best -= weight * (inputs[-1] - past)
        left -= weight * (residuals[-1] - residual)
    return np.asarray(best + mixing * left)


@functools.lru_cache(maxsize=128)
def free_atom(element: str, functional: str = "pz", relativistic: bool = True) -> Atom:
    """The self-consistent free atom.

    The local potential is iterated with Anderson mixing until it moves by less than 1e-8 Ha bohr. Total energies of
    hydrogen to uranium agree with the NIST tables (`vwn`, not relativistic) to 2e-5 Ha. The relativistic atom has no
    spin-orbit coupling and no relativistic exchange.

    Args:
        element: symbol, H to U.
        functional: correlation, `pz` (Perdew-Zunger) or `vwn` (Vosko-Wilk-Nusair).
        relativistic: Koelling-Harmon equation instead of Schroedinger's.

    Raises:
        InputError: unknown element or functional.
    """
    z, occupation = atomic_number(element), configuration(element)
    mesh = RadialMesh.build(OUTER_RADIUS_BOHR, POINTS)
    radius = mesh.radius[1:]
    light_speed = LIGHT_SPEED if relativistic else math.inf
    levels = dict.fromkeys(occupation, 0.0)
    screening = (z - 1.0) * (1.0 - 1.0 / (1.0 + z ** (1.0 / 3.0) * radius) ** 2)
    inputs: list[Array] = []
    residuals: list[Array] = []
    for _ in range(LARGEST_ITERATIONS):
        potential = (screening - z) / radius
        density = np.zeros_like(mesh.radius)
        moved = 0.0
        for level, electrons in occupation.items():
            energy, share = bound_state(mesh, potential, *level, levels[level], light_speed)
            density += electrons * share
            moved = max(moved, abs(energy - levels[level]))
            levels[level] = energy
        hartree = _hartree(mesh, density)
        rho = density[1:] / (4.0 * math.pi * radius**2)
        v_xc, e_xc = exchange_correlation(rho, functional)
        inputs.append(screening)
        residuals.append(hartree[1:] + radius * v_xc - screening)
        if np.abs(residuals[-1]).max() < CONVERGED and moved < 1e3 * CONVERGED:
            break
        screening = _anderson(inputs[-HISTORY:], residuals[-HISTORY:])
    else:
        raise RuntimeError(f"free atom {element}: not self-consistent after {LARGEST_ITERATIONS} iterations")
    bands = sum(electrons * levels[level] for level, electrons in occupation.items())
    doubled = mesh.weight[1:] @ (density[1:] * (0.5 * hartree[1:] / radius + v_xc - e_xc))
    return Atom(element, z, functional, relativistic, levels, float(bands - doubled), mesh, density, hartree - z)
