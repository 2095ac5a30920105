"""Foil under refinement: discs on a square grid of directions and their exact derivatives in what is to be fitted.

Directions that a symmetry of the zone maps onto one another are computed once. They are taken tile by tile, each tile
with beams and slices of its own that stay the same during a fit, so that the misfit is a smooth function. Derivatives
of the discs are carried forward through the foil by automatic differentiation (dual numbers), beginning with those of
its matrix, which are central differences of a smooth function (error 1e-6). The mean absorption is a common factor and
left out: the scale of every disc is free.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import forward_ad

from zoneaxis.errors import InputError
from zoneaxis.scattering.beam_set import BeamSet, excitation, rank
from zoneaxis.scattering.foil import foil_waves, slice_counts
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

if TYPE_CHECKING:
    from pymatgen.core import Structure

FOIL = ("thickness", "b_iso", "absorption", "share", "lattice")
"""Order of the numbers of a foil: nm, Å², factor on U', share of a mixed site's second element, factor on the cell."""
D_MIN = 0.2
TILE_WIDTH_PER_ANGSTROM = 0.25
"""Wider than for a picture alone: derivatives cost most by the slice."""
WEAK_EXCITATION = 0.3
"""A weak beam is at least this far from its Bragg condition, |2 K s| in 1/Å²: nearer perturbation theory fails."""
SLICE_RESERVE = 1.1
STEP = 1e-3
"""Relative step of the central differences of the potential, which is smooth and computed in double precision."""


@dataclass(frozen=True)
class _Tile:
    """Neighbouring directions and their beams.

    places: where they stand in the list of those computed; k_t: (directions, 2); beams: `strong` of them coupled
    exactly, the others to second order; columns: beams of the computed discs.
    """

    places: Tensor
    k_t: Tensor
    beams: BeamSet
    strong: int
    columns: Tensor
    slices_per_angstrom: float


@dataclass(frozen=True)
class RefinableFoil:
    """Discs of a foil on n x n directions, as a function of five numbers (`FOIL`).

    Attributes:
        scatterers: the atoms as they are at the start.
        size_px, half_width: of the grid of directions, [1/Å].
        discs: how many are asked for.
        tiles: of the directions that symmetry does not give.
        gather: (discs, n n) place of every pixel among (computed directions) x (computed discs).
        second: (atoms,) 1 for the second element of a mixed site, -1 for the first, 0 for an atom alone on its site.
        wave_number: K inside the crystal, at the start [1/Å].
    """

    scatterers: Scatterers
    size_px: int
    half_width: float
    discs: int
    tiles: tuple[_Tile, ...]
    gather: Tensor
    second: Tensor
    wave_number: float

    @classmethod
    def of(
        cls,
        structure: Structure,
        zone_axis: Sequence[int],
        hkl: Sequence[Sequence[int]],
        start: Mapping[str, float],
        *,
        accelerating_voltage_kv: float,
        half_width: float,
        size_px: int = 96,
        columns: Sequence[int] | None = None,
        beams: int = 130,
        weak_beams: int = 200,
        slice_error: float = 1e-3,
        absorption: str = "phonon",
        form_factor: str = "lobato",
    ) -> RefinableFoil:
        """The foil at the start of a fit; `start` holds the values of `FOIL` from which beams and slices are found.

        Raises:
            InputError: a reflection outside the zone, fewer beams than discs, an odd grid, a field so wide that beams
                are missing, mixed sites that differ.
        """
        if size_px % 2 or size_px < 8:
            raise InputError(f"grid_px = {size_px}: expected an even number of 8 or more")
        if math.sqrt(8.0) * half_width > 1.0 / D_MIN:
            raise InputError(
                f"half_width = {half_width:.3g} 1/Å with its margin: in the corners reflections with d < {D_MIN:g} Å "
                f"are excited, which are not in the list; expected up to {1.0 / (math.sqrt(8.0) * D_MIN):.3g}"
            )
        zone = Zone.of(structure, zone_axis, columns=columns, d_min_angstrom=D_MIN)
        scatterers = Scatterers.of(structure, accelerating_voltage_kv, absorption=absorption, form_factor=form_factor)
        chosen, operation = _irreducible(zone, size_px)
        computed, gather = _gather(zone, hkl, chosen, operation)
        if beams < len(computed) + 1:
            raise InputError(f"beams = {beams}: expected more than the {len(computed)} discs that symmetry asks for")
        empty = cls(scatterers, size_px, half_width, len(hkl), (), gather, _second(structure), scatterers.wave_number)
        steps = (torch.arange(size_px, dtype=torch.float64) + 0.5 - size_px / 2) * half_width / (size_px / 2)
        asked = torch.unique(chosen)
        rows, cols = torch.div(asked, size_px, rounding_mode="floor"), asked % size_px
        across = max(1, round(TILE_WIDTH_PER_ANGSTROM * size_px / (2.0 * half_width)))
        row_of, column_of = (torch.div(place, across, rounding_mode="floor") for place in (rows, cols))
        of_tile = row_of * size_px + column_of
        values = torch.tensor([float(start[name]) for name in FOIL], dtype=torch.float64)
        tiles = []
        for number in torch.unique(of_tile):
            places = (of_tile == number).nonzero()[:, 0]
            k_t = torch.stack([steps[cols[places]], steps[rows[places]]], dim=-1)
            ranking = rank(zone, k_t, always=[zone.position(one) for one in computed])
            strong = ranking.first(min(beams, len(zone.hkl)))
            beam_set = BeamSet.of(zone, torch.cat([strong, ranking.weak(beams, weak_beams, WEAK_EXCITATION)]))
            where = {tuple(one): place for place, one in enumerate(beam_set.hkl.tolist())}
            discs = torch.tensor([where[one] for one in computed])
            tile = _Tile(places, k_t, beam_set, len(strong), discs, 0.0)
            errors, coupling, depth = empty._problem(tile, values)
            (count,) = slice_counts(errors, coupling, empty.wave_number, depth, slice_error)
            tiles.append(replace(tile, slices_per_angstrom=SLICE_RESERVE * count / float(depth)))
        return replace(empty, tiles=tuple(tiles))

    @torch.no_grad()
    def pictures(self, values: Tensor) -> Tensor:
        """Intensities (discs, n, n) for the five numbers."""
        return self._picture([self._intensity(tile, values) for tile in self.tiles])

    @torch.no_grad()
    def series(self, values: Tensor, thickness_nm: Sequence[float]) -> Tensor:
        """The same for several rising thicknesses, (thicknesses, discs, n, n)."""
        found = []
        depths = 10.0 * torch.as_tensor(thickness_nm, dtype=torch.float64)
        for tile in self.tiles:
            errors, coupling, _ = self._problem(tile, self._tracked(values))
            steps = torch.diff(depths, prepend=depths.new_zeros(1)).tolist()
            slices = [max(2, math.ceil(step * tile.slices_per_angstrom)) for step in steps]
            waves = foil_waves(errors, coupling, self.wave_number, depths, slices=slices)
            found.append(waves[:, :, tile.columns].abs() ** 2)
        return torch.stack([self._picture([tile[number] for tile in found]) for number in range(len(depths))])

    def derivatives(self, values: Tensor, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Intensities (discs, n, n), and their derivatives (names, discs, n, n) in some of the five numbers."""
        if not names:
            return self.pictures(values), torch.zeros(0, self.discs, self.size_px, self.size_px, dtype=torch.float64)
        primal: list[Tensor] = []
        slopes: list[list[Tensor]] = [[] for _ in names]
        for tile in self.tiles:
            for number, name in enumerate(names):
                with forward_ad.dual_level():
                    value = self._intensity(tile, values, name)
                    at, slope = forward_ad.unpack_dual(value)
                    slopes[number].append(slope.detach())
                    if not number:
                        primal.append(at.detach())
        return self._picture(primal), torch.stack([self._picture(several) for several in slopes])

    @staticmethod
    def _tracked(values: Tensor) -> Tensor:
        """The values, marked so that the absorption interpolates in B instead of integrating anew at every B."""
        return values.detach().clone().requires_grad_(True)

    def _problem(self, tile: _Tile, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        thickness, b_iso, absorption, share, lattice = values.unbind()
        start = self.scatterers
        occupancies = torch.where(self.second == 0, start.occupancies, torch.where(self.second > 0, share, 1.0 - share))
        atoms = replace(
            start, basis=start.basis * lattice, occupancies=occupancies, b_iso=b_iso.expand(len(start.b_iso))
        )
        u, lost = atoms.potential(tile.beams.differences)
        every, n = tile.beams.coupling(u + 1j * absorption * lost), tile.strong
        g = tile.beams.g / lattice
        away = excitation(g[n:], tile.k_t.mean(0)[None], self.wave_number)[0]
        coupling = every[:n, :n] - (every[:n, n:] / away) @ every[n:, :n]
        return excitation(g[:n], tile.k_t, self.wave_number), coupling, 10.0 * thickness[None]

    def _intensity(self, tile: _Tile, values: Tensor, along: str | None = None) -> Tensor:
        """(directions, computed discs) of a tile; a dual number when its slope along one of `FOIL` is asked for."""
        with torch.no_grad():
            problem = self._problem(tile, self._tracked(values))
            slices = math.ceil(float(problem[-1]) * tile.slices_per_angstrom)
            if along is not None:
                step = torch.zeros_like(values)
                step[FOIL.index(along)] = size = STEP * max(float(values[FOIL.index(along)]), STEP)
                ahead, behind = (self._problem(tile, self._tracked(values + sign * step)) for sign in (1, -1))
                slopes = [(after - before) / (2 * size) for after, before in zip(ahead, behind, strict=True)]
        if along is not None:
            problem = tuple(
                forward_ad.make_dual(part.requires_grad_(), slope) for part, slope in zip(problem, slopes, strict=True)
            )
        errors, coupling, depth = problem
        waves = foil_waves(errors, coupling, self.wave_number, depth, slices=[slices])
        return waves[0][:, tile.columns].abs() ** 2

    def _picture(self, tiles: Sequence[Tensor]) -> Tensor:
        """Whole discs from the intensities (directions, computed discs) of all tiles."""
        computed = torch.cat(list(tiles)).double()
        ordered = torch.empty_like(computed)
        ordered[torch.cat([tile.places for tile in self.tiles])] = computed
        return ordered.reshape(-1)[self.gather].reshape(self.discs, self.size_px, self.size_px)


def _irreducible(zone: Zone, size_px: int) -> tuple[Tensor, Tensor]:
    """For every pixel of the grid, the pixel that stands for it and the operation that leads from that one to it."""
    steps = torch.arange(size_px, dtype=torch.float64) + 0.5 - size_px / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten()], dim=-1)
    chosen = torch.arange(size_px * size_px)
    operation = torch.zeros_like(chosen)
    identity = torch.eye(2, dtype=torch.float64)
    for number, one in enumerate(zone.operations):
        flat = one.plane.round()
        if (one.plane - flat).abs().max() > 1e-6 or torch.equal(flat, identity):
            continue
        # the pixel from which this operation leads to each pixel
        source = points @ flat
        place = ((source[:, 1] + size_px / 2).floor() * size_px + (source[:, 0] + size_px / 2).floor()).long()
        better = place > chosen
        chosen, operation = torch.where(better, place, chosen), torch.where(better, number, operation)
    return chosen, operation


def _gather(
    zone: Zone, hkl: Sequence[Sequence[int]], chosen: Tensor, operation: Tensor
) -> tuple[list[tuple[int, int, int]], Tensor]:
    """Discs to compute, and for each asked disc and pixel its place in (directions) x (computed discs)."""
    computed: dict[tuple[int, int, int], int] = {}
    numbers = []
    for one in hkl:
        zone.position(one)
        sources = []
        for symmetry in zone.operations:
            source = torch.linalg.solve(symmetry.hkl.T.double(), torch.tensor([float(index) for index in one]).double())
            h, k, l = (int(index) for index in source.round())  # noqa: E741
            sources.append(computed.setdefault((h, k, l), len(computed)))
        numbers.append(sources)
    direction = torch.unique(chosen, return_inverse=True)[1]
    disc = torch.tensor(numbers)[:, operation]
    return list(computed), direction * len(computed) + disc


def _second(structure: Structure) -> Tensor:
    """See `RefinableFoil.second`, in the order in which `Scatterers.of` lists the atoms."""
    pairs = [list(site.species.values()) for site in structure if len(site.species) == 2]
    if any(abs(sum(pair) - 1.0) > 1e-6 or abs(pair[1] - pairs[0][1]) > 1e-6 for pair in pairs):
        raise InputError("structure: sites that two elements share need full occupancy and one share for all of them")
    found: list[int] = []
    for site in structure:
        kinds = len(site.species)
        found += [-1, 1] if kinds == 2 else [0] * kinds
    return torch.tensor(found)
