"""Value judge: how far a regressor's numbers can be trusted, and when its pattern is called unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from zoneaxis.errors import InputError

WITNESSES = ("network", "likelihood")
FITTED = {"reconstruction": 0.05, "misfit": 0.01, "stray": 0.02}
"""Statistics whose thresholds are fitted, and below what no threshold goes: a perfect training set is no excuse."""
THRESHOLDS = {"reconstruction": 0.5, "misfit": 0.15, "stray": 0.5, "vagueness": 0.25, "outside": 3.0}
"""Where nothing was fitted, in the order in which they are blamed. vagueness: standard deviation of a value as a
fraction of its range; outside: standard deviations beyond the trained range."""
CERTAINTY = 0.95
GAUSSIAN = 1.96


@dataclass(frozen=True)
class ValueJudge:
    """Uncertainties and strangeness of readings.

    The variance of a value is what its witness states plus what the model may be wrong by:

        variance = sigma² + floor² + (slope · misfit)² + doubt²

    floor: error that is there when the physics is right (grid, emulator, network); slope: error per unit of misfit when
    it is not; doubt: of what no image shows, such as the inner potential that adds to the energy. Without refinement
    sigma is 0 and the reconstruction's misfit takes the place of the likelihood's.

    Attributes:
        thresholds: of each statistic in `THRESHOLDS`.
        floor, slope: witness -> name of the value -> number in the value's unit.
        false_alarm_rate: share of known patterns called unknown when the thresholds were fitted; 0: they never were.
        doubt: name of the value -> standard deviation in its unit; values without doubt are left out.
    """

    thresholds: dict[str, float] = field(default_factory=lambda: dict(THRESHOLDS))
    floor: dict[str, dict[str, float]] = field(default_factory=dict)
    slope: dict[str, dict[str, float]] = field(default_factory=dict)
    false_alarm_rate: float = 0.0
    doubt: dict[str, float] = field(default_factory=dict)

    def strangeness(self, statistics: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
        """Largest statistic over its threshold, (n,), 1 being the border; and the first beyond it, else the largest."""
        names = [name for name in THRESHOLDS if name in statistics]
        ratios = np.stack([np.nan_to_num(statistics[name], nan=np.inf) / self.thresholds[name] for name in names])
        largest = ratios.max(0)
        return largest, [names[i] for i in np.where(largest > 1.0, (ratios > 1.0).argmax(0), ratios.argmax(0))]

    def uncertainty(self, witness: str, names: tuple[str, ...], sigma: np.ndarray, misfit: np.ndarray) -> np.ndarray:
        """Standard deviations (n, t) from those that the witness states (n, t) and the misfit (n,)."""
        floor = np.array([self.floor.get(witness, {}).get(name, 0.0) for name in names])
        slope = np.array([self.slope.get(witness, {}).get(name, 0.0) for name in names])
        return np.sqrt(sigma**2 + floor**2 + (slope * misfit[:, None]) ** 2 + self.doubts(names) ** 2)

    def doubts(self, names: tuple[str, ...]) -> np.ndarray:
        """Doubt of each value, (t,)."""
        return np.array([self.doubt.get(name, 0.0) for name in names])

    def parameters(self) -> dict[str, Any]:
        """Plain numbers for a card."""
        return asdict(self)

    @classmethod
    def restore(cls, parameters: Mapping[str, Any]) -> ValueJudge:
        """The judge whose `parameters` these are; from nothing the unfitted one.

        Raises:
            InputError: no numbers, unknown statistics or witnesses, thresholds that are not positive.
        """
        known = set(cls.__dataclass_fields__)
        if set(parameters) - known:
            raise InputError(f"judgement: unknown field {sorted(set(parameters) - known)[0]!r}")
        judge = cls(**{**parameters, "thresholds": THRESHOLDS | dict(parameters.get("thresholds", {}))})
        numbers = dict(judge.thresholds) | {f"doubt.{name}": number for name, number in judge.doubt.items()}
        for name, table in (("floor", judge.floor), ("slope", judge.slope)):
            if set(table) - set(WITNESSES):
                raise InputError(f"judgement: {name} names {sorted(set(table) - set(WITNESSES))[0]!r}, not {WITNESSES}")
            for witness, entries in table.items():
                numbers |= {f"{name}.{witness}.{value}": number for value, number in entries.items()}
        for name, number in numbers.items():
            whole = isinstance(number, int | float) and not isinstance(number, bool) and np.isfinite(number)
            if not whole or number < 0 or (name in judge.thresholds and number <= 0):
                raise InputError(f"judgement: {name} = {number!r}; it must be a positive number")
        if set(judge.thresholds) != set(THRESHOLDS):
            raise InputError(f"judgement: no statistic {sorted(set(judge.thresholds) - set(THRESHOLDS))[0]!r}")
        return judge


def fit_thresholds(statistics: Mapping[str, np.ndarray], false_alarm_rate: float = 0.05) -> dict[str, float]:
    """Thresholds that together call this share of known patterns unknown; each is exceeded about equally often.

    Args:
        statistics: (n,) of known patterns, as noisy and as imperfect as those to be read.

    Raises:
        InputError: fewer than 40 patterns, or a rate outside (0, 0.5).
    """
    names = [name for name in FITTED if name in statistics]
    n = len(next(iter(statistics.values()))) if names else 0
    if n < 40 or not 0 < false_alarm_rate < 0.5:
        raise InputError(
            f"thresholds: {n} known patterns at a false alarm rate of {false_alarm_rate}; at least 40, rate 0 to 0.5"
        )
    table = np.stack([np.asarray(statistics[name], dtype=float) for name in names])
    ordered = np.sort(table, axis=1)

    def at(level: float) -> np.ndarray:
        place = np.clip(int(np.ceil((1.0 - level) * (n + 1))) - 1, 0, n - 1)
        return np.maximum(ordered[:, place], [FITTED[name] for name in names])

    # Each alone may be exceeded by at least rate / count and at most rate.
    levels = np.linspace(false_alarm_rate / len(names), false_alarm_rate, 64)
    alarms = np.array([(table > at(level)[:, None]).any(0).mean() for level in levels])
    fitting = levels[alarms <= false_alarm_rate]
    chosen = at(float(fitting[-1]) if len(fitting) else float(levels[0]))
    return THRESHOLDS | {name: float(f"{value:.4g}") for name, value in zip(names, chosen, strict=True)}


def fit_uncertainty(
    errors: np.ndarray,
    sigma: np.ndarray,
    misfit: np.ndarray,
    wrong: np.ndarray | None = None,
    doubt: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Floor and slope of `ValueJudge` for which 1.96 standard deviations hold 95 % of the errors.

    Args:
        errors: (n, t) read minus true; sigma: (n, t) as the witness states; misfit: (n,).
        wrong: (n,) bool: images of another physics (preset, blur), which tell the slope; the others tell the floor.
        doubt: (t,) what is added anyway; the slope answers for the rest.

    Returns:
        floor (t,), slope (t,); slope is 0 where there are no such images.
    """
    wrong = np.zeros(len(errors), dtype=bool) if wrong is None else np.asarray(wrong, dtype=bool)
    right, t = ~wrong, errors.shape[1]
    zero = np.zeros(t)
    floor = _cover(errors[right], sigma[right], np.ones((int(right.sum()), 1))) if right.any() else zero
    if not wrong.any():
        return floor, zero
    stated = np.hypot(np.hypot(sigma[wrong], floor), doubt)
    return floor, _cover(errors[wrong], stated, np.maximum(misfit[wrong], 1e-6)[:, None])


def _cover(errors: np.ndarray, sigma: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Smallest x (t,) such that 95 % of |errors| lie within 1.96 sqrt(sigma² + (x weight)²)."""
    needed = np.sqrt(np.maximum((errors / GAUSSIAN) ** 2 - sigma**2, 0.0)) / weight
    return np.quantile(needed, CERTAINTY, axis=0, method="higher")
