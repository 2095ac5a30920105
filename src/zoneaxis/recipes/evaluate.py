"""Test figures of a classifier on patterns it never saw, with the baselines that any figure needs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from zoneaxis.interpret.sets import Conformal
    from zoneaxis.learn.classify import Classifier
    from zoneaxis.techniques.ebsd.experiment import EBSDExperiment

CONFUSED_PAIR = ("Ni", "FeNi3")


def evaluate(
    classifier: Classifier, conformal: Conformal, experiment: EBSDExperiment, patterns: int, seed: int, chunk: int = 512
) -> dict[str, Any]:
    """Accuracy by group and material, calibration, coverage and set size, unknown rate, and trivial baselines.

    Accuracies are means over classes, so that a group with more materials weighs no more. `group_accuracy_without_pair`
    leaves out Ni and FeNi3, which differ by weak superlattice reflections alone.

    Args:
        classifier: calibrated classifier.
        conformal: prediction sets, calibrated on other patterns.
        experiment: where the test patterns come from.
        patterns: how many.
        seed: of the test patterns; never one of the training's.
    """
    from zoneaxis.interpret.sets import coverage_and_size, probability_nonconformity
    from zoneaxis.learn.calibrate import calibration_figures

    grouping = classifier.grouping
    rows: dict[str, list[Tensor]] = {
        "group": [],
        "material": [],
        "logits": [],
        "features": [],
        "truth": [],
        "quality": [],
    }
    for start in range(0, patterns, chunk):
        drawn, labels = experiment(min(chunk, patterns - start), seed + start)
        prediction = classifier.predict(drawn)
        rows["group"].append(prediction.group_probabilities)
        rows["material"].append(prediction.material_probabilities)
        rows["logits"].append(prediction.logits)
        rows["features"].append(prediction.features)
        rows["truth"].append(labels["material"])
        rows["quality"].append(labels["image_quality"])
    joined = {name: torch.cat(parts) for name, parts in rows.items()}
    material, group = joined["truth"], grouping.group_index[joined["truth"]]
    right = joined["group"].argmax(-1) == group
    pair = torch.tensor([name in CONFUSED_PAIR for name in grouping.materials])[material]
    covered, size = coverage_and_size(
        conformal.sets(probability_nonconformity(joined["group"]), joined["quality"]), group
    )
    by_material = {
        name: {
            "group_accuracy": _share(right[material == i]),
            "material_accuracy": _share((joined["material"].argmax(-1) == i)[material == i]),
            "patterns": int((material == i).sum()),
        }
        for i, name in enumerate(grouping.materials)
    }
    figures: dict[str, Any] = {
        "patterns": patterns,
        "seed": seed,
        "group_accuracy": _mean_over_classes(right, group),
        "group_accuracy_without_pair": _mean_over_classes(right[~pair], group[~pair]),
        "pair_accuracy": _share(right[pair]),
        "group_accuracy_by_pattern": _share(right),
        "material_accuracy": _mean_over_classes(joined["material"].argmax(-1) == material, material),
        "by_material": by_material,
        "by_group": {label: _share(right[group == i]) for i, label in enumerate(grouping.groups)},
        "calibration": calibration_figures(joined["group"], group),
        "coverage": covered,
        "mean_set_size": size,
        "unknown_rate": float(classifier.open_set.unknown(joined["logits"], joined["features"]).double().mean())
        if classifier.open_set is not None
        else None,
        "baselines": {
            "chance": 1.0 / len(grouping.groups),
            "most_frequent_group": float(group.bincount(minlength=len(grouping.groups)).max() / len(group)),
        },
    }
    return figures


def _mean_over_classes(right: Tensor, label: Tensor) -> float | None:
    shares = [share for i in torch.unique(label) if (share := _share(right[label == i])) is not None]
    return sum(shares) / len(shares) if shares else None


def _share(right: Tensor) -> float | None:
    """Share of true entries; None of nothing, which a card can say and NaN cannot."""
    return float(right.double().mean()) if len(right) else None
