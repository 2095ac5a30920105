"""Artefact: a trained model as a folder of safetensors files and one card; written whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.learn import networks
from zoneaxis.learn.card import Card

CARD = "card.json"
WEIGHTS = "weights.safetensors"


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A model read back: the network in evaluation mode, its card, and further tensors by file stem and name."""

    network: nn.Module
    card: Card
    tensors: dict[str, dict[str, Tensor]]


def save(
    folder: str | Path,
    network: nn.Module,
    card: Card,
    tensors: Mapping[str, Mapping[str, Tensor]] | None = None,
    *,
    replace: bool = False,
) -> Card:
    """Write `weights.safetensors`, one `<stem>.safetensors` per entry of `tensors`, and `card.json`.

    The folder appears under its name only when every file is complete. An existing folder is left alone and raises
    `InputError` unless `replace` is set; then it is exchanged in one move. Returns the card as written, with the
    parameter count and the SHA-256 of each file.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    if folder.exists() and not replace:
        raise InputError(f"{folder}: exists already; name another folder or ask for it to be replaced")
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).exists():
        raise InputError(f"{folder}: holds other things than a model; name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        groups = {Path(WEIGHTS).stem: network.state_dict()} | dict(tensors or {})
        for stem, group in groups.items():
            save_file({k: t.detach().cpu().contiguous() for k, t in group.items()}, partial / f"{stem}.safetensors")
        card = dataclasses.replace(
            card,
            parameter_count=_parameter_count(network),
            files={path.name: _fingerprint(path.read_bytes()) for path in sorted(partial.iterdir())},
        )
        (partial / CARD).write_text(card.to_json(), encoding="utf-8")
        for path in partial.iterdir():
            path.chmod(0o644)
        partial.chmod(0o755)
        _exchange(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return card


def load(folder: str | Path, device: str | torch.device = "cpu") -> Artefact:
    """Read a model; every file is held against the card before it is used.

    Raises `InputError`, in one line, when the folder, the card or a file is missing, altered or cut short, when the
    card holds unknown fields, or when the weights do not fit the architecture the card names.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such model folder")
    card = Card.read(folder / CARD)
    if WEIGHTS not in card.files:
        raise InputError(f"{folder / CARD}: files does not name {WEIGHTS}")
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, expected in card.files.items():
        path = folder / name
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise InputError(f"{folder / CARD}: files names {name!r}; only .safetensors files beside the card are read")
        if not path.is_file():
            raise InputError(f"{path}: missing; the card names it")
        content = path.read_bytes()
        if _fingerprint(content) != expected:
            raise InputError(f"{path}: altered or incomplete, its SHA-256 is not the one in {CARD}")
        try:
            tensors[path.stem] = load(content)
        except SafetensorError as reason:
            raise InputError(f"{path}: not a safetensors file ({reason})") from None
    try:
        with torch.random.fork_rng():  # reading a model leaves the caller's random numbers alone
            network = networks.build(card.architecture, **card.arguments)
        network.load_state_dict(tensors.pop(Path(WEIGHTS).stem))
    except InputError as reason:
        raise InputError(f"{folder / CARD}: {reason}") from None
    except RuntimeError as reason:
        mismatch = " ".join(str(reason).split())[:200]
        raise InputError(f"{folder}: weights do not fit the architecture of the card ({mismatch})") from None
    if _parameter_count(network) != card.parameter_count:
        raise InputError(
            f"{folder / CARD}: parameter_count {card.parameter_count}, but the network has {_parameter_count(network)}"
        )
    return Artefact(network.to(device).eval().requires_grad_(False), card, tensors)


def _parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _fingerprint(content: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _exchange(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`; the old one, if any, is removed only after the new one stands."""
    if not folder.exists():
        os.replace(new, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    os.replace(folder, old / folder.name)
    try:
        os.replace(new, folder)
    except OSError:
        os.replace(old / folder.name, folder)
        raise
    finally:
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
