"""Claims are held against results as they are: met, missed, and nothing in between."""

import json
import math

import pytest

from zoneaxis.errors import InputError
from zoneaxis.report.claims import Claim, compare, load, write

TOML = """
[[claim]]
id = "accuracy"
source = "Table 2"
statement = "Accuracy on unseen orientations; tolerance: their spread over five runs."
relation = "within"
paper = 0.93
tolerance = 0.02

[[claim]]
id = "order"
source = "Section 3"
statement = "Confusions stay within Laue groups."
relation = "holds"
"""


def claim(relation: str, paper: float | None = 1.0, tolerance: float = 0.25) -> Claim:
    return Claim("c", "Table 1", "as stated", relation, paper, tolerance)


@pytest.mark.parametrize(
    ("relation", "met", "missed"),
    [("at least", (0.75, 9.0), (0.74,)), ("at most", (1.25, -9.0), (1.26,)), ("within", (0.75, 1.25), (0.74, 1.26))],
)
def test_relations(relation, met, missed):
    """A value on the edge of the tolerance meets the claim, one beyond it does not."""
    assert all(claim(relation).met(value) for value in met)
    assert not any(claim(relation).met(value) for value in missed)
    assert not any(claim(relation).met(value) for value in (None, math.nan, math.inf, -math.inf))


def test_holds_needs_a_true():
    """A check is met by True alone, not by a number."""
    check = claim("holds", None, 0.0)
    assert check.met(True)
    assert not any(check.met(value) for value in (False, None, 1.0))


def test_load_compare_write(tmp_path):
    """Claims from a file come out as JSON and as a table; a claim without a result is missed, NaN becomes null."""
    path = tmp_path / "claims.toml"
    path.write_text(TOML)
    results = compare(load(path), {"accuracy": math.nan}, {"accuracy": 0.01})
    assert [result.verdict for result in results] == ["missed", "missed"]
    results = compare(load(path), {"accuracy": 0.92}, {"accuracy": 0.01})
    for _ in range(2):
        files = write(results, tmp_path / "results", "smoke", study="s", seed=3)
    written = json.loads(files[0].read_text())
    assert written["seed"] == 3
    assert {"study", "scale", "date", "machine", "seed", "claims"} == set(written)
    assert written["claims"][0] == {
        "id": "accuracy",
        "source": "Table 2",
        "paper": 0.93,
        "ours": 0.92,
        "spread": 0.01,
        "verdict": "met",
    }
    assert written["claims"][1]["ours"] is None
    assert "| accuracy | Table 2 | 0.93 | 0.92 | 0.01 | met |" in files[1].read_text()
    assert "1 of 2 claims met" in files[1].read_text()
    assert sorted(file.name for file in (tmp_path / "results").iterdir()) == ["smoke.json", "smoke.md"]


def test_not_a_number_is_written_as_null(tmp_path):
    """JSON knows no NaN: the file can be read by any reader."""
    results = compare([claim("within")], {"c": math.nan})
    file, _ = write(results, tmp_path, "smoke", study="s", seed=0)
    assert json.loads(file.read_text(), parse_constant=pytest.fail)["claims"][0]["ours"] is None


def test_a_result_without_a_claim_is_refused():
    """A misspelt id must not turn into a silent miss."""
    with pytest.raises(InputError, match="acuracy"):
        compare([claim("within")], {"acuracy": 1.0})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('relation = "within"', 'relation = "near"', "near"),
        ("tolerance = 0.02", "tolerance = -0.02", "tolerance"),
        ("paper = 0.93", "", "paper"),
        ("paper = 0.93", 'paper = "high"', "finite"),
        ('source = "Table 2"', "", "source"),
        ('id = "order"', 'id = "accuracy"', "twice"),
        ("tolerance = 0.02", "tolerence = 0.02", "tolerence"),
        ("[[claim]]", "[[claim", "readable"),
        ("[[claim]]", "[[claims]]", "no [[claim]]"),
    ],
)
def test_faulty_claims_are_named(tmp_path, old, new, said):
    """What is wrong with a file of claims is said in one line with the file's name."""
    path = tmp_path / "claims.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(InputError) as caught:
        load(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    """A file that is not there is bad input."""
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "claims.toml")
