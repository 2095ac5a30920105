"""Training recipe: every number a training run depends on, in one frozen record."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from zoneaxis.errors import InputError
from zoneaxis.learn.schedule import check_ranges, fraction_done, warm_cosine


@dataclass(frozen=True)
class TrainingRecipe:
    """How a classifier is trained; sizes are counted in images, so that a batch size changes no schedule.

    The learning rate rises linearly over `warmup_fraction` of the run and falls as a cosine to zero at its end. The
    end is the image budget `images` or the wall clock `max_minutes`, whichever comes first: progress through the
    schedule is the larger of the two fractions, so a run that is cut by the clock still ends at learning rate zero.
    A run that is bound by images is repeatable from `seed`; one bound by the clock depends on the machine's speed.
    """

    architecture: str = "resnet"
    arguments: dict[str, Any] = field(default_factory=lambda: {"width": 0.5})
    images: int = 1_000_000
    max_minutes: float | None = None
    batch_images: int = 128
    learning_rate: float = 2e-3
    warmup_fraction: float = 0.05
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    group_loss_weight: float = 0.5
    average_decay: float = 0.998
    gradient_clip: float = 5.0
    validate_every_images: int = 50_000
    checkpoint_minutes: float = 3.0
    seed: int = 0
    threads: int = 1
    workers: int = 1
    accelerator: str = "auto"
    precision: Literal["auto", "bf16", "float32"] = "auto"

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, the value and the range."""
        check_ranges("training recipe", self, _RANGES)
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise InputError(f"training recipe: max_minutes = {self.max_minutes!r} must be positive or left out")
        if self.precision not in ("auto", "bf16", "float32"):
            raise InputError(f"training recipe: precision = {self.precision!r}; allowed: auto, bf16, float32")

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> TrainingRecipe:
        """Recipe from a table of a TOML file or from a stored run; unknown names raise `InputError`."""
        known = [f.name for f in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"training recipe: unknown field {name!r}; known: {', '.join(known)}")
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values of every field, for JSON."""
        return dataclasses.asdict(self)

    @property
    def steps(self) -> int:
        """Optimiser steps of the image budget."""
        return math.ceil(self.images / self.batch_images)

    def progress(self, images_seen: int, minutes: float) -> float:
        """Fraction of the run that is behind us, in [0, 1]: the larger of image and clock fraction."""
        return fraction_done(images_seen, self.images, minutes, self.max_minutes)

    def learning_rate_at(self, progress: float) -> float:
        """Learning rate after the fraction `progress` of the run: linear rise, then cosine fall to zero."""
        return warm_cosine(progress, self.learning_rate, self.warmup_fraction)


_RANGES = (
    ("images", 1, math.inf),
    ("batch_images", 2, math.inf),
    ("learning_rate", 1e-8, 10.0),
    ("warmup_fraction", 0.0, 0.9),
    ("weight_decay", 0.0, 10.0),
    ("label_smoothing", 0.0, 0.9),
    ("group_loss_weight", 0.0, 100.0),
    ("average_decay", 0.0, 0.99999),
    ("gradient_clip", 1e-6, math.inf),
    ("validate_every_images", 1, math.inf),
    ("checkpoint_minutes", 1e-3, math.inf),
    ("seed", 0, 2**63 - 1),
    ("threads", 1, 1024),
    ("workers", 0, 1024),
)
