"""Prediction sets hold the truth as often as stated, are never empty and grow with the difficulty."""

import itertools
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.interpret.sets import Conformal, as_labels, coverage_and_size, probability_nonconformity

GROUPS = 6


def _toy(n: int, seed: int, noise: float | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """1 - posterior probability, truth and quality of patterns with evidence in Gaussian noise of size 1/quality."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, GROUPS, (n,), generator=generator)
    level = 0.3 + 1.2 * torch.rand(n, generator=generator) if noise is None else torch.full((n,), noise)
    evidence = torch.eye(GROUPS)[labels] + level[:, None] * torch.randn(n, GROUPS, generator=generator)
    return probability_nonconformity((evidence / level[:, None] ** 2).softmax(-1)), labels, 1 / level


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_coverage_is_as_stated_in_every_stratum(coverage: float) -> None:
    """On exchangeable patterns coverage is the stated one within five binomial deviations of test and calibration."""
    conformal = Conformal.fit(*_toy(4000, 0), coverage=coverage, strata=4)
    scores, labels, quality = _toy(20_000, 1)
    sets = conformal.sets(scores, quality)
    edges = [-math.inf, *conformal.quality_edges, math.inf]
    for low, high in itertools.pairwise(edges):
        members = (quality > low) & (quality <= high)
        held, size = coverage_and_size(sets[members], labels[members])
        deviation = (coverage * (1 - coverage) * (1 / int(members.sum()) + 1 / 1000)) ** 0.5
        print(f"stated {coverage}: quality {low:.2f} to {high:.2f} covers {held:.4f}, mean size {size:.2f}")
        assert abs(held - coverage) < 5 * deviation


def test_threshold_has_the_finite_sample_rank() -> None:
    """Of 19 calibration scores coverage 0.95 takes the largest; of 39 the 38th."""
    for n, rank in ((19, 19), (39, 38)):
        scores = torch.linspace(0, 1, n, dtype=torch.float64)[:, None].expand(n, 2)
        conformal = Conformal.fit(scores, torch.zeros(n, dtype=torch.long), coverage=0.95)
        assert conformal.thresholds[0] == pytest.approx(float(scores[rank - 1, 0]))


def test_mean_coverage_over_small_calibrations_is_no_less_than_stated() -> None:
    """With 19 calibration patterns, mean coverage over 400 repeats reaches 0.95 (less three deviations)."""
    held = []
    for seed in range(400):
        scores, labels, _ = _toy(19 + 50, seed)
        conformal = Conformal.fit(scores[:19], labels[:19], coverage=0.95)
        held.append(coverage_and_size(conformal.sets(scores[19:]), labels[19:])[0])
    mean = torch.tensor(held)
    assert float(mean.mean()) > 0.95 - 3 * float(mean.std()) / 20


def test_sets_grow_with_the_noise() -> None:
    """Noisier patterns get larger sets under one and the same calibration."""
    conformal = Conformal.fit(*_toy(4000, 0))
    sizes = []
    for noise in (0.3, 0.6, 1.0, 1.4):
        scores, labels, quality = _toy(2000, 1, noise)
        sizes.append(coverage_and_size(conformal.sets(scores, quality), labels)[1])
    print("mean set size by noise:", [round(size, 2) for size in sizes])
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0] + 0.5


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 0.99))
def test_no_set_is_empty_and_the_best_answer_is_in_it(seed: int, coverage: float) -> None:
    """Whatever the scores, every set holds at least the best answer."""
    conformal = Conformal.fit(*_toy(1000, 0), coverage=coverage)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(30, GROUPS, generator=generator) + 0.5
    sets = conformal.sets(scores, torch.rand(30, generator=generator) * 4)
    assert sets.any(-1).all()
    assert sets.gather(-1, scores.argmin(-1, keepdim=True)).all()


def test_any_monotone_score_gives_the_same_sets() -> None:
    """Sets depend on the order of the scores only: a matching deficit serves as well as a probability."""
    scores, labels, quality = _toy(2000, 0)
    scores = scores.double()
    plain = Conformal.fit(scores, labels, quality).sets(scores, quality)
    stretched = Conformal.fit(scores.exp() * 7 - 3, labels, quality).sets(scores.exp() * 7 - 3, quality)
    assert torch.equal(plain, stretched)


def test_labels_come_best_first() -> None:
    """A set in words lists its members from the best answer on."""
    scores = torch.tensor([[0.5, 0.1, 0.9], [0.2, 0.9, 0.8]])
    sets = torch.tensor([[True, True, False], [True, False, False]])
    assert as_labels(sets, scores, ["221", "225", "227"]) == [["225", "221"], ["221"]]


def test_round_trip_through_a_card() -> None:
    """Stored and restored thresholds are the same object; broken ones are refused."""
    conformal = Conformal.fit(*_toy(1000, 0))
    stored = json.loads(json.dumps(conformal.parameters()))
    assert Conformal.restore(stored) == conformal
    for broken in ({}, stored | {"thresholds": [1.0]}, stored | {"coverage": "much"}):
        with pytest.raises(InputError, match="prediction set"):
            Conformal.restore(broken)


def test_nonsense_is_refused() -> None:
    """Too few patterns, NaN, missing quality, ill shapes and impossible coverage raise one line."""
    scores, labels, quality = _toy(100, 0)
    with pytest.raises(InputError, match="needs 19"):
        Conformal.fit(scores[:40], labels[:40], quality[:40])
    with pytest.raises(InputError, match="NaN"):
        Conformal.fit(scores * torch.nan, labels)
    with pytest.raises(InputError, match="needs its quality"):
        Conformal.fit(scores, labels, quality, coverage=0.8).sets(scores)
    with pytest.raises(InputError, match="labels"):
        Conformal.fit(scores, labels[:5])
    with pytest.raises(InputError, match="coverage"):
        Conformal.fit(scores, labels, coverage=1.0)
