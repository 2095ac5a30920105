"""The figures printed in README and docs are those that the shipped model's card holds."""

import importlib.util
import json
from pathlib import Path

CARD = Path("src/zoneaxis/models/ebsd-space-groups/card.json")
CBLEED_CARD = Path("src/zoneaxis/models/cbleed-si001/card.json")


def test_results_pages_are_the_cards(project: Path) -> None:
    """docs/results.md and docs/results_cbleed.md are what benchmarks/figures.py writes from the cards."""
    spec = importlib.util.spec_from_file_location("figures", project / "benchmarks" / "figures.py")
    assert spec is not None and spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    card = json.loads((project / CARD).read_text())
    assert (project / "docs" / "results.md").read_text() == figures.page(card)
    card = json.loads((project / CBLEED_CARD).read_text())
    assert (project / "docs" / "results_cbleed.md").read_text() == figures.cbleed_page(card)


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
