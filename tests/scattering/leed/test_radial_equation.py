"""The radial equation: mesh, bound states and logarithmic derivatives where the answer is known."""

import math

import numpy as np
import pytest
from scipy.special import spherical_jn

from zoneaxis.scattering.leed.radial_equation import LIGHT_SPEED, RadialMesh, bound_state, logarithmic_derivative


def test_mesh_integrates_and_interpolates():
    """Integral, antiderivative, derivative and interpolation of r^2 e^{-2r} agree with its formulas."""
    mesh = RadialMesh.build(40.0, 100)
    value = mesh.radius**2 * np.exp(-2.0 * mesh.radius)
    radius = np.geomspace(1e-3, 39.0, 50)
    assert mesh.weight @ value == pytest.approx(0.25, abs=1e-12)
    assert mesh.interpolator(value)(radius) == pytest.approx(radius**2 * np.exp(-2.0 * radius), abs=1e-11)
    integral = 0.25 - np.exp(-2.0 * radius) * (2.0 * radius**2 + 2.0 * radius + 1.0) / 4.0
    assert mesh.antiderivative(value)(radius) == pytest.approx(integral, abs=1e-11)
    assert mesh.antiderivative(value)(np.array([60.0])) == pytest.approx(0.25, abs=1e-11)
    slope = 2.0 * (mesh.radius - mesh.radius**2) * np.exp(-2.0 * mesh.radius)
    assert mesh.derivative @ value == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("level", [(1, 0), (2, 0), (2, 1), (3, 2), (4, 3)])
def test_hydrogen_levels(level):
    """A bare charge 14 binds at -Z^2 / (2 n^2)."""
    mesh = RadialMesh.build(50.0, 130)
    energy, density = bound_state(mesh, -14.0 / mesh.radius[1:], *level)
    print(f"relative error {abs(energy * 2 * level[0] ** 2 / 196 + 1):.1e}")
    assert energy == pytest.approx(-98.0 / level[0] ** 2, rel=5e-7)
    assert mesh.weight @ density == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("charge", "tolerance"), [(14, 1e-8), (47, 1e-7), (79, 5e-6)])
def test_scalar_relativistic_s_levels_are_diracs(charge, tolerance):
    """Without spin-orbit coupling nothing is lost for l = 0: the s levels are Sommerfeld's."""
    mesh = RadialMesh.build(50.0, 130)
    for n in (1, 2, 3):
        energy = -0.5 * (charge / n) ** 2
        for _ in range(8):
            energy, _ = bound_state(mesh, -charge / mesh.radius[1:], n, 0, energy, LIGHT_SPEED)
        ratio = charge / LIGHT_SPEED
        sommerfeld = (1.0 + (ratio / (n - 1 + math.sqrt(1.0 - ratio**2))) ** 2) ** -0.5 - 1.0
        print(f"Z {charge}, {n}s: relative error {abs(energy / (LIGHT_SPEED**2 * sommerfeld) - 1):.1e}")
        assert energy == pytest.approx(LIGHT_SPEED**2 * sommerfeld, rel=tolerance)


def test_logarithmic_derivative_of_a_square_well():
    """In a constant potential the wave is j_l, so R'/R is known."""
    mesh = RadialMesh.build(2.2, 70)
    energy = np.array([0.4, 2.0, 9.0])
    found = logarithmic_derivative(mesh, np.full(len(mesh.radius) - 1, -1.5), energy, 8)
    k, order = np.sqrt(2.0 * (energy + 1.5))[:, None], np.arange(9)
    expected = k * spherical_jn(order, 2.2 * k, True) / spherical_jn(order, 2.2 * k)
    print(f"largest relative error {np.abs(found / expected - 1).max():.1e}")
    assert found == pytest.approx(expected, rel=1e-7)
