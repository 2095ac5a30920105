"""Rows: what stands in a table: a method, its scores on every test image, and a few of its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoneaxis.learn.translation_scores import Summary, scores, summary
from zoneaxis.studies.lacbed_translation.protocol import Task

SCORES = {"mse": "MSE", "zncc": "ZNCC", "ssim": "SSIM"}
Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One method on one task.

    Attributes:
        method, seed: its name; None where nothing is drawn at random.
        places: (m,) crystals that it was asked about, all of the test part or some.
        scores: `SCORES`, (m,) each.
        shown: pictures of the crystals that figures show, (k, s, s); empty where it was not asked about them.
        seconds: per image, None where it was not measured.
        failed: images that it gave no answer to, which count as the mean image.
    """

    method: str
    seed: int | None
    places: np.ndarray
    scores: Mapping[str, np.ndarray]
    shown: np.ndarray
    seconds: float | None = None
    failed: int = 0

    def mean(self, score: str = "mse") -> float:
        """Mean of a score over its images."""
        return float(self.scores[score].mean())

    def summary(self, score: str, groups: np.ndarray) -> Summary:
        """Mean with its interval, whole topologies drawn anew; groups: of all crystals of the set."""
        return summary(self.scores[score], groups[self.places])

    def on(self, places: np.ndarray) -> Row:
        """The same on some of its crystals."""
        chosen = np.isin(self.places, places)
        kept = {name: values[chosen] for name, values in self.scores.items()}
        return Row(self.method, self.seed, self.places[chosen], kept, self.shown, self.seconds)


def judged(answers: np.ndarray, task: Task, places: np.ndarray) -> Result:
    """Scores of translations (m, 1, s, s) or (m, s, s) of the crystals at `places`."""
    return scores(np.asarray(answers, np.float32).reshape(len(places), *task.targets.shape[1:]), task.targets[places])


def shown_places(task: Task, count: int, among: np.ndarray | None = None) -> np.ndarray:
    """Crystals of the test part that figures show: of as many topologies as there are, from light to dark targets."""
    candidates = task.test if among is None else among
    _, first = np.unique(task.groups[candidates], return_index=True)
    one_each = candidates[first] if len(first) >= count else candidates
    order = np.argsort(task.targets[one_each].mean((1, 2)), kind="stable")
    return one_each[order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]]


def by_method(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by method, in their order; one of several seeds has several."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.method, []).append(row)
    return found
