# ruff: noqa: E501  (lines of a Markdown page)
"""Write the pages docs/results*.md: figures of the shipped models' cards, and tables of the LACBED and SADP studies.

python benchmarks/figures.py
"""

import json
from importlib import resources
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
CBLEED_PAGE = PAGE.with_name("results_cbleed.md")
RESULTS = PAGE.parents[1] / "studies"
STUDIES = {
    "lacbed_translation": ("results_lacbed.md", "Discs from densities of cubic crystals, and back"),
    "sadp_defects": ("results_sadp.md", "Space groups from selected-area patterns of perfect and defective crystals"),
}
"""Page and title of every study whose tables are a page of the documentation."""
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


VALUES = {
    "beam_energy_ev": ("energy", "eV"),
    "dimer_height_angstrom": ("height", "Å"),
    "dimer_length_angstrom": ("length", "Å"),
}


def cbleed_page(card: dict) -> str:
    """The page of the CBLEED reader as Markdown."""
    training, tests = card["training"], card["metrics"]
    autoencoder = training["autoencoder"]
    lines = [
        "# What the shipped CBLEED reader does on simulated images",
        "",
        "Written by `python benchmarks/figures.py` from the model's card; the card is written by",
        "`zoneaxis train recipes/cbleed_si001.toml -o runs/cbleed_si001`. Energies and displacements lie between the nodes of the",
        f"{training['images']:,} images it was made from (preset `{training['preset']}`); all test sets were simulated for the test. Autoencoder: {autoencoder['images']:,} images,",
        f"{autoencoder['minutes']:.0f} minutes. {next(iter(tests.values()))['images']} images a set; errors are over all of them, called unknown or not.",
        "",
        "Covered: share of errors within 1.96 stated uncertainties (0.95 if they are what they say; more where the doubt about",
        "the potentials is stated and not needed). Misled: share of images not called unknown with a value off by more than three of them.",
    ]
    for witness, title in (("refined", "Network and likelihood"), ("network", "Network alone (`--no-refine`)")):
        lines += [
            "",
            f"## {title}",
            "",
            "| test | "
            + " | ".join(f"{name} [{unit}] mean / median / 95 % | stated | covered" for name, unit in VALUES.values())
            + " | unknown | misled |",
            "|---|" + "---|---|---|" * len(VALUES) + "---|---|",
        ]
        for name, test in tests.items():
            told = test[witness]
            cells = []
            for value in VALUES:
                one = told[value]
                cells += [
                    f"{one['mae']:.2g} / {one['median']:.2g} / {one['p95']:.2g}",
                    f"{one['uncertainty']:.2g}",
                    f"{one['coverage']:.2f}",
                ]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {told['unknown']:.2f} | {told['misled']:.2f} |")
    errors = training["emulator_errors"]
    lines += [
        "",
        f"The emulator leaves out {100 * errors['components_rms']:.1f} % of the amplitude (rms). An inner potential that is off by 1 eV reads as about 1 eV of energy and nothing in the image tells.",
    ]
    return "\n".join(lines) + "\n"


def study_page(study: str, claims: str, tables: str) -> str:
    """Claims and tables of a study as one page."""
    claims = claims.replace(f"# {study}, small:", "## Claims:")
    lines = [
        f"# {STUDIES[study][1]}",
        "",
        f"Written by `python benchmarks/figures.py` from what `zoneaxis study {study} --scale small` gave; figures lie in",
        f"`studies/{study}/results/small`. What every row means is told in the study's README.",
        "",
        claims.strip(),
        "",
        tables.split("\n", 1)[1].strip(),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all pages."""
    models = resources.files("zoneaxis") / "models"
    for model, name, write in (("ebsd-space-groups", PAGE, page), ("cbleed-si001", CBLEED_PAGE, cbleed_page)):
        name.write_text(write(json.loads((models / model / "card.json").read_text())))
        print(f"{name.name} written from {model}")
    for study, (name, _) in STUDIES.items():
        parts = [(RESULTS / study / "results" / one).read_text() for one in ("small.md", "small/tables.md")]
        PAGE.with_name(name).write_text(study_page(study, *parts))
        print(f"{name} written from the study {study}")


if __name__ == "__main__":
    main()
