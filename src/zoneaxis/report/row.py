"""Row: what a reading says in a few short words, the same on the terminal and in a report."""

from __future__ import annotations

from typing import Any

from zoneaxis.reading.reading import Reading

MISSING = "–"
HEADINGS = ("answer", "prob.", "set", "network", "matching", "NCC", "agree", "unknown")


def row(reading: Reading) -> tuple[str, ...]:
    """One entry for each of `HEADINGS`; what a reading does not hold (no matching, no answer) is a dash.

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
