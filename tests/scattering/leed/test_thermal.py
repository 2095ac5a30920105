"""Vibrations: mean-square displacement and thermal t-matrix."""

import math

import numpy as np
import pytest
import torch
from scipy.special import spherical_in

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.phase_shifts import phase_shifts
from zoneaxis.scattering.leed.thermal import HBAR_SQUARED, debye_u2, t_matrix

BOHR2 = 0.529177**2


@pytest.fixture(scope="module")
def silicon():
    """delta_0 .. delta_8 of silicon at 60 eV inside."""
    return torch.from_numpy(phase_shifts("Si", "diamond", 5.431).at(60.0, 8))


def at_rest(delta):
    """t_l of an atom that does not vibrate."""
    return torch.sin(delta) * torch.exp(1j * delta)


@pytest.mark.parametrize(("debye", "u"), [(430, 0.093), (500, 0.081), (543, 0.075), (640, 0.065)])
def test_silicon_at_room_temperature(debye, u):
    """Displacement of silicon at 293 K for four Debye temperatures."""
    assert math.sqrt(debye_u2(28.0855, debye, 293.0)) == pytest.approx(u, abs=5e-4)


def test_limits_of_temperature():
    """Zero-point motion at 0 K, reached continuously; 3 hbar^2 T / (M kB Theta^2) far above Theta."""
    zero = 0.75 * HBAR_SQUARED / (63.546 * 343.0)
    assert debye_u2(63.546, 343.0, 0.0) == pytest.approx(zero)
    assert debye_u2(63.546, 343.0, 0.01) == pytest.approx(zero, rel=1e-8)
    assert debye_u2(63.546, 343.0, 2e4) == pytest.approx(3.0 * HBAR_SQUARED * 2e4 / (63.546 * 343.0**2), rel=1e-4)


@pytest.mark.parametrize(
    "values", [(0.0, 500.0, 293.0), (28.0, 0.0, 293.0), (28.0, 500.0, -1.0), (28.0, 500.0, math.nan)]
)
def test_impossible_vibrations_are_refused(values):
    """Mass, Debye temperature and temperature outside their range."""
    with pytest.raises(InputError, match="expected at least"):
        debye_u2(*values)


def test_no_vibration_changes_nothing(silicon):
    """t_l(u -> 0) = t_l to 1e-10."""
    x = 0.2625 * 60.0 * 1e-12 * BOHR2
    largest = (t_matrix(silicon, x, 8) - at_rest(silicon)).abs().max().item()
    print(f"{largest:.1e}")
    assert largest < 1e-10
    assert t_matrix(silicon, 0.0, 8).dtype == torch.complex128


def test_forward_kept_backward_weakened(silicon):
    """sum (2l+1) t_l stays (3e-5), sum (-1)^l (2l+1) t_l falls as e^{-2x} (1e-4), l up to 8, u = 0.1 angstrom."""
    x = 0.2625 * 60.0 * 0.1**2
    moving, still = t_matrix(silicon, x, 8), at_rest(silicon)
    degree = torch.arange(9)
    forward = ((2 * degree + 1) * moving).sum() / ((2 * degree + 1) * still).sum()
    alternating = (-1.0) ** degree * (2 * degree + 1)
    backward = (alternating * moving).sum() / (alternating * still).sum()
    print(f"forward {abs(forward - 1):.1e}, backward {abs(backward * math.exp(2 * x) - 1):.1e}")
    assert abs(forward - 1) < 3e-5
    assert abs(backward * math.exp(2 * x) - 1) < 1e-4


def test_integral_equals_the_sum_with_3j_symbols(silicon):
    """The projection agrees with e^{-x} sum (2l'+1)(2l''+1) i_l''(x) t_l' (l' l'' l; 000)^2."""
    x, l_max, terms = 0.4, 8, 30
    nodes, weights = np.polynomial.legendre.leggauss(40)
    polynomials = np.polynomial.legendre.legvander(nodes, terms)
    squared_3j = 0.5 * np.einsum(
        "c,ca,cb,cd->abd", weights, polynomials[:, : l_max + 1], polynomials, polynomials[:, : l_max + 1]
    )
    bessel = (2 * np.arange(terms + 1) + 1) * spherical_in(np.arange(terms + 1), x)
    incident = (2 * np.arange(9) + 1) * at_rest(silicon).numpy()
    expected = math.exp(-x) * np.einsum("abd,b,a->d", squared_3j, bessel, incident)
    assert t_matrix(silicon, x, l_max).numpy() == pytest.approx(expected, abs=1e-12)


def test_number_of_waves_is_free(silicon):
    """More waves than phases lets vibration fill them; fewer are the first of them."""
    wide = t_matrix(silicon, 0.3, 12)
    assert wide.shape == (13,)
    assert 0.0 < wide[10].abs().item() < 1e-4
    assert t_matrix(silicon, 0.3, 3).numpy() == pytest.approx(wide[:4].numpy(), abs=1e-14)


def test_autograd_reaches_the_phases(silicon):
    """d|t|^2 / d delta agrees with a finite difference."""
    delta = silicon.clone().requires_grad_(True)
    t_matrix(delta, 0.2, 8).abs().square().sum().backward()
    step = torch.zeros(9, dtype=torch.float64)
    step[1] = 1e-6
    up, down = (t_matrix(silicon + s * step, 0.2, 8).abs().square().sum() for s in (1, -1))
    assert delta.grad[1].item() == pytest.approx(((up - down) / 2e-6).item(), rel=1e-6)


@pytest.mark.parametrize(("x", "l_max"), [(-0.1, 3), (math.nan, 3), (0.1, -1)])
def test_impossible_averages_are_refused(silicon, x, l_max):
    """A negative or undefined displacement, or a negative l_max."""
    with pytest.raises(InputError, match="k2_times_u2"):
        t_matrix(silicon, x, l_max)
