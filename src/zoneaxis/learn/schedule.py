"""Schedule of a training run: how much of it is done, and the learning rate there."""

from __future__ import annotations

import math
from collections.abc import Iterable

from zoneaxis.errors import InputError

Range = tuple[str, float, float]
"""Field name, smallest and largest value."""


def fraction_done(images_seen: int, images: int, minutes: float, max_minutes: float | None) -> float:
    """Fraction of a run that is behind us, in [0, 1]: the larger of image and clock fraction."""
    by_clock = minutes / max_minutes if max_minutes else 0.0
    return min(1.0, max(images_seen / images, by_clock))


def warm_cosine(done: float, peak: float, warmup_fraction: float) -> float:
    """Learning rate after the fraction `done` of a run: linear rise to `peak`, then cosine fall to zero at the end."""
    if done < warmup_fraction:
        return peak * max(done / warmup_fraction, 0.01)
    return peak * 0.5 * (1 + math.cos(math.pi * (done - warmup_fraction) / (1 - warmup_fraction)))


def check_ranges(what: str, values: object, ranges: Iterable[Range]) -> None:
    """Raise `InputError` at the first field of `values` that is no number inside its range."""
    for name, low, high in ranges:
        value = getattr(values, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"{what}: {name} = {value!r} is outside {low:g} to {high:g}")
