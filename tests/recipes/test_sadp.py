"""SADP data sets: plans, crystals by part, drawn specimens and stored patterns."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from pymatgen.core import Structure
from typer.testing import CliRunner

from zoneaxis import crystals
from zoneaxis.cli import commands
from zoneaxis.crystals.prototypes import Prototype, Site, decorate
from zoneaxis.crystals.structure_split import assert_no_shared_crystal
from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.recipes import sadp, sadp_listing, sadp_patterns
from zoneaxis.recipes.generate import generate
from zoneaxis.recipes.sadp import Plan
from zoneaxis.recipes.sadp_families import averaged
from zoneaxis.recipes.sadp_patterns import PatternList, equivalents
from zoneaxis.techniques.sadp.simulator import simulate_sadp

RECIPES = Path(__file__).parents[2] / "recipes"
MICRO = """
name = "micro"
technique = "sadp"
seed = 3

[structures]
groups = [225, 229]
count = 8
unknown_groups = [205]
unknown_count = 2
by = "chemistry"
crystals = ["Al"]

[patterns]
zones = [[0, 0, 1], [0, 1, 1], [1, 1, 2], [1, 2, 3]]
equivalent_zones = true
voltages_kv = [100.0, 200.0]
camera_lengths_mm = { from = 300.0, to = 400.0 }
edges_angstrom = { from = 20.0, to = 30.0 }
size_px = 32
tilt_mrad = 1.0

[set.training]
parts = ["training"]
specimens = 2
zones = 2
[set.training.families]
perfect = { share = 1.0 }
vacancies = { share = 1.0, strength = { from = 0.01, to = 0.05 } }

[set.metals]
parts = ["named"]
each = true
[set.metals.families]
perfect = {}
stretch = { strength = [0.02, 0.04] }
dislocations = { strength = [4], spacing_angstrom = 40.0 }
twin = { strength = [0.5] }
ordered = { defect = "vacancies", strength = [0.03125], ordered = true, cells = [4, 4, 4] }

[set.unknown]
parts = ["unknown"]
"""
ELEMENTS = ("Al", "Fe", "Cu", "Ni", "Ag", "Au", "Pd", "Pt", "W", "Mo", "Ta", "Cr")
TYPES = {
    225: Prototype("fcc", 225, (Site("Cu", "a", (0.0, 0.0, 0.0)),)),
    229: Prototype("bcc", 229, (Site("Cu", "a", (0.0, 0.0, 0.0)),)),
    205: Prototype("pyrite", 205, (Site("Cu", "a", (0.0, 0.0, 0.0)), Site("S", "c", (0.38, 0.38, 0.38)))),
}


def small_list(space_group: int, number: int, seed: int = 0, *, prototypes: str = "both") -> Structure:
    """A plain crystal of the group, in the place of the long lists, which take half a minute to set up."""
    element = ELEMENTS[(number + seed) % len(ELEMENTS)]
    return decorate(TYPES[space_group], {"Cu": element, "S": "S"})


@pytest.fixture(autouse=True)
def small_lists(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of elements, but for tests of the real ones."""
    sadp_listing._crystal.cache_clear()
    if "slow" not in request.keywords:
        monkeypatch.setattr(sadp_listing, "group_structure", small_list)


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write the recipe with some text replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        text = MICRO
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "micro.toml"
        path.write_text(text)
        return path

    return write


def pattern_list(plan: Plan) -> PatternList:
    """All patterns of a plan."""
    return PatternList(plan, *sadp_listing.listed(plan))


@pytest.fixture
def of_micro(recipe: Callable[..., Path]) -> PatternList:
    """The patterns of that recipe."""
    return pattern_list(sadp.read(recipe()))


@pytest.mark.parametrize("name", ["sadp_cubic", "sadp_paper"])
def test_shipped_recipes(name: str) -> None:
    """Both are read, with the sixteen zones, the five groups, and aluminium and iron apart."""
    plan = sadp.read(RECIPES / f"{name}.toml")
    assert plan.groups == (213, 221, 225, 227, 229) and plan.crystals == ("Al", "Fe")
    assert len(plan.zones) == 16 == len({tuple(sorted(zone)) for zone in plan.zones})
    assert all(np.gcd.reduce(zone) == 1 for zone in plan.zones)
    assert len(plan.combinations) == (9 if name == "sadp_paper" else 0)


def test_tested_defects_are_not_trained() -> None:
    """Layouts, slip systems and numbers of boundaries of the tests do not come in training."""
    sets = {
        one.name: {family.name: family for family in one.families}
        for one in sadp.read(RECIPES / "sadp_cubic.toml").sets
    }
    trained = {name: dict(family.settings) for name, family in sets["training"].items()}
    for test in ("defects", "metals"):
        assert "slip" not in dict(sets[test]["dislocations"].settings)
    assert trained["dislocations"]["slip"].values == ("other",)
    assert "pile-up" not in trained["dislocations"]["layout"].values
    assert 1 not in trained["twin"]["boundaries"].values
    strain, tested = sets["training"]["stretch"].strength, sets["defects"]["stretch"].strength
    assert strain is not None and tested is not None and strain.high < max(tested.values)


def test_draws_depend_on_seed_and_number_alone(of_micro: PatternList) -> None:
    """Invariant: patterns made in two parts are those made at once; another seed gives others."""
    at_once = of_micro.part(0, 6)
    xr.testing.assert_identical(at_once.isel(pattern=slice(3, 6)), of_micro.part(3, 6))
    other = pattern_list(replace(of_micro.plan, seed=4)).part(0, 2)
    assert (other["camera_length_mm"].values != at_once["camera_length_mm"].values[:2]).all()


def test_crystals_by_part(of_micro: PatternList) -> None:
    """No crystal is in two parts, aluminium and iron are in no training, and parts without a set have no pattern."""
    plan, parts = of_micro.plan, of_micro.parts
    known = [of_micro.structure(number) for number in range(16)]
    by_part = {part: [place for place in range(16) if parts[place] == part] for part in set(parts[:16])}
    assert_no_shared_crystal(known, by_part)
    assert parts[16:] == ("unknown", "unknown", "named")
    assert {of_micro.structure(number).properties["space_group"] for number in (16, 17)} == {205}
    sets = of_micro.specimens[:, :2]
    assert {parts[crystal] for of, crystal in sets if plan.sets[of].name == "training"} == {"training"}
    assert "validation" not in {parts[crystal] for _, crystal in sets}


def test_the_list_begins_with_all_sets(of_micro: PatternList) -> None:
    """The first third of the specimens holds each set in about its share."""
    sets = of_micro.specimens[:, 0]
    first = Counter(sets[: len(sets) // 3].tolist())
    for number, count in Counter(sets.tolist()).items():
        assert abs(first[number] - count / 3) <= 1


def test_zones_are_dealt_evenly(of_micro: PatternList) -> None:
    """Two draws of two zones meet all four zones of a training crystal once; other sets see all in every specimen."""
    seen: dict[tuple[int, int], list[int]] = {}
    for specimen, zone, _ in of_micro.patterns.tolist():
        of, crystal, *_ = of_micro.specimens[specimen].tolist()
        seen.setdefault((of, crystal if of == 0 else 1000 + specimen), []).append(zone)
    assert all(sorted(zones) == [0, 1, 2, 3] for zones in seen.values())


def test_every_strength_once(of_micro: PatternList) -> None:
    """A set with `each` holds every family with every strength, as text that the command line takes."""
    drawn = [of_micro.drawn(number) for number in np.flatnonzero(of_micro.specimens[:, 0] == 1).tolist()]
    told = sorted((one.family.name, one.strength) for one in drawn)
    stretched = [("stretch", 0.02), ("stretch", 0.04)]
    assert told == [("dislocations", 4.0), ("ordered", 0.03125), ("perfect", 0.0), *stretched, ("twin", 0.5)]
    texts = {one.family.name: one.defect for one in drawn}
    assert texts["perfect"] == "" and texts["twin"] == "twin:volume_fraction=0.5,law=fcc"
    assert texts["dislocations"].startswith("dislocations:count=") and "system=fcc" in texts["dislocations"]
    assert [one.cells for one in drawn if one.family.name == "ordered"] == [(4, 4, 4)]
    assert [one.family.closed_form for one in drawn if one.family.name in ("ordered", "twin", "stretch")].count(
        True
    ) == 2


def test_stored_patterns_are_those_of_the_simulator(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """The command line makes the set; `simulate_sadp` gives the same picture from the labels."""
    path = tmp_path / "set.zarr"
    result = CliRunner().invoke(commands, ["generate", str(recipe()), "-o", str(path)])
    assert result.exit_code == 0, result.output
    made = store.load(path).load()
    assert made["intensity"].dtype == np.float16 and made.attrs["root"] == 4
    assert set(made.coords) == set(sadp_patterns.LABELS)
    named = np.flatnonzero(made["set"].values == "metals")
    assert set(made["family"].values[named]) == {"perfect", "stretch", "dislocations", "twin", "ordered"}
    for family in ("perfect", "stretch", "dislocations", "twin"):
        one = made.isel(pattern=named[made["family"].values[named] == family][1])
        again = simulate_sadp(
            "Al",
            zone=[int(one[name]) for name in "uvw"],
            accelerating_voltage_kv=float(one["accelerating_voltage_kv"]),
            camera_length_mm=float(one["camera_length_mm"]),
            size_px=32,
            cells=[int(one[f"cells_{axis}"]) for axis in "abc"],
            defects=[str(one["defect"].values)] if family != "perfect" else [],
            rotation_deg=float(one["rotation_deg"]),
            tilt_mrad=(float(one["tilt_x_mrad"]), float(one["tilt_y_mrad"])),
            seed=int(one["seed"]),
        )
        expected, found = again["intensity"].values[0], one["intensity"].values.astype(float) ** 4
        bright = expected > 1e-3 * expected.max()
        # Stretched crystals are stored in closed form; atom by atom, the sub-pixels of so small a block differ.
        np.testing.assert_allclose(found[bright], expected[bright], rtol=0.15 if family == "stretch" else 0.01)
        assert float(one["per_angstrom_per_px"]) == pytest.approx(again.attrs["per_angstrom_per_px"])


def test_first_patterns_and_resuming(
    recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first patterns alone are those of the whole list, and an interrupted run makes only what is missing."""
    monkeypatch.setattr(sadp_patterns, "PATTERNS_IN_A_SHARD", 2)
    whole = pattern_list(sadp.read(recipe())).part(0, 6)
    fine, made = PatternList.part, []

    def part(self: PatternList, start: int, stop: int) -> xr.Dataset:
        made.append(start)
        if len(made) == 2:
            raise KeyboardInterrupt
        return fine(self, start, stop)

    monkeypatch.setattr(PatternList, "part", part)
    path = tmp_path / "set.zarr"
    for _ in range(2):
        try:
            generate(recipe(), path, patterns=6, progress=False)
        except KeyboardInterrupt:
            assert not path.exists()
    assert made == [0, 2, 2, 4]
    found = store.load(path).load()
    for name in ("intensity", "defect", "seed"):
        np.testing.assert_array_equal(found[name].values, whole[name].values)
    with pytest.raises(InputError, match="what the plan lists"):
        generate(recipe(), tmp_path / "more.zarr", patterns=10_000, progress=False)


def test_progress_tells_the_pace(
    recipe: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of progress name patterns a minute."""
    generate(recipe(), tmp_path / "set.zarr", patterns=4)
    assert "a minute: 4 of 4" in capsys.readouterr().err


@pytest.mark.parametrize("group", [198, 205, 213, 225])
def test_equivalent_zones_are_symmetric_in_every_cubic_group(group: int) -> None:
    """The twelve axes are those that rotations of even the smallest cubic group make."""
    operations = gemmi.find_spacegroup_by_number(group).operations().sym_ops
    turned = {tuple((np.array(one.rot) // one.DEN @ (1, 2, 4)).tolist()) for one in operations}
    assert set(equivalents((1, 2, 4))) <= turned and len(set(equivalents((1, 2, 4)))) == 12


def test_a_fixed_picture_does_not_jump_under_strain(recipe: Callable[..., Path]) -> None:
    """Compressed along a, 010 becomes the shortest; without the turn back the picture along [001] would turn by 90."""
    plan = sadp.read(
        recipe(("tilt_mrad = 1.0", "tilt_mrad = 0.0\nrotation_deg = 0.0"), ("equivalent_zones = true", ""))
    )
    structure = crystals.load("Al")
    shifts = []
    for strain in (0.02, -0.02):
        seen = averaged(structure, f"stretch:strain={strain}")
        shifts.append(sadp_patterns.shift_deg(structure, seen, (0, 0, 1)))
        shift = sadp_patterns.shift_deg(structure, seen, (1, 2, 3))
        frame = plan.experiment((1, 2, 3), 200.0, 320.0, -shift).frame(seen.lattice.matrix)
        right = plan.experiment((1, 2, 3), 200.0, 320.0).frame(structure.lattice.matrix)
        assert np.abs(frame - right).max() < 0.03
    assert shifts[0] == pytest.approx(0.0, abs=1e-6) and abs(shifts[1]) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count = 8", "counts = 8", r"\[structures\] has no 'counts'"),
        ("count = 8", "count = 0", "expected 1 to"),
        ("[225, 229]", "[225, 230, 194]", "groups"),
        ("[205]", "[225]", "is in groups"),
        ('["Al"]', '["Unobtainium"]', "Unobtainium"),
        ("[1, 2, 3]]", "[0, 0, 0]]", "zones"),
        ("[1, 2, 3]]", "[1, 2]]", "three whole numbers"),
        ("[100.0, 200.0]", "[]", "voltages_kv"),
        ("[100.0, 200.0]", "[1e9]", "1e\\+09|kv"),
        ("to = 30.0", "to = 30000.0", "sub-pixels"),
        ("tilt_mrad = 1.0", "tilt_mrad = 99", "tilt_mrad"),
        ("zones = 2\n", "zones = 9\n", "the plan has 4"),
        ('parts = ["training"]', 'parts = ["test"]', "parts"),
        ('parts = ["training"]', 'parts = ["training"]\ndraws = 3', "'draws'"),
        ("twin = {", "twins = {", "twins"),
        ("{ strength = [0.5] }", "{ strength = [0.5], sides = 2 }", "sides"),
        ("{ strength = [0.5] }", "{}", "strength is missing"),
        ("[0.02, 0.04]", "{ from = 0.0, to = 0.1 }", "each strength"),
        ("share = 1.0, s", "share = 0, s", "share"),
        ("cells = [4, 4, 4]", "cells = [4, 4]", "cells"),
        ("size_px = 32", 'size_px = "32"', "size_px"),
        ('technique = "sadp"', 'technique = "ebsd"', "technique"),
    ],
)
def test_faulty_recipes(recipe: Callable[..., Path], old: str, new: str, message: str) -> None:
    """One line with the file, the entry and what would be right."""
    with pytest.raises(InputError, match=message) as caught:
        sadp.read(recipe((old, new)))
    assert "micro.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_named_crystals_are_not_trained(recipe: Callable[..., Path]) -> None:
    """A crystal of the library that training holds too is refused; so is a set that nothing fits."""
    plan = sadp.read(recipe())
    trained = next(
        of_plan.structure(number)
        for of_plan in [pattern_list(plan)]
        for number in range(8)
        if of_plan.parts[number] == "training"
    )
    with pytest.raises(InputError, match="in training too"):
        sadp_listing._refuse_seen([trained, trained], ["training", "named"])
    with pytest.raises(InputError, match="no crystal of named fits"):
        pattern_list(
            sadp.read(recipe(("ordered = { ", 'ordered = { crystals = ["Cu"], '), ('crystals = ["Al"]\n\n', "\n")))
        )


@pytest.mark.slow
def test_real_lists(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """With the long lists and two processes: the set holds the plan's groups and nothing twice."""
    path = recipe(("count = 8", "count = 24"), ('by = "chemistry"', 'by = "both"'))
    made = store.load(generate(path, tmp_path / "set.zarr", workers=2, patterns=24, progress=False)).load()
    assert set(made["space_group"].values) <= {225, 229, 205} and made.sizes["pattern"] == 24
    assert not np.isin(made["chemical_system"].values[made["set"].values == "training"], ["Al", "Fe"]).any()
