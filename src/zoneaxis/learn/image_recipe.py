"""Image recipe: what every training on images in memory has in common, from its budget to its precision."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from zoneaxis.errors import InputError
from zoneaxis.learn.schedule import Range, check_ranges


@dataclass(frozen=True)
class ImageRecipe:
    """How long, in what steps and with what arithmetic; the run ends at `images` seen or after `max_minutes`.

    The learning rate rises linearly over `warmup_fraction` of the run and falls as a cosine to zero at its end, Adam.
    A run bound by images is repeatable from `seed` on one machine; one bound by the clock depends on its speed.
    """

    images: int = 100_000
    max_minutes: float | None = None
    batch_images: int = 32
    learning_rate: float = 1e-3
    warmup_fraction: float = 0.03
    checkpoint_minutes: float = 2.0
    seed: int = 0
    threads: int = 1
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    precision: Literal["auto", "bf16", "float32"] = "auto"

    NAME: ClassVar[str] = "image"
    RANGES: ClassVar[tuple[Range, ...]] = ()
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, the value and the range."""
        what = f"{self.NAME} recipe"
        check_ranges(what, self, (*self.RANGES, *_RANGES))
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise InputError(f"{what}: max_minutes = {self.max_minutes!r} must be positive or left out")
        for name, allowed in (dict(self.CHOICES) | _CHOICES).items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{what}: {name} = {getattr(self, name)!r}; allowed: {', '.join(allowed)}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Recipe from a table of a TOML file or from a stored run; unknown names raise `InputError`."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"{cls.NAME} recipe: unknown field {name!r}; known: {', '.join(known)}")
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values of every field, as JSON would give them back."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


_RANGES: tuple[Range, ...] = (
    ("images", 1, math.inf),
    ("batch_images", 1, math.inf),
    ("learning_rate", 1e-8, 10.0),
    ("warmup_fraction", 0.0, 0.9),
    ("checkpoint_minutes", 1e-3, math.inf),
    ("seed", 0, 2**63 - 1),
    ("threads", 1, 1024),
)
_CHOICES = {"device": ("auto", "cpu", "cuda"), "precision": ("auto", "bf16", "float32")}
