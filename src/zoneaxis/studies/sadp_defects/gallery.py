"""Gallery: pictures of what strain, heat, foreign atoms, dislocations and twins do to spot patterns of Al and Fe.

After figures 3, 5 and 7 to 10 of Jeong et al., RSC Adv. 14 (2024) 18489. Grey values are the fourth root of the
intensity; spots, which are narrower than a pixel, are blurred so that they can be seen.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from zoneaxis import crystals
from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.crystals.defects.slip import slip_system
from zoneaxis.crystals.defects.thermal import b_iso_of_temperature
from zoneaxis.crystals.defects.twin_law import TwinLaw, twin_law, twin_mirror
from zoneaxis.crystals.specimen import PAPER_CELLS
from zoneaxis.errors import InputError
from zoneaxis.report.figures import SIGNATURE
from zoneaxis.studies.style import STYLE
from zoneaxis.techniques.sadp.experiment import SADPExperiment
from zoneaxis.techniques.sadp.indexed import labelled_spots
from zoneaxis.techniques.sadp.simulator import simulate_sadp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Zone = tuple[int, int, int]

SIZE_PX, SMOKE_PX, SMALLEST_PX = 256, 64, 32
"""Side of a picture, for a look and for a trial run; the latter, below `COARSE_PX`, has smaller specimens."""
COARSE_PX = 128
ORDERED_CELLS = (42, 30, 18)
"""Repeats that hold whole orders of two and three cells. Source: our choice, near the paper's 40 x 30 x 20."""
SMOKE_CELLS, SMOKE_ORDERED_CELLS = (16, 16, 14), (12, 12, 6)
CAMERA_LENGTH_MM = 450.0
"""At 200 kV the picture then ends at 1.13 1/Å. Source: our choice, room between the spots."""
WIDE_MM = 250.0
"""Pictures of heat, which damps the outer spots, end at 2 1/Å."""
BLUR_PX = 0.9
"""Standard deviation at 256 px. Source: our choice, a spot is then as wide as the laboratory camera shows it."""
ROOT, WHITE = 0.25, 0.995
"""Grey value: power of the intensity, and share of the pixels below white."""
PANEL_INCHES = 2.15
MATRIX, TWIN, BOTH = "#4fc3f7", "#ffb74d", "#e57373"
"""Colours of circles around spots: of the matrix, or of the undeformed crystal; of the twin; of both."""
TOGETHER_PX = 2.0
"""Spots of matrix and twin closer than this, at 256 px, are marked as one."""

QUARTER = 0.42
"""Share of a picture that a quarter leaves out on either side; the direct beam stays in it."""
LIT = 0.3
"""Grey value over white from which a spot of the undeformed crystal gets a circle."""

CRYSTALS = ("Al", "Fe")
ALONG = (0, 0, 1)


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        crystal: of the library.
        caption: above it.
        defects: as written for `simulate sadp`.
        zone: [uvw] of the beam.
        ordered: a specimen that holds whole orders of defects.
        circles: mark the spots of the undeformed crystal, and show a quarter of the picture, where shifts are seen.
        twin: mark spots of matrix and twin.
        camera_length_mm: a shorter one shows spots further out.
    """

    crystal: str
    caption: str
    defects: tuple[str, ...] = ()
    zone: Zone = ALONG
    ordered: bool = False
    circles: bool = False
    twin: TwinLaw | None = None
    camera_length_mm: float = CAMERA_LENGTH_MM


Rows = Sequence[tuple[str, Sequence[Panel]]]


def drawn(seed: int, size_px: int = SIZE_PX) -> dict[str, bytes]:
    """All pictures, PNG by file name; about a minute at 256 px, seconds at `SMOKE_PX`.

    seed: of random places and displacements; size_px: side of a pattern. The same arguments give the same bytes.
    Raises InputError for a size below 32 px.
    """
    if size_px < SMALLEST_PX:
        raise InputError(f"gallery: size_px = {size_px}: expected at least {SMALLEST_PX}")
    return {name: _page(rows(), seed, size_px) for name, rows in PAGES.items()}


def zone_text(zone: Sequence[int]) -> str:
    """[uvw] as printed, negative indices with a bar, in matplotlib's notation."""
    return "$[" + "".join(rf"\overline{{{-index}}}" if index < 0 else str(index) for index in zone) + "]$"


def _strain() -> Rows:
    """Pulled along a, the sides free to contract."""
    found = []
    for name in CRYSTALS:
        pulled = [
            Panel(name, f"stretched by {100 * strain:g} %", (f"stretch:strain={strain}",), circles=True)
            for strain in (0.035, 0.06)
        ]
        found.append((f"{name} {zone_text(ALONG)}", [Panel(name, "pristine", circles=True), *pulled]))
    return found


def _shear() -> Rows:
    """Sheared in the plane of a and b, which is the plane of the picture."""
    found = []
    for name in CRYSTALS:
        sheared = [
            Panel(name, f"sheared by {gamma:g} rad", (f"shear:gamma_rad={gamma}",), circles=True)
            for gamma in (0.03, 0.06)
        ]
        found.append((f"{name} {zone_text(ALONG)}", [Panel(name, "pristine", circles=True), *sheared]))
    return found


def _heat() -> Rows:
    """Atoms at rest, and displaced by the Debye model; outer spots lose most."""
    found = []
    for name in CRYSTALS:
        cold = Panel(name, "at rest", ("heat:b_iso_angstrom2=0",), camera_length_mm=WIDE_MM)
        warm = [
            Panel(
                name,
                f"{kelvin} K, B = {b_iso_of_temperature(name, kelvin):.2f} Å²",
                (f"heat:temperature_k={kelvin}",),
                camera_length_mm=WIDE_MM,
            )
            for kelvin in (100, 300)
        ]
        found.append((f"{name} {zone_text(ALONG)}", [cold, *warm]))
    return found


def _point_defects() -> Rows:
    """The same share of defects as an ordered repeat and at random places."""
    listed = (
        ("Al", "1 vacancy in 32", "vacancies:fraction=0.03125"),
        ("Al", "1 Si for 32 Al", "substitution:element=Si,fraction=0.03125"),
        ("Al", "1 C beside 108 Al", "interstitials:element=C,fraction=0.009259259"),
        ("Fe", "1 vacancy in 54", "vacancies:fraction=0.018518519"),
        ("Fe", "1 Au for 54 Fe", "substitution:element=Au,fraction=0.018518519"),
    )
    found: list[tuple[str, list[Panel]]] = [("ordered", []), ("at random", [])]
    for crystal, caption, defect in listed:
        found[0][1].append(Panel(crystal, f"{crystal}: {caption}", (f"{defect},ordered=true",), ordered=True))
        found[1][1].append(Panel(crystal, "", (defect,), ordered=True))
    return found


def _dislocations() -> Rows:
    """Four edge dislocations seen along their line, their Burgers vector and the normal of their plane."""
    found = []
    for name, system, ways in (
        ("Al", "fcc", ("line", "plane's normal", "Burgers vector")),
        ("Fe", "bcc", ("line", "Burgers vector", "plane's normal")),
    ):
        slip = slip_system(system)
        burgers = tuple(round(2 * part) for part in slip.burgers)
        axes = {"line": slip.line, "plane's normal": slip.plane, "Burgers vector": (burgers[0], burgers[1], burgers[2])}
        written = f"dislocations:count=4,spacing_angstrom=20,system={system}"
        for label, defects in ((f"{name}, pristine", ()), (f"{name}, four dislocations", (written,))):
            found.append(
                (label, [Panel(name, f"along the {way} {zone_text(axes[way])}", defects, axes[way]) for way in ways])
            )
    return found


def _twins() -> Rows:
    """Half and half, the boundary seen edge-on; the last column names the spots."""
    found = []
    for name, system in (("Al", "fcc"), ("Fe", "bcc")):
        law = twin_law(system)
        defects = (f"twin:law={system}",)
        found.append(
            (
                f"{name} {zone_text(law.seen_along)}",
                [
                    Panel(name, "pristine", (), law.seen_along),
                    Panel(name, "twinned", defects, law.seen_along),
                    Panel(name, "its spots", defects, law.seen_along, twin=law),
                ],
            )
        )
    return found


PAGES: dict[str, Callable[[], Rows]] = {
    "strain.png": _strain,
    "shear.png": _shear,
    "heat.png": _heat,
    "point_defects.png": _point_defects,
    "dislocations.png": _dislocations,
    "twins.png": _twins,
}
"""File names and what they show."""


def _page(rows: Rows, seed: int, size_px: int) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        columns = max(len(panels) for _, panels in rows)
        size = (PANEL_INCHES * columns + 0.3, (PANEL_INCHES + 0.2) * len(rows) + 0.1)
        figure = Figure(figsize=size, dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for line, (label, panels) in enumerate(rows):
            for column, panel in enumerate(panels):
                _show(axes[line][column], panel, seed, size_px)
            axes[line][0].set_ylabel(label, fontsize=9)
        if any(panel.twin is not None for _, panels in rows for panel in panels):
            _key(figure, {"matrix": MATRIX, "twin": TWIN, "both": BOTH})
        elif any(panel.circles for _, panels in rows for panel in panels):
            _key(figure, {"spots of the pristine crystal": MATRIX})
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": SIGNATURE})
        return content.getvalue()


def _show(axes: Axes, panel: Panel, seed: int, size_px: int) -> None:
    pattern = _pattern(panel, seed, size_px)
    axes.imshow(pattern, cmap="gray", vmin=0.0, vmax=max(float(np.quantile(pattern, WHITE)), 1e-12))
    low, high = (QUARTER * size_px, (1 - QUARTER) * size_px) if panel.circles else (0.0, float(size_px))
    axes.set(xticks=[], yticks=[], xlim=(low - 0.5, size_px - 0.5), ylim=(high - 0.5, -0.5))
    axes.set_title(panel.caption, fontsize=8.5, loc="center", pad=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if panel.circles:
        pristine = _pattern(replace(panel, defects=()), seed, size_px)
        lit = LIT * float(np.quantile(pristine, WHITE))
        spots = _spots(panel, size_px)
        bright = np.array([_around(pristine, place, size_px) > lit for place in spots])
        shown = bright & (spots[:, 0] < high) & (spots[:, 1] > low)
        _circle(axes, spots[shown], MATRIX, 0.8)
    if panel.twin is not None:
        matrix, twin = _spots(panel, size_px), _spots(panel, size_px, panel.twin)
        near = TOGETHER_PX * size_px / SIZE_PX
        apart = np.linalg.norm(matrix[:, None] - twin[None], axis=-1)
        _circle(axes, matrix[apart.min(1) > near], MATRIX, 0.9)
        _circle(axes, twin[apart.min(0) > near], TWIN, 0.9)
        _circle(axes, matrix[apart.min(1) <= near], BOTH, 0.9)


def _pattern(panel: Panel, seed: int, size_px: int) -> np.ndarray:
    """Grey values (rows, cols) before white is set."""
    from scipy.ndimage import gaussian_filter

    small = size_px < COARSE_PX
    if panel.ordered:
        cells = SMOKE_ORDERED_CELLS if small else ORDERED_CELLS
    else:
        cells = SMOKE_CELLS if small else PAPER_CELLS
    found = simulate_sadp(
        panel.crystal,
        zone=panel.zone,
        camera_length_mm=panel.camera_length_mm,
        size_px=size_px,
        cells=cells,
        defects=panel.defects,
        seed=seed,
    )
    intensity = np.asarray(found["intensity"].values, dtype=np.float64).reshape(size_px, size_px)
    return np.asarray(gaussian_filter(np.clip(intensity, 0.0, None), BLUR_PX * size_px / SIZE_PX) ** ROOT)


def _spots(panel: Panel, size_px: int, law: TwinLaw | None = None) -> np.ndarray:
    """(row, col) of the spots of the undeformed crystal, or of its twin, (000) left out."""
    structure = crystals.load(panel.crystal)
    experiment = SADPExperiment.of(panel.zone, camera_length_mm=panel.camera_length_mm, size_px=size_px)
    hkl, places, _ = labelled_spots(experiment, structure)
    if law is None:
        return places
    g = hkl @ reciprocal_basis(structure)
    mirrored = g @ twin_mirror(np.asarray(law.normal) @ reciprocal_basis(structure)).T
    seen = experiment.detector.pixel_of(torch.from_numpy(mirrored @ experiment.frame(basis(structure)).T))
    return np.stack([place.numpy() for place in seen], axis=1)


def _around(pattern: np.ndarray, place: np.ndarray, size_px: int) -> float:
    """Brightest pixel about a (row, col)."""
    row, col = (round(float(index)) for index in place)
    reach = max(1, round(TOGETHER_PX * size_px / SIZE_PX))
    part = pattern[max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1]
    return float(part.max(initial=0.0))


def _circle(axes: Axes, places: np.ndarray, colour: str, width: float) -> None:
    axes.plot(places[:, 1], places[:, 0], "o", mfc="none", mec=colour, ms=8, mew=width)


def _key(figure: Figure, colours: dict[str, str]) -> None:
    """What the circles mean, below the pictures."""
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker="o", linestyle="", mfc="none", mec=colour, ms=7) for colour in colours.values()]
    figure.legend(marks, list(colours), loc="outside lower center", ncols=len(colours), fontsize=8.5)
