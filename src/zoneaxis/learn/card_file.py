"""Card file: a model's card read from JSON and held against the fields it must have."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError

CARD = "card.json"


def read_fields(path: Path, kind: type, form: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Checked values of every field of the dataclass `kind`, lists of texts as tuples.

    form: the format the card must state; kinds: the type of each field that is checked, `list` standing for a list of
    texts. What is missing, unknown or of the wrong kind raises `InputError`.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a model folder holds card.json and its weights") from None
    except (OSError, ValueError) as reason:
        raise InputError(f"{path}: not a readable card ({str(reason).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: a card is a JSON object, found {type(values).__name__}")
    if values.get("format") != form:
        raise InputError(f"{path}: format {values.get('format')!r}; this version reads {form!r}")
    fields = {field.name for field in dataclasses.fields(kind)}
    unknown, missing = sorted(set(values) - fields), sorted(fields - set(values))
    if unknown or missing:
        which = f"unknown field {unknown[0]!r}" if unknown else f"field {missing[0]!r} is missing"
        raise InputError(f"{path}: {which}")
    for name, expected in kinds.items():
        if not isinstance(values[name], expected) or isinstance(values[name], bool):
            raise InputError(f"{path}: field {name!r} is {values[name]!r}, expected {expected}")
        if expected is list:
            if not all(isinstance(entry, str) for entry in values[name]):
                raise InputError(f"{path}: field {name!r} must be a list of strings")
            values[name] = tuple(values[name])
    return values


def to_json(card: Any) -> str:
    """A card as indented JSON, fields in their declared order; NaN and infinity raise ValueError."""
    return json.dumps(dataclasses.asdict(card), indent=1, allow_nan=False) + "\n"
