"""Waves: plane waves in an absorbing medium, taken up and sent out by atoms."""

import numpy as np
import pytest
import torch
from scipy.special import spherical_jn

from tests.scattering.leed.small_layer import AREA, CELL, KAPPA, K, one_coset, waves_of
from zoneaxis.scattering.leed.harmonics import degrees, spherical_harmonics
from zoneaxis.scattering.leed.lattice_sum import lattice_sums
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD

L_MAX = 3
BEAMS = one_coset(1.0, 1e-3)
WAVES = waves_of(BEAMS, l_max=L_MAX)


def plane_waves(points: torch.Tensor, direction: int) -> torch.Tensor:
    """exp(iK^s.r) (points, angles, beams), written out."""
    along = torch.einsum("abc,pc->pab", WAVES.parallel, points[:, :2])
    return torch.exp(1j * (along + direction * WAVES.kz * points[:, 2, None, None]))


def test_normal_component():
    """kz² + |k + g|² = kappa², every wave decays along its way, and what can travel does so forward."""
    square = (WAVES.parallel**2).sum(-1)
    assert torch.allclose(WAVES.kz**2 + square, torch.full_like(WAVES.kz, KAPPA**2))
    assert float(WAVES.kz.imag.min()) > 0
    assert float(WAVES.kz.real.min()) > 0


@pytest.mark.parametrize("direction", [INWARD, OUTWARD])
def test_shift_is_the_wave_along_its_way(direction):
    """Inward waves advance by d, outward ones by -d: exp(i s K.d) written out, and never growing for d_z > 0."""
    step = torch.tensor([[0.4, -0.7, 1.3]], dtype=torch.float64)
    assert torch.allclose(WAVES.shift(step[0], direction), plane_waves(direction * step, direction)[0])
    assert float(WAVES.shift(step[0], direction).abs().max()) < 1


def test_directions_are_mirrored():
    """Harmonics of the wave that runs out are those of the one that runs in, times (-1)^(l + m)."""
    degree = degrees(L_MAX)
    order = torch.arange(len(degree)) - degree**2 - degree
    sign = (-1.0) ** (degree + order)
    assert torch.allclose(WAVES.harmonics(OUTWARD), sign * WAVES.harmonics(INWARD))


@pytest.mark.parametrize("direction", [INWARD, OUTWARD])
def test_arriving_waves_rebuild_the_plane_wave(direction):
    """About an atom off the origin, the regular waves that arrive add up to exp(iK.r)."""
    l_max = 14
    waves = waves_of(BEAMS, l_max=l_max)
    atom = torch.tensor([[0.8, -0.5, 0.9]], dtype=torch.float64)
    near = np.random.default_rng(0).normal(size=(20, 3))
    near *= 0.2 / np.linalg.norm(near, axis=1, keepdims=True)
    radius = np.linalg.norm(near, axis=1)
    unit = torch.from_numpy(near / radius[:, None])
    table = spherical_harmonics(unit[:, 2], torch.complex(unit[:, 0], unit[:, 1]), l_max).numpy()
    regular = spherical_jn(degrees(l_max).numpy(), KAPPA * radius[:, None]) * table
    rebuilt = torch.einsum("pl,alb->pab", torch.from_numpy(regular), waves.arriving(atom, direction))
    plane = plane_waves(atom + torch.from_numpy(near), direction)
    error = float(((rebuilt - plane).abs().amax(0) / plane.abs().amax(0)).max())
    print(f"largest relative difference of a beam {error:.1e}")
    assert error < 1e-9


@pytest.mark.parametrize("direction", [INWARD, OUTWARD])
def test_emitters_of_a_lattice_send_plane_waves(direction):
    """Outgoing waves summed over the lattice in real space equal the plane waves `leaving`, below it and above."""
    waves = waves_of(one_coset(1.6, 1e-9), l_max=L_MAX)
    emitter = torch.tensor([[0.3, 0.2, -0.4]], dtype=torch.float64)
    point = torch.tensor([[1.1, -0.6, -0.4 + direction * 1.6]], dtype=torch.float64)
    real_space = lattice_sums(point - emitter, CELL, K, KAPPA, L_MAX, 1e-9)[:, 0].T
    along = torch.einsum("abc,c->ab", waves.parallel, point[0, :2])
    plane = torch.exp(1j * (along + direction * waves.kz * point[0, 2]))
    reciprocal_space = torch.einsum("abl,ab->al", waves.leaving(emitter, direction, AREA), plane)
    # In real space sites move with the emitter: exp(ik.R) counts from it, as in the sum.
    error = float((reciprocal_space - real_space).abs().max() / real_space.abs().max())
    print(f"largest difference {error:.1e}")
    assert error < 1e-6


def test_prefactor_of_another_program():
    """With another kappa in the prefactor all outgoing waves change by the same factor."""
    atom = torch.zeros(1, 3, dtype=torch.float64)
    other = WAVES.leaving(atom, OUTWARD, AREA, kappa=KAPPA.real)
    assert torch.allclose(other * KAPPA.real, WAVES.leaving(atom, OUTWARD, AREA) * KAPPA)


def test_batches_and_parts():
    """Structures and atoms stand in order; a part of the beams is that part of the whole; complex64 on request."""
    atoms = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    n = (L_MAX + 1) ** 2
    arriving, leaving = WAVES.arriving(atoms, INWARD), WAVES.leaving(atoms, INWARD, AREA)
    assert arriving.shape == (2, len(K), 3 * n, len(BEAMS))
    assert leaving.shape == (2, len(K), len(BEAMS), 3 * n)
    assert torch.allclose(arriving[1, :, n : 2 * n], WAVES.arriving(atoms[1, 1:2], INWARD))
    assert torch.allclose(leaving[0, ..., 2 * n :], WAVES.leaving(atoms[0, 2:], INWARD, AREA))
    part = slice(3, 9)
    assert torch.allclose(WAVES.of(part).arriving(atoms, INWARD), arriving[..., part])
    assert WAVES.arriving(atoms, INWARD, torch.complex64).dtype == torch.complex64
