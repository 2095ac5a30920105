"""Stack: layers upon layers, and the half crystal by doubling."""

import re

import pytest
import torch

from tests.scattering.leed.small_layer import CELL, DELTA, K, atom_layer, one_coset, t_of, waves_of
from zoneaxis.scattering.leed.layer import Layer, scatter
from zoneaxis.scattering.leed.stack import half_crystal, moved, stack
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD

STEP = torch.tensor([0.9, 1.1, 1.5], dtype=torch.float64)
OTHER = torch.tensor([-0.4, 0.7, 1.7], dtype=torch.float64)
MATRICES = ("reflect_out", "through_in", "reflect_in", "through_out")


def difference(one: Layer, other: Layer, beams: slice = slice(None)) -> float:
    """Largest difference of an element of the four matrices among some beams."""
    return max(float((getattr(one, name) - getattr(other, name))[:, beams, beams].abs().max()) for name in MATRICES)


@pytest.mark.parametrize("l_max", [2, 4])
def test_two_stacked_layers_are_one_layer_of_two_atoms(l_max):
    """Plane waves between two layers and spherical waves between their atoms: the same, among beams that travel."""
    beams = one_coset(float(STEP[2]), 1e-8)
    waves = waves_of(beams, l_max=l_max)
    single = atom_layer(waves, tolerance=1e-7)
    pair = atom_layer(waves, torch.stack([0 * STEP, STEP]), tolerance=1e-7)
    joined = stack(single, single, STEP, waves)
    # A slab of layers counts what passes from its last layer, a layer of atoms from its one origin.
    into, out = waves.shift(STEP, INWARD), waves.shift(STEP, OUTWARD)
    referred = Layer(
        pair.reflect_out,
        into[..., :, None] * pair.through_in,
        into[..., :, None] * pair.reflect_in * out[..., None, :],
        pair.through_out * out[..., None, :],
    )
    emergent = slice(0, 9)
    error = difference(joined, referred, emergent)
    print(f"l_max {l_max}: largest difference {error:.1e}")
    assert error < 1e-5


def test_another_prefactor_breaks_it():
    """With 1/Re kappa in front, two layers are not one layer of two atoms: why the complex one is right."""
    waves = waves_of(one_coset(float(STEP[2]), 1e-5))
    zero, t = torch.zeros(1, 3, dtype=torch.float64), t_of(DELTA[:3])
    pair = atom_layer(waves, torch.stack([0 * STEP, STEP]))
    error = {}
    for name, prefactor in (("complex", None), ("real", waves.kappa.real)):
        single = scatter(waves, zero, CELL, K, t, 1e-7, prefactor=prefactor)
        joined = stack(single, single, STEP, waves)
        error[name] = float((joined.reflect_out - pair.reflect_out)[:, :9, :9].abs().max())
    print(", ".join(f"{name} kappa {value:.1e}" for name, value in error.items()))
    assert error["complex"] < 1e-3 < error["real"]


def test_order_of_joining_does_not_matter():
    """(A on B) on C = A on (B on C): each joint leads from the last layer above to the first below."""
    waves = waves_of(one_coset(1.5, 1e-2))
    a = atom_layer(waves)
    b, c = (
        scatter(waves, torch.zeros(1, 3, dtype=torch.float64), CELL, K, f * t_of(DELTA[:3]), 1e-3) for f in (0.5, 0.8)
    )
    left = stack(stack(a, b, STEP, waves), c, OTHER, waves)
    right = stack(a, stack(b, c, OTHER, waves), STEP, waves)
    assert difference(left, right) < 1e-12


def test_doubling_equals_layer_by_layer():
    """Two alternating steps: the doubled crystal reflects as sixty layers laid one by one from below."""
    waves = waves_of(one_coset(1.5, 1e-2))
    layer = atom_layer(waves, tolerance=1e-3)
    doubled, doublings = half_crystal(layer, [STEP, OTHER], waves, 1e-10)
    crystal = layer
    for number in range(60):
        crystal = stack(layer, crystal, STEP if number % 2 else OTHER, waves)
    error = float((doubled - crystal.reflect_out).abs().max())
    print(f"{doublings} doublings; largest difference {error:.1e}")
    assert error < 1e-10


def test_one_more_layer_changes_nothing():
    """A half crystal with a layer more on top is the same half crystal."""
    waves = waves_of(one_coset(1.5, 1e-2))
    layer = atom_layer(waves, tolerance=1e-3)
    doubled, _ = half_crystal(layer, [STEP], waves, 1e-10)
    nothing = torch.zeros_like(doubled)
    below = Layer(doubled, nothing, nothing, nothing)
    assert torch.allclose(stack(layer, below, STEP, waves).reflect_out, doubled, atol=1e-12)


def test_doubling_converges_quadratically():
    """The error falls faster with every doubling: twice as many digits need one doubling more."""
    waves = waves_of(one_coset(1.5, 1e-2))
    layer = atom_layer(waves, tolerance=1e-3)
    exact, _ = half_crystal(layer, [STEP], waves, 1e-13)
    found = {}
    for tolerance in (1e-2, 1e-4, 1e-8):
        reflection, doublings = half_crystal(layer, [STEP], waves, tolerance)
        found[tolerance] = doublings
        assert float((reflection - exact).abs().max()) < tolerance
    print(f"doublings at tolerance: {found}")
    assert found[1e-2] <= found[1e-4] <= found[1e-2] + 1
    assert found[1e-8] <= found[1e-4] + 1
    thick = waves_of(one_coset(1.5, 1e-2), kappa=waves.kappa + 0.3j)
    _, fewer = half_crystal(atom_layer(thick, tolerance=1e-3), [STEP], thick, 1e-4)
    assert fewer < found[1e-4] or found[1e-4] == 1


def test_weak_s_waves_of_a_crystal_by_hand():
    """Weak s waves: the crystal sends back M/(1 - exp(2i kz d)) in (00), layers added in phase."""
    straight, errors = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64), []
    for delta in (1e-3, 1e-4):
        waves = waves_of(one_coset(1.5, 1e-1), l_max=0)
        zero = torch.zeros(1, 3, dtype=torch.float64)
        layer = scatter(waves, zero, CELL, K, t_of(torch.tensor([delta], dtype=torch.float64)), 1e-6)
        crystal, _ = half_crystal(layer, [straight], waves, 1e-13)
        expected = layer.reflect_out[:, 0, 0] / (1 - torch.exp(2j * waves.kz[:, 0] * 1.5))
        errors.append(float((crystal[:, 0, 0] / expected - 1).abs().max()))
    print(f"relative difference {errors[0]:.1e} at delta 1e-3, {errors[1]:.1e} at 1e-4")
    assert errors[0] < 1e-2
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.05)


def test_flux_of_a_deep_crystal_is_reflected_in_part():
    """With absorption a half crystal sends back some electrons, but never as many as came."""
    waves = waves_of(one_coset(1.5, 1e-2))
    reflection, _ = half_crystal(atom_layer(waves, tolerance=1e-3), [STEP], waves, 1e-6)
    travelling = (waves.parallel**2).sum(-1) < waves.kappa.real**2
    back = (waves.kz.real * reflection[..., 0].abs() ** 2 * travelling).sum(-1) / waves.kz[:, 0].real
    print("reflected " + ", ".join(f"{float(part):.3f}" for part in back))
    assert bool((back > 0.001).all()) and bool((back < 1).all())


def test_moved_there_and_back():
    """A shift of origin is the wave's way there and back, and its opposite undoes it."""
    waves = waves_of(one_coset(1.5, 1e-1))
    layer = atom_layer(waves, tolerance=1e-3)
    there = moved(layer.reflect_out, STEP, waves)
    assert torch.allclose(there[:, 0, 0], layer.reflect_out[:, 0, 0] * torch.exp(2j * waves.kz[:, 0] * STEP[2]))
    assert torch.allclose(moved(there, -STEP, waves), layer.reflect_out, atol=1e-10)
    assert torch.allclose(there, atom_layer(waves, STEP[None], tolerance=1e-3).reflect_out, atol=1e-10)


def test_no_convergence_is_said():
    """A crystal that does not converge is an error of one line with the figure it reached."""
    waves = waves_of(one_coset(1.5, 1e-1))
    layer = atom_layer(waves, tolerance=1e-2)
    with pytest.raises(
        FloatingPointError, match=r"^layer doubling: change .* after 20 doublings, asked for 0e\+00$"
    ) as caught:
        half_crystal(layer, [STEP], waves, 0.0)
    assert "\n" not in str(caught.value)
    broken = Layer(*(torch.full_like(layer.reflect_out, torch.nan) for _ in MATRICES))
    with pytest.raises(FloatingPointError, match=re.escape("change nan after 1 doublings")):
        half_crystal(broken, [STEP], waves, 1e-3)
