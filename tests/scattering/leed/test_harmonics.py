"""Harmonics: spherical waves of real and complex argument, and the coupling of two centres."""

import numpy as np
import pytest
import torch
from scipy.special import hankel1, sph_harm_y, spherical_jn

from tests.scattering.leed.small_layer import KAPPA
from zoneaxis.scattering.leed.harmonics import (
    conjugate,
    count,
    coupling,
    degrees,
    outgoing_waves,
    spherical_harmonics,
    two_centre,
)


def real_table(vectors: np.ndarray, l_max: int) -> torch.Tensor:
    """Our Y_L (points, n) of real vectors (points, 3)."""
    unit = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
    return spherical_harmonics(unit[..., 2], torch.complex(unit[..., 0], unit[..., 1]), l_max)


def regular_waves(vectors: np.ndarray, l_max: int, kappa: complex = KAPPA) -> np.ndarray:
    """j_l(kappa r) Y_L (points, n), by SciPy's Bessel functions."""
    degree = degrees(l_max).numpy()
    radius = np.linalg.norm(vectors, axis=-1)
    return spherical_jn(degree, kappa * radius[:, None]) * real_table(vectors, l_max).numpy()


def scattered_waves(vectors: np.ndarray, l_max: int, kappa: complex = KAPPA) -> np.ndarray:
    """h_l(kappa r) Y_L (points, n), by ours."""
    radius = torch.from_numpy(np.linalg.norm(vectors, axis=-1))
    return (outgoing_waves(kappa * radius, l_max)[:, degrees(l_max)] * real_table(vectors, l_max)).numpy()


def test_real_directions_against_scipy():
    """Every Y_lm up to l = 10 of random real directions is SciPy's."""
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    ours = real_table(vectors, 10).numpy()
    polar = np.arccos(vectors[:, 2] / np.linalg.norm(vectors, axis=1))
    azimuth = np.arctan2(vectors[:, 1], vectors[:, 0])
    theirs = [sph_harm_y(l, m, polar, azimuth) for l in range(11) for m in range(-l, l + 1)]  # noqa: E741
    worst = np.abs(ours - np.stack(theirs, axis=1)).max()
    print(f"largest difference {worst:.1e}")
    assert worst < 1e-13


def test_conjugate_of_a_real_direction():
    """Y* is the complex conjugate where the direction is real."""
    table = real_table(np.random.default_rng(1).normal(size=(20, 3)), 6)
    assert float((conjugate(table) - table.conj()).abs().max()) < 1e-14


@pytest.mark.parametrize("parallel", [(0.7, -0.4), (3.5, 2.9)], ids=["travelling", "evanescent"])
def test_damped_plane_wave_as_spherical_waves(parallel):
    """exp(iK.r) of a complex K is the sum of 4 pi i^l j_l Y*_L(K) Y_L(r): the meaning of Y* where nothing is real."""
    l_max, across = 24, np.array(parallel)
    kz = np.sqrt(KAPPA**2 - across @ across)
    kz = kz if kz.imag > 0 else -kz
    c, q, q_minus = (
        torch.tensor([value / KAPPA], dtype=torch.complex128) for value in (kz, across @ [1, 1j], across @ [1, -1j])
    )
    star = conjugate(spherical_harmonics(c, q, l_max, q_minus)).numpy()
    points = np.random.default_rng(2).normal(size=(30, 3)) * 0.2
    powers = 1j ** degrees(l_max).numpy()
    spherical = 4 * np.pi * (powers * star * regular_waves(points, l_max)).sum(1)
    plane = np.exp(1j * (points[:, :2] @ across + kz * points[:, 2]))
    worst = np.abs(spherical - plane).max() / np.abs(plane).max()
    print(f"largest difference {worst:.1e} of the largest value")
    assert worst < 1e-11


def test_outgoing_waves_against_scipy():
    """h_l of complex argument is SciPy's Hankel function of half-integer order."""
    z = torch.tensor([0.9 + 0.1j, 3.0 + 0.4j, 8.0 + 0.9j, 40.0 + 5j], dtype=torch.complex128)
    degree = np.arange(13)
    theirs = np.sqrt(np.pi / (2 * z.numpy()[:, None])) * hankel1(degree + 0.5, z.numpy()[:, None])
    worst = np.abs(outgoing_waves(z, 12).numpy() / theirs - 1).max()
    print(f"largest relative difference {worst:.1e}")
    assert worst < 1e-11


def test_outgoing_s_wave_alone():
    """l_max = 0 gives -i exp(iz)/z and nothing else."""
    z = torch.tensor([2.0 + 0.3j], dtype=torch.complex128)
    assert torch.allclose(outgoing_waves(z, 0), (-1j * torch.exp(1j * z) / z)[:, None], atol=1e-15)


@pytest.mark.parametrize(("l_max", "entries"), [(5, 3503), (6, 7450), (7, 14382)])
def test_coupling_is_sparse(l_max, entries):
    """The real coupling has as many entries as selection rules leave, each once."""
    rows, columns, values = coupling(l_max)
    assert len(values) == entries == len(set(zip(rows.tolist(), columns.tolist(), strict=True)))
    assert values.dtype == np.float64
    assert rows.max() < count(l_max) ** 2
    assert columns.max() < count(2 * l_max)


def test_addition_theorem():
    """An outgoing wave, l <= 3, about a shifted centre is a sum of regular waves: h Y(d + r) = sum of j Y(r) G(d)."""
    l_max, shift = 8, np.array([[1.4, -0.9, 2.1]])
    near = np.random.default_rng(3).normal(size=(40, 3))
    near *= 0.35 / np.linalg.norm(near, axis=1, keepdims=True)
    coupled = two_centre(torch.from_numpy(scattered_waves(shift, 2 * l_max).T), l_max)[..., 0].numpy()
    direct = scattered_waves(shift + near, 3)
    # From the last column l' <= 3 of G, all regular L.
    rebuilt = regular_waves(near, l_max) @ coupled[:, : count(3)]
    worst = np.abs(rebuilt - direct).max() / np.abs(direct).max()
    print(f"largest error {worst:.1e} of the largest wave")
    assert worst < 1e-5


def test_coupling_of_a_batch_and_its_gradient():
    """A batch is coupled element by element, and the gradient is that of finite differences."""
    sums = torch.randn(count(4), 2, 3, dtype=torch.complex128, generator=torch.Generator().manual_seed(4))
    whole = two_centre(sums, 2)
    assert whole.shape == (9, 9, 2, 3)
    assert torch.allclose(whole[..., 1, 2], two_centre(sums[:, 1, 2, None], 2)[..., 0], atol=1e-13)
    few = sums[: count(2), :1, :1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda part: two_centre(part, 1), few)


def test_single_precision_stays_single():
    """complex64 sums give complex64 coefficients, right to single precision."""
    sums = torch.randn(count(6), 5, dtype=torch.complex128, generator=torch.Generator().manual_seed(5))
    single, double = two_centre(sums.to(torch.complex64), 3), two_centre(sums, 3)
    assert single.dtype == torch.complex64
    assert float((single - double).abs().max() / double.abs().max()) < 1e-6
