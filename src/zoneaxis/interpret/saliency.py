"""Saliency: which parts of a pattern spoke for an answer (Grad-CAM), and whether the picture is worth believing."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoneaxis.errors import InputError

Reading = Callable[[Tensor], Tensor]
"""Logits (n, classes) -> scores (n, answers), such as the log-probabilities of groups of classes."""


def grad_cam(
    network: nn.Module,
    patterns: Tensor,
    target: Tensor | None = None,
    reading: Reading | None = None,
    layer: nn.Module | None = None,
) -> Tensor:
    """Evidence map per pattern, (n, rows, cols) -> (n, rows, cols) in [0, 1], 1 where the evidence is strongest.

    CAM = ReLU(sum over channels k of w_k A_k), A the activations of `layer` and w_k the mean gradient of the answer's
    score with respect to A_k; scaled up bilinearly and divided by its maximum. A pattern without any evidence for the
    answer gives zeros. The resolution is that of the layer (6 x 6 fields at 96 px): it points at a zone axis, not at
    an edge.

    target (n,) index of the answer to explain, by default each pattern's best; reading turns logits into answers
    (default: the logits themselves); layer defaults to the network's `saliency_layer`.
    Raises `InputError` for patterns of another shape.
    Source: Selvaraju et al. 2017, eqs. 1 and 2; computed by captum's LayerGradCam.
    """
    cam = _weighted_activations(network, patterns, target, reading, layer).relu()
    return cam / cam.amax((-2, -1), keepdim=True).clamp_min(1e-12)


def overlay(pattern: Tensor, cam: Tensor, opacity: float = 0.5) -> Tensor:
    """Pattern in grey with its evidence in warm colours, (rows, cols) twice -> (rows, cols, 3) in [0, 1]."""
    low, high = pattern.min(), pattern.max()
    grey = ((pattern - low) / (high - low).clamp_min(1e-12))[..., None].expand(*pattern.shape, 3)
    warm = torch.stack([(3 * cam).clamp(0, 1), (3 * cam - 1).clamp(0, 1), (3 * cam - 2).clamp(0, 1)], dim=-1)
    weight = opacity * cam[..., None]
    return (1 - weight) * grey + weight * warm


def randomised_weights_check(
    network: nn.Module, patterns: Tensor, reading: Reading | None = None, seed: int = 0
) -> float:
    """Mean rank correlation between the maps of a network and of a copy with random weights, -1 to 1.

    An explanation must depend on what was learned: a value near 1 means the map shows the pattern (as an edge
    detector would), not the network's reasons. Both maps explain the trained network's answers; they are compared
    with their negative parts, so that a map without positive evidence is not a constant.
    Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
    """
    with torch.no_grad():
        answers = (reading or (lambda logits: logits))(network.eval()(patterns[:, None].to(torch.float32)))
    target = answers.argmax(-1)
    learned = _weighted_activations(network, patterns, target, reading)
    random = _weighted_activations(_with_random_weights(network, seed), patterns, target, reading)
    return float(_rank_correlation(learned, random).mean())


class _Answers(nn.Module):
    """A network followed by a reading of its logits."""

    def __init__(self, network: nn.Module, reading: Reading) -> None:
        super().__init__()
        self.network, self.reading = network, reading

    def forward(self, patterns: Tensor) -> Tensor:
        return self.reading(self.network(patterns))


def _weighted_activations(
    network: nn.Module,
    patterns: Tensor,
    target: Tensor | None,
    reading: Reading | None,
    layer: nn.Module | None = None,
) -> Tensor:
    """sum_k w_k A_k at the size of the patterns, positive where the layer speaks for the answer, (n, rows, cols)."""
    from captum.attr import LayerGradCam

    if patterns.ndim != 3 or 0 in patterns.shape:
        raise InputError(f"saliency: patterns have shape {tuple(patterns.shape)}, expected (n, rows, cols)")
    answers = _Answers(network.eval(), reading or (lambda logits: logits))
    with torch.inference_mode(False), torch.enable_grad():
        inputs = patterns[:, None].detach().to(torch.float32).clone().requires_grad_()
        if target is None:
            target = answers(inputs).argmax(-1)
        explain = LayerGradCam(answers, layer or network.saliency_layer)
        cam = explain.attribute(inputs, target=target.clone()).detach()
    return functional.interpolate(cam, patterns.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _with_random_weights(network: nn.Module, seed: int) -> nn.Module:
    """Copy whose weight tensors are shuffled, each within itself: same sizes and statistics, nothing learned."""
    stranger = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in stranger.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return stranger.eval()


def _rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman correlation of two stacks of maps, ties sharing their mean rank, (n, rows, cols) twice -> (n,)."""
    from scipy.stats import rankdata

    ranks = [torch.from_numpy(rankdata(maps.flatten(1).cpu().numpy(), axis=1)) for maps in (a, b)]
    centred = [r - r.mean(-1, keepdim=True) for r in ranks]
    return (centred[0] * centred[1]).sum(-1) / (centred[0].norm(dim=-1) * centred[1].norm(dim=-1)).clamp_min(1e-12)
