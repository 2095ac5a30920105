"""ONNX graph: a torch module as a graph that names nothing of this machine, and its answers on one thread."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

INPUT = "image"


def traced(whole: nn.Module, example: Tensor, outputs: Sequence[str]) -> bytes:
    """The module, from `image` (n, ...) to named outputs, as a graph dynamic in n; `example` holds at least two.

    Without the exporter's notes, which name files of this machine.
    """
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
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("n")},),
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


def runner(graph: bytes) -> Callable[[np.ndarray], Mapping[str, np.ndarray]]:
    """A graph as a function of images (n, ...) float32 to its outputs by name, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {INPUT: images}), strict=True))
