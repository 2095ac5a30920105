"""Run record: `run.json`, what a training run was asked to do and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError

RUN = "run.json"


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record so that a reader meets either the old file or the whole new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(record, indent=1, default=str) + "\n")
    os.replace(partial, path)


def stored_record(output: Path) -> dict[str, Any] | None:
    """The record in a folder, None where there is none; `InputError` where it is not one."""
    path = output / RUN
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text())
    except ValueError as reason:
        raise InputError(f"{path}: not a run record ({reason}); remove it to start over") from None
    if not isinstance(stored, dict):
        raise InputError(f"{path}: not a run record (a JSON object is expected)")
    return stored


def opened(
    output: str | Path | None, asked: Mapping[str, Any], resume: bool
) -> tuple[Path | None, dict[str, Any] | None]:
    """Folder of a run and the record in it, None each where there is none; `InputError` as `check_same_run` has it."""
    if output is None:
        return None, None
    folder = Path(output)
    stored = stored_record(folder)
    if stored is not None:
        check_same_run(folder, stored, asked, resume)
    return folder, stored


def check_same_run(output: Path, stored: Mapping[str, Any], asked: Mapping[str, Any], resume: bool) -> None:
    """Raise `InputError` unless the stored run may be resumed and is the one asked for; differences are named."""
    if not resume:
        raise InputError(f"{output}: holds a training run already; resume it or name another folder")
    for part, value in asked.items():
        if stored.get(part) != value:
            if isinstance(value, dict):
                other = stored.get(part) or {}
                part = ", ".join(f"{name} = {other.get(name)!r}" for name in value if value[name] != other.get(name))
            raise InputError(f"{output}: holds a run of another recipe ({part}); name another folder")
