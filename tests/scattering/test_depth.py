"""The Monte Carlo of back-scattered electrons."""

import numpy as np
import pytest

from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.scattering.depth import escape_distribution, target


def test_density_of_targets():
    """Partial densities add up to the crystal's: nickel 8.91, tungsten 19.3 g/cm^3; a compound lists its elements."""
    (nickel,) = target(load("Ni"))
    assert nickel.density == pytest.approx(8.91, abs=0.02)
    assert [element.atomic_number for element in target(load("Al4CoNi2"))] == [13, 27, 28]
    (tungsten,) = target(load("W"))
    assert tungsten.density == pytest.approx(19.3, abs=0.1)


def test_weights_and_depths_of_nickel():
    """20 keV, 70 deg, all exit directions: shares and mean escape distances of EMsoft's histogram within noise."""
    edges = (20.0, 19.0, 18.0, 17.0, 16.0, 15.0, 14.0, 13.0, 12.0, 11.0, 10.0)
    escaped = escape_distribution(
        target(load("Ni")), 20.0, edges, exit_cone_deg=None, electrons=60_000, convention="emsoft"
    )
    expected = np.array([0.307, 0.222, 0.134, 0.092, 0.068, 0.053, 0.042, 0.034, 0.027, 0.021])
    np.testing.assert_allclose(escaped.weights, expected, atol=0.012)
    np.testing.assert_allclose(escaped.mean_distance_nm[:4], [4.6, 4.8, 4.6, 4.4], atol=0.3)
    assert escaped.weights.sum() == pytest.approx(1.0)


def test_detector_sees_fewer_fast_electrons():
    """Towards the detector alone the low-loss share of nickel falls from 0.31 to about 0.16."""
    edges = (20.0, 19.0, 15.0, 10.0)
    everywhere = escape_distribution(target(load("Ni")), 20.0, edges, exit_cone_deg=None, electrons=60_000)
    forward = escape_distribution(target(load("Ni")), 20.0, edges, electrons=60_000)
    assert forward.weights[0] < 0.7 * everywhere.weights[0]
    assert forward.counts.sum() < everywhere.counts.sum()


def test_same_seed_same_electrons():
    """Deterministic for a seed."""
    first = escape_distribution.__wrapped__(target(load("Al")), 20.0, (20.0, 15.0), electrons=5000, seed=3)
    second = escape_distribution.__wrapped__(target(load("Al")), 20.0, (20.0, 15.0), electrons=5000, seed=3)
    np.testing.assert_array_equal(first.counts, second.counts)


@pytest.mark.parametrize("edges", [(20.0,), (15.0, 20.0), (21.0, 20.0)])
def test_energy_edges_are_checked(edges):
    """Edges must fall and start at or below the incident energy."""
    with pytest.raises(InputError, match="energy_edges_kev"):
        escape_distribution(target(load("Ni")), 20.0, edges)
