"""Kernel ridge regression with a Gaussian kernel, its widths chosen by exact leave-one-out, for each target apart.

    f_t(x) = m_t + s_t sum_i a_ti k_t(x, x_i)        k_t(x, c) = exp(-sum_j (l_tj (x_j - c_j))^2)
    (K_t + lambda_t) a_t = (y_t - m_t) / s_t

With K = Q diag(w) Q^T and G = (K + lambda)^-1, the residual of point i in a fit without it is (G y)_i / G_ii, so every
lambda costs two matrix products after one decomposition. The inverse lengths are l_tj ~ sqrt(gamma_t) std_j^-p_t, in
units of the total spread: p = 1 gives every input the same say, p = 0 leaves inputs their natural weight.
Source: Rasmussen & Williams 2006, sections 2.2 and 5.4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

GAMMAS = tuple(4.0**k for k in range(-3, 4))
POWERS = (0.0, 0.5, 1.0)
RIDGES = tuple(10.0**k for k in range(-10, 2))
ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class KernelRidge:
    """A fitted regression of inputs (n, d) to t targets; all arrays float64, since the coefficients nearly cancel.

    centres (n, d) the inputs it was fitted to; inverse_length (t, d); coefficients (t, n); offset, scale (t,) of the
    targets; ridge (t,) the lambda of each; left_out_mae (t,) mean absolute leave-one-out residual in units of the
    targets, over the rows that chose the widths.
    """

    centres: np.ndarray
    inverse_length: np.ndarray
    coefficients: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    ridge: np.ndarray
    left_out_mae: np.ndarray

    @classmethod
    def fit(
        cls,
        inputs: np.ndarray,
        targets: np.ndarray,
        *,
        seed: int = 0,
        search_rows: int = 1000,
        refine_rows: int = 2500,
        gammas: Sequence[float] = GAMMAS,
        powers: Sequence[float] = POWERS,
        ridges: Sequence[float] = RIDGES,
    ) -> KernelRidge:
        """Fit inputs (n, d) to targets (n, t) or (n,), all rows used.

        gamma and p are searched by leave-one-out on at most `search_rows` random rows; then gamma is moved by factors
        of two, and lambda chosen, on at most `refine_rows` rows. Decompositions take 0.2 s for 1000 rows, 2 s for 2500
        and 8 s for 4000 on one core; the fit itself takes one Cholesky factorisation of all rows per target.
        Raises `InputError` for shapes that do not fit, NaN, fewer than 10 rows or a target that does not vary.
        """
        inputs, targets = checked(inputs, targets)
        offset, scale = targets.mean(0), targets.std(0)
        wanted = (targets - offset) / scale
        order = np.random.default_rng(seed).permutation(len(inputs))
        weights = [_weights(inputs, power) for power in powers]
        coarse = _Search(inputs[order[:search_rows]], wanted[order[:search_rows]], weights, ridges)
        fine = _Search(inputs[order[:refine_rows]], wanted[order[:refine_rows]], weights, ridges)
        inverse_length, coefficients, chosen, left_out = [], [], [], []
        for t in range(wanted.shape[1]):
            p, gamma = _descend(fine, _lowest(coarse, product(range(len(powers)), gammas), t), t)
            error, ridge = fine.best(p, gamma, t)
            lengths = np.sqrt(gamma) * weights[p]
            inverse_length.append(lengths)
            coefficients.append(_solve(_kernel(inputs, inputs, lengths), ridge, wanted[:, t]))
            chosen.append(ridge)
            left_out.append(error * scale[t])
        found = [np.array(values) for values in (inverse_length, coefficients, offset, scale, chosen, left_out)]
        return cls(inputs, *found)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Targets, (n, d) -> (n, t) float64. Far from all centres the answer is the mean of the fitted targets."""
        inputs = np.asarray(inputs, float)
        if inputs.ndim != 2 or inputs.shape[1] != self.centres.shape[1]:
            raise InputError(f"kernel ridge: inputs have shape {inputs.shape}, expected (n, {self.centres.shape[1]})")
        columns = []
        for lengths, coefficients in zip(self.inverse_length, self.coefficients, strict=True):
            parts = [
                _kernel(inputs[first : first + ROWS_AT_ONCE], self.centres, lengths) @ coefficients
                for first in range(0, len(inputs), ROWS_AT_ONCE)
            ]
            columns.append(np.concatenate(parts) if parts else np.empty(0))
        return self.offset + self.scale * np.stack(columns, axis=-1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything it holds, by name, for a safetensors file."""
        import torch

        return {field.name: torch.from_numpy(np.array(getattr(self, field.name))) for field in fields(self)}

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor | np.ndarray]) -> KernelRidge:
        """Inverse of `tensors`; missing names or shapes that do not fit raise `InputError`."""
        try:
            arrays = {field.name: np.asarray(tensors[field.name], dtype=float) for field in fields(cls)}
        except KeyError as missing:
            raise InputError(f"kernel ridge: stored tensors lack {missing}") from None
        (n, d), t = arrays["centres"].shape, len(arrays["offset"])
        expected = {
            "inverse_length": (t, d),
            "coefficients": (t, n),
            "scale": (t,),
            "ridge": (t,),
            "left_out_mae": (t,),
        }
        for name, shape in expected.items():
            if arrays[name].shape != shape:
                raise InputError(f"kernel ridge: stored {name} has shape {arrays[name].shape}, expected {shape}")
        return cls(**arrays)

    def module(self) -> nn.Module:
        """The regression as a torch module, inputs (n, d) -> targets (n, t), float64 inside, dtype of the input out."""
        import torch
        from torch import nn

        class Module(nn.Module):
            def forward(self, inputs: Tensor) -> Tensor:
                lengths, coefficients, offset, scale, centres = self.buffers()
                x = inputs.double() * lengths[:, None, :]  # (t, n, d)
                c = (centres * lengths[:, None, :]).transpose(1, 2)  # (t, d, centres)
                squared = x.square().sum(-1, keepdim=True) + c.square().sum(1, keepdim=True) - 2 * torch.matmul(x, c)
                answers = torch.matmul(torch.exp(-squared), coefficients[..., None])[..., 0]  # (t, n)
                return (offset + scale * answers.transpose(0, 1)).to(inputs.dtype)

        module, held = Module(), self.tensors()
        for name in ("inverse_length", "coefficients", "offset", "scale", "centres"):
            module.register_buffer(name, held[name])
        return module.eval()


class _Search:
    """Leave-one-out errors of one set of rows by power and gamma, each decomposition made once."""

    def __init__(
        self, inputs: np.ndarray, wanted: np.ndarray, weights: list[np.ndarray], ridges: Sequence[float]
    ) -> None:
        self.inputs, self.wanted, self.weights, self.ridges = inputs, wanted, weights, ridges
        self.known: dict[tuple[int, float], np.ndarray] = {}

    def best(self, p: int, gamma: float, t: int) -> tuple[float, float]:
        """Smallest mean absolute residual of target t, in units of its spread, and the ridge that gives it."""
        if (p, gamma) not in self.known:
            kernel = _kernel(self.inputs, self.inputs, np.sqrt(gamma) * self.weights[p])
            self.known[p, gamma] = leave_one_out(kernel, self.wanted, self.ridges)
        errors = self.known[p, gamma][:, t]
        return float(errors.min()), self.ridges[int(errors.argmin())]


def leave_one_out(kernel: np.ndarray, wanted: np.ndarray, ridges: Sequence[float]) -> np.ndarray:
    """Mean absolute residual of each point in a fit without it, (n, n) and (n, t) -> (ridges, t), exactly."""
    from scipy.linalg import eigh

    w, q = eigh(kernel, driver="evd")
    w, squares, projected = np.clip(w, 0, None), q * q, q.T @ wanted
    errors = []
    for ridge in ridges:
        inverse = 1 / (w + ridge)
        errors.append(np.abs(q @ (inverse[:, None] * projected) / (squares @ inverse)[:, None]).mean(0))
    return np.array(errors)


def checked(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, d) and targets (n, t) as float64; raises `InputError` where nothing can be fitted to them."""
    inputs, targets = np.asarray(inputs, float), np.asarray(targets, float)
    targets = targets[:, None] if targets.ndim == 1 else targets
    if inputs.ndim != 2 or targets.ndim != 2 or len(inputs) != len(targets) or 0 in (*inputs.shape, *targets.shape):
        raise InputError(f"regression: inputs {inputs.shape} and targets {targets.shape} must be (n, d) and (n, t)")
    if len(inputs) < 10:
        raise InputError(f"regression: {len(inputs)} rows, but at least 10 are needed")
    if not np.isfinite(inputs).all() or not np.isfinite(targets).all():
        raise InputError("regression: inputs or targets hold NaN or infinity")
    for column in np.flatnonzero(np.ptp(targets, axis=0) == 0):
        raise InputError(f"regression: target {column} has the same value {targets[0, column]:g} in all rows")
    return inputs, targets


def _weights(inputs: np.ndarray, power: float) -> np.ndarray:
    """Weight of each input, std^-power, such that the weighted inputs have a total variance of 1; constant ones 0."""
    spread = inputs.std(0)
    varies = spread > 1e-9 * spread.max()
    weights = np.where(varies, np.where(varies, spread, 1.0) ** -power, 0.0)
    return weights / max(float(np.linalg.norm(weights * spread)), 1e-300)


def _kernel(a: np.ndarray, b: np.ndarray, inverse_length: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return np.exp(-cdist(a * inverse_length, b * inverse_length, "sqeuclidean"))


def _lowest(search: _Search, places: Iterable[tuple[int, float]], t: int) -> tuple[int, float]:
    """The power and gamma with the smallest leave-one-out error of target t."""
    return min(places, key=lambda place: search.best(place[0], place[1], t))


def _descend(search: _Search, start: tuple[int, float], t: int) -> tuple[int, float]:
    """Move gamma by factors of two as long as the leave-one-out error falls."""
    p, gamma = start
    for factor in (2.0, 0.5):
        while search.best(p, gamma * factor, t) < search.best(p, gamma, t):
            gamma *= factor
    return p, gamma


def _solve(kernel: np.ndarray, ridge: float, wanted: np.ndarray) -> np.ndarray:
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

    kernel[np.diag_indices_from(kernel)] += ridge
    try:
        return cho_solve(cho_factor(kernel, check_finite=False), wanted)
    except LinAlgError:  # the smallest eigenvalues are rounding
        w, q = eigh(kernel)
        return q @ ((q.T @ wanted) / np.maximum(w, ridge))
