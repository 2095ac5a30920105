"""Curve files: I(V) curves written as a table, an archive or a plot, read back from the table, and compared.

.csv  lines `# name: value` say what is known of the physics; then a heading `beam_energy_ev,(h k),...` and one line an
      energy. Numbers come back as they were; an empty field is an intensity that was not measured
.npz  arrays `beam_energy_ev` (energies,), `h`, `k` (beams,), `intensity` (beams, energies), the attributes by name
.png  a panel for each beam, to look at

A measured set in the form of the .csv, with or without `#` lines, can be read and held against a simulated one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns.store import appearing_whole, refuse
from zoneaxis.scattering.leed.r_factor import FEWEST_POINTS, pendry_r_factor

ENERGY = "beam_energy_ev"
HEADING = re.compile(r"\(\s*(-?\d+)\s+(-?\d+)\s*\)")
DECIMALS_OF_EV = 6
"""Energies that agree so far are the same."""
MOST_PANELS_IN_A_COLUMN = 5


def save(curves: xr.Dataset, path: str | Path, overwrite: bool = False) -> Path:
    """Write the curves of `simulate_leed_iv` in the format of the path's ending; return the path.

    Raises:
        InputError: an unknown ending, a folder that is not there, a file that is there while `overwrite` is off.
    """
    path = Path(path)
    ending = refuse(path, ENDINGS, overwrite)
    with appearing_whole(path, overwrite) as place:
        WRITERS[ending](curves, place)
    return path


def load(path: str | Path) -> xr.Dataset:
    """Curves of a .csv, as `simulate_leed_iv` gives them: `intensity` (beam, beam_energy_ev) with labels `h`, `k`.

    Raises:
        InputError: no such file; the line and what is wrong with it.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as reason:
        raise InputError(f"{path}: not a readable table ({str(reason).splitlines()[0]})") from None
    said = [line[1:].split(":", 1) for line in lines if line.startswith("#") and ":" in line]
    table = [(f"{path}, line {n}", line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    if len(table) < 2:
        raise InputError(f"{path}: a table of curves has a heading and at least one line of numbers")
    beams = _indices(*table[0])
    rows = np.array([_numbers(where, line, 1 + len(beams)) for where, line in table[1:]])
    energies = rows[:, 0]
    if not (np.isfinite(energies).all() and (np.diff(energies) > 0).all()):
        raise InputError(f"{path}: {ENERGY} must be a number in every line and rise from line to line")
    return xr.Dataset(
        {"intensity": (("beam", ENERGY), rows[:, 1:].T)},
        {ENERGY: energies, "h": ("beam", beams[:, 0]), "k": ("beam", beams[:, 1])},
        {name.strip(): _value(text.strip()) for name, text in said},
    )


def compare(theory: xr.Dataset, experiment: xr.Dataset, imaginary_potential_ev: float | None = None) -> xr.Dataset:
    """Pendry's R factor of every beam that both sets hold, at the energies that both hold.

    Args:
        theory, experiment: of `simulate_leed_iv` or `load`; scales do not matter.
        imaginary_potential_ev: V0i; None: that of the theory.

    Returns: `r_factor` (beam,), NaN where a pair shares too few energies, and `range_ev` (beam,), the energies that
    entered, with labels `h`, `k`; attributes `mean` (weighted by range) and `pooled` (see `RFactor`). `.to_dataframe()`
    makes a table of it.

    Raises:
        InputError: no beam in common, too few energies in common, no V0i.
    """
    width_ev = theory.attrs.get("imaginary_potential_ev") if imaginary_potential_ev is None else imaginary_potential_ev
    if width_ev is None:
        raise InputError("R factor: imaginary_potential_ev is neither given nor an attribute of the theory")
    here, there = ({beam: place for place, beam in enumerate(_beams(curves))} for curves in (theory, experiment))
    beams = [beam for beam in here if beam in there]
    if not beams:
        raise InputError(f"R factor: no beam in common: {_headings(here)} against {_headings(there)}")
    simulated, measured = (curves[ENERGY].values.round(DECIMALS_OF_EV) for curves in (theory, experiment))
    energies, ours, theirs = np.intersect1d(simulated, measured, return_indices=True)
    if len(energies) < FEWEST_POINTS:
        raise InputError(
            f"R factor: {len(energies)} energies in common of {len(simulated)} and {len(measured)}; at least "
            f"{FEWEST_POINTS} are needed: simulate at the energies of the measurement"
        )
    found = pendry_r_factor(
        energies,
        theory["intensity"].values[[here[beam] for beam in beams]][:, ours].T,
        experiment["intensity"].values[[there[beam] for beam in beams]][:, theirs].T,
        float(width_ev),
    )
    h, k = np.array(beams).T
    return xr.Dataset(
        {"r_factor": ("beam", found.per_curve), "range_ev": ("beam", found.range_ev)},
        {"h": ("beam", h), "k": ("beam", k)},
        {"mean": found.mean, "pooled": found.pooled, "imaginary_potential_ev": float(width_ev)},
    )


def _beams(curves: xr.Dataset) -> list[tuple[int, int]]:
    """(h, k) of every curve."""
    return [(int(h), int(k)) for h, k in zip(curves["h"].values, curves["k"].values, strict=True)]


def _headings(beams: Iterable[Sequence[int]]) -> str:
    return ",".join(f"({h} {k})" for h, k in beams)


def _write_csv(curves: xr.Dataset, place: Path) -> None:
    columns = np.vstack([curves[ENERGY].values, curves["intensity"].values]).T
    lines = [f"# {name}: {json.dumps(value)}" for name, value in curves.attrs.items()]
    lines.append(f"{ENERGY},{_headings(_beams(curves))}")
    lines += [",".join("" if np.isnan(number) else repr(float(number)) for number in row) for row in columns]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_npz(curves: xr.Dataset, place: Path) -> None:
    content: dict[str, Any] = {str(name): variable.values for name, variable in curves.variables.items()}
    np.savez_compressed(place, **content, **curves.attrs)


def _write_png(curves: xr.Dataset, place: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    beams = _beams(curves)
    columns = -(-len(beams) // MOST_PANELS_IN_A_COLUMN)
    rows = -(-len(beams) // columns)
    figure = Figure(figsize=(1.2 + 5.0 * columns, 1.2 + 1.3 * rows), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).T.ravel()
    for panel, (h, k), intensity in zip(panels, beams, curves["intensity"].values, strict=False):
        panel.plot(curves[ENERGY].values, intensity, color="#1f4e79", linewidth=1.4)
        panel.set_ylim(bottom=0)
        panel.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_title(f"({h} {k})", loc="right", fontsize=10, pad=2)
    for number, panel in enumerate(panels):
        panel.set_visible(number < len(beams))
        panel.tick_params(labelbottom=(number + 1) % rows == 0 or number + 1 == len(beams))
    figure.suptitle(_title(curves.attrs), fontsize=10)
    figure.supxlabel("beam energy (eV)", fontsize=10)
    figure.supylabel("intensity per incident intensity", fontsize=10)
    figure.savefig(place, format="png")


def _title(attributes: dict[str, Any]) -> str:
    """What the plot is of, in the words of its attributes."""
    incidence = f"polar angle {attributes['polar_deg']:g}°" if "polar_deg" in attributes else ""
    if attributes.get("polar_deg"):
        incidence += f", azimuth {attributes.get('azimuth_deg', 0.0):g}°"
    model = f"{attributes['model']} scattering" if "model" in attributes else ""
    parts = [str(attributes.get("specimen", "")), incidence, model]
    return ", ".join(part for part in parts if part)


def _indices(where: str, heading: str) -> np.ndarray:
    """(beams, 2) indices h, k of a heading."""
    first, *names = (name.strip().strip('"') for name in heading.split(","))
    found = [HEADING.fullmatch(name) for name in names]
    wrong = [name for name, match in zip(names, found, strict=True) if match is None]
    if first != ENERGY or wrong or not names or len(set(names)) < len(names):
        raise InputError(f"{where}: expected a heading such as {ENERGY},(0 0),(1 0), every beam once; not {heading!r}")
    return np.array([[int(index) for index in match.groups()] for match in found if match])


def _numbers(where: str, line: str, count: int) -> list[float]:
    """Numbers of a line, NaN for an empty field."""
    try:
        row = [float(field) if field.strip() else np.nan for field in line.split(",")]
    except ValueError as reason:
        raise InputError(f"{where}: {reason}") from None
    if len(row) != count:
        raise InputError(f"{where}: {len(row)} fields; the heading has {count}")
    return row


def _value(text: str) -> Any:
    """An attribute: JSON where it is JSON, otherwise the words themselves."""
    try:
        return json.loads(text)
    except ValueError:
        return text


WRITERS: dict[str, Callable[[xr.Dataset, Path], None]] = {".csv": _write_csv, ".npz": _write_npz, ".png": _write_png}
ENDINGS = tuple(WRITERS)
