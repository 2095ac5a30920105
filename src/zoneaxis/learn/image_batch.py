"""Image batch: images in memory as networks take them, checked, counted, and read a part at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError

READ_AT_ONCE = 256


def as_images(images: np.ndarray | Tensor, size_px: int | None = None) -> Tensor:
    """Checked images (n, 1, rows, cols) float32 in [0, 1]; a missing channel axis is added.

    Raises `InputError` for another shape, a size other than `size_px`, NaN or values outside [0, 1].
    """
    images = torch.as_tensor(images, dtype=torch.float32)
    images = images[:, None] if images.ndim == 3 else images
    side = images.shape[-1] if size_px is None else size_px
    if images.ndim != 4 or 0 in images.shape or images.shape[1:] != (1, side, side):
        raise InputError(f"images have shape {tuple(images.shape)}, expected (n, 1, {side}, {side})")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):
        raise InputError(f"images hold values from {float(low):g} to {float(high):g} or NaN; allowed: 0 to 1")
    return images


def fingerprint(images: Tensor) -> dict[str, Any]:
    """Number, size and a checksum of the images, so that a run is never resumed on others."""
    return {"images": len(images), "size_px": images.shape[-1], "crc32": zlib.crc32(images.contiguous().numpy().data)}


@torch.no_grad()
def in_parts(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """What a function of a batch gives for all inputs, computed on a few at a time."""
    return torch.cat([function(part) for part in inputs.split(READ_AT_ONCE)])
