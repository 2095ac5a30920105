"""The spot network: pictures of any size and centre, pooled as its card says, mirror images alike, silent unscaled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.small_spots import CLASSES, VIEW, network, save_model
from zoneaxis.errors import InputError
from zoneaxis.learn.grouping import Grouping
from zoneaxis.patterns.polar_view import PolarView
from zoneaxis.reading.spot_network import SpotNetwork

GROUPING = Grouping(tuple(name for name, _ in CLASSES), tuple(group for _, group in CLASSES))
STEP = 0.03


def _pictures(count: int = 3, side: int = 64) -> list[np.ndarray]:
    """Pictures of a few smooth spots by chance, in Friedel pairs."""
    draw = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    made = []
    for _ in range(count):
        picture = np.zeros((side, side))
        for right, down in draw.uniform(-0.4 * side, 0.4 * side, (8, 2)):
            for sign in (1, -1):
                picture += np.exp(-((x - sign * right) ** 2 + (y - sign * down) ** 2) / 6)
        made.append(picture)
    return made


def _spot_network(**changes: Any) -> SpotNetwork:
    return SpotNetwork(network(), GROUPING, VIEW, **({"picture_px": 64} | changes))


def test_probabilities_of_groups() -> None:
    """One number for every group, summing to one, and not the same for every picture."""
    told = [_spot_network()([picture], [STEP]) for picture in _pictures()]
    for one in told:
        assert one is not None and list(one) == ["213", "221", "225", "other"]
        assert sum(one.values()) == pytest.approx(1)
    assert told[0] != told[1]


def test_pooling_follows_temperature_and_dependence() -> None:
    """Independent pictures multiply; wholly dependent ones alike say what one says; the temperature flattens."""
    chances = torch.tensor([[0.6, 0.3, 0.05, 0.05], [0.5, 0.1, 0.2, 0.2]])
    product = chances.prod(0) / chances.prod(0).sum()
    assert torch.allclose(_spot_network(dependence=0.0).pooled(chances), product, atol=1e-5)
    twice = chances[:1].expand(2, -1)
    assert torch.allclose(_spot_network(dependence=1.0).pooled(twice), chances[0], atol=1e-5)
    flat = _spot_network(temperature=2.0, dependence=0.0).pooled(chances[:1])
    assert torch.allclose(flat, chances[0].sqrt() / chances[0].sqrt().sum(), atol=1e-5)


def test_order_of_pictures_does_not_matter() -> None:
    """Three pictures in any order give the same answer."""
    pictures, steps = _pictures(), [STEP, 1.1 * STEP, 1.2 * STEP]
    forth, back = _spot_network()(pictures, steps), _spot_network()(pictures[::-1], steps[::-1])
    assert forth == pytest.approx(back, rel=1e-4)


def test_mirror_images_are_read_alike() -> None:
    """A picture and its mirror image have the same probabilities: both are seen each time."""
    (picture,) = _pictures(1)
    assert _spot_network()([picture], [STEP]) == pytest.approx(_spot_network()([picture[::-1]], [STEP]), rel=1e-2)


def test_pictures_of_any_size() -> None:
    """Pixels halved twice and the scale with them change nothing; a picture that is not square is read too."""
    (picture,) = _pictures(1)
    fine = np.kron(picture, np.ones((4, 4)))
    small = _spot_network()
    assert small([fine], [STEP / 4]) == pytest.approx(small([picture], [STEP]), rel=1e-4)
    assert small([picture[:, 3:-3]], [STEP]) == pytest.approx(small([picture], [STEP]), rel=0.5)


def test_the_centre_is_followed() -> None:
    """A picture cut off the middle is read about its direct beam, also where it is binned."""
    (picture,) = _pictures(1, 80)
    small = _spot_network()
    expected = small([picture[8:72, 8:72]], [STEP])
    cut = picture[6:70, 10:74]
    assert small([cut], [STEP], [(29.5, 33.5)]) == pytest.approx(expected, rel=0.1)
    fine = np.kron(cut, np.ones((2, 2)))
    assert small([fine], [STEP / 2], [(59.5, 67.5)]) == pytest.approx(small([cut], [STEP], [(29.5, 33.5)]), rel=1e-4)


def test_without_scale_it_is_silent() -> None:
    """No scale, no answer; pictures without are left out; a network of an unknown camera needs none."""
    pictures, small = _pictures(), _spot_network()
    assert small(pictures, [None] * 3) is None
    assert small(pictures, [None, STEP, None]) == small([pictures[1]], [STEP])
    blind = SpotNetwork(network(), GROUPING, PolarView(16, "unknown"))
    assert blind(pictures, [None] * 3) == blind(pictures, [STEP] * 3) is not None


def test_from_folder(tmp_path: Path) -> None:
    """What the card states is what is used; the same pictures give the same answer as before it was written."""
    folder = save_model(tmp_path / "model")
    read = SpotNetwork.from_folder(folder)
    assert (read.name, read.temperature, read.dependence, read.picture_px, read.other_threshold) == (
        *("toy-spots", 2.0, 0.5, 64),
        0.9,
    )
    made = _spot_network(temperature=2.0, dependence=0.5)
    steps = [STEP] * 3
    assert read(_pictures(), steps) == pytest.approx(made(_pictures(), steps), rel=1e-5)
    assert read.judgement == {"dependence": 0.5, "picture_px": 64, "other_threshold": 0.9}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"technique": "ebsd"}, "reads ebsd, not sadp"),
        ({"preparation": "zoneaxis.patterns.preprocess.prepare"}, "preparation"),
        ({"preparation_arguments": {"size": 16, "colour": 3}}, "colour"),
        ({"preparation_arguments": {"size": 4}}, "size = 4"),
        ({"input_size_px": 32}, "input_size_px"),
        ({"judgement": {}}, "dependence"),
        ({"judgement": {"dependence": 2.0, "picture_px": 64}}, "dependence = 2"),
        ({"judgement": {"dependence": 0.5, "picture_px": 64, "other_threshold": "high"}}, "other_threshold"),
        ({"group_of_material": ("213", "221", "221|225", "225", "other")}, r"221\|225"),
    ],
)
def test_cards_that_do_not_fit(changes: dict, words: str, tmp_path: Path) -> None:
    """Each is refused in one line that names the entry."""
    folder = save_model(tmp_path / "model", **changes)
    with pytest.raises(InputError, match=words) as refusal:
        SpotNetwork.from_folder(folder)
    assert "\n" not in str(refusal.value)
