"""Planar detector: a flat screen square to the beam behind a transmission microscope, and the q of each pixel.

Beam frame: electrons fly along +z, the picture is seen along the beam, x runs right (columns), y runs down (rows),
right-handed. The scattering vector is q = k (s1 - s0) with k = 1/wavelength and no 2 pi, on the curved Ewald sphere.
Source: Edington (1975), Practical Electron Microscopy in Materials Science 2 (camera constant r d = lambda L, whose
limit of small angles this is).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError

SAMPLES_PER_FRINGE = 1.6
"""Sub-pixels per fringe 1/extent of a spot that its integral needs. Source: our measurement, a crystal of 162 Å on
pixels of 0.0156 1/Å: at this step spot intensities are within 0.2 % of those of twice as many sub-pixels a side."""
MOST_SUBPIXELS = 8192
"""Sub-pixels a side; q then takes 1.6 GB. Our choice."""
LARGEST_SIZE_PX = 8192
"""Pixels a side: one sub-pixel each at the limit above."""
LARGEST_WAVELENGTH_ANGSTROM = 1.0
"""Electrons of 150 eV; scattering above that is not into a small cone forwards. Our choice."""


@dataclass(frozen=True)
class PlanarDetector:
    """A square of pixels, square to the beam, at a camera length from the specimen.

    The defaults show 1.6 1/Å from the centre to the edge at 200 kV.

    Attributes:
        size_px: pixels a side.
        pixel_mm: side of a pixel.
        camera_length_mm: effective distance from the specimen to the screen.
        wavelength_angstrom: of the electrons; 0.025079 at 200 kV.
        offset_x_mm: the direct beam lies this far right of the middle of the picture.
        offset_y_mm: and this far below it.

    Raises:
        InputError: a number out of range, or a direct beam that misses the detector.
    """

    size_px: int = 256
    pixel_mm: float = 0.1
    camera_length_mm: float = 320.0
    wavelength_angstrom: float = 0.025079
    offset_x_mm: float = 0.0
    offset_y_mm: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.size_px, bool) or not isinstance(self.size_px, int) or self.size_px < 1:
            raise InputError(f"size_px = {self.size_px!r}: expected a whole number of pixels, at least 1")
        if self.size_px > LARGEST_SIZE_PX:
            raise InputError(f"size_px = {self.size_px}: expected at most {LARGEST_SIZE_PX}")
        for name in ("pixel_mm", "camera_length_mm", "wavelength_angstrom"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} = {value!r}: expected a finite number above 0")
        if self.wavelength_angstrom > LARGEST_WAVELENGTH_ANGSTROM:
            raise InputError(
                f"wavelength_angstrom = {self.wavelength_angstrom:g}: expected at most {LARGEST_WAVELENGTH_ANGSTROM:g}"
            )
        half = self.size_px * self.pixel_mm / 2
        for name in ("offset_x_mm", "offset_y_mm"):
            value = getattr(self, name)
            if not abs(value) < half:
                raise InputError(f"{name} = {value!r}: expected within ±{half:g} mm, so that the beam meets the screen")

    @property
    def step_per_angstrom(self) -> float:
        """Width of a pixel at the direct beam [1/Å]: pixel / (wavelength x camera length)."""
        return self.pixel_mm / (self.wavelength_angstrom * self.camera_length_mm)

    @property
    def q_max_per_angstrom(self) -> float:
        """|q| at the middle of the edge nearest to the direct beam: every direction is seen up to here [1/Å].

        Exact, 2 k sin(theta) with tan(2 theta) = distance / camera length.
        """
        nearest_mm = self.size_px * self.pixel_mm / 2 - max(abs(self.offset_x_mm), abs(self.offset_y_mm))
        return 2 / self.wavelength_angstrom * math.sin(math.atan(nearest_mm / self.camera_length_mm) / 2)

    @property
    def centre_px(self) -> tuple[float, float]:
        """(row, col) of the direct beam; the centre of the first pixel is (0, 0)."""
        middle = (self.size_px - 1) / 2
        return middle + self.offset_y_mm / self.pixel_mm, middle + self.offset_x_mm / self.pixel_mm

    def q(self, oversampling: int = 1) -> Tensor:
        """Scattering vectors at the centres of the pixels, or of their sub-pixels.

        They lie on the Ewald sphere, |q + k z| = k, so q_z = k (cos(2 theta) - 1) <= 0. Limit: small angles give
        q = (x, y, 0) / (wavelength x camera length).

        Args:
            oversampling: sub-pixels a side of a pixel.

        Returns:
            (size x oversampling, size x oversampling, 3) float64, beam frame, 1/Å.

        Raises:
            InputError: an oversampling below 1, or more than 8192 sub-pixels a side.
        """
        self._check(oversampling)
        places = (torch.arange(self.size_px * oversampling, dtype=torch.float64) + 0.5) / oversampling
        from_middle_mm = (places - self.size_px / 2) * self.pixel_mm
        y, x = torch.meshgrid(from_middle_mm - self.offset_y_mm, from_middle_mm - self.offset_x_mm, indexing="ij")
        square = x * x + y * y
        distance = torch.sqrt(square + self.camera_length_mm**2)
        scale = 1 / (self.wavelength_angstrom * distance)
        # L - distance would lose the digits of small angles.
        return torch.stack([x * scale, y * scale, -square / (distance + self.camera_length_mm) * scale], dim=-1)

    def oversampling_for(self, extent_angstrom: float) -> int:
        """Sub-pixels a side that integrate the spots of a specimen: their step is at most 1 / (1.6 extent).

        A crystal of extent D makes fringes 1/D wide; on a coarser grid, a spot is as bright as the chance of where
        the pixel centres fall.

        Args:
            extent_angstrom: largest extent of the specimen across the beam.

        Raises:
            InputError: an extent that is not above 0.
        """
        if not (math.isfinite(extent_angstrom) and extent_angstrom > 0):
            raise InputError(f"extent_angstrom = {extent_angstrom!r}: expected a finite length above 0")
        return max(1, math.ceil(SAMPLES_PER_FRINGE * extent_angstrom * self.step_per_angstrom - 1e-9))

    def binned(self, intensity: Tensor, oversampling: int) -> Tensor:
        """Pixels from sub-pixels: the mean of each block, so that the scale does not depend on the oversampling.

        Args:
            intensity: (..., size x oversampling, size x oversampling).
            oversampling: sub-pixels a side of a pixel.

        Returns:
            (..., size, size).

        Raises:
            InputError: a picture of another shape.
        """
        self._check(oversampling)
        side = self.size_px * oversampling
        if intensity.ndim < 2 or tuple(intensity.shape[-2:]) != (side, side):
            raise InputError(f"intensity of shape {tuple(intensity.shape)}: expected (..., {side}, {side})")
        blocks = intensity.reshape(*intensity.shape[:-2], self.size_px, oversampling, self.size_px, oversampling)
        return blocks.mean((-3, -1))

    def pixel_of(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Where a scattering vector is seen: the inverse of `q`, for labels.

        Only the components across the beam count. A reflection g that lies off the Ewald sphere is so given where
        its streak along the beam, that of a thin foil square to it, meets the sphere.

        Args:
            q: (..., 2) or (..., 3), beam frame, 1/Å.

        Returns:
            row and column (...), float64, not rounded; the picture holds -0.5 to size - 0.5.

        Raises:
            InputError: another shape, or a vector that points sideways (|q_xy| >= 1/wavelength).
        """
        if q.ndim < 1 or q.shape[-1] not in (2, 3):
            raise InputError(f"q of shape {tuple(q.shape)}: expected (..., 2) or (..., 3)")
        across = q[..., :2].double() * self.wavelength_angstrom
        along = 1 - across.square().sum(-1)
        if not bool((along > 0).all()):
            raise InputError(f"q: expected components across the beam below {1 / self.wavelength_angstrom:g} 1/Å")
        place_px = across * (self.camera_length_mm / self.pixel_mm) / torch.sqrt(along)[..., None]
        row, col = self.centre_px
        return place_px[..., 1] + row, place_px[..., 0] + col

    def _check(self, oversampling: int) -> None:
        most = MOST_SUBPIXELS // self.size_px
        if isinstance(oversampling, bool) or not isinstance(oversampling, int) or not 1 <= oversampling <= most:
            raise InputError(
                f"oversampling = {oversampling!r}: expected a whole number, 1 to {most} at {self.size_px} pixels a side"
            )
