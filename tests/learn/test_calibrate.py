"""Calibration figures against closed forms, and the temperature against a known one."""

import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn import calibrate


def _honest(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Logits whose softmax is the true chance of each label."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 5, generator=generator)
    return logits, torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)


@pytest.mark.parametrize("exaggeration", [0.4, 1.0, 3.0])
def test_temperature_undoes_an_exaggeration(exaggeration: float) -> None:
    """Honest logits times a factor have that factor as their temperature (statistical error of 20,000 labels)."""
    logits, labels = _honest(20_000, 0)
    assert calibrate.fit_temperature(exaggeration * logits, labels) == pytest.approx(exaggeration, rel=0.03)


def test_temperature_changes_no_answer_and_mends_the_error() -> None:
    """The best class stays, the calibration error of over-confident logits falls below 0.015."""
    logits, labels = _honest(20_000, 1)
    boasting = 3 * logits
    tempered = calibrate.temper(boasting, calibrate.fit_temperature(boasting, labels))
    assert torch.equal(boasting.argmax(-1), tempered.argmax(-1))
    before = calibrate.expected_calibration_error(boasting.softmax(-1), labels)
    after = calibrate.expected_calibration_error(tempered.softmax(-1), labels)
    print(f"calibration error {before:.3f} -> {after:.4f}")
    assert before > 0.1 and after < 0.015


def test_perfect_separation_keeps_a_finite_temperature() -> None:
    """Without a single mistake the likelihood has no maximum; the temperature stays at its lower bound or above."""
    logits = 10 * torch.eye(4)[torch.arange(40) % 4]
    assert 0.05 <= calibrate.fit_temperature(logits, torch.arange(40) % 4) <= 1


def test_figures_of_a_coin() -> None:
    """Saying 0.8 of a thing that happens 60 times in 100: error 0.2, Brier and likelihood by hand."""
    probabilities = torch.tensor([[0.8, 0.2]]).expand(100, 2)
    labels = (torch.arange(100) >= 60).long()
    assert calibrate.expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(0.2)
    assert calibrate.brier_score(probabilities, labels) == pytest.approx(0.6 * 0.08 + 0.4 * 1.28)
    expected = -(0.6 * torch.tensor(0.8).log() + 0.4 * torch.tensor(0.2).log())
    assert calibrate.negative_log_likelihood(probabilities, labels) == pytest.approx(float(expected))


def test_certain_and_right_is_perfect() -> None:
    """One-hot probabilities on the truth have all errors zero."""
    labels = torch.arange(30) % 3
    figures = calibrate.calibration_figures(torch.eye(3)[labels], labels)
    assert figures["accuracy"] == 1
    assert all(figures[name] == pytest.approx(0) for name in figures if name != "accuracy")


def test_ill_shaped_input_is_refused() -> None:
    """Labels that do not fit the logits raise."""
    with pytest.raises(InputError, match="labels"):
        calibrate.fit_temperature(torch.zeros(3, 2), torch.zeros(4, dtype=torch.long))
