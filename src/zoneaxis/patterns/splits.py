"""Splits by group: training, validation and test sets that share no material, prototype or energy block."""

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
