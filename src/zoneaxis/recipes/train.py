"""From a recipe to a model folder: simulate, train, calibrate, test, and write the card with what was found."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.recipes.progress import bar
from zoneaxis.recipes.recipe import SHIPPED, Recipe, technique
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment

PREPARATION = "zoneaxis.patterns.preprocess.prepare"
VALIDATION_SEED, CALIBRATION_SEED, TEST_SEED, JUDGE_SEED = 1_000_003, 2_000_003, 3_000_017, 4_000_037
"""Added to the recipe's seed, so that validation, calibration and tests never meet a training batch."""


def train(
    recipe_path: str | Path,
    output: str | Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
) -> Path:
    """Train the model of a recipe and write its folder; run again after an interruption, it goes on where it stopped.

    The run's log and checkpoints lie in OUTPUT/run, the model beside them: weights, card, open-set and test figures.

    Args:
        recipe_path: TOML file.
        output: folder of the model; it may hold an unfinished run of the same recipe.
        workers: processes that simulate master patterns, images or spot patterns (default: all cores).
        progress: show progress on stderr.
        overwrite: write over a finished model.

    Raises:
        InputError: a faulty recipe, or a finished model in the way.
    """
    if technique(recipe_path) == "cbleed":
        from zoneaxis.recipes import cbleed_reader

        return cbleed_reader.train(recipe_path, output, workers=workers, progress=progress, overwrite=overwrite)
    if technique(recipe_path) == "sadp":
        from zoneaxis.recipes import sadp_reader

        return sadp_reader.train(recipe_path, output, workers=workers, progress=progress, overwrite=overwrite)
    from zoneaxis.learn.training import fit

    recipe = Recipe.read(recipe_path)
    output = Path(output)
    model_folder = output / "model"
    if (model_folder / "card.json").exists() and not overwrite:
        raise InputError(f"{model_folder}: holds a finished model; choose another folder or ask to replace it")
    with bar(lines=True, wanted=progress) as tick:
        recipe.build_libraries(workers or os.cpu_count() or 1, tick)
    experiment = recipe.experiment_for()
    grouping = _grouping(experiment)
    trained = fit(
        experiment,
        experiment(2048, recipe.seed + VALIDATION_SEED),
        grouping,
        recipe.training,
        output / "run",
        provenance={"recipe": recipe.name, "data_sha256": recipe.fingerprint(), "masters_sha256": _digest(experiment)},
        progress=progress,
    )
    return calibrate_and_save(recipe, trained, model_folder, overwrite=overwrite, progress=progress)


def calibrate_and_save(
    recipe: Recipe, trained: Any, folder: Path, *, overwrite: bool = False, progress: bool = False
) -> Path:
    """Temperatures, open set, prediction sets and test figures of a trained network, written with its weights."""
    from zoneaxis.interpret.sets import Conformal, probability_nonconformity
    from zoneaxis.learn import artefact, calibrate
    from zoneaxis.learn.card import Card
    from zoneaxis.learn.classify import Classifier
    from zoneaxis.learn.open_set import OpenSet
    from zoneaxis.reading.identify import Reader
    from zoneaxis.recipes.evaluate import evaluate
    from zoneaxis.recipes.judgement import fit_judge
    from zoneaxis.techniques.ebsd.library import open_library

    grouping = trained.grouping
    settings = {"patterns": 4096, "coverage": 0.95, "strata": 4, "false_alarm_rate": 0.05} | recipe.calibration
    patterns, labels = recipe.experiment_for()(int(settings["patterns"]), recipe.seed + CALIBRATION_SEED)
    material = labels["material"]
    group = grouping.group_index[material]
    raw = Classifier(trained.network, grouping).predict(patterns)
    classifier = Classifier(
        trained.network,
        grouping,
        calibrate.fit_temperature(raw.logits, material),
        calibrate.fit_temperature(grouping.group_log_probabilities(raw.logits), group),
        OpenSet.fit(raw.logits, raw.features, material, settings["false_alarm_rate"]),
    )
    prediction = classifier.predict(patterns)
    conformal = Conformal.fit(
        probability_nonconformity(prediction.group_probabilities),
        group,
        labels["image_quality"],
        settings["coverage"],
        int(settings["strata"]),
    )
    metrics = {
        name: evaluate(
            classifier, conformal, recipe.experiment_for(test), int(test.get("patterns", 3600)), _seed(recipe, i)
        )
        for i, (name, test) in enumerate(recipe.tests.items())
    }
    assert classifier.open_set is not None
    card = Card(
        name=recipe.name,
        architecture=recipe.training.architecture,
        arguments=recipe.training.arguments | {"classes": len(grouping.materials)},
        input_size_px=recipe.experiment_for().size_px,
        preparation=PREPARATION,
        preparation_arguments={"size_px": recipe.experiment_for().size_px},
        materials=grouping.materials,
        group_of_material=grouping.group_of_material,
        material_temperature=classifier.material_temperature,
        group_temperature=classifier.group_temperature,
        open_set=classifier.open_set.parameters(),
        conformal=conformal.parameters(),
        training=trained.record,
        metrics=metrics,
        known_limits=(
            "Trained on simulated patterns only; prediction sets keep their coverage on patterns like those alone.",
            "Ni and FeNi3 (and other ordered/disordered pairs) differ by weak superlattice reflections: read as a set.",
            "Alone it does not read measured patterns dependably; confirm its answer by matching.",
        ),
        versions=trained.record["versions"],
    )
    reader = Reader(replace(classifier, card=card), open_library())
    other_physics = recipe.experiment_for({"libraries": list(recipe.calibration.get("judge_libraries", [SHIPPED]))})
    with bar(lines=True, wanted=progress) as tick:
        told = partial(tick, "weighing network and matching, detectors")
        judge = fit_judge(reader, other_physics, settings, recipe.seed + JUDGE_SEED, told)
    card = replace(card, judgement=judge.parameters())
    folder.parent.mkdir(parents=True, exist_ok=True)
    artefact.save(folder, trained.network, card, {"open_set": classifier.open_set.tensors()}, replace=overwrite)
    return folder


def _grouping(experiment: EBSDExperiment) -> Any:
    from zoneaxis.learn.grouping import Grouping

    return Grouping(tuple(experiment.crystals), tuple(str(number) for number in experiment.space_groups))


def _seed(recipe: Recipe, number: int) -> int:
    return recipe.seed + TEST_SEED * (number + 1)


def _digest(experiment: EBSDExperiment) -> str:
    """SHA-256 over all master patterns of the experiment."""
    digest = hashlib.sha256()
    for library in experiment.masters:
        for master in library:
            values: Tensor = master.values.to(torch.float16)
            digest.update(values.numpy().tobytes())
    return digest.hexdigest()
