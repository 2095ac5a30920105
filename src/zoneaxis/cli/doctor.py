"""`zoneaxis doctor`: whether this installation can work, one line per check."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

NEEDED = (
    *("numpy", "scipy", "torch", "lightning", "monai", "torchmetrics", "captum", "safetensors", "xarray", "zarr"),
    *("h5py", "pymatgen", "spglib", "gemmi", "rsciio", "tifffile", "PIL", "matplotlib", "rich", "typer"),
)

Verdict = tuple[str, str]
"""`ok`, `note` or `fault`, and a sentence."""


def doctor() -> None:
    """Check this installation; leaves with exit code 1 when something needed does not work."""
    from rich.console import Console

    console = Console()
    faults = 0
    for name, check in CHECKS.items():
        verdict, sentence = check()
        faults += verdict == "fault"
        colour = {"ok": "green", "note": "yellow", "fault": "red"}[verdict]
        console.print(f"[{colour}]{verdict:5}[/] {name}: ", end="")
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if faults:
        raise typer.Exit(1)


def _python() -> Verdict:
    found = ".".join(map(str, sys.version_info[:3]))
    return ("ok" if sys.version_info >= (3, 11) else "fault", f"{found} (3.11 or newer is needed)")


def _packages() -> Verdict:
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    return ("fault", f"missing: {', '.join(missing)}") if missing else ("ok", f"all {len(NEEDED)} are installed")


def _torch() -> Verdict:
    try:
        import torch
    except ImportError as error:
        return "fault", f"does not import ({_first_line(error)})"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU, on the processor"
    return "ok", f"{torch.__version__}, {device}"


def _torchvision() -> Verdict:
    """Tried in a process of its own: a torchvision that does not fit its torch breaks whatever imports it."""
    import subprocess
    from importlib.util import find_spec

    if find_spec("torchvision") is None:
        return "ok", "not installed, and not needed"
    tried = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return "ok", "installed and imports; zoneaxis does not use it"
    reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (
        "fault",
        f"broken, and lightning and monai import it when it is installed: pip uninstall torchvision ({reason})",
    )


def _threads() -> Verdict:
    found = os.environ.get("OMP_NUM_THREADS", "unset")
    return ("ok" if found == "1" else "note", f"OMP_NUM_THREADS is {found}; 1 is fastest for many small matrices")


def _masters() -> Verdict:
    from zoneaxis.crystals import names
    from zoneaxis.errors import InputError
    from zoneaxis.techniques.ebsd.library import open_library

    try:
        library = open_library()
    except InputError as error:
        return "fault", str(error)
    missing = [name for name in names() if name not in library]
    if missing:
        return "fault", f"{len(library)} crystals; missing: {', '.join(missing)}"
    return "ok", f"{len(library)} crystals"


def _models() -> Verdict:
    """Every shipped model is read whole, its files held against the hashes of its card."""
    from importlib import resources
    from pathlib import Path

    from zoneaxis.errors import InputError
    from zoneaxis.learn import artefact

    folders = []
    for card in sorted(Path(str(resources.files("zoneaxis") / "models")).glob("*/card.json")):
        if '"architecture"' in card.read_text(encoding="utf-8"):
            folders.append(card.parent)
    try:
        for folder in folders:
            artefact.load_any(folder)
    except InputError as error:
        return "fault", str(error)
    return (
        ("ok", ", ".join(folder.name for folder in folders)) if folders else ("fault", "no trained model is installed")
    )


def _sample() -> Verdict:
    from zoneaxis.errors import InputError
    from zoneaxis.patterns.readers import kikuchipy_sample

    try:
        kikuchipy_sample()
    except InputError as error:
        return "note", f"`zoneaxis demo` cannot run: {error}"
    return "ok", "the nine measured nickel patterns of the demo are there"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


CHECKS: dict[str, Callable[[], Verdict]] = {
    "python": _python,
    "packages": _packages,
    "torch": _torch,
    "torchvision": _torchvision,
    "threads": _threads,
    "master patterns": _masters,
    "models": _models,
    "sample": _sample,
}
"""Name of each check and how it is made."""
