"""Splits: by group (material, prototype), by held-out stretches of a label, or at random; a leak is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError

DEFAULT_FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def split(
    dataset: xr.Dataset,
    by: str | Sequence[str] = "crystal",
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict[str, xr.Dataset]:
    """Divide a pattern set so that every group lies in one part only.

    Arguments: by: the label, or labels taken together, that makes a group; fractions: {part: share of the patterns},
    summing to 1 (train .8, validation .1, test .1 when None); seed: order in which groups are dealt out.
    Each group, in random order, goes to the part that lacks most patterns; so shares are met as far as groups allow,
    and every part gets at least one group. The order of patterns inside a part is kept.
    Raises InputError for an unknown label, shares that do not sum to 1, or fewer groups than parts.
    """
    fractions = dict(DEFAULT_FRACTIONS if fractions is None else fractions)
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise InputError(f"split: fractions {fractions} must be positive and sum to 1")
    groups = _groups(dataset, by)
    names, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < len(fractions):
        raise InputError(
            f"split: {len(names)} group(s) by {_title(by)} cannot fill {len(fractions)} parts "
            f"({', '.join(fractions)}) without a leak"
        )
    missing = {part: share * len(groups) for part, share in fractions.items()}
    taken: dict[str, list[int]] = {part: [] for part in fractions}
    order = np.random.default_rng(seed).permutation(len(names))
    for position, group in enumerate(order):
        empty = [part for part, held in taken.items() if not held]
        candidates = empty if len(order) - position <= len(empty) else list(fractions)
        part = max(candidates, key=lambda name: missing[name])
        taken[part].append(int(group))
        missing[part] -= sizes[group]
    parts = {part: dataset.isel(pattern=np.flatnonzero(np.isin(member, held))) for part, held in taken.items()}
    assert_no_leak(parts, by)
    return parts


def assert_no_leak(parts: Mapping[str, xr.Dataset], by: str | Sequence[str] = "crystal") -> None:
    """Raise InputError when a group of one part also occurs in another; the message names both parts and the groups."""
    seen: dict[str, str] = {}
    for part, dataset in parts.items():
        groups = [str(group) for group in np.unique(_groups(dataset, by))]
        for other in dict.fromkeys(seen.values()):
            shared = [group for group in groups if seen.get(group) == other]
            if shared:
                raise InputError(
                    f"split leaks: {_title(by)} {', '.join(shared[:5])}{' ...' if len(shared) > 5 else ''} "
                    f"is in both {other} and {part}; every group must be in one part only"
                )
        seen.update(dict.fromkeys(groups, part))


def _groups(dataset: xr.Dataset, by: str | Sequence[str]) -> np.ndarray:
    """One text per pattern that names its group."""
    labels = [by] if isinstance(by, str) else list(by)
    for label in labels:
        if label not in dataset.coords or dataset[label].dims != ("pattern",):
            known = ", ".join(str(name) for name in dataset.coords) or "none"
            raise InputError(f"split: the pattern set has no label {label!r} along pattern; there are {known}")
    columns = [dataset[label].values.astype(str) for label in labels]
    return np.array([" / ".join(row) for row in zip(*columns, strict=True)])


def _title(by: str | Sequence[str]) -> str:
    return by if isinstance(by, str) else " and ".join(by)


def random_split(n: int, fraction: float = 0.2, seed: int = 0) -> np.ndarray:
    """Mask of the test part, (n,) bool, of a split that ignores all labels; round(n fraction) images are held out.

    On a regular grid both neighbours of most test images stay in training: report it beside a blocked split.
    """
    if not 0 < fraction < 1:
        raise InputError(f"random split: fraction = {fraction!r} is outside 0 to 1")
    test = np.zeros(n, bool)
    test[np.random.default_rng(seed).permutation(n)[: round(n * fraction)]] = True
    return _two_parts(test, "random split")


def held_out_windows(
    values: np.ndarray, width: float, every: int, offset: int = 1, start: float | None = None
) -> np.ndarray:
    """Mask of the test part, (n,) bool: every `every`-th window of `width` along a label, the one at `offset` first.

    Windows are half open, [start + k width, start + (k + 1) width), from `start` (the smallest value when None).
    offset 0 holds out the first window, which asks for extrapolation; so may the last window.
    """
    values = _numbers(values, "held-out windows")
    if not width > 0 or every < 2 or not 0 <= offset < every:
        raise InputError(
            f"held-out windows: width = {width!r}, every = {every!r}, offset = {offset!r}; "
            "allowed: width > 0, every >= 2, 0 <= offset < every"
        )
    window = np.floor((values - (values.min() if start is None else start)) / width + 1e-9).astype(int)
    return _two_parts(window % every == offset, "held-out windows")


def held_out_values(values: np.ndarray, held_out: Sequence[float], tolerance: float = 1e-6) -> np.ndarray:
    """Mask of the test part, (n,) bool: all images whose label is one of `held_out`, within `tolerance`.

    Raises `InputError` for a value that no image has: a misspelt value must not shrink the test part in silence.
    """
    values = _numbers(values, "held-out values")
    near = np.abs(values[:, None] - np.asarray(held_out, float)) <= tolerance
    absent = [value for value, found in zip(held_out, near.any(0), strict=True) if not found]
    if absent:
        raise InputError(f"held-out values: no image has {absent[0]!r}; there are {values.min():g} to {values.max():g}")
    return _two_parts(near.any(1), "held-out values")


def distance_to_training(values: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Distance of each test image's label to the nearest one in training, (test images,), in units of the label."""
    values = _numbers(values, "distance to training")
    known = np.sort(values[~_two_parts(test, "distance to training")])
    right = np.searchsorted(known, values[test])
    below, above = known[np.maximum(right - 1, 0)], known[np.minimum(right, len(known) - 1)]
    return np.minimum(np.abs(values[test] - below), np.abs(values[test] - above))


def assert_held_out(values: np.ndarray, test: np.ndarray, gap: float = 0.0) -> None:
    """Raise InputError when a label value of the test part lies within `gap` of one in training: a leak."""
    near = distance_to_training(values, test) <= gap
    if near.any():
        first = np.asarray(values, float)[test][near][0]
        raise InputError(f"split leaks: value {first:g} of the test part is also in training, within {gap:g}")


def _numbers(values: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"{what}: labels have shape {values.shape} or hold NaN; one finite number per image is needed")
    return values


def _two_parts(test: np.ndarray, what: str) -> np.ndarray:
    test = np.asarray(test, bool)
    if test.all() or not test.any():
        raise InputError(f"{what}: {int(test.sum())} of {len(test)} images in the test part; both parts need some")
    return test
