"""Pendry R factor: how far two intensity-energy curves differ in the places of their peaks, whatever their heights.

    L = I'/I,  Y = L / (1 + V0i² L²),  R = ∫ (Ya - Yb)² dE / ∫ (Ya² + Yb²) dE

V0i is the imaginary potential: peaks are 2 V0i wide, and Y stays within 1 / (2 V0i). R is 0 for curves that differ by a
factor, about 1 for unrelated ones, 2 for opposite ones; 0.1 to 0.2 is a good fit to an experiment.
Source: J.B. Pendry, J. Phys. C 13 (1980) 937.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from zoneaxis.errors import InputError

Array = NDArray[np.float64]

FEWEST_POINTS = 4
"""A stretch of fewer energies has no derivative worth the name and is left out."""
DERIVATIVES = ("spline", "central")


@dataclass(frozen=True)
class RFactor:
    """R of several pairs of curves.

    Attributes:
        per_curve: R (curves,), NaN for a pair without energies in common.
        range_ev: energies (curves,) that entered, in eV.
        mean: R averaged over curves with weights range_ev.
        pooled: both integrals summed over all curves before they are divided.
    """

    per_curve: Array
    range_ev: Array
    mean: float
    pooled: float


def pendry_y(energy_ev: Array, intensity: Array, imaginary_potential_ev: float, derivative: str = "spline") -> Array:
    """Y (energies,) in 1/eV of one curve without gaps, written so that it is finite (0) where the intensity vanishes.

    derivative: "spline" (cubic through the points) or "central" (differences, second order also at the ends).
    """
    if derivative == "spline":
        slope = CubicSpline(energy_ev, intensity)(energy_ev, 1)
    else:
        slope = np.gradient(intensity, energy_ev, edge_order=2)
    below = intensity**2 + (imaginary_potential_ev * slope) ** 2
    return np.asarray(np.divide(intensity * slope, below, out=np.zeros_like(below), where=below > 0))


def pendry_r_factor(
    energy_ev: Any,
    theory: Any,
    experiment: Any,
    imaginary_potential_ev: float,
    *,
    derivative: str = "spline",
    least_intensity: float = 0.0,
) -> RFactor:
    """R of curves on a common energy grid.

    Energies where either curve is not a number or not above `least_intensity` times its own maximum are left out (a
    beam below the horizon has no intensity there), and no derivative reaches across the gap.

    Args:
        energy_ev: (energies,), rising, in eV.
        theory: (energies,) or (energies, curves), any scale.
        experiment: the same shape.
        imaginary_potential_ev: V0i, positive, in eV.
        derivative: see `pendry_y`.
        least_intensity: fraction of the maximum, 0 to 1.

    Raises InputError for other shapes, energies that do not rise, or values out of range.
    """
    energy, a, b = (np.asarray(values, dtype=np.float64) for values in (energy_ev, theory, experiment))
    if energy.ndim != 1 or a.shape != b.shape or a.ndim not in (1, 2) or len(a) != len(energy):
        raise InputError(
            f"R factor: energies {energy.shape}, theory {a.shape}, experiment {b.shape}; "
            "allowed are (n,) energies and twice (n,) or (n, curves)"
        )
    if not (np.isfinite(energy).all() and (np.diff(energy) > 0).all()):
        raise InputError("R factor: energies must be finite and rise from point to point")
    if not (math.isfinite(imaginary_potential_ev) and imaginary_potential_ev > 0):
        raise InputError(f"R factor: imaginary potential {imaginary_potential_ev} eV must be positive")
    if derivative not in DERIVATIVES:
        raise InputError(f"R factor: derivative {derivative!r} is not one of {', '.join(DERIVATIVES)}")
    if not 0 <= least_intensity < 1:
        raise InputError(f"R factor: least_intensity = {least_intensity} must lie between 0 and 1")

    pairs = zip(a.reshape(len(energy), -1).T, b.reshape(len(energy), -1).T, strict=True)
    integrals = np.array(
        [_integrals(energy, *pair, imaginary_potential_ev, derivative, least_intensity) for pair in pairs]
    )
    difference, total, covered = integrals.reshape(-1, 3).T
    used = total > 0
    per_curve = np.divide(difference, total, out=np.full(len(total), np.nan), where=used)
    if not used.any():
        return RFactor(per_curve, covered, math.nan, math.nan)
    mean = float((per_curve[used] * covered[used]).sum() / covered[used].sum())
    return RFactor(per_curve, covered, mean, float(difference[used].sum() / total[used].sum()))


def _integrals(
    energy: Array, theory: Array, experiment: Array, v0i: float, derivative: str, least: float
) -> tuple[float, float, float]:
    """∫ (Ya - Yb)² dE, ∫ (Ya² + Yb²) dE and the energies covered, over the stretches where both curves have a value."""
    lit = _lit(theory, least) & _lit(experiment, least)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lit, [False]]).astype(int)))
    difference = total = covered = 0.0
    for first, last in edges.reshape(-1, 2):
        if last - first < FEWEST_POINTS:
            continue
        e = energy[first:last]
        ya, yb = (pendry_y(e, curve[first:last], v0i, derivative) for curve in (theory, experiment))
        difference += float(trapezoid((ya - yb) ** 2, e))
        total += float(trapezoid(ya**2 + yb**2, e))
        covered += float(e[-1] - e[0])
    return difference, total, covered


def _lit(curve: Array, least: float) -> NDArray[np.bool_]:
    """Where a curve has an intensity."""
    finite = np.isfinite(curve)
    top = curve[finite].max(initial=0.0)
    return finite & (np.where(finite, curve, 0.0) > least * top)
