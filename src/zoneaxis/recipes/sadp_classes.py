"""SADP classes: what a network tells apart, one class per zone of each space group, and how classes make groups.

    "225 [001]", "225 [011]", ... -> space group 225

A spot pattern is that of a zone, and zones of one group look less alike than some zones of different groups do. So the
network learns zones, and the groups' probabilities are sums over them. Labels that look alike in every respect can be
merged into one class; where they are of different groups, its probability is shared among those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.stored_patterns import UNKNOWN

GROUPS = (213, 221, 225, 227, 229)
"""The five cubic space groups of the paper. Source: Jeong et al., RSC Adv. 14 (2024) 18489."""
ZONES = (
    *((0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 1, 2), (1, 1, 2), (1, 2, 2), (0, 1, 3), (1, 1, 3)),
    *((0, 2, 3), (1, 2, 3), (1, 3, 3), (2, 2, 3), (2, 3, 3), (0, 1, 4), (1, 1, 4), (1, 2, 4)),
)
"""Sixteen zone axes. Source: the 13 of the standard triangle with indices up to 3; the last three are our choice."""
ALIKE = " = "
BETWEEN = "|"
OTHER = "other"
"""Name of the class, and of the group, of what is none of the groups."""


def class_name(space_group: int, zone: Sequence[int]) -> str:
    """Label of a zone [uvw] of a space group: "225 [001]"; indices beyond 0 to 9 are set apart by spaces."""
    digits = all(0 <= index <= 9 for index in zone)
    return f"{int(space_group)} [{('' if digits else ' ').join(str(int(index)) for index in zone)}]"


def standard_zone(zone: Sequence[int]) -> tuple[int, int, int]:
    """The axis of the standard triangle that a cubic crystal sees like this one: indices without signs, rising.

    In the classes 432 and m-3m all orders and signs are one zone, up to a mirror image of the pattern; in 23 and m-3
    [012] and [021] are two.
    """
    first, second, third = sorted(abs(int(index)) for index in zone)
    return first, second, third


@dataclass(frozen=True)
class SADPClasses:
    """Classes of the zones of some cubic space groups, zones as in `standard_zone`.

    merged: lists of labels ("221 [111]", "225 [111]") that become one class each; other: one class more, `OTHER`, for
    crystals that are of none of the groups.

    Raises InputError for a group or zone listed twice, a zone outside the standard triangle, or a merged label that is
    unknown or merged twice.
    """

    groups: tuple[int, ...] = GROUPS
    zones: tuple[tuple[int, int, int], ...] = ZONES
    merged: tuple[tuple[str, ...], ...] = ()
    other: bool = False

    def __post_init__(self) -> None:
        strange = [zone for zone in self.zones if zone != standard_zone(zone)]
        if strange:
            raise InputError(f"SADP classes: zone {strange[0]}: expected its like {standard_zone(strange[0])}")
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise InputError("SADP classes: expected at least one group and one zone, none of them twice")
        seen: set[str] = set()
        for label in (label for alike in self.merged for label in alike):
            if label not in self.labels:
                raise InputError(f"SADP classes: merged {label!r} is no label; they read like {self.labels[0]!r}")
            if label in seen:
                raise InputError(f"SADP classes: {label!r} is merged twice")
            seen.add(label)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels before merging, group by group."""
        return tuple(class_name(group, zone) for group in self.groups for zone in self.zones)

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Class names in the order of their numbers, each with its labels."""
        alike = {label: ALIKE.join(labels) for labels in self.merged for label in labels}
        found: dict[str, tuple[str, ...]] = {}
        for label in self.labels:
            name = alike.get(label, label)
            found[name] = (*found.get(name, ()), label)
        return found | ({OTHER: (OTHER,)} if self.other else {})

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the columns of `shares`: the groups, and `OTHER` where there is such a class."""
        return (*map(str, self.groups), *((OTHER,) if self.other else ()))

    @cached_property
    def grouping(self) -> Grouping:
        """Classes for a network; the group of a class merged from several groups is called "221|225"."""
        groups = [_groups_of(labels) for labels in self.members.values()]
        return Grouping(tuple(self.members), tuple(BETWEEN.join(found) for found in groups))

    @cached_property
    def shares(self) -> Tensor:
        """Share of each class that counts for each of `answers`, (classes, answers) float32; rows sum to 1.

        A class that is merged from several groups counts for each by its number of labels.
        """
        table = torch.zeros(len(self.members), len(self.answers))
        column = {name: number for number, name in enumerate(self.answers)}
        for row, labels in enumerate(self.members.values()):
            for label in labels:
                table[row, column[label.split()[0]]] += 1 / len(labels)
        return table

    def numbers(self, labels: Mapping[str, np.ndarray]) -> np.ndarray:
        """Class numbers (n,) of patterns with labels space_group, u, v, w (any equivalent axis); -1 for another group.

        Raises InputError for a pattern of a known group along a zone that is not listed, or a missing label.
        """
        missing = [name for name in ("space_group", "u", "v", "w") if name not in labels]
        if missing:
            raise InputError(f"SADP classes: patterns have no label {missing[0]!r}; there are {', '.join(labels)}")
        number = {label: place for place, alike in enumerate(self.members.values()) for label in alike}
        axes = np.sort(np.abs(np.stack([np.asarray(labels[name]).astype(int) for name in "uvw"], axis=1)), axis=1)
        columns = np.column_stack([np.asarray(labels["space_group"]).astype(int), axes])
        kinds, member = np.unique(columns, axis=0, return_inverse=True)
        found = []
        for group, *zone in kinds.tolist():
            label = class_name(group, zone)
            if group in self.groups and label not in number:
                raise InputError(f"SADP classes: a pattern is of {label}, a zone that is not listed")
            found.append(number.get(label, UNKNOWN))
        return np.array(found, dtype=np.int64)[member.reshape(-1)]

    def other_numbers(self, labels: Mapping[str, np.ndarray]) -> np.ndarray:
        """The number of the class `OTHER` for every pattern, (n,); InputError without that class."""
        if not self.other:
            raise InputError("SADP classes: there is no class for others; ask for it with other = true")
        return np.full(len(labels["space_group"]), len(self.members) - 1, dtype=np.int64)

    def group_numbers(self, labels: Mapping[str, np.ndarray]) -> np.ndarray:
        """Place in `groups` of each pattern's space group, (n,); -1 for another group."""
        numbers = np.full(len(labels["space_group"]), UNKNOWN, dtype=np.int64)
        for place, group in enumerate(self.groups):
            numbers[np.asarray(labels["space_group"]) == group] = place
        return numbers


def _groups_of(labels: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(label.split()[0] for label in labels))
