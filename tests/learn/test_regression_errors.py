"""Regression errors: worked by hand, and refused where they would mean nothing."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.learn.regression_errors import errors, errors_by_value


def test_worked_example() -> None:
    """Errors 0, 0, 1 and 3 on truths 0 to 3: mean 1, median 0.5, 95 % at 2.7, r2 = 1 - 10/5."""
    found = errors(np.array([0.0, 1, 3, 0]), np.arange(4.0))
    assert found["mae"] == 1 and found["median"] == 0.5 and found["n"] == 4
    assert found["p95"] == pytest.approx(1 + 0.85 * 2) and found["r2"] == pytest.approx(-1)


def test_limits() -> None:
    """Perfect answers have r2 1, the mean has 0, a constant truth has none."""
    truth = np.arange(5.0)
    assert errors(truth, truth)["r2"] == 1 and errors(truth, truth)["mae"] == 0
    assert errors(np.full(5, 2.0), truth)["r2"] == pytest.approx(0)
    assert errors(truth, np.ones(5))["r2"] is None


def test_every_column_has_its_name() -> None:
    """Columns of a table are judged apart."""
    truth = np.stack([np.arange(5.0), np.zeros(5)], axis=1)
    found = errors_by_value(truth + [0, 0.5], truth, ("energy", "height"))
    assert found["energy"]["mae"] == 0 and found["height"]["mae"] == 0.5
    with pytest.raises(InputError, match="1 names"):
        errors_by_value(truth, truth, ("energy",))


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [(np.zeros(3), np.zeros(4)), (np.zeros(0), np.zeros(0)), (np.array([np.nan]), np.zeros(1)), (0.0, 0.0)],
)
def test_nothing_to_compare_is_refused(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Shapes that differ, empty sets and NaN are no figures."""
    with pytest.raises(InputError, match="errors:"):
        errors(predicted, truth)
