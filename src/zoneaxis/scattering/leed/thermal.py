"""Thermal vibrations in LEED: mean-square displacement, and the t-matrix it weakens."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import spence

from zoneaxis.errors import InputError

HBAR_SQUARED = 48.508734
"""hbar^2 / (atomic mass unit x Boltzmann's constant) [angstrom^2 K] (CODATA 2018)."""


def debye_u2(element_mass_u: float, debye_temperature_k: float, temperature_k: float) -> float:
    """Mean-square displacement per axis <u_x^2> [angstrom^2] of an atom in a Debye crystal.

    u^2 = 3 hbar^2 / (M kB Theta) [(T / Theta)^2 integral_0^{Theta/T} t / (e^t - 1) dt + 1/4].
    Limits: 3 hbar^2 / (4 M kB Theta) at T = 0 (zero-point motion); proportional to T well above Theta.

    Args:
        element_mass_u: mass of the atom [u].
        debye_temperature_k: Theta [K]; a surface atom is described by a lower one.
        temperature_k: T [K], 0 or above.

    Raises:
        InputError: mass or Debye temperature not positive, or temperature negative.
    """
    for name, value, low in (
        ("element_mass_u", element_mass_u, 1.0),
        ("debye_temperature_k", debye_temperature_k, 1.0),
        ("temperature_k", temperature_k, 0.0),
    ):
        if not low <= value < math.inf:
            raise InputError(f"{name} = {value}: expected at least {low:g}")
    scale = 3.0 * HBAR_SQUARED / (element_mass_u * debye_temperature_k)
    if temperature_k == 0.0:
        return 0.25 * scale
    x = debye_temperature_k / temperature_k
    occupied = math.pi**2 / 6.0 + x * math.log(-math.expm1(-x)) - float(spence(-math.expm1(-x)))
    return scale * (occupied / x**2 + 0.25)


def t_matrix(delta: torch.Tensor, k2_times_u2: float | complex, l_max: int) -> torch.Tensor:
    """Thermally averaged t_l, l = 0 .. l_max, from phase shifts (L,) [rad]; complex (l_max + 1,). T_l is i t_l.

    An atom at rest scatters by the angle theta with t(cos theta) = sum_l (2l+1) t_l P_l(cos theta),
    t_l = sin delta_l e^{i delta_l}. Isotropic vibration multiplies that by the Debye-Waller factor
    e^{-q^2 u^2 / 2} = e^{-k^2 u^2 (1 - cos theta)}, q = 2 k sin(theta / 2); projecting on P_l again gives t_l(T):

        t_l(T) = 1/2 integral P_l(c) e^{-x (1 - c)} sum_l' (2l'+1) t_l' P_l'(c) dc,  x = k^2 u^2.

    The forward amplitude is unchanged; backwards it falls by e^{-2x}. Multiple scattering then uses independent,
    isotropic vibrations of all atoms.

    Args:
        delta: phase shifts of the atom at rest, l = 0, 1, ..; those left out are taken as 0.
        k2_times_u2: x = k^2 <u_x^2>, k inside the crystal (k includes 2 pi); real part 0 or above.
        l_max: may exceed that of delta: vibration spreads t over more l.

    Raises:
        InputError: l_max negative, or x negative or not finite.

    Source: the form with 3j symbols and spherical Bessel functions in Van Hove, Weinberg and Chan, Low-Energy Electron
    Diffraction (1986), follows by expanding e^{xc} in Legendre polynomials; the integral needs neither.
    """
    x = complex(k2_times_u2)
    if not (0.0 <= x.real < 1e3 and abs(x.imag) < 1e3) or l_max < 0:
        raise InputError(f"k2_times_u2 = {k2_times_u2}, l_max = {l_max}: expected 0 to 1000, and 0 or above")
    columns = max(delta.shape[-1], l_max + 1)
    nodes, weights = np.polynomial.legendre.leggauss(columns + 16 + math.ceil(abs(x)))
    legendre = np.polynomial.legendre.legvander(nodes, columns - 1)
    factor = weights * np.exp(-x * (1.0 - nodes))
    projection = 0.5 * (legendre.T * factor) @ legendre * (2.0 * np.arange(columns) + 1.0)
    still = torch.sin(delta) * torch.exp(1j * delta)
    spread = torch.from_numpy(projection[: l_max + 1, : delta.shape[-1]]).to(still)
    return spread @ still
