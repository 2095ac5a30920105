"""The recipe file: read, checked before anything is computed, fingerprinted."""

import pytest

from zoneaxis.errors import InputError
from zoneaxis.recipes.recipe import Recipe


def test_what_the_file_says(write_recipe):
    """Every section arrives, and the text itself is kept."""
    recipe = Recipe.read(path := write_recipe())
    assert (recipe.name, recipe.seed, recipe.patterns) == ("micro", 5, 40)
    assert recipe.crystals == ("Ni", "Si", "W")
    assert recipe.libraries["coarse"].half_size == 32
    assert recipe.training.seed == 5
    assert recipe.source == path.read_text()
    assert recipe.experiment_for({"patterns": 60, "degradations": ["harsh"]}).size_px == 32


def test_shipped_recipe(project):
    """The recipe of the shipped model reads, names 18 crystals and keeps its perturbed physics out of training."""
    recipe = Recipe.read(project / "recipes" / "ebsd_space_groups.toml")
    assert len(recipe.crystals) == 18
    trained_on = set(recipe.experiment["libraries"])
    assert not trained_on & set(recipe.tests["perturbed"]["libraries"])
    perturbed = [recipe.libraries[name] for name in recipe.tests["perturbed"]["libraries"]]
    assert {round(abs(physics.lattice_scale - 1.0), 6) for physics in perturbed} == {0.006}
    assert {physics.b_scale for physics in perturbed} == {1.3}
    assert recipe.training.max_minutes < 60


def test_fingerprint_follows_the_data(write_recipe):
    """Physics, seed, crystals and experiment change it; training and tests do not."""
    before = Recipe.read(write_recipe()).fingerprint()
    for change in (
        ("half_size = 32", "half_size = 33"),
        ("seed = 5", "seed = 6"),
        ('"W"]', '"Ta"]'),
        ("size_px = 32", "size_px = 33"),
    ):
        assert Recipe.read(write_recipe(change)).fingerprint() != before, change
    for change in (("images = 640", "images = 641"), ("patterns = 60", "patterns = 61")):
        assert Recipe.read(write_recipe(change)).fingerprint() == before, change


def test_libraries_lie_in_the_cache_by_their_physics(write_recipe, small_cache):
    """Another physics, another folder; the same physics under another name, the same folder."""
    first = Recipe.read(write_recipe()).library_folder("coarse")
    second = Recipe.read(write_recipe(("half_size = 32", "half_size = 33"))).library_folder("coarse")
    third = Recipe.read(write_recipe(("library.coarse", "library.rough"), ('["coarse"]', '["rough"]')))
    assert first.is_relative_to(small_cache)
    assert first != second
    assert third.library_folder("rough") == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("patterns = 40", "paterns = 40"), "paterns"),
        (("half_size = 32", "halfsize = 32"), "halfsize"),
        (("size_px = 32", "sizepx = 32"), "sizepx"),
        (("images = 640", "imagess = 640"), "imagess"),
        (("judge_patterns = 240", "judgepatterns = 240"), "judgepatterns"),
        (('degradations = ["mild"]\n\n[training]', 'degradations = ["wild"]\n\n[training]'), "wild"),
        (('[test.mild]\npatterns = 60\ndegradations = ["mild"]', "[test.mild]\nnoise = 3"), "noise"),
        (('libraries = ["coarse"]\nsize_px', 'libraries = ["fine"]\nsize_px'), "fine"),
        (('judge_libraries = ["coarse"]', 'judge_libraries = ["fine"]'), "fine"),
        (('name = "micro"', ""), "name"),
        (('crystals = ["Ni", "Si", "W"]', 'crystals = "Ni"'), "crystals"),
        (("patterns = 40", 'patterns = "many"'), "wrong kind"),
        (("seed = 5", "seed = -5"), "seed"),
        (("seed = 5", 'seed = 5\ntechnique = "sadp"'), "sadp"),
        (("[experiment]", "[experiment"), "TOML"),
    ],
)
def test_faults_are_named_before_anything_is_computed(write_recipe, change, named):
    """Each misspelt or senseless entry ends the reading in one line with the file's name."""
    path = write_recipe(change)
    with pytest.raises(InputError, match=named) as caught:
        Recipe.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    """A recipe that is not there is named."""
    with pytest.raises(InputError, match="no such recipe"):
        Recipe.read(tmp_path / "none.toml")
