"""Lattice fits of the study: sets of one specimen, what is kept of them, refusals."""

import numpy as np
import pytest
import torch

from tests.techniques.sadp.net_pictures import picture
from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp_classes import GROUPS
from zoneaxis.studies.sadp_defects.lattice import LatticeAnswers, lattice_answers

ZONES = ((0, 0, 1), (0, 1, 1), (1, 1, 2), (0, 1, 3), (1, 1, 1))
STEP = 0.025


def shown(crystal, zone):
    """Picture of 128 px of one zone."""
    image, _, _ = picture(crystal, zone, angle_deg=20, step=STEP, size=128, electrons=3e6, stop_px=5.0)
    return torch.from_numpy(image / image.max()).float()


@pytest.fixture(scope="module")
def answers():
    """Two specimens of five zones: Al and Fe, the pictures in mixed order."""
    order = [(number, zone) for zone in range(len(ZONES)) for number in (7, 3)]
    pictures = torch.stack([shown({7: "Al", 3: "Fe"}[number], ZONES[zone]) for number, zone in order])
    specimen, zone = (np.array(values) for values in zip(*order, strict=True))
    found = lattice_answers(pictures, np.full(len(order), STEP), specimen, zone, sizes=(1, 4, 16), seed=1)
    return found, specimen, zone


def test_sets_are_dealt_within_specimens(answers):
    """Four singles and one set of four for each specimen, of different zones, and none of sixteen."""
    found, specimen, zone = answers
    assert found.size.tolist() == [1] * 8 + [4] * 2
    assert found.members.shape == (10, 16)
    for size, name, members in zip(found.size, found.specimen, found.members, strict=True):
        held = members[members >= 0]
        assert len(held) == size and (members[: len(held)] == held).all()
        assert (specimen[held] == name).all() and len(set(zone[held])) == size
    singles = found.members[found.size == 1, 0]
    assert len(set(singles.tolist())) == len(singles)


def test_four_pictures_of_128_px_name_group_and_lattice_parameter(answers):
    """Al and Fe are read at 128 px; a within 0.5 %; probabilities sum to 1; nothing is unknown."""
    found, *_ = answers
    four = found.size == 4
    for name, group, a in ((7, 225, 4.05), (3, 229, 2.87)):
        (row,) = np.flatnonzero(four & (found.specimen == name))
        print(group, found.probabilities[row].round(3), found.a_angstrom[row], found.strain[row])
        assert GROUPS[int(found.probabilities[row].argmax())] == group
        assert found.a_angstrom[row] == pytest.approx(a, rel=5e-3)
        assert not found.unknown[row] and found.score[row] <= 1
    assert np.allclose(found.probabilities.sum(1) + found.other, 1)


def test_arrays_bring_the_answers_back(answers):
    """What is kept gives the same answers; a missing array is named."""
    found, *_ = answers
    kept = found.arrays()
    again = LatticeAnswers.of(kept | {"seconds": 3.0})
    assert all(np.array_equal(kept[name], again.arrays()[name], equal_nan=True) for name in kept)
    with pytest.raises(InputError, match="'score'"):
        LatticeAnswers.of({name: values for name, values in kept.items() if name != "score"})
    with pytest.raises(InputError, match="lengths"):
        LatticeAnswers.of(kept | {"score": kept["score"][:2]})


def test_picture_without_spots_is_unknown():
    """A dark picture gives no lattice: other, unknown, no lattice parameter, no strain."""
    found = lattice_answers(torch.zeros(1, 128, 128), [STEP], [0], [0], sizes=(1,))
    assert found.unknown.tolist() == [True] and found.other[0] == 1 and found.score[0] > 1
    assert np.isnan(found.a_angstrom[0]) and np.isnan(found.strain[0])


def test_bad_input_is_refused():
    """Labels of another number, a size that cannot be, and no set are named."""
    pictures = torch.zeros(2, 64, 64)
    with pytest.raises(InputError, match="2 pictures"):
        lattice_answers(pictures, [STEP], [0, 0], [0, 1])
    with pytest.raises(InputError, match="size = 17"):
        lattice_answers(pictures, [STEP] * 2, [0, 0], [0, 1], sizes=(17,))
    with pytest.raises(InputError, match="no specimen"):
        lattice_answers(pictures, [STEP] * 2, [0, 0], [0, 1], sizes=(4,))
