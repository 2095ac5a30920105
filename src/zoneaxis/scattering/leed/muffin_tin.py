"""The muffin-tin potential of an elemental crystal from overlapping free atoms.

Hartree units. Derivation: docs/theory/phase_shifts.md.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.atom import Atom
from zoneaxis.scattering.leed.exchange_correlation import exchange_correlation
from zoneaxis.scattering.leed.radial_equation import BOHR_ANGSTROM, HARTREE_EV, RadialFunction, RadialMesh

Array = NDArray[np.float64]

FCC = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)]
STRUCTURES: dict[str, Array] = {
    "diamond": np.array(FCC + [(x + 0.25, y + 0.25, z + 0.25) for x, y, z in FCC]),
    "fcc": np.array(FCC),
    "bcc": np.array([(0.0, 0.0, 0.0), (0.5, 0.5, 0.5)]),
}
"""Fractional positions in the cubic cell; every atom has the same surroundings, up to inversion."""

NEIGHBOUR_RANGE_BOHR = 16.0
"""Atoms farther away leave nothing inside the sphere."""

POINTS = 70
"""Radial points inside the sphere; more or fewer move no phase of silicon by 1e-6 rad up to 10 Ha."""


@dataclass(frozen=True)
class MuffinTin:
    """Spherical potential inside one atom's sphere, counted from the constant potential between the spheres.

    radius_bohr: half of the distance between neighbours. zero_ev: the constant, against an electron at rest far from
    all atoms [eV]. potential: (points - 1,) V - zero [Ha] at all nodes of the mesh but the nucleus.
    """

    element: str
    relativistic: bool
    radius_bohr: float
    zero_ev: float
    mesh: RadialMesh
    potential: Array


def neighbour_shells(structure: str, lattice_parameter: float, reach: float) -> list[tuple[float, int]]:
    """(distance, number of atoms) of the shells around an atom, nearest first, within reach; unit of the lattice.

    Raises:
        InputError: the structure is not known.
    """
    if structure not in STRUCTURES:
        raise InputError(f"structure = {structure!r}: expected one of {', '.join(STRUCTURES)}")
    count = math.ceil(reach / lattice_parameter)
    cells = np.array(list(itertools.product(range(-count, count + 1), repeat=3)))
    atoms = (cells[:, None] + STRUCTURES[structure]).reshape(-1, 3)
    squared, number = np.unique(np.rint(16.0 * (atoms**2).sum(1)), return_counts=True)
    distances = lattice_parameter * np.sqrt(squared) / 4.0
    return [(float(d), int(n)) for d, n in zip(distances, number, strict=True) if 0.0 < d <= reach]


def _superposed(atom: Atom, shells: list[tuple[float, int]]) -> tuple[RadialFunction, RadialFunction]:
    """Electrostatic potential [Ha] and density [1/bohr^3], summed over all atoms, averaged over a sphere about one.

    f_s(r) = f(r) + sum over shells of N / (2 a r) times the integral of f t dt from |a - r| to a + r: the mean of a
    spherical function over a sphere centred at the distance a.
    """
    mesh = atom.mesh
    shared_density = np.concatenate(([0.0], atom.density[1:] / (4.0 * math.pi * mesh.radius[1:])))
    own_charge, own_density = mesh.interpolator(atom.screened_charge), mesh.interpolator(atom.density)
    charge_integral, density_integral = mesh.antiderivative(atom.screened_charge), mesh.antiderivative(shared_density)

    def neighbours(integral: RadialFunction, radius: Array) -> Array:
        return sum(
            (n / (2.0 * a * radius) * (integral(a + radius) - integral(np.abs(a - radius))) for a, n in shells),
            np.zeros_like(radius),
        )

    def potential(radius: Array) -> Array:
        return own_charge(radius) / radius + neighbours(charge_integral, radius)

    def density(radius: Array) -> Array:
        return own_density(radius) / (4.0 * math.pi * radius**2) + neighbours(density_integral, radius)

    return potential, density


def muffin_tin(atom: Atom, structure: str, lattice_parameter_angstrom: float) -> MuffinTin:
    """Mattheiss potential: free atoms' electrostatic potentials and densities add up, exchange follows the sum.

    The zero is the volume average between the muffin-tin and the Wigner-Seitz sphere. It is a poor inner potential
    (that is a parameter of the LEED calculation) and only sets the origin of the phase shifts' energies.

    Args:
        atom: self-consistent free atom.
        structure: `diamond`, `fcc` or `bcc`.
        lattice_parameter_angstrom: edge of the cubic cell [angstrom].

    Raises:
        InputError: unknown structure, or neighbours closer than 1 or farther than 6 angstrom.

    Source: Mattheiss, Phys. Rev. 133 (1964) A1399.
    """
    edge = lattice_parameter_angstrom / BOHR_ANGSTROM
    if not 1.0 <= lattice_parameter_angstrom <= 20.0:
        raise InputError(f"lattice_parameter_angstrom = {lattice_parameter_angstrom}: expected 1 to 20")
    shells = neighbour_shells(structure, edge, max(NEIGHBOUR_RANGE_BOHR, edge))
    touching = 0.5 * shells[0][0]
    if not 1.0 <= 2.0 * touching * BOHR_ANGSTROM <= 6.0:
        raise InputError(
            f"lattice_parameter_angstrom = {lattice_parameter_angstrom}: neighbours {2 * touching * BOHR_ANGSTROM:.2f}"
            f" angstrom apart in {structure}, expected 1 to 6"
        )
    electrostatic, density = _superposed(atom, shells)

    def potential(radius: Array) -> Array:
        return electrostatic(radius) + exchange_correlation(density(radius), atom.functional)[0]

    cell_radius = edge * (3.0 / (4.0 * math.pi * len(STRUCTURES[structure]))) ** (1.0 / 3.0)
    nodes, weights = np.polynomial.legendre.leggauss(32)
    between = 0.5 * (cell_radius + touching + (cell_radius - touching) * nodes)
    zero = weights * between**2 @ potential(between) / (weights @ between**2)
    mesh = RadialMesh.build(touching, POINTS)
    inside = potential(mesh.radius[1:]) - zero
    return MuffinTin(atom.element, atom.relativistic, touching, float(zero) * HARTREE_EV, mesh, inside)
