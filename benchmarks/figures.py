# ruff: noqa: E501  (lines of a Markdown page)
"""Write docs/results.md: the figures that the shipped model's card holds, as tables."""

import json
from importlib import resources
from pathlib import Path

MODEL = "ebsd-space-groups"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
MEANING = {
    "mild": "a good camera, well exposed",
    "harsh": "the widest ranges of the degradation model: 10 to 10,000 electrons a pixel, blur, binning, gamma",
    "extreme": "beyond: contrast that reverses down the screen, strong coloured noise",
    "perturbed": "mild camera; lattice ±0.6 %, B × 1.3, other depth, energies and beams than any in training",
}


def page(card: dict) -> str:
    """The page as Markdown."""
    tests = card["metrics"]
    training = card["training"]
    lines = [
        "# What the shipped network does on simulated patterns",
        "",
        "Written by `python benchmarks/figures.py` from the model's card; the card is written by",
        "`zoneaxis train recipes/ebsd_space_groups.toml -o runs/ebsd_space_groups`. The network alone, no matching; orientations,",
        f"pattern centres and noise it never saw. {training['images']:,} training patterns, {training['minutes']:.0f} minutes, seed {training['recipe']['seed']}.",
        "",
        "| test | what | groups | by pattern | without Ni, FeNi3 | Ni, FeNi3 | calibration error | coverage (0.95 stated) | set size |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, test in tests.items():
        lines.append(
            f"| {name} | {MEANING.get(name, '')} | {test['group_accuracy']:.3f} | {test['group_accuracy_by_pattern']:.3f} | {test['group_accuracy_without_pair']:.3f} "
            f"| {test['pair_accuracy']:.3f} | {test['calibration']['expected_calibration_error']:.3f} "
            f"| {test['coverage']:.3f} | {test['mean_set_size']:.2f} |"
        )
    baselines = next(iter(tests.values()))["baselines"]
    lines += [
        "",
        f"Groups: mean over the six space groups; by pattern: materials drawn alike, so that 221 and 225, with Ni and FeNi3, weigh most. Trivial baselines: chance {baselines['chance']:.3f}, always the most frequent",
        f"group {baselines['most_frequent_group']:.3f}. The control, a network trained on shuffled labels, is a test and stays at chance.",
        "`python benchmarks/known_orientation.py` prints what a correlation reaches when orientation and physics are known.",
        "",
        "## Share of patterns whose space group is right, by material",
        "",
        "| material | group | " + " | ".join(tests) + " |",
        "|---|---|" + "---|" * len(tests),
    ]
    for material, group in zip(card["materials"], card["group_of_material"], strict=True):
        shares = " | ".join(f"{test['by_material'][material]['group_accuracy']:.2f}" for test in tests.values())
        lines.append(f"| {material} | {group} | {shares} |")
    lines += [
        "",
        "Ni and FeNi3 differ by weak superlattice reflections alone; the network does not tell them apart, and says so by its sets.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    card = json.loads((resources.files("zoneaxis") / "models" / MODEL / "card.json").read_text())
    PAGE.write_text(page(card))
    print(f"{PAGE.name} written from {MODEL}")


if __name__ == "__main__":
    main()
