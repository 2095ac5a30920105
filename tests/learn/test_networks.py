"""Conformance of every registered classifier: shapes, size, gradients, and refusal of nonsense."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn import networks


@pytest.mark.parametrize("name", networks.names("classifier"))
def test_logits_are_the_head_of_the_features(name: str) -> None:
    """Calling a network is reading its features with its head, for the whole batch and for each pattern alone."""
    torch.manual_seed(0)
    network = networks.build(name, classes=5, width=0.125).eval()
    patterns = torch.randn(3, 1, 64, 64)
    logits = network(patterns)
    assert logits.shape == (3, 5)
    assert torch.equal(logits, network.head(network.features(patterns)))
    assert torch.allclose(logits[1:2], network(patterns[1:2]), atol=1e-6)


@pytest.mark.parametrize("stem", ["pooled", "fine"])
def test_half_width_fits_the_shipped_size(stem: str) -> None:
    """Half width has about 2.8 million parameters, at most 12 MB as float32."""
    network = networks.build("resnet", classes=18, width=0.5, stem=stem)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"resnet, half width, {stem} stem: {parameters / 1e6:.3f} million parameters")
    assert 2.6e6 < parameters < 2.9e6
    assert sum(t.numel() * t.element_size() for t in network.state_dict().values()) < 12e6


def test_full_width_is_resnet_18() -> None:
    """Width 1 has the 11.17 million parameters of He's ResNet-18, less its head and two of its input channels."""
    backbone = networks.build("resnet", classes=2, width=1.0).backbone
    assert sum(p.numel() for p in backbone.parameters()) == 11_689_512 - 1000 * 513 - 2 * 64 * 7 * 7


@pytest.mark.parametrize("stem", ["pooled", "fine"])
def test_saliency_layer_has_a_sixteenth_of_the_resolution(stem: str) -> None:
    """The layer named for explanations has 6 x 6 fields at 96 px behind either stem."""
    network = networks.build("resnet", classes=2, width=0.125, stem=stem).eval()
    seen: list[torch.Size] = []
    network.saliency_layer.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(torch.randn(1, 1, 96, 96))
    assert tuple(seen[0][-2:]) == (6, 6)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"classes": 1}, "classes"),
        ({"classes": 3, "width": 9}, "width"),
        ({"classes": 3, "stem": "wide"}, "stem"),
        ({"classes": 3, "depth": 34}, "depth"),
        ({}, "classes"),
    ],
)
def test_nonsense_is_refused_by_name(arguments: dict, word: str) -> None:
    """A wrong argument raises one line that names it."""
    with pytest.raises(InputError, match=word) as refusal:
        networks.build("resnet", **arguments)
    assert "\n" not in str(refusal.value)


def test_unknown_architecture_lists_the_known_ones() -> None:
    """An unknown name is answered with the names there are."""
    with pytest.raises(InputError, match="resnet"):
        networks.build("perceptron")


def test_kinds_divide_the_architectures() -> None:
    """Every architecture is of one kind; an unknown kind or name is refused with the known ones."""
    assert sorted(name for kind in networks.KINDS for name in networks.names(kind)) == networks.names()
    assert networks.kind_of("autoencoder") == "autoencoder" and networks.kind_of("resnet") == "classifier"
    with pytest.raises(InputError, match="classifier, autoencoder, translator"):
        networks.names("oracle")
    with pytest.raises(InputError, match="resnet"):
        networks.kind_of("perceptron")


def test_autoencoder_has_the_size_of_its_design() -> None:
    """At 64 px and widths 16, 32, 64 it has 0.116 million parameters, 8 numbers between encoder and decoder."""
    network = networks.build("autoencoder")
    assert sum(p.numel() for p in network.parameters()) == 116_169
    images = torch.rand(2, 1, 64, 64)
    assert network.encode(images).shape == (2, 8)
    assert torch.equal(network(images), network.decode(network.encode(images)))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"latent": 0}, "latent"),
        ({"widths": ()}, "widths"),
        ({"widths": (8, 0)}, "widths"),
        ({"size_px": 60}, "size_px"),
    ],
)
def test_nonsense_autoencoder_is_refused(arguments: dict, word: str) -> None:
    """A code of no numbers, no widths and a size that cannot be halved are named."""
    with pytest.raises(InputError, match=word):
        networks.build("autoencoder", **arguments)
