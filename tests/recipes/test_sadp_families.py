"""Families of defects: what is written for a draw, and closed form against explicit atoms."""

import itertools
from typing import Any

import numpy as np
import pytest

from zoneaxis import crystals
from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp_families import CLOSED_FORM, Family, atoms_with, averaged
from zoneaxis.techniques.sadp.experiment import SADPExperiment


def test_arrays_fit_into_the_specimen() -> None:
    """Asked for six dislocations 60 angstrom apart in a small block, spacing and number shrink until they fit."""
    of = Family.of("dislocations", {"strength": [6], "spacing_angstrom": 60.0, "layout": ["pile-up", "wall"]})
    for crystal, cells in ((crystals.load("Al"), (8, 8, 8)), (crystals.load("W"), (9, 9, 8))):
        for seed in range(3):
            generator = np.random.default_rng(seed)
            text = of.written(crystal, 6, min(cells) * crystal.lattice.a, generator)
            assert len(atoms_with(crystal, cells, text, seed)) == np.prod(cells) * len(crystal)


def brightest_difference(one: Any, other: Any) -> float:
    """Largest difference over the brightest spot but the direct beam, of two pictures of 64 px."""
    first, second = np.asarray(one, float), np.asarray(other, float)
    apart = np.hypot(*(np.indices(first.shape) - 31.5)) > 5
    return float((np.abs(first - second) * apart).max() / (first * apart).max())


@pytest.mark.parametrize(("zone", "defect"), [
    *itertools.product([(0, 0, 1), (1, 2, 3)], ["", "stretch:strain=0.03,axis=1"]),
    ((0, 1, 1), "shear:gamma_rad=0.03"),
    ((1, 1, 1), "stretch:strain=-0.02"),
])  # fmt: skip
def test_closed_form_is_the_sum_over_atoms(zone: tuple[int, int, int], defect: str) -> None:
    """Perfect and evenly strained blocks: the same picture by both roads, to 1e-4 of the brightest spot.

    Each road chooses its sub-pixels by the extent it knows, half a cell apart; that changes pixels at the rim of a spot
    by up to 0.7 %.
    """
    structure, cells = crystals.load("Al"), (20, 18, 16)
    for oversampling, tolerance in ((4, 1e-4), (None, 1e-2)):
        experiment = SADPExperiment.of(zone, size_px=64, rotation_deg=20.0, oversampling=oversampling)
        closed = experiment.perfect(averaged(structure, defect), cells)
        explicit = experiment.specimen(atoms_with(structure, cells, defect, 1))
        assert brightest_difference(explicit, closed) < tolerance


@pytest.mark.parametrize(("defect", "tolerance"), [
    ("vacancies:fraction=0.05,relaxation=none", 0.01),
    ("substitution:fraction=0.1,element=Au,relaxation=none", 0.02),
    ("heat:b_iso_angstrom2=1.5", 0.02),
])  # fmt: skip
def test_averaged_crystals_have_the_mean_pattern(defect: str, tolerance: float) -> None:
    """Random vacancies, foreign atoms and heat: eight specimens have the picture of the averaged crystal."""
    structure, cells = crystals.load("Al"), (8, 8, 8)
    experiment = SADPExperiment.of((0, 0, 1), size_px=64)
    closed = np.asarray(experiment.perfect(averaged(structure, defect), cells))
    pictures = [np.asarray(experiment.specimen(atoms_with(structure, cells, defect, seed))) for seed in range(8)]
    assert brightest_difference(np.mean(pictures, axis=0), closed) < tolerance
    perfect = np.asarray(experiment.perfect(structure, cells))
    assert brightest_difference(np.mean(pictures, axis=0), perfect) > 3 * tolerance


def test_closed_forms_are_those_averaged_knows() -> None:
    """Every defect that claims a closed form has one, and a twin has none."""
    element = {"substitution": {"element": "Si"}}
    for name in CLOSED_FORM:
        of = Family.of(name, {"strength": [0.01], **element.get(name, {})})
        text = of.written(crystals.load("Al"), 0.01, 100.0, np.random.default_rng(0))
        assert of.closed_form and averaged(crystals.load("Al"), text).num_sites == 4
    with pytest.raises(InputError, match="no average crystal"):
        averaged(crystals.load("Al"), "twin:volume_fraction=0.5")
