"""Likelihood: the values whose emulated image explains a measured one best, and how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.learn.emulator import Emulator

FLOOR = 0.01
"""Expected intensity added to every pixel, as a fraction of the mean of the lit ones: no pixel is ever certain."""
FAR_PX = 2
"""Dark pixels at least this far from any lit one tell the background."""
LEAST_NOISE = 1e-12
HOPELESS = 100.0
"""A class whose log-likelihood lies as far behind the leader's, in units of the noise, is followed no further."""
DETECTED = 3.0
"""Standard deviations by which the residual must exceed its noise before any of it counts as misfit."""
CORRELATED = 4.0
"""Relative variance of the noise that is read from n overlapping patches, times n."""
MOST_STEPS = 30
NEAR = 1e-2
"""The search ends when the next step is this fraction of a standard deviation, measured by its own residual."""
TRIAL_STEPS = 3
"""After as many steps only the best start of each class goes on."""
BATCH_IMAGES = 32
BANDS = 4
"""Stretches of the first axis in each of which a search begins; one alone leaves one reading in fifty in a wrong place
at 10,000 electrons."""

CURVATURE = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0]) / 6.0
"""Fourth difference along row and column, squares summing to one: blind to what is smooth, keeps white noise."""


@dataclass(frozen=True)
class Fit:
    """What n images say; every array begins with n.

    Attributes:
        klass: (n,) position of the likelier class.
        values: (n, t) in that class.
        covariance: (n, t, t) inverse Fisher information times the noise, times chi2 where that exceeds 1.
        values_of_class: (n, classes, t) best values of each class.
        class_probability: (n, classes) from the likelihoods, equal before.
        chi2: (n,) residual against noise per degree of freedom: 1 when nothing but noise is left over.
        misfit: (n,) norm of what is left over beyond noise, as a fraction of the amplitude's norm.
        stray: (n,) the same for light between the discs, beyond a uniform background.
        outside: (n, t) how many standard deviations beyond the grid's end the search wanted to go; 0 inside.
        electrons: (n,) electrons of the discs, stated or from the noise; infinite for an image without noise.
        background: (n,) uniform background per pixel over the mean of the lit ones.
        amplitude: (n, lit) best emulated amplitude, unit norm.
        steps: taken by the search.
    """

    klass: np.ndarray
    values: np.ndarray
    covariance: np.ndarray
    values_of_class: np.ndarray
    class_probability: np.ndarray
    chi2: np.ndarray
    misfit: np.ndarray
    stray: np.ndarray
    outside: np.ndarray
    electrons: np.ndarray
    background: np.ndarray
    amplitude: np.ndarray
    steps: int

    @property
    def sigma(self) -> np.ndarray:
        """(n, t) standard deviations."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))


@dataclass(frozen=True)
class _Point:
    """Where m searches stand: u (m, t) values as fractions of their axes, log of the total, and what follows."""

    u: np.ndarray
    log_total: np.ndarray
    objective: np.ndarray
    fisher: np.ndarray
    score: np.ndarray

    def where(self, chosen: np.ndarray, other: _Point) -> _Point:
        """The other's searches where `chosen` (m,), its own elsewhere."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__]
        return _Point(*(np.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), b, a) for a, b in pairs))

    def take(self, index: np.ndarray) -> _Point:
        """Some of the searches."""
        return _Point(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Likelihood:
    """Maximum likelihood of images through an emulator, NumPy only.

    A lit pixel of amplitude a expects mu = A a² + b + f: A the total, fitted; b a uniform background, taken from dark
    pixels away from the discs; f a small floor, added to data and expectation alike. Counts of variance phi mu have the
    quasi-likelihood sum y log mu - mu, whatever phi is, so the best values do not depend on whether the gain is known;
    their covariance phi F⁻¹ does. F = sum dmu dmu' / mu is the Fisher information and the curvature of the search
    (Fisher scoring with Marquardt's damping, kept inside the grid).

    phi is 1 / (electrons per unit) where that is stated, else it is read from the part of the residual that changes
    from pixel to pixel.
    """

    emulator: Emulator

    def fit(
        self, intensity: np.ndarray, guess: np.ndarray | None = None, electrons_per_unit: np.ndarray | None = None
    ) -> Fit:
        """Best values of images.

        Args:
            intensity: (n, rows, cols) linear, of the emulator's size; scale free, not negative.
            guess: (n, t) or (n, s, t) where else to start, beside the nearest nodes of each class; clipped to the grid.
            electrons_per_unit: (n,) where it is known.

        Raises:
            InputError: another size, an image without light in the discs, values that are not finite.
        """
        intensity = np.asarray(intensity, dtype=np.float64)
        if intensity.ndim != 3 or intensity.shape[1:] != self.emulator.lit.shape:
            rows, cols = self.emulator.lit.shape
            raise InputError(f"likelihood: images have shape {intensity.shape}, the emulator knows (n, {rows}, {cols})")
        if not np.isfinite(intensity).all():
            raise InputError("likelihood: an image holds values that are not finite")
        if (intensity < 0).any() or (intensity[:, self.emulator.lit].sum(1) <= 0).any():
            raise InputError("likelihood: an image is negative somewhere or dark where the discs are")
        if guess is not None:
            guess = np.asarray(guess, dtype=np.float64)
            guess = guess[:, None] if guess.ndim == 2 else guess
        parts = []
        for begin in range(0, len(intensity), BATCH_IMAGES):
            part = slice(begin, begin + BATCH_IMAGES)
            gain = None if electrons_per_unit is None else np.asarray(electrons_per_unit, dtype=np.float64)[part]
            parts.append(self._fit(intensity[part], None if guess is None else guess[part], gain))
        if len(parts) == 1:
            return parts[0]
        names = [name for name in Fit.__dataclass_fields__ if name != "steps"]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return Fit(**joined, steps=max(part.steps for part in parts))

    def _fit(self, intensity: np.ndarray, guess: np.ndarray | None, gain: np.ndarray | None) -> Fit:
        emulator, n = self.emulator, len(intensity)
        classes, t, pixels = len(emulator.classes), len(emulator.axes), int(emulator.lit.sum())
        lit = intensity[:, emulator.lit]
        unit = lit.mean(1, keepdims=True)
        y, dark = lit / unit, intensity[:, self._far] / unit
        b = dark.mean(1) if dark.shape[1] else np.zeros(n)
        starts, _ = emulator.nearest_in_bands(np.sqrt(np.maximum(y - b[:, None], 0.0)).astype(np.float32), BANDS)
        if guess is not None:
            guess = np.broadcast_to(guess[:, None], (n, classes, *guess.shape[1:]))
            starts = np.concatenate([starts, guess], axis=2)
        s = starts.shape[2]
        u = np.clip((starts - emulator.low) / (emulator.high - emulator.low), 0.0, 1.0).reshape(-1, t)
        image = np.repeat(np.arange(n), classes * s)
        klass = np.tile(np.repeat(np.arange(classes), s), n)
        total = np.maximum((y - b[:, None]).sum(1), 0.01 * pixels)[image]
        start = self._point(klass, u, np.log(total), y[image], b[image])
        best, steps = self._climb(start, klass, y[image], b[image], s, classes)

        # The best start of each class, then the best class of each image.
        objective = best.objective.reshape(n, classes, s)
        winner = np.arange(n * classes) * s + objective.argmin(-1).ravel()
        best, likelihood = best.take(winner), -objective.min(-1)
        chosen = likelihood.argmax(1)
        values_of_class = (emulator.low + best.u * (emulator.high - emulator.low)).reshape(n, classes, t)
        best = best.take(np.arange(n) * classes + chosen)

        values = np.clip(values_of_class[np.arange(n), chosen], emulator.low, emulator.high)
        amplitude = emulator.amplitude(chosen, values)
        a = np.exp(best.log_total)
        mu = a[:, None] * amplitude.astype(np.float64) ** 2 + b[:, None] + FLOOR
        residual = (y + FLOOR - mu) / np.sqrt(mu)
        freedom = max(pixels - t - 1, 1)
        pearson = (residual**2).sum(1) / freedom
        noise = self._noise(residual, pearson) if gain is None else 1.0 / (gain * unit[:, 0])
        dispersion = np.maximum(noise, pearson)
        signal = a / pixels
        doubt = 2.0 / freedom + (CORRELATED / max(len(self._patches), 1) if gain is None else 0.0)
        margin = 1.0 + DETECTED * np.sqrt(doubt)
        misfit = 0.5 * np.sqrt(np.maximum(pearson - margin * noise, 0.0) / signal)
        spread = dark.var(1) / (b + FLOOR) if dark.shape[1] else np.zeros(n)
        stray = 0.5 * np.sqrt(np.maximum(spread - margin * noise, 0.0) / signal)
        scale = np.append(emulator.high - emulator.low, 1.0)
        inverse = np.linalg.pinv(best.fisher, rcond=1e-12, hermitian=True)
        covariance = (inverse * scale[:, None] * scale)[:, :t, :t] * dispersion[:, None, None]
        wanted = (inverse @ best.score[..., None])[:, :t, 0] * scale[:t]
        at_end = ((best.u <= 0.0) & (wanted < 0.0)) | ((best.u >= 1.0) & (wanted > 0.0))
        sigma = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), LEAST_NOISE**2))
        relative = (likelihood - likelihood.max(1, keepdims=True)) / dispersion[:, None]
        chance = np.exp(np.maximum(relative, -700.0))
        return Fit(
            klass=chosen,
            values=values,
            covariance=covariance,
            values_of_class=values_of_class,
            class_probability=chance / chance.sum(1, keepdims=True),
            chi2=pearson / noise,
            misfit=misfit,
            stray=stray,
            outside=np.where(at_end, np.abs(wanted) / sigma, 0.0),
            electrons=a / noise,
            background=b,
            amplitude=amplitude,
            steps=steps,
        )

    def _point(self, klass: np.ndarray, u: np.ndarray, log_total: np.ndarray, y: np.ndarray, b: np.ndarray) -> _Point:
        """Objective, mu - y log mu summed over pixels; its Fisher matrix; the gradient of its negative."""
        emulator = self.emulator
        span = emulator.high - emulator.low
        a, slope = emulator.jacobian(klass, emulator.low + u * span)
        total = np.exp(log_total)[:, None]
        light = total * a.astype(np.float64) ** 2
        mu = light + b[:, None] + FLOOR
        root = np.sqrt(mu)
        by_root = np.empty((len(u), u.shape[1] + 1, a.shape[1]), dtype=np.float32)
        np.multiply(slope, (2.0 * total * a / root).astype(np.float32)[:, None], out=by_root[:, :-1])
        by_root[:, -1] = light / root
        scale = np.append(span, 1.0)
        objective = (mu - (y + FLOOR) * np.log(mu)).sum(1)
        score = (by_root @ ((y + FLOOR - mu) / root).astype(np.float32)[..., None])[..., 0] * scale
        fisher = (by_root @ by_root.transpose(0, 2, 1)) * (scale[:, None] * scale)
        return _Point(u, log_total, objective, fisher, score)

    def _climb(
        self, point: _Point, klass: np.ndarray, y: np.ndarray, b: np.ndarray, starts: int, classes: int
    ) -> tuple[_Point, int]:
        """Damped Fisher scoring of m searches at once; who has arrived or is beaten rests.

        m runs over images, then classes, then starts.
        """
        m, t = point.u.shape
        perfect = ((y + FLOOR) * (1.0 - np.log(y + FLOOR))).sum(1)
        damping, going, steps = np.full(m, 1e-3), np.ones(m, dtype=bool), 0
        diagonal = np.arange(t + 1)
        while going.any() and steps < MOST_STEPS:
            steps += 1
            index = np.flatnonzero(going)
            here = point.take(index)
            fisher, score = here.fisher.copy(), here.score.copy()
            # A value at the end of its axis that wants to leave the grid stays there.
            bound = np.zeros((len(index), t + 1), dtype=bool)
            bound[:, :t] = ((here.u <= 0) & (score[:, :t] < 0)) | ((here.u >= 1) & (score[:, :t] > 0))
            fisher[bound[:, :, None] | bound[:, None, :]] = 0.0
            score[bound] = 0.0
            size = fisher[:, diagonal, diagonal]
            fisher[:, diagonal, diagonal] = np.where(
                size > 0, size * (1 + damping[index, None]) + 1e-9 * size.max(1, keepdims=True), 1.0
            )
            step = np.linalg.solve(fisher, score[..., None])[..., 0]
            u = np.clip(here.u + step[:, :t], 0.0, 1.0)
            log_total = here.log_total + np.clip(step[:, t], -1.0, 1.0)
            there = self._point(klass[index], u, log_total, y[index], b[index])
            slack = 1e-12 * np.abs(here.objective)
            better = there.objective <= here.objective + slack
            gain = (score * step).sum(1)
            damping[index] = np.where(better, damping[index] / 10.0, damping[index] * 8.0)
            after = here.where(better, there)
            for name in point.__dataclass_fields__:
                getattr(point, name)[index] = getattr(after, name)
            noise = 2.0 * (after.objective - perfect[index]) / y.shape[1]
            going[index] = (gain > NEAR**2 * noise) & (damping[index] < 1e8)
            if steps == TRIAL_STEPS:
                objective = point.objective.reshape(-1, starts)
                going &= (objective <= objective.min(1, keepdims=True)).ravel()
            if steps >= TRIAL_STEPS:
                leader = point.objective.reshape(-1, classes * starts).min(1).repeat(classes * starts)[index]
                margin = HOPELESS * 2.0 * (leader - perfect[index]) / y.shape[1]
                going[index] &= after.objective - gain <= leader + margin
        return point, steps

    def _noise(self, residual: np.ndarray, pearson: np.ndarray) -> np.ndarray:
        """Variance of the pixel-to-pixel part of a standardised residual (n, lit); all of it where discs are tiny."""
        if len(self._patches) == 0:
            return np.maximum(pearson, LEAST_NOISE)
        rough = residual[:, self._patches] @ CURVATURE.ravel()
        return np.maximum((rough**2).mean(1), LEAST_NOISE)

    @cached_property
    def _patches(self) -> np.ndarray:
        """(patches, 9) positions, among the lit pixels, of every 3 x 3 square that is lit throughout."""
        lit = self.emulator.lit
        rows, cols = lit.shape
        number = np.where(lit, np.cumsum(lit).reshape(rows, cols) - 1, -1)
        squares = [number[i : rows - 2 + i, j : cols - 2 + j].ravel() for i in range(3) for j in range(3)]
        stacked = np.stack(squares, axis=1)
        return stacked[(stacked >= 0).all(1)]

    @cached_property
    def _far(self) -> np.ndarray:
        """(rows, cols) bool: dark and not near any lit pixel."""
        near = np.pad(self.emulator.lit, FAR_PX)
        rows, cols = self.emulator.lit.shape
        window = range(2 * FAR_PX + 1)
        grown = np.any([near[i : i + rows, j : j + cols] for i in window for j in window], axis=0)
        return ~grown


def cramer_rao_bound(
    emulator: Emulator, klass: str | np.ndarray, values: np.ndarray, electrons: float, background: float = 0.0
) -> np.ndarray:
    """Smallest standard deviations (m, t) that any unbiased reader can reach by counting electrons.

    Args:
        klass: name, or (m,) positions.
        values: (m, t).
        electrons: in the discs of one image.
        background: electrons per pixel under them, known.
    """
    a, slope = emulator.jacobian(klass, np.asarray(values, dtype=np.float64))
    light = electrons * a.astype(np.float64) ** 2
    share = np.where(light > 0, light / np.maximum(light + background, 1e-300), 1.0)
    by_root = np.concatenate([2.0 * np.sqrt(electrons) * slope, np.sqrt(light)[:, None]], axis=1)
    by_root *= np.sqrt(share)[:, None]
    inverse = np.linalg.pinv(by_root @ by_root.transpose(0, 2, 1), rcond=1e-14, hermitian=True)
    return np.sqrt(np.diagonal(inverse, axis1=1, axis2=2)[:, :-1])
