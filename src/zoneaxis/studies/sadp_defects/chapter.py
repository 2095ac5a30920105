"""Chapter: networks, their answers, lattice fits and rows of the study, each made when first asked for and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.patterns.store import appearing_whole
from zoneaxis.recipes.sadp_input import SCALE, through_camera
from zoneaxis.studies.bench import Bench, Result
from zoneaxis.studies.sadp_defects import answers as networks
from zoneaxis.studies.sadp_defects import ceiling, dynamical, gallery, models, plans
from zoneaxis.studies.sadp_defects.answers import Answers
from zoneaxis.studies.sadp_defects.joint import Joint, Weights
from zoneaxis.studies.sadp_defects.lattice import LatticeAnswers, lattice_answers
from zoneaxis.studies.sadp_defects.listings import CAMERA, LISTED, listed, shown
from zoneaxis.studies.sadp_defects.models import Model
from zoneaxis.studies.sadp_defects.paper import PaperModel

Job = Callable[[], object]

OWN, TRAINED = "the tested crystals", "other crystals"
"""Templates: of the very crystals, which is the ceiling; of those of the training part, which is a baseline."""

FULL = (models.CLEAN, models.AWARE, models.OPEN)
"""Models that are asked about everything."""
PERFECT_ONLY = ("validation", "unseen_chemistry", "unseen_prototype")
DEFECTS_ONLY = ("validation", "control", "tested")
PAPER_TESTS = ("validation", "metals", "metals, defects")
FITTED: dict[str, tuple[str, ...]] = {
    "validation": (),
    "unseen_chemistry": (),
    "unknown": (),
    "tested": ("stretch", "twin", "dislocations"),
    "metals": ("perfect_atoms", "twin", "dislocations", "temperature_atoms"),
}
"""Listings to which lattices are fitted, and families of their specimens; all where none is named."""
NOT_CUBIC = 0.05
"""Stretch from which a crystal counts as one that is not cubic; of the others there are enough without it."""


@dataclass(frozen=True)
class Chapter:
    """The study at a bench."""

    bench: Bench

    def quiet(self) -> Chapter:
        """The same, light enough for a process of its own."""
        return Chapter(self.bench.quiet())

    @property
    def seed(self) -> int:
        """Of the study."""
        return int(self.bench.settings["seed"])

    # Networks.

    def model(self, name: str) -> Model:
        """A network of the honest protocol."""
        return Model(self.bench, name)

    @property
    def paper(self) -> PaperModel:
        """The network of the paper's protocol."""
        return PaperModel(self.bench)

    def train(self, name: str) -> None:
        """Train one of the networks."""
        (self.paper if name == models.PAPER_MODEL else self.model(name)).run()

    def training_jobs(self) -> list[Job]:
        """What is not trained yet, the longest first."""
        waiting = [name for name in models.names(self.bench) if not self.model(name).finished]
        waiting.sort(key=lambda name: -int(self.model(name).table["images"]))
        if not self.paper.finished:
            waiting.insert(0, models.PAPER_MODEL)
        return [partial(self.quiet().train, name) for name in waiting]

    def asked(self, name: str) -> tuple[str, ...]:
        """Listings that a network is asked about."""
        if name in FULL:
            return tuple(LISTED)
        return DEFECTS_ONLY if name.startswith(models.LEFT_OUT) else PERFECT_ONLY

    def logits(self, name: str, listing: str) -> None:
        """Have a network answer all pictures of a listing."""
        networks.logits_of(self.bench, self.model(name), listing)

    def answering_jobs(self) -> list[Job]:
        """All networks about all their listings."""
        quiet = self.quiet()
        jobs: list[Job] = [
            partial(quiet.logits, name, listing) for name in models.names(self.bench) for listing in self.asked(name)
        ]
        return [*jobs, *(partial(self.quiet().paper.answers, test) for test in PAPER_TESTS)]

    def answers(self, name: str, listing: str) -> Answers:
        """Calibrated answers of a network."""
        model = self.model(name)
        temperature = networks.class_temperature(self.bench, model)
        return networks.answers_of(self.bench, model, listing, temperature)

    # Templates: the ceiling and a baseline.

    def templated(self, kind: str, listing: str) -> Answers:
        """Nearest of many noise-free patterns: those tested themselves (`OWN`), or those of the training part."""
        tests, classes = self.listing(listing), self.model(models.CLEAN).classes
        most = int(self.bench.settings["ceiling"]["specimens"])
        specimens = np.asarray(tests.labels["specimen"])
        kind_of = np.stack(
            [np.asarray(tests.labels[name]).astype(str) for name in ("space_group", "family", "strength")]
        )
        _, member = np.unique(kind_of, axis=1, return_inverse=True)
        wanted = [np.unique(specimens[member.ravel() == one])[:most] for one in np.unique(member)]
        chosen = np.flatnonzero(np.isin(specimens, np.concatenate(wanted)))
        data = plans.plan(self.bench.settings, LISTED[listing]).fingerprint
        decided_by = {"templates": kind, "listing": listing, "data": data, "specimens": most}
        decided_by["places"] = hashlib.sha256(chosen.tobytes()).hexdigest()

        def make() -> Result:
            torch.set_num_threads(1)
            stack = plans.stack(self.bench, plans.PERFECT)
            known = tests if kind == OWN else stack.picked({"set": ["training"]}, classes=classes.numbers)
            return ceiling.ceiling_answers(known, tests, classes, self.seed, chosen=chosen)

        found = self.bench.stage(f"templates {kind} {listing}", decided_by, make)
        probabilities = torch.from_numpy(np.asarray(found["probabilities"]))
        labels = {name: values[chosen] for name, values in tests.labels.items()}
        return Answers(probabilities, -probabilities.amax(-1), labels)

    def alike(self) -> str:
        """Table of pairs of groups whose patterns of a zone no reader can tell apart."""
        data = plans.plan(self.bench.settings, plans.PERFECT).fingerprint

        def make() -> Result:
            torch.set_num_threads(1)
            stored, classes = self.listing("unseen_chemistry"), self.model(models.CLEAN).classes
            tables = [ceiling.alike_table(ceiling.alike(stored, classes, any_size=size)) for size in (False, True)]
            return {"known": tables[0], "any": tables[1]}

        found = self.bench.stage("alike", {"data": data}, make)
        return "Size of the cell known:\n\n" + str(found["known"]) + "\nNot known:\n\n" + str(found["any"])

    # Bloch waves.

    def dynamical(self, name: str) -> dict[str, Answers]:
        """A network about patterns of Bloch waves and of single scattering, of the same crystals and painter."""
        model, plan = self.model(name), plans.plan(self.bench.settings, plans.PERFECT)
        count = int(self.bench.settings["dynamical"]["structures"])
        decided_by = {"model": [name, model.key], "data": plan.fingerprint, "structures": count, "camera": CAMERA}

        def make() -> Result:
            torch.set_num_threads(1)
            network = model.run().network.eval()
            structures = np.unique(self.listing("unseen_chemistry").labels["structure"]).tolist()
            numbers = dynamical.few_atoms(plan, structures, count)
            kept: Result = {}
            for kind in (dynamical.DYNAMICAL, dynamical.KINEMATICAL):
                made, labels = dynamical.dynamical_patterns(
                    plan, numbers, self.seed, kinematical=kind != dynamical.DYNAMICAL
                )
                camera = DiffractionCamera.from_dict({"preset": CAMERA})
                seen = through_camera(torch.from_numpy(made), camera, torch.Generator().manual_seed(self.seed))
                kept[kind] = model.logits(network, seen, torch.from_numpy(labels[SCALE])).half().numpy()
                kept |= {label: labels[label] for label in ("space_group", "specimen", "zone", "strength")}
            return kept

        found = self.bench.stage(f"dynamical {name}", decided_by, make)
        temperature = networks.class_temperature(self.bench, model)
        answers = {}
        for kind in (dynamical.DYNAMICAL, dynamical.KINEMATICAL):
            logits = torch.from_numpy(np.asarray(found[kind])).float()
            labels = {label: np.asarray(found[label]) for label in ("space_group", "specimen", "zone", "strength")}
            probabilities = (logits / temperature).softmax(-1) @ model.classes.shares
            answers[kind] = Answers(probabilities, -logits.logsumexp(-1), labels)
        return answers

    def further_jobs(self) -> list[Job]:
        """Templates and Bloch waves."""
        quiet = self.quiet()
        jobs: list[Job] = [partial(quiet.templated, kind, "unseen_chemistry") for kind in (OWN, TRAINED)]
        jobs += [partial(quiet.templated, OWN, "tested"), quiet.alike, quiet.gallery]
        return jobs + [partial(quiet.dynamical, name) for name in FULL]

    def gallery(self) -> dict[str, bytes]:
        """Pictures of what defects do to patterns, drawn once."""
        size = int(self.bench.settings["gallery"]["size_px"])
        folder = self.bench.path("gallery", f"{size}px-{self.seed}", "pictures")
        if not folder.exists():
            with appearing_whole(folder) as place:
                place.mkdir()
                for name, content in gallery.drawn(self.seed, size).items():
                    (place / name).write_bytes(content)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    # Lattices.

    def listing(self, name: str) -> StoredPatterns:
        """Patterns of a listing."""
        return listed(self.bench, name, self.model(models.CLEAN).classes)

    def fitted(self, listing: str) -> list[np.ndarray]:
        """Specimens to which lattices are fitted, evenly over the groups, those of one job together."""
        stored, table = self.listing(listing), self.bench.settings["lattice"]
        most = int(table["specimens"].get(listing, 0))
        groups, specimens = (np.asarray(stored.labels[name]) for name in ("space_group", "specimen"))
        families = np.asarray(stored.labels["family"])
        wanted = np.isin(families, FITTED[listing]) if FITTED[listing] else np.ones(len(families), dtype=bool)
        if listing == "tested":
            wanted &= (families != "stretch") | (np.asarray(stored.labels["strength"]) > NOT_CUBIC)
        chosen = [np.unique(specimens[wanted & (groups == group)]) for group in np.unique(groups[wanted])]
        every = np.sort(np.concatenate([some[: most or None] for some in chosen]))
        together = int(table["together"])
        return [every[start : start + together] for start in range(0, len(every), together)]

    def lattice_part(self, listing: str, number: int) -> Result:
        """Lattice fits of the specimens of one job; members are places in the listing."""
        wanted = self.fitted(listing)[number]
        data = plans.plan(self.bench.settings, LISTED[listing]).fingerprint
        decided_by: dict[str, Any] = {"listing": listing, "specimens": wanted, "data": data, "camera": CAMERA}
        decided_by["fit"] = self.bench.settings["lattice"]["revision"]

        def make() -> Result:
            torch.set_num_threads(1)
            stored = self.listing(listing)
            of = np.flatnonzero(np.isin(stored.labels["specimen"], wanted))
            seen = [pictures[np.isin(places, of)] for places, pictures in shown(stored, self.seed, of)]
            labels = {name: np.asarray(stored.labels[name])[of] for name in (SCALE, "specimen", "zone")}
            fits = lattice_answers(
                torch.cat(seen), labels[SCALE], labels["specimen"], labels["zone"], seed=self.seed
            ).arrays()
            members = fits["members"]
            return fits | {"members": np.where(members >= 0, of[members], -1)}

        return self.bench.stage(f"lattice {listing} {number}", decided_by, make)

    def lattice(self, listing: str) -> LatticeAnswers:
        """Lattice fits of a listing."""
        parts = [self.lattice_part(listing, number) for number in range(len(self.fitted(listing)))]
        names = [name for name in parts[0] if name != "seconds"]
        return LatticeAnswers.of({name: np.concatenate([part[name] for part in parts]) for name in names})

    def lattice_jobs(self) -> list[Job]:
        """All of them."""
        quiet = self.quiet()
        return [
            partial(quiet.lattice_part, listing, number)
            for listing in FITTED
            for number in range(len(self.fitted(listing)))
        ]

    # Both.

    def joint(self, name: str, listing: str) -> Joint:
        """Network and lattice fit about the same sets of pictures."""
        return Joint.of(self.answers(name, listing), self.lattice(listing))

    def weights(self, name: str) -> Weights:
        """Of the two, from the validation part."""
        return Weights.fit(self.joint(name, "validation"))
