"""Training learns what can be learned, only that, and resumes exactly."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stream import PatternSource
from zoneaxis.learn.training import fit


def _weights(trained: object) -> dict[str, Tensor]:
    return trained.network.state_dict()  # type: ignore[attr-defined]


def test_short_run_solves_the_gratings(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """A one-epoch run with a generator process takes under 20 s, reads unseen patterns and writes its log."""
    start = time.monotonic()
    run = fit(
        gratings, gratings(256, 99), grouping, dataclasses.replace(recipe, workers=1), tmp_path / "run", progress=False
    )
    seconds = time.monotonic() - start
    print(f"smoke training: {seconds:.1f} s, material accuracy {run.record['validation']['material_accuracy']:.3f}")
    assert seconds < 20
    assert run.record["validation"]["material_accuracy"] > 0.95
    assert run.record["validation"]["group_accuracy"] >= run.record["validation"]["material_accuracy"]
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert stored["finished"] and stored["images"] == recipe.images and stored["recipe"]["seed"] == recipe.seed
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert rows[0].startswith("step,images") and len(rows) == 1 + 2 + 2


def test_sixteen_patterns_are_learned_by_heart(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """Overfitting: sixteen patterns with arbitrary labels are read without a mistake."""
    patterns, _ = gratings(16, 7)
    labels = {"material": torch.arange(16) % 4}
    heart = dataclasses.replace(
        recipe, batch_images=16, images=16 * 80, validate_every_images=16 * 80, learning_rate=3e-3
    )
    run = fit(lambda n, seed: (patterns, labels), (patterns, labels), grouping, heart, tmp_path / "run", progress=False)
    assert run.record["validation"]["material_accuracy"] == 1.0


def test_shuffled_labels_reach_chance_only(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """With labels drawn at random nothing is learned: 512 unseen patterns are read at 1/4 within five deviations."""

    def shuffled(n: int, seed: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        patterns, _ = gratings(n, seed)
        return patterns, {"material": torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(seed + 1))}

    run = fit(shuffled, gratings(512, 99), grouping, recipe, tmp_path / "run", progress=False)
    accuracy = run.record["validation"]["material_accuracy"]
    print(f"shuffled labels: {accuracy:.3f} (chance 0.25)")
    assert abs(accuracy - 0.25) < 5 * (0.25 * 0.75 / 512) ** 0.5


def test_interrupted_run_ends_as_an_uninterrupted_one(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """A run that fails in the middle and is resumed has the weights of one that never stopped."""
    short = dataclasses.replace(recipe, images=64 * 12, validate_every_images=64 * 4, precision="float32")
    validation = gratings(64, 99)
    whole = fit(gratings, validation, grouping, short, tmp_path / "whole", progress=False)

    with pytest.raises(ConnectionError):
        fit(_failing(gratings, after=7), validation, grouping, short, tmp_path / "cut", progress=False)
    assert (tmp_path / "cut" / "checkpoints" / "last.ckpt").exists()
    resumed = fit(gratings, validation, grouping, short, tmp_path / "cut", progress=False)

    for name, tensor in _weights(whole).items():
        assert torch.allclose(tensor, _weights(resumed)[name], atol=1e-6), name
    assert resumed.record["images"] == short.images


def test_same_seed_gives_same_weights(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """Two runs of one recipe agree whatever the state of the global random numbers; another seed does not."""
    short = dataclasses.replace(recipe, images=64 * 4, validate_every_images=64 * 4)
    runs = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(hash(name) % 1000)
        seeded = dataclasses.replace(short, seed=seed)
        runs.append(_weights(fit(gratings, gratings(64, 9), grouping, seeded, tmp_path / name, progress=False)))
    first = "head.weight"
    assert torch.allclose(runs[0][first], runs[1][first], atol=1e-3)
    assert not torch.allclose(runs[0][first], runs[2][first], atol=1e-3)


def test_clock_limit_ends_the_run_in_time(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """A run with far too many images stops at its minutes, its learning rate gone to zero."""
    timed = dataclasses.replace(recipe, images=10**7, validate_every_images=10**7, max_minutes=0.03)
    run = fit(gratings, gratings(64, 99), grouping, timed, tmp_path / "run", progress=False)
    assert run.record["images"] < 10**5
    assert 0.03 <= run.record["minutes"] < 0.2


def test_finished_run_is_read_back_and_never_overwritten(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """Asking again returns the same weights; another recipe or no resuming is refused."""
    short = dataclasses.replace(recipe, images=128, validate_every_images=128)
    again: Callable[..., object] = lambda r, **k: fit(  # noqa: E731
        gratings, gratings(64, 99), grouping, r, tmp_path / "run", progress=False, **k
    )
    first, second = again(short), again(short)
    assert all(torch.equal(t, _weights(second)[name]) for name, t in _weights(first).items())
    with pytest.raises(InputError, match="learning_rate"):
        again(dataclasses.replace(short, learning_rate=1e-4))
    with pytest.raises(InputError, match="holds a training run"):
        again(short, resume=False)


def test_broken_checkpoint_is_named(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """A checkpoint cut short raises one line with its path and is left where it is."""
    short = dataclasses.replace(recipe, images=64 * 6, validate_every_images=64 * 6)
    with pytest.raises(ConnectionError):
        fit(_failing(gratings, after=3), gratings(64, 99), grouping, short, tmp_path / "run", progress=False)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match="last.ckpt"):
        fit(gratings, gratings(64, 99), grouping, short, tmp_path / "run", progress=False)
    assert checkpoint.stat().st_size == 1000


def test_validation_labels_outside_the_classes_are_refused(
    gratings: PatternSource, grouping: Grouping, recipe: TrainingRecipe, tmp_path: Path
) -> None:
    """A label beyond the last material raises before anything is written."""
    patterns, labels = gratings(8, 0)
    with pytest.raises(InputError, match="outside 0 to 3"):
        fit(gratings, (patterns, {"material": labels["material"] + 4}), grouping, recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _failing(source: PatternSource, after: int) -> PatternSource:
    """The source, breaking down after so many batches."""
    calls = iter(range(10**6))

    def fails(n: int, seed: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        if next(calls) >= after:
            raise ConnectionError("the generator is gone")
        return source(n, seed)

    return fails
