"""The fast electron: wavelength and relativistic factor."""

import pytest

from zoneaxis.errors import InputError
from zoneaxis.scattering.electron import relativistic_factor, wave_number_in_crystal, wavelength_angstrom


@pytest.mark.parametrize(
    ("voltage_kv", "gamma", "wavelength"),
    [(20, 1.039139, 0.0858851), (100, 1.195695, 0.0370144), (200, 1.391390, 0.0250793), (300, 1.587085, 0.0196875)],
)
def test_textbook_values(voltage_kv, gamma, wavelength):
    """gamma and lambda agree with the tables of De Graef (2003)."""
    assert relativistic_factor(voltage_kv) == pytest.approx(gamma, abs=1e-6)
    assert wavelength_angstrom(voltage_kv) == pytest.approx(wavelength, rel=2e-6)


def test_wavelength_inside_nickel_is_emsofts():
    """With gamma V0 = 29.62 V the wavelength is that of EMsoft's formula to 1e-6, at 20.0 and 20.1 kV."""
    assert wavelength_angstrom(20.0, 29.62) == pytest.approx(0.0858228, rel=1e-6)
    assert wavelength_angstrom(20.1, 29.62) == pytest.approx(0.0856052, rel=1e-6)


def test_wave_number_grows_inside():
    """The mean potential shortens the wave: K^2 = 1/lambda^2 + U_0."""
    assert wave_number_in_crystal(200.0, 0.14) ** 2 - wavelength_angstrom(200.0) ** -2 == pytest.approx(0.14)


@pytest.mark.parametrize("voltage_kv", [0.0, -20.0, 1e5, float("nan")])
def test_impossible_voltage_is_refused(voltage_kv):
    """A voltage outside 0.1 to 3000 kV, such as one given in volt, is refused."""
    with pytest.raises(InputError, match="accelerating_voltage_kv"):
        relativistic_factor(voltage_kv)
