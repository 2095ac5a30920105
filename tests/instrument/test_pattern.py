"""Projection of a master pattern onto the detector."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.projections import lambert_to_sphere, sample_sphere
from zoneaxis.instrument.tilted_detector import TiltedDetector

DETECTOR = TiltedDetector((24, 30), (0.45, 0.25, 0.55))


def _smooth_master(side: int) -> torch.Tensor:
    """A master of low polynomials in the direction, which any lookup must return nearly exactly."""
    axis = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    north = lambert_to_sphere(torch.stack((x, y), dim=-1))
    south = north * torch.tensor([1.0, 1, -1])
    return _polynomial(torch.stack((north, south)))


def _polynomial(v: torch.Tensor) -> torch.Tensor:
    x, y, z = v.unbind(-1)
    return x * y + 0.5 * z * x + 0.3 * y**3 + z


def test_known_function_is_returned():
    """A smooth function comes back along O v_sample; the error is largest on the diagonals, a kink of the map."""
    orientations = random_orientations(40, seed=0)
    patterns = project(_smooth_master(201), orientations, DETECTOR)
    expected = _polynomial(torch.einsum("nij,rcj->nrci", orientations, DETECTOR.directions()))
    assert patterns.shape == (40, 24, 30)
    error = (patterns - expected).abs()
    print(f"lookup of a smooth function on 201 x 201: mean error {error.mean():.1e}, largest {error.max():.1e}")
    assert error.mean() < 1e-4 and error.max() < 1e-2


def test_batch_size_changes_nothing():
    """One by one or thousands at once: the same values."""
    master, orientations = _smooth_master(31), random_orientations(300, seed=1)
    together = project(master, orientations, DETECTOR)
    one_by_one = torch.cat([project(master, o[None], DETECTOR) for o in orientations])
    torch.testing.assert_close(together, one_by_one, atol=1e-5, rtol=0)
    assert project(master, orientations[:0], DETECTOR).shape == (0, 24, 30)


def test_energies_lead_and_directions_may_differ():
    """Leading dimensions of the master lead the result; each pattern may have its own pattern centre."""
    master = torch.stack((_smooth_master(31), torch.ones(2, 31, 31)))
    centres = torch.tensor([[0.5, 0.2, 0.6], [0.4, 0.3, 0.5], [0.5, 0.5, 0.7]])
    orientations = random_orientations(3, seed=2)
    directions = DETECTOR.directions(centres)
    patterns = project(master, orientations, directions)
    assert patterns.shape == (2, 3, 24, 30)
    torch.testing.assert_close(patterns[1], torch.ones(3, 24, 30))
    for i in range(3):
        alone = project(master[0], orientations[i : i + 1], directions[i])
        torch.testing.assert_close(patterns[0, i : i + 1], alone, atol=1e-5, rtol=0)


def test_gradient_with_respect_to_orientation_and_pattern_centre():
    """Automatic differentiation through the whole projection agrees with finite differences."""
    master = _smooth_master(15).double()
    orientations = random_orientations(2, seed=3, dtype=torch.float64).requires_grad_()
    centre = torch.tensor([0.45, 0.25, 0.55], dtype=torch.float64, requires_grad=True)
    small = TiltedDetector((4, 5))
    assert torch.autograd.gradcheck(lambda o, pc: project(master, o, small.directions(pc)), (orientations, centre))


def test_lookup_is_that_of_sample_sphere():
    """The chunked road equals one plain lookup."""
    master, orientations = _smooth_master(31), random_orientations(5, seed=4)
    v = torch.einsum("nij,rcj->nrci", orientations, DETECTOR.directions())
    torch.testing.assert_close(project(master, orientations, DETECTOR), sample_sphere(master, v), atol=1e-5, rtol=0)


def test_shapes_that_do_not_fit_are_refused():
    """Four directions sets for three orientations, or orientations that are no matrices."""
    with pytest.raises(InputError, match="projection"):
        project(_smooth_master(15), random_orientations(3, 0), torch.zeros(4, 5, 5, 3))
    with pytest.raises(InputError, match="projection"):
        project(_smooth_master(15), torch.zeros(3, 4), DETECTOR)
