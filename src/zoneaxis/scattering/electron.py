"""The fast electron: wavelength, relativistic factor and wave number from its accelerating voltage.

Lengths are in angstrom, wave numbers in 1/angstrom without 2 pi, potentials in volt.
"""

from __future__ import annotations

import math

from zoneaxis.errors import InputError

REST_ENERGY_EV = 510998.95
"""m0 c^2 in eV (CODATA 2018)."""

WAVELENGTH_CONSTANT_A_SQRT_V = 12.2642584554
"""h / sqrt(2 m0 e) in angstrom sqrt(volt), from CODATA constants."""

POTENTIAL_TO_U = 0.00664840
"""2 m0 e / h^2 in 1/(angstrom^2 volt): U_g = POTENTIAL_TO_U gamma V_g."""


def relativistic_factor(accelerating_voltage_kv: float) -> float:
    """gamma = 1 + e V / (m0 c^2).

    Limit: 1 for zero voltage.

    Args:
        accelerating_voltage_kv: voltage V the electron has passed [kV], 0.1 to 3000.

    Raises:
        InputError: the voltage is outside that range.
    """
    if not 0.1 <= accelerating_voltage_kv <= 3000.0:
        raise InputError(f"accelerating_voltage_kv = {accelerating_voltage_kv}: expected 0.1 to 3000 kV")
    return 1.0 + 1e3 * accelerating_voltage_kv / REST_ENERGY_EV


def wavelength_angstrom(accelerating_voltage_kv: float, potential_v: float = 0.0) -> float:
    """de Broglie wavelength [angstrom], relativistic, optionally shortened by the crystal's mean inner potential.

    lambda = h / sqrt(2 m0 e (gamma V0 + V (1 + e V / (2 m0 c^2)))).

    Args:
        accelerating_voltage_kv: accelerating voltage V [kV].
        potential_v: gamma V0 [V], the mean inner potential times gamma; 0 in vacuum.

    Source: De Graef, Introduction to Conventional TEM (2003), eq. 2.37; with V0 as in EMsoft.
    """
    relativistic_factor(accelerating_voltage_kv)
    voltage_v = 1e3 * accelerating_voltage_kv
    corrected = voltage_v * (1.0 + voltage_v / (2.0 * REST_ENERGY_EV))
    return WAVELENGTH_CONSTANT_A_SQRT_V / math.sqrt(potential_v + corrected)


def wave_number_in_crystal(accelerating_voltage_kv: float, u_0: float) -> float:
    """K = |k| inside the crystal [1/angstrom]: K^2 = 1/lambda^2 + U_0.

    Args:
        accelerating_voltage_kv: accelerating voltage [kV].
        u_0: mean of the scaled potential U_000 [1/angstrom^2].
    """
    return math.sqrt(wavelength_angstrom(accelerating_voltage_kv) ** -2 + u_0)
