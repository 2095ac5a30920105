"""The Reading: what a pattern is said to be, how sure that is, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answer:
    """One possible answer and its probability; space groups are numbers written as strings."""

    label: str
    probability: float


@dataclass(frozen=True)
class Reading:
    """Answer for one pattern of one file.

    Attributes:
        file: path as given.
        index: position of the pattern in the file.
        technique: `ebsd`.
        model: name of the model.
        unknown: no crystal of the library explains the pattern as well as a known one should.
        unknown_score: how strange the pattern is; 1 is the threshold.
        answers: space groups, best first, probabilities summing to one.
        prediction_set: the space groups that hold the truth with the model's stated coverage; never empty.
        reason: one sentence.
        evidence: numbers behind the answer: `network`, `matching`, `agreement`, `image_quality`.
        images: pictures behind it, if asked for: `pattern`, `simulated`, `saliency`; not part of the JSON form.
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

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for one line of JSON."""
        return {
            "file": self.file,
            "index": self.index,
            "technique": self.technique,
            "model": self.model,
            "unknown": self.unknown,
            "unknown_score": round(self.unknown_score, 4),
            "answers": [{"label": a.label, "probability": round(a.probability, 6)} for a in self.answers],
            "prediction_set": list(self.prediction_set),
            "reason": self.reason,
            "evidence": self.evidence,
        }
