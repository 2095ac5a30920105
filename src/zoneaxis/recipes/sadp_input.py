"""SADP input: from a computed spot pattern to what a network sees, through a camera and onto polar cells.

    intensity -> diffraction camera -> stretch -> polar cells -> turn (roll of the angles), zoom (shift of log-radius)

A turn of the crystal in its plane is a roll of the angle axis, so one stored pattern serves for all turns. Where the
camera constant is known the rings are of constant |g|; where it is not, they are of constant ratio, and a zoom drawn at
random shifts them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.patterns.polar import Radial, Stretch
from zoneaxis.patterns.polar_view import SCALE, Camera, PolarView, mirror_image
from zoneaxis.patterns.preprocess import resize, standardise

CAMERA_PX = 256
"""Size of the pictures to whose pixels the ranges of a camera refer. Source: the pictures of the paper."""


def through_camera(
    intensity: Tensor, camera: DiffractionCamera, generator: torch.Generator, camera_px: int = CAMERA_PX
) -> Tensor:
    """Pictures as shown, float32 (n, size, size) from 0 to 1, of computed intensities.

    The camera's ranges are drawn in pixels of a picture `camera_px` wide, and lengths are then scaled to the size at
    hand. Reading noise grows as pixels are joined: the noise of k² of them adds up to k times that of one.
    """
    drawn = camera.draw(len(intensity), generator)
    factor = intensity.shape[-1] / camera_px
    scaled = {name: values * factor if name.endswith("_px") else values for name, values in drawn.items()}
    scaled["read_noise_electrons"] = drawn["read_noise_electrons"] / factor
    return camera.apply(intensity, scaled, generator)


@dataclass(frozen=True)
class PolarInput:
    """Degradation and preparation of stored patterns for a network on polar cells; a `learn.stored_patterns` one.

    Attributes:
        camera: what is drawn for each pattern.
        size: rings and angles, the same number, over 180° (Friedel-folded).
        camera_constant: "known": rings of constant |g|, from the label `per_angstrom_per_px`; "unknown": log-radius.
        first, last: inner and outer edge of the rings, in 1/Å (known) or over the half width (unknown); None: defaults.
        radial: spacing of the rings; None: linear for a known camera, else logarithmic.
        stretch: of the grey values, see `prepare_polar`.
        zoom: largest factor by which a picture of an unknown camera is magnified or reduced, in whole rings.
        turned: roll the angle axis at random: the crystal's turn in its plane.
        mirrored: flip half of the pictures: the same zone seen from the other side of the foil.

    Raises InputError for a value that cannot be.
    """

    camera: DiffractionCamera = field(default_factory=DiffractionCamera.laboratory)
    size: int = 96
    camera_constant: Camera = "known"
    first: float | None = None
    last: float | None = None
    radial: Radial | None = None
    stretch: Stretch = "log"
    zoom: float = 1.25
    turned: bool = True
    mirrored: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.zoom <= 4:
            raise InputError(f"SADP input: zoom = {self.zoom}: expected 1 to 4")
        if self.zoom_rings and self.spacing != "log":
            raise InputError(f"SADP input: radial = {self.radial!r}: a zoom needs log; or set zoom = 1")

    @cached_property
    def view(self) -> PolarView:
        """What is not drawn: shown pictures onto polar cells."""
        return PolarView(self.size, self.camera_constant, self.first, self.last, self.radial, self.stretch)

    @property
    def edges(self) -> tuple[float, float]:
        """Inner edge of the first ring and outer edge of the last."""
        return self.view.edges

    @property
    def spacing(self) -> Radial:
        """Spacing of the rings."""
        return self.view.spacing

    @property
    def zoom_rings(self) -> int:
        """Whole rings by which a zoom shifts the log-radius axis at most."""
        first, last = self.edges
        return 0 if self.camera_constant == "known" else int(self.size * math.log(self.zoom) / math.log(last / first))

    def __call__(self, intensity: Tensor, labels: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Network input (n, rings, angles) from computed intensities (n, size, size), drawn anew from `generator`."""
        pictures = through_camera(intensity, self.camera, generator)
        margin = self.zoom_rings
        cells = self.prepared(pictures, labels.get(SCALE), margin)
        n = len(cells)
        if margin:
            shift = torch.randint(0, 2 * margin + 1, (n,), generator=generator)
            rows = shift[:, None, None] + torch.arange(self.size)[None, :, None]
            cells = standardise(cells.gather(1, rows.expand(n, self.size, self.size)))
        if self.mirrored:
            flip = torch.rand(n, generator=generator) < 0.5
            cells = torch.where(flip[:, None, None], mirror_image(cells), cells)
        if self.turned:
            roll = torch.randint(0, self.size, (n,), generator=generator)
            columns = (torch.arange(self.size)[None] - roll[:, None]) % self.size
            cells = cells.gather(2, columns[:, None, :].expand(n, self.size, self.size))
        return cells

    def prepared(self, pictures: Tensor, per_angstrom_per_px: Tensor | None = None, margin: int = 0) -> Tensor:
        """Network input of shown pictures (n, size, size), direct beam in the middle, nothing drawn: for reading.

        per_angstrom_per_px (n,): 1/Å a pixel in the middle; needed where the camera is known. margin: further rings
        on either side, of a log-radius axis.

        Raises InputError as `PolarView`.
        """
        return self.view(pictures, per_angstrom_per_px, margin)


@dataclass(frozen=True)
class PictureInput:
    """Degradation of stored patterns for a network on pictures: camera, resize, mean 0 and variance 1. No turn.

    camera: what is drawn for each pattern; size: side of the network's input.
    """

    camera: DiffractionCamera = field(default_factory=DiffractionCamera.ideal)
    size: int = 256

    def __call__(self, intensity: Tensor, labels: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Network input (n, size, size) from computed intensities (n, side, side)."""
        return self.prepared(through_camera(intensity, self.camera, generator))

    def prepared(self, pictures: Tensor, per_angstrom_per_px: Tensor | None = None) -> Tensor:
        """Network input of shown pictures, nothing drawn; the camera constant is not used."""
        return standardise(resize(pictures.to(torch.float32), (self.size, self.size)))
