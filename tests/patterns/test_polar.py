"""Polar: rolls for turns, shifts for magnification, Friedel's fold, area averages, known cameras, refusals."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.patterns.polar import polar, prepare_polar

SIZE = 96


def picture(
    turn_deg: float = 0.0,
    magnification: float = 1.0,
    centre_px: tuple[float, float] | None = None,
    pairs: bool = False,
    size: int = SIZE,
) -> torch.Tensor:
    """Smooth spots (1, size, size) of a crooked pattern, turned anticlockwise and magnified about the direct beam."""
    row, col = centre_px if centre_px is not None else ((size - 1) / 2,) * 2
    y, x = torch.meshgrid(torch.arange(size).double() - row, torch.arange(size).double() - col, indexing="ij")
    image = torch.zeros(size, size, dtype=torch.float64)
    for radius, angle_deg, height in ((14, 10, 1.0), (19, 75, 0.6), (23, 140, 0.8), (28, 200, 0.5), (16, 300, 0.9)):
        for opposite in (0, 180) if pairs else (0,):
            phi = math.radians(angle_deg + turn_deg + opposite)
            spot_x, spot_y = magnification * radius * math.cos(phi), -magnification * radius * math.sin(phi)
            image += height * torch.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) / (2 * (2.5 * magnification) ** 2))
    return image[None]


@pytest.mark.parametrize(("fold", "period_deg"), [(True, 180), (False, 360)])
@pytest.mark.parametrize("steps", [1, 7, 24])
def test_turn_is_a_roll(fold: bool, period_deg: int, steps: int) -> None:
    """A picture turned anticlockwise by whole steps gives the angles rolled forwards."""
    turned = polar(picture(steps * period_deg / 48), 16, 48, last_px=40, fold=fold)
    rolled = polar(picture(), 16, 48, last_px=40, fold=fold).roll(steps, -1)
    assert turned.numpy() == pytest.approx(rolled.numpy(), abs=0.01)
    assert float((turned - polar(picture(), 16, 48, last_px=40, fold=fold)).abs().max()) > 0.1


def test_quarter_turn_is_exact() -> None:
    """A picture turned by 90° pixel by pixel gives the same numbers, rolled; at odd numbers of cells too."""
    image = torch.rand(2, 33, 33, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    turned = torch.rot90(image, 1, (-2, -1))
    assert polar(turned, 9, 20, fold=False).numpy() == pytest.approx(
        polar(image, 9, 20, fold=False).roll(5, -1).numpy(), abs=1e-12
    )
    assert polar(turned, 9, 14).numpy() == pytest.approx(polar(image, 9, 14).roll(7, -1).numpy(), abs=1e-12)


@pytest.mark.parametrize("shift", [1, 4, -3])
def test_magnification_is_a_shift_of_log_radius(shift: int) -> None:
    """A pattern magnified by (last/first)^(j/radii) moves outwards by j rings."""
    radii, first, last = 32, 5.0, 46.0
    options = {"first_px": first, "last_px": last, "radial": "log"}
    moved = polar(picture(magnification=(last / first) ** (shift / radii)), radii, 36, **options)  # type: ignore[arg-type]
    still = polar(picture(), radii, 36, **options)  # type: ignore[arg-type]
    inner, outer = slice(max(0, shift), radii + min(0, shift)), slice(max(0, -shift), radii + min(0, -shift))
    assert moved[:, inner].numpy() == pytest.approx(still[:, outer].numpy(), abs=0.02)
    assert float((moved - still).abs().max()) > 0.1


def test_known_camera_makes_radius_absolute() -> None:
    """Patterns of two camera constants agree once each has its pixels per unit; without, they do not."""
    patterns = torch.cat([picture(magnification=1.0), picture(magnification=1.4)])
    scale = torch.tensor([20.0, 28.0])
    cells = polar(patterns, 20, 36, first_px=0.3, last_px=1.6, scale=scale)
    assert cells[1].numpy() == pytest.approx(cells[0].numpy(), abs=0.02)
    alone = polar(patterns[:1], 20, 36, first_px=6, last_px=32)
    assert cells[:1].numpy() == pytest.approx(alone.numpy(), abs=0.02)
    plain = polar(patterns, 20, 36, first_px=6, last_px=32)
    assert float((plain[1] - plain[0]).abs().max()) > 0.2


def test_fold_is_the_mean_of_opposite_cells() -> None:
    """Folded cells are the mean of phi and phi + 180°, about the middle and about any centre."""
    for centre in (None, (45.2, 50.7)):
        whole = polar(picture(), 12, 40, centre_px=centre, last_px=40, fold=False)
        folded = polar(picture(), 12, 20, centre_px=centre, last_px=40)
        expected = (whole[..., :20] + whole[..., 20:]) / 2
        assert folded.numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    pairs = polar(picture(pairs=True), 12, 40, last_px=40, fold=False)
    assert pairs[..., :20].numpy() == pytest.approx(pairs[..., 20:].numpy(), abs=1e-6)


def test_own_centre_follows_the_beam() -> None:
    """A shifted pattern read about its own centre gives the unshifted cells, one centre for all or each its own."""
    centres = [(47.5, 47.5), (44.1, 51.8)]
    patterns = torch.cat([picture(centre_px=centre) for centre in centres])
    each = polar(patterns, 16, 36, centre_px=torch.tensor(centres, dtype=torch.float64), last_px=40, fold=False)
    assert each[1].numpy() == pytest.approx(each[0].numpy(), abs=0.02)
    alone = polar(patterns[1:], 16, 36, centre_px=centres[1], last_px=40, fold=False)
    assert alone.numpy() == pytest.approx(each[1:].numpy(), abs=1e-12)


def test_mixed_cameras_keep_their_order() -> None:
    """Patterns with cameras in any order are each what they are alone."""
    patterns = torch.rand(7, 40, 40, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    scale = torch.tensor([15.0, 12, 18, 12, 15, 9, 18])
    together = polar(patterns, 6, 10, last_px=1, scale=scale)
    for number in range(7):
        alone = polar(patterns[number : number + 1], 6, 10, last_px=1, scale=scale[number : number + 1])
        assert together[number : number + 1].numpy() == pytest.approx(alone.numpy(), abs=1e-12)


def test_cells_average_what_they_cover() -> None:
    """Wide cells keep the mean of fine structure: a one-pixel chequerboard gives its mean, not 0 or 1."""
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    board = ((x + y) % 2).float()[None]
    cells = polar(board, 8, 12, first_px=8)
    assert cells.numpy() == pytest.approx(0.5, abs=0.02)


def test_ring_gives_its_radial_profile() -> None:
    """A round picture is constant over angle, and over radius its own profile: here r itself."""
    y = (torch.arange(65).double() - 32)[:, None]
    cells = polar(torch.hypot(y, y.T)[None], 8, 10, last_px=32, fold=False)
    middles = (torch.arange(8) + 0.5) * 4
    assert cells[0, 1:].numpy() == pytest.approx(middles[1:, None].expand(-1, 10).numpy(), rel=0.01)


def test_points_outside_the_picture_do_not_count() -> None:
    """A flat picture stays flat to its corners; beyond them cells are 0."""
    flat = torch.full((1, 32, 32), 3.0)
    corners = polar(flat, 10, 40, last_px=22, fold=False)
    beyond = polar(flat, 4, 8, first_px=23, last_px=40, fold=False)
    assert corners[0, :, 5].numpy() == pytest.approx(3.0, abs=1e-6)
    assert set(corners.round().unique().tolist()) == {0.0, 3.0}
    assert not beyond.any()


def test_batch_is_its_patterns() -> None:
    """Many patterns at once are the same as each alone; float32 stays, whole numbers become it."""
    patterns = torch.rand(9, 40, 40, generator=torch.Generator().manual_seed(2))
    together = polar(patterns, 6, 10)
    assert together.shape == (9, 6, 10) and together.dtype == torch.float32
    assert together[4:5].numpy() == pytest.approx(polar(patterns[4:5], 6, 10).numpy(), abs=1e-6)
    assert polar((patterns * 255).to(torch.uint8), 6, 10).dtype == torch.float32
    assert polar(patterns[:0], 6, 10).shape == prepare_polar(patterns[:0], 6, 10).shape == (0, 6, 10)


def test_gradient_reaches_the_pattern() -> None:
    """The cells are linear in the picture; every pixel within the rings has a share."""
    image = torch.zeros(1, 24, 24, dtype=torch.float64, requires_grad=True)
    polar(image, 6, 12).sum().backward()
    assert image.grad is not None and bool((image.grad[0, 6:18, 6:18] > 0).all())


@pytest.mark.parametrize("stretch", ["log", "root", "none"])
def test_network_input_forgets_the_grey_scale(stretch: str) -> None:
    """Mean 0, variance 1, the same for a picture times a factor plus a constant."""
    options = {"stretch": stretch, "last_px": 40, "first_px": 6}
    one = prepare_polar(picture(), 16, 36, **options)  # type: ignore[arg-type]
    other = prepare_polar(7e4 * picture() + 250, 16, 36, **options)  # type: ignore[arg-type]
    assert other.numpy() == pytest.approx(one.numpy(), abs=1e-5)
    assert float(one.mean()) == pytest.approx(0, abs=1e-6)
    assert float(one.square().mean()) == pytest.approx(1, abs=1e-6)


def test_network_input_withstands_a_bright_beam_and_flat_pictures() -> None:
    """A direct beam a million times brighter changes little; a lone lit pixel is still seen; a flat picture gives 0."""
    bright = picture()
    bright[0, 47:49, 47:49] += 1e6
    plain = prepare_polar(picture(), 16, 36, first_px=6, last_px=40)
    assert prepare_polar(bright, 16, 36, first_px=6, last_px=40).numpy() == pytest.approx(plain.numpy(), abs=0.05)
    lone = torch.zeros(1, 64, 64)
    lone[0, 20, 40] = 5
    assert float(prepare_polar(lone, 16, 36, fold=False).max()) > 5
    assert not prepare_polar(torch.full((1, 64, 64), 0.3), 16, 36).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"radii": 0}, "radii = 0"),
        ({"radial": "square"}, "radial = 'square'"),
        ({"radial": "log"}, "0 < first_px < last_px"),
        ({"first_px": 30, "last_px": 20}, "first_px = 30, last_px = 20"),
        ({"last_px": math.nan}, "last_px = nan"),
        ({"scale": torch.ones(1)}, "last_px = None"),
        ({"scale": torch.ones(2), "last_px": 9}, "expected \\(1,\\)"),
        ({"scale": torch.zeros(1), "last_px": 9}, "above 0"),
        ({"centre_px": (1.0, 2.0, 3.0)}, "centre_px of shape \\(1, 3\\)"),
        ({"centre_px": (math.nan, 2.0)}, "finite"),
        ({"stretch": "cube"}, "stretch = 'cube'"),
        ({"low_quantile": 0.9, "high_quantile": 0.5}, "low_quantile = 0.9"),
    ],
)
def test_refuses_what_does_not_fit(options: dict[str, object], words: str) -> None:
    """One line names the argument and what is allowed."""
    with pytest.raises(InputError, match=words) as refused:
        prepare_polar(picture(), **({"radii": 8, "angles": 12} | options))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_refuses_misshapen_or_endless_patterns() -> None:
    """A single picture without its batch axis, and values that are not finite."""
    with pytest.raises(InputError, match="expected \\(n, rows, cols\\)"):
        polar(torch.zeros(8, 8), 4, 4)
    with pytest.raises(InputError, match="must be finite"):
        prepare_polar(torch.full((1, 8, 8), math.inf), 4, 4)
