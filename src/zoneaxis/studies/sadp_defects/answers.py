"""Answers: what a network says about every pattern of a listing, and how sure it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.interpret.ensemble import pooled_logits
from zoneaxis.learn.calibrate import fit_temperature
from zoneaxis.recipes.sadp_classes import GROUPS
from zoneaxis.recipes.sadp_input import SCALE
from zoneaxis.studies.bench import Bench, Result
from zoneaxis.studies.sadp_defects import plans
from zoneaxis.studies.sadp_defects.listings import CAMERA, LISTED, listed, shown
from zoneaxis.studies.sadp_defects.models import Model


@dataclass(frozen=True)
class Answers:
    """What a reader says about single patterns.

    probabilities: (n, answers) of the five groups, and of "other" where the reader knows it; energy: (n,) how little
    any class claims the pattern; labels: of the patterns, (n,) each.
    """

    probabilities: Tensor
    energy: Tensor
    labels: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def known(self) -> Tensor:
        """Probabilities of the five groups alone (n, 5), given that it is one of them."""
        part = self.probabilities[:, : len(GROUPS)]
        return part / part.sum(-1, keepdim=True).clamp_min(1e-12)

    @property
    def other(self) -> Tensor:
        """Probability that it is none of them (n,); 0 where the reader does not know such a thing."""
        return 1.0 - self.probabilities[:, : len(GROUPS)].sum(-1)

    @property
    def truth(self) -> Tensor:
        """Place of the right group in `GROUPS`, (n,); -1 for another one."""
        groups = np.asarray(self.labels["space_group"])
        return torch.from_numpy(np.select([groups == group for group in GROUPS], range(len(GROUPS)), -1))

    def where(self, **values: object) -> Answers:
        """Those patterns whose labels are as given: one value, or a list of them."""
        chosen = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            allowed = list(value) if isinstance(value, list | tuple) else [value]
            chosen &= np.isin(self.labels[name], np.array(allowed))
        return self.at(np.flatnonzero(chosen))

    def at(self, places: np.ndarray) -> Answers:
        """Those at some places."""
        labels = {name: values[places] for name, values in self.labels.items()}
        return Answers(self.probabilities[places], self.energy[places], labels)


def logits_of(bench: Bench, model: Model, listing: str) -> Result:
    """Stage: class logits (n, classes) of one model for the pictures of a listing."""
    data = plans.plan(bench.settings, LISTED[listing]).fingerprint
    decided_by = {"model": [model.name, model.key], "listing": listing, "data": data, "camera": CAMERA}

    def make() -> Result:
        stored = listed(bench, listing, model.classes)
        network = model.run().network.eval()
        scale = torch.from_numpy(np.asarray(stored.labels[SCALE]))
        found = []
        torch.set_num_threads(1)
        for places, pictures in shown(stored, int(bench.settings["seed"])):
            found.append(model.logits(network, pictures, scale[places]).half())
        return {"logits": torch.cat(found).numpy()}

    return bench.stage(f"logits {model.name} {listing}", decided_by, make)


def answers_of(bench: Bench, model: Model, listing: str, temperature: float = 1.0) -> Answers:
    """The answers of a model; temperature: of the logits of its classes."""
    logits = torch.from_numpy(np.asarray(logits_of(bench, model, listing)["logits"])).float()
    probabilities = (logits / temperature).softmax(-1) @ model.classes.shares
    stored = listed(bench, listing, model.classes)
    return Answers(probabilities, -logits.logsumexp(-1), stored.labels)


def class_temperature(bench: Bench, model: Model) -> float:
    """Temperature of the classes, fitted on the validation part, whose crystals no training has met."""
    data = plans.plan(bench.settings, plans.PERFECT).fingerprint

    def make() -> Result:
        logits = torch.from_numpy(np.asarray(logits_of(bench, model, "validation")["logits"])).float()
        stored = listed(bench, "validation", model.classes)
        return {"temperature": fit_temperature(logits, torch.from_numpy(stored.material))}

    decided_by = {"model": [model.name, model.key], "data": data, "camera": CAMERA}
    return float(bench.stage(f"temperature {model.name}", decided_by, make)["temperature"])


def pooled_probabilities(answers: Answers, members: np.ndarray) -> Tensor:
    """Mean over a set of patterns of log p(group), (sets, 5); members: (sets, size) places."""
    return pooled_logits(answers.known[torch.from_numpy(members)].float(), "product")
