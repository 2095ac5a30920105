"""Fit: Levenberg-Marquardt of foil, camera and shifts to masked discs, gain and background of each eliminated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoneaxis.techniques.lacbed.measured_discs import MeasuredDiscs
from zoneaxis.techniques.lacbed.refine_foil import FOIL, RefinableFoil
from zoneaxis.techniques.lacbed.refine_image import GEOMETRY, ImagePlane
from zoneaxis.techniques.lacbed.refine_parameters import PARAMETERS

MOVED = 0.02
"""Relative change of a parameter of the foil after which its derivatives are computed anew."""
SHIFT_PRIOR_PX = 3.0
"""Shifts of single discs are held to zero with this standard deviation, so that a dark disc does not drift away."""
CONVERGED = 1e-4
"""Relative gain of the misfit below which a round ends."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class FitState:
    """A point of the fit: the foil with its pictures, values of foil and camera, shifts, and the image they give."""

    foil: RefinableFoil
    values: Tensor
    geometry: Tensor
    shifts: Tensor
    pictures: Tensor
    image: Tensor

    @classmethod
    def at(cls, foil: RefinableFoil, values: Mapping[str, float], fit: DiscFit) -> FitState:
        """The state at values by name, without shifts."""
        numbers = torch.tensor([values[name] for name in FOIL], dtype=torch.float64)
        geometry = torch.tensor([values[name] for name in GEOMETRY], dtype=torch.float64)
        pictures = foil.pictures(numbers)
        image = fit.plane.image(pictures, geometry, fit.no_shifts)
        return cls(foil, numbers, geometry, fit.no_shifts, pictures, image)

    def named(self) -> dict[str, float]:
        """Values of foil and camera by name."""
        return dict(zip((*FOIL, *GEOMETRY), [*self.values.tolist(), *self.geometry.tolist()], strict=True))

    def moved(self, names: Sequence[str], step: Tensor, plane: ImagePlane) -> FitState:
        """After a step in the named parameters and, where it is longer, in the shifts; within all limits."""
        values, geometry, shifts = self.values.clone(), self.geometry.clone(), self.shifts
        for name, change in zip(names, step.tolist(), strict=False):
            limits = PARAMETERS[name]
            change = min(max(change, -limits.longest), limits.longest)
            where, place = (values, FOIL.index(name)) if name in FOIL else (geometry, GEOMETRY.index(name))
            where[place] = min(max(float(where[place]) + change, limits.least), limits.most)
        if len(step) > len(names):
            shifts = shifts + step[len(names) :].reshape(-1, 2).clamp(-2.0, 2.0)
        same = torch.equal(values, self.values)
        pictures = self.pictures if same else self.foil.pictures(values)
        return FitState(self.foil, values, geometry, shifts, pictures, plane.image(pictures, geometry, shifts))


class DiscFit:
    """Measured discs as columns of a linear problem: masked, each of mean 0 and variance 1."""

    def __init__(self, measured: MeasuredDiscs, plane: ImagePlane) -> None:
        self.plane = plane
        self.mask = torch.from_numpy(measured.mask).double().flatten(1)
        intensity = torch.from_numpy(np.where(measured.mask, measured.intensity, 0.0)).flatten(1)
        self.count = self.mask.sum(1)
        self.mean = (intensity * self.mask).sum(1) / self.count
        centred = (intensity - self.mean[:, None]) * self.mask
        self.sigma = (centred.square().sum(1) / self.count).sqrt().clamp_min(1e-12)
        self.target = centred / self.sigma[:, None]
        self.no_shifts = torch.zeros(len(measured), 2, dtype=torch.float64)
        steps = plane.pixels / plane.pixels.abs().max()
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        self.background = torch.stack([torch.ones_like(x), x, y]).flatten(1)

    def zncc(self, image: Tensor) -> Tensor:
        """(discs,) of images (discs, size, size) with the measured discs."""
        flat = image.flatten(1)
        centred = (flat - (flat * self.mask).sum(1, keepdim=True) / self.count[:, None]) * self.mask
        return (centred * self.target).sum(1) / (centred.norm(dim=1) * self.target.norm(dim=1)).clamp_min(1e-300)

    def linear(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Orthonormal columns (discs, pixels, 4) of image and plane; the coefficients; what is left (discs, pixels)."""
        flat = image.flatten(1)
        columns = torch.cat([flat[:, None], self.background.expand(len(flat), 3, -1)], dim=1) * self.mask[:, None]
        basis, upper = torch.linalg.qr(columns.transpose(1, 2))
        along = basis.transpose(1, 2) @ self.target[..., None]
        coefficients = torch.linalg.solve_triangular(upper, along, upper=True)[..., 0]
        return basis, coefficients, self.target - (basis @ along)[..., 0]

    def misfit(self, state: FitState) -> float:
        """Sum of squares of what is left of all discs, and of the shifts over their prior."""
        residual = self.linear(state.image)[2]
        shifts = (state.shifts.square().sum(1) / SHIFT_PRIOR_PX**2 * self.prior_weight).sum()
        return float(residual.square().sum() + shifts)

    @property
    def prior_weight(self) -> Tensor:
        """(discs,): the prior counts as much as a hundredth of the pixels of the disc at its standard deviation."""
        return 0.01 * self.count

    def on_scale(self, state: FitState) -> Array:
        """Gain x image + plane on the scale of the measured discs."""
        _, coefficients, _ = self.linear(state.image)
        columns = torch.cat([state.image.flatten(1)[:, None], self.background.expand(len(self.mean), 3, -1)], dim=1)
        fitted = (coefficients[:, :, None] * columns).sum(1) * self.sigma[:, None] + self.mean[:, None]
        return fitted.reshape(state.image.shape).numpy()

    def jacobian(
        self, state: FitState, slopes: Tensor, image_free: Sequence[str], shifts: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of what is left: (discs, pixels, parameters) in the common parameters, (discs, pixels, 2 or 0) in the shifts
        of each disc; and what is left itself."""
        basis, coefficients, residual = self.linear(state.image)
        plane, pictures = self.plane, state.pictures
        common = [plane.image(one, state.geometry, state.shifts) for one in slopes]
        for name in image_free:
            direction = torch.zeros_like(state.geometry)
            direction[GEOMETRY.index(name)] = 1.0
            common.append(
                torch.func.jvp(lambda g: plane.image(pictures, g, state.shifts), (state.geometry,), (direction,))[1]
            )
        own = []
        for axis in (0, 1) if shifts else ():
            direction = torch.zeros_like(state.shifts)
            direction[:, axis] = 1.0
            own.append(
                torch.func.jvp(lambda s: plane.image(pictures, state.geometry, s), (state.shifts,), (direction,))[1]
            )
        found = []
        for images in (common, own):
            if not images:
                found.append(residual.new_zeros(*residual.shape, 0))
                continue
            columns = torch.stack([one.flatten(1) for one in images], dim=-1)
            columns = columns * (self.mask * coefficients[:, :1])[..., None]
            found.append(columns - basis @ (basis.transpose(1, 2) @ columns))
        return found[0], found[1], residual

    def normal(self, common: Tensor, own: Tensor, right: tuple[Tensor, Tensor]) -> Tensor:
        """Sum over the discs of (common, own)^T (right common, right own), the shifts of a disc being its own."""
        inner, discs = common.shape[-1], len(common)
        size = inner + own.shape[-1] * discs
        matrix = common.new_zeros(size, size)
        matrix[:inner, :inner] = (common.transpose(1, 2) @ right[0]).sum(0)
        for disc in range(discs) if own.shape[-1] else ():
            here = slice(inner + 2 * disc, inner + 2 * disc + 2)
            matrix[here, here] = own[disc].T @ right[1][disc]
            matrix[:inner, here] = common[disc].T @ right[1][disc]
            matrix[here, :inner] = own[disc].T @ right[0][disc]
        return matrix

    def solve(
        self,
        state: FitState,
        foil_free: Sequence[str],
        image_free: Sequence[str],
        shifts: bool,
        iterations: int,
        tell: Callable[[str], None],
    ) -> FitState:
        """Levenberg-Marquardt from a state; only steps that help are kept."""
        names = [*foil_free, *image_free]
        damping, misfit = 1e-3, self.misfit(state)
        slopes, known_at = None, state.values
        for iteration in range(iterations):
            if slopes is None or bool(((state.values - known_at).abs() > MOVED * known_at.abs()).any()):
                slopes, known_at = state.foil.derivatives(state.values, foil_free)[1], state.values
            common, own, residual = self.jacobian(state, slopes, image_free, shifts)
            matrix = self.normal(common, own, (common, own))
            slope = torch.cat(
                [
                    torch.einsum("dpk,dp->k", common, residual),
                    torch.einsum("dpk,dp->dk", own, residual).flatten(),
                ]
            )
            if shifts:
                weight = (self.prior_weight / SHIFT_PRIOR_PX**2).repeat_interleave(2)
                matrix[len(names) :, len(names) :] += torch.diag(weight)
                slope[len(names) :] -= weight * state.shifts.flatten()
            better = None
            for _ in range(6):
                ridge = torch.diag(damping * matrix.diagonal() + 1e-12 * matrix.diagonal().max())
                trial = state.moved(names, torch.linalg.solve(matrix + ridge, slope), self.plane)
                reached = self.misfit(trial)
                if reached < misfit:
                    better = trial
                    break
                damping *= 8.0
            if better is None:
                break
            gained, misfit, state = 1.0 - reached / misfit, reached, better
            damping = max(damping / 8.0, 1e-7)
            tell(f"iteration {iteration + 1}: mean ZNCC {float(self.zncc(state.image).mean()):.4f}")
            if gained < CONVERGED:
                break
        return state

    def covariance(
        self, state: FitState, names: Sequence[str], shifts: bool, finer: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of the named parameters and the shifts; the independent pixels of every disc; how far all would move.

        The last is the Gauss-Newton step towards images `finer` (discs, size, size) of the same state; see `refine`.
        """
        foil_free = [name for name in names if name in FOIL]
        slopes = state.foil.derivatives(state.values, foil_free)[1]
        common, own, residual = self.jacobian(state, slopes, [name for name in names if name in GEOMETRY], shifts)
        bread = self.normal(common, own, (common, own))
        if shifts:
            weight = (self.prior_weight / SHIFT_PRIOR_PX**2).repeat_interleave(2)
            bread[len(names) :, len(names) :] += torch.diag(weight)
        size = self.plane.size_px
        kernels, areas = zip(
            *(_autocorrelation(one.reshape(size, size), seen) for one, seen in zip(residual, self.count, strict=True)),
            strict=True,
        )
        power = torch.stack([torch.fft.rfft2(kernel).real for kernel in kernels]).clamp_min(0.0)

        def filtered(columns: Tensor) -> Tensor:
            if not columns.shape[-1]:
                return columns
            images = columns.transpose(1, 2).reshape(len(columns), -1, size, size)
            spectrum = torch.fft.rfft2(images, s=(2 * size, 2 * size)) * power[:, None]
            back = torch.fft.irfft2(spectrum, s=(2 * size, 2 * size))[..., :size, :size]
            return back.flatten(2).transpose(1, 2) * self.mask[..., None]

        meat = self.normal(common, own, (filtered(common), filtered(own)))
        inverse = torch.linalg.pinv(bread, hermitian=True)
        changed = self.linear(finer)[2] - residual
        pull = torch.cat(
            [torch.einsum("dpk,dp->k", common, changed), torch.einsum("dpk,dp->dk", own, changed).flatten()]
        )
        return inverse @ (0.5 * (meat + meat.T)) @ inverse, self.count / torch.stack(areas), inverse @ pull


def _autocorrelation(residual: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Autocovariance of a residual, windowed, on a grid of twice the size (so that nothing wraps round); and its area:
    the sum over its value at zero, at least 1 pixel."""
    size = residual.shape[0]
    spectrum = torch.fft.rfft2(residual, s=(2 * size, 2 * size))
    covariance = torch.fft.irfft2(spectrum.abs().square(), s=(2 * size, 2 * size)) / count
    lags = torch.cat([torch.arange(size), torch.arange(-size, 0)]).double().abs()
    near = torch.hypot(lags[:, None], lags[None])
    rings = near.round().long().clamp_max(size)
    radial = torch.bincount(rings.flatten(), weights=covariance.flatten()) / torch.bincount(rings.flatten())
    below = (radial < 0.1 * radial[0]).nonzero()
    reach = 2.0 * max(1.0, float(below[0]) if len(below) else size / 4)
    window = (1.0 - lags / reach).clamp_min(0.0)
    windowed = covariance * window[:, None] * window
    return windowed, (windowed.sum() / windowed[0, 0].clamp_min(1e-300)).clamp_min(1.0)
