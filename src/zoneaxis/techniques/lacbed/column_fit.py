"""Column fit: orbits of columns fitted to a disc (000), with the slopes of every intensity from one solution.

All cubic crystals are twofold along a cube axis, so with the origin on that axis U_g is real and symmetric and

    d psi_0 / d A_gh = (i pi / k_n) integral_0^t psi_g(t - z) psi_h(z) dz,

which the eigenvectors of A give in closed form: the slopes by all U_g cost two products of matrices more. Absorption
enters through the eigenvalues to first order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.techniques.lacbed.columns import Array
from zoneaxis.techniques.lacbed.orbits import Orbits, orbit_tables, potentials

FEWEST_BEAMS, MOST_BEAMS = 45, 180
NOT_WEAK = 0.2
"""|2 K s| [1/Å²] below which a weak beam counts less and less, as perturbation theory fails."""
PERIOD_REACH = 0.02
MIXED_WAVES = 24


@dataclass(frozen=True)
class Directions:
    """Directions at which a disc is compared, one of each set that its symmetry makes equal.

    Attributes:
        k_t: (n, 2) [1/Å].
        values: (n,) of the disc over its largest value.
        weights: (n,) how many directions of the disc each stands for, mean 1.
    """

    k_t: Array
    values: Array
    weights: Array

    @classmethod
    def of(cls, disc: Array, half_width: float, count: int, fourfold: bool) -> Directions:
        """About `count` directions of the asymmetric part, spread evenly."""
        size = len(disc)
        along = (np.arange(size) + 0.5 - 0.5 * size) * (2.0 * half_width / size)
        rows, columns = np.nonzero(np.ones((size, size), dtype=bool))
        x, y = along[columns], along[rows]
        part = (x > 0) & (y > 0) & ((y <= x) if fourfold else True)
        rows, columns, x, y = rows[part], columns[part], x[part], y[part]
        order = np.argsort(((columns * 0.7548776662 + rows * 0.5698402910) % 1.0), kind="stable")[:count]
        share = np.where(np.isclose(x, y) & fourfold, 0.5, 1.0)[order]
        return cls(np.stack([x, y], 1)[order], disc[rows, columns][order] / disc.max(), share / share.mean())


class ColumnFit:
    """Disc (000) of orbits, its slopes, and their fit by damped Gauss-Newton steps."""

    def __init__(self, directions: Directions, thickness_angstrom: float, accelerating_voltage_kv: float) -> None:
        self.directions = directions
        self.thickness = thickness_angstrom
        self.voltage = accelerating_voltage_kv
        self.k = 1.0 / wavelength_angstrom(accelerating_voltage_kv)

    @staticmethod
    def count(period: float, centred: bool, density: float) -> int:
        """Beams for so many in a unit of reciprocal area, within limits."""
        return int(np.clip(density * period**2 * (0.5 if centred else 1.0), FEWEST_BEAMS, MOST_BEAMS))

    def beams(self, period: float, centred: bool, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the beams of every direction: coupled (directions, n, 2), (0, 0) first, and weak ones after."""
        most = math.ceil(3.0 * period)
        span = np.arange(-most, most + 1)
        hk = np.stack(np.meshgrid(span, span, indexing="ij"), -1).reshape(-1, 2)
        hk = hk[(hk**2).sum(1) <= most**2]
        if centred:
            hk = hk[hk.sum(1) % 2 == 0]
        g = hk / period
        figure = np.abs((g**2).sum(1) + self.directions.k_t @ g.T)
        figure[:, (hk == 0).all(1)] = -1.0
        places = np.argsort(figure, axis=1, kind="stable")[:, : 2 * count]
        return np.asarray(hk[places[:, :count]]), np.asarray(hk[places[:, count:]])

    def solve(self, orbits: Orbits, beams: tuple[np.ndarray, np.ndarray], slopes: bool = True) -> Solution:
        """Intensities and, with `slopes`, their derivatives by U_g, by U'_g and by log period.

        Weak beams enter to second order (Bethe), in the slopes too.
        """
        strong, weak = beams
        reach = int(np.abs(strong).max() + max(np.abs(strong).max(), np.abs(weak).max()))
        elastic_, absorbed = (table.astype(np.float32) for table in potentials(orbits, reach, self.voltage))
        size = 2 * reach + 1
        code, weak_code = (one[..., 0] * size + one[..., 1] for one in beams)
        index = code[:, :, None] - code[:, None, :] + reach * size + reach
        cross = code[:, :, None] - weak_code[:, None, :] + reach * size + reach
        length, tilt = self._lengths(orbits.period, strong)
        weak_length, weak_tilt = self._lengths(orbits.period, weak)
        away = (-(weak_length + 2.0 * weak_tilt)).astype(np.float32)
        softened = (away**2 + NOT_WEAK**2)[:, None, :]
        away = away[:, None, :]
        matrix, lossy, to_weak = elastic_.ravel()[index], absorbed.ravel()[index], elastic_.ravel()[cross]
        diagonal = np.arange(strong.shape[1])
        matrix[:, diagonal, diagonal] = -(length + 2.0 * tilt)
        lossy[:, diagonal, diagonal] = 0.0
        weighted = to_weak * (away / softened)
        matrix -= weighted @ to_weak.transpose(0, 2, 1)
        values, vectors = _bloch_waves(torch.from_numpy(matrix), torch.from_numpy(lossy))
        factor = math.pi / self.k
        turned = torch.exp(1j * factor * self.thickness * values)
        first = vectors[:, 0, :].to(torch.complex128)
        psi_0 = (first * first * turned).sum(-1)
        intensity = (psi_0.abs() ** 2).numpy()
        if not slopes:
            return Solution(intensity, *(np.zeros(0),) * 3, reach)
        gap = values[:, :, None] - values[:, None, :]
        close = gap.abs() < 1e-4
        divided = torch.where(
            close,
            1j * factor * self.thickness * 0.5 * (turned[:, :, None] + turned[:, None, :]),
            (turned[:, :, None] - turned[:, None, :]) / torch.where(close, torch.ones_like(gap), gap),
        )
        inner = first[:, :, None] * divided * first[:, None, :] * (2.0 * psi_0.conj())[:, None, None]
        met_both = (vectors @ inner.to(vectors.dtype) @ vectors.transpose(1, 2)).numpy()
        real, imaginary = np.ascontiguousarray(met_both.real), -met_both.imag
        by_period = (real[:, diagonal, diagonal] * 2.0 * (length + tilt)).sum(-1)
        met = real @ weighted
        bend = (away**2 - NOT_WEAK**2) / softened**2
        by_period += (((real @ to_weak) * to_weak * bend).sum(1) * 2.0 * (weak_length + weak_tilt)).sum(-1)
        real[:, diagonal, diagonal] = 0.0
        imaginary[:, diagonal, diagonal] = 0.0

        def gathered(values: np.ndarray, places: np.ndarray) -> Array:
            rows = np.arange(len(strong))[:, None, None] * size**2
            flat = np.bincount((rows + places).ravel(), values.ravel(), minlength=len(strong) * size**2)
            return np.asarray(flat.reshape(len(strong), size**2))

        by_u = gathered(real, index) - 2.0 * gathered(met, cross)
        return Solution(intensity, by_u, gathered(imaginary, index), by_period, reach)

    def _lengths(self, period: float, beams: np.ndarray) -> tuple[Array, Array]:
        g = beams / period
        return (g**2).sum(-1), np.einsum("dnx,dx->dn", g, self.directions.k_t)

    def misfit(self, orbits: Orbits, density: float = 3.0) -> float:
        """Rms difference to the disc, in units of its maximum, after the best scale."""
        beams = self.beams(orbits.period, orbits.centred, self.count(orbits.period, orbits.centred, density))
        weights = np.sqrt(self.directions.weights)
        intensity = self.solve(orbits, beams, slopes=False).intensity
        return _scaled(intensity * weights, self.directions.values * weights)[1]

    def refine(
        self, orbits: Orbits, steps: int, *, enough: float = 2e-3, move: bool = True, density: float = 3.0
    ) -> tuple[Orbits, float]:
        """Damped Gauss-Newton steps in the period, the places and the amounts; the disc's scale is fitted along."""
        centred = orbits.centred
        weights = np.sqrt(self.directions.weights)
        target = self.directions.values * weights
        damping, start = 1e-2, orbits.period
        beams = self.beams(orbits.period, centred, self.count(orbits.period, centred, density))
        solution = self.solve(orbits, beams)
        scaled, misfit = _scaled(solution.intensity * weights, target)
        for step in range(steps):
            slopes = self._slopes(orbits, solution, move)
            rows = np.concatenate([scaled * slopes * weights[:, None], (solution.intensity * weights)[:, None]], 1)
            residual = target - scaled * solution.intensity * weights
            normal = rows.T @ rows
            diagonal = normal.diagonal() + 1e-6 * normal.diagonal().max()
            better = False
            for _ in range(4):
                change = np.linalg.solve(normal + np.diag(damping * diagonal), rows.T @ residual)
                trial = _moved(orbits, change[:-1], move, start)
                tried = self.solve(trial, beams)
                new_scale, new_misfit = _scaled(tried.intensity * weights, target)
                if new_misfit < misfit:
                    better = True
                    break
                damping *= 6.0
            if not better:
                break
            gain = misfit - new_misfit
            orbits, solution, scaled, misfit = trial, tried, new_scale, new_misfit
            damping = max(damping / 4.0, 1e-6)
            if misfit < enough or gain < 3e-3 * misfit:
                break
            if step % 3 == 2:
                beams = self.beams(orbits.period, centred, self.count(orbits.period, centred, density))
                solution = self.solve(orbits, beams)
                scaled, misfit = _scaled(solution.intensity * weights, target)
        return orbits, misfit

    def born(self, orbits: Orbits, atomic_number: int = 20, grid: int = 16, density: float = 3.0) -> Orbits | None:
        """One more orbit where it takes away most of the misfit to first order; None where nothing helps."""
        centred = orbits.centred
        weights = np.sqrt(self.directions.weights)
        target = self.directions.values * weights
        solution = self.solve(orbits, self.beams(orbits.period, centred, self.count(orbits.period, centred, density)))
        scaled, misfit = _scaled(solution.intensity * weights, target)
        slopes = scaled * self._slopes(orbits, solution, True) * weights[:, None]
        slopes = np.concatenate([slopes, (solution.intensity * weights)[:, None]], 1)
        basis = np.linalg.qr(slopes)[0]
        residual = target - scaled * solution.intensity * weights
        steps = np.arange(grid) / grid - 0.5
        numbers = (*orbits.atomic_numbers, atomic_number)
        candidates = [np.array([x, y]) for x in steps for y in steps]
        every = np.array([orbits.planes @ place + orbits.shifts for place in candidates])
        every = np.round((every - np.round(every + 1e-9)) * grid).astype(int)
        keys = (every[..., 0] % grid) * grid + every[..., 1] % grid
        own = keys.min(1) == (np.round(np.array(candidates) * grid).astype(int) % grid) @ np.array([grid, 1])
        taken = orbits.columns().positions
        kept = [
            place
            for place, good in zip(candidates, own, strict=True)
            if good and (np.abs((d := taken - place) - np.round(d)).max(-1) * orbits.period).min() > 0.4
        ]
        if not kept:
            return None
        single = replace(
            orbits,
            places=np.array(kept),
            amounts=np.full(len(kept), 1.0 / orbits.period),
            mixture=np.eye(len(numbers))[np.full(len(kept), len(numbers) - 1)],
            atomic_numbers=numbers,
        )
        tables = orbit_tables(single, solution.reach, self.voltage)
        rows = scaled * (solution.by_u @ tables.reshape(len(kept), -1).T) * weights[:, None]
        rows = rows - basis @ (basis.T @ rows)
        rest = residual - basis @ (basis.T @ residual)
        gains = rows.T @ rest
        score = np.where(gains > 0, gains, 0.0) ** 2 / ((rows**2).sum(0) + 1e-9)
        number = int(score.argmax())
        best, chosen = float(score[number]), kept[number]
        if best <= 0:
            return None
        amount = float(gains[number] / ((rows[:, number] ** 2).sum() + 1e-9)) / orbits.period
        amount = float(np.clip(amount, 0.02 / orbits.period, 0.6 / orbits.period))
        mixture = np.zeros((len(orbits.places) + 1, len(numbers)))
        mixture[:-1, :-1] = orbits.mixture
        mixture[-1, -1] = 1.0
        return replace(
            orbits,
            places=np.concatenate([orbits.places, chosen[None]]),
            amounts=np.append(orbits.amounts, amount),
            mixture=mixture,
            atomic_numbers=numbers,
        )

    def _slopes(self, orbits: Orbits, solution: Solution, move: bool) -> Array:
        """Derivatives (directions, parameters) by log period, relative amounts and places [Å]."""
        small = 1e-4
        larger = replace(orbits, period=orbits.period * (1 + small))
        slopes: Array = np.zeros(1)
        for absorbed, by in ((False, solution.by_u), (True, solution.by_loss)):
            table = orbit_tables(orbits, solution.reach, self.voltage, absorbed=absorbed)
            grown = orbit_tables(larger, solution.reach, self.voltage, absorbed=absorbed).sum(0)
            parts = [((grown - table.sum(0)) / small)[None], table]
            if move:
                parts += [
                    orbit_tables(orbits, solution.reach, self.voltage, axis, absorbed) / orbits.period
                    for axis in (0, 1)
                ]
            every = np.concatenate(parts).reshape(-1, table[0].size)
            slopes = slopes + by @ every.T
        slopes[:, 0] += solution.by_period
        return np.asarray(slopes)


def _bloch_waves(matrix: torch.Tensor, lossy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues and eigenvectors C with C^T C = 1 of matrix + i lossy, both real and symmetric (., n, n).

    Absorption mixes the waves that the incident beam excites most exactly, the others to first order.
    """
    real_values, real_vectors = torch.linalg.eigh(matrix)
    mixed = real_vectors.transpose(1, 2) @ lossy @ real_vectors
    values = real_values.to(torch.complex128) + 1j * mixed.diagonal(dim1=1, dim2=2).to(torch.complex128)
    vectors = real_vectors.to(torch.complex64)
    count = min(MIXED_WAVES, matrix.shape[1])
    most = real_vectors[:, 0].abs().topk(count, dim=1).indices
    some = torch.gather(mixed, 1, most[:, :, None].expand(-1, -1, mixed.shape[2]))
    some = torch.gather(some, 2, most[:, None, :].expand(-1, count, -1))
    inner = 1j * some + torch.diag_embed(torch.gather(real_values, 1, most)).to(torch.complex64)
    own_values, own = torch.linalg.eig(inner)
    own = own / (own * own).sum(1, keepdim=True).sqrt()
    place = most[:, None, :].expand(-1, matrix.shape[1], -1)
    vectors = vectors.scatter(2, place, torch.gather(vectors, 2, place) @ own)
    return values.scatter(1, most, own_values.to(torch.complex128)), vectors


@dataclass(frozen=True)
class Solution:
    """Intensity (directions,) and its slopes, empty if not asked for.

    by_u, by_loss: (directions, table) by U_g and U'_g; by_period: (directions,) by log period; reach: of the table.
    """

    intensity: Array
    by_u: Array
    by_loss: Array
    by_period: Array
    reach: int


def _scaled(intensity: Array, target: Array) -> tuple[float, float]:
    scale = float(intensity @ target) / max(float(intensity @ intensity), 1e-30)
    return scale, math.sqrt(float(((target - scale * intensity) ** 2).mean()))


def _moved(orbits: Orbits, change: Array, move: bool, start: float) -> Orbits:
    count = len(orbits.places)
    period = orbits.period * math.exp(float(np.clip(change[0], -0.01, 0.01)))
    period = min(max(period, start * (1.0 - PERIOD_REACH)), start * (1.0 + PERIOD_REACH))
    amounts = orbits.amounts * np.clip(1.0 + np.clip(change[1 : 1 + count], -0.4, 0.4), 0.0, None)
    places = orbits.places
    if move:
        places = places + np.clip(change[1 + count :].reshape(2, count).T, -0.12, 0.12) / orbits.period
    return replace(orbits, period=period, amounts=amounts, places=places - np.round(places))
