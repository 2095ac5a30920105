"""Stored patterns: what is drawn is what was stored, and depends on the seed alone."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.stored_patterns import PatternStack, StoredPatterns
from zoneaxis.learn.stream import PatternStream
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import pattern_set

COUNT, SIDE = 40, 32


def _intensity() -> np.ndarray:
    """Pictures (40, 32, 32) with values over eight decades; pixel (0, 0) is 10^4 times the number of the picture."""
    values = 10 ** np.random.default_rng(0).uniform(0, 8, (COUNT, SIDE, SIDE))
    values[:, 0, 0] = 1e4 * np.arange(COUNT)
    return values


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A store of 40 pictures: two groups of 30 and 10, two parts, two families."""
    number = np.arange(COUNT)
    labels = {
        "structure": number // 4,
        "space_group": np.where(number < 30, 225, 229),
        "part": np.where(number % 4 == 3, "validation", "training"),
        "family": np.where(number % 2, "twin", "perfect"),
        "per_angstrom_per_px": np.full(COUNT, 0.02),
    }
    held = (_intensity() ** 0.25).astype(np.float16)
    dataset = pattern_set(held, labels, technique="sadp", provenance="test", root=4, plan="abc")
    return store.save(dataset, tmp_path / "set.zarr")


def group_classes(labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Class 0 for 225, 1 for 229."""
    return (labels["space_group"] == 229).astype(np.int64)


def only_fcc(labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Class 0 for 225, none for 229."""
    return np.where(labels["space_group"] == 225, 0, -1)


def noisy(patterns: Tensor, labels: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Pictures of height 1 with noise of 1 %, and in a corner the camera constant."""
    shown = patterns / patterns.amax((-2, -1), keepdim=True)
    shown = shown + 0.01 * torch.randn(patterns.shape, generator=generator)
    shown[:, -1, -1] = labels["per_angstrom_per_px"].to(shown)
    return shown


def test_the_root_is_undone(saved: Path) -> None:
    """Intensities come back within the rounding of their fourth root in 16 bit: 4 x 2^-11."""
    source = PatternStack.open(saved).picked(classes=group_classes)
    patterns, labels = source.all()
    expected = torch.from_numpy(_intensity()).float()
    assert torch.allclose(patterns, expected, rtol=4.5 * 2**-11, atol=1e-3)
    assert torch.equal(
        labels["material"], torch.from_numpy(group_classes({"space_group": source.labels["space_group"]}))
    )
    assert "part" not in labels


def test_binning_keeps_the_mean_and_moves_the_scale(saved: Path) -> None:
    """At half the size intensities are means over 2 x 2 pixels, and a pixel is twice as much of 1/Å."""
    stack = PatternStack.open(saved, size_px=16)
    patterns, labels = stack.picked(classes=group_classes).all()
    expected = torch.from_numpy(_intensity().reshape(COUNT, 16, 2, 16, 2).mean((2, 4))).float()
    assert torch.allclose(patterns, expected, rtol=5e-3)
    assert torch.allclose(labels["per_angstrom_per_px"], torch.tensor(0.04, dtype=torch.float64))


def test_only_what_is_asked_for_is_drawn(saved: Path) -> None:
    """Draws hold only the chosen part and family, each with its own labels."""
    source = PatternStack.open(saved).picked({"part": ["training"], "family": ["twin"]}, classes=group_classes)
    assert len(source) == 10
    patterns, labels = source(200, seed=1)
    numbers = (patterns[:, 0, 0] / 1e4).round().long()
    assert set(numbers.tolist()) == {n for n in range(COUNT) if n % 4 == 1}
    assert torch.equal(labels["structure"], numbers // 4)
    assert torch.equal(labels["material"], (numbers >= 30).long())


def test_draws_depend_on_the_seed_alone(saved: Path) -> None:
    """One seed gives one batch, after pickling and in other processes too; another seed another."""
    source = PatternStack.open(saved).picked(classes=group_classes, degrade=noisy)
    first, again, other = source(8, 3)[0], pickle.loads(pickle.dumps(source))(8, 3)[0], source(8, 4)[0]  # noqa: S301
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    alone = list(PatternStream(source, 8, seed=3, batches=3).loader(0))
    helped = list(PatternStream(source, 8, seed=3, batches=3).loader(1))
    assert all(torch.equal(a, b) and torch.equal(c, d) for (a, c), (b, d) in zip(alone, helped, strict=True))
    assert torch.allclose(first[:, -1, -1], torch.tensor(0.02))


def test_a_pattern_is_spoilt_anew_each_time(saved: Path) -> None:
    """The same pattern in one batch carries different noise; a listing repeats itself for one seed."""
    source = PatternStack.open(saved).picked(
        {"structure": [0], "part": ["validation"]}, classes=group_classes, degrade=noisy
    )
    assert len(source) == 1
    patterns, _ = source(2, 0)
    assert not torch.equal(patterns[0], patterns[1])
    assert torch.equal(source.all(5)[0], source.all(5)[0])
    assert not torch.equal(source.all(5)[0], source.all(6)[0])


def test_balance_makes_rare_classes_as_frequent(saved: Path) -> None:
    """Classes of 30 and 10 patterns are drawn equally often within five binomial deviations."""
    stack = PatternStack.open(saved)
    plain = stack.picked(classes=group_classes)(4000, 0)[1]["material"].double().mean()
    even = stack.picked(classes=group_classes, balance=("material", "family"))(4000, 0)[1]["material"].double().mean()
    assert abs(float(plain) - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5
    assert abs(float(even) - 0.5) < 5 * (0.25 / 4000) ** 0.5


def test_the_array_is_written_once_and_never_stands_for_another_set(saved: Path) -> None:
    """Opening twice reads the same file; a set with other labels gets another one; nothing else is left behind."""
    first = PatternStack.open(saved)
    written = Path(first.path).stat().st_mtime_ns
    assert PatternStack.open(saved).path == first.path
    assert Path(first.path).stat().st_mtime_ns == written
    dataset = store.load(saved)
    store.save(dataset.assign_coords(structure=dataset["structure"] + 1).load(), saved, overwrite=True)
    assert PatternStack.open(saved).path != first.path
    assert len(list(saved.parent.iterdir())) == 3


def test_unknown_crystals_are_listed_but_never_drawn(saved: Path) -> None:
    """Patterns of no class are refused for training and carry -1 in a listing."""
    stack = PatternStack.open(saved)
    with pytest.raises(InputError, match="10 are of no class"):
        stack.picked(classes=only_fcc)
    source = stack.picked(classes=only_fcc, unknown=True)
    assert int((source.all()[1]["material"] == -1).sum()) == 10
    with pytest.raises(InputError, match="no class"):
        source(4, 0)


def test_faulty_questions_are_answered_in_one_line(saved: Path) -> None:
    """Unknown labels, values without patterns, empty choices and sizes that do not divide are named."""
    stack = PatternStack.open(saved)
    for where, word in (
        ({"colour": ["red"]}, "colour"),
        ({"family": ["shear"]}, "shear"),
        ({"family": []}, "none has"),
    ):
        with pytest.raises(InputError, match=word) as refusal:
            stack.picked(where, classes=group_classes)
        assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match="size_px = 20"):
        PatternStack.open(saved, size_px=20)
    with pytest.raises(InputError, match="cannot be read"):
        StoredPatterns(str(saved.parent / "none.npy"), np.arange(2), np.arange(2), {})(1, 0)
