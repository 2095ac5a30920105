"""Simulator: selected-area patterns of a crystal, perfect or with defects, as a pattern set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from zoneaxis import crystals
from zoneaxis.crystals.defects.written import Written, read_defect, with_defects
from zoneaxis.crystals.specimen import PAPER_CELLS, history, specimen
from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.scattering.kinematical import DEFAULT_TOLERANCE, FORM_FACTOR
from zoneaxis.techniques.sadp.dynamical import dynamical_pattern
from zoneaxis.techniques.sadp.experiment import SADPExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

Progress = Callable[[int, int], None]
MOST_ATOMS = 5_000_000
"""Explicit atoms of a specimen at most. Source: our choice; more do not fit into 2 GB."""


def simulate_sadp(
    specimen_of: str | Path | Structure,
    *,
    zone: Sequence[int] | Sequence[Sequence[int]] = (0, 0, 1),
    accelerating_voltage_kv: float = 200.0,
    camera_length_mm: float = 320.0,
    size_px: int = 256,
    cells: Sequence[int] = PAPER_CELLS,
    defects: Sequence[str] = (),
    rotation_deg: float = 0.0,
    tilt_mrad: Sequence[float] = (0.0, 0.0),
    thickness_nm: float | None = None,
    camera: str = "none",
    electrons: float | None = None,
    form_factor: str = FORM_FACTOR,
    tolerance: float = DEFAULT_TOLERANCE,
    oversampling: int | None = None,
    explicit_atoms: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Selected-area patterns, one for each zone axis.

    Kinematical unless `thickness_nm` is given: single scattering by N_a x N_b x N_c cells with a parallel beam. Right
    for crystals of some nanometres of light elements; in thicker ones intensities are redistributed and reflections
    that glide planes and screw axes extinguish appear (double diffraction).

    A pixel is the mean of |A|² [Å²] over it, A the sum of the atoms' scattering amplitudes, or what a camera shows.
    The detector is 25.6 mm wide whatever the number of pixels.

    Args:
        specimen_of: library name, CIF file or structure.
        zone: [uvw], along which the electrons fly, or several.
        accelerating_voltage_kv: voltage.
        camera_length_mm: specimen to detector.
        size_px: side of a pattern.
        cells: repeats of the cell along a, b, c.
        defects: as written, e.g. `dislocations:count=4`, one after the other; see `crystals.defects.written`.
        rotation_deg: in-plane turn, anticlockwise as seen; at 0 the shortest reflection points right.
        tilt_mrad: (x, y) by which the beam leans away from the zone axis.
        thickness_nm: of a parallel foil: Bloch-wave intensities of the exact zone axis in place of kinematical ones.
        camera: none, or a preset of `instrument.diffraction_camera` (ideal, laboratory, harsh).
        electrons: outside the beam stop, in place of the preset's; needs a camera.
        form_factor: table, see `scattering.form_factors`.
        tolerance: of the transform of explicit atoms.
        oversampling: sub-pixels a side; None: what the specimen's fringes need.
        explicit_atoms: sum atom by atom even where the crystal is perfect.
        seed: of defects and camera.
        progress: called with (patterns done, patterns in all).

    Returns: pattern set with labels u, v, w. Attributes: geometry, specimen and its history.

    Raises:
        InputError: an unknown crystal or defect, or a setting that cannot be.
    """
    structure = crystals.load(specimen_of) if isinstance(specimen_of, str | Path) else specimen_of
    written = [read_defect(text) for text in defects]
    zones = _zones(zone)
    shown = _camera(camera, electrons)
    if thickness_nm is not None and (written or explicit_atoms or any(tilt_mrad)):
        raise InputError(
            f"thickness_nm = {thickness_nm:g}: Bloch waves are those of a perfect crystal on its zone axis; "
            "leave out defects, explicit atoms and tilt"
        )
    experiments = [
        SADPExperiment.of(
            axis,
            accelerating_voltage_kv=accelerating_voltage_kv,
            camera_length_mm=camera_length_mm,
            size_px=size_px,
            rotation_deg=rotation_deg,
            tilt_mrad=tilt_mrad,
            form_factor=form_factor,
            tolerance=tolerance,
            oversampling=oversampling,
        )
        for axis in zones
    ]
    atoms = _specimen(structure, cells, written, seed) if written or explicit_atoms else None
    pictures = []
    for number, experiment in enumerate(experiments, start=1):
        if thickness_nm is not None:
            pictures.append(dynamical_pattern(experiment, structure, cells, thickness_nm))
        else:
            pictures.append(experiment.perfect(structure, cells) if atoms is None else experiment.specimen(atoms))
        if progress is not None:
            progress(number, len(experiments))
    patterns = torch.stack(pictures)
    if shown is not None:
        generator = torch.Generator().manual_seed(seed)
        patterns = shown.apply(patterns, shown.draw(len(patterns), generator), generator)
    detector = experiments[0].detector
    properties = structure.properties or {}
    return pattern_set(
        patterns.numpy(),
        {name: np.array([axis[place] for axis in zones]) for place, name in enumerate("uvw")},
        technique="sadp",
        provenance=f"simulated by zoneaxis {version('zoneaxis')}, seed {seed}",
        crystal=str(properties.get("name", structure.composition.reduced_formula)),
        space_group=int(properties.get("space_group", 0)) or crystals.space_group(structure),
        accelerating_voltage_kv=float(accelerating_voltage_kv),
        camera_length_mm=float(camera_length_mm),
        pixel_mm=detector.pixel_mm,
        per_angstrom_per_px=detector.step_per_angstrom,
        rotation_deg=float(rotation_deg),
        tilt_mrad=[float(angle) for angle in tilt_mrad],
        frame="seen along the beam, which flies along +[uvw]: columns run right, rows downwards",
        cells=[int(n) for n in cells],
        scattering="kinematical" if thickness_nm is None else f"Bloch waves, {thickness_nm:g} nm",
        form_factor=form_factor,
        defects="; ".join(defects) or "none",
        history="; ".join(str(line) for line in history(atoms)) if atoms is not None else "perfect crystal",
        camera=camera,
    )


SIMULATIONS: dict[str, Callable[..., xr.Dataset]] = {"sadp": simulate_sadp}
"""What this technique can simulate, by the name that `simulate` is called with."""


def _specimen(structure: Structure, cells: Sequence[int], written: Sequence[Written], seed: int) -> Any:
    count = len(structure) * int(np.prod([max(int(n), 0) for n in cells]))
    if count > MOST_ATOMS:
        raise InputError(f"cells = {tuple(cells)}: {count} atoms; expected at most {MOST_ATOMS}")
    return with_defects(specimen(structure, cells, seed), written, seed)


def _zones(zone: Any) -> list[tuple[int, int, int]]:
    """One axis or several as a list of triples."""
    given = np.asarray(zone)
    if given.ndim not in (1, 2) or given.shape[-1] != 3 or not len(given) or not np.equal(given, np.round(given)).all():
        raise InputError(f"zone = {zone}: expected three whole numbers u,v,w, or several such triples")
    return [(int(u), int(v), int(w)) for u, v, w in np.atleast_2d(given)]


def _camera(name: str, electrons: float | None) -> DiffractionCamera | None:
    if name not in ("none", *DiffractionCamera.presets):
        raise InputError(f"camera {name!r}: expected none, {', '.join(DiffractionCamera.presets)}")
    if name == "none":
        if electrons is not None:
            raise InputError(f"electrons = {electrons:g}: needs a camera, such as ideal")
        return None
    settings: dict[str, Any] = {"preset": name}
    return DiffractionCamera.from_dict(settings if electrons is None else settings | {"electrons": float(electrons)})
