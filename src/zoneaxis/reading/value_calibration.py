"""Value calibration: thresholds and uncertainties of a reader, from images whose values are known."""

from __future__ import annotations

from collections.abc import Mapping
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
    known: np.ndarray | None = None,
    doubt: Mapping[str, float] | None = None,
    false_alarm_rate: float = 0.05,
) -> ValueJudge:
    """The judge fitted on images whose values are known; none of them may have trained the network.

    Args:
        intensity: (n, rows, cols), between the nodes of the grid, all with content.
        truth: (n, t).
        clean: (n,) bool: without noise, of the trained physics; they tell the network's floor.
        wrong: (n,) bool: another physics, blur, shift and the like; they tell the slopes, as far as they do not come
            out as unknown. Noisy images of the right physics are neither: they tell the network's slope.
        known: (n,) bool: images that should not be called unknown; they tell the thresholds. None: all but the wrong.
        doubt: of `ValueJudge`, taken as given.
        false_alarm_rate: share of known images that may come out as unknown.
    """
    wrong = np.zeros(len(intensity), dtype=bool) if wrong is None else np.asarray(wrong, dtype=bool)
    known = ~wrong if known is None else np.asarray(known, dtype=bool)
    doubt = dict(doubt or {})
    doubts = ValueJudge(doubt=doubt).doubts(reader.names)
    thresholds: dict[str, float] = {}
    floor: dict[str, dict[str, float]] = {}
    slope: dict[str, dict[str, float]] = {}
    for refine in (False, True):
        if refine and reader.model.emulator is None:
            continue
        plain = ValueReader(replace(reader.model, judge=ValueJudge()))
        told = plain.measure(intensity, plain.prepare(intensity)[0], refine=refine)
        fitted = fit_thresholds({name: values[known] for name, values in told.statistics.items()}, false_alarm_rate)
        thresholds |= {name: fitted[name] for name in told.statistics}
        strange = ValueJudge(fitted).strangeness(told.statistics)[0] > 1.0
        apart = (wrong & ~strange) if refine else (~clean & ~strange)
        used = apart | (~wrong if refine else clean)
        error = (told.values - truth)[used]
        tables = fit_uncertainty(error, told.sigma[used], told.misfit[used], apart[used], doubts)
        for table, found in zip((floor, slope), tables, strict=True):
            table[told.witness] = {name: rounded(x) for name, x in zip(reader.names, found, strict=True)}
    return ValueJudge(thresholds, floor, slope, false_alarm_rate, doubt)
