"""Where a model lies: one that the package ships, by its name, or any folder."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from zoneaxis.errors import InputError

DEFAULTS = {"ebsd": "ebsd-space-groups", "cbleed": "cbleed-si001", "sadp": "sadp-cubic"}
"""The shipped model of each technique that can be read; SADP can be read without."""
DEFAULT_MODEL = DEFAULTS["ebsd"]
LATTICE_FIT = "lattice-fit"
"""Name that stands for reading SADP without a model."""


def model_folder(model: str | Path | None, technique: str | None = None) -> Path:
    """Folder of a model: one that the package ships, by name, or any other; None: the technique's default one.

    Raises:
        InputError: there is neither, or the technique has no default.
    """
    shipped = Path(str(resources.files("zoneaxis") / "models"))
    if technique is not None and technique not in DEFAULTS:
        raise InputError(f"technique {technique!r}: patterns of {', '.join(DEFAULTS)} can be read")
    name = DEFAULTS[technique or "ebsd"] if model is None else model
    for folder in (shipped / str(name), Path(name)):
        if (folder / "card.json").is_file():
            return folder
    known = ", ".join(sorted(file.parent.name for file in shipped.glob("*/weights.safetensors"))) or "none"
    raise InputError(f"model {str(name)!r}: neither a shipped model ({known}) nor a model folder")


def shipped_default(technique: str) -> Path | None:
    """Folder of the technique's default model; None where the package ships none."""
    folder = Path(str(resources.files("zoneaxis") / "models" / DEFAULTS[technique]))
    return folder if (folder / "card.json").is_file() else None


def stated(folder: Path) -> tuple[str, str]:
    """Technique and format of the model in a folder, as its card states them; `?` where the card is unreadable.

    Whoever opens the model then says what is wrong with the card.
    """
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return str(card["technique"]), str(card["format"])
    except (OSError, ValueError, KeyError, TypeError):
        return "?", "?"
