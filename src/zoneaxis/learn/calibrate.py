"""Calibration: temperatures that make probabilities honest, and the figures that say how honest they are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.errors import InputError


def temper(logits: Tensor, temperature: float) -> Tensor:
    """Logits divided by the temperature: above 1 softer, below 1 sharper; the order of the classes never changes.

    Limit: temperature 1 changes nothing. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    return logits / temperature


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature with the least negative log-likelihood on validation patterns, between 0.05 and 20.

    logits (n, classes), labels (n,) int. Group log-probabilities are logits as well. The likelihood is convex in the
    inverse temperature; L-BFGS finds it in float64.

    Raises `InputError` for empty or ill-shaped input.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise InputError(f"temperature: logits {tuple(logits.shape)} do not fit labels {tuple(labels.shape)}")
    logits = logits.detach().double()
    with torch.inference_mode(False), torch.enable_grad():
        logits, labels = logits.clone(), labels.clone()
        log_temperature = torch.zeros((), dtype=torch.float64, device=logits.device, requires_grad=True)
        optimiser = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = functional.cross_entropy(logits / log_temperature.exp(), labels)
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[arg-type]
    return float(log_temperature.detach().exp().clamp(0.05, 20.0))


def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> float:
    """Mean of -log p(truth) in nats."""
    truth = probabilities.double().gather(-1, labels[:, None]).clamp_min(1e-12)
    return float(-truth.log().mean())


def brier_score(probabilities: Tensor, labels: Tensor) -> float:
    """Mean squared distance between the probabilities and the one-hot truth, 0 (perfect) to 2. Source: Brier 1950."""
    truth = functional.one_hot(labels, probabilities.shape[-1])
    return float(((probabilities.double() - truth) ** 2).sum(-1).mean())


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over bins of equally many patterns.

    Confidence is the largest probability. Equal-mass bins are used because nearly all patterns crowd near confidence
    1, where bins of equal width would be empty elsewhere. Source: Nixon et al. 2019, "Measuring Calibration".
    """
    confidence, answer = probabilities.double().max(-1)
    right = (answer == labels).double()
    order = confidence.argsort()
    error = 0.0
    for members in order.tensor_split(min(bins, len(order))):
        error += len(members) / len(order) * abs(float(confidence[members].mean() - right[members].mean()))
    return error


def calibration_figures(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, calibration error, Brier score and negative log-likelihood of one test set."""
    return {
        "accuracy": float((probabilities.argmax(-1) == labels).double().mean()),
        "expected_calibration_error": expected_calibration_error(probabilities, labels),
        "brier_score": brier_score(probabilities, labels),
        "negative_log_likelihood": negative_log_likelihood(probabilities, labels),
    }
