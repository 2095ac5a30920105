"""Methods: every baseline and network on the test part of a task, each a stage of the bench."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from zoneaxis.learn.translation_baselines import BASELINES
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.lacbed_translation.protocol import Task
from zoneaxis.studies.lacbed_translation.rows import Result, Row, judged
from zoneaxis.studies.lacbed_translation.translators import Training

TREES = "PCA + extra trees"
"""Of `BASELINES`: the best of them on kinds of crystal that it has not seen."""


def baseline_rows(bench: Bench, task: Task, shown: np.ndarray) -> list[Row]:
    """All baselines, learned from the training part."""
    decided_by = {"task": [task.direction, dict(task.key)], "baselines": list(BASELINES), "shown": shown}

    def make() -> Result:
        found: Result = {}
        for name, kind in BASELINES.items():
            fitted = kind.fit(*task.of(task.train))
            found |= _asked(name, fitted.translate, task, shown)
        return found

    kept = bench.stage(f"baselines {task.title}", decided_by, make)
    return [_row(name, None, kept, name, task) for name in BASELINES]


def network_row(bench: Bench, training: Training, shown: np.ndarray) -> Row:
    """A trained network on the test part."""
    task = training.task
    decided_by = {"training": training.output.name, "shown": shown}

    def make() -> Result:
        trained = training.run()
        return _asked("answer", partial(training.answer, trained), task, shown)

    kept = bench.stage(f"translated {training.output.name.rpartition('-')[0]}", decided_by, make)
    return _row(training.network, training.seed, kept, "answer", task)


def several_networks(rows: list[Row], name: str) -> Row:
    """Scores of several seeds, image by image, as one row of their means: for tables by topology."""
    scores = {score: np.mean([row.scores[score] for row in rows], axis=0) for score in rows[0].scores}
    return replace(rows[0], method=name, seed=None, scores=scores)


def _asked(name: str, translate: Callable[[np.ndarray], np.ndarray], task: Task, shown: np.ndarray) -> Result:
    begun = time.perf_counter()
    answers = translate(task.inputs[task.test])
    seconds = (time.perf_counter() - begun) / len(task.test)
    found: Result = {f"{name} {score}": values for score, values in judged(answers, task, task.test).items()}
    pictures = translate(task.inputs[shown])[:, 0]
    return found | {f"{name} shown": pictures, f"{name} seconds": seconds}


def _row(method: str, seed: int | None, kept: Result, name: str, task: Task) -> Row:
    scores = {score: kept[f"{name} {score}"] for score in ("mse", "zncc", "ssim")}
    return Row(method, seed, task.test, scores, kept[f"{name} shown"], kept[f"{name} seconds"])
