"""The polar view: the cells that a network was trained on, from any picture whose centre and scale are known."""

import json

import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.patterns.polar import prepare_polar
from zoneaxis.patterns.polar_view import PolarView, mirror_image, polar_view

STEP = 0.03


def _blobs(side: int = 64, centre: tuple[float, float] = (31.5, 31.5)) -> Tensor:
    """Smooth spots (1, side, side) in Friedel pairs about (row, col)."""
    row, col = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    picture = torch.zeros(side, side)
    for down, right, height in ((7.0, 3.0, 1.0), (-4.0, 11.0, 0.6), (12.0, 9.0, 0.3), (0.0, 0.0, 2.0)):
        for sign in (1, -1):
            away = (row - centre[0] - sign * down) ** 2 + (col - centre[1] - sign * right) ** 2
            picture += height * torch.exp(-away / 8)
    return picture[None]


def test_known_camera_gives_rings_of_constant_g() -> None:
    """The cells are those of `prepare_polar` with pixels per 1/Å as scale."""
    pictures = _blobs().expand(2, -1, -1)
    steps = torch.tensor([STEP, 1.2 * STEP])
    expected = prepare_polar(pictures, 32, 32, first_px=0.04, last_px=1.5, scale=1 / steps.double())
    assert torch.equal(PolarView(32)(pictures, steps), expected)


def test_unknown_camera_gives_rings_of_constant_ratio() -> None:
    """The cells are those of `prepare_polar` over the half width, further rings on either side with a margin."""
    expected = prepare_polar(_blobs(), 32, 32, first_px=0.05 * 32, last_px=32.0, radial="log")
    view = PolarView(32, "unknown")
    assert torch.allclose(view(_blobs()), expected, atol=1e-5)
    wide = view(_blobs(), margin=2)
    assert wide.shape == (1, 36, 32)
    inner = wide[:, 2:-2] - wide[:, 2:-2].mean()
    assert float((inner / inner.std(correction=0) * expected).mean()) > 0.999


def test_a_stated_centre_undoes_a_shift() -> None:
    """A picture whose beam is off the middle has, about its centre, the cells of the centred one."""
    centred = PolarView(32, last=0.8)(_blobs(), torch.tensor([STEP]))
    shifted = _blobs(centre=(34.5, 29.5))
    about = PolarView(32, last=0.8)(shifted, torch.tensor([STEP]), centre_px=(34.5, 29.5))
    askew = PolarView(32, last=0.8)(shifted, torch.tensor([STEP]))
    assert float((about * centred).mean()) > 0.999 > 0.9 > float((askew * centred).mean())


def test_settings_survive_a_card() -> None:
    """The stated arguments are plain, leave nothing to a default, and give the same view again."""
    view = PolarView(24, stretch="root")
    told = json.loads(json.dumps(view.arguments))
    assert None not in told.values()
    steps = torch.tensor([STEP])
    assert torch.equal(PolarView(**told)(_blobs(), steps), view(_blobs(), steps))
    assert torch.equal(polar_view(_blobs(), steps, **told), view(_blobs(), steps))


def test_mirror_image_is_that_of_the_picture() -> None:
    """The mirrored cells are those of the picture upside down; twice mirrored they are the cells again."""
    view, steps = PolarView(32), torch.tensor([STEP])
    cells = view(_blobs(), steps)
    assert torch.allclose(mirror_image(cells), view(_blobs().flip(-2), steps), atol=1e-4)
    assert torch.equal(mirror_image(mirror_image(cells)), cells)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"camera_constant": "guessed"}, "camera_constant"),
        ({"size": 4}, "size"),
        ({"size": 16.5}, "size"),
        ({"first": 2.0}, "first"),
    ],
)
def test_nonsense_is_refused_by_name(arguments: dict, word: str) -> None:
    """A setting that cannot be is named; so is a missing camera constant."""
    with pytest.raises(InputError, match=word):
        PolarView(**arguments)
    with pytest.raises(InputError, match="per_angstrom_per_px"):
        PolarView()(_blobs())
