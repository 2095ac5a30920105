"""Small pairs: pictures of atoms on a square lattice and the power of their waves, 32 px, for translators to learn."""

import torch
from torch import Tensor

SIZE_PX = 32


def pairs(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Lattices (n, 1, 32, 32) of spacing 4 to 12 px and some weight, and their pictures in reciprocal space."""
    generator = torch.Generator().manual_seed(seed)
    spacing = 4 + 8 * torch.rand(count, 1, 1, generator=generator)
    weight = 0.3 + 0.7 * torch.rand(count, 1, 1, generator=generator)
    off_centre = torch.arange(SIZE_PX) - (SIZE_PX - 1) / 2
    wave = torch.cos(2 * torch.pi * off_centre / spacing).clamp_min(0) ** 4
    lattice = weight * wave * wave.mT
    rings = torch.exp(-((off_centre.square() + off_centre.square()[:, None]).sqrt() - spacing).square() / 8)
    return lattice[:, None], (weight * rings)[:, None]
