"""LACBED data sets: plans, discs beside densities, resuming, and what a set says of its own error."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.recipes import lacbed
from zoneaxis.recipes.generate import generate
from zoneaxis.recipes.lacbed import Plan, read
from zoneaxis.scattering.discs import DiscRule, disc_intensities
from zoneaxis.scattering.electron_density import projected_density
from zoneaxis.scattering.zone import Zone

SHIPPED = Path(__file__).parents[2] / "recipes" / "lacbed_cubic.toml"
MICRO = """
name = "micro"
technique = "lacbed"
seed = 3

[structures]
count = 5
wyckoff_topologies = 0

[foil]
further_thickness_nm = [20.0]
absorption = "proportional"

[image]
size_px = 16

[beams]
radius_per_angstrom = 0.9
fewest = 9
most = 25
weak = 10
d_min_angstrom = 0.34
tiles = 2
error_sample = 1
"""


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


def plan(**changes: object) -> Plan:
    """The plan of that recipe."""
    values = {
        "count": 5,
        "seed": 3,
        "wyckoff_topologies": 0,
        "further_thickness_nm": (20.0,),
        "absorption": "proportional",
        "size_px": 16,
        "radius_per_angstrom": 0.9,
        "fewest_beams": 9,
        "most_beams": 25,
        "weak_beams": 10,
        "d_min_angstrom": 0.34,
        "tiles": 2,
        "error_sample": 1,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def test_the_recipe_is_the_plan(recipe: Callable[..., Path]) -> None:
    """Tables of a recipe are fields of the plan; the shipped one holds the conditions of the study."""
    assert read(recipe()) == plan()
    shipped = lacbed.planned(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))
    assert (shipped.count, shipped.size_px, shipped.thickness_nm) == (6000, 64, 50.0)
    assert shipped.series_nm == [20.0, 30.0, 40.0, 50.0]
    assert plan().fingerprint != plan(most_beams=24).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("count = 5", "count = 0", "count = 0: expected 1"),
        ("count = 5", "", "count is missing"),
        ("size_px = 16", "size_px = 16.5", "whole number"),
        ("size_px = 16", "size_px = 8", "size_px = 8: expected 16"),
        ("fewest = 9", "fewest = 30", "fewest = 30, most = 25"),
        ("radius_per_angstrom = 0.9", "radius_per_angstrom = 3.0", "radius_per_angstrom = 3"),
        ("size_px = 16", "size_px = 16\nhalf_width_per_angstrom = 1.2", "half_width_per_angstrom = 1.2"),
        ("[20.0]", "[0.0]", "expected above 0"),
        ('"proportional"', '"some"', "absorption 'some'"),
        ("[foil]", "[foils]", "unknown 'foils'"),
        ("tiles = 2", "tile = 2", r"\[beams\] has no 'tile'"),
        ('"lacbed"', '"ebsd"', "technique 'ebsd'"),
        ("count = 5", "count = 5\n[foil]", "not a readable recipe"),
    ],
)
def test_faulty_recipes(recipe: Callable[..., Path], old: str, new: str, says: str) -> None:
    """A fault is found when the recipe is read and told in one line with the file and what would be right."""
    path = recipe((old, new))
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_set_holds_discs_densities_and_labels(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """Oracle: discs and densities of a crystal are those of the engine for it alone, and all of it is kept."""
    made = store.load(generate(recipe(), tmp_path / "set.zarr", progress=False)).load()
    assert set(made.data_vars) == {"intensity", "intensity_20_nm", "projected_density"}
    assert made["structure"].values.tolist() == [0, 1, 2, 3, 4]
    assert all(made[name].dims == ("pattern", "row", "col") for name in made.data_vars)
    of = plan()
    for number in (0, 4):
        structure = of.structure(number)
        thin, thick = of.discs(structure).numpy()
        np.testing.assert_allclose(made["intensity"].values[number], thick, atol=1e-6)
        np.testing.assert_allclose(made["intensity_20_nm"].values[number], thin, atol=1e-6)
        density = projected_density(structure, 16, of.density_field_angstrom)
        np.testing.assert_allclose(made["projected_density"].values[number], density, rtol=1e-5)
        assert made["prototype"].values[number] == structure.properties["prototype"]
    assert 0 <= made.attrs["beam_error_rms"] <= made.attrs["beam_error_worst_rms"] < 0.2
    assert made.attrs["thickness_nm"] == 50.0 and made.attrs["absorption"] == "proportional"
    path = store.save(made, tmp_path / "set.npz")
    xr.testing.assert_equal(store.load(path), made)


def test_more_crystals_begin_like_fewer(recipe: Callable[..., Path], tmp_path: Path) -> None:
    """Invariant: the first crystals do not depend on how many there are."""
    made = store.load(generate(recipe(), tmp_path / "two.zarr", patterns=2, progress=False)).load()
    for name in ("intensity", "projected_density", "crystal"):
        np.testing.assert_array_equal(made[name].values, plan().part(0, 2)[name].values)


def test_an_interrupted_set_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at a shard and started again: only what is missing is made, and the set is that of one run."""
    monkeypatch.setattr(lacbed, "STRUCTURES_IN_A_SHARD", 2)
    of = plan(count=3)
    whole = store.load(lacbed.generate(of, tmp_path / "whole.zarr")).load()
    fine, made = Plan.part, []

    def part(self: Plan, start: int, stop: int) -> xr.Dataset:
        made.append((start, stop))
        if len(made) == 2:
            raise KeyboardInterrupt
        return fine(self, start, stop)

    monkeypatch.setattr(Plan, "part", part)
    path = tmp_path / "set.zarr"
    with pytest.raises(KeyboardInterrupt):
        lacbed.generate(of, path)
    assert not path.exists()
    with pytest.raises(InputError, match="another run"):
        lacbed.generate(plan(count=3, thickness_nm=40.0), path)
    xr.testing.assert_identical(store.load(lacbed.generate(of, path)).load(), whole)
    assert made == [(0, 2), (2, 3), (2, 3)]
    assert whole.attrs["beam_error_crystals"] == 1


def test_extinct_beams_change_nothing() -> None:
    """Diamond along [001] repeats after quarters: h + k = 4n are left, and give the disc of all beams."""
    of = plan()
    diamond = next(
        structure
        for structure in (of.structure(number) for number in range(80))
        if structure.properties["prototype"].startswith("A_cF8_227")
    )
    kept, every = of.zone(diamond), Zone.of(diamond, (0, 0, 1), columns=(1, 0, 0), d_min_angstrom=of.d_min_angstrom)
    assert (kept.hkl[:, :2].sum(1) % 4 == 0).all() and len(every.hkl) == pytest.approx(2 * len(kept.hkl), abs=8)
    rule = DiscRule(beams=len(kept.hkl), weak_beams=0, tile_px=8, slice_error=1e-4)
    few, many = (
        disc_intensities(of.scatterers(diamond), zone, of.field, [500.0], rule=replace(rule, beams=len(zone.hkl)))
        for zone in (kept, every)
    )
    assert float((few - many).abs().max()) < 3e-4


def test_the_told_error_is_that_of_more_beams() -> None:
    """More beams leave a smaller error, and the error told of few is about what the engine then changes."""
    structure = plan().structure(1)
    few, more = plan(most_beams=13), plan(most_beams=45, fewest_beams=45)
    told = few.beam_errors(structure, pixels=256)
    assert more.beam_errors(structure, pixels=256)["rms"] < told["rms"]
    changed = few.discs(structure)[1] - more.discs(structure)[1]
    assert told["rms"] == pytest.approx(float(torch.sqrt((changed**2).mean())), rel=0.5)
