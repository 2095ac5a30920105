"""Lattice sum: what a plane lattice of emitters sends to one point."""

import numpy as np
import pytest
import torch
from scipy.special import hankel1, sph_harm_y

from tests.scattering.leed.small_layer import AREA, CELL, KAPPA, K, brute_lattice
from zoneaxis.scattering.leed.harmonics import degrees
from zoneaxis.scattering.leed.lattice_sum import lattice_points, lattice_sums, reach_angstrom

L_MAX = 4
OFFSET = torch.tensor([[0.7, -0.3, 1.1]], dtype=torch.float64)


@pytest.mark.parametrize("cell", [CELL, np.array([[7.7, 0.0], [0.0, 3.8]]), np.array([[3.0, 0.0], [2.4, 1.2]])])
def test_no_point_is_missing(cell):
    """Every lattice point within the radius, once, against a search of a larger piece; also in a slanted cell."""
    radius = 23.0
    everything = brute_lattice(cell, 60)
    expected = everything[np.linalg.norm(everything, axis=1) <= radius]
    found = lattice_points(cell, radius)
    assert len(found) == len(expected)
    assert {tuple(row) for row in found.round(6) + 0.0} == {tuple(row) for row in expected.round(6) + 0.0}


def test_reach_is_where_the_wave_has_decayed():
    """exp(-Im kappa times the reach) is the tolerance."""
    assert np.exp(-KAPPA.imag * reach_angstrom(KAPPA, 1e-3)) == pytest.approx(1e-3)


def test_sum_against_scipy():
    """Term by term with SciPy's Hankel functions and harmonics over a larger piece of the lattice."""
    tolerance = 1e-9
    ours = lattice_sums(OFFSET, CELL, K, KAPPA, L_MAX, tolerance)[:, 0].numpy()
    points = brute_lattice(CELL, 70)
    points = points[np.linalg.norm(points, axis=1) < 1.2 * reach_angstrom(KAPPA, tolerance)]
    rho = OFFSET.numpy() - np.pad(points, ((0, 0), (0, 1)))
    length = np.linalg.norm(rho, axis=1)
    polar, azimuth = np.arccos(rho[:, 2] / length), np.arctan2(rho[:, 1], rho[:, 0])
    phases = np.exp(1j * K.numpy() @ points.T)
    theirs = []
    for l in range(L_MAX + 1):  # noqa: E741
        wave = np.sqrt(np.pi / (2 * KAPPA * length)) * hankel1(l + 0.5, KAPPA * length)
        theirs += [phases @ (wave * sph_harm_y(l, m, polar, azimuth)) for m in range(-l, l + 1)]
    worst = np.abs(ours - np.array(theirs)).max() / np.abs(ours).max()
    print(f"largest difference {worst:.1e} of the largest sum")
    assert worst < 1e-8


def test_both_sides_of_a_pair():
    """D_l(-d, k) = (-1)^l D_l(d, -k), without error of the cut."""
    there = lattice_sums(-OFFSET, CELL, K, KAPPA, L_MAX, 1e-3)
    back = lattice_sums(OFFSET, CELL, -K, KAPPA, L_MAX, 1e-3)
    sign = (-1.0) ** degrees(L_MAX)
    assert float((there - sign[:, None, None] * back).abs().max()) < 1e-12


def test_a_translation_is_a_phase():
    """An offset longer by a lattice vector a gives exp(ik.a) times the sum."""
    vector = torch.tensor([*CELL[1], 0.0], dtype=torch.float64)
    far = lattice_sums(OFFSET + vector, CELL, K, KAPPA, L_MAX, 1e-9)
    near = lattice_sums(OFFSET, CELL, K, KAPPA, L_MAX, 1e-9)
    assert torch.allclose(far, torch.exp(1j * (K @ vector[:2])) * near, atol=1e-6)


def test_own_site_is_left_out():
    """The sum at zero offset is the limit of the others, less the emitter that is near."""
    zero = lattice_sums(0 * OFFSET, CELL, K, KAPPA, L_MAX, 1e-6)
    assert torch.isfinite(torch.view_as_real(zero)).all()
    # Harmonics of odd l cancel at normal incidence, from opposite sites.
    odd = degrees(L_MAX) % 2 == 1
    assert float(zero[odd, 0, 1].abs().max()) < 1e-12
    small = 1e-3 * OFFSET / OFFSET.norm()
    length = float(small.norm())
    s_wave = lattice_sums(small, CELL, K, KAPPA, 0, 1e-6)[0, 0] - -1j * np.exp(1j * KAPPA * length) / (
        KAPPA * length
    ) / np.sqrt(4 * np.pi)
    assert torch.allclose(s_wave, zero[0, 0], atol=2e-3)


def test_cut_is_as_good_as_stated():
    """A hundredfold smaller tolerance brings a hundredfold smaller error, within a factor of a few."""
    exact = lattice_sums(OFFSET, CELL, K, KAPPA, L_MAX, 1e-10)
    errors = [
        float((lattice_sums(OFFSET, CELL, K, KAPPA, L_MAX, cut) - exact).abs().max() / exact.abs().max())
        for cut in (1e-2, 1e-4, 1e-6)
    ]
    print("errors " + ", ".join(f"{error:.1e}" for error in errors))
    assert errors[0] < 1e-1 and errors[1] < 1e-3 and errors[2] < 1e-5


def test_free_lattice_is_dense():
    """As many points as the area of the circle over that of the cell."""
    assert len(lattice_points(CELL, 80.0)) == pytest.approx(np.pi * 80.0**2 / AREA, rel=0.01)
