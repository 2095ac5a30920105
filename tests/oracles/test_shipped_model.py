"""The shipped network on patterns drawn here and now: its card tells the truth, and its data are the recipe's."""

import json
import math
from pathlib import Path

import pytest

from zoneaxis.interpret.sets import Conformal
from zoneaxis.learn.classify import Classifier
from zoneaxis.reading.identify import model_folder
from zoneaxis.recipes.evaluate import evaluate
from zoneaxis.recipes.recipe import Recipe

PATTERNS = 720


@pytest.fixture(scope="module")
def recipe(project: Path) -> Recipe:
    """The recipe that the model was made from."""
    return Recipe.read(project / "recipes" / "ebsd_space_groups.toml")


@pytest.mark.parametrize("name", ["mild", "harsh", "extreme"])
def test_card_holds_on_fresh_patterns(recipe: Recipe, name: str) -> None:
    """On patterns of another seed, masters of the shipped library: the card's accuracy within three standard errors."""
    classifier = Classifier.from_folder(model_folder(None))
    assert classifier.card is not None
    conformal = Conformal.restore(classifier.card.conformal)
    experiment = recipe.experiment_for(recipe.tests[name] | {"libraries": ["shipped"]})
    figures = evaluate(classifier, conformal, experiment, PATTERNS, seed=777)
    stated = classifier.card.metrics[name]["group_accuracy_by_pattern"]
    reached = figures["group_accuracy_by_pattern"]
    print(f"{name}: {reached:.3f} of {PATTERNS} fresh patterns right, {stated:.3f} on the card")
    assert abs(reached - stated) < 3 * math.sqrt(stated * (1 - stated) / PATTERNS)


def test_card_names_the_recipes_data(recipe: Recipe) -> None:
    """The data fingerprint and the training settings of the card are those of the recipe in the repository."""
    training = json.loads((model_folder(None) / "card.json").read_text())["training"]
    assert training["provenance"]["data_sha256"] == recipe.fingerprint()
    assert training["recipe"] == json.loads(json.dumps(recipe.training.to_mapping()))
