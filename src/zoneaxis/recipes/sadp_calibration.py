"""SADP calibration: from a trained network to a model folder, with honest probabilities and figures for 1, 4, 16 zones.

What the network says of single pictures of crystals that it was not trained on, seen through the camera of its recipe,
gives the temperature of one picture and how much of it further pictures of the same crystal share; see `spot_network`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from zoneaxis.errors import InputError
from zoneaxis.interpret.ensemble import draws, pooled_accuracies, pooled_logits
from zoneaxis.learn import artefact
from zoneaxis.learn.calibrate import calibration_figures, fit_temperature
from zoneaxis.learn.card import Card
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.reading.spot_network import PREPARATION, SpotNetwork
from zoneaxis.recipes.sadp_classes import OTHER
from zoneaxis.recipes.sadp_input import PolarInput

SIZES = (1, 4, 16)
"""Zones of one specimen that are read together in the figures. Source: our choice; 16 as in Jeong et al. 2024."""
DEPENDENCES = np.linspace(0.0, 1.0, 101)
"""Tried for the dependence of pictures of one crystal."""
FALSE_ALARM_RATE = 0.05
"""Share of known crystals that may be called unknown by a network with a class for others. Source: our choice."""
LEAST_THRESHOLD = 0.5
"""Of the probability of others, so that what is less likely than not is never called so. Source: our choice."""
LABELS = ("specimen", "zone")
"""What stored patterns must tell beside their class."""
LIMITS = (
    "Trained on simulated kinematical patterns only; no measured pattern took part. In thick crystals electrons "
    "scatter more than once: intensities change, and reflections that are absent here appear.",
    "A picture of a crystal of any other space group is given to one of these groups; whether the crystal is known is "
    "left to the lattice fit, and to the class for others where the model has one.",
    "Its temperatures hold for perfect crystals under the camera of its recipe; under other defects, cameras and "
    "crystal sizes its probabilities are worth less.",
)
"""Sentences of the card."""


@dataclass(frozen=True)
class Singles:
    """What a network says of single pictures, before any temperature.

    Attributes:
        groups: names of the columns.
        probabilities: (n, groups).
        truth: (n,) column of each picture's group.
        specimen, zone: (n,) numbers; pictures with the same specimen number are of one crystal.
    """

    groups: tuple[str, ...]
    probabilities: Tensor
    truth: Tensor
    specimen: np.ndarray
    zone: np.ndarray

    @classmethod
    def of(cls, network: SpotNetwork, stored: StoredPatterns, seen: PolarInput, seed: int = 0) -> Singles:
        """Of every pattern, seen through the camera of `seen` and on the view of the network; nothing else is drawn.

        Raises InputError for patterns of no class, or without the labels `LABELS`.
        """
        missing = [name for name in LABELS if name not in stored.labels]
        if missing:
            raise InputError(f"SADP calibration: patterns have no label {missing[0]!r}")
        if (stored.material < 0).any():
            raise InputError(f"SADP calibration: {int((stored.material < 0).sum())} patterns are of no class")
        plain = replace(stored, degrade=replace(seen, turned=False, mirrored=False, zoom=1.0))
        told = torch.cat([network.single(cells) for cells, _ in plain.listed(seed)])
        truth = network.grouping.group_index[torch.from_numpy(stored.material).long()]
        return cls(network.grouping.groups, told, truth, stored.labels["specimen"], stored.labels["zone"])

    @property
    def known(self) -> Singles:
        """Pictures of known groups, and their probabilities given that they are; all of them without `OTHER`."""
        if OTHER not in self.groups:
            return self
        other = self.groups.index(OTHER)
        kept, columns = self.truth != other, [number for number in range(len(self.groups)) if number != other]
        chances = self.probabilities[kept][:, columns].clamp_min(1e-12)
        place = kept.numpy()
        return Singles(
            tuple(self.groups[number] for number in columns),
            chances / chances.sum(-1, keepdim=True),
            self.truth[kept] - (self.truth[kept] > other).long(),
            self.specimen[place],
            self.zone[place],
        )

    def sets(self, size: int, seed: int = 0) -> Tensor:
        """Disjoint sets (m, size) of pictures of one specimen along different zones; m may be 0."""
        dealt = [members for _, members in draws(self.specimen, self.zone, size, np.random.default_rng(seed))]
        return torch.from_numpy(np.array(dealt, dtype=np.int64).reshape(-1, size))


def calibrate_and_save(
    network: nn.Module,
    grouping: Grouping,
    record: Mapping[str, Any],
    seen: PolarInput,
    validation: StoredPatterns,
    tests: Mapping[str, StoredPatterns],
    folder: str | Path,
    *,
    name: str = "sadp-cubic",
    false_alarm_rate: float = FALSE_ALARM_RATE,
    known_limits: Sequence[str] = LIMITS,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write the model folder of a trained network: weights, and a card with temperatures and figures.

    Args:
        network: in any mode, on any device; (n, 1, rings, angles) -> class logits.
        grouping: of its classes.
        record: of its training, as `learn.training.fit` gives it: `recipe` with `architecture` and `arguments`, and
            what else the card should hold.
        seen: camera and view of its training.
        validation: perfect crystals that it was not trained on; calibrates.
        tests: name -> patterns of still other crystals.
        folder: of the model.
        name: of the model.
        false_alarm_rate: of a class for others.
        known_limits: sentences of the card.
        seed: of the camera's noise and of which zones are read together.
        overwrite: write over a model.

    Raises:
        InputError: a folder in the way, patterns of no class, without specimen or zone, a record without architecture.
    """
    recipe = dict(record.get("recipe", {}))
    if "architecture" not in recipe:
        raise InputError("SADP calibration: the record of the training names no architecture")
    size_px = int(validation.intensity(np.array([0])).shape[-1])
    raw = SpotNetwork(network.eval(), grouping, seen.view, picture_px=size_px, name=name)
    singles = Singles.of(raw, validation, seen, seed)
    calibrated = calibrate(raw, singles, false_alarm_rate, seed)
    metrics = {"validation": figures(calibrated, singles, seed)}
    for number, (test, stored) in enumerate(tests.items(), start=1):
        metrics[test] = figures(calibrated, Singles.of(raw, stored, seen, seed + number), seed)
    card = Card(
        name=name,
        technique="sadp",
        architecture=str(recipe["architecture"]),
        arguments=dict(recipe.get("arguments", {})) | {"classes": len(grouping.materials)},
        input_size_px=seen.size,
        preparation=PREPARATION,
        preparation_arguments=seen.view.arguments,
        materials=grouping.materials,
        group_of_material=grouping.group_of_material,
        group_temperature=calibrated.temperature,
        judgement=calibrated.judgement | {"false_alarm_rate": false_alarm_rate},
        training=dict(record) | {"camera": seen.camera.to_dict()},
        metrics=metrics,
        known_limits=tuple(known_limits),
        versions=dict(record.get("versions", {})),
    )
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    artefact.save(folder, network, card, replace=overwrite)
    return folder


def calibrate(
    network: SpotNetwork, singles: Singles, false_alarm_rate: float = FALSE_ALARM_RATE, seed: int = 0
) -> SpotNetwork:
    """The network with temperature, dependence and, where it has a class for others, their threshold.

    Temperature and dependence are for the answers given that the crystal is known. The dependence is that with the
    least negative log-likelihood, mean over the sizes 4 and 16 that the crystals have zones for; 1, the most cautious,
    without such crystals.

    Raises InputError where no picture is of a known group.
    """
    known = singles.known
    if not len(known.truth):
        raise InputError("SADP calibration: no pattern is of a known group")
    temperature = fit_temperature(pooled_logits(known.probabilities[:, None], "product"), known.truth)
    losses = []
    for size in SIZES[1:]:
        members = known.sets(size, seed)
        if len(members):
            summed = size * pooled_logits(known.probabilities[members], "product") / temperature
            truth = known.truth[members[:, 0]]
            losses.append([float(functional.cross_entropy(summed / size**a, truth)) for a in DEPENDENCES])
    dependence = float(DEPENDENCES[int(np.argmin(np.mean(losses, axis=0)))]) if losses else 1.0
    fitted = replace(network, temperature=temperature, dependence=round(dependence, 2))
    return replace(fitted, other_threshold=_threshold(fitted, singles, false_alarm_rate, seed))


def _threshold(network: SpotNetwork, singles: Singles, false_alarm_rate: float, seed: int) -> float | None:
    """The largest over the sizes of the probability of others that this share of the known crystals exceeds."""
    if OTHER not in singles.groups:
        return None
    found = [LEAST_THRESHOLD]
    for size in SIZES:
        doubt = _doubt(network, singles, size, seed)
        if len(doubt):
            found.append(float(doubt.double().quantile(1 - false_alarm_rate)))
    return round(max(found), 6)


def _doubt(network: SpotNetwork, singles: Singles, size: int, seed: int) -> Tensor:
    """Probability of others (m,) of sets of pictures of known crystals."""
    other = singles.groups.index(OTHER)
    members = singles.sets(size, seed)
    members = members[singles.truth[members[:, 0]] != other]
    return network.pooled(singles.probabilities[members])[:, other] if len(members) else torch.zeros(0)


def figures(network: SpotNetwork, singles: Singles, seed: int = 0) -> dict[str, Any]:
    """Accuracy with intervals, honesty and alarms when 1, 4 and 16 zones of a known crystal are read together.

    Answers are those given that the crystal is known; sizes for which no specimen has enough zones are left out.
    `low`, `high`: Wilson's 95 % interval over the sets; `low_of_crystals`, `high_of_crystals`: over the specimens
    alone, see `PooledAccuracy`. `unknown_rate`: share of the sets that the network would call unknown.

    Raises InputError where no picture is of a known group.
    """
    known = singles.known
    if not len(known.truth):
        raise InputError("SADP calibration: no pattern is of a known group")
    counts = known.truth.bincount(minlength=len(known.groups))
    told: dict[str, Any] = {
        "patterns": len(known.truth),
        "specimens": len(np.unique(known.specimen)),
        "by_group": {
            group: float((known.probabilities.argmax(-1) == known.truth)[known.truth == number].double().mean())
            for number, group in enumerate(known.groups)
            if counts[number]
        },
        "baselines": {
            "chance": 1.0 / len(known.groups),
            "most_frequent_group": float(counts.max()) / len(known.truth),
        },
        "pooled": {},
    }
    found = pooled_accuracies(
        known.probabilities, known.truth, known.specimen, known.zone, sizes=SIZES, how="product", seed=seed
    )
    for one in found:
        members = known.sets(one.pooled, seed)
        together = network.pooled(known.probabilities[members])
        told["pooled"][str(one.pooled)] = {name: value for name, value in asdict(one).items() if name != "pooled"} | {
            "calibration": calibration_figures(together, known.truth[members[:, 0]])
        }
        if network.other_threshold is not None:
            doubt = _doubt(network, singles, one.pooled, seed)
            told["pooled"][str(one.pooled)]["unknown_rate"] = float((doubt > network.other_threshold).double().mean())
    return told
