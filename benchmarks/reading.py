"""Network alone, matching alone and both together on the recipe's simulated test sets.

Prints accuracy over patterns, coverage and mean size of the prediction sets, and how many known patterns come out as
unknown. The perturbed libraries are built on first use (about ten minutes of one core).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from zoneaxis.interpret.sets import coverage_and_size
from zoneaxis.reading.identify import Reader
from zoneaxis.recipes.judgement import joined, witness
from zoneaxis.recipes.recipe import Recipe


def main() -> None:
    """Print a line per test set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/ebsd_space_groups.toml"))
    parser.add_argument("--model", default=None)
    parser.add_argument("--patterns", type=int, default=80, help="per detector")
    parser.add_argument("--detectors", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe.read(chosen.recipe)
    recipe.build_libraries(1)
    reader = Reader.open(chosen.model)
    print(
        f"{'test':10s} {'network':>8s} {'matching':>9s} {'both':>6s} {'coverage':>9s} {'set size':>9s} {'unknown':>8s}"
    )
    for name, test in recipe.tests.items():
        experiment = replace(recipe.experiment_for(test))
        told = [witness(reader, experiment, chosen.patterns, 900_001 + i) for i in range(chosen.detectors)]
        testimony = joined([testimony for testimony, _ in told])
        truth = reader.classifier.grouping.group_index[torch.cat([material for _, material in told])]
        verdict = reader.judge.judge(testimony)
        right = [(scores.argmax(-1) == truth).double().mean().item() for scores in
                 (testimony.network, testimony.ncc, verdict.probabilities)]  # fmt: skip
        covered, size = coverage_and_size(verdict.sets, truth)
        unknown = verdict.unknown.double().mean().item()
        print(f"{name:10s} " + " ".join(f"{value:9.3f}" for value in (*right, covered, size, unknown)), flush=True)


if __name__ == "__main__":
    main()
