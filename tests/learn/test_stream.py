"""The pattern stream depends on seed and batch number only."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn.stream import PatternSource, PatternStream


def test_workers_change_neither_batches_nor_their_order(gratings: PatternSource) -> None:
    """Zero and two generator processes yield the same five batches."""
    alone = list(PatternStream(gratings, 8, seed=3, batches=5).loader(0))
    helped = list(PatternStream(gratings, 8, seed=3, batches=5).loader(2))
    assert len(alone) == len(helped) == 5
    for (a, label_a), (b, label_b) in zip(alone, helped, strict=True):
        assert torch.equal(a, b) and torch.equal(label_a, label_b)


def test_resumed_stream_continues_where_it_stopped(gratings: PatternSource) -> None:
    """Starting at batch 3 gives the fourth batch, and no batch repeats another."""
    stream = PatternStream(gratings, 8, seed=3, batches=5)
    whole = [patterns for patterns, _ in stream]
    stream.first_batch = 3
    assert torch.equal(next(iter(stream))[0], whole[3])
    assert not torch.equal(whole[0], whole[1])


def test_other_seed_gives_other_patterns(gratings: PatternSource) -> None:
    """The seed matters."""
    first, second = (PatternStream(gratings, 8, seed=s, batches=1).batch(0)[0] for s in (0, 1))
    assert not torch.equal(first, second)


def test_preparation_runs_before_the_network(gratings: PatternSource) -> None:
    """A preparation changes the size; a channel dimension is added behind it."""
    stream = PatternStream(gratings, 8, seed=0, batches=1, prepare=lambda patterns: patterns[:, ::2, ::2])
    patterns, labels = stream.batch(0)
    assert patterns.shape == (8, 1, 16, 16) and labels.dtype == torch.int64


def test_source_without_material_labels_is_refused() -> None:
    """Labels must hold the material."""
    stream = PatternStream(lambda n, seed: (torch.zeros(n, 8, 8), {"phase": torch.zeros(n)}), 4, 0, 1)
    with pytest.raises(InputError, match="material"):
        stream.batch(0)
