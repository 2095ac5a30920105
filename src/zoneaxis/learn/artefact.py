"""Artefact: a trained model as a folder of safetensors files and one card; a regressor also brings its ONNX graph."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.learn import model_folder, networks
from zoneaxis.learn.card import Card
from zoneaxis.learn.card_file import CARD
from zoneaxis.learn.regression_card import FORMAT as REGRESSION_FORMAT
from zoneaxis.learn.regression_card import RegressionCard

WEIGHTS = "weights.safetensors"
AnyCard = TypeVar("AnyCard", Card, RegressionCard)


@dataclasses.dataclass(frozen=True)
class Artefact(Generic[AnyCard]):
    """A model read back: the network in evaluation mode, its card, and what further files hold.

    tensors: by file stem and name, of every other safetensors file; graphs: ONNX graphs as bytes, by file stem.
    """

    network: nn.Module
    card: AnyCard
    tensors: dict[str, dict[str, Tensor]]
    graphs: dict[str, bytes] = dataclasses.field(default_factory=dict)


def save(
    folder: str | Path,
    network: nn.Module,
    card: AnyCard,
    tensors: Mapping[str, Mapping[str, Tensor | np.ndarray]] | None = None,
    *,
    graphs: Mapping[str, bytes] | None = None,
    replace: bool = False,
) -> AnyCard:
    """Write `weights.safetensors`, `<stem>.safetensors` and `<stem>.onnx` for each of the others, and `card.json`.

    The folder appears under its name only when every file is complete. An existing folder is left alone and raises
    `InputError` unless `replace` is set; then it is exchanged in one move. Returns the card as written, with the
    parameter count and the SHA-256 of each file.
    """
    from safetensors.torch import save as as_bytes

    groups: dict[str, Mapping[str, Any]] = {Path(WEIGHTS).stem: network.state_dict()} | dict(tensors or {})
    contents = {f"{stem}.onnx": graph for stem, graph in (graphs or {}).items()}
    for stem, group in groups.items():
        plain = {name: torch.as_tensor(values).detach().cpu().contiguous() for name, values in group.items()}
        contents[f"{stem}.safetensors"] = as_bytes(plain)
    card = dataclasses.replace(
        card,
        parameter_count=_parameter_count(network),
        files={name: model_folder.fingerprint(contents[name]) for name in sorted(contents)},
    )
    model_folder.write(Path(folder), contents, card.to_json(), replace=replace)
    return card


def load(folder: str | Path, device: str | torch.device = "cpu") -> Artefact[Card]:
    """Read a classifier; every file is held against the card before it is used.

    Raises `InputError`, in one line, when the folder, the card or a file is missing, altered or cut short, when the
    card holds unknown fields, or when the weights do not fit the architecture the card names.
    """
    return _load(Path(folder), Card, device)


def load_regressor(folder: str | Path, device: str | torch.device = "cpu") -> Artefact[RegressionCard]:
    """Read a model that reads numbers, as `load` does; its network is the autoencoder."""
    return _load(Path(folder), RegressionCard, device)


def load_any(folder: str | Path, device: str | torch.device = "cpu") -> Artefact[Card] | Artefact[RegressionCard]:
    """Read a model of either kind, as its card states; refusals are those of `load`."""
    try:
        numbers = json.loads((Path(folder) / CARD).read_text(encoding="utf-8"))["format"] == REGRESSION_FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        numbers = False  # `load` says what is wrong
    return load_regressor(folder, device) if numbers else load(folder, device)


def _load(folder: Path, kind: type[AnyCard], device: str | torch.device) -> Artefact[AnyCard]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such model folder")
    card = kind.read(folder / CARD)
    if WEIGHTS not in card.files:
        raise InputError(f"{folder / CARD}: files does not name {WEIGHTS}")
    contents = model_folder.read(folder, card.files, card.SUFFIXES)
    graphs = {Path(name).stem: content for name, content in contents.items() if name.endswith(".onnx")}
    tensors = {
        Path(name).stem: _tensors(folder / name, content)
        for name, content in contents.items()
        if name.endswith(".safetensors")
    }
    network = _network(folder, card, tensors.pop(Path(WEIGHTS).stem))
    return Artefact(network.to(device).eval().requires_grad_(False), card, tensors, graphs)


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except SafetensorError as reason:
        raise InputError(f"{path}: not a safetensors file ({reason})") from None


def _network(folder: Path, card: Card | RegressionCard, weights: dict[str, Tensor]) -> nn.Module:
    """The network the card describes, with these weights."""
    try:
        with torch.random.fork_rng():  # reading a model leaves the caller's random numbers alone
            network = networks.build(card.architecture, **card.arguments)
        network.load_state_dict(weights)
    except InputError as reason:
        raise InputError(f"{folder / CARD}: {reason}") from None
    except RuntimeError as reason:
        mismatch = " ".join(str(reason).split())[:200]
        raise InputError(f"{folder}: weights do not fit the architecture of the card ({mismatch})") from None
    if _parameter_count(network) != card.parameter_count:
        raise InputError(
            f"{folder / CARD}: parameter_count {card.parameter_count}, but the network has {_parameter_count(network)}"
        )
    return network


def _parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
