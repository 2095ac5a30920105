"""Spreads: what a recipe leaves open, and draws of it."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.recipes.spread import Spread


def test_spread() -> None:
    """A value, a list or a range; draws stay inside, and ranges of whole numbers give whole numbers."""
    generator = np.random.default_rng(0)
    assert Spread.of(5, "n").draw(generator) == 5
    assert {Spread.of([1, "two"], "n").draw(generator) for _ in range(30)} == {1, "two"}
    whole = [Spread.of({"from": 1, "to": 3}, "n").draw(generator) for _ in range(60)]
    assert set(whole) == {1, 2, 3}
    values = np.array([Spread.of({"from": 1.0, "to": 3.0}, "n").draw(generator) for _ in range(400)])
    assert 1 <= values.min() < 1.1 and 2.9 < values.max() <= 3 and values.mean() == pytest.approx(2.0, abs=0.1)
    for faulty in ([], {"from": 2, "to": 1}, {"from": 1}, [float("nan")], None):
        with pytest.raises(InputError, match="n = "):
            Spread.of(faulty, "n")
