"""The error that is told of a picture against the true one, and a wanted error in place of a number of beams."""

import warnings

import pytest
import torch

from tests.scattering.crystals_by_hand import perovskite, zincblende
from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.techniques.lacbed import LACBEDExperiment
from zoneaxis.techniques.lacbed.convergence import Convergence, convergence, sampled, with_wanted_error

TRANSMITTED = [(0, 0, 0)]


def apart(found: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """Root mean square and maximum of the difference."""
    difference = (found - truth).double()
    return float(difference.square().mean().sqrt()), float(difference.abs().max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("structure", "axis"), [(zincblende(), (-1, 1, 0)), (perovskite(), (0, 0, 1))], ids=["GaAs", "SrTiO3"]
)
@pytest.mark.parametrize("beams", [40, 60, 100, 150])
def test_error_told_is_the_true_one_within_a_factor_of_two(structure, axis, beams):
    """GaAs [-1,1,0] and SrTiO3 [0,0,1], 200 kV, 93 nm, 19 mrad, 128 px: 64 pixels against 450 beams, no slices."""
    made = LACBEDExperiment.of(structure, axis, half_angle_mrad=19.0, size_px=128, beams=beams)
    pixels = sampled(made)
    truth = made.with_rule(beams=450, weak_beams=0, road="chebyshev").at(pixels, 93, TRANSMITTED)
    discs = torch.zeros(1, 1, 128, 128)
    discs.flatten(2)[..., pixels] = made.at(pixels, 93, TRANSMITTED)
    told = convergence(made, discs, 93, TRANSMITTED, pixels)
    true_rms, true_max = apart(made.with_rule(road="chebyshev").at(pixels, 93, TRANSMITTED), truth)
    print(
        f"{beams} beams: told {told.beam_error_rms:.4f} rms, {told.beam_error_max:.4f} max; true "
        f"{true_rms:.4f}, {true_max:.4f}; slices {told.slice_error_rms:.5f}"
    )
    assert 0.5 < told.beam_error_rms / true_rms < 2.0
    assert 0.5 < told.beam_error_max / true_max < 2.0
    assert told.slice_error_max < 1e-3


def test_error_told_of_few_beams():
    """A picture of 16 px of SrTiO3 with 24 beams: told within a factor of 2 of the truth, beams and slices apart."""
    made = LACBEDExperiment.of(perovskite(), (0, 0, 1), size_px=16, beams=24, absorption="proportional")
    made = made.with_rule(tile_px=8, slice_error=0.05)
    hkl, pixels = [(0, 0, 0), (1, 0, 0)], sampled(made)
    discs = made.discs([20, 40], hkl)
    told = convergence(made, discs, [20, 40], hkl, pixels)
    bare = made.with_rule(road="chebyshev")
    truth = bare.with_rule(beams=120, weak_beams=0).at(pixels, [20, 40], hkl)
    found = bare.at(pixels, [20, 40], hkl)
    true = [apart(one, other) for one, other in zip(found.flatten(0, 1), truth.flatten(0, 1), strict=True)]
    true_rms, true_max = max(rms for rms, _ in true), max(most for _, most in true)
    print(f"told {told.beam_error_rms:.4f} rms, {told.beam_error_max:.4f} max; true {true_rms:.4f}, {true_max:.4f}")
    assert 0.5 < told.beam_error_rms / true_rms < 2.0
    assert 0.5 < told.beam_error_max / true_max < 2.0
    assert 1e-6 < told.slice_error_max < 0.05
    assert told.pixels == 64


def test_pixels_are_seeded_and_each_once():
    """One seed gives one draw; within a radius none lies outside."""
    made = LACBEDExperiment.of(load("Al"), (0, 0, 1), size_px=16)
    drawn = sampled(made, seed=3)
    assert torch.equal(drawn, sampled(made, seed=3)) and not torch.equal(drawn, sampled(made, seed=4))
    assert len(torch.unique(drawn)) == 64
    radius = 0.5 * made.field.half_width_per_angstrom
    inside = made.field.k_t[sampled(made, radius)]
    assert float(inside.norm(dim=-1).max()) <= radius and 30 < len(inside) <= 64


def test_wanted_error_sets_the_beams():
    """Less error takes more beams, half as many again at each step, and the error told keeps to it."""
    made = LACBEDExperiment.of(load("Si"), (0, 0, 1), size_px=16, half_angle_mrad=8.0, absorption="proportional")
    pixels = sampled(made)[:16]
    beams = []
    for error in (0.02, 0.003):
        enough = with_wanted_error(made, error, 40, TRANSMITTED, pixels)
        told = convergence(enough, enough.discs(40, TRANSMITTED), 40, TRANSMITTED, pixels)
        assert told.beam_error_rms <= error and told.slice_error_rms <= error
        assert enough.rule.weak_beams == pytest.approx(1.5 * enough.rule.beams, abs=2)
        beams.append(enough.rule.beams)
    print(f"beams for 0.02 and 0.003: {beams}")
    assert 24 <= beams[0] < beams[1] < 100


def test_wanted_error_that_cannot_be():
    """One that no single precision has, and one beyond the reflections of the zone, in one line each."""
    made = LACBEDExperiment.of(load("W"), (1, 1, 2), size_px=16, absorption="none", accelerating_voltage_kv=60)
    with pytest.raises(InputError, match="error = 1e-09: expected 0.0001 to 0.5"):
        with_wanted_error(made, 1e-9, 50, TRANSMITTED, sampled(made))
    with pytest.raises(InputError, match=r"error = 0.0001 cannot be reached: with \d+ beams it is .* reflections"):
        with_wanted_error(made, 1e-4, 100, TRANSMITTED, sampled(made)[:8])


def test_warning_above_two_percent():
    """Said once for each reason, and not below."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        Convergence(0.019, 0.3, 0.019, 0.3, 64).warn()
    with pytest.warns(UserWarning, match="0.03 of the incident intensity rms for want of beams"):
        Convergence(0.03, 0.3, 0.0, 0.0, 64).warn()
    with pytest.warns(UserWarning, match="for want of slices"):
        Convergence(0.0, 0.0, 0.04, 0.1, 64).warn()
