"""Indexed picture: a pattern with the hkl of its spots, the zone axis, the crystal and a scale bar."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.scattering.kinematical import Block, cell_amplitude
from zoneaxis.techniques.sadp.experiment import SADPExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

MOST_LABELS = 60
"""Spots that get a label, the strongest. Source: our choice; more overlap in a picture of 7 inches."""
EXTINCT = 1e-8
"""|F|² over F(0)² below which a reflection is extinct. Source: our choice, rounding aside."""
NEAR_PER_ANGSTROM = 0.02
"""Distance of a reflection from the Ewald sphere up to which it is labelled. Source: our choice; a foil of 8 nm has
its first zero at 0.0125 1/Å."""


WHITE = 0.999
"""Share of pixels below white. Source: our choice; the direct beam alone would leave the spots in the dark."""


def labelled_spots(
    experiment: SADPExperiment, structure: Structure
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The reflections that a picture shows, the strongest first: hkl (n, 3), (row, col) (n, 2), |F|² (n,) [Å²].

    Reflections within 0.02 1/Å of the Ewald sphere whose structure factor is not zero, (000) left out.
    """
    detector = experiment.detector
    frame = experiment.frame(basis(structure))
    reciprocal = reciprocal_basis(structure) @ frame.T
    corner = float(np.sqrt(2.0)) * detector.q_max_per_angstrom
    most = np.ceil(np.array(structure.lattice.abc) * corner).astype(int)
    hkl = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), axis=-1).reshape(-1, 3)
    g = hkl @ reciprocal
    across = np.linalg.norm(g[:, :2], axis=1)
    wave_number = 1.0 / detector.wavelength_angstrom
    sphere = np.sqrt(np.maximum(wave_number**2 - across**2, 0.0)) - wave_number
    near = (np.abs(g[:, 2] - sphere) <= NEAR_PER_ANGSTROM) & (across <= corner) & hkl.any(1)
    hkl, g = hkl[near], g[near]
    kinds = Block.of(structure, (1, 1, 1), frame).kinds
    strength = cell_amplitude(kinds, torch.from_numpy(g), experiment.form_factor).abs().square().numpy()
    whole = float(cell_amplitude(kinds, torch.zeros(1, 3, dtype=torch.float64)).abs().square())
    rows, cols = (place.numpy() for place in detector.pixel_of(torch.from_numpy(g)))
    inside = (
        np.maximum(np.abs(rows - detector.centre_px[0]), np.abs(cols - detector.centre_px[1])) < detector.size_px / 2
    ) & (strength > EXTINCT * whole)
    order = np.argsort(-strength[inside], kind="stable")
    return hkl[inside][order], np.stack([rows, cols], axis=1)[inside][order], strength[inside][order]


def indexed_picture(
    pattern: NDArray[np.float32],
    experiment: SADPExperiment,
    structure: Structure,
    title: str = "",
    *,
    displayed: bool = False,
) -> bytes:
    """PNG of a pattern (rows, cols) with labels; the same pattern gives the same bytes.

    Grey values are the fourth root of the intensity, or the pattern itself if a camera has `displayed` it; white from
    the brightest thousandth on. The bar is 0.5 1/Å long at the centre.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 7.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shown = np.clip(pattern, 0.0, None) ** (1.0 if displayed else 0.25)
    axes.imshow(shown, cmap="gray", vmax=max(float(np.quantile(shown, WHITE)), 1e-12))
    hkl, places, _ = labelled_spots(experiment, structure)
    away = 0.02 * experiment.detector.size_px
    for indices, (row, col) in zip(hkl[:MOST_LABELS], places[:MOST_LABELS], strict=True):
        axes.plot(col, row, "o", mfc="none", mec="#4fc3f7", ms=7, mew=0.8)
        text = "".join(rf"\overline{{{-i}}}" if i < 0 else str(i) for i in indices.tolist())
        axes.text(col, row - away, f"${text}$", color="#ffd54f", fontsize=7, ha="center", va="bottom")
    size, bar = experiment.detector.size_px, 0.5 / experiment.detector.step_per_angstrom
    axes.plot([0.05 * size, 0.05 * size + bar], [0.95 * size] * 2, color="white", lw=3)
    axes.text(0.05 * size + bar / 2, 0.935 * size, "0.5 1/Å", color="white", fontsize=9, ha="center")
    axes.set(xticks=[], yticks=[], xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    axis = " ".join(str(index) for index in experiment.zone_axis)
    name = title or str((structure.properties or {}).get("name", structure.composition.reduced_formula))
    axes.set_title(f"{name}  [{axis}]  {experiment.accelerating_voltage_kv:g} kV", fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": "made by zoneaxis"})
    return content.getvalue()
