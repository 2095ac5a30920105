"""SADP input: a turn is a roll, a known camera makes the rings absolute, and chance comes from the generator alone."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.networks import build
from zoneaxis.learn.stored_patterns import PatternStack
from zoneaxis.patterns import store
from zoneaxis.patterns.polar_view import PolarView
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.recipes.sadp_classes import SADPClasses
from zoneaxis.recipes.sadp_input import PictureInput, PolarInput, through_camera

IDEAL = DiffractionCamera.ideal()
NONE = torch.Generator()


def _spots(
    scale_per_px: float, turn_deg: float = 0.0, side: int = 128, edge: float = 4.0, width_px: float = 1.2
) -> Tensor:
    """Gaussian spots (1, side, side) of a rectangular net with 1/edge and 1.5/edge, turned anticlockwise as seen."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    picture = np.zeros((side, side))
    turn = math.radians(turn_deg)
    for h in range(-6, 7):
        for k in range(-6, 7):
            gx, gy = h / edge / scale_per_px, 1.5 * k / edge / scale_per_px
            right, up = gx * math.cos(turn) - gy * math.sin(turn), gx * math.sin(turn) + gy * math.cos(turn)
            height = math.exp(-0.02 * (h * h + k * k)) * (1 + h * k % 3)
            picture += height * np.exp(-((x - right) ** 2 + (y + up) ** 2) / (2 * width_px**2))
    return torch.from_numpy(picture)[None].float()


def _alike(a: Tensor, b: Tensor) -> float:
    return float((a * b).mean())


def _plain(**changes: object) -> PolarInput:
    return PolarInput(IDEAL, **({"size": 64, "zoom": 1.0, "turned": False, "mirrored": False} | changes))


def test_a_turn_is_a_roll() -> None:
    """A picture turned by 8 of 64 steps has the cells of the straight one, rolled by 8, short of its corners."""
    plain = _plain(last=1.0)
    scale = torch.tensor([0.016])
    straight = plain(_spots(0.016), {"per_angstrom_per_px": scale}, NONE)
    turned = plain(_spots(0.016, 8 * 180 / 64), {"per_angstrom_per_px": scale}, NONE)
    assert _alike(turned, straight) < 0.5
    assert _alike(turned, torch.roll(straight, 8, -1)) > 0.95


def test_known_camera_makes_rings_absolute() -> None:
    """One crystal at two camera lengths gives the same cells when the camera is known; shifted ones when it is not."""
    # Narrower spots on the shorter camera, so that they are as wide in 1/Å.
    short, long = _spots(0.024, width_px=1.0), _spots(0.018, width_px=4 / 3)
    plain = _plain(last=1.1, size=48)
    cells = [plain(p, {"per_angstrom_per_px": torch.tensor([s])}, NONE) for p, s in ((short, 0.024), (long, 0.018))]
    assert _alike(*cells) > 0.9
    blind = _plain(camera_constant="unknown", size=48)
    seen = [blind(p, {}, NONE) for p in (short, long)]
    ring = math.log(20) / 48
    shift = round(math.log(0.024 / 0.018) / ring)
    assert _alike(seen[0], seen[1]) < 0.5
    # Inner rings at both cameras: the outermost of the shorter one lie beyond the longer one's edge.
    assert _alike(torch.roll(seen[0], shift, 1)[:, shift:], seen[1][:, shift:]) > 0.7


def test_turns_and_mirrors_are_those_of_the_crystal() -> None:
    """Every drawn input is the plain one rolled, or mirrored and rolled; both kinds and many rolls occur."""
    picture = _spots(0.016).expand(40, -1, -1).contiguous()
    labels = {"per_angstrom_per_px": torch.full((40,), 0.016)}
    straight = _plain()(picture[:1], {"per_angstrom_per_px": labels["per_angstrom_per_px"][:1]}, NONE)[0]
    picture_mirrored = _plain()(picture[:1].flip(-2), {"per_angstrom_per_px": torch.tensor([0.016])}, NONE)[0]
    mirrored = torch.roll(straight.flip(-1), 1, -1)
    assert torch.allclose(picture_mirrored, mirrored, atol=1e-4)
    skew = _spots(0.016, 20.0)  # a net that its mirror image does not fall on
    straight = _plain()(skew, {"per_angstrom_per_px": torch.tensor([0.016])}, NONE)[0]
    mirrored = torch.roll(straight.flip(-1), 1, -1)
    drawn = _plain(turned=True, mirrored=True)(skew.expand(40, -1, -1), labels, torch.Generator().manual_seed(0))
    rolls = set()
    for cells in drawn:
        fits = [
            (kind, roll)
            for kind, one in enumerate((straight, mirrored))
            for roll in range(64)
            if torch.allclose(cells, torch.roll(one, roll, -1), atol=1e-5)
        ]
        assert fits
        rolls.add(fits[0])
    assert {kind for kind, _ in rolls} == {0, 1} and len(rolls) > 20


def test_zoom_is_a_magnification() -> None:
    """An input drawn with a zoom is, for some magnification within it, that of the magnified picture."""
    zoomed = _plain(camera_constant="unknown", zoom=1.25)
    margin = zoomed.zoom_rings
    step = 20 ** (1 / 64)
    assert step**margin <= 1.25 < step ** (margin + 1)
    drawn = zoomed(_spots(0.02).expand(24, -1, -1), {}, torch.Generator().manual_seed(0))
    plain = _plain(camera_constant="unknown")
    magnified = [plain(_spots(0.02 / step**m, width_px=1.2 * step**m), {}, NONE)[0] for m in range(-margin, margin + 1)]
    best = [max(range(len(magnified)), key=lambda m, c=cells: _alike(c, magnified[m])) for cells in drawn]
    assert len(set(best)) > 4
    assert min(_alike(cells, magnified[m]) for cells, m in zip(drawn, best, strict=True)) > 0.9
    flat = drawn.flatten(1)
    assert torch.allclose(flat.mean(1), torch.zeros(24), atol=1e-4)
    assert torch.allclose(flat.std(1), torch.ones(24), atol=1e-2)


def test_camera_lengths_scale_with_the_picture() -> None:
    """A beam stop of 20 px of 256 hides the same angle at 64 px, and the read noise adds up over joined pixels."""
    stopped = DiffractionCamera(beam_stop_radius_px=(20, 20))
    flat = through_camera(torch.ones(1, 64, 64), stopped, torch.Generator().manual_seed(0))
    assert int((flat == 0).sum()) == pytest.approx(math.pi * 5**2, rel=0.1)
    noisy = DiffractionCamera(read_noise_electrons=(1, 1), electrons=(1e6, 1e6))
    wide = through_camera(torch.ones(1, 256, 256), noisy, torch.Generator().manual_seed(0))
    small = through_camera(torch.ones(1, 64, 64), noisy, torch.Generator().manual_seed(0))
    for shown in (wide, small):
        electrons = shown[0] * 1e6 / shown[0].sum()
        pixels = electrons.numel()
        # Counting and reading in the larger pixels, both per picture of the same dose.
        expected = math.sqrt(1e6 / pixels + 256**2 / pixels)
        assert float(electrons.std()) == pytest.approx(expected, rel=0.05)


def test_chance_comes_from_the_generator() -> None:
    """One seed gives one input, also after pickling; another seed another; input is standardised."""
    degrade = PolarInput(size=48)
    picture, labels = _spots(0.016).expand(6, -1, -1), {"per_angstrom_per_px": torch.full((6,), 0.016)}
    first = degrade(picture, labels, torch.Generator().manual_seed(1))
    again = pickle.loads(pickle.dumps(degrade))(picture, labels, torch.Generator().manual_seed(1))  # noqa: S301
    other = degrade(picture, labels, torch.Generator().manual_seed(2))
    assert torch.equal(first, again) and not torch.allclose(first, other)
    assert first.shape == (6, 48, 48)
    assert torch.allclose(first.mean((1, 2)), torch.zeros(6), atol=1e-4)


@pytest.mark.parametrize("camera_constant", ["known", "unknown"])
def test_nothing_drawn_is_the_view(camera_constant: str) -> None:
    """What is prepared for reading are the cells of the polar view with the same settings."""
    made = PolarInput(size=48, camera_constant=camera_constant, last=0.9, stretch="root")
    scale = torch.tensor([0.016])
    view = PolarView(48, camera_constant, last=0.9, stretch="root")
    assert torch.equal(made.prepared(_spots(0.016), scale), view(_spots(0.016), scale))
    assert made.view == view and (made.edges, made.spacing) == (view.edges, view.spacing)


def test_picture_input_is_the_picture() -> None:
    """Without polar cells the input is the shown picture at the asked size, standardised, never turned."""
    cells = PictureInput(size=64)(_spots(0.016), {}, NONE)
    assert cells.shape == (1, 64, 64)
    small = torch.nn.functional.avg_pool2d(_spots(0.016)[None], 2)[0]
    small = (small - small.mean()) / small.std()
    assert _alike(cells, small) > 0.95


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"camera_constant": "guessed"}, "camera_constant"),
        ({"size": 4}, "size"),
        ({"zoom": 0.5}, "zoom"),
        ({"first": 2.0}, "first"),
        ({"camera_constant": "unknown", "radial": "linear"}, "radial"),
    ],
)
def test_nonsense_is_refused_by_name(arguments: dict, word: str) -> None:
    """A setting that cannot be is named in one line; so is a missing camera constant."""
    with pytest.raises(InputError, match=word):
        PolarInput(**arguments)
    with pytest.raises(InputError, match="per_angstrom_per_px"):
        PolarInput()(_spots(0.016), {}, torch.Generator().manual_seed(0))


def test_a_store_trains_a_network(tmp_path: Path) -> None:
    """From a stored set to a step of the network: shapes, classes and a loss that can be differentiated."""
    classes = SADPClasses((221, 225), ((0, 0, 1), (0, 1, 1)))
    pictures = torch.cat([_spots(0.016, edge=e, side=64) for e in (3.0, 3.5, 4.0, 4.5)]) * 1e6
    labels = {
        "space_group": [221, 221, 225, 225],
        "u": [0] * 4,
        "v": [0, 1, 0, 1],
        "w": [1] * 4,
        "part": ["training"] * 4,
        "per_angstrom_per_px": [0.016] * 4,
    }
    dataset = pattern_set(
        (pictures**0.25).numpy().astype(np.float16), labels, technique="sadp", provenance="test", root=4
    )
    stack = PatternStack.open(store.save(dataset, tmp_path / "sadp.zarr"))
    source = stack.picked({"part": ["training"]}, classes=classes.numbers, degrade=PolarInput(size=32))
    patterns, drawn = source(16, 0)
    torch.manual_seed(0)
    network = build("polar_resnet", classes=4, width=0.125)
    loss = torch.nn.functional.cross_entropy(network(patterns[:, None]), drawn["material"])
    loss.backward()
    assert patterns.shape == (16, 32, 32) and set(drawn["material"].tolist()) <= set(range(4))
    assert torch.isfinite(loss) and float(network.head.weight.grad.abs().sum()) > 0
