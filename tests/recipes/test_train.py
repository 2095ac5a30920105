"""A recipe becomes a model folder: whole, taken up again, never written over, with its figures on the card."""

import json

import pytest

from zoneaxis.errors import InputError
from zoneaxis.learn.classify import Classifier
from zoneaxis.reading.judge import Judge
from zoneaxis.recipes import train as module
from zoneaxis.recipes.train import train


@pytest.fixture(scope="module")
def trained(small_cache, micro_text, tmp_path_factory):
    """The micro recipe, trained once: (recipe file, output folder, model folder)."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "micro.toml").write_text(micro_text)
    output = folder / "out"
    return folder / "micro.toml", output, train(folder / "micro.toml", output, workers=1, progress=False)


def test_the_folder_is_a_whole_model(trained):
    """It loads, reads its own input size and says on its card where it comes from."""
    _, output, folder = trained
    classifier = Classifier.from_folder(folder)
    card = classifier.card
    assert folder.is_relative_to(output)
    assert card.name == "micro"
    assert card.input_size_px == 32
    assert card.materials == ("Ni", "Si", "W")
    assert card.group_of_material == ("225", "227", "229")
    assert len(card.training["provenance"]["data_sha256"]) == 64
    assert len(card.training["provenance"]["masters_sha256"]) == 64
    assert card.known_limits
    assert classifier.open_set is not None


def test_calibration_is_on_the_card(trained):
    """Temperatures, prediction sets and the judgement of matching are there and can be restored."""
    card = Classifier.from_folder(trained[2]).card
    assert card.group_temperature > 0
    assert card.conformal["coverage"] == 0.95
    judge = Judge.restore(card.judgement)
    assert judge.groups == ("225", "227", "229")
    assert all(weight >= 0 for weight in judge.weights)


def test_figures_of_the_tests(trained):
    """Every test of the recipe has its figures, within their ranges, with the baselines beside them."""
    figures = Classifier.from_folder(trained[2]).card.metrics["mild"]
    assert figures["patterns"] == 60
    for name in ("group_accuracy", "group_accuracy_by_pattern", "material_accuracy", "coverage", "unknown_rate"):
        assert 0.0 <= figures[name] <= 1.0, name
    assert 1.0 <= figures["mean_set_size"] <= 3.0
    assert figures["baselines"]["chance"] == pytest.approx(1 / 3)
    assert set(figures["by_material"]) == {"Ni", "Si", "W"}
    assert sum(entry["patterns"] for entry in figures["by_material"].values()) == 60
    assert set(figures["by_group"]) == {"225", "227", "229"}
    assert figures["group_accuracy_without_pair"] is not None


def test_a_finished_model_is_left_alone(trained):
    """Trained again into the same folder: refused at once, every file as it was."""
    recipe, output, folder = trained
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(InputError, match="finished model"):
        train(recipe, output, workers=1, progress=False)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_an_interruption_before_the_card_costs_no_training(trained, tmp_path, monkeypatch):
    """Stopped in the calibration: no half model; started again, the finished training is used, not repeated."""
    import shutil

    recipe, output, folder = trained
    shutil.copytree(output / "run", tmp_path / "out" / "run")
    before = json.loads((tmp_path / "out" / "run" / "run.json").read_text())

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "calibrate_and_save", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path / "out", workers=1, progress=False)
    assert not (tmp_path / "out" / folder.name).exists()
    kept = {}
    monkeypatch.setattr(module, "calibrate_and_save", lambda _, run, *__, **___: kept.update(record=run.record))
    train(recipe, tmp_path / "out", workers=1, progress=False)
    assert kept["record"]["images"] == before["images"]
    assert kept["record"]["minutes"] == before["minutes"]


def test_another_recipe_may_not_go_on(trained, tmp_path):
    """A run of other data in the same folder is refused in one line."""
    import shutil

    recipe, output, _ = trained
    shutil.copytree(output / "run", tmp_path / "out" / "run")
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text().replace("seed = 5", "seed = 6"))
    with pytest.raises(InputError, match="another recipe") as caught:
        train(other, tmp_path / "out", workers=1, progress=False)
    assert "\n" not in str(caught.value)
