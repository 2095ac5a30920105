"""SADP classes: one per zone of each group, merged where asked."""

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp_classes import GROUPS, ZONES, SADPClasses, class_name, standard_zone


def _labels(*rows: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    return dict(zip(("space_group", "u", "v", "w"), np.array(rows).T, strict=True))


def test_eighty_classes_in_five_groups() -> None:
    """16 zones of 5 groups; every pattern's number leads back to its name and its group."""
    classes = SADPClasses()
    assert len(set(ZONES)) == 16
    assert len(classes.grouping.materials) == 80
    labels = _labels(*[(group, *zone) for group in GROUPS for zone in ZONES])
    numbers = classes.numbers(labels)
    assert numbers.tolist() == list(range(80))
    assert classes.grouping.materials[numbers[0]] == "213 [001]"
    groups = [classes.grouping.groups[i] for i in classes.grouping.group_index[torch.from_numpy(numbers)]]
    assert groups == [str(group) for group in labels["space_group"]]
    assert torch.equal(classes.shares.argmax(-1), classes.grouping.group_index)
    assert torch.equal(classes.shares.sum(-1), torch.ones(80))


def test_names_stay_readable_for_any_indices() -> None:
    """Digits stand together; negative or larger indices are set apart."""
    assert class_name(225, (0, 1, 1)) == "225 [011]"
    assert class_name(225, (1, -1, 0)) == "225 [1 -1 0]" and class_name(225, (1, 0, 12)) == "225 [1 0 12]"


def test_labels_that_look_alike_become_one_class() -> None:
    """A class merged from two groups counts half for each; one merged within a group counts whole for it."""
    merged = (("221 [111]", "225 [111]"), ("225 [001]", "225 [011]"))
    classes = SADPClasses((221, 225), ((0, 0, 1), (0, 1, 1), (1, 1, 1)), merged)
    numbers = classes.numbers(_labels((221, 1, 1, 1), (225, 1, 1, 1), (225, 0, 0, 1), (225, 0, 1, 1), (221, 0, 0, 1)))
    assert numbers[0] == numbers[1] and numbers[2] == numbers[3]
    assert len({int(n) for n in numbers}) == 3 and len(classes.grouping.materials) == 4
    assert classes.shares[numbers[0]].tolist() == [0.5, 0.5]
    assert classes.shares[numbers[2]].tolist() == [0, 1]
    assert set(classes.grouping.groups) == {"221", "225", "221|225"}


def test_other_groups_are_unknown_and_other_zones_refused() -> None:
    """A group that is no class gives -1, in classes and groups; a zone that is not listed is an error."""
    classes = SADPClasses()
    labels = _labels((198, 0, 0, 1), (229, 1, 1, 1))
    assert classes.numbers(labels)[0] == -1 and classes.group_numbers(labels).tolist() == [-1, 4]
    with pytest.raises(InputError, match=r"229 \[115\]"):
        classes.numbers(_labels((229, 1, 1, 5)))
    with pytest.raises(InputError, match="'u'"):
        classes.numbers({"space_group": np.array([225])})


def test_equivalent_axes_are_one_zone() -> None:
    """Any order and signs of the indices give the class of the standard axis."""
    classes = SADPClasses()
    numbers = classes.numbers(_labels((225, 0, 1, 2), (225, -2, 0, 1), (225, 1, 2, 0), (225, 1, 1, 2)))
    assert len(set(numbers[:3].tolist())) == 1 and numbers[3] != numbers[0]
    assert standard_zone((3, -1, 2)) == (1, 2, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"merged": (("225 [999]", "221 [111]"),)},
        {"merged": (("225 [111]", "221 [111]"), ("225 [111]", "229 [111]"))},
        {"groups": (225, 225)},
        {"zones": ()},
        {"zones": ((1, 0, 0),)},
    ],
)
def test_ill_formed_lists_are_refused(arguments: dict) -> None:
    """Unknown labels, labels merged twice and repeated groups raise."""
    with pytest.raises(InputError, match="SADP classes"):
        SADPClasses(**arguments)


def test_a_class_for_all_others() -> None:
    """It comes last, is a group of its own, and is asked for by name; without it there is an error."""
    classes = SADPClasses((221, 225), ((0, 0, 1), (0, 1, 1)), other=True)
    labels = _labels((198, 0, 0, 1), (225, 0, 1, 1))
    assert classes.grouping.materials[-1] == "other" and classes.answers == ("221", "225", "other")
    assert classes.other_numbers(labels).tolist() == [4, 4] and classes.numbers(labels).tolist() == [-1, 3]
    assert torch.equal(classes.shares.argmax(-1), torch.tensor([0, 0, 1, 1, 2]))
    with pytest.raises(InputError, match="other"):
        SADPClasses().other_numbers(labels)
