"""Experiment: a parallel beam along a zone axis of a specimen, and the flat detector behind it.

Perfect and defective crystals are drawn alike: the intensity |A(q)|² of the whole specimen on the Ewald sphere at every
sub-pixel, then the mean over each pixel. What differs is only how A is summed, in closed form or atom by atom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoneaxis.crystals.cell import basis
from zoneaxis.crystals.specimen import unit_cell
from zoneaxis.errors import InputError
from zoneaxis.instrument.planar_detector import PlanarDetector
from zoneaxis.scattering.block_pixels import OUTSIDE, PixelVectors, mean_block_intensity, nodes_across
from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.scattering.form_factors import TABLES
from zoneaxis.scattering.kinematical import (
    DEFAULT_TOLERANCE,
    FORM_FACTOR,
    LOOSEST_TOLERANCE,
    Block,
    Kind,
    diffuse_intensity,
    specimen_amplitude,
    specimen_kinds,
    thermal_diffuse_intensity,
)
from zoneaxis.scattering.zone import zone_frame

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Array = NDArray[np.float64]

LARGEST_TILT_MRAD = 100.0
"""Further away from a zone axis there is no zone to speak of. Source: our choice, 5.7 degrees."""
WIDTH_MM = 25.6
"""Of the picture, whatever its pixels. Source: 256 pixels of 0.1 mm, our choice for the camera of Jeong et al. (2024),
who do not state theirs."""
LARGEST_SUBPIXELS = 4096
"""Sub-pixels a side at most for explicit atoms; a picture then takes 2 GB. Source: our choice."""
LARGEST_BLOCK_SUBPIXELS = 8192
"""The same for a perfect block, whose sub-pixels are never all held at once. Source: our choice; it takes seconds."""


@dataclass(frozen=True)
class SADPExperiment:
    """Beam, direction and detector.

    Attributes:
        detector: the screen.
        accelerating_voltage_kv: voltage.
        zone_axis: [uvw] of the crystal's cell, along which the electrons fly.
        rotation_deg: the picture is turned anticlockwise by this; at 0 the shortest reflection points right.
        tilt_mrad: (x, y) by which the beam leans from the zone axis to the right and downwards.
        form_factor: table.
        tolerance: of the transform of explicit atoms, over their number.
        oversampling: sub-pixels a side of a pixel; None: as many as the specimen's fringes ask for. 1 samples each
            spot at pixel centres, so that it is as bright as chance has it: for the study of that error.
        diffuse: add the mean intensity of what is not correlated (heat, random occupation) to perfect crystals.

    Raises InputError for a value that cannot be.
    """

    detector: PlanarDetector
    accelerating_voltage_kv: float = 200.0
    zone_axis: tuple[int, int, int] = (0, 0, 1)
    rotation_deg: float = 0.0
    tilt_mrad: tuple[float, float] = (0.0, 0.0)
    form_factor: str = FORM_FACTOR
    tolerance: float = DEFAULT_TOLERANCE
    oversampling: int | None = None
    diffuse: bool = True

    def __post_init__(self) -> None:
        if not math.isfinite(self.rotation_deg):
            raise InputError(f"rotation_deg = {self.rotation_deg}: expected a finite angle")
        if not math.hypot(*self.tilt_mrad) <= LARGEST_TILT_MRAD:
            raise InputError(f"tilt_mrad = {self.tilt_mrad}: expected up to {LARGEST_TILT_MRAD:g} mrad")
        if self.form_factor not in TABLES:
            raise InputError(f"form_factor {self.form_factor!r}: expected one of {', '.join(TABLES)}")
        if not 1e-14 <= self.tolerance <= LOOSEST_TOLERANCE:
            raise InputError(f"tolerance = {self.tolerance:g}: expected 1e-14 to {LOOSEST_TOLERANCE:g}")
        if self.oversampling is not None and self.oversampling < 1:
            raise InputError(f"oversampling = {self.oversampling}: expected at least 1")

    @classmethod
    def of(
        cls,
        zone: Sequence[int] = (0, 0, 1),
        *,
        accelerating_voltage_kv: float = 200.0,
        camera_length_mm: float = 320.0,
        size_px: int = 256,
        pixel_mm: float | None = None,
        rotation_deg: float = 0.0,
        tilt_mrad: Sequence[float] = (0.0, 0.0),
        form_factor: str = FORM_FACTOR,
        tolerance: float = DEFAULT_TOLERANCE,
        oversampling: int | None = None,
        diffuse: bool = True,
    ) -> SADPExperiment:
        """The experiment by the numbers on the microscope; the picture is 25.6 mm wide unless a pixel is given."""
        wavelength = wavelength_angstrom(accelerating_voltage_kv)
        detector = PlanarDetector(
            size_px, WIDTH_MM / max(size_px, 1) if pixel_mm is None else pixel_mm, camera_length_mm, wavelength
        )
        axis = tuple(int(index) for index in zone)
        if len(axis) != 3 or len(tuple(tilt_mrad)) != 2:
            raise InputError(f"zone = {tuple(zone)}, tilt_mrad = {tuple(tilt_mrad)}: expected u,v,w and x,y")
        return cls(
            detector,
            accelerating_voltage_kv,
            (axis[0], axis[1], axis[2]),
            float(rotation_deg),
            (float(tilt_mrad[0]), float(tilt_mrad[1])),
            form_factor,
            tolerance,
            oversampling,
            diffuse,
        )

    def frame(self, cell: Array) -> Array:
        """(3, 3) rows x, y, z of the picture in the frame of a cell (rows a, b, c): turned, and leant by the tilt."""
        frame, _ = zone_frame(np.asarray(cell, dtype=float), self.zone_axis)
        turn = math.radians(self.rotation_deg)
        cosine, sine = math.cos(turn), math.sin(turn)
        # What lay along x points up by the angle, and y runs downwards.
        x, y = cosine * frame[0] + sine * frame[1], cosine * frame[1] - sine * frame[0]
        right, down = (1e-3 * angle for angle in self.tilt_mrad)
        beam = frame[2] + right * x + down * y
        beam /= np.linalg.norm(beam)
        x = x - (x @ beam) * beam
        x /= np.linalg.norm(x)
        return np.stack([x, np.cross(beam, x), beam])

    def block(self, structure: Structure, cells: Sequence[int], turned: Array | None = None) -> Block:
        """The perfect crystal as this picture sees it, or one turned by a (3, 3) rotation v' = R v beside it."""
        frame = self.frame(basis(structure))
        return Block.of(structure, cells, frame if turned is None else frame @ turned)

    def perfect(self, structure: Structure, cells: Sequence[int], turned: Array | None = None) -> Tensor:
        """Pattern (rows, cols) float32 of a block of perfect crystal, mean of |A|² [Å²] over each pixel.

        turned: (3, 3) rotation by which this block differs from the one that lies along the zone axis; the picture's
        directions stay those of the latter. So a twin's other half is drawn.

        By the fast road of `block_pixels`, which gives its limits; the mean of `block_intensity` over `subpixels`
        places a side of each pixel is the same.
        """
        block = self.block(structure, cells, turned)
        detector, factor = self.detector, self.subpixels(block)
        nodes = _nodes(detector, nodes_across(block, detector.size_px * detector.step_per_angstrom))
        pattern = mean_block_intensity(block, _pixels(detector), nodes, factor, self.form_factor)
        if self.diffuse:
            pattern = pattern + diffuse_intensity(block, _vectors(self.detector, 1), self.form_factor).float()
        return pattern

    def subpixels(self, block: Block) -> int:
        """Sub-pixels a side of a pixel that `perfect` takes for a block.

        Raises:
            InputError: more than 8192 across the picture.
        """
        corners = np.array(list(np.ndindex(2, 2, 2))) @ (block.cell * (np.array(block.repeats) - 1)[:, None])
        places = np.concatenate([kind.positions for kind in block.kinds])
        return self._factor(np.ptp(corners, axis=0) + np.ptp(places, axis=0), LARGEST_BLOCK_SUBPIXELS)

    def specimen(self, atoms: Atoms) -> Tensor:
        """Pattern (rows, cols) float32 of explicit atoms, mean of |A|² [Å²] over each pixel.

        Atoms whose `b_iso` is not 0 are damped by it and give their lost intensity back as an even background.
        """
        kinds = self.seen(atoms)
        places = np.concatenate([kind.positions for kind in kinds])
        factor = self._factor(np.ptp(places, axis=0))
        amplitude = specimen_amplitude(kinds, _vectors(self.detector, factor), self.form_factor, self.tolerance)
        pattern = self.detector.binned(torch.view_as_real(amplitude).square().sum(-1), factor).float()
        if self.diffuse and any(kind.b_iso > 0 for kind in kinds):
            pattern = pattern + thermal_diffuse_intensity(kinds, self.detector.q(), self.form_factor).float()
        return pattern

    def seen(self, atoms: Atoms) -> tuple[Kind, ...]:
        """The atoms by element in the frame of the picture, about their middle: where the transform is fastest."""
        if not len(atoms):
            raise InputError("specimen: no atoms; expected at least one")
        kinds = specimen_kinds(atoms, self.frame(unit_cell(atoms)))
        places = np.concatenate([kind.positions for kind in kinds])
        middle = (places.min(0) + places.max(0)) / 2.0
        return tuple(Kind(kind.atomic_number, kind.b_iso, kind.positions - middle, kind.occupancies) for kind in kinds)

    def _factor(self, extent_angstrom: Array, most: int = LARGEST_SUBPIXELS) -> int:
        """Sub-pixels a side for a specimen of that extent along x, y (and z)."""
        if self.oversampling is not None:
            return self.oversampling
        factor = self.detector.oversampling_for(float(max(extent_angstrom[:2].max(), 1e-3)))
        if factor * self.detector.size_px > most:
            largest = most // self.detector.size_px
            raise InputError(
                f"cells: a specimen of {extent_angstrom[:2].max():.0f} Å needs {factor} sub-pixels a side of a pixel, "
                f"more than {largest}; make it smaller, or state oversampling and bear the error"
            )
        return factor


@lru_cache(maxsize=2)
def _vectors(detector: PlanarDetector, oversampling: int) -> Tensor:
    """Scattering vectors (rows, cols, 3) of the sub-pixels, each component in one piece; only to be read."""
    return detector.q(oversampling).permute(2, 0, 1).contiguous().permute(1, 2, 0)


@lru_cache(maxsize=2)
def _pixels(detector: PlanarDetector) -> PixelVectors:
    """Scattering vectors inside the pixels; only to be read."""
    return PixelVectors.of(_vectors(detector, 1), detector.step_per_angstrom, detector.wavelength_angstrom)


@lru_cache(maxsize=8)
def _nodes(detector: PlanarDetector, across: int) -> Tensor:
    """Scattering vectors of so many nodes across the screen and `OUTSIDE` more beyond each edge; only to be read."""
    pitch_mm = detector.size_px * detector.pixel_mm / across
    return replace(detector, size_px=across + 2 * OUTSIDE, pixel_mm=pitch_mm).q().float()
