"""The LACBED study at its smallest, on stand-ins for simulator and inversion: splits, scales, rows, verdicts."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoneaxis import studies
from zoneaxis.errors import InputError
from zoneaxis.patterns import schema, store
from zoneaxis.recipes.lacbed import DENSITY, Plan, planned
from zoneaxis.report import claims
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.lacbed_translation import checks, data, methods, pages, physics, protocol, simulation, verdicts
from zoneaxis.studies.lacbed_translation.chapter import Chapter
from zoneaxis.studies.lacbed_translation.protocol import BACKWARD, FORWARD, RANDOM, TASKS, UNSEEN
from zoneaxis.studies.lacbed_translation.rows import Row, shown_places
from zoneaxis.studies.lacbed_translation.translators import GAN, UNET
from zoneaxis.studies.scale import settings_of

HOME = studies.HOME / "lacbed_translation"
TOPOLOGIES = 7


def quiet(*_: object) -> None:
    """Nobody is told."""


def stand_in(wanted: Plan, path: Path, workers: int, progress: Callable[[int, int], None]) -> None:
    """Gratings for densities, seven topologies of four crystals each, and a smooth function of them for discs."""
    draw = np.random.default_rng(wanted.seed)
    x = np.arange(wanted.size_px) / wanted.size_px
    topology, depth = np.arange(len(wanted)) % TOPOLOGIES, draw.uniform(0.5, 1.0, len(wanted))
    wave = np.cos(2 * np.pi * (1 + topology[:, None]) * x)
    densities = 40 * depth[:, None, None] ** 2 * (2 + wave[:, :, None] + wave[:, None, :])
    made = schema.pattern_set(
        disc(densities).astype(np.float32),
        {
            "structure": np.arange(len(wanted)),
            "crystal": np.array([f"X{number % 14}" for number in range(len(wanted))]),
            "prototype": np.array([f"T{number}" for number in topology]),
            "lattice_parameter_angstrom": 3 + 5 * depth,
        },
        technique="lacbed",
        provenance="stand-in of the tests",
    )
    store.save(made.assign({DENSITY: (("pattern", "row", "col"), densities.astype(np.float32))}), path)
    progress(len(wanted), len(wanted))


def disc(densities: np.ndarray) -> np.ndarray:
    """What stands for the engine."""
    blurred = densities + np.roll(densities, 3, -1) + np.roll(densities, 3, -2)
    return 0.1 + np.exp(-blurred / 300)


def disc_of(plan: Plan, picture: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """The same from a picture; the first topology has no answer."""
    found = disc(scale * picture.astype(float) ** 2)
    if picture.mean() < 0.35:
        raise InputError("no columns")
    return found / found.max(), 0.0


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run at the smoke scale: (results, data)."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "simulate", stand_in)
        patch.setattr(physics, "disc_of", disc_of)
        patch.setattr(
            physics, "density_of", lambda plan, disc, starts, proposed, scale: (starts[-1], 0.1 * (disc.mean() > 0.75))
        )
        studies.run("lacbed_translation", "smoke", folder / "results", data=folder / "data", workers=1, progress=False)
        yield folder / "results", folder / "data"


@pytest.fixture(scope="module")
def chapter(ran):
    """The study at the bench of that run."""
    settings = settings_of(HOME / "recipe.toml", "smoke")
    return Chapter(Bench("lacbed_translation", "smoke", settings, ran[1], 1, quiet))


def test_the_data_set_is_that_of_the_shipped_recipe():
    """At scale small the study's crystals are those of recipes/lacbed_cubic.toml, so either makes the other's."""
    shipped = Path(__file__).parents[2] / "recipes" / "lacbed_cubic.toml"
    ours = simulation.plan(settings_of(HOME / "recipe.toml", "small"))
    assert ours == planned(tomllib.loads(shipped.read_text(encoding="utf-8")))


@pytest.mark.parametrize("scale", studies.SCALES)
def test_every_scale_can_be_run(scale):
    """Data set and networks of every scale are such as the engine and the networks take."""
    from zoneaxis.learn.translate import TranslatorRecipe

    settings = settings_of(HOME / "recipe.toml", scale)
    replace(simulation.plan(settings), absorption="none").check()
    for changes in ({}, settings["gan"]):
        TranslatorRecipe.from_mapping(settings["unet"] | changes)
    assert {one for name in ("unet", "gan") for one in settings["trainings"][name]} == {RANDOM, UNSEEN}


def test_splits_share_no_twins_and_no_topology(chapter):
    """The random split keeps crystals of one formula and topology together, the other one whole topologies."""
    pairs = chapter.pairs
    names = {RANDOM: np.char.add(pairs.prototype, pairs.crystal), UNSEEN: pairs.prototype}
    for split, of in names.items():
        parts = protocol.divided(pairs, split, chapter.bench.settings)
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(pairs)))
        assert not set(of[parts["test"]]) & set(of[parts["train"]])
        assert not set(of[parts["validation"]]) & set(of[parts["train"]])
    random = protocol.divided(pairs, RANDOM, chapter.bench.settings)
    assert set(pairs.prototype[random["test"]]) & set(pairs.prototype[random["train"]])


def test_pictures_lie_in_range_and_follow_one_scale(chapter):
    """Densities are drawn over the scale of the training part and come back from the picture where not cut off."""
    task, pairs = chapter.tasks[FORWARD, UNSEEN], chapter.pairs
    assert 0 <= task.inputs.min() <= task.inputs.max() <= 1
    back = task.scale * task.inputs.astype(float) ** 2
    uncut = task.inputs < 1
    np.testing.assert_allclose(back[uncut], pairs.densities[uncut], rtol=1e-4)
    assert uncut.mean() > 0.9
    assert task.scale == protocol.density_scale(pairs.densities[task.train], 0.98)
    own = chapter.own_scale[FORWARD]
    assert (own.inputs.max((1, 2)) == 1).all() and own.scale is None
    np.testing.assert_array_equal(chapter.tasks[BACKWARD, UNSEEN].inputs, task.targets)
    np.testing.assert_allclose(pairs.discs.max((1, 2)), 1)


def test_other_crystals_in_the_place_of_the_set_are_refused(chapter, tmp_path, monkeypatch):
    """A set that does not hold the crystals of the plan is not read."""
    monkeypatch.setattr(simulation, "simulate", lambda plan, *rest: stand_in(replace(plan, count=14), *rest))
    other = Bench("study", "smoke", chapter.bench.settings, tmp_path, 1, quiet)
    with pytest.raises(InputError, match="not the crystals of the plan"):
        data.pairs(other)


def test_the_engine_stands_beside_others_on_the_same_crystals(chapter):
    """Its answers are scored against the truth, those that it does not give count as the mean image."""
    task, row = chapter.tasks[FORWARD, UNSEEN], chapter.physics_rows(FORWARD)[0]
    assert np.isin(row.places, task.test).all()
    dark = task.inputs[row.places].mean((1, 2)) < 0.35
    assert row.failed == dark.sum()
    assert (row.scores["mse"][~dark] < 1e-3).all()
    mean = next(one for one in chapter.rows((FORWARD, UNSEEN)) if one.method == "mean image").on(row.places)
    np.testing.assert_allclose(row.scores["mse"][dark], mean.scores["mse"][dark], rtol=1e-4)
    np.testing.assert_array_equal(mean.places, row.places)


def test_refinement_starts_at_the_guess_and_the_nearest(chapter):
    """With the last start as the answer the nearest known disc's density comes out; the proposed one where in doubt."""
    task, (mixed, row, proposed) = chapter.tasks[BACKWARD, UNSEEN], chapter.physics_rows(BACKWARD)
    nearest = next(one for one in chapter.rows((BACKWARD, UNSEEN)) if one.method == "nearest").on(row.places)
    np.testing.assert_allclose(row.scores["mse"], nearest.scores["mse"], rtol=1e-5)
    doubted = chapter.physics_results(BACKWARD)["misfits"] > chapter.believed()
    expected = np.where(doubted, proposed.scores["mse"], row.scores["mse"])
    np.testing.assert_allclose(mixed.scores["mse"], expected, rtol=1e-4)
    assert mixed.failed == doubted.sum()
    known = task.inputs[task.train]
    np.testing.assert_array_equal(physics.nearest(known, known[:3], 1)[:, 0], [0, 1, 2])


def test_proposed_density_is_a_mean_of_networks_and_trees(chapter):
    """Of the crystals asked about, the same whether they are asked alone or among others."""
    asked = chapter.asked(BACKWARD)
    task = chapter.tasks[BACKWARD, UNSEEN]
    networks = [one for one in chapter.trainings((BACKWARD, UNSEEN)) if one.network == UNET]
    answers = [one.answer(one.run(), task.inputs[asked])[:, 0] for one in networks]
    trees = methods.BASELINES[methods.TREES].fit(*task.of(task.train)).translate(task.inputs[asked])[:, 0]
    np.testing.assert_allclose(chapter.proposed(asked), np.mean([*answers, trees], axis=0), atol=1e-5)
    assert not set(chapter.checked()) & set(task.test) and not set(chapter.checked()) & set(task.train)


def test_believed_misfit_is_where_errors_are_least():
    """Refined densities are believed as long as they are better on the whole; never where they are always worse."""
    misfits = np.array([0.3, 0.01, 0.1, 0.02])
    assert physics.believed_misfit(misfits, np.array([9.0, 0.0, 0.1, 0.2]), np.ones(4)) == 0.1
    assert physics.believed_misfit(misfits, np.full(4, 2.0), np.ones(4)) == 0.0


def test_figures_show_different_topologies_where_there_are(chapter):
    """One crystal a topology, those that the engine was asked about."""
    task = chapter.tasks[FORWARD, RANDOM]
    places = shown_places(task, 3)
    assert len(set(task.groups[places])) == 3 and np.isin(places, task.test).all()
    asked = chapter.asked(FORWARD)
    assert set(chapter.shown(chapter.tasks[FORWARD, UNSEEN])) <= set(asked)


def test_the_run_writes_every_claim_tables_and_figures(ran):
    """All claims have a value; every task, method and check stands in the tables; figures are pictures."""
    told = json.loads((ran[0] / "smoke.json").read_text())
    assert [one["id"] for one in told["claims"]] == [one.id for one in claims.load(HOME / "claims.toml")]
    assert not [one["id"] for one in told["claims"] if one["ours"] is None]
    text = (ran[0] / "smoke" / "tables.md").read_text(encoding="utf-8")
    for direction, split in TASKS:
        assert f"## {protocol.DIRECTIONS[direction]}, {protocol.SPLITS[split]}\n" in text
    for method in ("constant", "5 nearest", "PCA + extra trees", UNET, GAN, physics.FORWARD, physics.BACKWARD):
        assert f"| {method} |" in text
    figures = sorted((ran[0] / "smoke").glob("*.png"))
    assert len(figures) == 8
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5_000 for path in figures)


def test_a_finished_run_is_not_done_again(ran, monkeypatch):
    """Run again, the study simulates, trains and inverts nothing, and writes the same values."""
    before = json.loads((ran[0] / "smoke.json").read_text())["claims"]

    def refuse(*_, **__):
        raise AssertionError("done twice")

    monkeypatch.setattr(simulation, "simulate", refuse)
    monkeypatch.setattr(physics, "discs_of", refuse)
    monkeypatch.setattr(checks, "accuracy", refuse)
    kept = {path: path.stat().st_mtime_ns for path in (ran[1] / "translators").rglob("trained.safetensors")}
    assert len(kept) == 2 * (2 + 1 + 1 + 1) + 2 + 1
    studies.run("lacbed_translation", "smoke", ran[0], data=ran[1], workers=1, progress=False)
    assert json.loads((ran[0] / "smoke.json").read_text())["claims"] == before
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def toy(method: str, mse: list[float], seed: int | None = None, zncc: float = 0.5) -> Row:
    """A row with these errors."""
    scores = {"mse": np.array(mse), "zncc": np.full(len(mse), zncc), "ssim": np.zeros(len(mse))}
    return Row(method, seed, np.arange(len(mse)), scores, np.zeros((0, 16, 16)))


def test_the_worst_seed_decides():
    """A claim on seeds is that of the worst; baselines are beaten only if that one beats the best of them."""
    random = [toy("constant", [0.06, 0.06]), toy("mean image", [0.05, 0.05]), toy("5 nearest", [0.015, 0.015])]
    random += [toy(UNET, [0.01, 0.012], 0, 0.9), toy(UNET, [0.018, 0.016], 1, 0.8), toy(GAN, [0.02, 0.02], 0, 0.7)]
    ours, spread = verdicts.forward(random, [toy(UNET, [0.04, 0.06], 0)])
    assert ours["forward_unet_mse"] == pytest.approx(0.017) and ours["forward_zncc"] == pytest.approx(0.8)
    assert ours["forward_over_mean_image"] == pytest.approx(0.05 / 0.017)
    assert ours["forward_beats_baselines"] is False and ours["discriminator_helps_no_score"] is True
    assert ours["random_split_flatters"] == pytest.approx(0.05 / 0.014)
    assert spread["forward_unet_mse"] == pytest.approx(0.006 / 2**0.5)


def test_the_learning_curve_is_a_power_law():
    """Errors that fall with the root of the number have the exponent -1/2; one number has none."""
    curve = [(count, toy(UNET, [count**-0.5])) for count in (100, 400, 1600)]
    assert verdicts.learning(curve)[0]["learning_curve_exponent"] == pytest.approx(-0.5)
    assert verdicts.learning(curve[:1]) == ({}, {})


def test_equal_crystals_are_not_told_apart():
    """The check can fail: a crystal beside itself is at no distance, two different ones are further than the error."""
    of = planned(
        {
            "structures": {"count": 1},
            "foil": {"absorption": "none", "further_thickness_nm": []},
            "image": {"size_px": 16},
            "beams": {"radius_per_angstrom": 1.2, "fewest": 30, "most": 60, "weak": 40, "d_min_angstrom": 0.34},
        }
    )
    assert checks.told_apart(checks.zincblende(of, ["GaAs", "GaAs"], 5.65)) == 0
    found = checks.zincblende(of, ["GaAs", "ZnS"], 5.65)
    assert found["discs"].shape == (2, 16, 16) and checks.told_apart(found) > 1
    assert "| GaAs | – |" in pages.zincblende_table(found)
