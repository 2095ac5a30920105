"""Networks by name: every module in this folder with a `build` function is an architecture of that name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from torch import nn

from zoneaxis.errors import InputError


def names() -> list[str]:
    """Names of the architectures, found by walking this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build(architecture: str, **arguments: object) -> nn.Module:
    """A freshly initialised network.

    Every network built here maps prepared patterns (n, 1, rows, cols) to logits (n, classes) when called, and offers
    `features(x)` (n, f), the vector before the last linear layer `head`, and `saliency_layer`, the convolution block
    whose activations an explanation weighs.

    Raises `InputError` for an unknown architecture, an unknown argument or a value the architecture refuses.
    """
    if architecture not in names():
        raise InputError(f"unknown architecture {architecture!r}; known: {', '.join(names())}")
    builder = importlib.import_module(f"{__name__}.{architecture}").build
    try:
        inspect.signature(builder).bind(**arguments)
    except TypeError as reason:
        raise InputError(f"architecture {architecture!r}: {reason}") from None
    return builder(**arguments)
