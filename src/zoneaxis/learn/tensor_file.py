"""Tensor file: tensors by name as safetensors, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from zoneaxis.errors import InputError


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file so that a reader meets either the old file or the whole new one."""
    from safetensors.torch import save

    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; `InputError` when it is missing or broken."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as reason:
        raise InputError(f"{path}: {str(reason).splitlines()[0]}; remove it to start over") from None
