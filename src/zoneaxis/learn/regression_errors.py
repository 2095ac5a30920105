"""Regression errors: mean, median and 95 % of the absolute error, and the share of the variance explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from zoneaxis.errors import InputError


class RegressionErrors(TypedDict):
    """`mae`, `median` and `p95` of |predicted - truth| in units of the value; `r2`, None where the truth is constant;
    `n` values compared. The mean is often made by a tail: state the median and the 95th percentile beside it.
    """

    mae: float
    median: float
    p95: float
    r2: float | None
    n: int


def errors(predicted: np.ndarray, truth: np.ndarray) -> RegressionErrors:
    """Errors of one value over a test set, (n,) twice.

    r2 = 1 - sum (p - y)^2 / sum (y - mean y)^2, negative where the mean of the truth would have been a better guess.
    Raises `InputError` for shapes that differ, no values, or NaN: a reader that gives no number is counted elsewhere.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape != truth.shape or predicted.ndim != 1 or not len(truth):
        raise InputError(f"errors: {predicted.shape} predictions for {truth.shape} true values; give (n,) of each")
    if not np.isfinite(predicted).all() or not np.isfinite(truth).all():
        raise InputError("errors: predictions or true values hold NaN or infinity")
    deviation = np.abs(predicted - truth)
    variance = float(np.square(truth - truth.mean()).sum())
    return RegressionErrors(
        mae=float(deviation.mean()),
        median=float(np.median(deviation)),
        p95=float(np.quantile(deviation, 0.95)),
        r2=1 - float(np.square(deviation).sum()) / variance if variance > 0 else None,
        n=len(truth),
    )


def errors_by_value(predicted: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> dict[str, RegressionErrors]:
    """`errors` of every column, (n, t) twice and t names."""
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape != truth.shape or predicted.ndim != 2 or predicted.shape[1] != len(names):
        raise InputError(f"errors: predictions {predicted.shape}, true values {truth.shape}, {len(names)} names")
    return {name: errors(predicted[:, column], truth[:, column]) for column, name in enumerate(names)}
