"""Mean intensity of a block of perfect crystal over the pixels of a picture: the fast road to its pattern.

    mean of |A|^2 = mean over sub-pixels of prod_i [sin(pi N_i x_i) / sin(pi x_i)]^2 |F|^2,  x_i = q.a_i

The same mean as that of `block_intensity` over sub-pixels, with less work at each. Phases are polynomials of second
order inside a pixel, so no sub-pixel has a q of its own. F varies slowly, since a cell is small: it is worked out at
nodes of a coarse grid and interpolated, save about the direct beam, where form factors of heavy atoms have a sharp
tip. The sum over cells, which varies fast, is worked out at every sub-pixel.
Limits, against `block_amplitude` at every sub-pixel: within 2e-5 of the brightest pixel, and within 0.05 % at each that
has 1e-7 of it, where a picture 25.6 mm wide is at least 100 mm away; at 30 mm within 2e-3 of the brightest.

Sources: Warren, X-ray Diffraction (1969), chapter 3 (sum over cells); Yen, IRE Trans. Circuit Theory 3 (1956) 251
(interpolation of band-limited functions with the least energy).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoneaxis.scattering.kinematical import FORM_FACTOR, TABLE, Block, Kind, damped_table, table_end

Single = NDArray[np.float32]

TAPS = 20
"""Nodes a side that an interpolated value rests on. Source: measured with the three below on forty crystals: pixels are
off by 1e-5 in the median and 1e-4 at worst of the brightest one nearby."""
BAND = 0.3
"""Periods per node of the fastest part of F; 0.5 would be Nyquist's limit. Source: as above."""
MARGIN_ANGSTROM = 4.0
"""Width of an atom's potential, added to the reach of the atoms. Source: as above."""
LEAST_REACH_ANGSTROM = 5.0
"""Of a cell's potential from its middle: that of one atom of caesium, the widest. Source: as above."""
OUTSIDE = TAPS // 2
"""Nodes beyond each edge of the picture."""
NODE_STEP = 16
"""Numbers of nodes are multiples of this, so that few grids have to be kept. Source: our choice."""
TIP_PER_ANGSTROM = 0.15
"""F is not interpolated up to here. Source: measured; with heavy atoms it would be off by up to 5e-4 within, and is by
less than 1e-4 beyond."""
JITTER = 1e-13
"""On the diagonal of the interpolation's equations, which are nearly singular. Source: our choice."""
PIECE = 1 << 14
"""Sub-pixels worked on at a time: their intermediates stay in the cache of the processor. Source: measured."""
APART = np.float32(1e-10)
"""Added to phases [rad], so that none is 0 and 0/0 cannot come up. Source: our choice; spots move by nothing."""
FARTHEST = 0.45
"""Part of a period across half a pixel above which phases are brought back to one period at each sub-pixel. Source:
with less, no phase comes near the next node, where single precision would not do."""


@dataclass(frozen=True, eq=False)
class PixelVectors:
    """Scattering vectors inside the pixels of a flat screen: q(u, v) at u columns and v rows from a pixel's middle.

    q = middle + u q_u + v q_v + u^2 q_uu + u v q_uv + v^2 q_vv, |u|, |v| <= 1/2.
    Limits: what is left out is below 1e-6 1/angstrom for pixels of up to 0.4 mm at 320 mm, 200 kV.

    Attributes:
        middles: (3, rows, cols) float64 [1/angstrom].
        changes: (3, 5, rows, cols) float32, q_u, q_v, q_uu, q_uv, q_vv [1/angstrom].
    """

    middles: NDArray[np.float64]
    changes: Single

    @classmethod
    def of(cls, q: Tensor, step_per_angstrom: float, wavelength_angstrom: float) -> PixelVectors:
        """From q (rows, cols, 3) at the middles and the width of a pixel at the direct beam [1/angstrom].

        With n = wavelength q + z the direction of a pixel: q_u = s n_z (x - n_x n), and so on for further orders.
        """
        middles = np.ascontiguousarray(q.double().permute(2, 0, 1).numpy())
        n = wavelength_angstrom * middles
        n[2] += 1.0
        first, second = step_per_angstrom * n[2], wavelength_angstrom * (step_per_angstrom * n[2]) ** 2
        x, y = (np.array(axis)[:, None, None] for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
        changes = (
            first * (x - n[0] * n),
            first * (y - n[1] * n),
            -0.5 * second * (2.0 * n[0] * x + (1.0 - 3.0 * n[0] ** 2) * n),
            -second * (n[1] * x + n[0] * y - 3.0 * n[0] * n[1] * n),
            -0.5 * second * (2.0 * n[1] * y + (1.0 - 3.0 * n[1] ** 2) * n),
        )
        return cls(middles, np.stack(changes, axis=1).astype(np.float32))


def nodes_across(block: Block, width_per_angstrom: float) -> int:
    """Nodes that F needs across a picture `width_per_angstrom` wide; `OUTSIDE` more are needed beyond each edge."""
    places = _about_the_middle(block.kinds)
    # Along the beam, q changes by a tenth of what it does across, at most.
    reach = float((np.hypot(places[:, 0], places[:, 1]) + 0.1 * np.abs(places[:, 2])).max()) + MARGIN_ANGSTROM
    return NODE_STEP * math.ceil(width_per_angstrom * max(reach, LEAST_REACH_ANGSTROM) / BAND / NODE_STEP)


def mean_block_intensity(
    block: Block, pixels: PixelVectors, nodes: Tensor, subpixels: int, form_factor: str = FORM_FACTOR
) -> Tensor:
    """Mean of |A|^2 [angstrom^2] over each pixel, float32 (size, size), from `subpixels`^2 places in it.

    Args:
        block: the crystal.
        pixels: of a square screen.
        nodes: (m, m, 3) q of m - 2 OUTSIDE nodes across the same screen, as of `nodes_across`, and OUTSIDE more
            beyond each edge, evenly spaced on the screen.
        subpixels: places a side of a pixel.
        form_factor: table.
    """
    size, across = pixels.middles.shape[-1], len(nodes)
    places = (np.arange(subpixels, dtype=np.float32) + np.float32(0.5)) / np.float32(subpixels) - np.float32(0.5)
    phases = _Phases.of(block, pixels, places)
    weights = interpolation(size, subpixels, across)
    smooth = torch.from_numpy(cell_parts(block.kinds, nodes.reshape(-1, 3).float().numpy().T, form_factor))
    # (rows of nodes, real and imaginary, sub-pixels of a pixel, columns of pixels)
    along = smooth.reshape(2, across, across).transpose(0, 1).reshape(-1, across) @ weights.reshape(-1, across).T
    along = along.reshape(across, -1)
    tip = _Tip.of(block, pixels, places, form_factor)
    found = np.empty((size, size), np.float32)
    rows = min(size, max(1, PIECE // (size * subpixels)))
    total = np.empty((rows, subpixels, size), np.float32)
    amplitude = torch.empty(rows, 2 * subpixels * size)
    for top, bottom, number, lattice in phases.lattice_sums(rows):
        first = top * (across - 2 * OUTSIDE) // size
        last = -(-bottom * (across - 2 * OUTSIDE) // size) + 2 * OUTSIDE
        seen = torch.mm(weights[number, top:bottom, first:last], along[first:last], out=amplitude[: bottom - top])
        parts = seen.numpy().reshape(bottom - top, 2, subpixels, size)
        parts *= parts
        cell = parts[:, 0]
        cell += parts[:, 1]
        tip.put(cell, number, top, bottom)
        cell *= lattice
        if number == 0:
            total[: bottom - top] = cell
        else:
            total[: bottom - top] += cell
        if number == subpixels - 1:
            total[: bottom - top].sum(1, out=found[top:bottom])
    found /= subpixels**2
    return torch.from_numpy(found)


def cell_parts(kinds: Sequence[Kind], q: Single, form_factor: str = FORM_FACTOR) -> Single:
    """F(q) [angstrom] but for a phase, real and imaginary (2, n), q (3, n): `cell_amplitude` in single precision.

    Places are from the middle of the atoms, where F varies least.
    """
    length = np.sqrt(np.square(q).sum(0))
    end = table_end(float(length.max()) ** 2)
    tables = torch.stack([damped_table(kind, end, form_factor) for kind in kinds]).float().numpy()
    places = (-2.0 * math.pi * _about_the_middle(kinds)).astype(np.float32)
    of_kind = np.zeros((len(kinds), len(places)), np.float32)
    start = 0
    for number, kind in enumerate(kinds):
        of_kind[number, start : start + len(kind.positions)] = kind.occupancies
        start += len(kind.positions)
    sums = np.empty((2, len(kinds), len(length)), np.float32)
    step = max(1, PIECE // len(places))
    for start in range(0, len(length), step):
        part = slice(start, start + step)
        angle = places @ q[:, part]
        sums[0, :, part] = of_kind @ np.cos(angle)
        sums[1, :, part] = of_kind @ np.sin(angle, out=angle)
    at = length * np.float32((TABLE - 1) / end)
    low = np.minimum(at.astype(np.int32), TABLE - 2)
    at -= low
    f = tables[:, low]
    f += at * (tables[:, low + 1] - f)
    sums *= f
    found: Single = sums.sum(1)
    return found


@lru_cache(maxsize=64)
def interpolation(size: int, subpixels: int, nodes: int) -> Tensor:
    """(subpixels, size, nodes) float32 weights of the nodes for each sub-pixel of each pixel, along one axis.

    From the nearest `TAPS` nodes; the best ones for functions of up to `BAND` periods per node, taken together.
    """
    parts = (np.arange(subpixels)[:, None] + 0.5) / subpixels
    places = (np.arange(size) + parts) / size * (nodes - 2 * OUTSIDE) - 0.5 + OUTSIDE
    first = np.floor(places).astype(int) - (TAPS // 2 - 1)
    taps = np.arange(TAPS)
    among = np.sinc(2.0 * BAND * (taps[:, None] - taps)) + JITTER * np.eye(TAPS)
    towards = np.sinc(2.0 * BAND * ((places - first)[..., None] - taps))
    weights = np.zeros((subpixels, size, nodes))
    np.put_along_axis(weights, first[..., None] + taps, towards @ np.linalg.inv(among), axis=-1)
    return torch.from_numpy(weights.astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Phases:
    """pi q.a_i [rad] at the middles of the pixels, within half a turn, and how they change inside a pixel.

    Attributes:
        middles: (3, size, 1, size).
        changes: (3, 5, size, 1, size), as of `PixelVectors`.
        repeats: (3, 1, 1, 1) cells along each edge.
        places: of the sub-pixels in a pixel, along either side [pixels].
        far: phases within a pixel may differ by more than `FARTHEST` allows.
    """

    middles: Single
    changes: Single
    repeats: Single
    places: Single
    far: bool

    @classmethod
    def of(cls, block: Block, pixels: PixelVectors, places: Single) -> _Phases:
        cell, size = math.pi * block.cell, pixels.middles.shape[-1]
        turns = cell @ pixels.middles.reshape(3, -1)
        turns -= math.pi * np.rint(turns / math.pi)
        changes = (cell.astype(np.float32) @ pixels.changes.reshape(3, -1)).reshape(3, 5, size, 1, size)
        half = float((np.abs(changes[:, 0]) + np.abs(changes[:, 1])).max()) / 2.0
        repeats = np.array(block.repeats, np.float32)[:, None, None, None]
        middles = turns.astype(np.float32).reshape(3, size, 1, size)
        return cls(middles, changes, repeats, places, half > FARTHEST * math.pi)

    def lattice_sums(self, rows: int) -> Iterator[tuple[int, int, int, Single]]:
        """prod_i [sin(N_i phase_i) / sin(phase_i)]^2 piece by piece.

        Yields first row of pixels and the one behind the last of them, `rows` or fewer; the number of a row of
        sub-pixels in each; and (rows, sub-pixels, size) values there, to be read before the next.
        """
        size, width = self.middles.shape[1], np.float32(1.0 / len(self.places))
        u, v = self.places[:, None], self.places[0]
        buffers = np.empty((4, 3, rows, len(self.places), size), np.float32)
        for top in range(0, size, rows):
            bottom = min(size, top + rows)
            phase, step, below, above = buffers[:, :, : bottom - top]
            by_u, by_v, by_uu, by_uv, by_vv = self.changes[:, :, top:bottom].transpose(1, 0, 2, 3, 4)
            np.multiply(u, by_uu, out=phase)
            phase += by_u
            phase *= u
            phase += self.middles[:, top:bottom]
            np.multiply(u, by_uv, out=step)
            step += by_v
            phase += np.multiply(v, step, out=above)
            phase += v * v * by_vv
            step *= width
            step += width * (np.float32(2.0) * v + width) * by_vv
            bend = np.float32(2.0) * width * width * by_vv
            for number in range(len(self.places)):
                if number:
                    phase += step
                    step += bend
                yield top, bottom, number, self._lattice_sum(phase, below, above)

    def _lattice_sum(self, phase: Single, below: Single, above: Single) -> Single:
        """At given phases; the others are scratch."""
        if self.far:
            phase = phase - np.float32(math.pi) * np.rint(phase * np.float32(1.0 / math.pi))
        np.add(phase, APART, out=above)
        np.sin(above, out=below)
        above *= self.repeats
        np.sin(above, out=above)
        ratio, divisor = above[0], below[0]
        for axis in (1, 2):
            ratio *= above[axis]
            divisor *= below[axis]
        ratio /= divisor
        ratio *= ratio
        return ratio


@dataclass(frozen=True, eq=False)
class _Tip:
    """|F|^2 at every sub-pixel about the direct beam.

    Attributes:
        cell: (sub-pixels, rows, sub-pixels, cols).
        top, left: first of these rows and columns of pixels.
    """

    cell: Single
    top: int
    left: int

    @classmethod
    def of(cls, block: Block, pixels: PixelVectors, places: Single, form_factor: str) -> _Tip:
        corner = math.hypot(0.5, 0.5) * float(np.abs(pixels.changes[:, :2]).max())
        near = np.square(pixels.middles).sum(0) < (TIP_PER_ANGSTROM + corner) ** 2
        rows, cols = np.nonzero(near.any(1))[0], np.nonzero(near.any(0))[0]
        if not len(rows):
            return cls(np.zeros((len(places), 0, len(places), 0), np.float32), 0, 0)
        part = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1))
        u, v = places[:, None], places[:, None, None, None]
        middles = pixels.middles[:, *part].astype(np.float32)[:, None, :, None]
        by_u, by_v, by_uu, by_uv, by_vv = pixels.changes[:, :, *part].transpose(1, 0, 2, 3)[:, :, None, :, None]
        q = middles + u * (by_u + u * by_uu + v * by_uv) + v * (by_v + v * by_vv)
        parts = cell_parts(block.kinds, q.reshape(3, -1), form_factor)
        return cls(np.square(parts).sum(0).reshape(q.shape[1:]), part[0].start, part[1].start)

    def put(self, cell: Single, number: int, top: int, bottom: int) -> None:
        """Into |F|^2 (rows, sub-pixels, size) of rows `top` to `bottom` - 1 of pixels, row `number` of sub-pixels."""
        count, width = self.cell.shape[1], self.cell.shape[3]
        first, last = max(top, self.top), min(bottom, self.top + count)
        if first < last:
            cell[first - top : last - top, :, self.left : self.left + width] = self.cell[
                number, first - self.top : last - self.top
            ]


def _about_the_middle(kinds: Sequence[Kind]) -> NDArray[np.float64]:
    """Places of all atoms of a cell, from the middle of the box that holds them."""
    places = np.concatenate([kind.positions for kind in kinds])
    return places - (places.min(0) + places.max(0)) / 2.0
