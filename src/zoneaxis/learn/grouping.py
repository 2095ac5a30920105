"""Grouping: which space group each material belongs to, and group probabilities as sums over materials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zoneaxis.errors import InputError


@dataclass(frozen=True)
class Grouping:
    """The fine classes a network reads (materials) and the coarse label of each (its space group, as a string).

    P(group | pattern) = sum over the materials m of the group of P(m | pattern): the materials are exclusive events.
    """

    materials: tuple[str, ...]
    group_of_material: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.materials) != len(self.group_of_material):
            raise InputError(
                f"grouping: {len(self.materials)} materials but {len(self.group_of_material)} groups; give one each"
            )
        if len(set(self.materials)) != len(self.materials):
            raise InputError("grouping: a material is listed twice; every material is one class")
        if len(self.materials) < 2:
            raise InputError(f"grouping: {len(self.materials)} material(s); a classifier needs at least 2")

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Group labels, sorted by number where they are numbers."""
        return tuple(
            sorted(set(self.group_of_material), key=lambda group: (len(group) if group.isdigit() else 99, group))
        )

    @cached_property
    def group_index(self) -> Tensor:
        """Position in `groups` of each material's group, int64 (materials,)."""
        return torch.tensor([self.groups.index(group) for group in self.group_of_material])

    def group_log_probabilities(self, material_logits: Tensor) -> Tensor:
        """log P(group), (n, materials) logits -> (n, groups), computed without leaving the logarithm."""
        log_probabilities = material_logits.log_softmax(-1)
        index = self.group_index.to(material_logits.device)
        members = torch.nn.functional.one_hot(index, len(self.groups)).bool()  # (materials, groups)
        spread = log_probabilities[..., :, None].masked_fill(~members, -torch.inf)
        return spread.logsumexp(-2)
