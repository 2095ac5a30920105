"""Image of a disc: from intensities on a grid of directions to the pixels of a camera that blurs, shifts and distorts.

Pixel (i, j) of N looks at (x, y) = (j + 1/2 - N/2, i + 1/2 - N/2) px; with the centre and the disc's own shift added,

    k_t = half_width/(N/2) [[1 + aspect, shear - turn], [shear + turn, 1 - aspect]] (x, y)

and sees the intensity there, blurred by a Gaussian. All of it is differentiable.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GEOMETRY = ("half_width", "aspect", "shear", "turn", "centre_x", "centre_y", "blur")
"""Order of the numbers of a geometry: 1/Å, three ratios, px, px, px (standard deviation of the Gaussian)."""


@dataclass(frozen=True)
class ImagePlane:
    """Pixels of the measured discs over pictures on a square grid of directions.

    Attributes:
        size_px: side of a measured disc as it is compared.
        bin_px: camera pixels to one of these; lengths in px are camera pixels.
        field_half_width: of the grid of directions [1/Å].
    """

    size_px: int
    bin_px: int
    field_half_width: float

    @property
    def pixels(self) -> Tensor:
        """Camera pixels from the middle to each pixel of a row or column, (size,)."""
        steps = torch.arange(self.size_px, dtype=torch.float64) + 0.5 - self.size_px / 2
        return steps * self.bin_px

    def image(self, pictures: Tensor, geometry: Tensor, shifts: Tensor) -> Tensor:
        """Pictures (discs, n, n) as the camera sees them, (discs, size, size).

        Args:
            pictures: intensity, or its derivative, on the grid of directions.
            geometry: (7,), see `GEOMETRY`.
            shifts: (discs, 2) each disc's own shift in x and y [camera px].
        """
        half_width, aspect, shear, turn, centre_x, centre_y, blur = geometry.unbind()
        n = pictures.shape[-1]
        camera_half = self.size_px * self.bin_px / 2
        scale = half_width / camera_half * (n / 2) / self.field_half_width
        steps = self.pixels
        x = steps[None, None, :] + centre_x + shifts[:, 0, None, None]
        y = steps[None, :, None] + centre_y + shifts[:, 1, None, None]
        columns = ((1 + aspect) * x + (shear - turn) * y) * scale + (n - 1) / 2
        rows = ((shear + turn) * x + (1 - aspect) * y) * scale + (n - 1) / 2
        return _sample(_blurred(pictures, blur * scale), columns, rows)


def _blurred(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian of `sigma` grid steps along both axes; at the edge over what is there."""
    steps = torch.arange(pictures.shape[-1], dtype=pictures.dtype)
    weights = torch.exp(-0.5 * ((steps[:, None] - steps) / sigma) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    return weights @ pictures @ weights.T


def _sample(pictures: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Cubic convolution (Catmull-Rom) at places (discs, size, size) in grid steps, held constant beyond the edge."""
    n = pictures.shape[-1]
    columns, rows = columns.clamp(0, n - 1), rows.clamp(0, n - 1)
    left, upper = (place.detach().floor().clamp(1, n - 3) for place in (columns, rows))
    across, down = _cubic(columns - left), _cubic(rows - upper)
    first = torch.arange(len(pictures))[:, None, None] * n * n + (upper.long() - 1) * n + left.long() - 1
    flat = pictures.reshape(-1)
    total = torch.zeros_like(first, dtype=pictures.dtype)
    for i in range(4):
        line = torch.zeros_like(total)
        for j in range(4):
            line = line + across[j] * flat[first + i * n + j]
        total = total + down[i] * line
    return total


def _cubic(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of the nodes -1, 0, 1, 2."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
