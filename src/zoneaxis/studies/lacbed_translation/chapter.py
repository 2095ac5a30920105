"""Chapter: data, networks, rows and checks of the study, each made when it is asked for first and kept on the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneaxis.studies.bench import Bench
from zoneaxis.studies.lacbed_translation import checks, data, methods, physics, protocol, simulation
from zoneaxis.studies.lacbed_translation.protocol import BACKWARD, FORWARD, RANDOM, TASKS, UNSEEN, Key, Task
from zoneaxis.studies.lacbed_translation.rows import Result, Row, judged, shown_places
from zoneaxis.studies.lacbed_translation.translators import GAN, UNET, Training, training

if TYPE_CHECKING:
    from zoneaxis.recipes.lacbed import Plan

Job = Callable[[], object]


@dataclass(frozen=True)
class Chapter:
    """The study at a bench."""

    bench: Bench

    def quiet(self) -> Chapter:
        """The same, light enough for a process of its own."""
        return Chapter(self.bench.quiet())

    @cached_property
    def plan(self) -> Plan:
        """Of the data set."""
        return simulation.plan(self.bench.settings)

    @cached_property
    def pairs(self) -> data.Pairs:
        """The data set."""
        return data.pairs(self.bench)

    @cached_property
    def tasks(self) -> dict[Key, Task]:
        """Both directions under both splits."""
        return {key: protocol.task(self.pairs, *key, self.bench.settings) for key in TASKS}

    @cached_property
    def own_scale(self) -> dict[str, Task]:
        """The poster's variant by direction, under the random split."""
        return {
            direction: protocol.task(self.pairs, direction, RANDOM, self.bench.settings, own_scale=True)
            for direction in (FORWARD, BACKWARD)
        }

    # Trainings, named so that a process of its own can find them.

    def trainings(self, key: Key) -> list[Training]:
        """Networks of a task, all seeds of each."""
        seeds = self.bench.settings["trainings"]
        task = self.tasks[key]
        return [
            training(self.bench, task, network, seed)
            for network, name in ((UNET, "unet"), (GAN, "gan"))
            for seed in seeds[name][task.split]
        ]

    def own_scale_trainings(self, direction: str) -> list[Training]:
        """Networks of the poster's variant: against a discriminator, as there."""
        seeds = self.bench.settings["trainings"]["own_scale"]
        return [training(self.bench, self.own_scale[direction], GAN, seed) for seed in seeds]

    def curve_trainings(self) -> list[Training]:
        """Networks forward under the random split with fewer crystals."""
        table, task = self.bench.settings["curve"], self.tasks[FORWARD, RANDOM]
        return [
            training(self.bench, task, UNET, seed, crystals)
            for crystals in table["structures"]
            for seed in table["seeds"]
            if crystals < len(task.train)
        ]

    def all_trainings(self) -> list[Training]:
        """Of everything; those that others wait for come first."""
        found = [one for key in TASKS for one in self.trainings(key)]
        found += [one for direction in (FORWARD, BACKWARD) for one in self.own_scale_trainings(direction)]
        return found + self.curve_trainings()

    def train(self, name: str) -> None:
        """Train the one whose folder has this name."""
        next(one for one in self.all_trainings() if one.output.name == name).run()

    def training_jobs(self) -> list[Job]:
        """What is not trained yet, the longest first."""
        waiting = [one for one in self.all_trainings() if not one.finished]
        return [
            partial(self.quiet().train, one.output.name) for one in sorted(waiting, key=lambda one: -one.recipe.images)
        ]

    # Rows.

    def shown(self, task: Task) -> np.ndarray:
        """Crystals of the test part that figures show; where topologies are held out, of those the engine is asked."""
        among = self.asked(task.direction) if task.split == UNSEEN else None
        return shown_places(task, int(self.bench.settings["figures"]["shown"]), among)

    def rows(self, key: Key) -> list[Row]:
        """Baselines and networks of a task on its test part."""
        task = self.tasks[key]
        shown = self.shown(task)
        rows = methods.baseline_rows(self.bench, task, shown)
        for one in self.trainings(key):
            rows.append(methods.network_row(self.bench, one, shown))
        return rows

    def own_scale_rows(self, direction: str) -> list[Row]:
        """The mean image and the network of the poster's variant."""
        task = self.own_scale[direction]
        shown = self.shown(task)
        rows = methods.baseline_rows(self.bench, task, shown)
        for one in self.own_scale_trainings(direction):
            rows.append(methods.network_row(self.bench, one, shown))
        return rows

    def curve_rows(self) -> list[tuple[int, Row]]:
        """Crystals in training, fewer than there are, and how the network then does."""
        shown = self.shown(self.tasks[FORWARD, RANDOM])
        return [(len(one.train), methods.network_row(self.bench, one, shown)) for one in self.curve_trainings()]

    def curve(self) -> list[tuple[int, Row]]:
        """The same, and at the end with the whole training part, every seed."""
        crystals = len(self.tasks[FORWARD, RANDOM].train)
        whole = [row for row in self.rows((FORWARD, RANDOM)) if row.method == UNET]
        return [*self.curve_rows(), *((crystals, row) for row in whole)]

    # The engine in the loop, under held-out topologies.

    def asked(self, direction: str) -> np.ndarray:
        """Crystals that the engine is asked about, drawn at random from the test part."""
        return self._drawn(self.tasks[direction, UNSEEN].test, int(self.bench.settings["physics"][direction]))

    def checked(self) -> np.ndarray:
        """Crystals of the validation part, on which it is found out which refined densities can be believed."""
        return self._drawn(self.tasks[BACKWARD, UNSEEN].validation, int(self.bench.settings["physics"]["checked"]))

    def _drawn(self, part: np.ndarray, count: int) -> np.ndarray:
        order = np.random.default_rng(int(self.bench.settings["seed"])).permutation(part)
        return np.sort(order[: min(count, len(part))])

    def proposed(self, places: np.ndarray) -> np.ndarray:
        """Densities (m, s, s) proposed without the engine: the mean of all U-Nets and extra trees."""
        task = self.tasks[BACKWARD, UNSEEN]
        networks = [one for one in self.trainings((BACKWARD, UNSEEN)) if one.network == UNET]
        decided_by = {"networks": [one.output.name for one in networks], "trees": methods.TREES, "places": places}

        def make() -> Result:
            answers = [one.answer(one.run(), task.inputs[places])[:, 0] for one in networks]
            trees = methods.BASELINES[methods.TREES].fit(*task.of(task.train))
            return {"answers": np.mean([*answers, trees.translate(task.inputs[places])[:, 0]], axis=0)}

        return np.asarray(self.bench.stage("proposed densities", decided_by, make)["answers"])

    def proposals(self) -> list[np.ndarray]:
        """The crystals for which densities are proposed: those asked about, and those of the check."""
        return [self.asked(BACKWARD), self.checked()]

    def physics_parts(self, direction: str, checked: bool = False) -> list[np.ndarray]:
        """Those of one job each."""
        places = self.checked() if checked else self.asked(direction)
        together = int(self.bench.settings["physics"]["together"])
        return [places[start : start + together] for start in range(0, len(places), together)]

    def physics_part(self, direction: str, number: int, checked: bool = False) -> Result:
        """Answers of the engine to the crystals of a job."""
        places = self.physics_parts(direction, checked)[number]
        task = self.tasks[direction, UNSEEN]
        decided_by: dict[str, Any] = {"task": [direction, dict(task.key)], "places": places}
        guess = self.trainings((direction, UNSEEN))[0]
        neighbours = int(self.bench.settings["physics"]["neighbours"])
        if direction == BACKWARD:
            decided_by |= {"guess": guess.output.name, "neighbours": neighbours, "origin": "quarters, proposed"}

        def make() -> Result:
            assert task.scale is not None
            if direction == FORWARD:
                return physics.discs_of(self.plan, task.inputs[places], task.scale)
            discs, known = task.inputs[places], task.train
            alike = known[physics.nearest(task.inputs[known], discs, neighbours)]
            starts = np.concatenate([guess.answer(guess.run(), discs), task.targets[alike]], axis=1)
            return physics.densities_of(self.plan, discs, starts, self.proposed_of(places, checked), task.scale)

        name = f"engine {direction} {'checked ' if checked else ''}{number}"
        return self.bench.stage(name, decided_by, make)

    def proposed_of(self, places: np.ndarray, checked: bool) -> np.ndarray:
        """Proposed densities of some crystals among those asked about, or among those of the check."""
        every = self.checked() if checked else self.asked(BACKWARD)
        return self.proposed(every)[np.searchsorted(every, places)]

    def physics_results(self, direction: str, checked: bool = False) -> Result:
        """All parts; where there is no answer the mean image stands for it."""
        task = self.tasks[direction, UNSEEN]
        numbers = range(len(self.physics_parts(direction, checked)))
        parts = [self.physics_part(direction, number, checked) for number in numbers]
        found = {
            name: np.concatenate([part[name] for part in parts]) for name in ("answers", "misfits", "each_seconds")
        }
        found["failed"] = np.isnan(found["answers"]).any((1, 2))
        found["answers"][found["failed"]] = task.targets[task.train].mean(0)
        return found

    def believed(self) -> float:
        """Misfit up to which a refined density is believed, found on crystals of the validation part."""
        task, places = self.tasks[BACKWARD, UNSEEN], self.checked()
        found = self.physics_results(BACKWARD, checked=True)
        errors = [judged(one, task, places)["mse"] for one in (found["answers"], self.proposed(places))]
        return physics.believed_misfit(found["misfits"], *errors)

    def physics_rows(self, direction: str) -> list[Row]:
        """The engine's answers, with the mean image where there is none, which is counted.

        On the way back first its answers where their discs are the ones given, and the proposed density elsewhere.
        """
        task, asked = self.tasks[direction, UNSEEN], self.asked(direction)
        found = self.physics_results(direction)

        def row(method: str, answers: np.ndarray, missing: int, seconds: float | None) -> Row:
            shown = answers[np.searchsorted(asked, self.shown(task))]
            return Row(method, None, asked, judged(answers, task, asked), shown, seconds, missing)

        seconds = float(found["each_seconds"].mean())
        if direction == FORWARD:
            return [row(physics.FORWARD, found["answers"], int(found["failed"].sum()), seconds)]
        unexplained = found["misfits"] > self.believed()
        proposed = self.proposed(asked)
        mixed = np.where(unexplained[:, None, None], proposed, found["answers"])
        return [
            row(physics.EXPLAINED, mixed, int(unexplained.sum()), seconds),
            row(physics.BACKWARD, found["answers"], int(found["failed"].sum()), seconds),
            row(physics.PROPOSED, proposed, 0, None),
        ]

    def physics_jobs(self) -> list[Job]:
        """All parts, the slowest first."""
        parts = [(BACKWARD, False), (BACKWARD, True), (FORWARD, False)]
        return [
            partial(self.quiet().physics_part, direction, number, checked)
            for direction, checked in parts
            for number in range(len(self.physics_parts(direction, checked)))
        ]

    # Checks.

    def accuracy(self) -> Result:
        """Errors of the discs."""
        crystals = int(self.bench.settings["accuracy"]["structures"])
        decided_by = {"plan": self.plan.fingerprint, "crystals": crystals}
        return self.bench.stage("accuracy", decided_by, lambda: checks.accuracy(self.plan, crystals))

    def timing(self) -> Result:
        """Milliseconds of a disc by each road."""
        table = self.bench.settings["timing"]
        one = self.trainings((FORWARD, RANDOM))[0]
        decided_by = {"plan": self.plan.fingerprint, "training": one.output.name, "table": dict(table)}
        crystals = range(int(table["structures"]))
        return self.bench.stage(
            "timing", decided_by, lambda: dict(checks.timing(self.plan, one.run(), crystals, int(table["repeats"])))
        )

    def zincblende(self) -> Result:
        """Discs of zincblende crystals of one lattice parameter."""
        table = self.bench.settings["zincblende"]
        decided_by = {"plan": self.plan.fingerprint, "table": dict(table)}
        names, a = list(table["crystals"]), float(table["lattice_parameter_angstrom"])
        return self.bench.stage("zincblende", decided_by, lambda: checks.zincblende(self.plan, names, a))
