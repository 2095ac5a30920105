"""Counting camera: what the screen and camera of a low-energy diffraction apparatus do to a computed image.

    intensity -> turn and shift -> blur -> electrons + background -> Poisson -> 16 bit

The diffraction keeps its shape under a turn and a shift in the plane of the camera; incidence tilt and energy spread
change the diffraction itself and belong to the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.ranges import Range, Ranges, drawn_from

WHITE = 65535
"""Full scale of the camera."""
BLUR_REACH = 4.0
"""Standard deviations at which the point-spread function is cut."""


@dataclass(frozen=True)
class CountingCamera(Ranges):
    """Ranges (low, high) from which every parameter of the camera is drawn, one draw per image.

    The defaults are the ideal preset: 1e4 electrons, counted, nothing else. Lengths are in pixels of the given image.
    Raises InputError for a range that is inverted or leaves its physical limits.
    """

    title: ClassVar[str] = "counting camera"
    presets: ClassVar[tuple[str, ...]] = ("ideal", "instrument")

    electrons: Range = drawn_from(1e4, 1e4, 1, 1e12, log=True)
    """Mean number of diffracted electrons in an image; those of the background come on top."""
    uniform_background: Range = drawn_from(0, 0, 0, 10)
    """Flat background over the maximum of the diffraction."""
    smooth_background: Range = drawn_from(0, 0, 0, 10)
    """Peak of a round hill of background over the maximum of the diffraction."""
    background_x: Range = drawn_from(0.5, 0.5, -1, 2)
    """Column of that peak, fraction of the width from the left."""
    background_y: Range = drawn_from(0.5, 0.5, -1, 2)
    """Row of that peak, fraction of the height from the top."""
    background_width: Range = drawn_from(0.5, 0.5, 0.05, 100)
    """Standard deviation of the hill, fraction of the width."""
    point_spread_px: Range = drawn_from(0, 0, 0, 16)
    """Standard deviation of the point-spread function."""
    shift_x_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Shift of the image to the right."""
    shift_y_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Shift of the image downwards."""
    rotation_deg: Range = drawn_from(0, 0, -180, 180)
    """Turn of the image about its middle, before the shift, anticlockwise as seen."""
    white_level: Range = drawn_from(0, 0, 0, 3)
    """Grey value of the brightest pixel, noise aside, over full scale (above 1 saturates); 0: electrons are given."""

    @classmethod
    def ideal(cls) -> CountingCamera:
        """Every electron is counted where it falls: Poisson noise alone."""
        return cls()

    @classmethod
    def instrument(cls) -> CountingCamera:
        """A screen with an ordinary camera, loosely aligned. Proposed ranges, fitted to no apparatus."""
        return cls(
            electrons=(1e3, 1e6),
            uniform_background=(0, 0.02),
            smooth_background=(0.05, 0.3),
            background_x=(0.4, 0.6),
            background_y=(0.4, 0.6),
            background_width=(0.3, 0.7),
            point_spread_px=(1, 2),
            shift_x_px=(-2, 2),
            shift_y_px=(-2, 2),
            rotation_deg=(-1, 1),
            white_level=(0.5, 0.95),
        )

    def apply(self, images: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Turn computed intensities into camera images: see `count`."""
        return count(images, drawn, generator)


def count(images: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Camera images from computed intensities.

    Arguments: images (n, rows, cols) float, non-negative, any scale; drawn: a tensor (n,) for every field of
    `CountingCamera`; generator on the images' device, the only source of chance.
    Returns float32 (n, rows, cols): electrons, or grey values 0 to 65535 where white_level is not 0; whole numbers.
    Limits: electrons -> infinity gives the image itself, rescaled. Raises InputError for an image that is dark,
    negative or not finite, before or after it was moved.
    """
    p = {name: values.to(images.device, torch.float32)[:, None, None] for name, values in drawn.items()}
    mean = expected_electrons(images, drawn)
    electrons = torch.poisson(mean, generator=generator)
    grey = (electrons * (p["white_level"] * WHITE / mean.amax((-2, -1), keepdim=True))).round().clamp(0, WHITE)
    return torch.where(p["white_level"] > 0, grey, electrons)


def expected_electrons(images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Mean number of electrons (n, rows, cols) in every pixel, background included, before chance: see `count`."""
    images = images.to(torch.float32)
    p = {name: values.to(images)[:, None, None] for name, values in drawn.items()}
    if not bool(torch.isfinite(images).all()) or bool((images < 0).any()):
        raise InputError("counting camera: intensities must be finite and not negative")
    signal = blurred(_moved(images, p), p["point_spread_px"])
    total = signal.sum((-2, -1), keepdim=True)
    if bool((total <= 0).any()):
        dark = int((total.flatten() <= 0).nonzero()[0])
        raise InputError(f"counting camera: image {dark} has no intensity; allowed is any sum above 0")
    signal = signal * (p["electrons"] / total)
    level = p["uniform_background"] + p["smooth_background"] * _hill(signal, p)
    return signal + level * signal.amax((-2, -1), keepdim=True)


def blurred(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Images (n, rows, cols) under a round Gaussian of standard deviation sigma (n, 1, 1) px; dark beyond the edges."""
    widest = float(sigma_px.max()) if len(sigma_px) else 0.0
    if widest == 0:
        return images
    reach = math.ceil(BLUR_REACH * widest)
    steps = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma_px.to(images).reshape(-1, 1).clamp_min(1e-3)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[:, None]
    # One group an image: each has its own kernel.
    across = F.conv2d(images[None], kernel[:, :, None], padding=(0, reach), groups=len(images))
    return F.conv2d(across, kernel[..., None], padding=(reach, 0), groups=len(images))[0]


def _moved(images: Tensor, p: Mapping[str, Tensor]) -> Tensor:
    """Images turned about their middle, then shifted; bilinear between pixels, dark beyond the edges."""
    moves = (p["rotation_deg"], p["shift_x_px"], p["shift_y_px"])
    if not any(bool(values.any()) for values in moves):
        return images
    rows, cols = images.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(rows, device=images.device) - (rows - 1) / 2,
        torch.arange(cols, device=images.device) - (cols - 1) / 2,
        indexing="ij",
    )
    x, y, angle = x - p["shift_x_px"], y - p["shift_y_px"], torch.deg2rad(p["rotation_deg"])
    source_x, source_y = torch.cos(angle) * x - torch.sin(angle) * y, torch.sin(angle) * x + torch.cos(angle) * y
    places = torch.stack([source_x * (2 / cols), source_y * (2 / rows)], dim=-1)
    return F.grid_sample(images[:, None], places, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]


def _hill(images: Tensor, p: Mapping[str, Tensor]) -> Tensor:
    """A round Gaussian hill of height 1."""
    rows, cols = images.shape[-2:]
    y = (torch.arange(rows, device=images.device)[:, None] + 0.5) / rows - p["background_y"]
    x = (torch.arange(cols, device=images.device)[None, :] + 0.5) / cols - p["background_x"]
    return torch.exp(-0.5 * (x**2 + (y * rows / cols) ** 2) / p["background_width"] ** 2)
