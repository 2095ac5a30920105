"""Networks by name: every module in this folder with a `build` function is an architecture of that name.

A module is a classifier unless its `KIND` says otherwise:

    classifier: patterns (n, 1, rows, cols) -> logits (n, classes) when called; offers `features(x)` (n, f), the vector
        before the last linear layer `head`, and `saliency_layer`, the block whose activations an explanation weighs.
    autoencoder: images in [0, 1] -> logits of their reconstruction, of the same shape, when called; offers `encode(x)`
        (n, latent), `decode(z)` and the numbers `latent` and `size_px`.
    translator: images in [0, 1] -> images of another kind in [0, 1], of the same shape, when called; offers `size_px`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

from torch import nn

from zoneaxis.errors import InputError

KINDS = ("classifier", "autoencoder", "translator")


def names(kind: str | None = None) -> list[str]:
    """Names of the architectures, all or those of one kind, found by walking this folder."""
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown kind of network {kind!r}; known: {', '.join(KINDS)}")
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in found if kind in (None, _kind(_module(name)))]


def kind_of(architecture: str) -> str:
    """What an architecture is, one of `KINDS`."""
    if architecture not in names():
        raise InputError(f"unknown architecture {architecture!r}; known: {', '.join(names())}")
    return _kind(_module(architecture))


def build(architecture: str, **arguments: object) -> nn.Module:
    """A freshly initialised network that keeps the promise of its kind.

    Raises `InputError` for an unknown architecture, an unknown argument or a value the architecture refuses.
    """
    if architecture not in names():
        raise InputError(f"unknown architecture {architecture!r}; known: {', '.join(names())}")
    builder = _module(architecture).build
    try:
        inspect.signature(builder).bind(**arguments)
    except TypeError as reason:
        raise InputError(f"architecture {architecture!r}: {reason}") from None
    return builder(**arguments)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def _kind(module: ModuleType) -> str:
    return getattr(module, "KIND", "classifier")
