"""The short words for a reading: one for each heading, a dash for what is not there."""

from typing import Any

import pytest

from zoneaxis.reading.reading import Answer, Reading, Value
from zoneaxis.report.row import HEADINGS, MISSING, headings, number, row, rows


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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Value(52.3141, "eV", 0.0832), "52.314 ± 0.083 eV"),
        (Value(52.3141, "eV", 0.83), "52.31 ± 0.83 eV"),
        (Value(-0.1234, "Å", 0.0099), "-0.1234 ± 0.0099 Å"),
        (Value(52.3141, "eV", 12.0), "52 ± 12 eV"),
        (Value(52.3141, "eV", 0.0), "52.314 eV"),
    ],
)
def test_number_ends_where_its_uncertainty_does(value, said):
    """Two figures of the uncertainty, the value to the same place; no uncertainty, no sign."""
    assert number(value) == said


def test_values_side_by_side():
    """A regressor's readings: a column for each value, dashes for the reading that has none."""
    full = reading(
        technique="cbleed",
        answers=(Answer("buckled", 0.98),),
        evidence={"likelihood": {"chi2": 1.04, "misfit": 0.012}},
        values={"beam_energy_ev": Value(52.31, "eV", 0.083), "dimer_height_angstrom": Value(0.1, "Å", 0.012)},
    )
    empty = reading(values={}, answers=(), unknown=True, unknown_score=99.0)
    assert headings([full, empty]) == ("beam energy", "dimer height", "kind", "chi2", "misfit", "unknown")
    assert rows([full, empty]) == [
        ("52.310 ± 0.083 eV", "0.100 ± 0.012 Å", "buckled 0.98", "1.04", "1.2 %", "no 0.25"),
        (*[MISSING] * 5, "yes 99.00"),
    ]
    assert headings([reading()]) == HEADINGS
