"""`zoneaxis list`: the techniques, crystals, surfaces, models, networks and studies there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer


def inventory(
    what: Annotated[
        str | None,
        typer.Argument(help="techniques, crystals, surfaces, models, networks or studies.", show_default="all of them"),
    ] = None,
) -> None:
    """List what there is: techniques, crystals, surfaces, models, networks, studies."""
    from rich.console import Console
    from rich.table import Table

    from zoneaxis.errors import InputError

    kinds = {
        "techniques": _techniques,
        "crystals": _crystals,
        "surfaces": _surfaces,
        "models": _models,
        "networks": _networks,
        "studies": _studies,
    }
    if what is not None and what not in kinds:
        raise InputError(f"list {what!r}: there are {', '.join(kinds)}")
    console = Console()
    for kind in [what] if what else kinds:
        table = Table(title=kind, title_justify="left", show_header=False, box=None)
        listing: Callable[[], list[tuple[str, str]]] = kinds[kind]
        for name, meaning in listing() or [("none", "")]:
            table.add_row(name, meaning)
        console.print(table)


def _techniques() -> list[tuple[str, str]]:
    from importlib import import_module

    from zoneaxis import techniques

    return [
        (name, (import_module(f"zoneaxis.techniques.{name}").__doc__ or "").strip().splitlines()[0])
        for name in techniques.names()
    ]


def _crystals() -> list[tuple[str, str]]:
    from zoneaxis import crystals

    return [(name, f"space group {crystals.load(name).properties['space_group']}") for name in crystals.names()]


def _surfaces() -> list[tuple[str, str]]:
    from zoneaxis.crystals import slab

    return [
        (name, f"{slab.named(name).substrate.element}, {len(slab.named(name).positions)} atoms over the bulk")
        for name in slab.names()
    ]


def _studies() -> list[tuple[str, str]]:
    from importlib import import_module

    from zoneaxis import studies

    return [
        (name, (import_module(f"zoneaxis.studies.{name}").__doc__ or "").strip().splitlines()[0])
        for name in studies.names()
    ]


def _models() -> list[tuple[str, str]]:
    """Folders of the package's `models` with a card of a trained model, or of a library of master patterns."""
    import json
    from importlib import resources
    from pathlib import Path

    found = []
    for card in sorted(Path(str(resources.files("zoneaxis") / "models")).glob("*/card.json")):
        values = json.loads(card.read_text(encoding="utf-8"))
        if "values" in values:
            read = ", ".join(f"{name} ({stated['unit']})" for name, stated in values["values"].items())
            meaning = f"{values['technique']} regressor, {values['parameter_count']} parameters; reads {read}"
        elif "architecture" in values:
            groups = sorted(set(values["group_of_material"]), key=lambda label: (len(label), label))
            meaning = (
                f"{values['technique']} classifier, {values['parameter_count']} parameters; reads {', '.join(groups)}"
            )
        else:
            masters = sorted(file.stem for file in card.parent.glob("*.safetensors"))
            meaning = f"master patterns of {', '.join(masters)}"
        found.append((card.parent.name, meaning))
    return found


def _networks() -> list[tuple[str, str]]:
    from importlib import import_module

    from zoneaxis.learn import networks

    return [
        (name, (import_module(f"{networks.__name__}.{name}").__doc__ or "").strip().splitlines()[0])
        for name in networks.names()
    ]
