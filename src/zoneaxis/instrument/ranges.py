"""Ranges: parameters of an instrument that are drawn afresh for every pattern, each from its own interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from zoneaxis.errors import InputError

Range = tuple[float, float]


def drawn_from(low: float, high: float, least: float = -math.inf, most: float = math.inf, log: bool = False) -> Any:
    """A field that holds (low, high), allowed between least and most, drawn evenly or evenly in the logarithm."""
    return field(default=(low, high), metadata={"least": least, "most": most, "log": log})


@dataclass(frozen=True)
class Ranges:
    """Base of dataclasses all of whose fields are made by `drawn_from`. Subclasses name themselves and their presets.

    Raises InputError for a range that is inverted or leaves its physical limits.
    """

    title: ClassVar[str] = "ranges"
    presets: ClassVar[tuple[str, ...]] = ()
    """Names of the class methods that give whole sets; the first is the default of `from_dict`."""

    def __post_init__(self) -> None:
        for item in fields(self):
            low, high = self._checked(item.name, getattr(self, item.name))
            least, most = item.metadata["least"], item.metadata["most"]
            if not least <= low <= high <= most:
                raise InputError(
                    f"{self.title}: {item.name} = [{low:g}, {high:g}] must be low <= high within {least:g} to {most:g}"
                )
            object.__setattr__(self, item.name, (low, high))

    @classmethod
    def from_dict(cls, ranges: Mapping[str, Any]) -> Self:
        """From a recipe: {name: [low, high] or one value}, and `preset` for the rest.

        Raises InputError for an unknown name, an unknown preset or a range that is no pair of numbers.
        """
        given = dict(ranges)
        preset = given.pop("preset", cls.presets[0])
        if preset not in cls.presets:
            raise InputError(f"{cls.title}: preset {preset!r} is not one of {', '.join(cls.presets)}")
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise InputError(f"{cls.title}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return cls(**(asdict(getattr(cls, preset)()) | given))

    def to_dict(self) -> dict[str, list[float]]:
        """All ranges as {name: [low, high]}, ready for a recipe or a file; `from_dict` gives the same object back."""
        return {name: list(pair) for name, pair in asdict(self).items()}

    def draw(self, n: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw every parameter for n patterns: {name: (n,) float32}, to be stored as labels of the patterns."""
        drawn = {}
        for item in fields(self):
            low, high = getattr(self, item.name)
            share = torch.rand(n, generator=generator, device=generator.device)
            drawn[item.name] = low * (high / low) ** share if item.metadata["log"] else low + (high - low) * share
        return drawn

    @classmethod
    def _checked(cls, name: str, pair: Any) -> Range:
        """A range as two finite floats; one number stands for low = high."""
        values = [pair, pair] if isinstance(pair, int | float) else list(pair) if isinstance(pair, list | tuple) else []
        numbers = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
        if len(numbers) != 2 or len(values) != 2:
            raise InputError(f"{cls.title}: {name} = {pair!r} must be [low, high], two finite numbers")
        return float(numbers[0]), float(numbers[1])
