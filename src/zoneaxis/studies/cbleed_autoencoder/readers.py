"""Readers: a code and a regressor on it, and the errors of every reader on every set of test images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoneaxis.learn.regression_errors import errors
from zoneaxis.learn.regressors import regressor
from zoneaxis.studies.cbleed_autoencoder.codes import Components, DiscMeans, Encode, Pixels, lit
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS, Images

LATENT, PIXELS, DISCS, NOTHING = "autoencoder", "pixels", "disc means", "nothing"
COMPONENTS, MORE = "components", "more components"
PAPER_REGRESSORS = ("knn", "svr", "nusvr", "decision_tree", "extra_tree", "xgboost")
BEST = "kernel_ridge"


@dataclass(frozen=True)
class Reader:
    """A code, a regressor on it, and whether the labels it learns from are shuffled (a control)."""

    code: str
    regressor: str
    shuffled: bool = False

    @property
    def name(self) -> str:
        """As it stands in tables and claims."""
        if self.code == NOTHING:
            return "mean of the training labels"
        return f"{self.code} + {self.regressor.replace('_', ' ')}" + (", shuffled labels" if self.shuffled else "")


MEAN = Reader(NOTHING, "mean")
CONTROL = Reader(LATENT, BEST, shuffled=True)
RICH = Reader(MORE, BEST)
"""Kernel ridge on `more_components` of the recipe."""
READERS = (
    *(Reader(LATENT, name) for name in PAPER_REGRESSORS),
    Reader(LATENT, BEST),
    Reader(PIXELS, "knn"),
    Reader(DISCS, "knn"),
    Reader(COMPONENTS, BEST),
    RICH,
    MEAN,
    CONTROL,
)
"""The rows of Table 1: the paper's six, ours, what needs no network, the mean, and a network read with false labels."""

Row = dict[str, Any]
"""reader, test, target, unit, and mae, median, p95, r2, bias, standard_error, n; see `table`."""


def codes(train: Images, components: int, encode: Encode) -> dict[str, Encode]:
    """All codes, fitted to training images; encode: the autoencoder's."""
    return {
        LATENT: encode,
        PIXELS: Pixels(lit(train.amplitude)),
        DISCS: DiscMeans.fit(train.amplitude),
        COMPONENTS: Components.fit(train.amplitude, components),
        NOTHING: lambda amplitude: np.zeros((len(amplitude), 1)),
    }


def table(
    train: Images,
    tests: Mapping[str, Images],
    kind: str,
    readers: Sequence[Reader],
    encode: Encode,
    distances: Mapping[str, np.ndarray],
    tick: Callable[[int, int], None],
    *,
    components: int,
    seed: int,
    timed_readings: int = 0,
) -> list[Row]:
    """Errors of readers, learned from `train` through their codes, on every set of test images.

    encode: the autoencoder's code; components: of the linear one.
    distances: for some tests, how far each image's label is from the nearest in training; their rows get `by_distance`.
    timed_readings: so many images are read one by one, and every row of the reader gets their median `ms`.
    """
    encoders = codes(train, components, encode)
    rows: list[Row] = []
    for done, reader in enumerate(readers):
        tick(done, len(readers))
        predict = fitted(reader, train, kind, encoders[reader.code], seed)
        taken = {"ms": milliseconds(predict, train, timed_readings)} if timed_readings else {}
        for name, test in tests.items():
            distance = distances.get(name)
            found = _rows(reader.name, name, predict(test.amplitude), test.targets(kind), kind, distance)
            rows += [row | taken for row in found]
    return rows


def fitted(reader: Reader, train: Images, kind: str, encode: Encode, seed: int, **settings: Any) -> Encode:
    """A function from amplitudes (n, side, side) to values (n, t) of `TARGETS[kind]`; settings: of the regressor."""
    targets = train.targets(kind)
    if reader.regressor == "mean":
        return lambda amplitude: np.repeat(targets.mean(0, keepdims=True), len(amplitude), axis=0)
    if reader.shuffled:
        targets = targets[np.random.default_rng(seed).permutation(len(targets))]
    learned = regressor(reader.regressor, seed, **settings)
    learned.fit(encode(train.amplitude), targets)
    return lambda amplitude: np.asarray(learned.predict(encode(amplitude))).reshape(len(amplitude), -1)


def milliseconds(predict: Encode, images: Images, readings: int) -> float:
    """Median time of reading one prepared image alone, ms."""
    taken = []
    for number in range(readings):
        image = images.amplitude[number % len(images)][None]
        begun = time.perf_counter()
        predict(image)
        taken.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(taken))


def _rows(
    reader: str, test: str, predicted: np.ndarray, truth: np.ndarray, kind: str, distance: np.ndarray | None
) -> Iterator[Row]:
    for column, (target, unit) in enumerate(TARGETS[kind].items()):
        missed = predicted[:, column] - truth[:, column]
        spread = float(np.abs(missed).std(ddof=1)) if len(missed) > 1 else 0.0
        row = {
            "reader": reader,
            "test": test,
            "target": target,
            "unit": unit,
            **errors(predicted[:, column], truth[:, column]),
            "bias": float(missed.mean()),
            "standard_error": spread / len(missed) ** 0.5,
        }
        if distance is not None:
            steps = np.unique(np.round(distance, 6))
            row["by_distance"] = [[step, float(np.abs(missed[np.isclose(distance, step)]).mean())] for step in steps]
        yield row
