"""Value figures: how far a value reader is off on a test set, alone and refined, and what it says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoneaxis.reading.value_reader import ValueReader

GAUSSIAN = 1.96


def figures(reader: ValueReader, intensity: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Errors of every value on images (n, rows, cols) of known values (n, t).

    For the network alone and, where the model has an emulator, refined: mean, median and 95th percentile of the
    absolute error, its mean with sign, `coverage` (share of errors within 1.96 stated uncertainties), all over every
    image whether called unknown or not; `unknown`: the share called unknown; `misled`: the share of images that were
    not called unknown and whose error in some value exceeds three stated uncertainties.
    """
    told: dict[str, Any] = {"images": len(truth)}
    prepared, content = reader.prepare(intensity)
    for witness, refine in (("network", False), ("refined", True)):
        if refine and reader.model.emulator is None:
            continue
        measured = reader.measure(intensity[content], prepared[content], refine=refine)
        stated = reader.stated_uncertainty(measured)
        unknown = reader.model.judge.strangeness(measured.statistics)[0] > 1.0
        error = measured.values - truth[content]
        misled = ~unknown & (np.abs(error) > 3 * stated).any(1)
        told[witness] = {
            name: {
                "mae": _rounded(np.abs(error[:, column]).mean()),
                "median": _rounded(np.median(np.abs(error[:, column]))),
                "p95": _rounded(np.quantile(np.abs(error[:, column]), 0.95)),
                "bias": _rounded(error[:, column].mean()),
                "uncertainty": _rounded(np.median(stated[:, column])),
                "coverage": _rounded((np.abs(error[:, column]) <= GAUSSIAN * stated[:, column]).mean()),
            }
            for column, name in enumerate(reader.names)
        } | {"unknown": _rounded(unknown.mean()), "misled": _rounded(misled.mean())}
    return told


def _rounded(value: float) -> float:
    return float(f"{float(value):.4g}")
