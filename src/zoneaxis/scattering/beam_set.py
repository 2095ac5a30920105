"""Beam set: the beams of a group of directions, and the matrix that couples them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.zone import Zone

RANKINGS = ("coupled", "mixed", "excitation", "length")
LEAST_COUPLING = 0.5
"""|U_g| is raised by this share of the largest where it weighs beams: one that (000) does not reach may be reached."""


@dataclass(frozen=True)
class BeamSet:
    """Beams that neighbouring directions share, (000) first.

    Attributes:
        hkl: (n, 3).
        g: (n, 3) along x, y, z of the zone [1/Å].
        differences: (m, 3) every h - h' once.
        pairs: (n, n) number of h - h' in `differences`.
    """

    hkl: Tensor
    g: Tensor
    differences: Tensor
    pairs: Tensor

    @classmethod
    def of(cls, zone: Zone, places: Tensor) -> BeamSet:
        """The beams at these places of the zone's list; the first must be (000)."""
        hkl = zone.hkl[places]
        every = (hkl[:, None] - hkl[None]).reshape(-1, 3)
        differences, pairs = unique_rows(every)
        return cls(hkl, zone.g[places], differences, pairs.reshape(len(hkl), len(hkl)))

    def __len__(self) -> int:
        return len(self.hkl)

    @classmethod
    def ranked(
        cls,
        zone: Zone,
        k_t: Tensor,
        count: int,
        *,
        ranking: str = "mixed",
        always: Sequence[int] = (),
        wave_number: float | None = None,
    ) -> BeamSet:
        """The `count` most important beams of directions k_t (p, 2); see `rank`."""
        return cls.of(zone, rank(zone, k_t, ranking=ranking, always=always, wave_number=wave_number).first(count))

    def excitation(self, k_t: Tensor, wave_number: float) -> Tensor:
        """2 K s_g (p, n) [1/Å²] of directions k_t (p, 2) [1/Å], with the flux factor of higher Laue zones."""
        return excitation(self.g, k_t, wave_number)

    def coupling(self, u: Tensor, wave_number: float | None = None) -> Tensor:
        """Matrix (n, n) from values (m,) at `differences`, zero on the diagonal.

        wave_number: k_n, needed for the flux factors where beams of higher Laue zones are among them.
        """
        matrix = u[self.pairs]
        matrix = matrix - torch.diag(matrix.diagonal())
        if self.g[:, 2].any():
            if wave_number is None:
                raise InputError("coupling: beams of higher Laue zones need the wave number for their flux factors")
            flux = (1.0 + self.g[:, 2] / wave_number).rsqrt().to(matrix.dtype)
            matrix = flux[:, None] * matrix * flux
        return matrix


@dataclass(frozen=True)
class Ranking:
    """Places in the zone's list, the most important beam first.

    order: (n,); nearest: (n,) least |2 K s_g| of each beam over the directions, in that order [1/Å²].
    """

    order: Tensor
    nearest: Tensor

    def first(self, count: int) -> Tensor:
        """Places of the `count` best.

        Raises:
            InputError: a count below 2 or beyond the list.
        """
        if not 2 <= count <= len(self.order):
            raise InputError(f"beams = {count}: expected 2 to {len(self.order)}, the reflections with d >= d_min")
        return self.order[:count]

    def weak(self, count: int, most: int, least_excitation: float) -> Tensor:
        """Places of up to `most` beams after the first `count`, none nearer to its Bragg condition than given."""
        rest = slice(count, count + most)
        return self.order[rest][self.nearest[rest] > least_excitation]


def rank(
    zone: Zone,
    k_t: Tensor,
    *,
    ranking: str = "mixed",
    always: Sequence[int] = (),
    wave_number: float | None = None,
    potential: Tensor | None = None,
) -> Ranking:
    """Beams of a zone by their importance for a group of directions, (000) first.

    The figure of a beam is its least value over the directions: `mixed` |g² + g.k_t| (half-way between |g|² and the
    distance from the Bragg condition), `coupled` the same divided by the root of |U_g| (better for large cells),
    `excitation` |2 K s_g|, `length` |g|. `always` come first whatever their figure.

    Args:
        zone: the zone.
        k_t: (p, 2) directions [1/Å].
        ranking: see above.
        always: places of beams that are wanted in any case.
        wave_number: K, needed where the zone lists higher Laue zones.
        potential: |U_g| of the zone's list, needed by `coupled`.

    Raises:
        InputError: an unknown ranking, `coupled` without potential, higher Laue zones without a wave number.
    """
    if ranking not in RANKINGS:
        raise InputError(f"beam ranking {ranking!r}: expected one of {', '.join(RANKINGS)}")
    g = zone.g
    squared, along = (g**2).sum(-1), k_t.to(g) @ g[:, :2].T
    if g[:, 2].any():
        if wave_number is None:
            raise InputError("beam ranking: reflections of higher Laue zones need the wave number")
        squared = squared + 2.0 * wave_number * g[:, 2]
    nearest = (squared + 2.0 * along).abs().amin(0)
    figure = {"excitation": nearest.clone(), "length": (g**2).sum(-1)}.get(ranking, (squared + along).abs().amin(0))
    if ranking == "coupled":
        if potential is None:
            raise InputError("beam ranking: 'coupled' needs the potential")
        strength = potential.abs()
        figure = figure * (strength / strength[1:].max() + LEAST_COUPLING).rsqrt()
    figure[[0, *always]] = -1.0
    figure[0] = -2.0
    order = torch.argsort((figure * 1e9).round(), stable=True)
    return Ranking(order, nearest[order])


def excitation(g: Tensor, k_t: Tensor, wave_number: float) -> Tensor:
    """2 K s_g (p, n) [1/Å²] of beams g (n, 3) for directions k_t (p, 2): K² - |k + g|², by the flux factor 1 + g_z/k_z.

    In the zero-order Laue zone it is -(g² + 2 k_t.g) and the Bragg line of g lies at k_t = -g/2.
    """
    in_plane = -((g**2).sum(-1) + 2.0 * k_t.to(g) @ g[:, :2].T)
    if not g[:, 2].any():
        return in_plane
    k_z = (wave_number**2 - (k_t**2).sum(-1, keepdim=True)).sqrt()
    return (in_plane - 2.0 * k_z * g[:, 2]) / (1.0 + g[:, 2] / k_z)


def unique_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Unique index triples and where each row is among them; by one number a row, which is faster than by rows."""
    low = rows.amin(0)
    spans = (rows.amax(0) - low + 1).tolist()
    shifted = rows - low
    key = (shifted[:, 0] * spans[1] + shifted[:, 1]) * spans[2] + shifted[:, 2]
    unique, inverse = torch.unique(key, return_inverse=True)
    last = unique % spans[2]
    rest = torch.div(unique, spans[2], rounding_mode="floor")
    middle, first = rest % spans[1], torch.div(rest, spans[1], rounding_mode="floor")
    return torch.stack([first, middle, last], dim=-1) + low, inverse
