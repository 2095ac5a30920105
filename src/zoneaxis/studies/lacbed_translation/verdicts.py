"""Verdicts: the numbers that the claims ask for, taken from the study's rows and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoneaxis.learn.translation_baselines import BASELINES
from zoneaxis.studies.lacbed_translation.checks import told_apart
from zoneaxis.studies.lacbed_translation.rows import Row, by_method
from zoneaxis.studies.lacbed_translation.translators import GAN, UNET

Values = dict[str, float | bool]
Found = tuple[Values, dict[str, float]]
"""Values by claim, and standard deviations of those that have one."""

CONSTANT, MEAN_IMAGE = "constant", "mean image"
ALIKE = 0.02
"""A score better by less than this share counts as no better."""


def worst(rows: Sequence[Row], score: str = "mse") -> float:
    """Of several seeds."""
    means = [row.mean(score) for row in rows]
    return max(means) if score == "mse" else min(means)


def over_seeds(rows: Sequence[Row], score: str = "mse") -> tuple[float, float]:
    """Mean and standard deviation over the seeds."""
    means = [row.mean(score) for row in rows]
    return float(np.mean(means)), float(np.std(means, ddof=1)) if len(means) > 1 else 0.0


def one(rows: Sequence[Row], method: str) -> Row:
    """The row of a method that has no seeds."""
    return next(row for row in rows if row.method == method)


def best_baseline(rows: Sequence[Row]) -> Row:
    """Of the smallest error."""
    return min((row for row in rows if row.method in BASELINES), key=Row.mean)


def forward(random: Sequence[Row], unseen: Sequence[Row]) -> Found:
    """Density to disc: the poster's bar, baselines, and what held-out topologies make of it."""
    of, new = by_method(random), by_method(unseen)
    unet, gan = of[UNET], of[GAN]
    mean_image = one(random, MEAN_IMAGE).mean()
    ours: Values = {
        "forward_gan_mse": worst(gan),
        "forward_unet_mse": worst(unet),
        "forward_mean_image_mse": mean_image,
        "forward_over_mean_image": mean_image / worst(unet),
        "forward_beats_baselines": worst(unet) < best_baseline(random).mean(),
        "forward_zncc": worst(unet, "zncc"),
        "discriminator_helps_no_score": all(
            sign * (over_seeds(gan, score)[0] / over_seeds(unet, score)[0] - 1.0) > -ALIKE
            for score, sign in (("mse", 1.0), ("zncc", -1.0))
        ),
        "random_split_flatters": over_seeds(new[UNET])[0] / over_seeds(unet)[0],
    }
    spread = {
        "forward_gan_mse": over_seeds(gan)[1],
        "forward_unet_mse": over_seeds(unet)[1],
        "forward_zncc": over_seeds(unet, "zncc")[1],
    }
    return ours, spread


def backward(random: Sequence[Row]) -> Found:
    """Disc to density under the random split."""
    unet = by_method(random)[UNET]
    return {
        "backward_constant_mse": one(random, CONSTANT).mean(),
        "backward_over_mean_image": one(random, MEAN_IMAGE).mean() / worst(unet),
        "backward_beats_baselines": worst(unet) < best_baseline(random).mean(),
    }, {}


def engine_forward(unseen: Sequence[Row], engine: Row) -> Found:
    """The engine in the loop beside the network, on the same crystals of unseen topologies."""
    network = [row.on(engine.places) for row in by_method(unseen)[UNET]]
    return {
        "unseen_engine_mse": engine.mean(),
        "unseen_engine_over_network": over_seeds(network)[0] / engine.mean(),
    }, {"unseen_engine_mse": float(engine.scores["mse"].std() / np.sqrt(len(engine.places)))}


def engine_backward(unseen: Sequence[Row], engine: Row) -> Found:
    """Refinement through the engine beside the mean density, on the same crystals of unseen topologies."""
    mean_image = one(unseen, MEAN_IMAGE).on(engine.places)
    return {"unseen_refined_over_mean_image": mean_image.mean() / engine.mean()}, {}


def checked(timing: Mapping[str, float], zincblende: Mapping[str, Any], accuracy: Mapping[str, Any]) -> Found:
    """Speed, the zincblende crystals and the error of the discs."""
    ratio = told_apart(zincblende)
    return {
        "engine_ms": timing["engine"],
        "surrogate_ms": timing["onnxruntime"],
        "engine_over_surrogate": timing["engine"] / timing["onnxruntime"],
        "zincblende_told_apart": ratio > 1.0,
        "zincblende_distance_over_error": ratio,
        "disc_error_rms": float(np.sqrt(np.mean(np.square(accuracy["rms"])))),
    }, {}


def learning(curve: Sequence[tuple[int, Row]]) -> Found:
    """The slope of the error over the number of crystals, both logarithmic."""
    crystals, errors = np.array([(count, row.mean()) for count, row in curve]).T
    if len(np.unique(crystals)) < 2:
        return {}, {}
    return {"learning_curve_exponent": float(np.polyfit(np.log(crystals), np.log(errors), 1)[0])}, {}


def joined(*parts: Found) -> tuple[Values, dict[str, float]]:
    """All values and all spreads."""
    ours: Values = {}
    spread: dict[str, float] = {}
    for values, spreads in parts:
        ours |= values
        spread |= spreads
    return ours, spread
