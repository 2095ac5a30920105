"""Processes: independent jobs side by side, one thread each, results as they are finished."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from zoneaxis.errors import InputError

Result = TypeVar("Result")


def results(jobs: Sequence[Callable[[], Result]], workers: int, what: str) -> Iterator[Result]:
    """Results of the jobs in the order in which they are finished; with one worker, or one job, in this process.

    Jobs must be picklable. Those that have not begun are given up when the caller stops asking or one of them fails.
    what: names the work in messages.

    Raises InputError when a process dies, in one line.
    """
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield job()
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), fresh, _one_thread) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for finished in as_completed(running):
                yield finished.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"{what}: a worker process died (short of memory, or its work cannot be imported by a fresh process); "
                "what is finished is kept: start again, with fewer workers"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    """Each process computes on one thread: many small matrices are slower, not faster, on several."""
    import torch

    torch.set_num_threads(1)
