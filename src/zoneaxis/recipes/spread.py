"""Spread: what a recipe leaves open, either listed values or a range, and the draw of one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoneaxis.errors import InputError

DIGITS = 6
"""Significant digits of a drawn number, so that it can be written down as it was used. Source: our choice."""


@dataclass(frozen=True)
class Spread:
    """Values of one setting.

    Attributes:
        values: numbers or words, each as likely as the others; empty where a range is meant.
        low, high: of a range in which every number is as likely; both ends included.
        whole: the range holds whole numbers.
    """

    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    @classmethod
    def of(cls, entry: Any, name: str) -> Spread:
        """The spread that a recipe writes: a value, a list, or { from = ..., to = ... }.

        Raises:
            InputError: an empty list, a range that falls or is not finite, anything else; `name` is for the message.
        """
        if isinstance(entry, Mapping):
            ends = [entry.get("from"), entry.get("to")]
            numbers = all(type(end) in (int, float) and math.isfinite(end) for end in ends)  # type: ignore[arg-type]
            if set(entry) != {"from", "to"} or not numbers or not ends[0] <= ends[1]:  # type: ignore[operator]
                raise InputError(f"{name} = {dict(entry)}: expected {{ from = low, to = high }}")
            low, high = float(ends[0]), float(ends[1])  # type: ignore[arg-type]
            return cls((), low, high, all(type(end) is int for end in ends))
        listed = tuple(entry) if isinstance(entry, list | tuple) else (entry,)
        if not listed or not all(isinstance(one, int | float | str) for one in listed):
            raise InputError(f"{name} = {entry!r}: expected a value, a list of values, or {{ from = low, to = high }}")
        if any(isinstance(one, float) and not math.isfinite(one) for one in listed):
            raise InputError(f"{name} = {entry!r}: expected finite numbers")
        return cls(listed)

    def draw(self, generator: np.random.Generator) -> Any:
        """One value; of a range of floating-point numbers with `DIGITS` digits."""
        if self.values:
            return self.values[int(generator.integers(len(self.values)))]
        if self.whole:
            return int(generator.integers(int(self.low), int(self.high) + 1))
        return float(f"{generator.uniform(self.low, self.high):.{DIGITS}g}")

    def ends(self) -> tuple[Any, ...]:
        """Every listed value, or the two ends of the range: what a check tries."""
        if self.values:
            return self.values
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The same as numbers; InputError for words, in the name of the setting."""
        if any(isinstance(one, str | bool) for one in self.ends()):
            raise InputError(f"{name} = {list(self.ends())}: expected numbers")
        return tuple(float(one) for one in self.ends())
