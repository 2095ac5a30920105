"""A recipe of seconds: three crystals, one coarse library, a few hundred pictures of 32 px."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.small_world import COARSE, hurry, small_library
from zoneaxis.techniques.ebsd import library

MICRO = """
name = "micro"
seed = 5
patterns = 40
crystals = ["Ni", "Si", "W"]

[library.coarse]
{physics}

[experiment]
libraries = ["coarse"]
size_px = 32
degradations = ["mild"]

[training]
arguments = {{ width = 0.125 }}
images = 640
batch_images = 64
validate_every_images = 320
workers = 0

[calibration]
patterns = 192
judge_libraries = ["coarse"]
judge_patterns = 240
judge_detectors = 2

[test.mild]
patterns = 60
degradations = ["mild"]
"""


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture(scope="session")
def micro_text() -> str:
    """The recipe's text."""
    return MICRO.format(physics="\n".join(f"{name} = {_toml(value)}" for name, value in COARSE.items()))


@pytest.fixture(scope="session")
def small_shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small library."""
    return small_library(tmp_path_factory.mktemp("shipped") / "library")


@pytest.fixture(scope="module")
def small_cache(tmp_path_factory: pytest.TempPathFactory, small_shipped: Path) -> Iterator[Path]:
    """A cache folder of its own, a hurried Monte Carlo, and the small library in the place of the shipped one."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr(library, "shipped_folder", lambda: small_shipped)
        yield cache


@pytest.fixture
def write_recipe(tmp_path: Path, micro_text: str) -> Callable[..., Path]:
    """Write the recipe with some text replaced."""

    def write(*changes: tuple[str, str], name: str = "micro.toml") -> Path:
        text = micro_text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write
