"""The radial wave equation: a spectral mesh, its bound states and its logarithmic derivatives.

Hartree units. Derivation: docs/theory/phase_shifts.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.linalg import eigh

Array = NDArray[np.float64]
RadialFunction = Callable[[Array], Array]

HARTREE_EV = 27.211386245988
"""Hartree energy [eV] (CODATA 2018)."""

BOHR_ANGSTROM = 0.529177210903
"""Bohr radius [angstrom] (CODATA 2018)."""

LIGHT_SPEED = 137.035999
"""Speed of light in Hartree units, the inverse of the fine-structure constant (CODATA 2018)."""

SCALE_BOHR = 0.01
"""Radius [bohr] within which the points are spaced evenly rather than geometrically."""


@dataclass(frozen=True)
class RadialMesh:
    """Legendre-Gauss-Lobatto points x in [-1, 1], mapped to radii r in [0, outer radius] that are dense at the nucleus.

    r = s (e^{q (1 + x)} - 1): linear within s, geometric outside. A function on the mesh is the polynomial in x
    through its values; where it is smooth, errors fall exponentially with the number of points n. Relativistic
    waves rise as a broken power of r; a small s keeps that from the rest of the atom.

    radius: (n,) [bohr], first 0, last the outer radius. weight: (n,), integral of f dr = weight @ f.
    derivative: (n, n), df/dr = derivative @ f. jacobian: (n,), dr/dx. scale: s [bohr].
    """

    radius: Array
    weight: Array
    derivative: Array
    jacobian: Array
    scale: float

    @staticmethod
    def build(outer_radius_bohr: float, points: int, scale_bohr: float = SCALE_BOHR) -> RadialMesh:
        """Mesh of so many points up to the outer radius."""
        last = np.eye(points)[-1]
        x = np.concatenate(([-1.0], legendre.legroots(legendre.legder(last)), [1.0]))
        value = legendre.legval(x, last)
        gap = x[:, None] - x + np.eye(points)
        derivative = value[:, None] / value / gap - np.eye(points)
        derivative[0, 0] = -points * (points - 1) / 4.0
        derivative[-1, -1] = -derivative[0, 0]
        growth = 0.5 * np.log1p(outer_radius_bohr / scale_bohr)
        radius = scale_bohr * np.expm1(growth * (1.0 + x))
        jacobian = growth * (radius + scale_bohr)
        weight = 2.0 / (points * (points - 1) * value**2) * jacobian
        return RadialMesh(radius, weight, derivative / jacobian[:, None], jacobian, scale_bohr)

    def abscissa(self, radius: Array) -> Array:
        """x of a radius [bohr]; beyond the outer radius 1, so that functions keep their last value there."""
        return np.minimum(2.0 * np.log1p(radius / self.scale) / np.log1p(self.radius[-1] / self.scale) - 1.0, 1.0)

    def _coefficients(self, values: Array) -> Array:
        """Legendre coefficients of the polynomial in x through the values."""
        return np.asarray(np.linalg.solve(legendre.legvander(self.abscissa(self.radius), len(values) - 1), values))

    def interpolator(self, values: Array) -> RadialFunction:
        """The function of the radius with these values on the mesh."""
        coefficients = self._coefficients(values)
        return lambda radius: np.asarray(legendre.legval(self.abscissa(radius), coefficients), dtype=np.float64)

    def antiderivative(self, values: Array) -> RadialFunction:
        """F(r) = integral of the function from 0 to r; constant beyond the outer radius."""
        coefficients = legendre.legint(self._coefficients(values * self.jacobian), lbnd=-1)
        return lambda radius: np.asarray(legendre.legval(self.abscissa(radius), coefficients), dtype=np.float64)


def _slope_operator(mesh: RadialMesh) -> Array:
    """r d(P/r)/dr = P' - P/r at all nodes but the nucleus, for functions P = r R that vanish there; (n-1, n-1)."""
    return mesh.derivative[1:, 1:] - np.diag(1.0 / mesh.radius[1:])


def relative_mass(potential: Array, energy: Array | float, light_speed: float) -> Array:
    """M = 1 + (E - V) / (2 c^2), the mass of the scalar-relativistic electron; 1 for infinite c."""
    return np.asarray(1.0 + (np.asarray(energy)[..., None] - potential) / (2.0 * light_speed**2))


def _hamiltonian(mesh: RadialMesh, potential: Array, mass: Array, angular_momentum: int) -> Array:
    """Weak form of the radial Hamiltonian, (..., n-1, n-1), for potential (n-1,) and mass (..., n-1) off the nucleus.

    integral of (P' - P/r)^2 / (2 M) + [V + l (l+1) / (2 M r^2)] P^2. Symmetric. Without its last row and column the
    wave vanishes at the outer radius; with them the equation (H - E) P = e_R (P' - P/r) / (2 M) holds at the end.
    """
    slope = _slope_operator(mesh)
    weight, radius = mesh.weight[1:], mesh.radius[1:]
    kinetic = np.swapaxes(slope[None] * (0.5 * weight / mass)[..., :, None], -1, -2) @ slope
    centrifugal = angular_momentum * (angular_momentum + 1) / (2.0 * mass * radius**2)
    return np.asarray(
        kinetic.reshape(*mass.shape[:-1], *slope.shape)
        + np.eye(len(weight)) * (weight * (potential + centrifugal))[..., None, :]
    )


def bound_state(
    mesh: RadialMesh,
    potential: Array,
    principal: int,
    angular_momentum: int,
    energy_guess: float = 0.0,
    light_speed: float = np.inf,
) -> tuple[float, Array]:
    """Energy [Ha] and radial density |P|^2 + |Q|^2 (n,) [1/bohr] of the level (n, l); the density integrates to 1.

    Koelling-Harmon equation without spin-orbit coupling. The mass depends on the energy sought and is taken at the
    guess; the energy returned is one Newton step from there, so that repeating the call with it converges
    quadratically. For infinite c the guess plays no part and the equation is Schroedinger's.

    Args:
        mesh: reaching far enough for the wave to have vanished.
        potential: (n-1,) V at all nodes but the nucleus [Ha].
        principal: principal quantum number n > l.
        angular_momentum: l.
        energy_guess: energy [Ha] at which the mass is taken.
        light_speed: c in Hartree units.

    Source: Koelling and Harmon, J. Phys. C 10 (1977) 3107.
    """
    mass = relative_mass(potential, energy_guess, light_speed)
    root = np.sqrt(mesh.weight[1:-1])
    matrix = _hamiltonian(mesh, potential, mass, angular_momentum)[:-1, :-1] / root / root[:, None]
    index = principal - angular_momentum - 1
    energies, waves = eigh(matrix, subset_by_index=[index, index])
    wave = np.concatenate((waves[:, 0] / root, [0.0]))
    slope = _slope_operator(mesh) @ wave
    centrifugal = angular_momentum * (angular_momentum + 1) * (wave / mesh.radius[1:]) ** 2
    density = wave**2 + (slope**2 + centrifugal) / (2.0 * mass * light_speed) ** 2
    norm = float(mesh.weight[1:] @ density)
    energy = energy_guess + (float(energies[0]) - energy_guess) / norm
    return energy, np.concatenate(([0.0], density / norm))


def logarithmic_derivative(
    mesh: RadialMesh, potential: Array, energy: Array, l_max: int, light_speed: float = np.inf
) -> Array:
    """d ln R_l / dr at the outer radius, (energies, l_max+1) [1/bohr], of the wave that is regular at the nucleus.

    One symmetric linear system per energy and l. V must end at 0 there for the relativistic slope to join that of a
    free electron; a step of V costs a relative error of step / (2 c^2), below 1e-4.

    Args:
        mesh: ends at the radius asked for.
        potential: (n-1,) V at all nodes but the nucleus [Ha].
        energy: (energies,) E [Ha], above 0.
        l_max: largest angular momentum.
        light_speed: c in Hartree units; infinite for Schroedinger's equation.
    """
    mass = relative_mass(potential, energy, light_speed)
    free_mass = relative_mass(np.zeros(1), energy, light_speed)[:, 0]
    end = np.eye(len(potential))[-1][:, None]
    overlap = np.diag(mesh.weight[1:])
    result = np.empty((len(energy), l_max + 1))
    for angular_momentum in range(l_max + 1):
        matrix = _hamiltonian(mesh, potential, mass, angular_momentum) - energy[:, None, None] * overlap
        wave_at_end = np.linalg.solve(matrix, end[None])[:, -1, 0]
        result[:, angular_momentum] = 2.0 * free_mass / wave_at_end
    return result
