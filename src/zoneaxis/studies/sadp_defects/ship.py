"""Ship: the network of the study that was trained with defects, calibrated and written as the package's SADP model.

python -m zoneaxis.studies.sadp_defects.ship DATA_FOLDER OUTPUT_FOLDER [--scale small]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from zoneaxis.recipes.sadp_calibration import calibrate_and_save
from zoneaxis.studies import HOME
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.sadp_defects import models, plans
from zoneaxis.studies.sadp_defects.models import Model
from zoneaxis.studies.scale import settings_of

NAME = "sadp-cubic"
TESTED = ("unseen_chemistry", "unseen_prototype")


def ship(bench: Bench, output: Path) -> Path:
    """Calibrate on the validation part, test on unseen crystals, write weights and card."""
    model = Model(bench, models.AWARE)
    trained = model.run()
    stack = plans.stack(bench, plans.PERFECT)
    parts = {name: stack.picked({"set": [name]}, classes=model.classes.numbers) for name in ("validation", *TESTED)}
    data = {name: plans.plan(bench.settings, name).fingerprint for name in (plans.PERFECT, plans.DEFECTS)}
    record = trained.record | {"provenance": dict(trained.record["provenance"]) | {"plans_sha256": data}}
    trained = replace(trained, record=record)
    tests = {name: parts[name] for name in TESTED}
    return calibrate_and_save(
        trained.network, trained.grouping, trained.record, model.view, parts["validation"], tests, output,
        name=NAME, overwrite=True,
    )  # fmt: skip


def main() -> None:
    """Read the command line and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that keeps the study's data sets and networks")
    parser.add_argument("output", type=Path, help="folder of the model")
    parser.add_argument("--scale", default="small")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = settings_of(HOME / "sadp_defects" / "recipe.toml", asked.scale)
    bench = Bench("sadp_defects", asked.scale, settings, asked.data, 1, lambda *_: None)
    print(ship(bench, asked.output))


if __name__ == "__main__":
    main()
