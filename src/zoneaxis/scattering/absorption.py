"""Absorptive form factors: electrons lost from the elastic channel to phonons and to core excitations.

A matrix element of the crystal is U_g + i U'_g; here is the atom's share f'(s) of U'_g.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from zoneaxis.scattering.electron import relativistic_factor, wavelength_angstrom
from zoneaxis.scattering.form_factors import MOTT_TAIL, elastic

BOHR_RADIUS_A = 0.5289
"""Bohr radius as EMsoft has it [angstrom] (CODATA 0.52918); kept for comparison with its core term."""


def phonon(
    atomic_number: int,
    s: torch.Tensor,
    b_iso: float,
    accelerating_voltage_kv: float,
    table: str = "weickenmeier-kohl",
    radial_points: int = 300,
    angular_points: int = 48,
) -> torch.Tensor:
    """Phonon (thermal diffuse) absorption of an Einstein atom with its Debye-Waller factor: f' e^{-B s^2} [angstrom].

    f'(s, B) = 2 gamma lambda integral d^2s' f(|s/2 + s'|) f(|s/2 - s'|) [1 - e^{-2 B (s'^2 - s^2/4)}],
    on a polar grid s' = s_max u^3 over a quarter plane, with the Mott tail beyond s_max added in closed form.

    Limits: 0 for B = 0; positive at s = 0.

    Args:
        atomic_number: Z.
        s: |g| / 2 [1/angstrom], one dimension.
        b_iso: Debye-Waller factor B = 8 pi^2 <u^2> [angstrom^2].
        accelerating_voltage_kv: accelerating voltage [kV].
        table: elastic form factor; not `peng`, whose missing tail costs 10 to 25 %.
        radial_points: Gauss-Legendre points in u; 300 gives 1e-5.
        angular_points: points over the quarter plane.

    Source: Bird and King, Acta Cryst. A46 (1990) 202, eq. 3, written with half wave-vector transfers.
    """
    s_max = 200.0
    nodes, weights = np.polynomial.legendre.leggauss(radial_points)
    u = torch.from_numpy(0.5 * (nodes + 1.0))
    radius = s_max * u**3
    radial_weight = torch.from_numpy(0.5 * weights) * 3.0 * s_max * u**2 * radius
    nodes, weights = np.polynomial.legendre.leggauss(angular_points)
    angle = torch.from_numpy(0.25 * math.pi * (nodes + 1.0))
    angular_weight = torch.from_numpy(0.25 * math.pi * weights)

    half = 0.5 * s.double()[:, None, None]
    cross = 2.0 * half * radius[:, None] * torch.cos(angle)
    squared = half**2 + radius[:, None] ** 2
    product = elastic(atomic_number, squared + cross, table) * elastic(atomic_number, squared - cross, table)
    lost = torch.exp(-4.0 * b_iso * half**2) - torch.exp(-2.0 * b_iso * (radius[:, None] ** 2 + half**2))
    integral = 4.0 * torch.einsum("sra,r,a->s", product * lost, radial_weight, angular_weight)
    s2 = s.double() ** 2
    beyond = -math.expm1(-2.0 * b_iso * s_max**2)
    tail = beyond * math.pi * (MOTT_TAIL * atomic_number) ** 2 / s_max**2 * torch.exp(-b_iso * s2)
    prefactor = 2.0 * relativistic_factor(accelerating_voltage_kv) * wavelength_angstrom(accelerating_voltage_kv)
    return prefactor * (integral + tail)


def core(atomic_number: int, s: torch.Tensor, accelerating_voltage_kv: float) -> torch.Tensor:
    """Core-excitation absorption f'_core(s) [angstrom] of an atom at rest.

    The energy loss is taken as 6 Z eV. Mostly forward scattered: belongs to EBSD, where such electrons are lost to the
    pattern, not to LACBED, whose aperture collects them in part.

    Args:
        atomic_number: Z.
        s: |g| / 2 [1/angstrom].
        accelerating_voltage_kv: accelerating voltage [kV].

    Source: Weickenmeier and Kohl, Acta Cryst. A47 (1991) 590, section 4; Rossouw and Whelan (1981).
    """
    energy = accelerating_voltage_kv
    k0 = 2.0 * math.pi / wavelength_angstrom(accelerating_voltage_kv)
    theta_e = 6e-3 * atomic_number / (2.0 * energy) * (2.0 * energy + 1022.0) / (energy + 1022.0)
    theta_a = atomic_number ** (1.0 / 3.0) / (0.885 * BOHR_RADIUS_A * k0)
    kappa2 = (theta_e / theta_a) ** 2
    kappa = math.sqrt(kappa2)
    omega = (4.0 * math.pi * s.double() / (k0 * theta_a)).clamp_min(1e-6)
    omega2 = omega**2
    r1 = torch.sqrt(omega2 + 4.0 * kappa2)
    r2 = torch.sqrt((1.0 + omega2) ** 2 + 4.0 * kappa2 * omega2)
    r3 = torch.sqrt(omega2 + 4.0 * (1.0 + kappa2))
    x1 = omega * torch.log((omega + r1) / (2.0 * kappa)) / ((1.0 + omega2) * r1)
    x2 = torch.log((1.0 + 2.0 * kappa2 + omega2 + r2) / (2.0 * kappa * math.sqrt(1.0 + kappa2))) / r2
    x3 = torch.log((omega + r3) / (2.0 * math.sqrt(1.0 + kappa2))) / (omega * r3)
    strength = 8.0 * math.pi / (BOHR_RADIUS_A * k0) ** 2 * 2.0 * atomic_number / theta_a**2
    return relativistic_factor(energy) / (4.0 * math.pi * k0) * strength * (x2 - x1 - x3)


def absorptive(
    atomic_number: int,
    s: torch.Tensor,
    b_iso: float,
    accelerating_voltage_kv: float,
    model: str = "phonon+core",
    table: str = "weickenmeier-kohl",
) -> torch.Tensor:
    """f'(s) e^{-B s^2} [angstrom] of the chosen model: `none`, `phonon` or `phonon+core`.

    Tabulated once per element, B and voltage and interpolated by a cubic spline in s (error below 1e-5 of f'(0)).
    """
    if model == "none":
        return torch.zeros_like(s)
    s_max = max(2.5, math.ceil(float(s.max()) * 2.0) / 2.0)
    spline = _spline(atomic_number, b_iso, accelerating_voltage_kv, model, table, s_max)
    return torch.from_numpy(spline(s.detach().numpy())).to(s)


def absorptive_smooth(
    atomic_number: int,
    s: torch.Tensor,
    b_iso: torch.Tensor,
    accelerating_voltage_kv: float,
    model: str = "phonon",
    table: str = "lobato",
) -> torch.Tensor:
    """The same with gradients in s and B.

    Where B asks for a gradient it is interpolated in log B between nodes a factor 1.12 apart (error 1e-6 of f'(0)), so
    that a fit of B needs no new integrals at every step.

    Args:
        s: (m,) [1/angstrom], up to 5.
        b_iso: a single B [angstrom^2].
    """
    if model == "none":
        return torch.zeros_like(s)
    element = (atomic_number, accelerating_voltage_kv, model, table)
    if not b_iso.requires_grad:
        return _along_s(element, s, float(b_iso))
    place = torch.log(b_iso) / math.log(NODE_RATIO)
    first = math.floor(float(place.detach())) - 1
    total = torch.zeros_like(s)
    for node in range(first, first + 4):
        others = [other for other in range(first, first + 4) if other != node]
        weight = math.prod(((place - other) / (node - other) for other in others), start=torch.ones_like(place))
        total = total + weight * _along_s(element, s, NODE_RATIO**node)
    return total


NODE_RATIO = 1.12
LARGEST_S = 5.0


def _along_s(element: tuple[int, float, str, str], s: torch.Tensor, b_iso: float) -> torch.Tensor:
    """Spline of one B at s, with its slope as the gradient."""
    atomic_number, voltage, model, table = element
    place = s.detach().double().cpu().numpy()
    s_max = max(LARGEST_S, math.ceil(float(place.max()) * 2.0) / 2.0)
    spline = _spline(atomic_number, b_iso, voltage, model, table, s_max)
    value = torch.from_numpy(spline(place)).to(s)
    if not s.requires_grad:
        return value
    return value + torch.from_numpy(spline(place, 1)).to(s) * (s - s.detach())


@functools.lru_cache(maxsize=1024)
def _spline(
    atomic_number: int, b_iso: float, accelerating_voltage_kv: float, model: str, table: str, s_max: float
) -> CubicSpline:
    """f'(s) e^{-B s^2} tabulated densely at small s, where it bends, and interpolated."""
    s = torch.from_numpy(s_max * np.linspace(0.0, 1.0, 64 if s_max <= 4.0 else 80) ** 1.5)
    values = phonon(atomic_number, s, b_iso, accelerating_voltage_kv, table)
    if model == "phonon+core":
        values = values + core(atomic_number, s, accelerating_voltage_kv) * torch.exp(-b_iso * s**2)
    return CubicSpline(s.numpy(), values.numpy())
