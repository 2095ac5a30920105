"""Orientations: conversions against orix, the grid's coverage, misorientation."""

import itertools
import math

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import (
    euler_to_matrix,
    matrix_to_euler,
    misorientation_deg,
    orientation_grid,
    proper_rotations,
    quaternion_to_matrix,
    random_orientations,
    rotation_vector_to_matrix,
)


@pytest.fixture(scope="module")
def cubic() -> torch.Tensor:
    """The 48 operations of m-3m: all signed permutation matrices."""
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrices.append(torch.diag(torch.tensor(signs))[list(order)])
    return torch.stack(matrices)


def test_bunge_matrices_are_those_of_orix():
    """Euler angles and quaternions give orix's orientation matrices."""
    from orix.quaternion import Rotation

    euler = np.random.default_rng(0).uniform(0, 1, (50, 3)) * (2 * np.pi, np.pi, 2 * np.pi)
    rotation = Rotation.from_euler(euler)
    ours = euler_to_matrix(torch.tensor(euler))
    np.testing.assert_allclose(ours, rotation.to_matrix(), atol=1e-12)
    np.testing.assert_allclose(quaternion_to_matrix(torch.tensor(rotation.data)), rotation.to_matrix(), atol=1e-12)


def test_euler_there_and_back():
    """Angles to matrix to angles to matrix, the degenerate tilts 0 and pi included."""
    matrices = random_orientations(200, seed=1, dtype=torch.float64)
    flat = euler_to_matrix(torch.tensor([[0.3, 0.0, 0.4], [1.0, math.pi, 0.2]], dtype=torch.float64))
    for matrix in (matrices, flat):
        torch.testing.assert_close(euler_to_matrix(matrix_to_euler(matrix)), matrix, atol=1e-9, rtol=0)


def test_rotation_vector_is_the_exponential():
    """The closed form equals the matrix exponential, and is smooth at zero."""
    vector = torch.randn(20, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    vector[0] = 0
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).reshape(-1, 3, 3)
    torch.testing.assert_close(rotation_vector_to_matrix(vector), torch.linalg.matrix_exp(cross))
    assert torch.autograd.gradcheck(rotation_vector_to_matrix, torch.zeros(1, 3, dtype=torch.float64).requires_grad_())


def test_random_orientations_are_rotations_and_seeded():
    """Draws are proper rotations, repeatable by seed, with the mean angle of the uniform law (126.5 degrees)."""
    draws = random_orientations(4000, seed=3)
    assert torch.equal(draws, random_orientations(4000, seed=3))
    torch.testing.assert_close(torch.linalg.det(draws), torch.ones(4000))
    angle = misorientation_deg(draws, torch.eye(3), torch.eye(3)[None])
    assert abs(angle.mean().item() - (90 + math.degrees(2 / math.pi))) < 1.5


def test_misorientation_is_invariant_and_exact(cubic):
    """Symmetry changes nothing, and a known small turn is returned to a thousandth of a degree."""
    a = random_orientations(30, seed=4)
    turn = rotation_vector_to_matrix(torch.tensor([0.0, 0, math.radians(0.05)]))
    equivalent = proper_rotations(cubic)[torch.arange(30) % 24] @ turn @ a
    found = misorientation_deg(a, equivalent, cubic)
    torch.testing.assert_close(found, torch.full_like(found, 0.05), atol=1e-3, rtol=0)
    assert misorientation_deg(a, random_orientations(30, seed=5), cubic).max() <= 62.8  # largest cubic angle


@pytest.mark.parametrize("group", ["cubic", "two_fold", "none"])
def test_grid_covers_the_fundamental_zone(group, cubic):
    """Every orientation has a grid point within the step, and the number of points is that of the volume."""
    symmetry = {
        "cubic": cubic,
        "two_fold": torch.stack((torch.eye(3), torch.diag(torch.tensor([-1.0, -1, 1])))),
        "none": torch.eye(3)[None],
    }[group]
    step = 10.0
    grid = orientation_grid(step, symmetry)
    expected = 8 * math.pi**2 / math.radians(step) ** 3 / len(proper_rotations(symmetry))
    assert abs(len(grid) / expected - 1) < 0.15
    truth = random_orientations(100, seed=6)
    nearest = misorientation_deg(truth[:, None], grid[None], symmetry).amin(dim=1)
    print(f"{group}: {len(grid)} points, mean distance {nearest.mean():.2f}, largest {nearest.max():.2f} degrees")
    assert nearest.max() < step and nearest.mean() < 0.6 * step


def test_grid_refuses_a_senseless_step(cubic):
    """A step of zero would need endless points."""
    with pytest.raises(InputError, match="step_deg"):
        orientation_grid(0.0, cubic)
