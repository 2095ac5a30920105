"""Translator recipe: every number that the training of a translator depends on, in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from zoneaxis.learn.image_recipe import ImageRecipe
from zoneaxis.learn.networks.translator import NORMS, Norm
from zoneaxis.learn.schedule import Range


@dataclass(frozen=True)
class TranslatorRecipe(ImageRecipe):
    """How a translator is trained; budget, rate and arithmetic as `ImageRecipe` has them.

    width, norm, dropout: of the network; its depth follows from the size of the images.
    loss: "l1" (as the paper has it) or "mse" between answer and target.
    discriminator: whether a judge of patches, of the same width, is trained against it; then the loss is
        `pixel_weight` times the above and the cross-entropy of passing for genuine.
    average_decay: of the moving average of the weights, which is what is kept.
    augment: whether each pair is turned or mirrored at random, input and target together, by one of the eight
        operations of the square. True to the physics where both are drawn in one frame and nothing marks a hand.
    """

    images: int = 60_000
    batch_images: int = 16
    learning_rate: float = 2e-3
    width: int = 24
    norm: Norm = "batch"
    dropout: float = 0.0
    loss: Literal["l1", "mse"] = "mse"
    discriminator: bool = False
    pixel_weight: float = 100.0
    average_decay: float = 0.999
    augment: bool = True

    NAME: ClassVar[str] = "translator"
    RANGES: ClassVar[tuple[Range, ...]] = (
        ("width", 8, 256),
        ("dropout", 0.0, 0.9),
        ("pixel_weight", 1e-3, 1e6),
        ("average_decay", 0.0, 0.99999),
    )
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {"loss": ("l1", "mse"), "norm": NORMS}
