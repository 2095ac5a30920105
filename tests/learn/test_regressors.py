"""Regressors: every one reads a folded sheet, is seeded, keeps to its part of the data and names what is wrong."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.learn import regressors
from zoneaxis.learn.regressors import REGRESSORS, regressor


def sheet(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, 4) on a folded sheet, in unlike units, and its two numbers."""
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, n))
    codes = np.stack([np.sin(2 * u), 100 * np.cos(2 * u) + 100 * v, 0.01 * v * u, np.sin(v)], axis=1)
    return codes, np.stack([65 + 35 * u, 0.3 * v], axis=1)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SEARCH_ROWS", 100), ("SVM_ITERATIONS", 30_000), ("SVM_SEARCH_ITERATIONS", 5_000)):
        monkeypatch.setattr(regressors, name, value)


@pytest.mark.parametrize("name", REGRESSORS)
def test_values_are_read_from_codes(name: str) -> None:
    """Of a sheet with 200 known codes new values come out to 8 % of their range, most far better."""
    if name == "xgboost":
        pytest.importorskip("xgboost", reason="xgboost is not installed")
    x, y = sheet(200)
    new, truth = sheet(100, 1)
    learned = regressor(name, seed=1)
    assert learned.fit(x, y) is learned
    mae = np.abs(learned.predict(new) - truth).mean(0) / np.ptp(truth, axis=0)
    print(f"{name}: mean errors {mae[0]:.4f} and {mae[1]:.4f} of the range, {learned.chosen[0]}"[:140])
    assert learned.predict(new).shape == (100, 2)
    assert (mae < (0.001 if name == "kernel_ridge" else 0.08)).all()
    again = regressor(name, seed=1).fit(x, y)
    assert np.array_equal(again.predict(new), learned.predict(new))
    assert len(learned.chosen) == 2


def test_shuffled_labels_teach_nothing() -> None:
    """With labels drawn at random no error falls below that of the mean by more than chance."""
    x, y = sheet(300)
    shuffled = np.random.default_rng(0).permutation(y)
    new, truth = sheet(200, 1)
    for name in ("knn", "kernel_ridge"):
        mae = np.abs(regressor(name).fit(x, shuffled).predict(new) - truth).mean(0)
        assert (mae > 0.9 * np.abs(truth - truth.mean(0)).mean(0)).all(), name


def test_given_settings_are_not_searched() -> None:
    """A setting that is given is kept for every target; the others are still searched."""
    x, y = sheet(100)
    learned = regressor("knn", n_neighbors=7).fit(x, y)
    assert learned.chosen == [{"n_neighbors": 7}] * 2
    learned = regressor("svr", C=1.0).fit(x, y)
    assert all(chosen["C"] == 1.0 and chosen["gamma"] in (0.1, 0.3, 1.0) for chosen in learned.chosen)
    ridge = regressor("kernel_ridge", ridges=(1e-3,)).fit(x, y)
    assert all(chosen["ridge"] == 1e-3 for chosen in ridge.chosen)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: regressor("oracle"), "oracle.*knn"),
        (lambda: regressor("knn", depth=3), "depth.*n_neighbors"),
        (lambda: regressor("knn").predict(np.zeros((1, 4))), "not fitted"),
        (lambda: regressor("kernel_ridge").predict(np.zeros((1, 4))), "not fitted"),
        (lambda: regressor("knn").fit(np.zeros((20, 2)), np.ones(20)), "same value"),
    ],
)
def test_nonsense_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    """Unknown names and settings, reading before learning and constant targets are named."""
    with pytest.raises(InputError, match=words):
        call()
