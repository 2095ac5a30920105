"""Grad-CAM points at what decides, and depends on what was learned."""

import pytest
import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.interpret.saliency import grad_cam, overlay, randomised_weights_check
from zoneaxis.learn.networks import build, names

SIZE = 64


def _spots(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise with one planted spot, round (class 1) or crossed (class 0), its class and its centre (row, col)."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=generator)
    centre = torch.randint(10, SIZE - 10, (n, 2), generator=generator)
    axis = torch.arange(SIZE)
    dy, dx = (axis[None, :, None] - centre[:, 0, None, None]), (axis[None, None, :] - centre[:, 1, None, None])
    disc = (dy**2 + dx**2 <= 36).float()
    cross = ((dy.abs() <= 1) | (dx.abs() <= 1)).float() * (dy**2 + dx**2 <= 100).float()
    spot = torch.where(labels[:, None, None] == 1, disc, cross)
    return 2.5 * spot + 0.5 * torch.randn(n, SIZE, SIZE, generator=generator), labels, centre


class Spotter(nn.Module):
    """A network whose reasons are known: two matched filters, crossed and round, of which the stronger one decides."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, 2, 21, padding=10)
        self.head = nn.Linear(2, 2)
        axis = torch.arange(21) - 10
        dy, dx = axis[:, None], axis[None, :]
        disc = (dy**2 + dx**2 <= 36).float()
        cross = ((dy.abs() <= 1) | (dx.abs() <= 1)).float() * (dy**2 + dx**2 <= 100).float()
        templates = torch.stack([cross, disc])
        templates = templates - templates.mean((-2, -1), keepdim=True)
        with torch.no_grad():
            self.filters.weight.copy_((templates / templates.square().sum((-2, -1), keepdim=True))[:, None])
            self.filters.bias.fill_(-1.2)
            self.head.weight.copy_(torch.tensor([[100.0, -100.0], [-100.0, 100.0]]))
            self.head.bias.zero_()
        self.saliency_layer = nn.Sequential(self.filters, nn.ReLU())

    def forward(self, patterns: Tensor) -> Tensor:
        return self.head(self.saliency_layer(patterns).mean((-2, -1)))


@pytest.fixture
def spotter() -> nn.Module:
    """The network that tells the two spots apart, as it would come from a model folder."""
    return Spotter().eval().requires_grad_(False)


def test_evidence_peaks_on_the_planted_spot(spotter: nn.Module) -> None:
    """The maximum of the map lies within 2 px of the spot in all patterns that are read rightly, 95 % or more."""
    patterns, labels, centre = _spots(100, 10_001)
    right = spotter(patterns[:, None]).argmax(-1) == labels
    assert right.double().mean() >= 0.95
    cam = grad_cam(spotter, patterns)
    assert cam.shape == patterns.shape
    assert cam.min() >= 0
    assert cam.max() <= 1
    peak = cam.flatten(1).argmax(-1)
    distance = torch.hypot((peak // SIZE - centre[:, 0]).float(), (peak % SIZE - centre[:, 1]).float())
    print(f"Grad-CAM peak to planted spot: at most {float(distance[right].max()):.1f} px")
    assert distance[right].max() <= 2


@pytest.mark.parametrize("name", names("classifier"))
def test_every_network_can_be_explained(name: str) -> None:
    """The maps of each registered network have the size of the patterns and lie between 0 and 1."""
    torch.manual_seed(0)
    network = build(name, classes=3, width=0.125).eval().requires_grad_(False)
    cam = grad_cam(network, torch.randn(2, 96, 80))
    assert cam.shape == (2, 96, 80)
    assert torch.isfinite(cam).all()
    assert 0 <= float(cam.min()) <= float(cam.max()) <= 1


def test_map_depends_on_what_was_learned(spotter: nn.Module) -> None:
    """With random weights the map is another one: mean rank correlation below 0.5, and 1 with itself."""
    patterns = _spots(20, 10_002)[0]
    with torch.no_grad():
        spotter.filters.bias.zero_()  # so that shuffled filters answer as well
    correlation = randomised_weights_check(spotter, patterns)
    print(f"rank correlation with random weights: {correlation:.2f}")
    assert abs(correlation) < 0.5


def test_map_of_an_unlearned_filter_is_found_out(spotter: nn.Module) -> None:
    """A network whose filters are constants has nothing to shuffle: the check answers 1."""
    with torch.no_grad():
        spotter.filters.weight.fill_(0.01)
        spotter.head.weight.fill_(1.0)
    assert randomised_weights_check(spotter, _spots(20, 10_002)[0]) == pytest.approx(1.0, abs=1e-6)


def test_target_and_reading_choose_what_is_explained(spotter: nn.Module) -> None:
    """Explaining the other class gives another map; a reading that swaps the answers swaps the maps."""
    patterns = _spots(8, 10_003)[0]
    zero, one = (grad_cam(spotter, patterns, torch.full((8,), t)) for t in (0, 1))
    assert not torch.allclose(zero, one, atol=0.1)
    swapped = grad_cam(spotter, patterns, torch.zeros(8, dtype=torch.long), reading=lambda logits: logits.flip(-1))
    assert torch.allclose(swapped, one, atol=1e-5)


def test_explaining_changes_nothing(spotter: nn.Module) -> None:
    """Weights and patterns are as before, also when called where gradients are off."""
    patterns = _spots(2, 10_004)[0]
    before, weights = patterns.clone(), {k: v.clone() for k, v in spotter.state_dict().items()}
    with torch.no_grad():
        grad_cam(spotter, patterns)
    assert torch.equal(before, patterns)
    assert all(torch.equal(weights[k], v) for k, v in spotter.state_dict().items())


def test_overlay_is_grey_without_evidence() -> None:
    """Where the map is zero the overlay is the pattern in grey; all values are colours."""
    pattern = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    grey = overlay(pattern, torch.zeros(8, 8))
    assert torch.equal(grey[..., 0], grey[..., 2])
    warm = overlay(pattern, torch.ones(8, 8))
    assert warm.min() >= 0 and warm.max() <= 1 and not torch.equal(warm, grey)


def test_ill_shaped_patterns_are_refused(spotter: nn.Module) -> None:
    """A single image without the batch dimension raises."""
    with pytest.raises(InputError, match="expected"):
        grad_cam(spotter, torch.zeros(SIZE, SIZE))
