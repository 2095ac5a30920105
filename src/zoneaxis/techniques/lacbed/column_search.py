"""Column search: columns of atoms in a picture of the electron density, at a given period and symmetry.

Places come from what is still missing; amounts from least squares without negative values; places and period from
Gauss-Newton steps; in the end the elements of every column are named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.optimize import nnls

from zoneaxis.errors import InputError
from zoneaxis.techniques.lacbed.columns import Array, Columns, gaussians, pixel_edges, spread
from zoneaxis.techniques.lacbed.plane_symmetry import PlaneOperation

PROBES = (1, 8, 26, 60)
"""Elements whose shape is looked for in what is missing."""
LADDER = (1, 3, 6, 8, 11, 14, 19, 22, 26, 30, 34, 40, 47, 52, 56, 64, 74, 82, 92)
"""Elements that stand for all while places are found."""
HEAVIEST = 94
FIRM = (6, 8, 12, 16, 22, 30, 40, 52, 64, 78)
"""Elements whose cores are sharp; together they come near to any but the lightest."""
GRID_ANGSTROM = 0.11
APART_ANGSTROM = 0.22
SAME_PLACE = 1e-3
NEARER_IS_ONE = 0.06
NOTHING_MISSING = 2e-3
EXACT = 2e-5


class ColumnSearch:
    """The state of one fit at one period: orbits of columns under the symmetry of the picture, and what they hold."""

    def __init__(
        self,
        density: Array,
        weights: Array,
        field: float,
        b_iso: float,
        period: float,
        symmetry: Sequence[PlaneOperation],
        at_once: int,
        least_gain: float,
        firm_first: bool,
    ) -> None:
        self.at_once, self.least_gain, self.firm_first = at_once, least_gain, firm_first
        self.density, self.weights, self.b_iso, self.period = density, weights, b_iso, period
        self.planes = np.array([one.plane for one in symmetry])
        self.shifts = np.array([one.shift for one in symmetry])
        self.edges = pixel_edges(len(density), field)
        self.scale = math.sqrt(float(((density * weights) ** 2).mean()))
        self.orbits = np.zeros((0, 2))
        self.which = np.zeros(0, dtype=int)
        self.numbers = np.zeros(0, dtype=int)
        self.amounts = np.zeros(0)
        self.misfit = 1.0

    def columns(self) -> Columns:
        """All columns of the cell, shares below a thousandth of their column left out."""
        charge = self._charges()
        kept = self.amounts * self.numbers > 1e-3 * charge[self.which]
        elements = sorted(set(self.numbers[kept].tolist()))
        places, table = [], []
        for orbit in range(len(self.orbits)):
            own = kept & (self.which == orbit)
            row = np.zeros(len(elements))
            row[[elements.index(number) for number in self.numbers[own]]] = self.amounts[own]
            for place in self._copies(orbit)[0]:
                places.append(place)
                table.append(row * charge[orbit] / max(float((self.amounts * self.numbers)[own].sum()), 1e-30))
        return Columns(self.period, np.array(places), tuple(elements), np.array(table), self.b_iso)

    def find(self, most: int, elements: bool) -> None:
        """Add columns where density is missing until nothing is, or they do not help.

        First with elements of sharp cores only: a wide light one could stand for two columns that lie close together.
        """
        if self.firm_first:
            self._add(most, FIRM, False, NOTHING_MISSING)
        if elements:
            if self.firm_first:
                self._name_elements()
            self._add(most, LADDER, True, EXACT)
        elif not self.firm_first:
            self._add(most, LADDER, False, NOTHING_MISSING)

    def _add(self, most: int, ladder: Sequence[int], elements: bool, enough: float) -> None:
        idle = 0
        while self.misfit > enough and self._count() < most and idle < 2:
            before = self.misfit
            new = self._missing(self.at_once)
            if not len(new):
                break
            self.orbits = np.concatenate([self.orbits, new])
            self._spread_over(ladder)
            self._settle(3 if elements else 6)
            self._merge()
            if elements:
                self._name_elements()
            else:
                self._spread_over(ladder)
                self._settle(2)
            idle = idle + 1 if self.misfit > 0.9 * before else 0

    def _count(self) -> int:
        return sum(len(self._copies(orbit)[0]) for orbit in range(len(self.orbits)))

    def _name_elements(self) -> None:
        """All elements in every column in turn, then places and period anew, while it helps."""
        for _ in range(3):
            before = self.misfit
            for orbit in np.argsort(-self._charges()):
                self._every_element(int(orbit))
            self._drop_empty()
            self._settle(2)
            if self.misfit < EXACT or self.misfit > 0.5 * before:
                return

    def _settle(self, steps: int) -> None:
        for _ in range(steps):
            before = self.misfit
            self._step()
            if self.misfit > 0.95 * before or self.misfit < 0.1 * EXACT:
                return

    def _charges(self) -> Array:
        return np.asarray(np.bincount(self.which, self.amounts * self.numbers, len(self.orbits)), dtype=np.float64)

    def _copies(self, orbit: int) -> tuple[Array, np.ndarray]:
        """Places of one orbit that differ, (copies, 2), and the operation that leads to each."""
        return self._copies_of(self.orbits[orbit])

    def _copies_of(self, place: Array) -> tuple[Array, np.ndarray]:
        every = self.planes @ place + self.shifts
        every = every - np.round(every)
        away = every[:, None] - every[None]
        near = np.abs((away - np.round(away)) * self.period).max(-1) < SAME_PLACE
        first = near.argmax(1) == np.arange(len(every))
        return every[first], np.nonzero(first)[0]

    def _pictures(self, which: np.ndarray, numbers: np.ndarray, slopes: bool = False) -> tuple[Array, ...]:
        """Picture of one atom per column, cell and Å for every pair of an orbit and an element, (pairs, rows, columns).

        With `slopes` its derivatives by x and y of the orbit's first place and by the period after it.
        """
        copies = [self._copies(int(orbit)) for orbit in range(len(self.orbits))]
        pair = np.concatenate([np.full(len(copies[orbit][0]), number) for number, orbit in enumerate(which)])
        places = np.concatenate([copies[orbit][0] for orbit in which])
        weights, sigma = gaussians(numbers.tolist(), self.b_iso)
        weights, sigma = weights[pair], sigma[pair]
        x, y = (spread(places[:, axis], sigma, self.period, self.edges, slopes) for axis in (0, 1))
        y = tuple(part * weights[..., None] for part in y)
        starts = np.searchsorted(pair, np.arange(len(which)))

        def picture(rows: Array, columns: Array, factor: Array | None = None) -> Array:
            if factor is not None:
                rows = rows * factor[:, None, None]
            bounds = [*starts.tolist(), len(pair)]
            size = len(self.density)
            return np.stack(
                [
                    rows[first:last].reshape(-1, size).T @ columns[first:last].reshape(-1, size)
                    for first, last in zip(bounds[:-1], bounds[1:], strict=True)
                ]
            )

        if not slopes:
            return (picture(y[0], x[0]),)
        turns = self.planes[np.concatenate([copies[orbit][1] for orbit in which])]
        by_place = [picture(y[0], x[1], turns[:, 0, axis]) + picture(y[1], x[0], turns[:, 1, axis]) for axis in (0, 1)]
        return picture(y[0], x[0]), by_place[0], by_place[1], picture(y[0], x[2]) + picture(y[2], x[0])

    def _model(self) -> Array:
        if not len(self.which):
            return np.zeros_like(self.density)
        weights, sigma = gaussians(self.numbers.tolist(), self.b_iso)
        copies = [self._copies(int(orbit)) for orbit in range(len(self.orbits))]
        pair = np.concatenate([np.full(len(copies[orbit][0]), number) for number, orbit in enumerate(self.which)])
        places = np.concatenate([copies[orbit][0] for orbit in self.which])
        x, y = (spread(places[:, axis], sigma[pair], self.period, self.edges)[0] for axis in (0, 1))
        y = y * (weights * self.amounts[:, None])[pair][..., None]
        size = len(self.density)
        return np.asarray(y.reshape(-1, size).T @ x.reshape(-1, size))

    def _measure(self, model: Array) -> float:
        self.misfit = math.sqrt(float((((self.density - model) * self.weights) ** 2).mean())) / self.scale
        return self.misfit

    def _missing(self, most: int) -> Array:
        """Places at which one more orbit takes away most of what is missing."""
        squared = self.weights**2
        residual = (self.density - self._model()) * squared
        count = max(12, math.ceil(self.period / GRID_ANGSTROM / 8) * 8)
        grid = np.arange(count) / count - 0.5
        best = np.zeros((count, count))
        for number in PROBES:
            a, sigma = gaussians([number], self.b_iso)
            line = spread(grid, np.repeat(sigma, count, axis=0), self.period, self.edges)[0].transpose(1, 0, 2)
            meets = sum(a[0, k] * line[k] @ residual @ line[k].T for k in range(5))
            norm = np.zeros_like(best)
            for k in range(5):
                for other in range(k + 1):
                    product = line[k] * line[other]
                    twice = 1.0 if k == other else 2.0
                    norm += twice * a[0, k] * a[0, other] * (product @ squared @ product.T)
            best = np.maximum(best, np.where(meets > 0, meets, 0.0) ** 2 / np.maximum(norm, 1e-12))
        reach = max(1, round(0.5 * APART_ANGSTROM / (self.period / count)))
        top = (best >= maximum_filter(best, 2 * reach + 1, mode="wrap")) & (best > self.least_gain * best.max())
        rows, columns = np.nonzero(top)
        order = np.argsort(-best[rows, columns])
        chosen: list[Array] = []
        taken = np.concatenate([self._copies(orbit)[0] for orbit in range(len(self.orbits))] or [np.zeros((0, 2))])
        for row, column in zip(rows[order], columns[order], strict=True):
            place = self._settled(np.array([grid[column], grid[row]]), 0.5 * APART_ANGSTROM)
            if self._distances(taken, place).min(initial=np.inf) > 0.7 * APART_ANGSTROM:
                chosen.append(place)
                taken = np.concatenate([taken, self._copies_of(place)[0]])
            if len(chosen) == most:
                break
        return np.array(chosen).reshape(-1, 2)

    def _settled(self, place: Array, reach: float) -> Array:
        """The place, or the middle of its copies that lie nearer to it than `reach` [Å]."""
        every = self.planes @ place + self.shifts - place
        every = every - np.round(every)
        near = np.linalg.norm(every * self.period, axis=-1) < reach
        moved = place + every[near].mean(0)
        return np.asarray(moved - np.round(moved))

    def _distances(self, positions: Array, place: Array) -> Array:
        away = positions - place
        return np.asarray(np.linalg.norm((away - np.round(away)) * self.period, axis=-1))

    def _spread_over(self, elements: Sequence[int]) -> None:
        """Amounts of these elements and of those already there in every column, by least squares."""
        pairs = {(orbit, number) for orbit in range(len(self.orbits)) for number in elements}
        pairs |= set(zip(self.which.tolist(), self.numbers.tolist(), strict=True))
        self._solve(sorted(pairs))
        self._drop_empty()
        self._measure(self._model())

    def _solve(self, pairs: Sequence[tuple[int, int]], fixed: Array | None = None) -> None:
        which, numbers = (np.array(part) for part in zip(*pairs, strict=True))
        images = self._pictures(which, numbers)[0] * self.weights
        target = self.density if fixed is None else self.density - fixed
        amounts = _positive(images.reshape(len(pairs), -1), (target * self.weights).ravel())
        kept = amounts * numbers > 1e-7 * (amounts * numbers).sum()
        if fixed is None:
            self.which, self.numbers, self.amounts = which[kept], numbers[kept], amounts[kept]
        else:
            self.which = np.concatenate([self.which, which[kept]])
            self.numbers = np.concatenate([self.numbers, numbers[kept]])
            self.amounts = np.concatenate([self.amounts, amounts[kept]])

    def _every_element(self, orbit: int) -> None:
        """The best amounts of all elements in one column while the others stay."""
        others = self.which != orbit
        saved = self.which, self.numbers, self.amounts
        self.which, self.numbers, self.amounts = (part[others] for part in saved)
        self._solve([(orbit, number) for number in range(1, HEAVIEST + 1)], fixed=self._model())
        if orbit not in self.which:
            self.which, self.numbers, self.amounts = saved

    def _step(self) -> None:
        """One Gauss-Newton step of the period, all places and all amounts, shortened until it helps."""
        images, by_x, by_y, by_period = self._pictures(self.which, self.numbers, True)
        share = self.amounts[:, None, None]
        count = len(self.orbits)
        along = np.zeros((2, count, *self.density.shape))
        np.add.at(along[0], self.which, share * by_x * self.period)
        np.add.at(along[1], self.which, share * by_y * self.period)
        stretch = (share * by_period).sum(0)
        slopes = np.concatenate([stretch[None], along[0], along[1], images])
        matrix = (slopes * self.weights).reshape(len(slopes), -1)
        residual = ((self.density - (share * images).sum(0)) * self.weights).ravel()
        before = math.sqrt(float((residual**2).mean())) / self.scale
        normal = matrix @ matrix.T
        diagonal = normal.diagonal().copy()
        normal[np.diag_indices_from(normal)] += 1e-9 * diagonal + 1e-12 * diagonal.max()
        change = np.linalg.solve(normal, matrix @ residual)
        moves = change[1 : 1 + 2 * count].reshape(2, count).T
        moves = moves * np.minimum(1.0, 0.15 / np.maximum(np.abs(moves).max(1, keepdims=True) * self.period, 1e-9))
        stretch_step = float(np.clip(change[0], -0.05, 0.05))
        start = self.period, self.orbits, self.amounts
        for factor in (1.0, 0.4, 0.1):
            self.period = start[0] + factor * stretch_step
            self.orbits = start[1] + factor * moves
            self.orbits = self.orbits - np.round(self.orbits)
            self.amounts = (start[2] + factor * change[1 + 2 * count :]).clip(min=0.0)
            if self._measure(self._model()) < before:
                self._drop_empty()
                return
        self.period, self.orbits, self.amounts = start
        self.misfit = before

    def _merge(self) -> None:
        """Columns that have run into one another, or into their own copies, become one."""
        self.orbits = np.array([self._settled(place, NEARER_IS_ONE) for place in self.orbits]).reshape(-1, 2)
        for orbit in np.argsort(self._charges()):
            for other in range(len(self.orbits)):
                if other == orbit:
                    continue
                distances = self._distances(self._copies(other)[0], self.orbits[orbit])
                if distances.min() < NEARER_IS_ONE:
                    self.which = np.where(self.which == orbit, other, self.which)
                    self._drop_empty()
                    self._merge()
                    return

    def _drop_empty(self) -> None:
        kept = self.amounts > 0
        self.which, self.numbers, self.amounts = self.which[kept], self.numbers[kept], self.amounts[kept]
        used, self.which = np.unique(self.which, return_inverse=True)
        self.orbits = self.orbits[used]


def _positive(images: Array, target: Array) -> Array:
    """Least squares without negative values of many pictures (pictures, pixels), by their normal equations."""
    norms = np.sqrt((images**2).sum(-1)) + 1e-30
    unit = images / norms[:, None]
    normal = unit @ unit.T
    normal[np.diag_indices_from(normal)] += 1e-11
    values, vectors = np.linalg.eigh(normal)
    root = np.sqrt(values.clip(min=1e-13))
    factor = (vectors * root).T
    try:
        found, _ = nnls(factor, (vectors.T @ (unit @ target)) / root, maxiter=20 * len(images))
    except RuntimeError:
        raise InputError("density: no amounts without negative values were found for its columns") from None
    return np.asarray(found / norms)
