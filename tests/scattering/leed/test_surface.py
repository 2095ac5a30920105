"""Surface: free atoms over a half crystal they see through plane waves."""

import pytest
import torch
from torch import Tensor

from tests.scattering.leed.small_layer import AREA, CELL, DELTA, K, atom_layer, one_coset, t_of, waves_of
from zoneaxis.scattering.leed.layer import Layer
from zoneaxis.scattering.leed.stack import half_crystal, moved, stack
from zoneaxis.scattering.leed.surface import Ground, reflected_amplitudes
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD

STEP = torch.tensor([0.9, 1.1, 1.5], dtype=torch.float64)
CUT = 1e-6
T = t_of(DELTA[:3])
SOME = torch.tensor([0, 3, 1, 5])
ORIGIN = torch.zeros(1, 3, dtype=torch.float64)
PAIR = torch.tensor([[0.0, 0.0, 0.0], [1.3, 1.2, 0.4]], dtype=torch.float64)


@pytest.fixture(scope="module")
def crystal():
    """Beams, waves, and R-+ of a half crystal that begins one step below the origin."""
    beams = one_coset(1.5, 1e-4)
    waves = waves_of(beams)
    bulk, _ = half_crystal(atom_layer(waves, tolerance=CUT), [STEP], waves, 1e-9)
    return beams, waves, moved(bulk, STEP, waves)


def amplitudes(crystal, moving: Tensor, still: Tensor = ORIGIN[:0], t=T, t_still=T, wanted: Tensor = SOME, nothing=1):
    """Reflected amplitudes of structures (structures, atoms, 3) over still atoms and the crystal times `nothing`."""
    beams, waves, bulk = crystal
    t, t_still = (
        one if one.ndim == 2 else one.expand(n, -1) for one, n in ((t, moving.shape[1]), (t_still, len(still)))
    )
    ground = Ground(still, t_still, CELL, K, waves, [nothing * bulk], beams.cosets, 0, CUT)
    return reflected_amplitudes(moving, t, ground, wanted)


def only_reflecting(reflection: Tensor) -> Layer:
    """A half crystal as a layer that lets nothing through."""
    return Layer(reflection, *[torch.zeros_like(reflection)] * 3)


def test_without_a_crystal_it_is_the_layer(crystal):
    """Over nothing, two free atoms reflect as the layer of these two atoms does."""
    found = amplitudes(crystal, PAIR[None], nothing=0)[0]
    expected = atom_layer(crystal[1], PAIR, tolerance=CUT).reflect_out[:, SOME, 0]
    error = float((found - expected).abs().max())
    print(f"largest difference {error:.1e}")
    assert error < 1e-12


def test_without_atoms_that_scatter_it_is_the_crystal(crystal):
    """Atoms without phase shifts leave the half crystal's reflection alone."""
    found = amplitudes(crystal, ORIGIN[None], t=0 * T)
    assert torch.allclose(found[0], crystal[2][:, SOME, 0], atol=1e-14)


@pytest.mark.parametrize("moves", [True, False])
def test_embedded_layer_is_a_stacked_layer(crystal, moves):
    """One atom on the half crystal, moving or still, equals its layer stacked on it, whatever the beam set."""
    _, waves, bulk = crystal
    found = amplitudes(crystal, ORIGIN[None]) if moves else amplitudes(crystal, ORIGIN[None, :0], ORIGIN)
    expected = stack(atom_layer(waves, tolerance=CUT), only_reflecting(bulk), 0 * STEP, waves).reflect_out[:, SOME, 0]
    error = float((found[0] - expected).abs().max())
    print(f"{'moving' if moves else 'still'}: largest difference {error:.1e}")
    assert error < 1e-12


def test_still_and_moving_atoms_are_atoms(crystal):
    """Which atoms are shared by all structures is a matter of the work alone: every division gives the same."""
    batch = torch.stack([PAIR, PAIR + torch.tensor([[0.0, 0, 0], [0.1, 0, -0.2]], dtype=torch.float64)])
    whole = amplitudes(crystal, batch)
    divided = amplitudes(crystal, batch[:, 1:], PAIR[:1])
    still = amplitudes(crystal, batch[:1, :0], PAIR)
    errors = [float((divided - whole).abs().max()), float((still - whole[:1]).abs().max())]
    print(f"largest difference {max(errors):.1e}")
    # Sums are cut where the widest pair of each call asks.
    assert max(errors) < 1e-6


def test_two_embedded_layers_are_two_stacked_layers(crystal):
    """Two free layers joined by spherical waves: as if stacked by plane waves, to the accuracy of the beams."""
    _, waves, bulk = crystal
    top = -torch.tensor([0.3, 0.8, 1.6], dtype=torch.float64)
    found = amplitudes(crystal, torch.stack([top, 0 * top])[None])[0]
    layer = atom_layer(waves, tolerance=CUT)
    lower = stack(layer, only_reflecting(bulk), 0 * STEP, waves).reflect_out
    expected = moved(stack(layer, only_reflecting(lower), -top, waves).reflect_out, top, waves)[:, SOME, 0]
    error = float((found - expected).abs().max() / expected.abs().max())
    print(f"largest difference {error:.1e} of the largest amplitude")
    assert error < 2e-3


def test_structures_of_a_batch_are_independent(crystal):
    """Several structures at once give what each gives alone, in order, and wanted beams in the order asked."""
    batch = torch.tensor([[[0.0, 0.0, 0.0]], [[0.2, -0.1, -0.3]], [[0.0, 0.0, 0.0]]], dtype=torch.float64)
    together = amplitudes(crystal, batch, PAIR[1:])
    for one, alone in zip(together, batch, strict=True):
        assert torch.allclose(one, amplitudes(crystal, alone[None], PAIR[1:])[0], atol=1e-7)
    assert torch.equal(together[0], together[2])
    assert torch.equal(amplitudes(crystal, batch, PAIR[1:], wanted=SOME.flip(0)).flip(-1), together)


@pytest.mark.parametrize("moves", [True, False])
def test_atoms_of_different_kinds(crystal, moves):
    """A row of t_l for each atom: one that does not scatter is not there."""
    kinds = torch.stack([T, 0 * T])
    if moves:
        found = amplitudes(crystal, PAIR[None], t=kinds)
    else:
        found = amplitudes(crystal, PAIR[None, :0], PAIR, t_still=kinds)
    assert torch.allclose(found, amplitudes(crystal, PAIR[None, :1]), atol=1e-7)


def test_closed_form_of_one_weak_atom(crystal):
    """A weak atom adds, to first order, what it sends out of all waves that reach it, straight or by the crystal."""
    _, waves, bulk = crystal
    place, weak = torch.tensor([[[0.4, 0.2, -0.5]]], dtype=torch.float64), 1e-4
    found = amplitudes(crystal, place, t=weak * T)[0]
    factors = (1j * weak * T).repeat_interleave(torch.tensor([1, 3, 5]))
    reaching = waves.arriving(place[0], INWARD)[..., 0] + (waves.arriving(place[0], OUTWARD) @ bulk)[..., 0]
    sent = (factors * reaching)[..., None]
    up, down = (waves.leaving(place[0], direction, AREA) @ sent for direction in (OUTWARD, INWARD))
    change = (up + bulk @ down)[..., 0]
    error = float((found - bulk[:, SOME, 0] - change[:, SOME]).abs().max() / change.abs().max())
    print(f"left over {error:.1e} of the change")
    assert error < 1e-3
