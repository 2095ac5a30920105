"""The figures printed in README and docs are those that the shipped model's card holds."""

import importlib.util
import json
from pathlib import Path

CARD = Path("src/zoneaxis/models/ebsd-space-groups/card.json")


def test_results_page_is_the_cards(project: Path) -> None:
    """docs/results.md is what benchmarks/figures.py writes from the card."""
    spec = importlib.util.spec_from_file_location("figures", project / "benchmarks" / "figures.py")
    assert spec is not None and spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    card = json.loads((project / CARD).read_text())
    assert (project / "docs" / "results.md").read_text() == figures.page(card)


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
