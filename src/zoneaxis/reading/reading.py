"""The Reading: what a pattern is said to be, how sure that is, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answer:
    """One possible answer and its probability; space groups are numbers written as strings."""

    label: str
    probability: float


def smallest_set(answers: Sequence[Answer], coverage: float) -> tuple[str, ...]:
    """The likeliest answers, best first, that together reach the coverage."""
    held, members = 0.0, []
    for answer in answers:
        if held >= coverage:
            break
        members.append(answer.label)
        held += answer.probability
    return tuple(members)


@dataclass(frozen=True)
class Value:
    """A number read from a pattern, with one standard deviation; `unit` is what both are counted in."""

    value: float
    unit: str
    uncertainty: float


@dataclass(frozen=True)
class Reading:
    """Answer for one pattern of one file.

    Attributes:
        file: path as given.
        index: position of the pattern in the file.
        technique: `ebsd`, `cbleed`, ...
        model: name of the model.
        unknown: nothing that the model knows explains the pattern as well as a known one should.
        unknown_score: how strange the pattern is; 1 is the threshold.
        answers: space groups, or the alternatives of a regressor (its dimers, say), best first, probabilities summing
            to one; empty where nobody was asked.
        prediction_set: those of them that hold the truth with the model's stated coverage.
        reason: one sentence.
        evidence: numbers behind the answer: `network`, `matching`, `agreement`, `image_quality`; of a regressor
            `network` and `likelihood`.
        images: pictures behind it, if asked for: `pattern`, `simulated`, `saliency`; of a regressor `pattern`,
            `emulated` or `reconstruction`, `residual`; not part of the JSON form.
        values: what a regressor read, by name; empty where the image holds no pattern; None from a classifier.
    """

    file: str
    index: int
    technique: str
    model: str
    unknown: bool
    unknown_score: float
    answers: tuple[Answer, ...]
    prediction_set: tuple[str, ...]
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    images: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    values: dict[str, Value] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for one line of JSON; `values` stand in it for a regressor only."""
        values = {} if self.values is None else {"values": {name: _plain(value) for name, value in self.values.items()}}
        return {
            "file": self.file,
            "index": self.index,
            "technique": self.technique,
            "model": self.model,
            "unknown": self.unknown,
            "unknown_score": round(self.unknown_score, 4),
            **values,
            "answers": [{"label": a.label, "probability": round(a.probability, 6)} for a in self.answers],
            "prediction_set": list(self.prediction_set),
            "reason": self.reason,
            "evidence": self.evidence,
        }


def _plain(value: Value) -> dict[str, Any]:
    return {"value": round(value.value, 6), "unit": value.unit, "uncertainty": float(f"{value.uncertainty:.3g}")}
