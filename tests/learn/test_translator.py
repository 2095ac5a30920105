"""Translator network: the sizes of pix2pix, what it depends on, and refusal of nonsense."""

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn import networks
from zoneaxis.learn.networks.translator import NORMS, PatchDiscriminator


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_full_size_is_the_generator_of_pix2pix() -> None:
    """At width 64 and 256 px it has the 54.41 million parameters of the U-Net of pix2pix.

    The original has three channels at either end (2 x 16 x 64 and 2 x 16 x 128 weights and two biases more) and no
    biases in the first and the innermost convolution (64 + 512).
    """
    with torch.device("meta"):
        network = networks.build("translator", width=64, size_px=256, norm="batch")
    original = parameters(network) + 2 * 16 * 64 + 2 * 16 * 128 + 2 - 64 - 512
    print(f"translator, width 64, 256 px: {parameters(network) / 1e6:.3f} million parameters, pix2pix {original}")
    assert original == 54_413_955


def test_discriminator_is_that_of_pix2pix() -> None:
    """2.76 million parameters at width 64; 30 x 30 patches at 256 px, 6 x 6 at 64 px, each seeing 70 x 70 pixels."""
    with torch.device("meta"):
        judge = PatchDiscriminator(64, "batch")
        assert parameters(judge) == 2_764_609 == 2_768_705 - 4 * 16 * 64  # less two channels of each picture
        assert judge(torch.empty(1, 1, 256, 256), torch.empty(1, 1, 256, 256)).shape == (1, 1, 30, 30)
        assert judge(torch.empty(1, 1, 64, 64), torch.empty(1, 1, 64, 64)).shape == (1, 1, 6, 6)
    torch.manual_seed(0)
    judge = PatchDiscriminator(8, "batch").eval()
    images = torch.rand(1, 1, 256, 256, requires_grad=True)
    judge(images, torch.zeros_like(images))[0, 0, 15, 15].backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize("size_px", [32, 64, 128, 256])
def test_every_pixel_of_the_answer_depends_on_every_pixel_of_the_image(size_px: int) -> None:
    """Down to one pixel and back: the gradient of one corner reaches the opposite one; answers lie in [0, 1]."""
    torch.manual_seed(0)
    network = networks.build("translator", width=8, size_px=size_px).eval()
    images = torch.rand(2, 1, size_px, size_px, requires_grad=True)
    answer = network(images)
    assert answer.shape == images.shape and 0 <= answer.min() <= answer.max() <= 1
    answer[0, 0, 0, 0].backward()
    assert images.grad is not None
    assert images.grad[0, 0, -1, -1] != 0 and not images.grad[1].any()


@pytest.mark.parametrize("norm", NORMS)
def test_norms_train_and_dropout_only_acts_in_training(norm: str) -> None:
    """Each norm gives finite gradients everywhere; dropout changes answers in training mode alone."""
    torch.manual_seed(0)
    network = networks.build("translator", width=8, size_px=64, norm=norm, dropout=0.5)
    images = torch.rand(4, 1, 64, 64)
    network(images).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({"width": 12}, "width"), ({"size_px": 96}, "size_px"), ({"norm": "layer"}, "norm"), ({"dropout": 1}, "dropout")],
)
def test_nonsense_translator_is_refused(arguments: dict, word: str) -> None:
    """Widths that leave a group over, sizes that are no power of two, unknown norms and full dropout are named."""
    with pytest.raises(InputError, match=word):
        networks.build("translator", **arguments)
