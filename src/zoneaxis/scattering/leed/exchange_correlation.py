"""Exchange and correlation of the unpolarised electron gas: potential and energy per electron.

Hartree units; rs = (3 / (4 pi rho))^(1/3). Two fits to the same quantum Monte Carlo energies of Ceperley and Alder.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

SMALLEST_DENSITY = 1e-30
"""Density [1/bohr^3] below which the gas is taken as empty; its potential is then below 2e-10 Ha."""


def _perdew_zunger(rs: Array) -> tuple[Array, Array]:
    """Correlation (potential, energy) [Ha]. Source: Perdew and Zunger, Phys. Rev. B 23 (1981) 5048, appendix C."""
    gamma, beta1, beta2 = -0.1423, 1.0529, 0.3334
    a, b, c, d = 0.0311, -0.048, 0.0020, -0.0116
    root, log = np.sqrt(rs), np.log(rs)
    denominator = 1.0 + beta1 * root + beta2 * rs
    dilute = gamma / denominator
    dense = a * log + b + c * rs * log + d * rs
    energy = np.where(rs < 1.0, dense, dilute)
    potential = np.where(
        rs < 1.0,
        a * log + b - a / 3.0 + (2.0 * c * rs * log + (2.0 * d - c) * rs) / 3.0,
        dilute * (1.0 + 7.0 / 6.0 * beta1 * root + 4.0 / 3.0 * beta2 * rs) / denominator,
    )
    return potential, energy


def _vosko_wilk_nusair(rs: Array) -> tuple[Array, Array]:
    """Correlation (potential, energy) [Ha]. Source: Vosko, Wilk and Nusair, Can. J. Phys. 58 (1980) 1200, eq. 4.4."""
    a, x0, b, c = 0.0310907, -0.10498, 3.72744, 12.9352
    q = math.sqrt(4.0 * c - b**2)
    share = b * x0 / (x0**2 + b * x0 + c)
    x = np.sqrt(rs)
    square = rs + b * x + c
    angle = 2.0 / q * np.arctan(q / (2.0 * x + b))
    energy = a * (np.log(rs / square) + b * angle - share * (np.log((x - x0) ** 2 / square) + (b + 2.0 * x0) * angle))
    bend = (2.0 * x + b) / square
    turn = 4.0 / (q**2 + (2.0 * x + b) ** 2)
    slope = a * (2.0 / x - bend - b * turn - share * (2.0 / (x - x0) - bend - (b + 2.0 * x0) * turn))
    return energy - x * slope / 6.0, energy


FUNCTIONALS: dict[str, Callable[[Array], tuple[Array, Array]]] = {"pz": _perdew_zunger, "vwn": _vosko_wilk_nusair}


def exchange_correlation(density: Array, functional: str) -> tuple[Array, Array]:
    """Exchange-correlation potential and energy per electron [Ha] for the density [1/bohr^3], same shape.

    Exchange v_x = -(3 rho / pi)^(1/3); correlation `pz` or `vwn`. Both vanish with the density.

    Raises:
        InputError: the functional is not known.
    """
    if functional not in FUNCTIONALS:
        raise InputError(f"functional = {functional!r}: expected one of {', '.join(FUNCTIONALS)}")
    density = np.maximum(density, SMALLEST_DENSITY)
    exchange = -np.cbrt(3.0 * density / math.pi)
    potential, energy = FUNCTIONALS[functional](np.cbrt(3.0 / (4.0 * math.pi * density)))
    return exchange + potential, 0.75 * exchange + energy
