"""Several patterns of one crystal give one answer, and the intervals of accuracies hold what they say."""

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.interpret.ensemble import (
    draws,
    group_probabilities,
    pooled,
    pooled_accuracies,
    pooled_logits,
    wilson,
)
from zoneaxis.learn.calibrate import fit_temperature, negative_log_likelihood

GROUPS = 5


def _independent(crystals: int, zones: int, seed: int, evidence: float = 0.8) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact posteriors (crystals, zones, groups) of independent Gaussian evidence, and the truth (crystals,)."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, GROUPS, (crystals,), generator=generator)
    means = evidence * torch.eye(GROUPS)[truth]
    seen = means[:, None] + torch.randn(crystals, zones, GROUPS, generator=generator)
    return (evidence * seen).softmax(-1), truth


def test_wilson_is_the_textbook_interval() -> None:
    """81 of 263 gives 0.255 to 0.366 (Newcombe 1998, table I); 15 of 148 0.0624 to 0.1605; 0 of 20 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=1e-4)


def test_wilson_ends_solve_its_equation() -> None:
    """At either end the share lies z standard deviations off: |k/n - p| = z sqrt(p (1 - p)/n)."""
    for successes, n in ((3, 7), (130, 144), (1, 50)):
        for p in wilson(successes, n):
            assert abs(successes / n - p) == pytest.approx(1.959964 * (p * (1 - p) / n) ** 0.5, rel=1e-6)


def test_wilson_covers_as_stated() -> None:
    """Over 4000 binomial draws the interval holds the true share in 93 to 97 %."""
    for share in (0.1, 0.5, 0.9):
        held = np.random.default_rng(0).binomial(100, share, 4000)
        inside = np.mean([low <= share <= high for low, high in (wilson(int(k), 100) for k in held)])
        assert 0.93 < inside < 0.97


def test_equal_patterns_change_nothing() -> None:
    """Pooling copies of one pattern gives its own probabilities, by either road."""
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.04, 0.01])
    copies = probabilities.expand(3, 7, GROUPS)
    for how in ("mean", "product"):
        assert torch.allclose(pooled(copies, how), probabilities.expand(3, GROUPS), atol=1e-6)


def test_mean_is_the_mean_and_product_is_bayes() -> None:
    """The mean is exact; the product at temperature 1/k equals the normalised product of the probabilities."""
    probabilities, _ = _independent(20, 6, 0)
    assert torch.equal(pooled(probabilities), probabilities.mean(1))
    bayes = probabilities.double().prod(1)
    bayes = bayes / bayes.sum(-1, keepdim=True)
    assert torch.allclose(pooled(probabilities, "product", 1 / 6).double(), bayes, atol=1e-5)


def test_temperature_changes_no_answer_and_can_be_fitted() -> None:
    """Independent patterns want about temperature 1/k, found by likelihood; answers stay as they are."""
    probabilities, truth = _independent(4000, 4, 1)
    for how in ("mean", "product"):
        cold = pooled(probabilities, how, 0.3)
        assert torch.equal(cold.argmax(-1), pooled(probabilities, how, 3.0).argmax(-1))
        assert torch.allclose(cold.sum(-1), torch.ones(len(cold)), atol=1e-5)
    fitted = fit_temperature(pooled_logits(probabilities, "product"), truth)
    print(f"fitted temperature of the product: {fitted:.3f}, independent patterns: 0.25")
    assert fitted == pytest.approx(0.25, rel=0.1)
    assert negative_log_likelihood(pooled(probabilities, "product", fitted), truth) < negative_log_likelihood(
        pooled(probabilities, "product"), truth
    )


def test_no_single_pattern_rules_a_group_out() -> None:
    """A probability of exactly zero in one of four patterns does not beat three that are sure."""
    sure = torch.tensor([[0.98, 0.02]]).repeat(4, 1)
    sure[0] = torch.tensor([0.0, 1.0])
    answer = pooled(sure, "product")
    assert torch.isfinite(answer).all() and answer[0] > 0.2


def test_draws_are_disjoint_sets_of_different_zones() -> None:
    """No pattern twice in a dealing, no zone twice in a set, no set over two crystals; a poor crystal gives none."""
    crystal = np.repeat([7, 3, 9], [48, 48, 3])
    zone = np.concatenate([np.tile(np.arange(16), 3), np.tile(np.arange(16), 3), [0, 1, 2]])
    sets = list(draws(crystal, zone, 4, np.random.default_rng(0)))
    assert len(sets) == 8
    for name, members in sets:
        assert set(crystal[members]) == {name}
        assert len(set(zone[members])) == 4
    everything = np.concatenate([members for _, members in sets])
    assert len(set(everything.tolist())) == len(everything)
    other = list(draws(crystal, zone, 4, np.random.default_rng(1)))
    assert any((a[1] != b[1]).any() for a, b in zip(sets, other, strict=True))


def test_every_pattern_has_its_turn() -> None:
    """Over many dealings each of three patterns of a zone is taken about equally often."""
    crystal, zone = np.zeros(12, int), np.tile(np.arange(4), 3)
    generator = np.random.default_rng(0)
    taken = np.bincount(np.concatenate([m for _ in range(600) for _, m in draws(crystal, zone, 2, generator)]))
    assert np.abs(taken - 200).max() < 5 * (600 * 2 / 9) ** 0.5


def test_independent_patterns_gain_by_pooling() -> None:
    """Accuracy rises with the zones pooled; one zone gives the plain accuracy, all zones that of the whole pool."""
    probabilities, truth = _independent(60, 16, 2, evidence=1.0)
    flat, labels = probabilities.reshape(-1, GROUPS), truth.repeat_interleave(16)
    crystal, zone = np.repeat(np.arange(60), 16), np.tile(np.arange(16), 60)
    found = pooled_accuracies(flat, labels, crystal, zone, how="product")
    print([(one.pooled, round(one.accuracy, 3), round(one.low, 3), round(one.high, 3)) for one in found])
    accuracies = [one.accuracy for one in found]
    assert [one.pooled for one in found] == [1, 2, 4, 8, 16]
    assert accuracies == sorted(accuracies) and accuracies[-1] > accuracies[0] + 0.2
    assert accuracies[0] == pytest.approx(float((flat.argmax(-1) == labels).double().mean()), abs=1e-9)
    whole = (probabilities.log().sum(1).argmax(-1) == truth).double().mean()
    assert accuracies[-1] == pytest.approx(float(whole), abs=1e-9)
    assert [one.sets for one in found] == [960, 480, 240, 120, 60]
    assert all(one.low_of_crystals <= one.low <= one.accuracy <= one.high <= one.high_of_crystals for one in found)


def test_common_errors_do_not_pool_away() -> None:
    """Where all zones of a crystal are wrong together, pooling gains nothing: the accuracy of one zone stays."""
    right = torch.arange(50) < 30
    single = torch.where(right[:, None], torch.tensor([0.6, 0.4]), torch.tensor([0.4, 0.6]))
    found = pooled_accuracies(
        single.repeat_interleave(16, 0),
        torch.zeros(800, dtype=torch.long),
        np.repeat(np.arange(50), 16),
        np.tile(np.arange(16), 50),
    )
    assert [one.accuracy for one in found] == pytest.approx([0.6] * 5)


def test_shares_of_merged_classes() -> None:
    """Shares of 0 and 1 give sums over classes; a class of two groups is divided; rows that do not sum to 1 raise."""
    probabilities = torch.tensor([[0.5, 0.2, 0.3]])
    shares = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert torch.allclose(group_probabilities(probabilities, shares), torch.tensor([[0.6, 0.4]]))
    with pytest.raises(InputError, match="sum to 1"):
        group_probabilities(probabilities, 0.9 * shares)
    with pytest.raises(InputError, match="do not fit"):
        group_probabilities(probabilities, shares[:2])


def test_nonsense_is_refused() -> None:
    """Impossible counts, poolings, temperatures, numbers and crystals with two truths raise one line."""
    half = torch.full((4, 2), 0.5)
    for call in (
        lambda: wilson(3, 0),
        lambda: wilson(5, 4),
        lambda: pooled(half, "vote"),
        lambda: pooled(half, temperature=0.0),
        lambda: pooled(half * torch.nan),
        lambda: pooled(torch.zeros(0, 2)),
        lambda: pooled_accuracies(half, torch.tensor([0, 1, 0, 0]), [1, 1, 2, 2], [0, 1, 0, 1]),
        lambda: pooled_accuracies(half, torch.zeros(4, dtype=torch.long), [1, 1], [0, 1]),
    ):
        with pytest.raises(InputError) as refusal:
            call()
        assert "\n" not in str(refusal.value)
