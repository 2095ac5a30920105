"""Where a model lies: one that the package ships, by its name, or any folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from zoneaxis.errors import InputError

DEFAULT_MODEL = "ebsd-space-groups"


def model_folder(model: str | Path | None) -> Path:
    """Folder of a model: one that the package ships, by name, or any other; None: the default one.

    Raises:
        InputError: there is neither.
    """
    shipped = Path(str(resources.files("zoneaxis") / "models"))
    name = DEFAULT_MODEL if model is None else model
    for folder in (shipped / str(name), Path(name)):
        if (folder / "card.json").is_file():
            return folder
    known = ", ".join(sorted(file.parent.name for file in shipped.glob("*/weights.safetensors"))) or "none"
    raise InputError(f"model {str(name)!r}: neither a shipped model ({known}) nor a model folder")
