"""ONNX export: encoder, kernel ridge regression and decoder as one graph, checked against torch before it is used."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from zoneaxis.learn.kernel_ridge import KernelRidge
from zoneaxis.learn.networks.autoencoder import Autoencoder
from zoneaxis.learn.onnx_graph import runner, traced

OUTPUTS = ("values", "latent", "reconstruction")
TOLERANCE = 1e-4
"""Largest difference from torch: values in units of their spread in training, latents of theirs, images as they are."""


def export(network: Autoencoder, regressor: KernelRidge, images: np.ndarray | None = None) -> bytes:
    """One graph from prepared images to numbers, dynamic in n.

        image (n, 1, size, size) float32 -> values (n, t), latent (n, k), reconstruction (n, 1, size, size), float32

    The regression runs in float64 inside, because its coefficients nearly cancel. The graph is run by onnxruntime on
    `images` (random ones when None) one by one and together, and must agree with torch within `TOLERANCE`.

    Raises `RuntimeError` when it does not.
    """
    whole = _Whole(network, regressor)
    size = network.size_px
    if images is None:
        images = np.random.default_rng(0).random((16, 1, size, size), dtype=np.float32)
    images = np.asarray(images, np.float32).reshape(-1, 1, size, size)
    example = torch.from_numpy(images[:2] if len(images) > 1 else np.repeat(images, 2, axis=0))
    graph = traced(whole, example, OUTPUTS)
    differences = compare(graph, network, regressor, images)
    worst = max(differences, key=lambda name: differences[name])
    if not differences[worst] <= TOLERANCE:
        raise RuntimeError(f"ONNX graph differs from torch by {differences[worst]:.1e} in {worst}")
    return graph


def compare(graph: bytes, network: Autoencoder, regressor: KernelRidge, images: np.ndarray) -> dict[str, float]:
    """Largest difference between onnxruntime and torch for each output, in the units of `TOLERANCE`."""
    with torch.no_grad():
        expected = dict(zip(OUTPUTS, _Whole(network, regressor)(torch.from_numpy(images)), strict=True))
    spread = np.maximum(regressor.centres.std(0), 1e-12)
    units = {"values": regressor.scale, "latent": spread, "reconstruction": np.ones(1)}
    run = runner(graph)
    together, alone = run(images), [run(image[None]) for image in images[:4]]
    differences = {}
    for name, unit in units.items():
        reference = expected[name].numpy()
        pairs = [(together[name], reference), *((one[name], reference[k : k + 1]) for k, one in enumerate(alone))]
        differences[name] = max(float(np.max(np.abs(found - wanted) / unit)) for found, wanted in pairs)
    return differences


class _Whole(nn.Module):
    """Images to values, latents and reconstructions."""

    def __init__(self, network: Autoencoder, regressor: KernelRidge) -> None:
        super().__init__()
        self.network, self.regressor = network.eval(), regressor.module()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latent = self.network.encode(images)
        return self.regressor(latent), latent, self.network.decode(latent).sigmoid()
