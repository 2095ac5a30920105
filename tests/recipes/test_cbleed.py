"""CBLEED image sets: the plan of a recipe, faults found before the first image, resumption, workers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.recipes import cbleed
from zoneaxis.recipes.cbleed import Plan, read, write_images
from zoneaxis.recipes.generate import generate
from zoneaxis.techniques.cbleed.simulator import simulate_cbleed

TINY = """
name = "tiny"
technique = "cbleed"
preset = "paper"

[physics]
accuracy = "preview"

[image]
size_px = 32
directions = 3

[grid]
energy_ev = [30.0, 40.0, 5.0]
dimer = ["symmetric", "buckled"]
dimer_height_angstrom = [-0.1, 0.1, 0.1]
dimer_length_angstrom = [0.0, 0.1, 0.1]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write the tiny recipe with some of its text replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        text = TINY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "recipe.toml").write_text(text)
        return tmp_path / "recipe.toml"

    return write


def test_plan_of_a_recipe(recipe: Callable[..., Path]) -> None:
    """Every combination once, all images of one energy together, values as they are written."""
    plan = read(recipe())
    assert len(plan) == 3 * 2 * 3 * 2
    assert plan.labels["beam_energy_ev"].tolist() == [30.0] * 12 + [35.0] * 12 + [40.0] * 12
    assert sorted(set(plan.labels["dimer_height_angstrom"].tolist())) == [-0.1, 0.0, 0.1]
    assert len(set(zip(*(plan.labels[name].tolist() for name in cbleed.LABELS), strict=True))) == len(plan)
    assert (plan.size_px, plan.directions, plan.changes) == (32, 3, {"accuracy": "preview"})
    assert plan.fingerprint == read(recipe()).fingerprint != read(recipe(("paper", "physical"))).fingerprint


def test_recipe_of_the_shipped_reader(project: Path) -> None:
    """The recipe in `recipes/` is read and has the number of images that it says."""
    path = project / "recipes" / "cbleed_si001.toml"
    assert f"({len(read(path))} images)" in path.read_text()


def test_plan_of_a_scan(recipe: Callable[..., Path]) -> None:
    """A scan displaces along height or along length, never both, and holds the undisplaced dimer once."""
    plan = read(recipe(("[grid]", "[scan]")))
    height, length = (plan.labels[f"dimer_{name}_angstrom"] for name in ("height", "length"))
    assert len(plan) == 3 * 2 * (3 + 1)
    assert not (height * length).any()
    assert int(((height == 0) & (length == 0)).sum()) == 3 * 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "tiny"', 'nmae = "tiny"', "unknown 'nmae'; known are name, technique"),
        ('name = "tiny"', 'specimen = "W001"', "specimen 'W001'"),
        ('"cbleed"', '"ebsd"', "technique 'ebsd'"),
        ('"paper"', '"best"', "preset 'best' is not one of paper, physical"),
        ('accuracy = "preview"', 'accuracy = "best"', "accuracy 'best'"),
        ('accuracy = "preview"', "v0r = 3", r"\[physics\] has no 'v0r'; known are inner_potential_ev"),
        ('accuracy = "preview"', "inner_potential_ev = 99", "inner_potential_ev = 99"),
        ('accuracy = "preview"', 'temperature_k = "cold"', "an entry is of the wrong kind"),
        ("size_px = 32", 'size_px = "big"', "expected whole numbers"),
        ("directions = 3", "directions = 1", "grid = 1 must lie between"),
        ("directions = 3", "grid = 3", r"\[image\] size_px, directions"),
        ("[30.0, 40.0, 5.0]", "[10.0, 40.0, 5.0]", "10 eV is outside 20 to 250 eV"),
        ("[30.0, 40.0, 5.0]", "[30.0, 40.0, 3.0]", "steps of 3 do not lead from 30 to 40"),
        ("[30.0, 40.0, 5.0]", "[30.0, nan, 5.0]", "do not lead from 30 to nan"),
        ("[30.0, 40.0, 5.0]", "[30.0, 40.0, 1e-9]", "fewer than 1000 values"),
        ("[30.0, 40.0, 5.0]", "30.0", r"expected \[first, last, step\]"),
        ('["symmetric", "buckled"]', '"symmetric"', "expected a list"),
        ('["symmetric", "buckled"]', '["flat"]', "dimer 'flat'"),
        ("[0.0, 0.1, 0.1]", "[-1.0, 0.1, 0.1]", "Å apart; allowed is 1.6 Å"),
        ("[grid]", "[grids]", "unknown 'grids'"),
        ("[grid]", "[[grid]]", "an entry is of the wrong kind"),
        ("[grid]", "[grid", "not a readable recipe"),
    ],
)
def test_faulty_recipes(recipe: Callable[..., Path], old: str, new: str, says: str) -> None:
    """A fault is found when the recipe is read and told in one line with the file and what would be right."""
    path = recipe((old, new))
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_images_are_those_of_the_simulator(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """Two roads: an image of the set is what `simulate_cbleed` gives for its labels.

    Structures made together share the reach of lattice sums, which at `preview` moves 1e-3.
    """
    made = store.load(generate(recipe(), tmp_path / "set.zarr", progress=False)).load()
    assert made.sizes["pattern"] == 36 and made.attrs["preset"] == "paper" and made.attrs["accuracy"] == "preview"
    for number in (0, 17, 35):
        labels = {name: made[name].values[number].item() for name in cbleed.LABELS}
        energy = labels.pop("beam_energy_ev")
        alone = simulate_cbleed("Si001-2x1", energy_ev=energy, size_px=32, directions=3, accuracy="preview", **labels)[
            "intensity"
        ].values[0]
        assert np.abs(made["intensity"].values[number] - alone).max() < 2e-3 * alone.max()


def test_an_interrupted_set_goes_on(
    recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the last shard and started again: only that shard is made, and the set is that of one run."""
    plan, path = read(recipe()), tmp_path / "set.zarr"
    whole = store.load(cbleed.generate(plan, tmp_path / "whole.zarr")).load()
    fine, made = Plan.part, []

    def part(self: Plan, start: int, stop: int) -> xr.Dataset:
        made.append((start, stop))
        if len(made) == 3:
            raise KeyboardInterrupt
        return fine(self, start, stop)

    monkeypatch.setattr(Plan, "part", part)
    with pytest.raises(KeyboardInterrupt):
        cbleed.generate(plan, path)
    assert not path.exists()
    with pytest.raises(InputError, match="another run"):
        cbleed.generate(read(recipe(("paper", "physical"))), path)
    xr.testing.assert_identical(store.load(cbleed.generate(plan, path)).load(), whole)
    assert made == [(0, 16), (16, 32), (32, 36), (32, 36)]


def test_workers_change_nothing(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """Invariant: two processes give the numbers of one."""
    plan = read(recipe())
    one, two = (store.load(cbleed.generate(plan, tmp_path / f"{count}.zarr", workers=count)).load() for count in (1, 2))
    xr.testing.assert_identical(one, two)


def test_listed_images(tmp_path: Path) -> None:
    """Images of given labels come in their order; a shift is added to the preset's inner potential."""
    labels = {
        "beam_energy_ev": np.array([40.0, 30.0, 40.0]),
        "dimer": np.array(["buckled", "symmetric", "symmetric"]),
        "dimer_height_angstrom": np.array([0.1, 0.0, -0.1]),
        "dimer_length_angstrom": np.zeros(3),
    }
    made = store.load(
        write_images(labels, tmp_path / "set.zarr", inner_potential_shift_ev=1.0, size_px=32, directions=3)
    ).load()
    for name, values in labels.items():
        assert made[name].values.tolist() == values.tolist()
    assert made.attrs["inner_potential_ev"] == 6.0
    with pytest.raises(InputError, match="of one length each"):
        write_images({**labels, "dimer": labels["dimer"][:2]}, tmp_path / "b.zarr")
    with pytest.raises(InputError, match="300 eV is outside"):
        write_images({**labels, "beam_energy_ev": np.array([40.0, 300.0, 30.0])}, tmp_path / "b.zarr")
    with pytest.raises(InputError, match="exists already"):
        write_images(labels, tmp_path / "set.zarr", size_px=32, directions=3)


def test_a_grid_is_made_whole(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """A part of a grid by number is refused: the grid is what is to be changed."""
    with pytest.raises(InputError, match="has 36; change the grid"):
        generate(recipe(), tmp_path / "set.zarr", patterns=5, progress=False)
