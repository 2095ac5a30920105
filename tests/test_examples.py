"""Every example, and the Python of the README, runs as it stands."""

import re
import runpy
from pathlib import Path

import pytest

from zoneaxis.errors import InputError
from zoneaxis.reading.model import model_folder

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((PROJECT / "examples").glob("*.py"))


def model_is_shipped() -> bool:
    try:
        model_folder(None)
    except InputError:
        return False
    return True


def readme_python() -> str:
    """The one Python block of the README."""
    (block,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    return block


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, monkeypatch, tmp_path, capsys):
    """An example answers the question in its first line by printing something."""
    text = path.read_text(encoding="utf-8")
    if "identify(" in text and not model_is_shipped():
        pytest.skip("the trained model is not in src/zoneaxis/models")
    assert "?" in text.splitlines()[0]
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_python_of_the_readme_runs(monkeypatch, tmp_path, capsys):
    """About ten lines of Python in the README work in an empty folder."""
    block = readme_python()
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 10
    if not model_is_shipped():
        pytest.skip("the trained model is not in src/zoneaxis/models")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "nickel.npz").is_file()
    assert "225" in capsys.readouterr().out


def test_readme_shows_the_commands_and_the_folders():
    """The README names the two commands, and every folder of its map exists."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    (drawn,) = re.findall(r"```\n(src/zoneaxis/\n.*?)```", text, flags=re.DOTALL)
    inside = [line.split()[0] for line in drawn.splitlines()[1:] if line.startswith("  ")]
    beside = [line.split()[0] for line in drawn.splitlines() if not line.startswith("  ")]
    assert not [name for name in inside if not (PROJECT / "src" / "zoneaxis" / name).is_dir()]
    assert not [name for name in beside if not (PROJECT / name).is_dir()]
    there = {path.parent.name for path in (PROJECT / "src" / "zoneaxis").glob("*/__init__.py")}
    assert there <= {name.rstrip("/") for name in inside}
