"""Refine: thickness, scattering and camera at which simulated discs look most like measured ones.

Least squares of every disc against gain x simulated + plane, each disc scaled to unit variance. Gain and plane are
eliminated (variable projection); foil, camera and each disc's own shift follow by Levenberg-Marquardt, the derivatives
of the foil by automatic differentiation. The misfit left over is mostly what the model lacks and not counting noise, so
neighbouring pixels err together: the covariance is H^-1 (sum_g s_g² J^T R_g J) H^-1 with H = J^T J and R_g the
autocorrelation of the residual of disc g, under a triangular window. It says how well these discs fix the values under
this model, not how wrong the model is: held values, form factors, voltage and lattice can move a thickness by far more.
What is missing by too few beams is told beside it: the step of the fit towards discs with 1.5 times as many.

Source: Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, with Kaufman's Jacobian, BIT 15 (1975) 49; the
covariance with correlated errors as in Newey and West, Econometrica 55 (1987) 703, in two dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from zoneaxis.crystals import load
from zoneaxis.techniques.lacbed.measured_discs import Hkl, MeasuredDiscs
from zoneaxis.techniques.lacbed.refine_fit import DiscFit, FitState
from zoneaxis.techniques.lacbed.refine_foil import FOIL, RefinableFoil
from zoneaxis.techniques.lacbed.refine_image import GEOMETRY, ImagePlane
from zoneaxis.techniques.lacbed.refine_parameters import DEFAULT_FREE, PARAMETERS, Fitted, split_free, starting
from zoneaxis.techniques.lacbed.refine_picture import disc_figure

if TYPE_CHECKING:
    from pymatgen.core import Structure

FIELD_MARGIN = 1.06
"""Simulated field over the measured one, room for shifts and blur."""
MORE_BEAMS = 1.5
"""Times the beams with which the error of the simulation is told."""
SCANNED_NM = tuple(range(10, 301, 2))
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Refinement:
    """What came out of a refinement.

    Attributes:
        parameters: every parameter by name, fitted or held.
        hkl: (discs,).
        zncc: (discs,) zero-normalised cross-correlation of measured and simulated disc over the pixels that count,
            without the fitted background, so that a wrong structure cannot hide behind it.
        zncc_common: the same before the discs got their own shifts.
        measured, fitted: (discs, size, size); fitted is gain x simulated + background, on the scale of the measured.
        mask: (discs, size, size) pixels that count.
        shifts: (discs, 2) x and y of each disc's own shift [px]; zero when they were not free.
        shift_uncertainties: (discs, 2).
        correlation: (free, free) of the parameters in `free`.
        free: names of the fitted parameters.
        independent_pixels: (discs,) pixels that count over the correlation area of their residual.
    """

    parameters: Mapping[str, Fitted]
    hkl: tuple[Hkl, ...]
    zncc: Array
    zncc_common: Array
    measured: Array
    fitted: Array
    mask: NDArray[np.bool_]
    shifts: Array
    shift_uncertainties: Array
    correlation: Array
    free: tuple[str, ...]
    independent_pixels: Array

    def figure(self) -> bytes:
        """PNG: measured, fitted and difference of every disc."""
        return disc_figure(self.hkl, self.measured, self.fitted, self.mask, self.zncc)

    def __str__(self) -> str:
        lines = [str(self.parameters[name]) for name in PARAMETERS]
        lines.append(f"mean ZNCC {self.zncc.mean():.4f} of {len(self.hkl)} discs, {self.zncc.min():.4f} the lowest")
        return "\n".join(lines)


def refine(
    discs: str | Path | MeasuredDiscs | Mapping[Any, Any],
    crystal: str | Path | Structure,
    *,
    half_width_per_angstrom: float,
    zone: Sequence[int] = (0, 0, 1),
    accelerating_voltage_kv: float = 200.0,
    columns: Sequence[int] | None = None,
    start: Mapping[str, float] | None = None,
    free: Sequence[str] = DEFAULT_FREE,
    disc_shifts: bool = True,
    bin_px: int = 1,
    grid_px: int = 96,
    beams: int = 130,
    weak_beams: int = 200,
    absorption: str = "phonon",
    form_factor: str = "lobato",
    iterations: int = 8,
    progress: Callable[[str], None] | None = None,
) -> Refinement:
    """Fit discs of one zone axis.

    Limits: discs simulated from the start itself come back unchanged with ZNCC 1; a shift of all discs is a centre.

    Args:
        discs: measured, x to the right along `columns` and y downwards, the Bragg line of g at k_t = -g/2; or the .npz
            that holds them.
        crystal: a name of the library, a CIF file, or a structure with `site_properties["b_iso"]`; one B for all atoms.
        half_width_per_angstrom: from the middle to the edge of a disc [1/Å], within some per cent.
        zone: [uvw].
        accelerating_voltage_kv: voltage; it is not fitted: run several and compare the ZNCC.
        columns: (hkl) of the zone that points right.
        start: values to start from, or to hold; without a thickness 10 to 300 nm are scanned.
        free: names of what is fitted, see `refine_parameters.PARAMETERS`.
        disc_shifts: whether every disc has a shift of its own; then centre_x and centre_y say no more than their mean
            and are held after the first round.
        bin_px: pixels that are binned before the fit.
        grid_px: simulated directions across the field; a fringe needs four.
        beams, weak_beams: of each tile of directions, exact and to second order.
        absorption, form_factor: see `Scatterers`.
        iterations: most of each round.
        progress: is told one line at a time.

    Raises:
        InputError: an impossible crystal, zone, disc, start or parameter.
    """
    tell = progress or (lambda _: None)
    if isinstance(discs, str | Path):
        discs = MeasuredDiscs.read(discs)
    measured = (discs if isinstance(discs, MeasuredDiscs) else MeasuredDiscs.of(discs)).binned(bin_px)
    structure = load(crystal) if isinstance(crystal, str | Path) else crystal
    b_iso = [float(b) for b in structure.site_properties.get("b_iso", [0.5])]
    mixed = [site for site in structure if len(site.species) == 2]
    share = float(list(mixed[0].species.values())[1]) if mixed else 0.0
    foil_free, image_free = split_free(free, bool(mixed))
    given = dict(start or {})
    own = {
        "thickness": float(SCANNED_NM[0]),
        "b_iso": float(np.mean(b_iso)),
        "absorption": 1.0,
        "share": share,
        "lattice": 1.0,
        "half_width": half_width_per_angstrom,
        **dict.fromkeys(("aspect", "shear", "turn", "centre_x", "centre_y"), 0.0),
        "blur": 1.0,
    }
    values = starting(given, own)
    field = FIELD_MARGIN * half_width_per_angstrom

    def foil_of(size_px: int, at: Mapping[str, float], error: float, more: float = 1.0) -> RefinableFoil:
        return RefinableFoil.of(
            structure,
            zone,
            measured.hkl,
            at,
            accelerating_voltage_kv=accelerating_voltage_kv,
            half_width=field,
            size_px=size_px,
            columns=columns,
            beams=round(more * beams),
            weak_beams=round(more * weak_beams),
            slice_error=error,
            absorption=absorption,
            form_factor=form_factor,
        )

    plane = ImagePlane(measured.size_px, bin_px, field)
    fit = DiscFit(measured, plane)
    if "thickness" not in given:
        coarse = foil_of(max(16, 2 * (grid_px // 4)), {**values, "thickness": 100.0}, 0.02)
        numbers = torch.tensor([values[name] for name in FOIL], dtype=torch.float64)
        geometry = torch.tensor([values[name] for name in GEOMETRY], dtype=torch.float64)
        geometry[GEOMETRY.index("blur")] = max(values["blur"], 2.0 * field / half_width_per_angstrom)
        scanned = coarse.series(numbers, SCANNED_NM).double()
        scores = [float(fit.zncc(plane.image(one, geometry, fit.no_shifts)).mean()) for one in scanned]
        best = int(np.argmax(scores))
        values["thickness"] = float(SCANNED_NM[best])
        tell(f"thickness {SCANNED_NM[best]} nm of {SCANNED_NM[0]} to {SCANNED_NM[-1]}, ZNCC {scores[best]:.3f}")
    foil = foil_of(grid_px, values, 1e-3)
    state = fit.solve(FitState.at(foil, values, fit), foil_free, image_free, False, iterations, tell)
    common = fit.zncc(state.image).numpy()
    if disc_shifts:
        image_free = [name for name in image_free if not name.startswith("centre")]
        state = fit.solve(state, foil_free, image_free, True, iterations, tell)
    names = [*foil_free, *image_free]
    finer = foil_of(grid_px, state.named(), 1e-3, MORE_BEAMS).pictures(state.values)
    covariance, independent, drift = fit.covariance(
        state, names, disc_shifts, plane.image(finer, state.geometry, state.shifts)
    )
    spread = covariance.diagonal().clamp_min(0).sqrt()
    reached = state.named()
    parameters = {}
    for name, limits in PARAMETERS.items():
        sure = float(spread[names.index(name)]) if name in names else 0.0
        if name in names and not (limits.least < reached[name] < limits.most and sure > 0):
            sure = float("nan")
        moved = float(drift[names.index(name)]) if name in names else 0.0
        parameters[name] = Fitted(name, reached[name], sure, limits.unit, moved)
    inner = len(names)
    own_spread = spread[inner:].reshape(-1, 2) if disc_shifts else torch.zeros(len(measured), 2)
    return Refinement(
        parameters=parameters,
        hkl=measured.hkl,
        zncc=fit.zncc(state.image).numpy(),
        zncc_common=common,
        measured=measured.intensity,
        fitted=fit.on_scale(state),
        mask=measured.mask,
        shifts=state.shifts.numpy(),
        shift_uncertainties=own_spread.numpy(),
        correlation=(covariance / torch.outer(spread, spread).clamp_min(1e-300))[:inner, :inner].numpy(),
        free=tuple(names),
        independent_pixels=independent.numpy(),
    )
