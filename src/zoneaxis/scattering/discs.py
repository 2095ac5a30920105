"""Discs: intensities of diffracted discs over a field of directions, tile by tile, each direction once by symmetry.

A tile of neighbouring directions shares its beams, its weak beams after Bethe and the exponential of its mean
direction (`foil`). Its waves at every thickness hold all discs, so a thickness series and further discs cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.beam_set import RANKINGS, excitation, rank
from zoneaxis.scattering.foil import ROADS, foil_waves, slice_counts
from zoneaxis.scattering.potential_table import PotentialTable
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Operation, Zone

Disc = tuple[int, int, int]

TILE_WIDTH_PER_ANGSTROM = 0.12
"""Wider tiles take more slices, narrower ones more exponentials: measured for GaAs, 100 beams, 93 nm."""


@dataclass(frozen=True)
class DiscRule:
    """How accurately discs are computed.

    Attributes:
        beams: coupled exactly, of each tile.
        weak_beams: the next ones, that enter the matrix of the others to second order (Bethe); 0 for none.
        ranking: of beams, see `beam_set.rank`.
        tile_px: side of a tile; None: one about 0.12 1/Å wide; 0: one tile, so one list of beams for the whole picture,
            without seams.
        road: `strang`, `chebyshev` or `eig`, see `foil.foil_waves`.
        slice_error: largest error of an intensity from the slices of `strang`.
        slice_angstrom: thickest slice, in place of the thickness that the error asks for.
        slice_factor: slices are this many times as many.
        symmetry: compute each direction once by the symmetry of the zone.
        mean_absorption: multiply by e^{-2 pi U'_0 t / k_n}; Felix leaves it out.
        weak_excitation: a weak beam has at least this |2 K s| in its tile [1/Å²]: nearer to its Bragg condition
            perturbation theory fails.
        device: where waves are propagated, `cpu` or `cuda`; wide tiles (`tile_px`) keep a GPU busy.
    """

    beams: int = 100
    weak_beams: int = 200
    ranking: str = "coupled"
    tile_px: int | None = None
    road: str = "strang"
    slice_error: float = 1e-3
    slice_angstrom: float | None = None
    slice_factor: int = 1
    symmetry: bool = True
    mean_absorption: bool = True
    weak_excitation: float = 0.3
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, least in (("beams", 2), ("weak_beams", 0), ("tile_px", 0), ("slice_factor", 1)):
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise InputError(f"{name} = {getattr(self, name)}: expected at least {least}")
        if self.slice_angstrom is not None and not self.slice_angstrom > 0:
            raise InputError(f"slice_angstrom = {self.slice_angstrom}: expected more than 0")
        if self.ranking not in RANKINGS or self.road not in ROADS:
            raise InputError(
                f"ranking {self.ranking!r}, road {self.road!r}: expected one of {', '.join(RANKINGS)} and of "
                f"{', '.join(ROADS)}"
            )


@dataclass(frozen=True)
class Field:
    """A square picture of directions: pixel (i, j) of N has k_t = ((j + 1/2 - N/2), (i + 1/2 - N/2)) 2 w / N.

    Attributes:
        size_px: N.
        half_width_per_angstrom: w, from the centre to the edge [1/Å].
    """

    size_px: int
    half_width_per_angstrom: float

    def __post_init__(self) -> None:
        if self.size_px < 1 or not self.half_width_per_angstrom > 0:
            raise InputError(
                f"field: size_px = {self.size_px}, half_width_per_angstrom = {self.half_width_per_angstrom}: expected "
                "at least 1 and more than 0"
            )

    @property
    def k_t(self) -> Tensor:
        """(pixels, 2) x to the right and y downwards [1/Å], row by row."""
        n = self.size_px
        along = (torch.arange(n, dtype=torch.float64) + 0.5 - 0.5 * n) * (2.0 * self.half_width_per_angstrom / n)
        rows, columns = torch.meshgrid(along, along, indexing="ij")
        return torch.stack([columns.flatten(), rows.flatten()], dim=-1)

    def tiles(self, tile_px: int | None) -> Tensor:
        """(pixels,) number of the tile of every pixel; see `DiscRule.tile_px`."""
        if tile_px is None:
            tile_px = max(1, round(TILE_WIDTH_PER_ANGSTROM * self.size_px / (2.0 * self.half_width_per_angstrom)))
        if not tile_px:
            return torch.zeros(self.size_px**2, dtype=torch.long)
        along = torch.arange(self.size_px) // tile_px
        return (along[:, None] * (self.size_px // tile_px + 1) + along[None]).flatten()

    def image_of(self, plane: Tensor) -> Tensor | None:
        """(pixels,) where an operation takes every pixel; None when it does not map the grid onto itself."""
        n = self.size_px
        place = (self.k_t @ plane.T) * (n / (2.0 * self.half_width_per_angstrom)) + 0.5 * n - 0.5
        nearest = place.round()
        if float((place - nearest).abs().max()) > 1e-4:
            return None
        return (nearest[:, 1] * n + nearest[:, 0]).long()


def disc_intensities(
    scatterers: Scatterers,
    zone: Zone,
    field: Field,
    thickness_angstrom: Sequence[float],
    hkl: Sequence[Disc] = ((0, 0, 0),),
    rule: DiscRule = DiscRule(),
) -> Tensor:
    """Intensities (thicknesses, discs, rows, columns) float32 of a parallel foil whose normal is the zone axis.

    Pixel k_t of the disc g holds |psi_g|² for the incident direction k_t: all discs are drawn in the frame of (000).

    Args:
        scatterers: the atoms, voltage and absorption.
        zone: axis, frame and reflections.
        field: directions of the picture.
        thickness_angstrom: one or several, rising.
        hkl: discs.
        rule: accuracy.

    Raises:
        InputError: a disc outside the zone, more beams than reflections, impossible thicknesses.
    """
    every = torch.arange(field.size_px**2)
    values = direction_intensities(scatterers, zone, field, every, thickness_angstrom, hkl, rule)
    return values.reshape(*values.shape[:2], field.size_px, field.size_px).float()


@torch.no_grad()
def direction_intensities(
    scatterers: Scatterers,
    zone: Zone,
    field: Field,
    pixels: Tensor,
    thickness_angstrom: Sequence[float],
    hkl: Sequence[Disc] = ((0, 0, 0),),
    rule: DiscRule = DiscRule(),
) -> Tensor:
    """The same for some pixels only (m,), numbered row by row: (thicknesses, discs, m), as the picture has them."""
    wanted = [zone.position(one) for one in hkl]
    folding = _Folding.of(zone, field, wanted, rule.symmetry)
    representative = folding.representative[pixels]
    needed, back = torch.unique(representative, return_inverse=True)
    foil = _Foil.prepare(scatterers, zone, field, folding, needed, thickness_angstrom, rule)
    folded = foil.intensities()
    found = torch.empty(len(thickness_angstrom), len(wanted), len(pixels), dtype=folded.dtype)
    by = folding.operation[pixels]
    for number in torch.unique(by).tolist():
        here = by == number
        discs = folding.images[number]
        found[:, :, here] = folded[:, discs][:, :, back[here]]
    return found


@dataclass(frozen=True)
class _Folding:
    """Which pixel stands for which: I_g(k) = I_{Rg}(R k).

    representative: (pixels,); operation: (pixels,) number of the R that leads there; beams: places of all discs that
    are needed; images: for each operation, where in `beams` the images of the wanted discs are.
    """

    representative: Tensor
    operation: Tensor
    beams: list[int]
    images: list[Tensor]

    @classmethod
    def of(cls, zone: Zone, field: Field, wanted: Sequence[int], symmetry: bool) -> _Folding:
        pairs = [
            (operation, image)
            for operation in _operations(zone, wanted, symmetry)
            if (image := field.image_of(operation.plane)) is not None
        ]
        images = torch.stack([image for _, image in pairs])
        representative, number = images.min(dim=0)
        rows = [
            [zone.position((zone.hkl[place] @ operation.hkl).tolist()) for place in wanted] for operation, _ in pairs
        ]
        beams = sorted({place for row in rows for place in row})
        return cls(representative, number, beams, [torch.tensor([beams.index(one) for one in row]) for row in rows])


def _operations(zone: Zone, wanted: Sequence[int], symmetry: bool) -> list[Operation]:
    """Symmetries of the zone; the disc (000) by itself, in the zero-order Laue zone, also turns by 180 degrees."""
    found = list(zone.operations) if symmetry else list(zone.operations[:1])
    if symmetry and not any(wanted) and not zone.g[:, 2].any():
        turned = [Operation(-one.plane, -one.hkl) for one in found]
        found += [one for one in turned if not any(torch.allclose(one.plane, other.plane) for other in found)]
    return found


@dataclass(frozen=True)
class _Tile:
    """Directions that share their beams.

    pixels: places among the needed ones; k_t: of them; every: of all directions of the tile; strong, weak: beams, as
    places in the zone's list.
    """

    pixels: Tensor
    k_t: Tensor
    every: Tensor
    strong: Tensor
    weak: Tensor


@dataclass(frozen=True)
class _Foil:
    """A foil, cut into tiles of directions."""

    zone: Zone
    tiles: list[_Tile]
    table: PotentialTable
    wave_number: float
    damping: Tensor
    depths: Tensor
    discs: list[int]
    rule: DiscRule

    @classmethod
    def prepare(
        cls,
        scatterers: Scatterers,
        zone: Zone,
        field: Field,
        folding: _Folding,
        needed: Tensor,
        thickness_angstrom: Sequence[float],
        rule: DiscRule,
    ) -> _Foil:
        depths = torch.as_tensor(thickness_angstrom, dtype=torch.float64)
        k = scatterers.wave_number
        k_t, number = field.k_t, field.tiles(rule.tile_px)
        used = torch.unique(folding.representative)
        tiles = []
        potential = scatterers.potential(zone.hkl)[0].abs() if rule.ranking == "coupled" else None
        for tile in torch.unique(number[needed]).tolist():
            own = used[number[used] == tile]
            ranking = rank(
                zone, k_t[own], ranking=rule.ranking, always=folding.beams, wave_number=k, potential=potential
            )
            here = (number[needed] == tile).nonzero().flatten()
            strong = ranking.first(rule.beams)
            weak = ranking.weak(rule.beams, rule.weak_beams, rule.weak_excitation)
            tiles.append(_Tile(here, k_t[needed[here]], k_t[own], strong, weak))
        pool = torch.unique(torch.cat([torch.cat([tile.strong, tile.weak]) for tile in tiles]))
        table = PotentialTable.of(scatterers, zone.hkl[pool])
        damping = torch.ones_like(depths)
        if rule.mean_absorption:
            damping = torch.exp(-2.0 * math.pi * scatterers.mean_absorption / k * depths)
        return cls(zone, tiles, table, k, damping, depths, folding.beams, rule)

    def intensities(self) -> Tensor:
        """(thicknesses, needed discs, needed pixels)."""
        total = sum(len(tile.pixels) for tile in self.tiles)
        real = torch.float64 if self.rule.road == "eig" else torch.float32
        found = torch.empty(len(self.depths), len(self.discs), total, dtype=real)
        slices: list[int] | None = None
        if self.rule.road == "strang":
            slices = self._slices()
        for tile in self.tiles:
            waves = foil_waves(
                self._excitation(tile, tile.k_t).to(self.rule.device),
                self._matrix(tile).to(self.rule.device),
                self._along_normal(tile),
                self.depths,
                road=self.rule.road,
                slices=slices,
                centre=self._mean_excitation(tile).to(self.rule.device),
                dtype=torch.complex128 if self.rule.road == "eig" else torch.complex64,
            )
            places = [int((tile.strong == disc).nonzero()) for disc in self.discs]
            found[:, :, tile.pixels] = (waves[:, :, places].abs() ** 2).movedim(2, 1).to("cpu", real)
        return found * self.damping[:, None, None].to(real)

    def _along_normal(self, tile: _Tile) -> float:
        """k_n of the mean direction."""
        return math.sqrt(self.wave_number**2 - float((tile.every.mean(0) ** 2).sum()))

    def _excitation(self, tile: _Tile, k_t: Tensor) -> Tensor:
        """2 K s_g of directions, each with its own k_n in place of the tile's."""
        own = (self.wave_number**2 - (k_t**2).sum(-1, keepdim=True)).sqrt()
        return excitation(self.zone.g[tile.strong], k_t, self.wave_number) * (self._along_normal(tile) / own)

    def _mean_excitation(self, tile: _Tile) -> Tensor:
        return self._excitation(tile, tile.every.mean(0)[None])[0]

    def _matrix(self, tile: _Tile) -> Tensor:
        """What couples the beams of a tile, weak beams in it."""
        hkl, g = self.zone.hkl[tile.strong], self.zone.g[tile.strong]
        matrix = self.table.between(hkl, hkl)
        matrix = matrix - torch.diag(matrix.diagonal())
        if len(tile.weak):
            weak = self.zone.hkl[tile.weak]
            away = excitation(self.zone.g[tile.weak], tile.every.mean(0)[None], self.wave_number)[0]
            matrix = matrix - (self.table.between(hkl, weak) / away) @ self.table.between(weak, hkl)
        if g[:, 2].any():
            flux = (1.0 + g[:, 2] / self._along_normal(tile)).rsqrt().to(matrix.dtype)
            matrix = flux[:, None] * matrix * flux
        return matrix

    def _slices(self) -> list[int]:
        """Those that the widest tiles, the one in the middle and the one farthest out, ask for, for all."""
        if self.rule.slice_angstrom is not None:
            steps = torch.diff(self.depths, prepend=self.depths.new_zeros(1)).tolist()
            return [self.rule.slice_factor * math.ceil(step / self.rule.slice_angstrom - 1e-9) for step in steps]
        spread = [float((tile.every - tile.every.mean(0)).norm(dim=-1).max()) for tile in self.tiles]
        away = [float(tile.every.mean(0).norm()) for tile in self.tiles]
        widest = [place for place, width in enumerate(spread) if width >= 0.9 * max(spread)]
        chosen = {min(widest, key=away.__getitem__), max(widest, key=away.__getitem__)}
        counts = [
            slice_counts(
                self._excitation(tile, tile.every),
                self._matrix(tile),
                self._along_normal(tile),
                self.depths,
                self.rule.slice_error,
                self._mean_excitation(tile),
            )
            for tile in (self.tiles[place] for place in chosen)
        ]
        return [self.rule.slice_factor * max(several) for several in zip(*counts, strict=True)]
