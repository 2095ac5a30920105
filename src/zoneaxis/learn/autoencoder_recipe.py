"""Autoencoder recipe: every number that the training of an autoencoder depends on, in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from zoneaxis.learn.image_recipe import ImageRecipe
from zoneaxis.learn.schedule import Range


@dataclass(frozen=True)
class AutoencoderRecipe(ImageRecipe):
    """How an autoencoder is trained; budget, rate and arithmetic as `ImageRecipe` has them.

    loss: "bce", the cross-entropy of grey values read as probabilities (as the paper has it), or "mse".
    """

    images: int = 700_000
    max_minutes: float | None = 15.0
    learning_rate: float = 5e-3
    latent: int = 8
    widths: tuple[int, ...] = (16, 32, 64)
    loss: Literal["bce", "mse"] = "bce"

    NAME: ClassVar[str] = "autoencoder"
    RANGES: ClassVar[tuple[Range, ...]] = (("latent", 1, 1024),)
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {"loss": ("bce", "mse")}

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, the value and the range."""
        super().__post_init__()
        object.__setattr__(self, "widths", tuple(self.widths))
