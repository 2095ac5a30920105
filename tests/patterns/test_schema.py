"""The pattern set: what is right passes, each fault is named."""

import numpy as np
import pytest
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns.schema import check, flatten, pattern_set


def good() -> xr.Dataset:
    """Three patterns with a label, a background and plain attributes."""
    return pattern_set(
        np.arange(3 * 20 * 16, dtype=np.float32).reshape(3, 20, 16),
        {"crystal": ["Ni", "Al", "Ni"], "space_group": 225},
        technique="ebsd",
        provenance="made in a test",
        static_background=np.ones((20, 16)),
        accelerating_voltage_kv=20.0,
        pattern_centre=[0.5, 0.3, 0.6],
    )


def test_what_is_right_passes() -> None:
    """A full set passes, a single label value stands for all patterns, a map has its own two axes."""
    assert good()["space_group"].values.tolist() == [225, 225, 225]
    scan = pattern_set(
        np.zeros((2, 3, 16, 16), np.uint8),
        {"file": np.array([list("abc"), list("def")])},
        technique="ebsd",
        provenance="x",
    )
    assert scan["intensity"].dims == ("scan_row", "scan_col", "row", "col")
    assert flatten(scan)["file"].values.tolist() == list("abcdef")
    assert flatten(scan)["intensity"].dims == ("pattern", "row", "col")


def spoiled(position: tuple[int, ...], value: float) -> xr.Dataset:
    dataset = good()
    dataset["intensity"].values[position] = value
    return dataset


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (good().drop_vars("intensity"), "variable 'intensity' is missing; there are static_background"),
        (good().rename(row="y"), r"dims \(pattern, y, col\)"),
        (good().transpose("row", "pattern", "col"), r"dims \(row, pattern, col\)"),
        (good().astype(complex), "type complex128"),
        (good().isel(pattern=slice(0)), "no pattern"),
        (good().isel(row=slice(3)), "3 x 16 px are too small, at least 16 x 16"),
        (spoiled((1, 2, 3), np.nan), "1 values are NaN or infinite, first in pattern 1"),
        (spoiled((2,), np.inf), "320 values are NaN or infinite, first in pattern 2"),
        (good().assign_coords(extra=("other", [1, 2])), r"label extra runs along \(other\)"),
        (good().drop_attrs(), "attribute 'technique' is missing"),
        (good().assign_attrs(provenance=""), "attribute 'provenance' is missing"),
        (good().assign_attrs(recipe={"a": 1}), "attribute 'recipe' is a dict"),
        (good().assign(static_background=(("col", "row"), np.ones((16, 20)))), r"static_background has dims"),
    ],
)
def test_each_fault_is_named(dataset: xr.Dataset, message: str) -> None:
    """Every fault gives one line that begins with the place and says what is wrong."""
    with pytest.raises(InputError, match=message) as caught:
        check(dataset, where="set.zarr")
    assert str(caught.value).startswith("set.zarr: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intensity": np.zeros((20, 20))}, r"shape \(20, 20\), not \(pattern"),
        ({"labels": {"crystal": ["Ni"]}}, r"label crystal has shape \(1,\), the patterns \(3,\)"),
        ({"static_background": np.zeros((5, 5))}, r"static_background has shape \(5, 5\)"),
    ],
)
def test_misfits_are_named_when_a_set_is_made(change: dict, message: str) -> None:  # type: ignore[type-arg]
    """Shapes that do not fit together are refused with both shapes."""
    arguments = {"intensity": np.zeros((3, 16, 16)), "technique": "ebsd", "provenance": "x"} | change
    with pytest.raises(InputError, match=message):
        pattern_set(**arguments)
