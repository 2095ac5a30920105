"""Emulator: a smooth stand-in for a simulator whose images were computed once on a complete grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.learn.spline_axis import SplineAxis

COMPONENTS = 32
DARK = 1e-4
"""Amplitude, as a fraction of the largest, that a pixel must reach somewhere on the grid to be called lit."""
ROUNDING = 1e-9
"""How far a value may lie outside its axis, as a fraction of its length."""


@dataclass(frozen=True)
class Emulator:
    """Amplitudes of images between the nodes of a grid: principal components, their scores splined along every axis.

    An image is held as its amplitude a, the square root of intensity, on the lit pixels and with unit norm, so a² is
    the fraction of all electrons that fall on a pixel and overall brightness plays no part. Then

        a(class, v) = mean + components @ c(class, v),    c(class, v) = sum over nodes of B(v_1) B(v_2) ... coefficient

    with cubic B-splines B. It interpolates and never extrapolates. Exact at the nodes up to the components left out.

    Attributes:
        classes: names of the discrete alternatives (the two dimers, say).
        axes: one for each value.
        lit: (rows, cols) bool.
        mean: (lit,) float32.
        components: (lit, k) float32, orthonormal columns.
        coefficients: (class, node of axis 1, node of axis 2, ..., k) float32 spline coefficients.
        errors: relative errors of the amplitude, see `fit`.
    """

    classes: tuple[str, ...]
    axes: tuple[SplineAxis, ...]
    lit: np.ndarray
    mean: np.ndarray
    components: np.ndarray
    coefficients: np.ndarray
    errors: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        amplitudes: np.ndarray,
        labels: Mapping[str, np.ndarray],
        classes: Sequence[str] | np.ndarray,
        components: int = COMPONENTS,
    ) -> Emulator:
        """Emulator of n images that fill a grid.

        Args:
            amplitudes: (n, rows, cols) square roots of intensity in any scale, >= 0.
            labels: (n,) values of each axis.
            classes: (n,) names.
            components: principal components kept.

        Returns:
            The emulator. Its `errors` are norms of the missed amplitude, that of an image being 1: `components_rms`
            and `components_max` (what the components left out hold), and for every axis `NAME_double_step_rms` and
            `..._p95`: every second node left out and read from the others, that is with twice the real step; with the
            real step the error of a smooth function is 2^(degree + 1) times smaller.

        Raises:
            InputError: shapes that do not fit, a grid with holes or doubles, images that are empty or not finite.
        """
        amplitudes = np.asarray(amplitudes, dtype=np.float32)
        names, node_of, shape, axes = _grid(amplitudes, labels, classes)
        flat = amplitudes.reshape(len(amplitudes), -1)
        lit = flat.max(0) > DARK * flat.max()
        bright = flat[:, lit]
        bright /= np.linalg.norm(bright, axis=1, keepdims=True)
        mean = bright.mean(0, dtype=np.float64)
        covariance = (bright.T @ bright).astype(np.float64) / len(bright) - np.outer(mean, mean)
        kept = min(components, *bright.shape)
        vectors = np.linalg.eigh(covariance)[1][:, : -kept - 1 : -1]
        scores = (bright - mean) @ vectors
        missed = np.linalg.norm(bright - mean - scores @ vectors.T, axis=1)
        errors = {"components_rms": _rms(missed), "components_max": float(missed.max())}
        nodes = np.empty((len(bright), kept))
        nodes[node_of] = scores
        nodes = nodes.reshape(*shape, kept)
        for number, axis in enumerate(axes, start=1):
            errors |= _alternate(nodes, axis, number)
        coefficients = nodes
        for number, axis in enumerate(axes, start=1):
            coefficients = axis.coefficients(coefficients, number)
        return cls(
            names,
            axes,
            lit.reshape(amplitudes.shape[1:]),
            mean.astype(np.float32),
            np.ascontiguousarray(vectors, dtype=np.float32),
            np.ascontiguousarray(coefficients, dtype=np.float32),
            {name: float(f"{error:.4g}") for name, error in errors.items()},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the values, in their order."""
        return tuple(axis.name for axis in self.axes)

    @cached_property
    def low(self) -> np.ndarray:
        """(t,) smallest value of each axis."""
        return np.array([axis.nodes[0] for axis in self.axes])

    @cached_property
    def high(self) -> np.ndarray:
        """(t,) largest value of each axis."""
        return np.array([axis.nodes[-1] for axis in self.axes])

    @property
    def nbytes(self) -> int:
        """Size of what is stored."""
        return sum(array.nbytes for array in self.tensors().values())

    def amplitude(self, klass: str | np.ndarray, values: np.ndarray) -> np.ndarray:
        """Amplitudes (m, lit) at values (m, t); klass: one name for all, or (m,) positions in `classes`."""
        self._check(values)
        return self._pixels(self._scores(self._class(klass, len(values)), values, derivatives=False))[:, 0]

    def jacobian(self, klass: str | np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Amplitudes (m, lit) and their derivatives (m, t, lit) per unit of each value."""
        self._check(values)
        pixels = self._pixels(self._scores(self._class(klass, len(values)), values, derivatives=True))
        return pixels[:, 0], pixels[:, 1:]

    def image(self, klass: str | np.ndarray, values: np.ndarray) -> np.ndarray:
        """Amplitudes (m, rows, cols), zero on dark pixels."""
        images = np.zeros((len(values), *self.lit.shape), dtype=np.float32)
        images[:, self.lit] = self.amplitude(klass, values)
        return images

    def nearest(self, amplitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The node of each class that is nearest to an image.

        Args:
            amplitude: (n, lit), any scale.

        Returns:
            values (n, classes, t) of the nodes; distance (n, classes), norm of the difference of unit images.
        """
        values, distance = self.nearest_in_bands(amplitude, 1)
        return values[:, :, 0], distance[:, :, 0]

    def nearest_in_bands(self, amplitude: np.ndarray, bands: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest node of each class in each of so many stretches of the first axis.

        Far apart on that axis images may look alike through noise: a search that begins in each stretch misses neither.

        Returns:
            values (n, classes, bands, t) of the nodes; distance (n, classes, bands) as `nearest`.
        """
        scale = np.linalg.norm(amplitude, axis=1, keepdims=True)
        centred = amplitude / np.where(scale > 0, scale, 1.0) - self.mean
        scores = centred @ self.components
        outside = np.maximum((centred**2).sum(1) - (scores**2).sum(1), 0.0)
        nodes, squares = self._nodes
        squared = squares - 2.0 * (scores @ nodes.T) + (scores**2).sum(1, keepdims=True)
        shape = [len(axis) for axis in self.axes]
        squared = squared.reshape(len(scores), len(self.classes), shape[0], -1)
        values, distance = [], []
        for band in np.array_split(np.arange(shape[0]), min(bands, shape[0])):
            part = squared[:, :, band].reshape(len(scores), len(self.classes), -1)
            best = part.argmin(-1)
            index = list(np.unravel_index(best, [len(band), *shape[1:]]))
            index[0] = index[0] + band[0]
            values.append(np.stack([axis.nodes[i] for axis, i in zip(self.axes, index, strict=True)], axis=-1))
            least = np.take_along_axis(part, best[..., None], -1)[..., 0]
            distance.append(np.sqrt(np.maximum(least, 0.0) + outside[:, None]))
        return np.stack(values, axis=2), np.stack(distance, axis=2)

    def tensors(self) -> dict[str, np.ndarray]:
        """Everything as arrays, ready for a .safetensors file."""
        told = {"classes": self.classes, "axes": self.names, "errors": self.errors}
        return {
            "description": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8).copy(),
            **{f"nodes_{number}": axis.nodes for number, axis in enumerate(self.axes)},
            "lit": self.lit.astype(np.uint8),
            "mean": self.mean,
            "components": self.components,
            "coefficients": self.coefficients,
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, np.ndarray]) -> Emulator:
        """The emulator whose `tensors` these are; `InputError` when they do not belong together."""
        try:
            told = json.loads(np.asarray(tensors["description"]).tobytes().decode())
            axes = tuple(
                SplineAxis(name, np.asarray(tensors[f"nodes_{number}"])) for number, name in enumerate(told["axes"])
            )
            emulator = cls(
                tuple(told["classes"]),
                axes,
                np.asarray(tensors["lit"]).astype(bool),
                np.asarray(tensors["mean"], dtype=np.float32),
                np.asarray(tensors["components"], dtype=np.float32),
                np.asarray(tensors["coefficients"], dtype=np.float32),
                dict(told["errors"]),
            )
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as reason:
            raise InputError(f"emulator: not the tensors of an emulator ({reason})") from None
        lit, kept = int(emulator.lit.sum()), emulator.components.shape[-1]
        expected = (len(emulator.classes), *map(len, axes), kept)
        if emulator.coefficients.shape != expected or emulator.components.shape != (lit, kept):
            raise InputError(
                f"emulator: coefficients {emulator.coefficients.shape} and components {emulator.components.shape} "
                f"do not fit {expected} and {(lit, kept)}"
            )
        return emulator

    def _check(self, values: np.ndarray) -> None:
        slack = ROUNDING * (self.high - self.low)
        bad = ~((values >= self.low - slack) & (values <= self.high + slack))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(
                f"emulator: {self.names[column]} = {values[row, column]:.6g} is outside the grid, "
                f"{self.low[column]:.6g} to {self.high[column]:.6g}; it is never extrapolated"
            )

    def _class(self, klass: str | np.ndarray, count: int) -> np.ndarray:
        if not isinstance(klass, str):
            return klass
        if klass not in self.classes:
            raise InputError(f"emulator: class {klass!r} is none of {', '.join(self.classes)}")
        return np.full(count, self.classes.index(klass))

    def _scores(self, klass: np.ndarray, values: np.ndarray, *, derivatives: bool) -> np.ndarray:
        """Scores (m, 1, k), or with derivatives (m, 1 + t, k)."""
        count, place = len(values), klass
        local = np.zeros(1, dtype=np.intp)
        weights = np.ones((count, 1, 1))
        for number, axis in enumerate(self.axes):
            first, along = axis.weights(values[:, number])
            local = (local[:, None] * len(axis) + np.arange(axis.degree + 1)).ravel()
            place = place * len(axis) + first
            grown = weights[..., None] * along[:, :1, None]
            if derivatives:
                inward = weights[:, :1, :, None] * along[:, 1:, None]
                grown = np.concatenate([grown, inward], axis=1)
            weights = grown.reshape(count, grown.shape[1], -1)
        block = self._flat[place[:, None] + local]
        return weights.astype(np.float32) @ block

    def _pixels(self, scores: np.ndarray) -> np.ndarray:
        pixels = scores @ self._components_t
        pixels[:, 0] += self.mean
        return pixels

    @cached_property
    def _flat(self) -> np.ndarray:
        return self.coefficients.reshape(-1, self.coefficients.shape[-1])

    @cached_property
    def _components_t(self) -> np.ndarray:
        return np.ascontiguousarray(self.components.T)

    @cached_property
    def _nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores (all nodes of all classes, k) at the nodes, and their squared norms."""
        nodes = self.coefficients
        for number, axis in enumerate(self.axes, start=1):
            nodes = axis.values(nodes, number)
        nodes = np.ascontiguousarray(nodes.reshape(-1, nodes.shape[-1]), dtype=np.float32)
        return nodes, (nodes**2).sum(1)


def _grid(
    amplitudes: np.ndarray, labels: Mapping[str, np.ndarray], classes: Sequence[str] | np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, tuple[int, ...], tuple[SplineAxis, ...]]:
    """Class names, place (n,) of every image in the grid, the grid's shape and its axes."""
    n = len(amplitudes)
    if amplitudes.ndim != 3 or n == 0:
        raise InputError(f"emulator: amplitudes have shape {amplitudes.shape}, expected (n, rows, cols)")
    if not np.isfinite(amplitudes).all() or (amplitudes < 0).any() or (amplitudes.reshape(n, -1).max(1) == 0).any():
        raise InputError("emulator: amplitudes must be finite, not negative and not all zero")
    if not labels:
        raise InputError("emulator: no label given, so there is no axis")
    for name, given in (*labels.items(), ("class", classes)):
        if np.shape(given) != (n,):
            raise InputError(f"emulator: label {name} has shape {np.shape(given)}, the images are {n}")
    names, place = np.unique(np.asarray(classes, dtype=str), return_inverse=True)
    shape, axes = [len(names)], []
    for name, given in labels.items():
        nodes, index = np.unique(np.round(np.asarray(given, dtype=np.float64), 9), return_inverse=True)
        axes.append(SplineAxis(name, nodes))
        place = place * len(nodes) + index
        shape.append(len(nodes))
    counts = np.bincount(place, minlength=int(np.prod(shape)))
    if (counts != 1).any():
        at = int(np.flatnonzero(counts != 1)[0])
        klass, *at_node = np.unravel_index(at, shape)
        told = ", ".join(f"{axis.name} = {axis.nodes[i]:g}" for axis, i in zip(axes, at_node, strict=True))
        raise InputError(
            f"emulator: the grid needs one image at every node, but has {counts[at]} at {names[klass]}, {told}"
        )
    return tuple(map(str, names)), place, tuple(shape), tuple(axes)


def _alternate(nodes: np.ndarray, axis: SplineAxis, number: int) -> dict[str, float]:
    """Error at every second node of one axis when it is read from the others, all other axes at their nodes."""
    if len(axis) < 3:
        return {}
    coarse = SplineAxis(axis.name, axis.nodes[::2])
    coefficients = np.moveaxis(coarse.coefficients(np.take(nodes, range(0, len(axis), 2), number), number), number, 0)
    between = axis.nodes[1 : len(axis) - 1 : 2]
    first, weights = coarse.weights(between)
    block = coefficients[first[:, None] + np.arange(coarse.degree + 1)]
    read = np.einsum("mj,mj...->m...", weights[:, 0], block)
    truth = np.moveaxis(np.take(nodes, range(1, len(axis) - 1, 2), number), number, 0)
    missed = np.linalg.norm(read - truth, axis=-1)
    return {f"{axis.name}_double_step_rms": _rms(missed), f"{axis.name}_double_step_p95": _p95(missed)}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _p95(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.95))
