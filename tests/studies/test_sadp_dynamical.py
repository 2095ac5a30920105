"""Dynamical patterns of the SADP study: labels, draws, and a control that scatters once."""

import numpy as np
import pytest
import torch

from zoneaxis import crystals
from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp import Plan, planned
from zoneaxis.studies.sadp_defects import dynamical
from zoneaxis.techniques.sadp.dynamical import dynamical_pattern
from zoneaxis.techniques.sadp.experiment import SADPExperiment

NUMBERS = [0, 2]
"""Crystals of the plan below."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Two groups, two zones, small pictures."""
    return planned(
        {
            "technique": "sadp",
            "seed": 3,
            "structures": {"groups": [225, 229], "count": 2},
            "patterns": {
                "zones": [[0, 0, 1], [1, 1, 2]],
                "equivalent_zones": True,
                "voltages_kv": [200.0],
                "camera_lengths_mm": {"from": 250.0, "to": 400.0},
                "edges_angstrom": {"from": 50.0, "to": 90.0},
                "size_px": 48,
            },
            "set": {"every": {"parts": ["training"]}},
        }
    )


def spot(pattern: torch.Tensor, experiment: SADPExperiment, cell: np.ndarray, hkl: tuple[int, int, int]) -> float:
    """Sum over 7 x 7 pixels about a reflection."""
    g = torch.from_numpy(experiment.frame(cell) @ (np.array(hkl) @ np.linalg.inv(cell).T))
    row, col = (round(float(place)) for place in experiment.detector.pixel_of(g))
    return float(pattern[row - 3 : row + 4, col - 3 : col + 4].double().sum())


def test_patterns_carry_the_labels_of_a_store(plan: Plan) -> None:
    """Every crystal along every zone, one foil each, and numbers that tell crystal, zone and camera."""
    intensity, labels = dynamical.dynamical_patterns(plan, NUMBERS, seed=5)
    assert intensity.shape == (4, 48, 48) and intensity.dtype == np.float32
    assert np.isfinite(intensity).all() and (intensity >= 0).all()
    assert (intensity.sum((1, 2)) <= 1.001).all()
    assert all(len(values) == 4 for values in labels.values())
    assert labels["structure"].tolist() == labels["specimen"].tolist() == [0, 0, 2, 2]
    assert labels["space_group"].tolist() == [225, 225, 229, 229]
    assert labels["zone"].tolist() == [0, 1, 0, 1]
    axes = np.sort(np.abs(np.stack([labels[name] for name in "uvw"], axis=1)), axis=1)
    assert axes.tolist() == [[0, 0, 1], [1, 1, 2]] * 2
    assert set(labels["family"]) == {"dynamical"}
    assert len(np.unique(labels["strength"])) == 2
    assert ((labels["strength"] >= 10) & (labels["strength"] <= 40)).all()
    assert len(np.unique(labels["rotation_deg"])) == 4


def test_draws_depend_on_seed_and_crystal_alone(plan: Plan) -> None:
    """One crystal by itself is drawn as among others, the control like what it controls, another seed otherwise."""
    intensity, labels = dynamical.dynamical_patterns(plan, NUMBERS, seed=5)
    alone, of = dynamical.dynamical_patterns(plan, NUMBERS[1:], seed=5)
    assert np.array_equal(alone, intensity[2:])
    control, same = dynamical.dynamical_patterns(plan, NUMBERS, seed=5, kinematical=True)
    for name in set(labels) - {"set", "family"}:
        assert np.array_equal(labels[name], same[name])
        assert np.array_equal(labels[name][2:], of[name])
    assert set(same["family"]) == {"kinematical"}
    assert np.allclose(control.sum((1, 2)), 1, atol=1e-5)
    assert not np.allclose(control, intensity, rtol=0.1, atol=1e-3)
    _, other = dynamical.dynamical_patterns(plan, NUMBERS[1:], seed=6)
    assert not np.isclose(other["strength"], of["strength"]).any()


def test_control_has_the_ratios_of_a_finite_crystal() -> None:
    """Two roads: thinned Bloch waves and the closed sum over 20 x 20 x 8 cells of Al, spot by spot."""
    aluminium = crystals.load("Al")
    cell = aluminium.lattice.matrix
    experiment = SADPExperiment.of((0, 0, 1), size_px=128, camera_length_mm=250.0)
    control = dynamical.kinematical_pattern(experiment, aluminium, (20, 20, 8), 0.8 * cell[2, 2])
    block = experiment.perfect(aluminium, (20, 20, 8))
    spots = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (4, 0, 0)]
    ratios = np.array([spot(control, experiment, cell, g) / spot(block, experiment, cell, g) for g in spots])
    print(f"ratios to the direct beam: {', '.join(f'{ratio:.3f}' for ratio in ratios / ratios[0])}")
    assert np.allclose(ratios / ratios[0], 1, atol=0.04)


def test_second_scattering_is_what_differs() -> None:
    """The forbidden 002 of silicon along [110] lights up in a thick foil, and neither in the control nor a thin one."""
    silicon = crystals.load("Si")
    cell = silicon.lattice.matrix
    experiment = SADPExperiment.of((1, 1, 0), size_px=64, camera_length_mm=300.0)

    def share(pattern: torch.Tensor) -> float:
        return spot(pattern, experiment, cell, (0, 0, 2)) / spot(pattern, experiment, cell, (1, -1, 1))

    thick = share(dynamical_pattern(experiment, silicon, (15, 15, 15), 40.0))
    control = share(dynamical.kinematical_pattern(experiment, silicon, (15, 15, 15), 40.0))
    thin = share(dynamical_pattern(experiment, silicon, (15, 15, 15), 0.5))
    print(f"002 over 111: {thick:.2g} at 40 nm, {control:.1g} in the control, {thin:.1g} at 0.5 nm")
    assert thick > 0.02
    assert control < 1e-6
    assert thin < 1e-2


def test_crystals_of_few_atoms_are_chosen(plan: Plan) -> None:
    """Group by group the first that are small enough; a limit that none meets is refused."""
    chosen = dynamical.few_atoms(plan, range(4), count=1, most_atoms=200, largest_angstrom=20.0)
    assert chosen == [0, 2]
    with pytest.raises(InputError, match="none of 4 crystals has up to 0 atoms"):
        dynamical.few_atoms(plan, range(4), count=1, most_atoms=0)
    with pytest.raises(InputError, match="at least one"):
        dynamical.dynamical_patterns(plan, [], seed=0)
