"""The judge: weights, coverage of its sets, strangeness, what a card keeps of it."""

import dataclasses
import json

import pytest
import torch

from tests.small_world import GROUPS, toy_testimony
from zoneaxis.errors import InputError
from zoneaxis.reading.judge import NOISE_NCC, Judge, contrast


def fitted(**weights: float) -> Judge:
    """A judge fitted on three thousand toy patterns, all well exposed."""
    testimony, truth = toy_testimony(3000, **weights)
    return Judge.fit(testimony, truth, torch.ones(3000, dtype=torch.bool), GROUPS)


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Fitted on three thousand toy patterns."""
    return fitted(network=0.5, matching=2.0)


def test_weights_of_the_witnesses_are_recovered(judge):
    """The truth was drawn with weights 0.5 and 2: the fit finds them within the noise of 1500 patterns."""
    a, b, c = judge.weights
    print(f"weights 0.5, 2 drawn; {a:.2f}, {b:.2f} found")
    assert a == pytest.approx(0.5, abs=0.12)
    assert b == pytest.approx(2.0, abs=0.35)
    assert 0 <= c < 0.1


def test_a_witness_that_knows_nothing_gets_no_weight():
    """Where matching alone decides the truth, the network's weight goes to zero."""
    a, b, _ = fitted(network=0.0, matching=3.0).weights
    assert a < 0.1
    assert b > 2.0


def test_sets_hold_the_truth_as_often_as_stated(judge):
    """On new patterns of the same kind the coverage is 95 % within three standard errors, in every quality third."""
    testimony, truth = toy_testimony(4000, seed=9, network=0.5, matching=2.0)
    held = judge.judge(testimony).sets.gather(-1, truth[:, None]).squeeze(-1).double()
    thirds = testimony.quality.argsort().chunk(3)
    covered = [float(held[part].mean()) for part in thirds]
    print("coverage by quality, 0.95 stated: " + ", ".join(f"{share:.3f}" for share in covered))
    assert all(abs(share - 0.95) < 0.035 for share in covered)


def test_no_set_is_empty_and_the_best_is_in_it(judge):
    """Every set holds the most probable group."""
    verdict = judge.judge(toy_testimony(500, seed=4)[0])
    assert verdict.sets.any(-1).all()
    assert verdict.sets.gather(-1, verdict.probabilities.argmax(-1, keepdim=True)).all()
    torch.testing.assert_close(verdict.probabilities.sum(-1), torch.ones(500))


def test_false_alarms_are_as_stated(judge):
    """About 5 % of known patterns are called unknown."""
    share = float(judge.judge(toy_testimony(4000, seed=5)[0]).unknown.double().mean())
    print(f"false alarms: {share:.3f} of 0.05 stated")
    assert 0.03 < share < 0.07


def test_strangeness_rises_as_the_best_stands_out_less(judge):
    """A smaller contrast is always stranger; a pattern that all candidates fit alike is unknown."""
    testimony, _ = toy_testimony(200, seed=6)
    before = judge.judge(testimony).strangeness
    for change in (0.05, 0.2, 0.5):
        worse = judge.judge(dataclasses.replace(testimony, contrast=testimony.contrast - change)).strangeness
        assert (worse > before).all()
        before = worse
    assert (before > 1.0).all()


def test_false_alarms_refer_to_well_exposed_patterns():
    """Poor patterns, which stand out less, do not lower the bar."""
    testimony, truth = toy_testimony(3000)
    well = torch.arange(3000) % 2 == 0
    poor = dataclasses.replace(testimony, contrast=torch.where(well, testimony.contrast, testimony.contrast - 0.2))
    judge = Judge.fit(poor, truth, well, GROUPS)
    unknown = judge.judge(poor).unknown.double()
    assert float(unknown[well].mean()) == pytest.approx(0.05, abs=0.01)
    assert float(unknown[~well].mean()) > 0.5


def test_contrast_is_the_best_above_the_crowd():
    """Best minus median of many; of few crystals, best minus what noise reaches."""
    many = torch.tensor([[0.9, 0.5, 0.4, 0.4, 0.3, 0.2, 0.1]])
    assert contrast(many).item() == pytest.approx(0.5)
    assert contrast(many[:, :2]).item() == pytest.approx(0.9 - NOISE_NCC)


def test_a_veto_of_the_network_is_bounded(judge):
    """Limit: a network that gives the truth no chance at all costs no more than one that gives it 1 %."""
    testimony, _ = toy_testimony(50, seed=7)
    certain = torch.full_like(testimony.network, -80.0)
    certain[:, 0] = 0.0
    less = certain.clamp_min(-30.0)
    both = [judge.judge(dataclasses.replace(testimony, network=one)).probabilities for one in (certain, less)]
    torch.testing.assert_close(*both)
    assert float(both[0][:, 1:].max()) > 0.05


def test_a_card_keeps_all_of_it(judge):
    """Through JSON and back: the same verdicts."""
    again = Judge.restore(json.loads(json.dumps(judge.parameters())))
    testimony, _ = toy_testimony(100, seed=8)
    first, second = judge.judge(testimony), again.judge(testimony)
    for name in ("probabilities", "sets", "strangeness", "unknown"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("spoil", [{"weights": [1.0]}, {"least_contrast": None}, {"conformal": {}}, {"groups": 3}])
def test_incomplete_parameters_are_refused(judge, spoil):
    """A card with missing or strange numbers is named in one line."""
    with pytest.raises(InputError) as caught:
        Judge.restore(judge.parameters() | spoil)
    assert "\n" not in str(caught.value)


def test_too_few_patterns_are_refused():
    """A stratum needs 80 patterns."""
    testimony, truth = toy_testimony(200)
    with pytest.raises(InputError, match="240"):
        Judge.fit(testimony, truth, torch.ones(200, dtype=torch.bool), GROUPS)
