"""ONNX export: encoder, kernel ridge regression and decoder as one graph, checked against torch before it is used."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from zoneaxis.learn.kernel_ridge import KernelRidge
from zoneaxis.learn.networks.autoencoder import Autoencoder

INPUT, OUTPUTS = "image", ("values", "latent", "reconstruction")
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
    graph = _traced(whole, example)
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
    together = run(graph, images)
    alone = [run(graph, image[None]) for image in images[:4]]
    differences = {}
    for name, unit in units.items():
        reference = expected[name].numpy()
        pairs = [(together[name], reference), *((one[name], reference[k : k + 1]) for k, one in enumerate(alone))]
        differences[name] = max(float(np.max(np.abs(found - wanted) / unit)) for found, wanted in pairs)
    return differences


def run(graph: bytes, images: np.ndarray) -> Mapping[str, np.ndarray]:
    """Outputs of a graph by name, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {INPUT: images}), strict=True))


def _traced(whole: nn.Module, example: Tensor) -> bytes:
    """The module as a graph, without the exporter's notes, which name files of this machine."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # it misses torchvision, which we do not use
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's remarks on its own parts
            program = torch.onnx.export(
                whole,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes={"images": {0: torch.export.Dim("n")}},
                verbose=False,
            )
    finally:
        registration.setLevel(level)
    assert program is not None
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return bytes(model.SerializeToString())


class _Whole(nn.Module):
    """Images to values, latents and reconstructions."""

    def __init__(self, network: Autoencoder, regressor: KernelRidge) -> None:
        super().__init__()
        self.network, self.regressor = network.eval(), regressor.module()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latent = self.network.encode(images)
        return self.regressor(latent), latent, self.network.decode(latent).sigmoid()
