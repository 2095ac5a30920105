"""Tilted detector: the flat EBSD screen in front of a tilted sample, and where each of its pixels looks.

Frames are right-handed. Sample: X_s (RD), Y_s (TD), Z_s = outward normal. Detector: X_d right, Y_d up, Z_d from the
sample to the screen, so the pattern is seen from behind the screen, looking at the sample. Row 0 is the top.
The pattern centre is the foot of the perpendicular from the source point, in Bruker's convention inside zoneaxis:
(PCx from the left edge / width, PCy from the top edge / height, PCz = distance / height). Lengths in µm at the door.

Source: Britton et al. (2016), Mater. Charact. 117, 113; Callahan & De Graef (2013), Microsc. Microanal. 19, 1255.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from zoneaxis.errors import InputError


def gnomonic_directions(shape: tuple[int, int], pattern_centre: Tensor) -> Tensor:
    """Unit vectors (..., rows, cols, 3) in the detector frame from the source point to the pixel centres.

    `pattern_centre` is (..., 3) in Bruker's convention; differentiable with respect to it.
    """
    rows, cols = shape
    pc_x, pc_y, pc_z = (component[..., None, None] for component in pattern_centre.unbind(-1))
    col, row = (torch.arange(side).to(pattern_centre) for side in (cols, rows))
    x = (cols / rows) * ((col + 0.5) / cols - pc_x) / pc_z
    y = (pc_y - (row[:, None] + 0.5) / rows) / pc_z
    x, y = torch.broadcast_tensors(x, y)
    return torch.nn.functional.normalize(torch.stack((x, y, torch.ones_like(x)), dim=-1), dim=-1)


def detector_matrix(
    sample_tilt_deg: float = 70.0, camera_elevation_deg: float = 0.0, azimuth_deg: float = 0.0, twist_deg: float = 0.0
) -> Tensor:
    """M (3, 3) float64 with v_detector = M @ v_sample; its rows are X_d, Y_d, Z_d in the sample frame.

    An untilted sample and a vertical screen give rows Y_s, Z_s, X_s. From there the frame turns about its own X_d
    by the camera elevation less the sample tilt, about its own Y_d by -azimuth, about its own Z_d by -twist.
    """
    frame = torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    for axis, angle_deg in enumerate((camera_elevation_deg - sample_tilt_deg, -azimuth_deg, -twist_deg)):
        c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = torch.eye(3, dtype=torch.float64)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, s, -s, c
        frame = turn @ frame
    return frame


@dataclass(frozen=True)
class TiltedDetector:
    """A flat screen: pixels (rows, cols), pattern centre (Bruker), and the angles of sample and camera in degrees.

    Raises InputError when the pattern centre cannot be one: not finite, further than a whole detector outside of the
    screen, or a distance of more than three detector heights.
    """

    shape: tuple[int, int]
    pattern_centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    sample_tilt_deg: float = 70.0
    camera_elevation_deg: float = 0.0
    azimuth_deg: float = 0.0
    twist_deg: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 2:
            raise InputError(f"detector: shape {self.shape} is not (rows, cols) with at least 2 pixels each")
        check_pattern_centre(self.pattern_centre)
        angles = (self.sample_tilt_deg, self.camera_elevation_deg, self.azimuth_deg, self.twist_deg)
        if not all(math.isfinite(angle) and abs(angle) <= 180 for angle in angles):
            raise InputError(f"detector: angles {angles} (tilt, elevation, azimuth, twist) are not within 180 degrees")

    def matrix(self) -> Tensor:
        """M (3, 3) float64 with v_detector = M @ v_sample."""
        return detector_matrix(self.sample_tilt_deg, self.camera_elevation_deg, self.azimuth_deg, self.twist_deg)

    def directions(self, pattern_centre: Tensor | None = None) -> Tensor:
        """Unit vectors (..., rows, cols, 3) in the sample frame, from the source point to every pixel, float32.

        Another `pattern_centre` (..., 3) may be given; the result then follows its dtype and is differentiable.
        """
        if pattern_centre is None:
            exact = gnomonic_directions(self.shape, torch.tensor(self.pattern_centre, dtype=torch.float64))
            return (exact @ self.matrix()).to(torch.float32)
        return gnomonic_directions(self.shape, pattern_centre) @ self.matrix().to(pattern_centre)

    def resized(self, shape: tuple[int, int]) -> Self:
        """The same screen with other pixels. Fractions stay; the aspect ratio should (heights are the unit of z)."""
        return replace(self, shape=(int(shape[0]), int(shape[1])))

    def square(self, size_px: int) -> Self:
        """The central square of the screen at size_px x size_px, as patterns are cropped; PCz counts its new height."""
        rows, cols = self.shape
        short, (x, y, z) = min(rows, cols), self.pattern_centre
        centre = (0.5 + (x - 0.5) * cols / short, 0.5 + (y - 0.5) * rows / short, z * rows / short)
        return replace(self, shape=(size_px, size_px), pattern_centre=centre)

    @classmethod
    def from_edax(cls, shape: tuple[int, int], x: float, y: float, z: float, **angles: float) -> Self:
        """From EDAX/TSL's x*, y* (upwards from the bottom edge) and z* (in units of the shorter side)."""
        rows, cols = shape
        return cls(shape, (x, 1 - y, z * min(rows, cols) / rows), **angles)

    def to_edax(self) -> tuple[float, float, float]:
        """Pattern centre in EDAX/TSL's convention."""
        (rows, cols), (x, y, z) = self.shape, self.pattern_centre
        return x, 1 - y, z * rows / min(rows, cols)

    @classmethod
    def from_oxford(cls, shape: tuple[int, int], x: float, y: float, z: float, **angles: float) -> Self:
        """From Oxford's fractions of the width: y upwards from the bottom edge, z the distance."""
        rows, cols = shape
        return cls(shape, (x, 1 - y * cols / rows, z * cols / rows), **angles)

    def to_oxford(self) -> tuple[float, float, float]:
        """Pattern centre in Oxford's convention."""
        (rows, cols), (x, y, z) = self.shape, self.pattern_centre
        return x, (1 - y) * rows / cols, z * rows / cols

    @classmethod
    def from_emsoft(
        cls,
        shape: tuple[int, int],
        xpc: float,
        ypc: float,
        distance_um: float,
        pixel_size_um: float,
        binning: int = 1,
        version: int = 5,
        **angles: float,
    ) -> Self:
        """From EMsoft's xpc, ypc (unbinned pixels off the screen's centre), L and delta (µm, unbinned pixel).

        `shape` counts binned pixels. A positive xpc puts the pattern centre left of the screen's middle since
        version 5 and right of it before: give `version` 4 for files of the older programs.
        """
        rows, cols = shape
        x = 0.5 - _emsoft_sign(version) * xpc / (cols * binning)
        return cls(shape, (x, 0.5 - ypc / (rows * binning), distance_um / (rows * binning * pixel_size_um)), **angles)

    def to_emsoft(self, pixel_size_um: float, binning: int = 1, version: int = 5) -> tuple[float, float, float]:
        """EMsoft's (xpc, ypc, L in µm)."""
        (rows, cols), (x, y, z) = self.shape, self.pattern_centre
        xpc = _emsoft_sign(version) * (0.5 - x) * cols * binning
        return xpc, (0.5 - y) * rows * binning, z * rows * binning * pixel_size_um


def check_pattern_centre(pattern_centre: tuple[float, float, float]) -> None:
    """Raise InputError unless a pattern centre is plausible: x and y in [-1, 2], z above 0 and at most 3."""
    if len(pattern_centre) != 3 or not all(math.isfinite(value) for value in pattern_centre):
        raise InputError(f"pattern centre: {pattern_centre} is not three finite numbers (PCx, PCy, PCz)")
    x, y, z = pattern_centre
    if not (-1 <= x <= 2 and -1 <= y <= 2 and 0 < z <= 3):
        raise InputError(
            f"pattern centre: {pattern_centre} is far outside of the detector; Bruker's convention has PCx and PCy "
            "from -1 to 2 and PCz above 0 and at most 3"
        )


def _emsoft_sign(version: int) -> int:
    if version not in (4, 5):
        raise InputError(f"EMsoft version {version} is unknown: give 4 (and older) or 5 (and newer)")
    return 1 if version == 5 else -1
