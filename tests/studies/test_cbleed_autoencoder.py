"""The CBLEED study at its smallest, on a stand-in for the simulator: plans, splits, codes, verdicts, resuming."""

import json

import numpy as np
import pytest

from zoneaxis import studies
from zoneaxis.errors import InputError
from zoneaxis.report import claims
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.cbleed_autoencoder import autoencoders, counting, data, noise, pages, plans, readers, verdicts
from zoneaxis.studies.cbleed_autoencoder.codes import Components, DiscMeans, lit
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS
from zoneaxis.studies.cbleed_autoencoder.parts import PARTS
from zoneaxis.studies.cbleed_autoencoder.plans import PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import INNER, OUTER, RANDOM, WINDOWS, held_out
from zoneaxis.studies.cbleed_autoencoder.readers import BEST, COMPONENTS, CONTROL, LATENT, MEAN, Reader
from zoneaxis.studies.scale import settings_of

HOME = studies.HOME / "cbleed_autoencoder"


def quiet(*_: object) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def ran(stand_in, tmp_path_factory):
    """One run at the smoke scale: (results, data)."""
    folder = tmp_path_factory.mktemp("study")
    studies.run("cbleed_autoencoder", "smoke", folder / "results", data=folder / "data", workers=1, progress=False)
    return folder / "results", folder / "data"


@pytest.fixture(scope="module")
def bench(ran):
    """A bench that holds what that run kept."""
    return Bench("cbleed_autoencoder", "smoke", settings_of(HOME / "recipe.toml", "smoke"), ran[1], 1, quiet)


@pytest.fixture(scope="module")
def scan(bench):
    """The images of the scan."""
    return data.dataset(bench, SCAN, "paper")


def test_the_papers_scale_has_its_numbers():
    """At full scale: 71 energies, 70 structures on the plane, one displacement along two directions, five codes."""
    settings = settings_of(HOME / "recipe.toml", "full")
    scan, plane = (data.plan(settings, kind, "paper").labels for kind in (SCAN, PLANE))
    assert len(np.unique(scan["beam_energy_ev"])) == len(np.unique(plane["beam_energy_ev"])) == 71
    assert len(plane["beam_energy_ev"]) == 71 * 70
    structures = {tuple(row) for row in zip(*(scan[name] for name in list(scan)[1:]), strict=True)}
    assert len(scan["beam_energy_ev"]) == 71 * len(structures)
    print(f"scan: {len(structures)} structures, {len(scan['beam_energy_ev'])} images")
    assert all(height == 0 or length == 0 for _, height, length in structures)
    assert settings["sweep"]["latent"] == [2, 4, 8, 16, 24]


def test_no_structure_stands_twice():
    """The undisplaced dimer is drawn once for each dimer, not once for each direction."""
    table = {"energy_ev": [60, 61, 1], "height_angstrom": [-0.1, 0.1, 0.1], "length_angstrom": [-0.1, 0.1, 0.1]}
    labels = plans.scan(table)
    rows = list(zip(*labels.values(), strict=True))
    assert len(rows) == len(set(rows)) == 2 * 2 * 5
    assert (np.diff(labels["beam_energy_ev"]) >= 0).all()


def test_every_structure_of_every_scale_can_be_built():
    """No displacement of any data set brings atoms closer than a slab allows."""
    from zoneaxis.crystals.slab import si001_2x1

    for scale in studies.SCALES:
        settings = settings_of(HOME / "recipe.toml", scale)
        for kind in (SCAN, PLANE):
            labels = data.plan(settings, kind, "paper").labels
            for row in {tuple(row) for row in zip(*(labels[name] for name in list(labels)[1:]), strict=True)}:
                assert len(si001_2x1(*row).positions)


@pytest.mark.parametrize("kind", [SCAN, PLANE])
def test_off_grid_images_lie_within_the_grid(kind):
    """Random values are seeded, stay within the range of the set they test, and are no values of the grid."""
    settings = settings_of(HOME / "recipe.toml", "small")
    grid, off = (data.plan(settings, name, "paper").labels for name in (kind, f"off_{kind}"))
    again = data.plan(settings, f"off_{kind}", "paper").labels
    for name in ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom"):
        np.testing.assert_array_equal(off[name], again[name])
        assert grid[name].min() <= off[name].min() <= off[name].max() <= grid[name].max()
    assert not np.isin(off["beam_energy_ev"], grid["beam_energy_ev"]).any()
    if kind == SCAN:
        assert ((off["dimer_height_angstrom"] == 0) | (off["dimer_length_angstrom"] == 0)).all()


def test_an_unknown_set_is_refused():
    """A misspelt data set, and steps that do not lead from end to end, are named in one line."""
    settings = settings_of(HOME / "recipe.toml", "smoke")
    with pytest.raises(InputError, match="data set 'scan66': known are scan68"):
        data.plan(settings, "scan66", "paper")
    with pytest.raises(InputError, match="do not lead"):
        plans.axis([0, 1, 0.3], "height_angstrom")


def test_other_images_in_the_place_of_a_set_are_refused(stand_in, bench, tmp_path):
    """Labels of stored images are compared with the plan before anything is read from them."""
    other = Bench("study", "smoke", bench.settings, tmp_path, 1, quiet)
    wanted = data.plan(bench.settings, f"off_{SCAN}", "paper")
    moved = plans.Plan(**(vars(wanted) | {"labels": wanted.labels | {"dimer": wanted.labels["dimer"][::-1]}}))
    stand_in(moved, other.path("data", f"{wanted.title}-{wanted.key}.zarr"), 1, quiet)
    with pytest.raises(InputError, match="label dimer is not that of the plan"):
        data.dataset(other, f"off_{SCAN}", "paper")


@pytest.mark.parametrize("split", [RANDOM, WINDOWS, INNER, OUTER])
def test_splits_hold_out_what_they_say(scan, bench, split):
    """Windows share no energy with training and inner and outer values no displacement; a random split shares both."""
    test = held_out(scan, split, bench.settings)
    energy_shared = np.isin(scan.energy_ev[test], scan.energy_ev[~test]).all()
    moved_shared = np.isin(scan.displacement[test], scan.displacement[~test]).any()
    assert energy_shared == (split != WINDOWS)
    assert moved_shared == (split not in (INNER, OUTER))
    assert 0 < test.sum() < len(test)
    if split == OUTER:
        assert np.abs(scan.displacement[test]).min() > np.abs(scan.displacement[~test]).max() - 1e-9


def test_discs_are_found_from_the_images(scan):
    """Nine discs are counted, and their shares stay the same when an image grows brighter."""
    found = DiscMeans.fit(scan.amplitude)
    assert found.disc.max() == 9
    np.testing.assert_allclose(found(0.5 * scan.amplitude[:3]), found(scan.amplitude[:3]), rtol=1e-5)


def test_components_rebuild_what_they_keep(scan):
    """More components leave a smaller residue, and as many as there are images leave none."""
    residue = [
        float(np.abs(Components.fit(scan.amplitude, count).reconstruct(scan.amplitude) - scan.amplitude).max())
        for count in (2, 8, len(scan) - 1)
    ]
    assert residue[0] > residue[1] > residue[2]
    assert residue[2] < 1e-4
    assert not Components.fit(scan.amplitude, 2).reconstruct(scan.amplitude)[:, ~lit(scan.amplitude)].any()


def test_counted_images_have_the_stated_electrons(scan):
    """The mean total is the dose, counts are whole, the seed decides them, and many electrons give the image back."""
    counted = counting.counts(scan.amplitude[:40], 1e4, seed=1)
    assert counted.sum((1, 2)).mean() == pytest.approx(1e4, rel=4 * 0.01 / 40**0.5)
    assert (counted == np.round(counted)).all()
    np.testing.assert_array_equal(counted, counting.counts(scan.amplitude[:40], 1e4, seed=1))
    bright = counting.counts(scan.amplitude[:1], 1e10, seed=1)[0]
    np.testing.assert_allclose(np.sqrt(bright / bright.max()), scan.amplitude[0] / scan.amplitude[0].max(), atol=2e-3)


def test_the_mean_learns_nothing_and_components_learn(scan, bench):
    """The trivial baseline gives the mean of its labels; kernel ridge on components reads its training images well."""
    mean = readers.fitted(MEAN, scan, SCAN, lambda amplitude: np.zeros((len(amplitude), 1)), 0)(scan.amplitude)
    assert mean == pytest.approx(np.repeat(scan.targets(SCAN).mean(0, keepdims=True), len(scan), axis=0))
    linear = Components.fit(scan.amplitude, 8)
    read = readers.fitted(Reader(COMPONENTS, BEST), scan, SCAN, linear, 0)(scan.amplitude)
    missed = np.abs(read - scan.targets(SCAN)).mean(0)
    print(f"components on their own training images: {missed[0]:.2g} eV, {missed[1]:.2g} Å")
    assert missed[0] < 0.1
    assert missed[1] < 0.01


def test_the_run_writes_every_claim_with_a_verdict(ran):
    """All claims of the study stand in the result, with a value wherever the smoke scale can give one."""
    told = json.loads((ran[0] / "smoke.json").read_text())
    stated = claims.load(HOME / "claims.toml")
    assert [one["id"] for one in told["claims"]] == [one.id for one in stated]
    without = {one["id"] for one in told["claims"] if one["ours"] is None}
    assert without == {"eight_latents_suffice", "gain_beyond_eight_latents"}  # the sweep of the smoke scale ends at 8
    assert {one["verdict"] for one in told["claims"]} == {"met", "missed"}
    of = {one["id"]: one for one in told["claims"]}
    assert of["shuffled_labels_teach_nothing"]["ours"] is True
    assert of["noisy_height_over_bound"]["ours"] < 3
    print(f"likelihood over the bound, height: {of['noisy_height_over_bound']['ours']:.2f}")


def test_the_run_writes_tables_and_figures(ran):
    """Every split has its table with every reader, and five figures are pictures."""
    text = (ran[0] / "smoke" / "tables.md").read_text(encoding="utf-8")
    for kind, split in PARTS:
        assert f"## {kind}: {pages.TITLES[split]}" in text
    for reader in readers.READERS:
        assert f"| {reader.name} |" in text
    for name in ("off grid", "other preset", "inner potential higher", noise.LIKELIHOOD, noise.BOUND):
        assert name in text
    figures = sorted((ran[0] / "smoke").glob("*.png"))
    assert [path.name[:4] for path in figures] == ["erro", "erro", "fig4", "fig5", "fig6"]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000 for path in figures)


def test_a_finished_run_is_not_done_again(ran, monkeypatch):
    """Run again, the study simulates, trains and fits nothing, and writes the same values."""
    before = json.loads((ran[0] / "smoke.json").read_text())["claims"]

    def refuse(*_, **__):
        raise AssertionError("done twice")

    for module, name in ((data.simulation, "simulate"), (readers, "fitted"), (noise, "by_dose")):
        monkeypatch.setattr(module, name, refuse)
    kept = list((ran[1] / "autoencoders").rglob("trained.safetensors"))
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert len(kept) == len(PARTS) + 1 + 2 * 2
    studies.run("cbleed_autoencoder", "smoke", ran[0], data=ran[1], workers=1, progress=False)
    assert json.loads((ran[0] / "smoke.json").read_text())["claims"] == before
    assert {path: path.stat().st_mtime_ns for path in kept} == times


def test_the_sweep_has_its_own_budget(bench, scan):
    """Networks of the sweep differ in code and seed and share the smaller budget."""
    swept = autoencoders.sweep(bench, scan, scan)
    assert set(swept) == {(2, 0), (2, 1), (8, 0), (8, 1)}
    assert {one.recipe.images for one in swept.values()} == {bench.settings["sweep"]["images"]}
    assert len({one.output for one in swept.values()}) == 4


def toy_losses(at_2: float, at_8: float, at_24: float) -> list[dict]:
    """Rows of a sweep with these losses."""
    return [
        {"code": LATENT, "latent": latent, "bce_minus_entropy": loss}
        for latent, loss in ((2, at_2), (8, at_8), (24, at_24))
    ]


@pytest.mark.parametrize(
    ("losses", "worse", "suffice"),
    [((3, 1, 0.95), True, True), ((3, 1, 0.5), True, False), ((1.5, 1, 1.1), False, True)],
)
def test_eight_suffice_only_where_more_gain_nothing(losses, worse, suffice):
    """The claims on Figure 4 follow from the losses alone: twice at fewer numbers, a tenth at more."""
    ours, _ = verdicts.figure_4(toy_losses(*losses))
    assert ours["fewer_latents_are_worse"] is worse
    assert ours["eight_latents_suffice"] is suffice


def test_the_best_reader_is_no_control():
    """Neither the mean nor a reader of shuffled labels is ever called the best."""
    rows = [
        {"reader": reader, "test": "t", "target": "energy", "mae": mae}
        for reader, mae in (
            (MEAN.name, 0.1),
            (CONTROL.name, 0.2),
            ("pixels + knn", 0.4),
            (Reader(LATENT, "svr").name, 0.5),
        )
    ]
    assert verdicts.best(rows, "t", "energy")["mae"] == 0.4
    assert verdicts.best(rows, "t", "energy", LATENT)["mae"] == 0.5


def test_numbers_are_shown_short():
    """Tables show three digits, no exponent where plain figures are short, and a dash for what there is not."""
    assert [pages.shown(value) for value in (0.43012, 12.3456, 1234.5, 1.2e-7, None)] == [
        "0.43",
        "12.3",
        "1234",
        "1.20e-07",
        "–",
    ]
    assert pages.dose(1e4) == "1e4"
    assert set(TARGETS) == {SCAN, PLANE}


def test_the_model_error_restores_the_coverage():
    """Errors larger than a fit states are covered again, 95 % of them, once what is lacking is added."""
    from types import SimpleNamespace

    rng = np.random.default_rng(0)
    truth, sigma = np.zeros((4000, 2)), np.full((4000, 2), 0.1)
    fit = SimpleNamespace(values=rng.normal(size=(4000, 2)) * [0.5, 0.05], sigma=sigma)
    added = noise.model_error(fit, truth)
    covered = noise.within(fit, truth, added).mean(0)
    print(f"added {added[0]:.3f} to 0.1 where the error is 0.5")
    assert covered[0] == pytest.approx(0.95, abs=0.01)
    assert np.hypot(0.1, added[0]) == pytest.approx(0.49, abs=0.02)
    assert added[1] == 0


@pytest.mark.slow
def test_the_smoke_scale_runs_with_the_simulator(tmp_path):
    """With real images, the likelihood comes near the bound at 1e4 electrons and the other preset is called unknown."""
    studies.run("cbleed_autoencoder", "smoke", tmp_path / "out", data=tmp_path / "data", workers=1, progress=False)
    of = {one["id"]: one["ours"] for one in json.loads((tmp_path / "out" / "smoke.json").read_text())["claims"]}
    print(f"energy over the bound {of['noisy_energy_over_bound']:.2f}, height {of['noisy_height_over_bound']:.2f}")
    assert of["noisy_energy_over_bound"] < 3
    assert of["noisy_height_over_bound"] < 3
    assert of["other_preset_covered_or_unknown"] > 0.9
