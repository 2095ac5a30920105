"""Back-scattered intensity of a direction: three roads, limits, invariances, gradients."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.scattering.test_structure_factor import gallium_arsenide
from zoneaxis.crystals import load
from zoneaxis.crystals.cell import centring_translations
from zoneaxis.errors import InputError
from zoneaxis.scattering.bloch import PRESETS, BeamRule, beam_rule, excitation_errors, structure_matrices
from zoneaxis.scattering.propagate import backscattered_intensity, safe_escape_length
from zoneaxis.scattering.reflections import candidate_reflections
from zoneaxis.scattering.structure_factor import fourier_coefficients

TAU = 50.0


def directions(n, seed=0):
    """Random unit vectors."""
    v = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return v / v.norm(dim=-1, keepdim=True)


def setup(crystal, voltage_kv=20.0, **settings):
    """Fourier tables and candidate reflections of a crystal."""
    coefficients = fourier_coefficients(crystal, voltage_kv, **settings)
    return coefficients, candidate_reflections(coefficients, torch.from_numpy(centring_translations(crystal)))


def intensities(coefficients, hkl, v, rule=PRESETS["emsoft"], solver="doubling", tau=TAU, dtype=torch.complex128, **kw):
    """Intensity of every direction."""
    result = torch.zeros(len(v), dtype=torch.float64)
    for matrices in structure_matrices(coefficients, hkl, v, rule, dtype=dtype, **kw):
        result[matrices.rows] = backscattered_intensity(matrices, tau, solver).double()
    return result


@pytest.mark.parametrize("name", ["Ni", "Si", "W"])
def test_doubling_equals_full_eig(name):
    """Two roads, one answer: doubling against the complex eigenproblem, 1e-5 relative (1e-8 in double precision)."""
    coefficients, hkl = setup(load(name))
    v = directions(120)
    reference = intensities(coefficients, hkl, v, solver="eig")
    double = intensities(coefficients, hkl, v)
    single = intensities(coefficients, hkl, v, dtype=torch.complex64)
    worst = ((double - reference) / reference).abs().max().item(), ((single - reference) / reference).abs().max().item()
    print(f"{name}: doubling against eig, relative: complex128 {worst[0]:.1e}, complex64 {worst[1]:.1e}")
    assert worst[0] < 1e-5
    assert worst[1] < 1e-4  # single precision: rounding of 1 in 1e7 grows with the number of doublings


def test_eigh_is_a_preview():
    """First-order absorption correlates with the full solution to 0.98, no better than 1 % everywhere."""
    coefficients, hkl = setup(load("Ni"))
    v = directions(400)
    full, preview = intensities(coefficients, hkl, v, solver="eig"), intensities(coefficients, hkl, v, solver="eigh")
    assert np.corrcoef(full, preview)[0, 1] > 0.98
    assert ((full - preview) / full).abs().max() > 0.01


def test_non_centrosymmetric_crystal_by_two_roads():
    """Complex potentials: doubling and eig agree for GaAs."""
    coefficients, hkl = setup(gallium_arsenide(0.5))
    v = directions(60)
    torch.testing.assert_close(
        intensities(coefficients, hkl, v), intensities(coefficients, hkl, v, solver="eig"), rtol=1e-6, atol=1e-6
    )


def test_origin_and_atom_order_change_nothing():
    """I(k) is independent of the origin and of the order of the atoms."""
    v = directions(40)
    first = gallium_arsenide(0.5)
    second = gallium_arsenide(0.5, shift=(0.13, 0.27, 0.31))
    second.sort(key=lambda site: site.frac_coords[0])
    a, b = (intensities(*setup(crystal), v) for crystal in (first, second))
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_batch_and_padding_change_nothing():
    """A direction's intensity does not depend on the directions it is solved with."""
    coefficients, hkl = setup(load("Ni"))
    v = directions(60)
    together = intensities(coefficients, hkl, v)
    alone = torch.cat([intensities(coefficients, hkl, v[i : i + 1]) for i in range(len(v))])
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)


def test_limit_of_vanishing_depth():
    """tau -> 0: no diffraction yet, the mean Z^2 per atom in every direction."""
    coefficients, hkl = setup(load("Ni"))
    flat = intensities(coefficients, hkl, directions(50), tau=1e-3)
    torch.testing.assert_close(flat, torch.full_like(flat, 28.0**2), rtol=2e-3, atol=0.0)


def test_single_beam_is_constant():
    """With the beam (000) alone the density is that of a plane wave: the constant Z^2."""
    coefficients, _ = setup(load("Ni"))
    alone = torch.zeros(1, 3, dtype=torch.long)
    constant = intensities(coefficients, alone, directions(20))
    torch.testing.assert_close(constant, torch.full_like(constant, 28.0**2), rtol=1e-6, atol=0.0)


def test_two_beams_by_hand():
    """Two beams without absorption: X = integral of the Pendelloesung, written out."""
    coefficients, _ = setup(load("Ni"), absorption="none")
    hkl = torch.tensor([[0, 0, 0], [2, 0, 0]])
    v = torch.nn.functional.normalize(torch.tensor([[-0.0735, 0.6, 0.797]]), dim=-1)
    rule = BeamRule(100.0, 100.0, 1e6)
    (matrices,) = structure_matrices(coefficients, hkl, v, rule, dtype=torch.complex128)
    full = matrices.elastic[0].numpy()
    assert full.shape == (2, 2)
    assert abs(full[0, 1]) == pytest.approx(0.0756, rel=1e-3)
    depth = np.linspace(0.0, 40 * TAU, 200_001)
    w, c = np.linalg.eigh(full)
    psi = (c * (c.conj().T @ np.array([1, 0]))) @ np.exp(1j * np.pi * w[:, None] * depth / matrices.wave_number)
    density = np.einsum("gz,gh,hz->z", psi.conj(), matrices.backscatter[0].numpy(), psi).real
    by_hand = np.trapezoid(density * np.exp(-depth / TAU) / TAU, depth)
    assert backscattered_intensity(matrices, TAU).item() == pytest.approx(by_hand, rel=1e-4)


def test_laue_symmetry_of_nickel():
    """I(k) has the 48 operations of m-3m."""
    from zoneaxis.crystals.cell import point_group

    crystal = load("Ni")
    coefficients, hkl = setup(crystal)
    images = torch.from_numpy(point_group(crystal)).float() @ directions(1, seed=3)[0]
    values = intensities(coefficients, hkl, images)
    torch.testing.assert_close(values, values[:1].expand_as(values), rtol=1e-5, atol=0.0)


def test_friedel_pairs_differ_without_a_centre():
    """GaAs: opposite directions differ, as multiple scattering on two kinds of atom demands; silicon's do not."""
    v = directions(30)
    coefficients, hkl = setup(gallium_arsenide(0.5))
    difference = intensities(coefficients, hkl, v) / intensities(coefficients, hkl, -v) - 1.0
    assert difference.abs().max() > 1e-3
    coefficients, hkl = setup(load("Si"))
    torch.testing.assert_close(intensities(coefficients, hkl, v), intensities(coefficients, hkl, -v), rtol=1e-6, atol=0)


def test_gradients_are_finite_and_right():
    """Autograd through the doubling solver against a central difference, at a zone axis where eigenvalues coincide."""
    coefficients, hkl = setup(load("Ni"))
    (matrices,) = structure_matrices(
        coefficients, hkl, torch.tensor([[0.0, 0.0, 1.0]]), PRESETS["emsoft"], dtype=torch.complex128
    )

    def intensity(scale):
        scaled = dataclasses.replace(matrices, absorptive=matrices.absorptive * scale)
        return backscattered_intensity(scaled, TAU).sum()

    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    intensity(scale).backward()
    numerical = (intensity(1.0 + 1e-4) - intensity(1.0 - 1e-4)) / 2e-4
    assert torch.isfinite(scale.grad)
    assert scale.grad.item() == pytest.approx(numerical.item(), rel=1e-4)


def test_several_escape_lengths_at_once():
    """A vector of tau gives the columns that the single values give."""
    coefficients, hkl = setup(load("Ni"))
    (matrices,) = structure_matrices(coefficients, hkl, directions(5), PRESETS["emsoft"], dtype=torch.complex128)
    both = backscattered_intensity(matrices, torch.tensor([30.0, 60.0]))
    torch.testing.assert_close(both[:, 1], backscattered_intensity(matrices, 60.0))


def test_weak_beams_that_radiate_help():
    """Counting the weak beams' waves on the atoms brings a small calculation closer to a converged one.

    Closer up to brightness and contrast, which a pattern does not hold: what is compared is the unexplained contrast.
    """
    coefficients, hkl = setup(load("Ni"))
    v = directions(150)
    reference = intensities(coefficients, hkl, v, rule=BeamRule(20.0, 40.0, 400.0, max_strong=300))

    def unexplained(radiate):
        values = intensities(coefficients, hkl, v, rule=BeamRule(6.0, 24.0, 150.0, weak_beams_radiate=radiate))
        return float((1.0 - torch.corrcoef(torch.stack((values, reference)))[0, 1] ** 2).sqrt())

    silent, radiating = unexplained(False), unexplained(True)
    print(f"Ni, about 28 strong beams: unexplained {silent:.4f} without, {radiating:.4f} with radiating weak beams")
    assert radiating < 0.75 * silent


def test_excitation_error_vanishes_on_the_bragg_condition():
    """s_g = 0 where |k + g| = |k|, negative for g pointing outwards of the Ewald sphere."""
    g = torch.tensor([[0.5, 0.0, 0.0]], dtype=torch.float64)
    k = 11.65
    bragg = torch.tensor([[-0.25, 0.0, (k**2 - 0.25**2) ** 0.5]], dtype=torch.float64)
    assert excitation_errors(bragg, g).abs().item() < 1e-12
    assert excitation_errors(torch.tensor([[0.0, 0.0, k]], dtype=torch.float64), g).item() < 0.0


def test_safe_escape_length_holds_light_elements():
    """tau stays below xi'_0 / (2 pi), where a Bloch wave could outgrow the depth distribution."""
    assert safe_escape_length(1000.0, 11.65, 0.02) == pytest.approx(0.9 * 11.65 / (2 * np.pi * 0.02))
    assert safe_escape_length(30.0, 11.65, 0.02) == 30.0
    assert safe_escape_length(1000.0, 11.65, 0.0) == 1000.0


def test_no_direction_stands_out_in_aluminium():
    """Al sits on that edge: with the Monte Carlo's 21.8 nm held back, no direction exceeds 5 times the mean."""
    coefficients, hkl = setup(load("Al"))
    tau = safe_escape_length(218.0, 11.65, coefficients.mean_absorption)
    values = intensities(coefficients, hkl, directions(500), tau=tau, dtype=torch.complex64)
    assert torch.isfinite(values).all()
    assert values.max() < 5.0 * values.mean()
    assert values.min() > 0.0


def test_nonsense_is_refused():
    """Unknown presets and solvers, cutoffs in the wrong order and a negative tau are named."""
    coefficients, hkl = setup(load("Ni"), d_min_angstrom=1.0)
    (matrices,) = structure_matrices(coefficients, hkl, directions(2), PRESETS["emsoft"])
    with pytest.raises(InputError, match="solver"):
        backscattered_intensity(matrices, 10.0, "expm")
    with pytest.raises(InputError, match="tau_angstrom"):
        backscattered_intensity(matrices, -1.0)
    with pytest.raises(InputError, match="preset"):
        beam_rule("exact")
    with pytest.raises(InputError, match="strong <= weak"):
        BeamRule(8.0, 4.0, 50.0)
