"""Open-set scores against closed forms, and the stated false-alarm rate."""

import json
import math

import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn import open_set
from zoneaxis.learn.open_set import OpenSet, area_under_roc

CLASSES, FEATURES = 4, 24


def _known(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussian classes in 8 of 24 dimensions with faint noise in the rest; logits are distances to the means."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.zeros(CLASSES, FEATURES)
    means[:, :CLASSES] = 4 * torch.eye(CLASSES)
    labels = torch.randint(0, CLASSES, (n,), generator=generator)
    spread = torch.full((FEATURES,), 0.05)
    spread[:8] = 1.0
    features = means[labels] + spread * torch.randn(n, FEATURES, generator=generator)
    return 10 - 0.5 * torch.cdist(features, means).square(), features, labels


def test_false_alarms_come_at_the_stated_rate() -> None:
    """Of 4000 new known patterns 5 % are called unknown, within 1.5 %: fit on 4000 others."""
    fitted = OpenSet.fit(*_known(4000, 0))
    logits, features, _ = _known(4000, 1)
    rate = float(fitted.unknown(logits, features).double().mean())
    print(f"false alarms: {rate:.4f} (stated 0.05)")
    assert rate == pytest.approx(0.05, abs=0.015)


def test_strangers_are_found() -> None:
    """Features in directions that known patterns leave empty are called unknown, all of them."""
    fitted = OpenSet.fit(*_known(2000, 0))
    strange = torch.randn(500, FEATURES, generator=torch.Generator().manual_seed(2)) * 2
    logits = torch.randn(500, CLASSES, generator=torch.Generator().manual_seed(3))
    known = _known(500, 4)
    assert fitted.unknown(logits, strange).double().mean() > 0.99
    assert area_under_roc(fitted.score(known[0], known[1]), fitted.score(logits, strange)) > 0.999


def test_mahalanobis_distance_of_members_is_chi_squared() -> None:
    """On one Gaussian class the mean score is the number of features and its variance twice that, to 3 %."""
    generator = torch.Generator().manual_seed(0)
    stretch = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    features = torch.randn(40_000, 6, generator=generator, dtype=torch.float64) @ stretch
    whitening = open_set._whitening(features)
    score = open_set.mahalanobis_score(features, torch.zeros(1, 6, dtype=torch.float64), whitening)
    assert float(score.mean()) == pytest.approx(6, rel=0.03)
    assert float(score.var()) == pytest.approx(12, rel=0.06)


def test_energy_roc_of_shifted_gaussians() -> None:
    """Two unit Gaussians a distance d apart have AUROC Phi(d / sqrt 2), to 1 %."""
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(20_000, generator=generator)
    strangers = torch.randn(20_000, generator=generator) + 1.0
    assert area_under_roc(known, strangers) == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.01)
    assert area_under_roc(known, known) == pytest.approx(0.5)


def test_neighbour_score_is_zero_on_the_bank_itself() -> None:
    """With rank 1 a bank member lies at distance 0, its opposite at distance 2."""
    bank = torch.nn.functional.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    assert open_set.neighbour_score(7 * bank, bank, rank=1).max() < 2e-3
    assert float(open_set.neighbour_score(-bank[:1], bank[:1], rank=1)) == pytest.approx(2)


def test_energy_score_knows_the_size_of_logits() -> None:
    """Adding a constant to all logits lowers the energy by it and leaves the softmax score alone."""
    logits = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(open_set.energy_score(logits + 3), open_set.energy_score(logits) - 3, atol=1e-5)
    assert torch.allclose(open_set.max_softmax_score(logits + 3), open_set.max_softmax_score(logits), atol=1e-6)


def test_stored_and_restored_scores_agree() -> None:
    """Card numbers through JSON and tensors as they are give the same scores."""
    fitted = OpenSet.fit(*_known(400, 0))
    restored = OpenSet.restore(json.loads(json.dumps(fitted.parameters())), fitted.tensors())
    logits, features, _ = _known(50, 1)
    assert torch.equal(fitted.score(logits, features), restored.score(logits, features))
    assert restored.threshold == fitted.threshold


def test_incomplete_parameters_are_refused() -> None:
    """A missing number or tensor raises one line."""
    fitted = OpenSet.fit(*_known(400, 0))
    for parameters, tensors in (({}, fitted.tensors()), (fitted.parameters(), {})):
        with pytest.raises(InputError, match="open set"):
            OpenSet.restore(parameters, tensors)


def test_too_little_to_fit_is_refused() -> None:
    """Few patterns, a class without patterns or an impossible rate raise."""
    logits, features, labels = _known(400, 0)
    with pytest.raises(InputError, match="at least 40"):
        OpenSet.fit(logits[:20], features[:20], labels[:20])
    with pytest.raises(InputError, match="class 3"):
        OpenSet.fit(logits, features, labels.clamp_max(2))
    with pytest.raises(InputError, match="false_alarm_rate"):
        OpenSet.fit(logits, features, labels, false_alarm_rate=0.9)
