"""Refinement: derivatives, reach, limits."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import misorientation_deg, random_orientations, rotation_vector_to_matrix
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.spherical_field import grid_directions
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import circular_mask, ncc
from zoneaxis.reading.refine import _linearise, _Screen, differentiable_master, refine


def _turned(orientations: torch.Tensor, angle_deg: float, seed: int = 1) -> torch.Tensor:
    """Each orientation turned by that angle about an axis of its own."""
    axes = torch.randn(len(orientations), 3, generator=torch.Generator().manual_seed(seed))
    return (
        rotation_vector_to_matrix(math.radians(angle_deg) * torch.nn.functional.normalize(axes, dim=1)) @ orientations
    )


def test_slope_agrees_with_automatic_differentiation():
    """The slope of the NCC from the looked-up maps is the one autograd finds through the whole projection."""
    v = grid_directions(301, torch.float64)
    master = torch.sin(7 * v[..., 0]) * torch.cos(5 * v[..., 1]) + torch.sin(9 * v[..., 2] * v[..., 0])
    detector = TiltedDetector((12, 12), (0.45, 0.25, 0.55))
    pattern = project(master, random_orientations(1, 5, torch.float64), detector.directions().double())
    orientation = random_orientations(1, 3, torch.float64)
    screen, mask = _Screen.of(detector, master), circular_mask((12, 12))
    step = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    centre = torch.tensor([detector.pattern_centre], dtype=torch.float64)
    turn = orientation @ screen.matrix.T
    moved = turn @ rotation_vector_to_matrix(step[:, :3]) @ screen.matrix
    seen = project(master, moved, detector.directions(centre + step[:, 3:]))
    by_autograd = torch.autograd.grad(ncc(seen, pattern, mask).sum(), step)[0]
    flat = pattern.flatten(1)[:, screen.pixels]
    system = _linearise(flat, differentiable_master(master), screen, turn, centre, with_centre=True)
    torch.testing.assert_close(system.ncc[0], ncc(seen, pattern, mask)[0].float(), atol=1e-5, rtol=0)
    cosine = torch.nn.functional.cosine_similarity(system.slope.double(), by_autograd)
    print(f"direction of the slope: cosine {cosine.item():.5f}")
    assert cosine > 0.999


def test_finds_back_orientation_without_noise(masters, detector):
    """From 2 degrees off, clean patterns come back to better than 0.05 degrees."""
    truth = random_orientations(12, seed=2)
    patterns = project(masters["wide"], truth, detector)
    refined = refine(
        patterns, masters["wide"], detector, _turned(truth, 2.0), refine_pattern_centre=False, iterations=15
    )
    off = misorientation_deg(refined.orientation, truth, torch.eye(3)[None])
    print(f"median {off.median():.4f}, largest {off.max():.4f} degrees, NCC {refined.ncc.min():.4f}")
    assert off.median() < 0.05 and (off < 0.2).float().mean() > 0.9


def test_finds_back_the_pattern_centre(masters, detector, noisy):
    """From 0.03 off in all three, with as much noise as signal, the pattern centre comes back to a hundredth."""
    patterns, truth = noisy("wide", n=8)
    start = torch.tensor([detector.pattern_centre]).repeat(8, 1) + 0.03
    refined = refine(patterns, masters["wide"], detector, truth, pattern_centre=start, iterations=25)
    off = (refined.pattern_centre - torch.tensor(detector.pattern_centre)).abs()
    print(f"pattern centre, median error {off.median(0).values.tolist()}")
    assert off.median() < 0.01 and refined.ncc.mean() > 0.6


def test_never_falls_below_its_start_and_keeps_its_bounds(masters, detector, noisy):
    """NCC only rises with iterations; the pattern centre stays within its tolerance; rotations stay rotations."""
    patterns, _ = noisy("wide")
    start = random_orientations(6, seed=8)
    reached = [
        refine(patterns, masters["wide"], detector, start, iterations=i, pattern_centre_tolerance=0.01)
        for i in (0, 3, 9)
    ]
    assert (reached[1].ncc >= reached[0].ncc - 1e-5).all() and (reached[2].ncc >= reached[1].ncc - 1e-5).all()
    assert (reached[2].pattern_centre - torch.tensor(detector.pattern_centre)).abs().max() <= 0.01 + 1e-6
    product = reached[2].orientation @ reached[2].orientation.transpose(1, 2)
    torch.testing.assert_close(product, torch.eye(3).expand(6, 3, 3), atol=1e-4, rtol=0)


def test_batch_changes_nothing(masters, detector, noisy):
    """One by one and together agree; gain and offset of the camera change nothing."""
    patterns, truth = noisy("narrow")
    start = _turned(truth, 1.0)
    together = refine(patterns, masters["narrow"], detector, start)
    alone = refine(7 * patterns[2:3] + 11, masters["narrow"], detector, start[2:3])
    assert abs(together.ncc[2] - alone.ncc[0]) < 1e-4
    assert misorientation_deg(together.orientation[2:3], alone.orientation, torch.eye(3)[None]).item() < 0.02


def test_flat_patterns_do_no_harm(masters, detector):
    """A pattern without contrast gives NCC 0 and finite values."""
    flat = refine(torch.zeros(2, *detector.shape), masters["wide"], detector, random_orientations(2, 0))
    assert torch.isfinite(flat.orientation).all() and flat.ncc.abs().max() < 1e-3


def test_shapes_that_do_not_fit_are_refused(masters, detector):
    """Patterns of another size than the detector."""
    with pytest.raises(InputError, match="refine"):
        refine(torch.zeros(2, 9, 9), masters["wide"], detector, random_orientations(2, 0))
