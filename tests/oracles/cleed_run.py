"""CLEED itself, by its command `cleedpy-leed`, where the package cleedpy is installed: an oracle that answers now."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.oracles.cleed_files import CleedInput, CleedResult, read_result
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts

NO_CLEED = "needs cleedpy, an independent LEED code: pip install cleedpy"
SECONDS_AT_MOST = 120.0


def command() -> str | None:
    """Path of the command, beside this Python or on the path; None where it is not installed."""
    return shutil.which("cleedpy-leed", path=str(Path(sys.executable).parent)) or shutil.which("cleedpy-leed")


def run_cleed(case: CleedInput, tables: Mapping[str, PhaseShifts], folder: Path) -> CleedResult:
    """Run CLEED in an empty folder; tables by the names that stand for the slab's elements.

    CLEED interpolates phase shifts linearly in energy, stacks atoms further apart in z than 1.005 Å by plane waves, and
    puts the potential step 1.25 Å above the topmost atom.
    """
    program = command()
    assert program is not None, NO_CLEED
    # Names relative to the folder: the program keeps file names in short buffers.
    (folder / "case.inp").write_text(case.text())
    for name, table in tables.items():
        table.write(folder / f"{name}.phs")
    finished = subprocess.run(
        [program, "-i", "case.inp", "-o", "case.res", "--phase", "./"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_AT_MOST,
        check=False,
    )
    assert finished.returncode == 0 and (folder / "case.res").is_file(), (
        f"cleedpy-leed gave {finished.returncode}: {finished.stderr[-500:] or finished.stdout[-500:]}"
    )
    return read_result(folder / "case.res")
