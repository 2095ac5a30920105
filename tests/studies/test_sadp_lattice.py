"""Lattice fits of the SADP study: sets of pictures are dealt, and what is kept comes back."""

import numpy as np
import pytest
import torch

from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.recipes.sadp_input import through_camera
from zoneaxis.studies.sadp_defects.lattice import MOST_SETS, LatticeAnswers, lattice_answers
from zoneaxis.techniques.sadp.experiment import SADPExperiment

ZONES = ((0, 0, 1), (0, 1, 1), (1, 1, 2), (0, 1, 3), (1, 1, 1))


@pytest.fixture(scope="module")
def found() -> LatticeAnswers:
    """Iron along five zones, at 128 px, by the laboratory camera."""
    crystal, pictures, scales = load("Fe"), [], []
    for zone in ZONES:
        experiment = SADPExperiment.of(zone, size_px=128, camera_length_mm=320.0)
        pictures.append(experiment.perfect(crystal, (28, 28, 28)))
        scales.append(experiment.detector.step_per_angstrom)
    count = len(ZONES)
    generator = torch.Generator().manual_seed(1)
    seen = through_camera(torch.stack(pictures), DiffractionCamera.laboratory(), generator)
    return lattice_answers(seen, scales, np.zeros(count, int), np.arange(count), sizes=(1, 4))


def test_sets_are_dealt_without_repeats(found: LatticeAnswers) -> None:
    """Of one specimen at most so many sets of each size, their members all different."""
    assert np.sum(found.size == 1) == MOST_SETS[1] and np.sum(found.size == 4) == 1
    four = found.members[found.size == 4][0]
    assert len(set(four[:4].tolist())) == 4 and (four[4:] == -1).all()
    assert np.allclose(found.probabilities.sum(1) + found.other, 1.0)


def test_four_zones_of_iron_are_read(found: LatticeAnswers) -> None:
    """Body-centred, with its lattice parameter to half a per cent."""
    together = int(np.flatnonzero(found.size == 4)[0])
    assert int(found.probabilities[together].argmax()) == 4
    assert found.a_angstrom[together] == pytest.approx(2.866, rel=5e-3)
    assert not found.unknown[together]


def test_arrays_come_back(found: LatticeAnswers) -> None:
    """What is kept is what was found; a missing array is named."""
    again = LatticeAnswers.of(found.arrays() | {"seconds": 1.0})
    assert all(np.array_equal(value, again.arrays()[name], equal_nan=True) for name, value in found.arrays().items())
    with pytest.raises(InputError, match="score"):
        LatticeAnswers.of({name: value for name, value in found.arrays().items() if name != "score"})


def test_labels_must_fit() -> None:
    """Another number of scales is refused."""
    with pytest.raises(InputError, match="scales"):
        lattice_answers(torch.zeros(2, 64, 64), [0.1], [0, 0], [0, 1])
