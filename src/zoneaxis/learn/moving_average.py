"""Moving average of a network: the weights that are shipped, steadier than the last step of the optimiser."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage(nn.Module):
    """Exponential average of all floating-point tensors of a network, batch-norm statistics included.

    The decay starts low and rises to `decay`, as (1 + steps)/(10 + steps), so that short runs are not tied to their
    random start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, steps: int) -> None:
        """Move the average towards `network`, which has made `steps` optimiser steps."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        current = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                average.lerp_(current[name], 1 - decay)
            else:
                average.copy_(current[name])
