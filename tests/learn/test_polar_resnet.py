"""The polar network goes on round the angles, and the deep one has the size of the paper's."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn.networks import build
from zoneaxis.learn.networks.polar_resnet import PolarConvolution


def _settled(**arguments: object) -> torch.nn.Module:
    """A small network with a repeatable start and settled normalisation."""
    torch.manual_seed(0)
    network = build("polar_resnet", **({"classes": 4, "width": 0.125} | arguments))
    with torch.no_grad():
        for _ in range(5):
            network.train()(torch.randn(16, 1, 64, 64))
    return network.eval()


def test_convolution_has_no_seam() -> None:
    """A roll of the cells by any number rolls the result of an undivided convolution; rings are not closed."""
    torch.manual_seed(0)
    convolution = PolarConvolution(2, 3, 5)
    cells = torch.randn(1, 2, 16, 24)
    with torch.no_grad():
        straight = convolution(cells)
        assert straight.shape == (1, 3, 16, 24)
        assert torch.allclose(convolution(torch.roll(cells, 7, -1)), torch.roll(straight, 7, -1), atol=1e-5)
        assert not torch.allclose(convolution(torch.roll(cells, 7, -2)), torch.roll(straight, 7, -2), atol=1e-2)


@pytest.mark.parametrize("stem", ["pooled", "fine"])
def test_turn_by_the_whole_stride_changes_nothing(stem: str) -> None:
    """Rolled by its stride the answer is the same; a shift of the rings is seen where the ring's number is given."""
    network = _settled(stem=stem)
    cells = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        logits = network(cells)
        turned = network(torch.roll(cells, network.whole_stride, -1))
        shifted = network(torch.roll(cells, network.whole_stride, -2))
    assert torch.allclose(turned, logits, atol=1e-4)
    assert not torch.allclose(shifted, logits, atol=1e-2)


def test_half_width_has_the_size_of_a_daily_network() -> None:
    """Half width has 2.8 million parameters; the ring's number costs one more input channel of the stem."""
    counts = [
        sum(p.numel() for p in build("polar_resnet", classes=80, width=0.5, radius_channel=channel).parameters())
        for channel in (True, False)
    ]
    print(f"polar_resnet, half width: {counts[0] / 1e6:.3f} million parameters")
    assert 2.7e6 < counts[0] < 2.9e6
    assert counts[0] - counts[1] == 32 * 49


def test_full_width_is_resnet_18() -> None:
    """Width 1 with one channel has the 11.17 million parameters of `resnet`."""
    full = build("polar_resnet", classes=2, width=1.0, radius_channel=False)
    expected = build("resnet", classes=2, width=1.0)
    assert sum(p.numel() for p in full.parameters()) == sum(p.numel() for p in expected.parameters())


@pytest.mark.parametrize("stem", ["pooled", "fine"])
def test_saliency_layer_has_a_sixteenth_of_the_resolution(stem: str) -> None:
    """The layer named for explanations has 6 x 6 fields at 96 px behind either stem."""
    network = build("polar_resnet", classes=2, width=0.125, stem=stem).eval()
    seen: list[torch.Size] = []
    network.saliency_layer.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(torch.randn(1, 1, 96, 96))
    assert tuple(seen[0][-2:]) == (6, 6)


def test_deep_network_has_the_size_of_the_papers() -> None:
    """Depth 101 at width 1 has the 42.5 million parameters of ResNet-101 behind one channel, less its head."""
    backbone = build("resnet", classes=5, width=1.0, depth=101).backbone
    parameters = sum(p.numel() for p in backbone.parameters())
    print(f"resnet, depth 101: {parameters / 1e6:.2f} million parameters")
    assert parameters == 44_549_160 - 1000 * 2049 - 2 * 64 * 7 * 7


@pytest.mark.parametrize("depth", [50, 101])
def test_deep_networks_keep_their_promise(depth: int) -> None:
    """A narrow deep network maps patterns to logits through features of four times its planes."""
    torch.manual_seed(0)
    network = build("resnet", classes=5, width=0.0625, depth=depth).eval()
    patterns = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        features = network.features(patterns)
        assert features.shape == (2, 128)
        assert torch.equal(network(patterns), network.head(features))


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("polar_resnet", {"classes": 1}, "classes"),
        ("polar_resnet", {"classes": 3, "width": 9}, "width"),
        ("polar_resnet", {"classes": 3, "stem": "wide"}, "stem"),
        ("resnet", {"classes": 3, "depth": 34}, "depth"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, arguments: dict, word: str) -> None:
    """A wrong argument raises one line that names it."""
    with pytest.raises(InputError, match=word):
        build(name, **arguments)
