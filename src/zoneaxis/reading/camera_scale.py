"""Camera scale: how many 1/Å a pixel of a diffraction pattern spans, as a file or an operator states it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneaxis.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

SCALE = "per_angstrom_per_px"
CAMERA = ("accelerating_voltage_kv", "camera_length_mm", "pixel_mm")
"""What gives the scale when it is not stated itself: pixel_mm / (camera_length_mm * wavelength)."""


def camera_scales(patterns: xr.Dataset, stated: float | None = None, where: str = "patterns") -> list[float | None]:
    """Scale of every pattern of a flat set at its centre [1/Å per pixel], |g| = 1/d; None where nothing is known.

    What is stated by hand comes first, then the label or attribute `per_angstrom_per_px`, then voltage, camera length
    and pixel together.

    Args:
        patterns: with dims (pattern, row, col).
        stated: for all patterns.
        where: what errors begin with.

    Raises:
        InputError: a scale, voltage, camera length or pixel that is not a positive number.
    """
    count = patterns.sizes["pattern"]
    if stated is not None:
        return [_positive(stated, SCALE, "")] * count
    scales = _numbers(patterns, SCALE, where)
    if scales is not None:
        return list(scales)
    voltage, length, pixel = (_numbers(patterns, name, where) for name in CAMERA)
    if voltage is None or length is None or pixel is None:
        return [None] * count
    from zoneaxis.scattering.electron import wavelength_angstrom

    return [
        size / (distance * wavelength_angstrom(kv)) for kv, distance, size in zip(voltage, length, pixel, strict=True)
    ]


def _numbers(patterns: xr.Dataset, name: str, where: str) -> list[float] | None:
    """A label or attribute for every pattern; None where the set has neither."""
    if name in patterns.coords:
        values = np.broadcast_to(np.asarray(patterns[name].values), patterns.sizes["pattern"]).tolist()
    elif name in patterns.attrs:
        values = [patterns.attrs[name]] * patterns.sizes["pattern"]
    else:
        return None
    return [_positive(value, name, f"{where}: ") for value in values]


def _positive(value: Any, name: str, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"{where}{name} = {value}: expected a positive number")
    return number
