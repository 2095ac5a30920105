"""Exchange and correlation of the electron gas."""

import math

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.exchange_correlation import exchange_correlation


def density_of(rs):
    """Density [1/bohr^3] of a gas with one electron per sphere of radius rs [bohr]."""
    return 3.0 / (4.0 * math.pi * np.asarray(rs) ** 3)


@pytest.mark.parametrize("functional", ["pz", "vwn"])
def test_potential_is_the_derivative_of_the_energy(functional):
    """v_xc = d(rho e_xc) / d rho, by finite difference, on both sides of rs = 1."""
    density = density_of([0.05, 0.4, 0.9, 1.2, 3.0, 12.0])
    above, below = density * 1.00001, density * 0.99999
    slope = (
        above * exchange_correlation(above, functional)[1] - below * exchange_correlation(below, functional)[1]
    ) / (above - below)
    assert exchange_correlation(density, functional)[0] == pytest.approx(slope, rel=1e-7)


def test_correlation_of_ceperley_and_alder():
    """Both fits give the quantum Monte Carlo correlation energies -0.0600, -0.0448, -0.0281, -0.0186 Ha to 0.5 mHa."""
    rs = np.array([1.0, 2.0, 5.0, 10.0])
    exchange = -0.75 * np.cbrt(3.0 * density_of(rs) / math.pi)
    for functional in ("pz", "vwn"):
        energy = exchange_correlation(density_of(rs), functional)[1] - exchange
        assert energy == pytest.approx([-0.0600, -0.0448, -0.0281, -0.0186], abs=5e-4)


def test_empty_space_has_no_potential():
    """Both parts vanish with the density, without a warning."""
    potential, energy = exchange_correlation(np.zeros(2), "pz")
    assert np.abs(potential).max() < 1e-9
    assert np.abs(energy).max() < 1e-9


def test_unknown_functional_is_refused():
    """Only `pz` and `vwn` exist."""
    with pytest.raises(InputError, match="functional = 'pbe': expected one of pz, vwn"):
        exchange_correlation(np.ones(1), "pbe")
