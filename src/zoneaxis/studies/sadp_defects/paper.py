"""Paper: the protocol of Jeong et al. (2024): one turn, one specimen size, patterns of all crystals split at random."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.learn.training import TrainedNetwork, fit
from zoneaxis.recipes.sadp_classes import SADPClasses
from zoneaxis.recipes.sadp_input import PictureInput
from zoneaxis.studies.bench import Bench, Result, key_of
from zoneaxis.studies.sadp_defects import plans
from zoneaxis.studies.sadp_defects.answers import Answers

LEARNED = ("pristine", "elements")
"""Sets of the data set that are split; aluminium and iron are in neither part."""
WATCHED = 4
"""Every so many patterns of the validation part watch the training. Source: our choice."""


@dataclass(frozen=True)
class PaperModel:
    """The network of the paper's protocol at a bench."""

    bench: Bench

    @property
    def classes(self) -> SADPClasses:
        """What it tells apart."""
        return SADPClasses(zones=tuple(tuple(zone) for zone in self.bench.settings["zones"]))  # type: ignore[arg-type]

    @property
    def view(self) -> PictureInput:
        """Pictures without noise, the intensity shown by a root."""
        table = self.bench.settings["paper_model"]
        gamma = float(table["gamma"])
        camera = DiffractionCamera.from_dict({"preset": "ideal", "gamma": [gamma, gamma]})
        return PictureInput(camera, int(table["size_px"]))

    @property
    def recipe(self) -> TrainingRecipe:
        """Of its training."""
        table = dict(self.bench.settings["training"]) | dict(self.bench.settings["paper_model"]["training"])
        return TrainingRecipe.from_mapping(table | {"seed": int(self.bench.settings["seed"]) % 1000})

    @cached_property
    def key(self) -> str:
        """Fingerprint of recipe, input and data."""
        data = plans.plan(self.bench.settings, plans.PAPER).fingerprint
        return key_of({"recipe": self.recipe.to_mapping(), "model": self.bench.settings["paper_model"], "data": data})

    @property
    def output(self) -> Path:
        """Folder of its run."""
        return self.bench.path("models", f"paper-{self.key}")

    @property
    def finished(self) -> bool:
        """Whether it is trained."""
        return (self.output / "trained.safetensors").exists()

    @cached_property
    def parts(self) -> tuple[StoredPatterns, StoredPatterns]:
        """Training and validation part: patterns dealt out at random, whatever crystal they are of."""
        stack = plans.stack(self.bench, plans.PAPER)
        every = stack.picked({"set": list(LEARNED)}, classes=self.classes.numbers, degrade=self.view)
        share = float(self.bench.settings["paper_model"]["validation"])
        order = np.random.default_rng(int(self.bench.settings["seed"])).permutation(len(every))
        cut = round(share * len(every))
        return _at(every, np.sort(order[cut:])), _at(every, np.sort(order[:cut]))

    def run(self) -> TrainedNetwork:
        """Train, go on with what was interrupted, or read back what is finished."""
        training, validation = self.parts
        watched = _at(validation, np.arange(0, len(validation), WATCHED)).all(self.recipe.seed)
        provenance = {"study": self.bench.study, "model": "paper", "key": self.key}
        return fit(
            training, watched, self.classes.grouping, self.recipe, self.output, provenance=provenance, progress=False
        )

    def asked(self, name: str) -> StoredPatterns:
        """Patterns of a test: "validation", "metals" (closed form) or "metals, defects"."""
        if name == "validation":
            return self.parts[1]
        of = plans.PAPER if name == "metals" else plans.PAPER_DEFECTS
        stack = plans.stack(self.bench, of)
        return stack.picked({"set": ["metals"]}, classes=self.classes.numbers, degrade=self.view)

    def answers(self, name: str) -> Answers:
        """What the network says of the patterns of a test."""
        stored = self.asked(name)
        decided_by = {
            "model": self.key,
            "test": name,
            "data": [plans.plan(self.bench.settings, of).fingerprint for of in plans.OF_PAPER],
        }

        def make() -> Result:
            torch.set_num_threads(1)
            network = self.run().network.eval()
            with torch.inference_mode():
                found = [network(some[:, None]).float().half() for some, _ in stored.listed()]
            return {"logits": torch.cat(found).numpy()}

        logits = torch.from_numpy(
            np.asarray(self.bench.stage(f"logits paper {name}", decided_by, make)["logits"])
        ).float()
        probabilities = logits.softmax(-1) @ self.classes.shares
        return Answers(probabilities, -logits.logsumexp(-1), stored.labels)


def _at(stored: StoredPatterns, places: np.ndarray) -> StoredPatterns:
    """Some members of stored patterns, drawn alike."""
    labels = {name: values[places] for name, values in stored.labels.items()}
    return replace(stored, places=stored.places[places], material=stored.material[places], labels=labels, weights=None)
