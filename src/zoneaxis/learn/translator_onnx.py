"""Translator as ONNX: the graph of a trained translator, checked against torch, and what either costs an image."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from zoneaxis.learn.networks.translator import Translator
from zoneaxis.learn.onnx_graph import runner, traced

OUTPUT = "translation"
TOLERANCE = 1e-4
"""Largest difference from torch, in grey values."""


def export(network: Translator, images: np.ndarray | None = None) -> bytes:
    """One graph, image (n, 1, size, size) float32 in [0, 1] -> translation of the same shape, dynamic in n.

    It is run by onnxruntime on `images` (sixteen of noise when None), one by one and together, and must agree with
    torch within `TOLERANCE`.

    Raises `RuntimeError` when it does not.
    """
    size = network.size_px
    if images is None:
        images = np.random.default_rng(0).random((16, 1, size, size), dtype=np.float32)
    images = np.asarray(images, np.float32).reshape(-1, 1, size, size)
    graph = traced(network.eval(), torch.zeros(2, 1, size, size), [OUTPUT])
    difference = compare(graph, network, images)
    if not difference <= TOLERANCE:
        raise RuntimeError(f"ONNX graph differs from torch by {difference:.1e}")
    return graph


def compare(graph: bytes, network: Translator, images: np.ndarray) -> float:
    """Largest difference between onnxruntime and torch, for all images together and for the first four alone."""
    run = runner(graph)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(images)).numpy()
    pairs = [(run(images), expected), *((run(image[None]), expected[[k]]) for k, image in enumerate(images[:4]))]
    return max(float(np.abs(found[OUTPUT] - wanted).max()) for found, wanted in pairs)


def milliseconds_per_image(graph: bytes, network: Translator, *, repeats: int = 50) -> dict[str, float]:
    """Median time of one image alone on one thread, `torch` (float32) and `onnxruntime`, after a warm-up."""
    image = torch.rand(1, 1, network.size_px, network.size_px, generator=torch.Generator().manual_seed(0))
    run, plain = runner(graph), image.numpy()
    previous_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return {
                "torch": _median_ms(lambda: network.eval()(image), repeats),
                "onnxruntime": _median_ms(lambda: run(plain), repeats),
            }
    finally:
        torch.set_num_threads(previous_threads)


def _median_ms(once: Callable[[], object], repeats: int) -> float:
    times = []
    for number in range(repeats + 3):
        started = time.perf_counter()
        once()
        if number >= 3:
            times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times))
