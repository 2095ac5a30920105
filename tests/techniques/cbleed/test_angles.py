"""A cone folded along mirror planes holds every direction once, and unfolds to the whole."""

import numpy as np
import pytest
import torch

from zoneaxis.techniques.cbleed.angles import FoldedCone

AXIS = np.linspace(-0.3, 0.3, 5)
CONE = np.stack([part.ravel() for part in np.meshgrid(AXIS, AXIS)], axis=1)
BEAMS = np.array([(0, 0), (1, 0), (-1, 1), (2, -1)])


@pytest.mark.parametrize(("mirrors", "directions"), [((False, False), 25), ((False, True), 15), ((True, True), 9)])
def test_directions_left(mirrors: tuple[bool, bool], directions: int) -> None:
    """One mirror leaves 15 of 25 directions, two leave 9, none all; each direction is the image of one that is left."""
    cone = FoldedCone.fold(CONE, *mirrors)
    assert len(cone.k) == directions
    np.testing.assert_allclose(cone.k[cone.source] * cone.flip, CONE, atol=1e-12)


@pytest.mark.parametrize("mirrors", [(False, False), (False, True), (True, False), (True, True)])
def test_unfolding_restores_the_cone(mirrors: tuple[bool, bool]) -> None:
    """A function of beam and direction with these mirrors comes back whole from the directions that are left."""
    odd = [0.0 if mirror else 1.0 for mirror in mirrors]

    def intensity(k: np.ndarray, beams: np.ndarray) -> torch.Tensor:
        (kx, ky), (h, n) = k.T[:, :, None], beams.T[:, None]
        values = 2 + h * kx + 3 * n * ky + h**2 * ky**2 + odd[0] * (h + kx) + odd[1] * (n - 2 * ky)
        return torch.from_numpy(np.asarray(values, dtype=np.float64))

    cone = FoldedCone.fold(CONE, *mirrors)
    computed = cone.beams(BEAMS)
    unfolded = cone.unfold(intensity(cone.k, computed)[None], computed, BEAMS)
    assert unfolded.shape == (1, len(BEAMS), len(CONE))
    torch.testing.assert_close(unfolded[0], intensity(CONE, BEAMS).T, rtol=0, atol=1e-12)


def test_mirror_images_of_beams_are_added() -> None:
    """Folded along y, the beams (h, k) and (h, -k) are both computed, each once; without a mirror none is added."""
    folded = FoldedCone.fold(CONE, False, True).beams(BEAMS)
    assert folded.tolist() == [[-1, -1], [-1, 1], [0, 0], [1, 0], [2, -1], [2, 1]]
    assert len(FoldedCone.fold(CONE, False, False).beams(BEAMS)) == len(BEAMS)
