"""Value calibration: thresholds and uncertainties of a reader, from images whose values are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoneaxis.reading.value_judge import ValueJudge, fit_thresholds, fit_uncertainty
from zoneaxis.reading.value_reader import ValueReader, rounded


def fit_judge(
    reader: ValueReader,
    intensity: np.ndarray,
    truth: np.ndarray,
    *,
    clean: np.ndarray,
    wrong: np.ndarray | None = None,
    false_alarm_rate: float = 0.05,
) -> ValueJudge:
    """The judge fitted on images whose values are known; none of them may have trained the network.

    Args:
        intensity: (n, rows, cols), between the nodes of the grid, all with content.
        truth: (n, t).
        clean: (n,) bool: without noise, of the trained physics; they tell the network's floor.
        wrong: (n,) bool: another preset, blur, shift and the like; they tell the slopes, as far as they do not come out
            as unknown. Noisy images of the right physics are neither: they tell thresholds, and the network's slope.
        false_alarm_rate: share of images of the right physics that may come out as unknown.
    """
    wrong = np.zeros(len(intensity), dtype=bool) if wrong is None else np.asarray(wrong, dtype=bool)
    thresholds: dict[str, float] = {}
    floor: dict[str, dict[str, float]] = {}
    slope: dict[str, dict[str, float]] = {}
    for refine in (False, True):
        if refine and reader.model.emulator is None:
            continue
        plain = ValueReader(replace(reader.model, judge=ValueJudge()))
        told = plain.measure(intensity, plain.prepare(intensity)[0], refine=refine)
        known = {name: values[~wrong] for name, values in told.statistics.items()}
        fitted = fit_thresholds(known, false_alarm_rate)
        thresholds |= {name: fitted[name] for name in told.statistics}
        strange = ValueJudge(fitted).strangeness(told.statistics)[0] > 1.0
        apart = (wrong & ~strange) if refine else (~clean & ~strange)
        used = apart | (~wrong if refine else clean)
        tables = fit_uncertainty((told.values - truth)[used], told.sigma[used], told.misfit[used], apart[used])
        for table, found in zip((floor, slope), tables, strict=True):
            table[told.witness] = {name: rounded(x) for name, x in zip(reader.names, found, strict=True)}
    return ValueJudge(thresholds, floor, slope, false_alarm_rate)
