"""The short words for a reading: one for each heading, a dash for what is not there."""

from typing import Any

from zoneaxis.reading.reading import Answer, Reading
from zoneaxis.report.row import HEADINGS, MISSING, row


def reading(**changes: Any) -> Reading:
    values: dict[str, Any] = {
        "file": "a.png",
        "index": 0,
        "technique": "ebsd",
        "model": "m",
        "unknown": False,
        "unknown_score": 0.254,
        "answers": (Answer("225", 0.754),),
        "prediction_set": ("225", "221"),
        "reason": "because",
    }
    return Reading(**(values | changes))


def test_both_witnesses():
    """Network, matching and their agreement are told side by side."""
    evidence = {
        "network": {"answers": [{"label": "221", "probability": 0.5}]},
        "matching": {"best_crystal": "Ni", "best_group": "225", "ncc": 0.443},
        "agreement": False,
    }
    said = dict(zip(HEADINGS, row(reading(evidence=evidence)), strict=True))
    assert said == {
        "answer": "225",
        "prob.": "0.75",
        "set": "225 221",
        "network": "221 0.50",
        "matching": "Ni 225",
        "NCC": "0.44",
        "agree": "no",
        "unknown": "no 0.25",
    }


def test_what_is_missing_is_a_dash():
    """Without evidence, answers and set there is no invented word."""
    said = dict(
        zip(HEADINGS, row(reading(answers=(), prediction_set=(), unknown=True, unknown_score=2.0)), strict=True)
    )
    assert said.pop("unknown") == "yes 2.00"
    assert set(said.values()) == {MISSING}
