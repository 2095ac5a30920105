"""Pattern stream: an endless, seeded supply of labelled patterns, generated beside the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from zoneaxis.errors import InputError

PatternSource = Callable[[int, int], tuple[Tensor, Mapping[str, Tensor]]]
"""(n, seed) -> patterns (n, rows, cols) and integer labels, at least {"material": (n,)}; picklable, no state."""

Preparation = Callable[[Tensor], Tensor]
"""Patterns (n, rows, cols) as recorded -> network input (n, size, size), float."""


def as_input(patterns: Tensor, prepare: Preparation | None) -> Tensor:
    """Network input (n, 1, rows, cols) float32 from patterns (n, rows, cols), prepared where a preparation is given."""
    patterns = torch.as_tensor(patterns)
    prepared = patterns if prepare is None else prepare(patterns)
    if prepared.ndim != 3:
        raise InputError(f"pattern stream: patterns have shape {tuple(prepared.shape)}, expected (n, rows, cols)")
    return prepared[:, None].to(torch.float32)


class PatternStream(IterableDataset):  # type: ignore[type-arg]
    """Batches number `first_batch`, `first_batch` + 1, ... of a source.

    Batch k depends on (seed, k) only. So a run that resumes at batch k sees what an uninterrupted run would have
    seen, and any number of workers yields the same batches in the same order.
    """

    def __init__(
        self, source: PatternSource, batch_images: int, seed: int, batches: int, prepare: Preparation | None = None
    ) -> None:
        self.source, self.prepare = source, prepare
        self.batch_images, self.seed, self.batches = batch_images, seed, batches
        self.first_batch = 0

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Input (n, 1, rows, cols) float32 and material labels (n,) int64 of one batch."""
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1, np.uint32)[0])
        patterns, labels = self.source(self.batch_images, seed)
        if "material" not in labels:
            raise InputError(f"pattern stream: labels {sorted(labels)} hold no 'material'")
        return as_input(patterns, self.prepare), torch.as_tensor(labels["material"]).long()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(self.first_batch + offset, self.batches, stride):
            yield self.batch(number)

    def loader(self, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
        """Loader that generates `workers` processes ahead of the training (0: in the training process)."""
        ahead = {"prefetch_factor": 4, "persistent_workers": False} if workers else {}
        return DataLoader(self, batch_size=None, num_workers=workers, **ahead)  # type: ignore[arg-type]
