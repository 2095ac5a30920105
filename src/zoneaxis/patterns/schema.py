"""The pattern set: an `xarray.Dataset` of diffraction patterns with labels, and the check that names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError

# The last two axes of `intensity` are always these; before them stands one of the two ways to count patterns.
IMAGE = ("row", "col")
LISTED = ("pattern",)
SCANNED = ("scan_row", "scan_col")
SMALLEST_PX = 16
REQUIRED_ATTRIBUTES = ("technique", "provenance")
# Values looked at together when searching for NaN, so that a set larger than memory can be checked.
BLOCK = 1024


def pattern_set(
    intensity: np.ndarray,
    labels: Mapping[str, Any] | None = None,
    *,
    technique: str,
    provenance: str,
    static_background: np.ndarray | None = None,
    where: str = "pattern set",
    **attributes: Any,
) -> xr.Dataset:
    """Make a checked pattern set.

    Arguments: intensity (pattern, row, col), or (scan_row, scan_col, row, col) for a map; labels: one value per
    pattern for each name (`crystal`, `space_group`, `beam_energy_ev`, `phi1_rad`, ...), a single value stands for all;
    technique (`ebsd`, ...); provenance: where the patterns come from, in one line (file, or recipe hash and seed);
    static_background (row, col); where: what messages begin with, e.g. a file's name;
    attributes: calibration and conditions, with units in their names.
    Raises InputError when `check` finds a fault.
    """
    intensity = np.asarray(intensity)
    if intensity.ndim not in (3, 4):
        raise InputError(
            f"{where}: intensity has shape {intensity.shape}, not (pattern, row, col) or (scan_row, scan_col, row, col)"
        )
    leading = SCANNED if intensity.ndim == 4 else LISTED
    count = intensity.shape[:-2]
    variables: dict[str, Any] = {"intensity": ((*leading, *IMAGE), intensity)}
    if static_background is not None:
        if np.shape(static_background) != intensity.shape[-2:]:
            raise InputError(
                f"{where}: static_background has shape {np.shape(static_background)}, "
                f"the patterns {intensity.shape[-2:]}"
            )
        variables["static_background"] = (IMAGE, np.asarray(static_background))
    coordinates = {}
    for name, values in (labels or {}).items():
        array = np.asarray(values)
        if array.ndim == 0:
            array = np.full(count, array[()])
        if array.shape != count:
            raise InputError(f"{where}: label {name} has shape {array.shape}, the patterns {count}: one value for each")
        coordinates[name] = (leading, array)
    dataset = xr.Dataset(variables, coordinates, {"technique": technique, "provenance": provenance, **attributes})
    check(dataset, where)
    return dataset


def check(dataset: xr.Dataset, where: str = "pattern set") -> None:
    """Raise InputError, in one line that starts with `where`, at the first thing that makes this no pattern set.

    Checked: `intensity` with dims (pattern, row, col) or (scan_row, scan_col, row, col), real numbers, at least one
    pattern, at least 16 x 16 pixels, nothing infinite or NaN; every label runs along the patterns; a static background
    has the patterns' shape; technique and provenance are given; attributes are plain values or flat lists.
    """
    if "intensity" not in dataset:
        raise InputError(
            f"{where}: variable 'intensity' is missing; there are {', '.join(map(str, dataset)) or 'none'}"
        )
    intensity = dataset["intensity"]
    dims = tuple(map(str, intensity.dims))
    leading = dims[:-2]
    if dims[-2:] != IMAGE or leading not in (LISTED, SCANNED):
        raise InputError(
            f"{where}: intensity has dims ({', '.join(dims)}), "
            "not (pattern, row, col) or (scan_row, scan_col, row, col)"
        )
    if intensity.dtype.kind not in "uif":
        raise InputError(f"{where}: intensity is of type {intensity.dtype}, not integer or float")
    if 0 in intensity.shape[:-2]:
        raise InputError(f"{where}: it holds no pattern (shape {intensity.shape})")
    if min(intensity.shape[-2:]) < SMALLEST_PX:
        rows, cols = intensity.shape[-2:]
        raise InputError(
            f"{where}: patterns of {rows} x {cols} px are too small, at least {SMALLEST_PX} x {SMALLEST_PX}"
        )
    for name, label in dataset.coords.items():
        if not set(label.dims) <= set(dims):
            raise InputError(
                f"{where}: label {name} runs along ({', '.join(map(str, label.dims))}), not along the patterns"
            )
    if "static_background" in dataset and dataset["static_background"].dims != IMAGE:
        raise InputError(f"{where}: static_background has dims {dataset['static_background'].dims}, not (row, col)")
    _check_attributes(dataset, where)
    _check_finite(intensity, where)


def flatten(dataset: xr.Dataset) -> xr.Dataset:
    """The same set as a plain list: a map (scan_row, scan_col) is unrolled row by row into `pattern`."""
    if dataset["intensity"].dims[:-2] == LISTED:
        return dataset
    flat = dataset.stack(pattern=SCANNED, create_index=False).transpose("pattern", *IMAGE, missing_dims="ignore")
    return flat.drop_vars([name for name in SCANNED if name in flat.coords])


def _check_attributes(dataset: xr.Dataset, where: str) -> None:
    for name in REQUIRED_ATTRIBUTES:
        if not isinstance(dataset.attrs.get(name), str) or not dataset.attrs[name]:
            raise InputError(f"{where}: attribute '{name}' is missing; it must be a non-empty text")
    for name, value in dataset.attrs.items():
        items = (
            value.ravel() if isinstance(value, np.ndarray) else value if isinstance(value, list | tuple) else [value]
        )
        if not all(isinstance(item, str | Real | np.bool_) for item in items):
            raise InputError(
                f"{where}: attribute '{name}' is a {type(value).__name__}, not a text, a number or a flat list"
            )


def _check_finite(intensity: xr.DataArray, where: str) -> None:
    if intensity.dtype.kind != "f":
        return
    for start in range(0, intensity.shape[0], BLOCK):
        block = intensity[start : start + BLOCK].values
        bad = int(block.size - np.isfinite(block).sum())
        if bad:
            first = start + int(np.argwhere(~np.isfinite(block))[0][0])
            raise InputError(
                f"{where}: {bad} values are NaN or infinite, first in pattern {first}; every pixel needs a number"
            )
