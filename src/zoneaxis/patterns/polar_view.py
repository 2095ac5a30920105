"""Polar view: what a network on polar cells sees of shown diffraction patterns, the same in training and in reading.

Where the camera constant is known the rings are of constant |g|; where it is not, they are of constant ratio over the
half width of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.patterns.polar import Radial, Stretch, prepare_polar

FIRST_PER_ANGSTROM, LAST_PER_ANGSTROM = 0.04, 1.5
"""Known camera: rings from below 100 of the largest cells (0.1 1/Å) to where spots grow weak. Our choice."""
FIRST_SHARE, LAST_SHARE = 0.05, 1.0
"""Unknown camera: rings over the half width of the picture. Our choice."""
SCALE = "per_angstrom_per_px"
"""Label of a stored pattern that tells its camera: 1/Å a pixel in the middle."""
LEAST_SIZE = 8
"""Rings and angles at least. Source: our choice; networks halve the axes three times or more."""

Camera = Literal["known", "unknown"]


@dataclass(frozen=True)
class PolarView:
    """Makes network input of shown pictures; nothing is drawn.

    Attributes:
        size: rings and angles, the same number, over 180° (Friedel-folded).
        camera_constant: "known": rings of constant |g|, from the scale of each picture; "unknown": log-radius.
        first, last: inner and outer edge of the rings, in 1/Å (known) or over the half width (unknown); None: defaults.
        radial: spacing of the rings; None: linear for a known camera, else logarithmic.
        stretch: of the grey values, see `prepare_polar`.

    Raises InputError for a value that cannot be.
    """

    size: int = 96
    camera_constant: Camera = "known"
    first: float | None = None
    last: float | None = None
    radial: Radial | None = None
    stretch: Stretch = "log"

    def __post_init__(self) -> None:
        if self.camera_constant not in ("known", "unknown"):
            raise InputError(f"polar view: camera_constant = {self.camera_constant!r}: expected known or unknown")
        if not isinstance(self.size, int) or self.size < LEAST_SIZE:
            raise InputError(f"polar view: size = {self.size}: expected at least {LEAST_SIZE} rings and angles")
        if not 0 < self.edges[0] < self.edges[1]:
            raise InputError(f"polar view: first, last = {self.edges}: expected 0 < first < last")

    @property
    def edges(self) -> tuple[float, float]:
        """Inner edge of the first ring and outer edge of the last."""
        known = self.camera_constant == "known"
        first = (FIRST_PER_ANGSTROM if known else FIRST_SHARE) if self.first is None else self.first
        last = (LAST_PER_ANGSTROM if known else LAST_SHARE) if self.last is None else self.last
        return first, last

    @property
    def spacing(self) -> Radial:
        """Spacing of the rings."""
        return self.radial or ("linear" if self.camera_constant == "known" else "log")

    @property
    def arguments(self) -> dict[str, Any]:
        """Every setting as a plain value, none left to a default: what a model's card states."""
        first, last = self.edges
        return asdict(self) | {"first": first, "last": last, "radial": self.spacing}

    def __call__(
        self,
        pictures: Tensor,
        per_angstrom_per_px: Tensor | None = None,
        margin: int = 0,
        *,
        centre_px: Sequence[float] | Tensor | None = None,
    ) -> Tensor:
        """Network input (n, rings, angles) of shown pictures (n, rows, cols), each of mean 0 and variance 1.

        A turn of a picture by m steps of 180°/size rolls the angles by m.

        Args:
            pictures: any rising map of the intensity.
            per_angstrom_per_px: (n,) 1/Å a pixel in the middle; needed where the camera is known.
            margin: further rings on either side, of a log-radius axis.
            centre_px: (row, col) of the direct beam, for all or (n, 2) each its own; None: the middle.

        Raises:
            InputError: a camera constant that is missing, and as `prepare_polar`.
        """
        first, last = self.edges
        step = (last / first) ** (1 / self.size)
        if self.camera_constant == "unknown":
            scale = torch.full((len(pictures),), min(pictures.shape[-2:]) / 2, dtype=torch.float64)
        elif per_angstrom_per_px is None:
            raise InputError(f"polar view: label {SCALE!r} is missing, and the camera is said to be known")
        else:
            scale = 1 / per_angstrom_per_px.double()
        return prepare_polar(
            pictures,
            self.size + 2 * margin,
            self.size,
            stretch=self.stretch,
            centre_px=centre_px,
            first_px=first / step**margin,
            last_px=last * step**margin,
            scale=scale,
            radial=self.spacing,
        )


def polar_view(pictures: Tensor, per_angstrom_per_px: Tensor | None = None, **settings: Any) -> Tensor:
    """`PolarView` of these settings, called; the name that a model's card gives for its preparation."""
    return PolarView(**settings)(pictures, per_angstrom_per_px)


def mirror_image(cells: Tensor) -> Tensor:
    """Cells of the mirror image, phi -> -phi: angle 0 stays, the others change ends. Twice gives the cells again."""
    return torch.roll(cells.flip(-1), 1, -1)
