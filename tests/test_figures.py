"""The figures printed in README and docs are those that the shipped model's card holds."""

import importlib.util
import json
from pathlib import Path

CARD = Path("src/zoneaxis/models/ebsd-space-groups/card.json")
CBLEED_CARD = Path("src/zoneaxis/models/cbleed-si001/card.json")
LACBED_RESULTS = Path("studies/lacbed_translation/results")


def test_results_pages_are_the_cards(project: Path) -> None:
    """The pages docs/results*.md are what benchmarks/figures.py writes from the cards and from the studies."""
    spec = importlib.util.spec_from_file_location("figures", project / "benchmarks" / "figures.py")
    assert spec is not None and spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    card = json.loads((project / CARD).read_text())
    assert (project / "docs" / "results.md").read_text() == figures.page(card)
    card = json.loads((project / CBLEED_CARD).read_text())
    assert (project / "docs" / "results_cbleed.md").read_text() == figures.cbleed_page(card)
    for study, (name, _) in figures.STUDIES.items():
        folder = project / "studies" / study / "results"
        parts = [(folder / one).read_text() for one in ("small.md", "small/tables.md")]
        assert (project / "docs" / name).read_text() == figures.study_page(study, *parts)


def test_readme_quotes_the_card(project: Path) -> None:
    """The three lines of README on simulated patterns give the card's accuracies, to three digits."""
    card = json.loads((project / CARD).read_text())
    readme = (project / "README.md").read_text().splitlines()
    for name, start in (("mild", "| mild camera"), ("harsh", "| harsh camera"), ("perturbed", "| perturbed physics")):
        (line,) = [line for line in readme if line.startswith(start)]
        for figure in ("group_accuracy", "group_accuracy_without_pair"):
            assert f"{card['metrics'][name][figure]:.3f}" in line
        assert f"{card['metrics'][name]['group_accuracy_by_pattern']:.3f}" in "".join(readme)


def test_model_meets_its_figures(project: Path) -> None:
    """Network alone: 0.93 mild, 0.80 under perturbed physics, 0.85 harsh; calibrated to 0.03."""
    metrics = json.loads((project / CARD).read_text())["metrics"]
    assert metrics["mild"]["group_accuracy"] >= 0.93
    assert metrics["harsh"]["group_accuracy"] >= 0.85
    assert metrics["perturbed"]["group_accuracy"] >= 0.80
    assert metrics["mild"]["calibration"]["expected_calibration_error"] <= 0.03


def test_cbleed_reader_meets_its_figures(project: Path) -> None:
    """Between the nodes 0.15 eV, 0.008 and 0.004 Å; with 1e4 electrons 0.35 eV and 0.008 Å; covered where known."""
    metrics = json.loads((project / CBLEED_CARD).read_text())["metrics"]
    energy, height, length = (
        {test: told["refined"][name] for test, told in metrics.items()}
        for name in ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")
    )
    assert energy["clean"]["mae"] <= 0.15
    assert height["clean"]["mae"] <= 0.008
    assert length["clean"]["mae"] <= 0.004
    assert energy["10000 electrons"]["mae"] <= 0.35
    assert height["10000 electrons"]["mae"] <= 0.008
    assert length["10000 electrons"]["mae"] <= 0.008
    for test in ("clean", "10000 electrons", "reference accuracy"):
        assert min(value[test]["coverage"] for value in (energy, height, length)) >= 0.9


def test_readme_quotes_the_cbleed_card(project: Path) -> None:
    """The table of README on the CBLEED reader gives the card's mean errors and share of unknown, to two digits."""
    metrics = json.loads((project / CBLEED_CARD).read_text())["metrics"]
    readme = (project / "README.md").read_text()
    for start, test, witness in (
        ("without noise", "clean", "refined"),
        ("10,000 electrons an image", "10000 electrons", "refined"),
        ("1,000 electrons", "1000 electrons", "refined"),
        ("network alone, without noise", "clean", "network"),
        ("inner potential 1 eV higher", "inner potential +1 eV", "refined"),
        ("other potentials altogether", "other preset", "refined"),
    ):
        told = metrics[test][witness]
        errors = [told[name]["mae"] for name in ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")]
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| {start}")]
        assert line.endswith(" | ".join(f"{error:.2g}" for error in errors) + f" | {told['unknown']:.2f} |")


def test_readme_quotes_the_study(project: Path) -> None:
    """README tells how many claims of the CBLEED study are met, and its ratios to the bound."""
    results = json.loads((project / "studies" / "cbleed_autoencoder" / "results" / "small.json").read_text())["claims"]
    readme = (project / "README.md").read_text()
    met = sum(claim["verdict"] == "met" for claim in results)
    assert f"{met} of its {len(results)} claims are met" in readme
    of = {claim["id"]: claim["ours"] for claim in results}
    ratios = [f"{of[f'noisy_{target}_over_bound']:.2f}" for target in ("energy", "height", "length")]
    assert f"{ratios[0]}, {ratios[1]} and {ratios[2]} times the error" in readme


def test_readme_quotes_the_lacbed_study(project: Path) -> None:
    """README tells how many claims of the LACBED study are met, and its mean square errors."""
    results = json.loads((project / LACBED_RESULTS / "small.json").read_text())["claims"]
    readme = (project / "README.md").read_text()
    met = sum(claim["verdict"] == "met" for claim in results)
    assert f"{met} of its {len(results)} claims are met" in readme
    tables = (project / LACBED_RESULTS / "small" / "tables.md").read_text()
    for row in ("| density to disc,", "| disc to density,"):
        for line in (line for line in readme.splitlines() if line.startswith(row)):
            for figure in line.split("|")[2:-1]:
                value = figure.split("(")[0].strip()
                assert value == "–" or f" {value}" in tables, (line, value)


def test_readme_quotes_the_sadp_study(project: Path) -> None:
    """README tells how many claims of the SADP study are met, and its shares of right answers."""
    folder = project / "studies" / "sadp_defects" / "results"
    results = json.loads((folder / "small.json").read_text())["claims"]
    readme = (project / "README.md").read_text()
    met = sum(claim["verdict"] == "met" for claim in results)
    assert f"{met} of its {len(results)} claims are met" in readme
    tables = (folder / "small" / "tables.md").read_text()
    lines = [line for line in readme.splitlines() if line.startswith("| spots of ")]
    assert lines
    for line in lines:
        for figure in line.split("|")[2:-1]:
            value = figure.strip()
            assert value == "–" or f"| {value} " in tables, (line, value)
