"""What a plain correlation reaches on the recipe's test sets when nobody has to search: the reference for the network.

Every test pattern is compared (NCC) with the noise-free patterns of all crystals at its true orientation and pattern
centre: once with the very library and energy weights it was made with (`all known`), once with the shipped library and
its nominal spectrum (`orientation known`, what matching could reach if its search never failed). It is no upper bound:
a correlation takes the camera's gradients and contrast changes for signal, which a network learns to discount.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from pathlib import Path

import torch
from torch import Tensor

from zoneaxis.instrument.orientation import euler_to_matrix
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import circular_mask, ncc, remove_dynamic, standardise
from zoneaxis.recipes.recipe import Recipe
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment, prepared
from zoneaxis.techniques.ebsd.library import open_library

SIZE_PX = 64


def rendered(masters: Tensor, orientations: Tensor, directions: Tensor) -> Tensor:
    """Patterns (crystals, n, size, size) of collapsed masters (crystals, 2, S, S), filtered like measured ones."""
    mask = circular_mask((SIZE_PX, SIZE_PX))
    pictures = project(masters, orientations, directions)
    flat = pictures.flatten(0, 1)
    return standardise(remove_dynamic(flat, mask=mask), mask).reshape(pictures.shape)


def accuracies(experiment: EBSDExperiment, patterns: int, seed: int) -> dict[str, float]:
    """Share of patterns whose space group comes first, for both kinds of knowledge, with and without Ni and FeNi3."""
    pictures, backgrounds, labels = experiment.pictures(patterns, seed)
    small = prepared(pictures, backgrounds, labels["static"], SIZE_PX)
    mask = circular_mask((SIZE_PX, SIZE_PX))
    euler = torch.stack([labels[name] for name in ("phi1_rad", "Phi_rad", "phi2_rad")], -1)
    orientations = euler_to_matrix(euler)
    centres = torch.stack([labels[f"pattern_centre_{axis}"] for axis in "xyz"], -1)
    directions = TiltedDetector((SIZE_PX, SIZE_PX)).directions(centres)
    group = torch.tensor(experiment.space_groups)
    truth = labels["material"]
    pair = torch.tensor([name in ("Ni", "FeNi3") for name in experiment.crystals])[truth]
    shipped = open_library()
    nominal = torch.stack([shipped[name].collapsed() for name in experiment.crystals])
    scores = ncc(rendered(nominal, orientations, directions), small, mask).T
    known = torch.empty_like(scores)
    spectra = torch.stack([labels[name] for name in labels if name.startswith("energy_weight_")], -1)
    for library, material in torch.unique(torch.stack((labels["physics"], truth), -1), dim=0).tolist():
        chosen = (labels["physics"] == library) & (truth == material)
        weight = spectra[chosen][0].tolist()
        exact = torch.stack([master.collapsed(weight) for master in experiment.masters[library]])
        known[chosen] = ncc(rendered(exact, orientations[chosen], directions[chosen]), small[chosen], mask).T
    right = {
        "all known": group[known.argmax(1)] == group[truth],
        "orientation known": group[scores.argmax(1)] == group[truth],
    }
    return {
        f"{name}{', without Ni and FeNi3' if apart else ''}": float(hit[~pair if apart else ...].double().mean())
        for name, hit in right.items()
        for apart in (False, True)
    }


def main() -> None:
    """Print a line per test set and kind of knowledge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/ebsd_space_groups.toml"))
    parser.add_argument("--patterns", type=int, default=720)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe.read(chosen.recipe)
    for name, test in recipe.tests.items():
        for kind, value in accuracies(recipe.experiment_for(test), chosen.patterns, 5).items():
            print(f"{name:10s} {kind:42s} {value:.3f}", flush=True)


if __name__ == "__main__":
    main()
