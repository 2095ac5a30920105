"""A recipe of selected-area patterns becomes a model folder that identify reads; faulty recipes are told in a line."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from zoneaxis.crystals.prototypes import Prototype, Site, decorate
from zoneaxis.errors import InputError
from zoneaxis.learn import artefact
from zoneaxis.patterns import store
from zoneaxis.reading.spot_network import SpotNetwork
from zoneaxis.reading.spot_reader import SpotReader
from zoneaxis.recipes import sadp_listing
from zoneaxis.recipes.sadp_reader import SADPRecipe
from zoneaxis.recipes.train import train

RECIPES = Path(__file__).parents[2] / "recipes"
PLAN = """
name = "micro-plan"
technique = "sadp"
seed = 3

[structures]
groups = [225, 229]
count = 10
by = "chemistry"

[patterns]
zones = [[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 2]]
voltages_kv = 200.0
camera_lengths_mm = 320.0
edges_angstrom = { from = 15.0, to = 20.0 }
size_px = 64

[set.training]
parts = ["training"]
[set.validation]
parts = ["validation"]
[set.unseen]
parts = ["unseen_chemistry"]
[set.stretched]
parts = ["training"]
zones = 2
[set.stretched.families]
stretch = { strength = [0.1] }
"""
RECIPE = """
name = "micro-reader"
technique = "sadp"
seed = 5

[classes]
groups = [225, 229]
zones = [[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 2]]

[data.perfect]
plan = "plan.toml"
share = 3
where = { set = ["training"] }
balance = ["space_group"]

[data.outliers]
plan = "plan.toml"
where = { set = ["stretched"] }
other = true

[validation]
plan = "plan.toml"
where = { set = ["validation"] }

[test.unseen_chemistry]
plan = "plan.toml"
where = { set = ["unseen"] }

[input]
camera = "ideal"
size = 16
size_px = 32

[training]
arguments = { width = 0.125 }
images = 960
batch_images = 32
validate_every_images = 480
workers = 0

[calibration]
false_alarm_rate = 0.1
"""
ELEMENTS = ("Al", "Fe", "Cu", "Ni", "Ag", "Au", "Pd", "Pt", "W", "Mo")
METALS = {
    225: Prototype("fcc", 225, (Site("Cu", "a", (0.0, 0.0, 0.0)),)),
    229: Prototype("bcc", 229, (Site("Cu", "a", (0.0, 0.0, 0.0)),)),
}


def _metal(space_group: int, number: int, seed: int = 0, *, prototypes: str = "both") -> Structure:
    """An element as fcc or bcc, in the place of the long lists of crystals."""
    return decorate(METALS[space_group], {"Cu": ELEMENTS[number % len(ELEMENTS)]})


@pytest.fixture(scope="module")
def metals() -> Iterator[None]:
    """Lists of elements alone."""
    with pytest.MonkeyPatch.context() as patch:
        sadp_listing._crystal.cache_clear()
        patch.setattr(sadp_listing, "group_structure", _metal)
        yield
    sadp_listing._crystal.cache_clear()


@pytest.fixture(scope="module")
def trained(metals: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The micro recipe, trained once: recipe file, output folder, model folder."""
    folder = tmp_path_factory.mktemp("sadp-reader")
    (folder / "plan.toml").write_text(PLAN)
    (folder / "reader.toml").write_text(RECIPE)
    output = folder / "out"
    return folder / "reader.toml", output, train(folder / "reader.toml", output, workers=1, progress=False)


def test_the_folder_is_a_whole_model(trained: tuple[Path, Path, Path]) -> None:
    """It loads, states its view, its data and its limits, and has a threshold for the class of others."""
    _, output, folder = trained
    card = artefact.load(folder).card
    assert folder == output / "model"
    assert (card.name, card.technique, card.architecture, card.input_size_px) == (
        *("micro-reader", "sadp", "polar_resnet"),
        16,
    )
    assert card.grouping.groups == ("225", "229", "other") and len(card.materials) == 9
    assert card.preparation_arguments["camera_constant"] == "known" and None not in card.preparation_arguments.values()
    assert card.judgement["picture_px"] == 32 and card.judgement["false_alarm_rate"] == 0.1
    assert 0.5 <= card.judgement["other_threshold"] <= 1 and 0 <= card.judgement["dependence"] <= 1
    provenance = card.training["provenance"]
    assert len(provenance["data_sha256"]) == 64 and set(provenance["plans"]) == {
        *("data.perfect", "data.outliers", "validation"),
    }
    assert len(set(provenance["plans"].values())) == 1
    assert "simulated kinematical" in card.known_limits[0] and card.licence == "GPL-3.0-or-later"


def test_figures_of_pooled_zones(trained: tuple[Path, Path, Path]) -> None:
    """Validation and unseen chemistry have figures for one and four zones, with intervals about the shares."""
    metrics = artefact.load(trained[2]).card.metrics
    assert set(metrics) == {"validation", "unseen_chemistry"}
    for told in metrics.values():
        assert set(told["pooled"]) == {"1", "4"}  # the plan has four zones
        assert told["patterns"] == 4 * told["specimens"]
        assert set(told["by_group"]) == {"225", "229"}
        assert told["baselines"]["chance"] == 0.5
        for one in told["pooled"].values():
            assert 0 <= one["low"] <= one["accuracy"] <= one["high"] <= 1
            assert one["low_of_crystals"] <= one["low"]
            assert 0 <= one["unknown_rate"] <= 1 and one["calibration"]["brier_score"] >= 0


def test_identify_reads_with_it(trained: tuple[Path, Path, Path]) -> None:
    """The spot reader opens it and tells its probabilities for a stored crystal."""
    (path,) = (trained[1] / "data").glob("*.zarr")
    patterns = store.load(path)
    chosen = np.flatnonzero(patterns["set"].values == "unseen")[:2]
    pictures = patterns["intensity"].values[chosen].astype(np.float64) ** 2
    scales = patterns["per_angstrom_per_px"].values[chosen].tolist()
    reader = SpotReader.open(trained[2])
    (first, _) = reader.read("set", pictures, scales)
    told = first.evidence["network"]["probabilities"]
    assert set(told) == {"225", "229", "other"} and sum(told.values()) == pytest.approx(1, abs=1e-3)
    assert SpotNetwork.from_folder(trained[2]).name == "micro-reader"


def test_a_finished_model_is_left_alone(trained: tuple[Path, Path, Path]) -> None:
    """Trained again: refused at once; with `overwrite` the finished run is read back and the patterns are kept."""
    recipe, output, folder = trained
    with pytest.raises(InputError, match="finished model"):
        train(recipe, output, workers=1, progress=False)
    before = json.loads((folder / "card.json").read_text())
    made = [path.stat().st_mtime_ns for path in (output / "data").iterdir()]
    train(recipe, output, workers=1, progress=False, overwrite=True)
    after = json.loads((folder / "card.json").read_text())
    assert after["files"] == before["files"] and after["metrics"] == before["metrics"]
    assert made == [path.stat().st_mtime_ns for path in (output / "data").iterdir()]


def test_the_recipe_in_the_repository() -> None:
    """It is read, names the plan beside it, and asks for the five groups along sixteen zones without others."""
    recipe = SADPRecipe.read(RECIPES / "sadp_reader.toml")
    assert recipe.name == "sadp-cubic" and len(recipe.classes.grouping.materials) == 80
    assert {supply.source.name for supply in (*recipe.data, recipe.validation, *recipe.tests)} == {"sadp_cubic.toml"}
    assert recipe.seen.camera_constant == "known" and recipe.size_px == 128
    assert recipe.training.architecture == "polar_resnet"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[validation]", "[watching]", "unknown 'watching'"),
        ('plan = "plan.toml"\nshare = 3', 'plan = "nowhere.toml"\nshare = 3', r"\[data.perfect\] nowhere.toml"),
        ("share = 3", "share = 0", "share = 0"),
        ("share = 3", "shares = 3", "no 'shares'"),
        ("share = 3", 'store = "x.zarr"', "one of them"),
        ("share = 3", "patterns = 0", "patterns = 0"),
        ('camera = "ideal"', 'camera = "broken"', "preset 'broken'"),
        ("size = 16", "size = 4", "size = 4"),
        ("size = 16", "sizes = 4", "sizes"),
        ("size_px = 32", "size_px = 0", "size_px = 0"),
        ("false_alarm_rate = 0.1", "false_alarm_rate = 0.9", "false_alarm_rate = 0.9"),
        ("false_alarm_rate = 0.1", "coverage = 0.9", "no 'coverage'"),
        ("images = 960", "pictures = 960", "unknown field 'pictures'"),
        ("[classes]", "[classes]\nmerged = []", "no 'merged'"),
        ("seed = 5", "seed = -5", "seed = -5"),
        ("seed = 5", "seed = 5\n[structures]\ncount = 3", "a plan of patterns"),
    ],
)
def test_faulty_recipes_are_one_line(old: str, new: str, words: str, tmp_path: Path) -> None:
    """The file, the table and what would be right are named; nothing is made."""
    (tmp_path / "plan.toml").write_text(PLAN)
    assert old in RECIPE
    (tmp_path / "reader.toml").write_text(RECIPE.replace(old, new, 1))
    with pytest.raises(InputError, match=words) as refusal:
        train(tmp_path / "reader.toml", tmp_path / "out", workers=1, progress=False)
    assert "\n" not in str(refusal.value) and str(refusal.value).startswith(str(tmp_path))
    assert not (tmp_path / "out").exists()


def test_labels_that_no_pattern_has(trained: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """A value that the patterns do not have is refused in the name of its table; a stored set is read as it is."""
    (path,) = (trained[1] / "data").glob("*.zarr")
    text = RECIPE.replace('plan = "plan.toml"', f'store = "{path}"').replace('set = ["unseen"]', 'set = ["nobody"]')
    (tmp_path / "reader.toml").write_text(text)
    with pytest.raises(InputError, match=r"\[test.unseen_chemistry\].*nobody"):
        train(tmp_path / "reader.toml", tmp_path / "out", workers=1, progress=False)
