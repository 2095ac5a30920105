"""Reason and evidence: the numbers behind a reading, and one sentence that a microscopist can check."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoneaxis.instrument.orientation import matrix_to_euler
from zoneaxis.reading.judge import contrast
from zoneaxis.reading.match import Match
from zoneaxis.reading.reading import Answer
from zoneaxis.reading.verify import Verification

ALONE = "the network alone, not confirmed by matching"
EMPTY = "the image is uniform: it holds no pattern"


def rounded(value: Tensor | float) -> float:
    """Four decimals, as evidence is told."""
    return round(float(value), 4)


def ranked(probabilities: Tensor, groups: tuple[str, ...]) -> tuple[Answer, ...]:
    """Answers (g,) best first."""
    order = probabilities.argsort(descending=True).tolist()
    return tuple(Answer(groups[i], float(probabilities[i])) for i in order)


def network_evidence(answers: tuple[Answer, ...], members: list[str], strangeness: Tensor) -> dict[str, Any]:
    """What the network says by itself."""
    return {
        "answers": [{"label": answer.label, "probability": rounded(answer.probability)} for answer in answers],
        "prediction_set": members,
        "unknown_score": rounded(strangeness),
    }


def matching_evidence(match: Match, verification: Verification, index: int) -> dict[str, Any]:
    """What the matching says by itself: NCC of crystals and groups, and where the best crystal lies.

    Euler angles (Bunge) in degree; the pattern centre is Bruker's, of the central square of the pattern.
    """
    best = int(verification.best[index])
    crystal = int(verification.crystal[index, best])
    euler = torch.rad2deg(matrix_to_euler(match.orientation[index, crystal][None]))[0]
    return {
        "crystals": {name: rounded(match.ncc[index, j]) for j, name in enumerate(match.names)},
        "groups": {name: rounded(verification.ncc[index, j]) for j, name in enumerate(verification.groups)},
        "best_crystal": match.names[crystal],
        "best_group": verification.groups[best],
        "ncc": rounded(match.ncc[index, crystal]),
        "margin": rounded(verification.margin[index]),
        "contrast": rounded(contrast(match.ncc[index : index + 1])),
        "euler_deg": [rounded(angle) for angle in euler],
        "pattern_centre": [rounded(value) for value in match.pattern_centre[index, crystal]],
    }


def reason(members: tuple[str, ...], evidence: dict[str, Any], strangeness: float) -> str:
    """One sentence: why this answer, why a set, or why unknown.

    Args:
        members: the prediction set, best first.
        evidence: with `network`, `matching` and `agreement`.
        strangeness: 1 is the threshold of `unknown`.
    """
    matching = evidence["matching"]
    fit = f"{matching['best_crystal']} ({matching['best_group']}) fits best with NCC {matching['ncc']:.3f}"
    if strangeness > 1.0:
        return f"{fit}, only {matching['contrast']:.3f} above the median of all candidates: none of them stands out"
    if len(members) > 1:
        deficit = {group: matching["ncc"] - ncc for group, ncc in matching["groups"].items()}
        others = [group for group in members if group != matching["best_group"]]
        near = ", ".join(f"{group} within {deficit[group]:.3f}" for group in others)
        return f"{fit}, but {near}: the pattern does not tell them apart"
    proposed = evidence["network"]["answers"][0]["label"]
    agree = "the network agrees" if evidence["agreement"] else f"the network says {proposed}"
    return f"{fit}, {matching['margin']:.3f} above the next group; {agree}"
