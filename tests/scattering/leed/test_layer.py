"""Layer: multiple scattering inside one plane lattice of atoms."""

import numpy as np
import pytest
import torch

from tests.scattering.leed.small_layer import (
    AREA,
    CELL,
    DELTA,
    ENERGY_EV,
    INNER_EV,
    KAPPA,
    K,
    atom_layer,
    brute_lattice,
    one_coset,
    t_of,
    waves_of,
)
from zoneaxis.scattering.leed.beams import wave_number
from zoneaxis.scattering.leed.harmonics import two_centre
from zoneaxis.scattering.leed.lattice_sum import lattice_sums
from zoneaxis.scattering.leed.layer import propagator, scatter, scattering_factors

ORIGIN = torch.zeros(1, 3, dtype=torch.float64)
PAIR = torch.tensor([[0.0, 0.0, 0.0], [1.2, 1.5, 0.8]], dtype=torch.float64)


def test_s_waves_by_hand():
    """Atoms with s waves alone: M = 2 pi tau / (A kappa kz_g), tau = T/(1 - T G), G a sum of exp(ikr)/r."""
    waves, delta, cut = waves_of(one_coset(1.4, 1e-2), l_max=0), 0.9, 1e-12
    layer = scatter(waves, ORIGIN, CELL, K, t_of(torch.tensor([delta], dtype=torch.float64)), cut)
    points = brute_lattice(CELL, 110)
    length = np.linalg.norm(points, axis=1)
    points, length = points[length > 0], length[length > 0]
    inside = np.exp(1j * K.numpy() @ points.T) @ (-1j * np.exp(1j * KAPPA * length) / (KAPPA * length))
    t = 1j * np.sin(delta) * np.exp(1j * delta)
    tau = torch.from_numpy(t / (1 - t * inside))
    expected = (2 * np.pi / (AREA * KAPPA) * tau[:, None] / waves.kz)[..., None].expand_as(layer.reflect_out)
    unit = torch.eye(expected.shape[-1])
    errors = [
        float((found - expected).abs().max())
        for found in (layer.reflect_out, layer.reflect_in, layer.through_in - unit, layer.through_out - unit)
    ]
    print(f"largest difference {max(errors):.1e}")
    assert max(errors) < 1e-10


def test_all_electrons_come_back_or_go_through():
    """Reflected and transmitted flux of one layer tends to 1, linearly, as the absorption goes to 0."""
    lost = []
    absorptions = (2.0, 1.0, 0.5)
    for imaginary in absorptions:
        kappa = wave_number(ENERGY_EV, INNER_EV, imaginary)
        waves = waves_of(one_coset(1.4, 1e-1), K[:1], 1, kappa)
        layer = scatter(waves, ORIGIN, CELL, K[:1], t_of(DELTA[:2]), 1e-4)
        travelling = (waves.parallel[0] ** 2).sum(-1) < kappa.real**2
        out = layer.reflect_out[0, :, 0].abs() ** 2 + layer.through_in[0, :, 0].abs() ** 2
        flux = (waves.kz[0].real * out)[travelling].sum() / waves.kz[0, 0].real
        lost.append(1 - float(flux))
    limit = 2 * lost[2] - lost[1]
    print(f"lost at V0i {absorptions} eV: " + ", ".join(f"{part:.4f}" for part in lost) + f"; limit {limit:.1e}")
    # Referred to the plane of the atoms, waves that have not yet been damped can even bring a gain.
    assert 1e-4 < abs(lost[2]) < abs(lost[1]) < abs(lost[0]) < 0.05
    assert lost[1] / lost[2] == pytest.approx(2, rel=0.05)
    assert abs(limit) < 1e-4


@pytest.mark.parametrize("positions", [ORIGIN, PAIR], ids=["one atom", "two atoms"])
def test_reciprocity_of_a_layer(positions):
    """Source and detector may be exchanged: kz_g R_gg'(k) = kz_g' R_-g'-g(-k), also for the waves that go through."""
    beams = one_coset(1.4, 1e-2)
    turned = beams.position(-beams.index)
    waves, back = waves_of(beams), waves_of(beams, -K)
    here, there = atom_layer(waves, positions), atom_layer(back, positions, k=-K)

    def exchanged(matrix):
        return matrix[:, turned][:, :, turned].mT

    for one, other in (
        (here.reflect_out, there.reflect_out),
        (here.reflect_in, there.reflect_in),
        (here.through_in, there.through_out),
    ):
        # Flux on both sides: the wave numbers of the beams at -k are those of their opposites at k.
        left = waves.kz[..., None] * one
        right = waves.kz[:, None, :] * exchanged(other)
        assert float((left - right).abs().max()) < 1e-9


def test_identical_pairs_share_a_sum():
    """The propagator of a batch holds, at each pair of atoms, the coupled sum over that pair's own distance."""
    structures = torch.stack([PAIR, PAIR * torch.tensor([1.0, 1.0, 1.3], dtype=torch.float64)])
    l_max, n = 2, 9
    batch = propagator(structures, structures, CELL, K, KAPPA, l_max, 1e-3, torch.complex128)
    assert batch.shape == (2, len(K), 2 * n, 2 * n)
    blocks = batch.reshape(2, len(K), 2, n, 2, n)
    for structure, receiver, emitter in np.ndindex(2, 2, 2):
        offset = structures[structure, receiver] - structures[structure, emitter]
        whole = two_centre(lattice_sums(offset[None], CELL, K, KAPPA, 2 * l_max, 1e-3), l_max)[:, :, 0].permute(2, 0, 1)
        # The batch reaches as far as its widest pair asks, which only adds terms below the cut.
        assert torch.allclose(blocks[structure, :, receiver, :, emitter], whole, atol=0.1)
        if receiver == emitter:
            assert torch.equal(blocks[structure, :, receiver, :, emitter], blocks[0, :, 0, :, 0])
    part = propagator(structures[:, 1:], structures, CELL, K, KAPPA, l_max, 1e-3, torch.complex128)
    assert part.shape == (2, len(K), n, 2 * n)
    assert torch.allclose(part, batch[:, :, n:], atol=0.1)


def test_gradient_of_the_propagator():
    """The propagator's derivative by an atom's place is that of finite differences."""

    def total(z):
        places = torch.stack([PAIR[0], PAIR[1] + z * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)])[None]
        inside = torch.view_as_real(propagator(places, places, CELL, K, KAPPA, 1, 1e-2, torch.complex128))
        return (inside * torch.arange(inside.numel()).reshape(inside.shape)).sum()

    place = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
    total(place).backward()
    numeric = float(total(place.detach() + 1e-5) - total(place.detach() - 1e-5)) / 2e-5
    assert float(place.grad) == pytest.approx(numeric, rel=1e-6)


def test_factors_of_each_atom():
    """i t_l, repeated for every m, of one kind for all atoms or a row for each."""
    t = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.complex128)
    assert scattering_factors(t, 2).tolist() == [1j, 2j, 2j, 2j, 3j, 4j, 4j, 4j]
    assert scattering_factors(t[0], 2).tolist() == [1j, 2j, 2j, 2j] * 2


def test_no_atom_no_reflection():
    """Phase shifts of nothing reflect nothing and let everything through."""
    waves = waves_of(one_coset(1.4, 1e-1))
    layer = scatter(waves, ORIGIN, CELL, K, t_of(torch.zeros(3, dtype=torch.float64)), 1e-2)
    assert float(layer.reflect_out.abs().max()) == 0
    assert torch.equal(layer.through_in[0], torch.eye(waves.kz.shape[1], dtype=torch.complex128))


def test_origin_of_a_layer_is_a_phase():
    """Atoms moved by d: reflection gains the phases of the way there and back, transmission of a difference."""
    beams, step = one_coset(1.4, 1e-2), torch.tensor([[0.5, -0.2, 0.7]], dtype=torch.float64)
    waves = waves_of(beams)
    still, moved = atom_layer(waves), atom_layer(waves, step)
    into, out = waves.shift(step[0], 1), waves.shift(step[0], -1)
    assert torch.allclose(moved.reflect_out, out[..., :, None] * still.reflect_out * into[..., None, :], atol=1e-10)
    unit = torch.eye(len(beams))
    through = (still.through_in - unit) / into[..., :, None] * into[..., None, :]
    assert torch.allclose(moved.through_in - unit, through, atol=1e-7)
