"""Maps between sphere and plane: round trips, equal areas, and the bilinear lookup."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.projections import (
    lambert_to_sphere,
    sample_sphere,
    sphere_to_lambert,
    sphere_to_stereographic,
    stereographic_to_sphere,
)


def _directions(n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=-1)


def _square(side: int) -> torch.Tensor:
    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack((x, y), dim=-1)


def test_lambert_there_and_back():
    """A point of the square goes to the sphere and returns, corners, edges and centre included."""
    xy = _square(41)
    v = lambert_to_sphere(xy)
    torch.testing.assert_close(v.norm(dim=-1), torch.ones(41, 41, dtype=torch.float64))
    back, north = sphere_to_lambert(v)
    inside = v[..., 2] > 1e-12
    torch.testing.assert_close(back, xy, atol=1e-9, rtol=0)
    assert north[inside].all()


def test_lambert_of_both_hemispheres():
    """A direction and its mirror image in z share one point of the square and differ in the hemisphere."""
    v = _directions(500)
    xy, north = sphere_to_lambert(v)
    mirrored, other = sphere_to_lambert(v * torch.tensor([1.0, 1, -1], dtype=torch.float64))
    torch.testing.assert_close(mirrored, xy)
    assert (north != other).all()
    up = v * torch.sign(v[:, 2:]) * torch.tensor([1.0, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(lambert_to_sphere(sphere_to_lambert(up)[0]), up, atol=1e-9, rtol=0)


def test_lambert_keeps_areas():
    """The Jacobian of the square-to-sphere map is the constant 2 pi / 4 away from the diagonals."""
    xy = _square(24)[1:-1:2, :].reshape(-1, 2)
    xy = xy[(xy[:, 0].abs() - xy[:, 1].abs()).abs() > 1e-3]
    jacobian = torch.func.vmap(torch.func.jacfwd(lambert_to_sphere))(xy)
    area = torch.linalg.cross(jacobian[..., 0], jacobian[..., 1]).norm(dim=-1)
    torch.testing.assert_close(area, torch.full_like(area, math.pi / 2), atol=1e-9, rtol=0)


def test_lambert_matches_the_written_formula():
    """The branch-free inverse equals Rosca's two-case formula."""
    v = _directions(400, seed=1)
    expected = []
    for x, y, z in v.tolist():
        along_x = abs(y) <= abs(x)
        major, minor = (x, y) if along_x else (y, x)
        scale = math.copysign(math.sqrt(2 * (1 - abs(z))), major)
        pair = (scale * math.sqrt(math.pi) / 2, scale * 2 / math.sqrt(math.pi) * math.atan(minor / major))
        expected.append([p / math.sqrt(math.pi / 2) for p in (pair if along_x else pair[::-1])])
    torch.testing.assert_close(sphere_to_lambert(v)[0], torch.tensor(expected, dtype=torch.float64))


def test_stereographic_there_and_back():
    """The stereographic disc returns the direction of the northern hemisphere."""
    v = _directions(300, seed=2)
    xy, north = sphere_to_stereographic(v)
    up = torch.stack((v[:, 0], v[:, 1], v[:, 2].abs()), dim=-1)
    torch.testing.assert_close(stereographic_to_sphere(xy), up)
    assert torch.equal(north, v[:, 2] >= 0) and (xy.norm(dim=-1) <= 1).all()


def test_lookup_hits_the_samples():
    """At the directions of the grid points the lookup gives the stored values, in both hemispheres."""
    side = 21
    master = torch.randn(3, 2, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    v = lambert_to_sphere(_square(side))[1:-1, 1:-1]  # the rim belongs to both hemispheres
    north = sample_sphere(master, v)
    south = sample_sphere(master, v * torch.tensor([1.0, 1, -1], dtype=torch.float64))
    torch.testing.assert_close(north, master[:, 0, 1:-1, 1:-1])
    torch.testing.assert_close(south, master[:, 1, 1:-1, 1:-1])


def test_lookup_two_roads():
    """grid_sample and a bilinear sum written out by hand agree."""
    side = 33
    master = torch.randn(2, side, side, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    v = _directions(2000, seed=5)
    xy, north = sphere_to_lambert(v)
    place = (xy + 1) * (side - 1) / 2
    corner = place.floor().long().clamp(0, side - 2)
    (fx, fy), (ix, iy) = (place - corner).unbind(-1), corner.unbind(-1)
    half = (~north).long()
    by_hand = sum(
        master[half, iy + dy, ix + dx] * (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        for dy in (0, 1)
        for dx in (0, 1)
    )
    torch.testing.assert_close(sample_sphere(master, v), by_hand, atol=1e-10, rtol=0)


def test_lookup_is_differentiable():
    """Gradients with respect to the direction agree with finite differences and are finite at the poles."""
    side = 15
    master = torch.randn(2, side, side, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: sample_sphere(master, v), _directions(20, seed=7).requires_grad_())
    pole = torch.tensor([[0.0, 0, 1], [0, 0, -1]], requires_grad=True)
    sample_sphere(master.float(), pole).sum().backward()
    assert torch.isfinite(pole.grad).all()


def test_lookup_refuses_other_shapes():
    """A master without its two hemispheres is refused in one line."""
    with pytest.raises(InputError, match="master pattern"):
        sample_sphere(torch.zeros(5, 5), _directions(1))
