"""`zoneaxis generate` and `zoneaxis train` call their twins and can be taken up again."""

import importlib

import pytest


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        ("generate", ("--workers", 2, "--patterns", 7), {"workers": 2, "patterns": 7}),
        ("train", ("--workers", 2, "--force"), {"workers": 2, "overwrite": True}),
    ],
)
def test_options_reach_the_twin(zoneaxis, monkeypatch, tmp_path, command, words, expected):
    """Recipe, output and options arrive under their own names; the result is named on stderr."""
    called = {}

    def fake(recipe, output, **options):
        called.update(recipe=recipe, output=output, **options)
        return output

    monkeypatch.setattr(importlib.import_module(f"zoneaxis.recipes.{command}"), command, fake)
    ended = zoneaxis(command, tmp_path / "r.toml", "-o", tmp_path / "out.zarr", *words)
    assert ended.code == 0
    assert called == {"recipe": tmp_path / "r.toml", "output": tmp_path / "out.zarr", **expected}
    assert str(tmp_path / "out.zarr") in ended.err


@pytest.mark.parametrize("command", ["generate", "train"])
def test_interruption_says_how_to_go_on(zoneaxis, monkeypatch, tmp_path, command):
    """Ctrl-C ends with exit code 130 and the advice to give the same command again."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module(f"zoneaxis.recipes.{command}"), command, interrupt)
    ended = zoneaxis(command, tmp_path / "r.toml", "-o", tmp_path / "out.zarr")
    assert ended.code == 130
    assert "same command again" in ended.err


@pytest.mark.parametrize("command", ["generate", "train"])
def test_faulty_recipe_is_one_line(zoneaxis, tmp_path, command):
    """A recipe that is missing, no TOML or has an unknown entry ends with 2 and leaves the folder as it was."""
    recipe = tmp_path / "r.toml"
    for content in (None, "name = [", 'name = "x"\ncrystals = ["Ni"]\nfrobnicate = 1\n'):
        if content is not None:
            recipe.write_text(content)
        ended = zoneaxis(command, recipe, "-o", tmp_path / "out.zarr")
        assert ended.code == 2
        assert ended.err.startswith(f"zoneaxis: {recipe}: ")
        assert ended.err.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["r.toml"])
