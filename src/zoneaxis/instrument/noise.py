"""Degradation: what a real camera and a real specimen do to a computed pattern, drawn pattern by pattern.

The chain itself is in `zoneaxis.instrument.camera`. The ranges are proposals
that span ordinary EBSD cameras; none was fitted to a measured pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from torch import Tensor

from zoneaxis.instrument.camera import MARGIN, degrade, degrade_with_background
from zoneaxis.instrument.ranges import Range, Ranges, drawn_from


@dataclass(frozen=True)
class Degradation(Ranges):
    """Ranges (low, high) from which every parameter of the degradation is drawn, one draw per pattern.

    Lengths are in pixels of the given pattern or fractions of its side; x runs right, y down, from the top left corner.
    The defaults are the mild preset. Raises InputError for a range that is inverted or leaves its physical limits.
    """

    title: ClassVar[str] = "degradation"
    presets: ClassVar[tuple[str, ...]] = ("mild", "harsh", "extreme", "none")

    excess_deficiency: Range = drawn_from(-0.4, 0.4, -3, 3)
    """Gradient added across the bands, relative to the diffraction signal (both at standard deviation 1)."""
    excess_deficiency_direction_deg: Range = drawn_from(-20, 20, -180, 180)
    """Direction of that gradient from the vertical."""
    bottom_contrast: Range = drawn_from(0.3, 1.0, -1, 1)
    """Factor on the diffraction signal at the bottom edge, 1 at the top, linear between; negative reverses contrast."""
    background_ratio: Range = drawn_from(2, 6, 1, 100)
    """Smooth background over the peak of the diffraction signal."""
    background_x: Range = drawn_from(0.35, 0.65, -1, 2)
    """Column of the brightest point of the background, fraction of the width."""
    background_y: Range = drawn_from(0.15, 0.55, -1, 2)
    """Row of the brightest point of the background, fraction of the height."""
    background_width: Range = drawn_from(0.5, 1.2, 0.1, 100)
    """Standard deviation of the background along its long axis, fraction of the width."""
    background_aspect: Range = drawn_from(0.6, 1.0, 0.1, 1)
    """Short axis over long axis of the background."""
    background_tilt_deg: Range = drawn_from(-20, 20, -180, 180)
    """Turn of the background's long axis from the horizontal."""
    barrel_distortion: Range = drawn_from(-0.01, 0.01, -0.2, 0.2)
    """alpha of (x, y)(1 + alpha r²), x and y from -1 to 1."""
    point_spread_px: Range = drawn_from(0.5, 1.0, 0, MARGIN / 2)
    """Standard deviation of the point-spread function, px."""
    spectral_randomisation: Range = drawn_from(0, 0.2, 0, 2)
    """Standard deviation of the logarithm of a smooth random radial factor on the amplitude spectrum."""
    dose_electrons_per_px: Range = drawn_from(200, 1e4, 1, 1e9, log=True)
    """Mean number of electrons counted in a pixel."""
    gain_spread: Range = drawn_from(0, 0.005, 0, 0.2)
    """Relative standard deviation of the gain from pixel to pixel."""
    read_noise_electrons: Range = drawn_from(0, 2, 0, 1e4)
    """Standard deviation of the read-out noise, electrons."""
    coloured_noise: Range = drawn_from(0, 0.3, 0, 10)
    """Standard deviation of coloured noise, relative to that of the diffraction signal."""
    coloured_noise_exponent: Range = drawn_from(0.5, 1.5, 0, 3)
    """beta of its amplitude spectrum f^-beta (0 is white)."""
    hot_pixel_fraction: Range = drawn_from(0, 2e-4, 0, 0.1)
    """Share of pixels that read full white."""
    binning: Range = drawn_from(1, 1.5, 1, 4)
    """Side of a camera pixel in pixels of the given pattern: detail below it is lost."""
    gamma: Range = drawn_from(0.6, 1.2, 0.1, 5, log=True)
    """Exponent from light to grey value."""
    screen_radius: Range = drawn_from(1.0, 1.5, 0.5, 2)
    """Radius of the round screen over half the short side; black outside; from 1.42 on the whole square is lit."""
    black_level: Range = drawn_from(0, 1, 0, 1)
    """Share of the darkest light that the camera's offset takes away; 1 stretches the contrast most."""
    white_level: Range = drawn_from(0.85, 1.05, 0.1, 3)
    """Grey value of the brightest light with its noise, over full scale: above 1 the camera saturates."""

    @classmethod
    def mild(cls) -> Degradation:
        """A good camera, well exposed: frame-averaged patterns of a prepared specimen."""
        return cls()

    @classmethod
    def harsh(cls) -> Degradation:
        """A fast map with a coarse, blurring, badly lit camera: the widest ranges that ebsd.md section 8 proposes."""
        return cls(
            excess_deficiency=(-0.6, 0.6),
            background_width=(0.35, 1.2),
            barrel_distortion=(-0.02, 0.02),
            point_spread_px=(0.5, 1.5),
            dose_electrons_per_px=(10, 1e4),
            gain_spread=(0, 0.01),
            read_noise_electrons=(0, 3),
            hot_pixel_fraction=(0, 5e-4),
            binning=(1, 2),
            gamma=(0.3, 1.5),
            white_level=(0.8, 1.1),
        )

    @classmethod
    def extreme(cls) -> Degradation:
        """Beyond the harsh, for training: contrast that reverses down the screen, strong coloured noise."""
        return replace(
            cls.harsh(),
            excess_deficiency=(-0.8, 0.8),
            bottom_contrast=(-0.3, 1.0),
            spectral_randomisation=(0, 0.4),
            gain_spread=(0, 0.02),
            read_noise_electrons=(0, 5),
            coloured_noise=(0, 0.8),
            hot_pixel_fraction=(0, 1e-3),
            white_level=(0.7, 1.15),
        )

    @classmethod
    def none(cls) -> Degradation:
        """Nothing but a flat background and the 8 bits of the camera."""
        neutral: dict[str, float] = dict.fromkeys((item.name for item in fields(cls)), 0.0)
        neutral |= {"bottom_contrast": 1, "background_ratio": 2, "background_width": 100, "background_aspect": 1}
        neutral |= {"dose_electrons_per_px": 1e9, "binning": 1, "gamma": 1, "screen_radius": 2}
        neutral |= {"black_level": 1, "white_level": 1}
        return cls(**{name: (value, value) for name, value in neutral.items()})

    def apply(self, patterns: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Degrade patterns (n, rows, cols) with the drawn parameters: see `degrade`."""
        return degrade(patterns, drawn, generator)

    def apply_with_background(
        self, patterns: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """As `apply`, and the stored background (n, rows, cols) that comes with each: see `degrade_with_background`."""
        return degrade_with_background(patterns, drawn, generator)
