"""Autoencoder recipe: every number that the training of an autoencoder depends on, in one frozen record."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zoneaxis.errors import InputError
from zoneaxis.learn.schedule import check_ranges


@dataclass(frozen=True)
class AutoencoderRecipe:
    """How an autoencoder is trained; the run ends at `images` seen or after `max_minutes`, whichever comes first.

    The learning rate rises linearly over `warmup_fraction` of the run and falls as a cosine to zero at its end, Adam.
    loss: "bce", the cross-entropy of grey values read as probabilities (as the paper has it), or "mse".
    A run bound by images is repeatable from `seed` on one machine; one bound by the clock depends on its speed.
    """

    latent: int = 8
    widths: tuple[int, ...] = (16, 32, 64)
    images: int = 700_000
    max_minutes: float | None = 15.0
    batch_images: int = 32
    learning_rate: float = 5e-3
    warmup_fraction: float = 0.03
    loss: Literal["bce", "mse"] = "bce"
    checkpoint_minutes: float = 2.0
    seed: int = 0
    threads: int = 1
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    precision: Literal["auto", "bf16", "float32"] = "auto"

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, the value and the range."""
        what = "autoencoder recipe"
        check_ranges(what, self, _RANGES)
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise InputError(f"{what}: max_minutes = {self.max_minutes!r} must be positive or left out")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{what}: {name} = {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        object.__setattr__(self, "widths", tuple(self.widths))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> AutoencoderRecipe:
        """Recipe from a table of a TOML file or from a stored run; unknown names raise `InputError`."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"autoencoder recipe: unknown field {name!r}; known: {', '.join(known)}")
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values of every field, as JSON would give them back."""
        return dataclasses.asdict(self) | {"widths": list(self.widths)}


_RANGES = (
    ("latent", 1, 1024),
    ("images", 1, math.inf),
    ("batch_images", 1, math.inf),
    ("learning_rate", 1e-8, 10.0),
    ("warmup_fraction", 0.0, 0.9),
    ("checkpoint_minutes", 1e-3, math.inf),
    ("seed", 0, 2**63 - 1),
    ("threads", 1, 1024),
)
_CHOICES = {"loss": ("bce", "mse"), "device": ("auto", "cpu", "cuda"), "precision": ("auto", "bf16", "float32")}
