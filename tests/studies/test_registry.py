"""Studies are found by walking their floor, run at a scale, refused in one line, and taken up again."""

import re
from functools import partial

import numpy as np
import pytest

from zoneaxis import studies
from zoneaxis.errors import InputError
from zoneaxis.studies.bench import Bench, key_of
from zoneaxis.studies.outcome import Outcome
from zoneaxis.studies.scale import settings_of


def quiet(*_: object) -> None:
    """Nobody is told."""


@pytest.fixture
def bench(tmp_path):
    """A bench in an empty folder."""
    return Bench("study", "smoke", {"seed": 0}, tmp_path / "bench", 1, quiet)


def test_names_are_the_folders_with_a_recipe():
    """The registry lists what lies on the floor and nothing else."""
    assert "cbleed_autoencoder" in studies.names()
    assert all((studies.HOME / name / "run.py").is_file() for name in studies.names())


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("no-such-study", {}, "no such study; there are .*cbleed_autoencoder"),
        ("cbleed_autoencoder", {"scale": "huge"}, "expected one of smoke, small, full"),
        ("cbleed_autoencoder", {"workers": 0}, "workers = 0: expected at least 1"),
    ],
)
def test_refusals_are_one_line(name, options, told, tmp_path):
    """An unknown study or scale, or no worker: one line that says what there is, and nothing is written."""
    with pytest.raises(InputError, match=told) as caught:
        studies.run(name, **options, output=tmp_path / "out", data=tmp_path / "data", progress=False)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_results_lie_in_the_checkout(project):
    """Without -o, results go to studies/NAME/results of the checkout."""
    assert studies.results_folder("some_study") == project / "studies" / "some_study" / "results"


def test_results_need_a_checkout(monkeypatch, tmp_path):
    """An installation without a checkout asks for -o."""
    monkeypatch.setattr(studies, "HOME", tmp_path / "lib" / "zoneaxis" / "studies")
    with pytest.raises(InputError, match="say with -o"):
        studies.results_folder("some_study")


def test_a_scale_is_laid_over_what_holds_at_every_scale(tmp_path):
    """A scale changes only what it names, table by table."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[every]\nseed = 1\n[every.noise]\nimages = 5\ndose = 2\n[smoke.noise]\nimages = 3\n[full]\n")
    assert settings_of(recipe, "smoke") == {"seed": 1, "noise": {"images": 3, "dose": 2}}
    assert settings_of(recipe, "full") == {"seed": 1, "noise": {"images": 5, "dose": 2}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[every]\nseed = 1\n[smoke]\nsede = 2\n", r"\[smoke\]: 'sede' is not in \[every\]"),
        ("[every]\nseed = 1\n", r"table \[smoke\] is missing"),
        ("[every]\nseed = -1\n[smoke]\n", "seed = -1"),
        ("[every", "not a readable recipe"),
    ],
)
def test_a_faulty_recipe_is_refused(text, told, tmp_path):
    """A misspelt setting, a missing scale, an impossible seed or no TOML is named in one line."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        settings_of(recipe, "smoke")
    assert "\n" not in str(caught.value)


def test_a_stage_is_made_once(bench):
    """Numbers, texts and arrays come back as they were made, without making them again; other settings make anew."""
    made = []

    def make():
        made.append(1)
        return {
            "places": np.arange(6.0).reshape(2, 3),
            "rows": [{"mae": np.float64(0.5), "n": np.int64(3)}],
            "name": "é",
        }

    first = bench.stage("some stage", {"seed": 1}, make)
    again = bench.stage("some stage", {"seed": 1}, make)
    assert len(made) == 1
    np.testing.assert_array_equal(first["places"], again["places"])
    assert first["rows"] == again["rows"] == [{"mae": 0.5, "n": 3}]
    assert again["name"] == "é"
    bench.stage("some stage", {"seed": 2}, make)
    assert len(made) == 2


def test_an_interrupted_stage_leaves_nothing(bench):
    """A stage that fails keeps no half result and is made again."""

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.stage("some stage", {}, fail)
    assert bench.stage("some stage", {}, lambda: {"value": 1})["value"] == 1


def test_a_stage_refuses_what_it_cannot_keep(bench):
    """An object that neither JSON nor safetensors holds is an error, and nothing is left behind."""
    with pytest.raises(InputError, match="object"):
        bench.stage("some stage", {}, lambda: {"value": object(), "array": np.zeros(2)})
    assert not list(bench.folder.rglob("*.json"))


def test_keys_follow_the_settings():
    """Equal settings in any order and of NumPy's or Python's numbers have one key, others another."""
    assert key_of({"a": 1, "b": np.array([1.0, 2.0])}) == key_of({"b": [1.0, 2.0], "a": np.int64(1)})
    assert key_of({"a": 1}) != key_of({"a": 2})


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_are_all_done(workers, tmp_path):
    """All jobs are done, here or in processes of their own, and progress is told for each."""
    told = []
    bench = Bench("study", "smoke", {}, tmp_path, workers, lambda *what: told.append(what))
    bench.together("writing", [partial((tmp_path / name).write_text, name) for name in ("a", "b", "c")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    assert told == [("writing", done, 3) for done in range(4)]


def test_an_outcome_replaces_the_pages_of_an_earlier_one(tmp_path):
    """Pages are written whole, texts and pictures, in the place of earlier ones."""
    Outcome({}, {}, {"tables.md": "old"}).write(tmp_path / "smoke")
    Outcome({}, {}, {"tables.md": "new ±", "figure.png": b"\x89PNG"}).write(tmp_path / "smoke")
    assert (tmp_path / "smoke" / "tables.md").read_text(encoding="utf-8") == "new ±"
    assert sorted(path.name for path in (tmp_path / "smoke").iterdir()) == ["figure.png", "tables.md"]


def test_every_claim_has_its_source_and_bars_are_marked():
    """Claims name a table, figure or text of the paper, or say that the bar is our own."""
    for name in studies.names():
        text = (studies.HOME / name / "claims.toml").read_text(encoding="utf-8")
        sources = re.findall(r'^source = "(.*)"', text, flags=re.MULTILINE)
        assert sources
        assert all(source == "own bar" or re.search(r"Table|Figure|text", source) for source in sources)
