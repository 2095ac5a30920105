"""Spot network: a trained network as a witness of the spot reader, one opinion from all pictures of a crystal.

    pictures -> polar cells about the direct beam -> p(group) of each, mean logits over it and its mirror image
      -> p(group) ~ product over k pictures of p_k(group)^(1 / T_k),  T_k = T k^a

With a = 0 the pictures are independent witnesses; with a = 1 many say no more than one, for a network that errs about a
crystal errs in most of its zones. T and a are fitted on crystals that were not trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.interpret.ensemble import pooled
from zoneaxis.learn.grouping import Grouping
from zoneaxis.patterns.polar_view import PolarView, mirror_image
from zoneaxis.reading.spot_reader import TECHNIQUE, binned
from zoneaxis.techniques.sadp.group_prior import OTHER

PREPARATION = "zoneaxis.patterns.polar_view.polar_view"
"""What the card of such a model names; its arguments are those of `PolarView`."""
CELLS_AT_ONCE = 128
"""Pictures in one call of the network. Source: our choice; bounds the memory."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpotNetwork:
    """A network on polar cells, calibrated; called with pictures it is the `proposer` of a `SpotReader`.

    Attributes:
        network: in evaluation mode, (n, 1, rings, angles) -> class logits.
        grouping: its classes and their groups; a group `OTHER` stands for whatever is none of them.
        view: how it sees pictures.
        temperature, dependence: T and a above.
        picture_px: side of the pictures it was trained on; larger ones are binned to at least this and less than twice.
        other_threshold: probability of `OTHER` from which the crystal is called unknown; None: never.
        name: of the model.
    """

    network: nn.Module
    grouping: Grouping
    view: PolarView
    temperature: float = 1.0
    dependence: float = 1.0
    picture_px: int = 128
    other_threshold: float | None = None
    name: str = "network"

    @classmethod
    def from_folder(cls, folder: str | Path) -> SpotNetwork:
        """The network of a model folder.

        Raises:
            InputError: no whole, unaltered model, one of another technique, or a card that does not fit.
        """
        from zoneaxis.learn import artefact

        model = artefact.load(folder)
        card = model.card
        where = Path(folder) / "card.json"
        if card.technique != TECHNIQUE:
            raise InputError(f"model {Path(folder).name}: it reads {card.technique}, not {TECHNIQUE}")
        if card.preparation != PREPARATION:
            raise InputError(f"{where}: preparation {card.preparation!r}; this version reads {PREPARATION}")
        strange = [group for group in card.grouping.groups if not (group.isdigit() or group == OTHER)]
        if strange:
            raise InputError(f"{where}: group {strange[0]!r}; expected numbers of space groups, or {OTHER}")
        try:
            view = PolarView(**card.preparation_arguments)
            settings = _settings(card.judgement)
        except TypeError as reason:
            raise InputError(f"{where}: {str(reason).splitlines()[0]}") from None
        except InputError as reason:
            raise InputError(f"{where}: {reason}") from None
        if view.size != card.input_size_px:
            raise InputError(f"{where}: input_size_px = {card.input_size_px}, but its preparation gives {view.size}")
        return cls(model.network, card.grouping, view, card.group_temperature, name=card.name, **settings)

    @property
    def judgement(self) -> dict[str, Any]:
        """What a card states beside the temperature, see `from_folder`."""
        return {name: getattr(self, name) for name in ("dependence", "picture_px", "other_threshold")}

    def __call__(
        self,
        pictures: Sequence[Array],
        scales: Sequence[float | None],
        centres_px: Sequence[tuple[float, float] | Array] | None = None,
    ) -> dict[str, float] | None:
        """Probabilities of the groups (as strings), summing to 1, from pictures of one crystal.

        Args:
            pictures: (rows, cols) each, any rising map of the intensity.
            scales: of each at its centre [1/Å per pixel].
            centres_px: x, y of the direct beam of each; None: the middle.

        Returns:
            None where the network needs scales and none is known; pictures without are then left out.
        """
        known = [number for number, scale in enumerate(scales) if scale is not None]
        needed = self.view.camera_constant == "known"
        used = known if needed else list(range(len(pictures)))
        if not used:
            return None
        parts = []
        for number in used:
            factor = max(1, min(pictures[number].shape) // self.picture_px)
            small = binned(pictures[number], factor)
            x, y = ((side - 1) / 2 for side in small.shape[::-1])
            if centres_px is not None:
                x, y = ((float(value) - (factor - 1) / 2) / factor for value in centres_px[number])
            scale = scales[number]
            step = None if scale is None or not needed else torch.tensor([scale * factor], dtype=torch.float64)
            parts.append(self.view(torch.from_numpy(small).float()[None], step, centre_px=(y, x)))
        together = self.pooled(self.single(torch.cat(parts))).tolist()
        return dict(zip(self.grouping.groups, together, strict=True))

    @torch.inference_mode()
    def single(self, cells: Tensor) -> Tensor:
        """p(group) of single pictures before any temperature, cells (n, rings, angles) -> (n, groups)."""
        self.network.eval()
        device = next(self.network.parameters()).device
        logits = []
        for part in cells.split(CELLS_AT_ONCE):
            seen = part[:, None].to(device, torch.float32)
            logits.append((self.network(seen).float() + self.network(mirror_image(seen)).float()).cpu() / 2)
        return self.grouping.group_log_probabilities(torch.cat(logits)).exp()

    def pooled(self, probabilities: Tensor) -> Tensor:
        """p(group) of one crystal, (..., pictures, groups) -> (..., groups); those of one picture are tempered too."""
        count = probabilities.shape[-2]
        return pooled(probabilities, "product", self.temperature * count ** (self.dependence - 1))


def _settings(judgement: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a card's `judgement`, checked."""
    found: dict[str, Any] = {}
    for name, low, high in (("dependence", 0.0, 1.0), ("picture_px", 8, 8192), ("other_threshold", 0.0, 1.0)):
        value = judgement.get(name)
        if value is None and name == "other_threshold":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"judgement: {name} = {value!r}: expected a number from {low:g} to {high:g}")
        found[name] = value
    return found
