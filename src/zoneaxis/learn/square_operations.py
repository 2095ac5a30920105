"""Square operations: the eight ways to turn and mirror a square picture, chosen per image."""

from __future__ import annotations

import torch
from torch import Tensor

COUNT = 8


def turned(images: Tensor, operations: Tensor | int) -> Tensor:
    """Images (n, c, rows, cols), square, each after its operation, a number from 0 to 7 or (n,) of them.

    Bit 0 mirrors left and right, bit 1 up and down, then bit 2 exchanges rows and columns; 0 leaves an image alone.
    """
    bits = torch.as_tensor(operations, device=images.device).reshape(-1, 1, 1, 1)
    images = torch.where((bits & 1).bool(), images.flip(-1), images)
    images = torch.where((bits & 2).bool(), images.flip(-2), images)
    return torch.where((bits & 4).bool(), images.transpose(-1, -2), images)


def turned_back(images: Tensor, operations: Tensor | int) -> Tensor:
    """The inverse of `turned`."""
    bits = torch.as_tensor(operations, device=images.device).reshape(-1, 1, 1, 1)
    images = torch.where((bits & 4).bool(), images.transpose(-1, -2), images)
    images = torch.where((bits & 2).bool(), images.flip(-2), images)
    return torch.where((bits & 1).bool(), images.flip(-1), images)
