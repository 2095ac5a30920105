"""The program run inside the test's process, and readings made by hand."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoneaxis.cli import app
from zoneaxis.reading.reading import Answer, Reading


@dataclass(frozen=True)
class Outcome:
    """How a run of the program ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def zoneaxis(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the program with these words; its exit code and what it wrote."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(word) for word in words])
        written = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), written.out, written.err)

    return run


def reading(file: Path | str, index: int = 0, **changes: Any) -> Reading:
    """A reading of nickel with both witnesses."""
    values: dict[str, Any] = {
        "file": str(file),
        "index": index,
        "technique": "ebsd",
        "model": "no-such-model",
        "unknown": False,
        "unknown_score": 0.25,
        "answers": (Answer("225", 0.75), Answer("227", 0.25)),
        "prediction_set": ("225", "227"),
        "reason": "Network and matching agree on 225.",
        "evidence": {
            "network": {
                "answers": [{"label": "225", "probability": 0.5}],
                "unknown_score": 0.1,
                "prediction_set": ["225"],
            },
            "matching": {
                "crystals": {"Ni": 0.5, "Si": 0.25},
                "best_crystal": "Ni",
                "best_group": "225",
                "ncc": 0.5,
                "margin": 0.25,
                "euler_deg": [10.0, 20.0, 30.0],
                "pattern_centre": [0.5, 0.25, 0.5],
            },
            "agreement": True,
            "image_quality": 0.2,
        },
    }
    return Reading(**(values | changes))


@dataclass
class FakeIdentify:
    """Stands in for `identify`: gives two readings of each file and remembers how it was called."""

    called: dict[str, Any] | None = None

    def __call__(self, paths: Any, **options: Any) -> Iterator[Reading]:
        self.called = {"paths": [str(path) for path in paths], **options}
        for path in paths:
            disc = np.random.default_rng(0).normal(size=(24, 24)).astype(np.float32)
            images = {"pattern": disc, "simulated": disc, "saliency": abs(disc) / 9} if options.get("images") else {}
            yield reading(path, 0, images=images)
            yield reading(path, 1, images=images, unknown=True, reason="No crystal explains it.")


@pytest.fixture
def fake_identify(monkeypatch: pytest.MonkeyPatch) -> FakeIdentify:
    """The fake in the place of the real one."""
    fake = FakeIdentify()
    monkeypatch.setattr(importlib.import_module("zoneaxis.reading.identify"), "identify", fake)
    return fake


@pytest.fixture
def patterns_file(tmp_path: Path) -> Path:
    """Two patterns of noise in a file."""
    import tifffile

    path = tmp_path / "two.tif"
    noise = np.random.default_rng(0).integers(0, 255, (2, 24, 24), dtype=np.uint8)
    tifffile.imwrite(path, noise, photometric="minisblack")
    return path
