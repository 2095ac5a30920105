"""Group probabilities are sums of material probabilities."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn.grouping import Grouping


def test_group_probability_is_the_sum_over_its_materials(grouping: Grouping) -> None:
    """Two roads: the logarithmic sum equals the plain sum of softmax probabilities."""
    logits = 5 * torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    plain = logits.softmax(-1)
    expected = torch.stack([plain[:, 0] + plain[:, 1], plain[:, 2], plain[:, 3]], -1)
    assert torch.allclose(grouping.group_log_probabilities(logits).exp(), expected, atol=1e-6)


def test_group_log_probabilities_stay_finite() -> None:
    """A hopeless group keeps a finite logarithm and a finite gradient."""
    logits = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    log_groups = Grouping(("A", "B", "C"), ("1", "2", "1")).group_log_probabilities(logits)
    log_groups[0, 1].backward()
    assert torch.isfinite(log_groups).all() and torch.isfinite(logits.grad).all()


def test_groups_are_sorted_as_numbers() -> None:
    """Space groups come in the order of their numbers, not of their digits."""
    assert Grouping(("A", "B", "C"), ("225", "62", "194")).groups == ("62", "194", "225")


@pytest.mark.parametrize(("materials", "groups"), [(("A", "B"), ("1",)), (("A", "A"), ("1", "2")), (("A",), ("1",))])
def test_ill_formed_groupings_are_refused(materials: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """Unequal lists, a material twice, or a single class raise."""
    with pytest.raises(InputError):
        Grouping(materials, groups)
