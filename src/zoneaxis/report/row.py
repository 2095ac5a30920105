"""Row: what a reading says in a few short words, the same on the terminal and in a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoneaxis.reading.reading import Reading, Value

MISSING = "–"
HEADINGS = ("answer", "prob.", "set", "network", "matching", "NCC", "agree", "unknown")
VALUE_HEADINGS = ("kind", "chi2", "misfit", "unknown")


def headings(readings: Sequence[Reading]) -> tuple[str, ...]:
    """`HEADINGS` for classifiers; for regressors the values by name, then `VALUE_HEADINGS`."""
    if not any(reading.values is not None for reading in readings):
        return HEADINGS
    return (*(words(name, value.unit) for name, value in _columns(readings).items()), *VALUE_HEADINGS)


def rows(readings: Sequence[Reading]) -> list[tuple[str, ...]]:
    """One row for each reading, one entry for each of `headings`."""
    names = tuple(_columns(readings))
    return [row(reading) if reading.values is None else _value_row(reading, names) for reading in readings]


def words(name: str, unit: str) -> str:
    """`beam energy` of `beam_energy_ev`: the unit goes where the number stands."""
    endings = {"eV": "_ev", "Å": "_angstrom", "°": "_deg", "nm": "_nm", "angstrom": "_angstrom", "deg": "_deg"}
    return name.removesuffix(endings.get(unit, "")).replace("_", " ")


def number(value: Value) -> str:
    """`52.31 ± 0.08 eV`: two figures of the uncertainty, and the value to the same place."""
    if not value.uncertainty > 0:
        return f"{value.value:.5g} {value.unit}"
    places = min(max(1 - int(f"{value.uncertainty:e}".rpartition("e")[2]), 0), 6)
    return f"{value.value:.{places}f} ± {value.uncertainty:.{places}f} {value.unit}"


def _columns(readings: Sequence[Reading]) -> dict[str, Value]:
    """Every value that occurs, by name."""
    return {name: value for reading in readings for name, value in (reading.values or {}).items()}


def _value_row(reading: Reading, names: Sequence[str]) -> tuple[str, ...]:
    likelihood: dict[str, Any] = reading.evidence.get("likelihood") or {}
    values = reading.values or {}
    best = reading.answers[0] if reading.answers else None
    return (
        *(number(values[name]) if name in values else MISSING for name in names),
        f"{best.label} {best.probability:.2f}" if best else MISSING,
        f"{likelihood['chi2']:.2f}" if likelihood else MISSING,
        f"{100 * likelihood['misfit']:.1f} %" if likelihood else MISSING,
        f"{'yes' if reading.unknown else 'no'} {reading.unknown_score:.2f}",
    )


def row(reading: Reading) -> tuple[str, ...]:
    """Of a classifier's reading: one entry for each of `HEADINGS`; what it does not hold (no matching, say) is a dash.

    network: the network's own first answer and its probability; matching: the best crystal and its group; NCC: its
    normalised cross-correlation with the pattern; unknown: yes or no, and the score.
    """
    network: dict[str, Any] = reading.evidence.get("network") or {}
    matching: dict[str, Any] = reading.evidence.get("matching") or {}
    agreement = reading.evidence.get("agreement")
    best = reading.answers[0] if reading.answers else None
    proposed = next(iter(network.get("answers") or ()), None)
    return (
        best.label if best else MISSING,
        f"{best.probability:.2f}" if best else MISSING,
        " ".join(reading.prediction_set) or MISSING,
        f"{proposed['label']} {proposed['probability']:.2f}" if proposed else MISSING,
        f"{matching['best_crystal']} {matching['best_group']}" if matching else MISSING,
        f"{matching['ncc']:.2f}" if matching else MISSING,
        MISSING if agreement is None else "yes" if agreement else "no",
        f"{'yes' if reading.unknown else 'no'} {reading.unknown_score:.2f}",
    )
