"""Model folder: files and the card that names them, written whole or not at all, read only as the card describes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError
from zoneaxis.learn.card_file import CARD


def write(folder: Path, contents: Mapping[str, bytes], card: str, *, replace: bool = False) -> None:
    """Write the files and the card (JSON); the folder appears under its name only when every file is complete.

    An existing folder is left alone and raises `InputError` unless `replace` is set and it is a model; then it is
    exchanged in one move.
    """
    if folder.exists() and not replace:
        raise InputError(f"{folder}: exists already; name another folder or ask for it to be replaced")
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).exists():
        raise InputError(f"{folder}: holds other things than a model; name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        (partial / CARD).write_text(card, encoding="utf-8")
        for path in partial.iterdir():
            path.chmod(0o644)
        partial.chmod(0o755)
        _exchange(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read(folder: Path, files: Mapping[str, Any], suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """Contents of the files a card names, each held against the fingerprint it states.

    Raises `InputError` for a file that lies elsewhere, has none of `suffixes`, is missing, altered or cut short.
    """
    contents = {}
    for name, expected in files.items():
        path = folder / name
        if Path(name).name != name or not name.endswith(suffixes):
            allowed = " and ".join(suffixes)
            raise InputError(f"{folder / CARD}: files names {name!r}; only {allowed} files beside the card are read")
        if not path.is_file():
            raise InputError(f"{path}: missing; the card names it")
        content = path.read_bytes()
        if fingerprint(content) != expected:
            raise InputError(f"{path}: altered or incomplete, its SHA-256 is not the one in {CARD}")
        contents[name] = content
    return contents


def fingerprint(content: bytes) -> dict[str, object]:
    """What a card states of a file."""
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
