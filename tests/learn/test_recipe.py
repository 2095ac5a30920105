"""The schedule and the limits of a training recipe."""

import pytest

from zoneaxis.errors import InputError
from zoneaxis.learn.recipe import TrainingRecipe


def test_learning_rate_rises_then_falls_to_zero() -> None:
    """The rate peaks at the end of the warm-up, never exceeds the peak and ends at zero."""
    recipe = TrainingRecipe(learning_rate=1e-3, warmup_fraction=0.1)
    rates = [recipe.learning_rate_at(k / 1000) for k in range(1001)]
    assert max(rates) == pytest.approx(1e-3) and rates.index(max(rates)) == 100
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(a >= b for a, b in zip(rates[100:], rates[101:], strict=False))


def test_progress_is_bound_by_images_or_the_clock() -> None:
    """The larger of the two fractions counts; without a clock limit only images do."""
    recipe = TrainingRecipe(images=1000, max_minutes=10)
    assert recipe.progress(500, 1) == 0.5
    assert recipe.progress(100, 9) == 0.9
    assert recipe.progress(100, 99) == 1.0
    assert TrainingRecipe(images=1000).progress(100, 1e9) == 0.1


def test_recipe_survives_a_round_trip() -> None:
    """Writing a recipe to plain values and reading it back changes nothing."""
    recipe = TrainingRecipe(images=12, max_minutes=3.5, arguments={"width": 0.25})
    assert TrainingRecipe.from_mapping(recipe.to_mapping()) == recipe


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"images": 0}, "images"),
        ({"max_minutes": 0}, "max_minutes"),
        ({"precision": "half"}, "precision"),
        ({"epochs": 3}, "epochs"),
        ({"seed": "one"}, "seed"),
    ],
)
def test_bad_values_name_their_field(values: dict, word: str) -> None:
    """An impossible or unknown field raises a line that names it."""
    with pytest.raises(InputError, match=word):
        TrainingRecipe.from_mapping(values)
