"""Layout: where the discs of a CBLEED image lie, and how intensities at a few angles become its pixels.

The axes of an image are those of the outgoing in-plane wave vector k_out = k + g in 1/Å, the factor 2 pi included:
columns run along +kx (along the dimer), rows along -ky, so row 0, at the top, has the largest ky. z points into the
crystal, so this is the picture seen from the crystal. Pixel centres lie at half-integers, the middle of the image at
`centre`. Incident directions do not interfere with one another, so every beam g paints a disc about g by itself.

A pixel is a quintic tensor spline through |a_g|² on a square grid of incident k, times kz_vac(k + g) / kz_vac(k). The
spline is linear in its values: one matrix for each disc, computed once, paints all images. What is interpolated comes
before the factor kz_vac, whose root at the horizon no spline would follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from torch import Tensor

from zoneaxis.crystals.slab import Slab
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON, reciprocal

Array = NDArray[np.float64]

FIELD = 1.35
"""Half width of the default image over 2 pi / a_s: shows the discs of the substrate's first beams whole."""
MARGIN = 1.05
"""Room for the outermost discs where 1.35 is too narrow, over the disc radius."""
FILLING = 0.45
"""Default disc radius over the shortest distance of two beams: 0.5 would let discs touch."""
FILLING_CONSTANT_ANGLE = 0.49
"""The same for the largest disc of a constant half-angle: 4 degrees reach it at 126 eV on Si(001)-(2x1)."""
SLACK = 1e-9


@dataclass(frozen=True)
class DiscLayout:
    """Which beams an image shows, and on what scale.

    Attributes:
        reciprocal_cell: rows B1, B2 of the surface in 1/Å; beam (h, k) is centred at h B1 + k B2.
        beams: (h, k) of every disc.
        size_px: pixels a side.
        half_width_per_angstrom: from the middle of the image to its edge.
        disc_radius_per_angstrom: of every disc; with a constant half-angle the largest that may occur.
        grid: N of the N x N incident directions over the bounding square of a disc.
        constant_half_angle_mrad: half-angle of the incident cone, if that is what stays the same at all energies. The
            radius of the discs is then k sin(angle) and betrays the energy by geometry alone.
        centre_per_angstrom: k_out in the middle of the image.

    Raises InputError for discs that overlap or leave the image, and for values out of range.
    """

    reciprocal_cell: tuple[tuple[float, float], tuple[float, float]]
    beams: tuple[tuple[int, int], ...]
    size_px: int
    half_width_per_angstrom: float
    disc_radius_per_angstrom: float
    grid: int = 9
    constant_half_angle_mrad: float | None = None
    centre_per_angstrom: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        limits = {
            "size_px": (4, 4096),
            "half_width_per_angstrom": (1e-3, 1e2),
            "disc_radius_per_angstrom": (1e-3, 1e2),
            "grid": (2, 101),
            "constant_half_angle_mrad": (0.1, 1500.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"disc layout: {name} = {value:g} must lie between {low:g} and {high:g}")
        if not self.beams or len(set(self.beams)) < len(self.beams):
            raise InputError(f"disc layout: beams {self.beams} must be at least one, each named once")
        reach = np.abs(self.centres - self.centre_per_angstrom).max(axis=1) + self.disc_radius_per_angstrom
        outside = reach > self.half_width_per_angstrom * (1 + SLACK)
        if outside.any():
            raise InputError(
                f"disc layout: disc {self.beams[int(outside.argmax())]} reaches {reach.max():.3f} 1/Å from the middle; "
                f"allowed is the half width, {self.half_width_per_angstrom:.3f} 1/Å"
            )
        apart = np.linalg.norm(self.centres[:, None] - self.centres[None], axis=-1)
        closest = float(apart[apart > 0].min(initial=math.inf))
        if 2 * self.disc_radius_per_angstrom > closest * (1 + SLACK):
            raise InputError(
                f"disc layout: discs of radius {self.disc_radius_per_angstrom:.3f} 1/Å overlap; "
                f"allowed is half the distance of their beams, {closest / 2:.3f} 1/Å"
            )

    @classmethod
    def for_slab(
        cls,
        slab: Slab,
        *,
        size_px: int = 128,
        half_width_per_angstrom: float | None = None,
        disc_radius_per_angstrom: float | None = None,
        grid: int = 9,
        beams: Sequence[tuple[int, int]] | None = None,
        constant_half_angle_mrad: float | None = None,
    ) -> DiscLayout:
        """The layout of a surface: all beams whose discs lie in the image whole, the innermost first.

        By default the half width is 1.35 * 2 pi / (side of the substrate's cell), more if the substrate's first beams
        need it, and the disc radius 0.45 times the shortest reciprocal vector of the surface (0.49 times, as its limit,
        with a constant half-angle). Si(001)-(2x1) gets 15 discs of 10.7 pixels radius, a 1x1 surface 9 discs.
        """
        vectors = reciprocal(slab.cell)
        near = np.array([(h, k) for h in range(-2, 3) for k in range(-2, 3) if (h, k) != (0, 0)])
        closest = float(np.linalg.norm(near @ vectors, axis=1).min())
        side = float(np.linalg.norm(slab.substrate.cell, axis=1).max())
        filling = FILLING if constant_half_angle_mrad is None else FILLING_CONSTANT_ANGLE
        radius = filling * closest if disc_radius_per_angstrom is None else disc_radius_per_angstrom
        width = half_width_per_angstrom
        if width is None:
            width = max(2 * math.pi * FIELD / side, 2 * math.pi / side + MARGIN * radius)
        return cls(
            reciprocal_cell=(_pair(vectors[0]), _pair(vectors[1])),
            beams=_beams_in_field(vectors, width - radius) if beams is None else tuple((h, k) for h, k in beams),
            size_px=size_px,
            half_width_per_angstrom=width,
            disc_radius_per_angstrom=radius,
            grid=grid,
            constant_half_angle_mrad=constant_half_angle_mrad,
        )

    def single(self, beam: tuple[int, int], size_px: int) -> DiscLayout:
        """The layout of one disc that fills its own image, on the same grid of incident directions."""
        return replace(
            self,
            beams=(beam,),
            size_px=size_px,
            half_width_per_angstrom=self.disc_radius_per_angstrom,
            centre_per_angstrom=_pair(np.array(beam) @ np.array(self.reciprocal_cell)),
        )

    @property
    def centres(self) -> Array:
        """g (beams, 2) of the middle of every disc in 1/Å."""
        return np.array(self.beams, dtype=float) @ np.array(self.reciprocal_cell)

    @property
    def pixels_per_reciprocal_angstrom(self) -> float:
        """Pixels for 1/Å."""
        return self.size_px / (2 * self.half_width_per_angstrom)

    def radius_at(self, energy_ev: float | None = None) -> float:
        """Radius of the discs in 1/Å; the energy matters with a constant half-angle only.

        Raises InputError for an energy whose disc is larger than the layout allows or than k itself.
        """
        if self.constant_half_angle_mrad is None and energy_ev is None:
            return self.disc_radius_per_angstrom
        if energy_ev is None or not (math.isfinite(energy_ev) and energy_ev > 0):
            raise InputError(f"disc layout: beam energy {energy_ev} must be a positive number of eV")
        k = math.sqrt(ELECTRON * energy_ev)
        if self.constant_half_angle_mrad is None:
            radius, most = self.disc_radius_per_angstrom, k
        else:
            radius, most = k * math.sin(self.constant_half_angle_mrad / 1e3), self.disc_radius_per_angstrom
        if radius > most * (1 + SLACK):
            raise InputError(
                f"disc layout: at {energy_ev:g} eV the disc radius is {radius:.3f} 1/Å; allowed is up to {most:.3f} 1/Å"
            )
        return radius

    def incident_grid(self, energy_ev: float | None = None) -> Array:
        """In-plane k (N*N, 2) in 1/Å over the bounding square of a disc, corners included.

        Row-major in (ky, kx), both rising: element i N + j has the i-th ky and the j-th kx.
        """
        radius = self.radius_at(energy_ev)
        axis = np.linspace(-radius, radius, self.grid)
        ky, kx = np.meshgrid(axis, axis, indexing="ij")
        return np.stack([kx.ravel(), ky.ravel()], axis=1)

    def disc_map(self, energy_ev: float | None = None) -> NDArray[np.int64]:
        """Number of the disc, in the order of `beams`, that each pixel (size, size) belongs to; -1 between discs."""
        discs = _discs(self, self.radius_at(energy_ev))
        belongs = np.full(self.size_px**2, -1)
        for number, (pixels, lit) in enumerate(zip(discs.pixels, discs.lit, strict=True)):
            belongs[pixels[lit]] = number
        return belongs.reshape(self.size_px, self.size_px)

    @overload
    def render(self, intensity_grid: Tensor, energy_ev: float) -> Tensor: ...

    @overload
    def render(self, intensity_grid: NDArray[np.floating], energy_ev: float) -> NDArray[np.float32]: ...

    def render(self, intensity_grid: Tensor | NDArray[np.floating], energy_ev: float) -> Tensor | NDArray[np.float32]:
        """Images (..., size, size) float32 from |a_g|² (..., beams, N*N) at the directions of `incident_grid`.

        Each pixel is the intensity of its beam per incident intensity, kz_vac(k + g) / kz_vac(k) included; 0 between
        the discs, beyond the horizon |k + g| = k, and where the spline undershoots. Tensors stay on their device and
        give tensors, arrays give arrays. Raises InputError for another shape.
        """
        if not isinstance(intensity_grid, Tensor):
            painted: Tensor = self.render(torch.from_numpy(np.ascontiguousarray(intensity_grid)), energy_ev)
            return painted.numpy()
        expected = (len(self.beams), self.grid**2)
        if tuple(intensity_grid.shape[-2:]) != expected:
            raise InputError(
                f"disc layout: intensities have shape {tuple(intensity_grid.shape)}; "
                f"allowed is (..., {expected[0]}, {expected[1]}), one row a beam and one column a direction"
            )
        paint = _paint(self, self.radius_at(energy_ev), intensity_grid.dtype, intensity_grid.device)
        total = ELECTRON * energy_ev
        emerging = (total - paint.k_out_squared).clamp_min(0).sqrt()
        factor = emerging / (total - paint.k_in_squared).clamp_min(SLACK).sqrt()
        values = torch.einsum("bpn,...bn->...bp", paint.weights, intensity_grid) * factor
        image = values.new_zeros(*values.shape[:-2], self.size_px**2)
        image[..., paint.pixels] = values[..., paint.lit].clamp_min(0)
        return image.reshape(*values.shape[:-2], self.size_px, self.size_px).to(torch.float32)


@dataclass(frozen=True)
class _Discs:
    """Pixels of every disc, filled up to the fullest disc: (beams, p). lit: which of them are no filling."""

    pixels: NDArray[np.int64]
    lit: NDArray[np.bool_]
    k: Array


@dataclass(frozen=True)
class _Paint:
    """What turns grid values into pixels: spline weights (beams, p, N*N), wave vectors (beams, p), places of pixels."""

    weights: Tensor
    k_in_squared: Tensor
    k_out_squared: Tensor
    lit: Tensor
    pixels: Tensor


def _pair(vector: Array) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])


def _beams_in_field(vectors: Array, reach: float) -> tuple[tuple[int, int], ...]:
    """All (h, k) with both components of g within `reach`, by length, then h, then k."""
    # h = g . A1 / 2 pi
    most = [int(max(reach, 0) * np.linalg.norm(row) / (math.sqrt(2) * math.pi)) + 1 for row in reciprocal(vectors)]
    index = np.array([(h, k) for h in range(-most[0], most[0] + 1) for k in range(-most[1], most[1] + 1)])
    g = index @ vectors
    index, g = (part[np.abs(g).max(axis=1) <= reach * (1 + SLACK)] for part in (index, g))
    order = np.lexsort((index[:, 1], index[:, 0], np.linalg.norm(g, axis=1).round(9)))
    return tuple((int(h), int(k)) for h, k in index[order])


@lru_cache(maxsize=128)
def _discs(layout: DiscLayout, radius: float) -> _Discs:
    """Pixels whose centre lies in a disc, and the incident k that paints them."""
    along = (np.arange(layout.size_px) + 0.5) / layout.pixels_per_reciprocal_angstrom - layout.half_width_per_angstrom
    ky, kx = np.meshgrid(-along, along, indexing="ij")
    k_out = np.stack([kx.ravel(), ky.ravel()], axis=1) + layout.centre_per_angstrom
    k_in = k_out - layout.centres[:, None]
    inside = np.linalg.norm(k_in, axis=-1) <= radius
    most = int(inside.sum(axis=1).max())
    pixels = np.argsort(~inside, axis=1, kind="stable")[:, :most]
    lit = np.take_along_axis(inside, pixels, axis=1)
    k = np.take_along_axis(k_in, pixels[..., None], axis=1)
    return _Discs(pixels, lit, np.where(lit[..., None], k, 0.0))


@lru_cache(maxsize=16)
def _paint(layout: DiscLayout, radius: float, dtype: torch.dtype, device: torch.device) -> _Paint:
    discs = _discs(layout, radius)
    nodes = np.linspace(-1, 1, layout.grid)
    spline = make_interp_spline(nodes, np.eye(layout.grid), k=min(5, layout.grid - 1))
    along_x, along_y = spline(discs.k[..., 0] / radius), spline(discs.k[..., 1] / radius)
    weights = (along_y[..., :, None] * along_x[..., None, :]).reshape(*discs.lit.shape, layout.grid**2)
    k_out = discs.k + layout.centres[:, None]
    return _Paint(
        weights=torch.from_numpy(weights).to(device, dtype),
        k_in_squared=torch.from_numpy((discs.k**2).sum(-1)).to(device, dtype),
        k_out_squared=torch.from_numpy((k_out**2).sum(-1)).to(device, dtype),
        lit=torch.from_numpy(discs.lit).to(device),
        pixels=torch.from_numpy(discs.pixels[discs.lit]).to(device),
    )
