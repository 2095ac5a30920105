"""Small crystals made of bands, for matching without physics: masters, symmetries, patterns with noise."""

import itertools

import pytest
import torch

from zoneaxis.instrument.orientation import random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.spherical_field import grid_directions
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import prepare

SIZE_PX = 48
CENTRE = (0.47, 0.23, 0.55)


def signed_permutations() -> torch.Tensor:
    """The 48 operations of m-3m."""
    signs = itertools.product((1.0, -1.0), repeat=3)
    return torch.stack([torch.diag(torch.tensor(s))[list(p)] for s in signs for p in itertools.permutations(range(3))])


def band_master(
    families: dict[tuple[float, ...], tuple[float, float]], symmetry: torch.Tensor, side: int = 121
) -> torch.Tensor:
    """Bright bands along the planes of each family {normal: (half-width in radians, height)}, with a dark rim."""
    v = grid_directions(side)
    master = torch.zeros(2, side, side)
    for normal, (width, height) in families.items():
        normals = torch.nn.functional.normalize(symmetry @ torch.tensor(normal), dim=1)
        unique = torch.unique((normals * 1e5).round(), dim=0) / 1e5
        across = (v @ unique.T) / width
        master += height * ((-across.pow(6)).exp() - 0.5 * (-((across.abs() - 1.2) / 0.2).square()).exp()).sum(-1) / 2
    return master


@pytest.fixture(scope="session")
def symmetry() -> dict[str, torch.Tensor]:
    """Two cubic crystals and a tetragonal one."""
    cubic = signed_permutations()
    tetragonal = cubic[(cubic[:, 2, 2].abs() > 0.5)]
    return {"wide": cubic, "narrow": cubic, "tetragonal": tetragonal}


@pytest.fixture(scope="session")
def masters(symmetry) -> dict[str, torch.Tensor]:
    """Their master patterns: the cubic pair has the same planes with other widths and heights."""
    wide = {(1.0, 1, 1): (0.040, 1.0), (1.0, 0, 0): (0.046, 0.8), (1.0, 1, 0): (0.065, 0.6), (1.0, 1, 3): (0.076, 0.4)}
    narrow = {
        (1.0, 1, 0): (0.030, 1.0),
        (1.0, 0, 0): (0.042, 0.6),
        (1.0, 1, 2): (0.052, 0.7),
        (1.0, 1, 1): (0.060, 0.2),
    }
    long = {(1.0, 0, 0): (0.040, 1.0), (0.0, 0, 1): (0.025, 0.8), (1.0, 0, 1.6): (0.05, 0.7), (1.0, 1, 0): (0.056, 0.6)}
    families = {"wide": wide, "narrow": narrow, "tetragonal": long}
    return {name: band_master(families[name], symmetry[name]) for name in families}


@pytest.fixture(scope="session")
def detector() -> TiltedDetector:
    """A square screen."""
    return TiltedDetector((SIZE_PX, SIZE_PX), CENTRE)


@pytest.fixture(scope="session")
def noisy(masters, detector):
    """Six prepared patterns of a crystal with as much noise as signal, and their orientations."""

    def draw(name: str, n: int = 6, noise: float = 1.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        truth = random_orientations(n, seed=seed)
        clean = project(masters[name], truth, detector)
        spread = clean.std(dim=(1, 2), keepdim=True)
        generator = torch.Generator().manual_seed(seed)
        return prepare(clean + noise * spread * torch.randn(clean.shape, generator=generator), SIZE_PX), truth

    return draw
