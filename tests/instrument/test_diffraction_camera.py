"""Diffraction camera: spot shape, background, beam stop, statistics, display, presets, chance, refusals."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera, beam_stop, display, expected_electrons, record


def generator(seed: int = 1) -> torch.Generator:
    """A fresh source of chance."""
    return torch.Generator().manual_seed(seed)


def drawn(n: int = 1, **values: float | tuple[float, float]) -> dict[str, torch.Tensor]:
    """Parameters of n pictures: the ideal camera, but for what is named."""
    return DiffractionCamera.from_dict({"preset": "ideal", **values}).draw(n, generator())


def point(size: int = 65) -> torch.Tensor:
    """One lit pixel in the middle."""
    image = torch.zeros(1, size, size)
    image[0, size // 2, size // 2] = 3e5
    return image


def spots(size: int = 64) -> torch.Tensor:
    """A bright direct beam (2 x 2 pixels) and up to 8 weaker spots around it, on faint diffuse intensity."""
    image = torch.full((1, size, size), 1e-3)
    half = size // 2
    image[0, half - 1 : half + 1, half - 1 : half + 1] = 1000
    for row in (-18, 0, 18):
        for col in (-18, 0, 18):
            if (row or col) and max(row, col) < half:
                image[0, half + row, half + col] = 10
    return image


def moments(image: torch.Tensor) -> tuple[float, float, float, float]:
    """Mean row, mean column from the middle, and the two variances, in pixels."""
    weights = image.double() / image.double().sum()
    y = torch.arange(image.shape[0]).double() - (image.shape[0] - 1) / 2
    x = torch.arange(image.shape[1]).double() - (image.shape[1] - 1) / 2
    down, right = weights.sum(1), weights.sum(0)
    row, col = float((down * y).sum()), float((right * x).sum())
    return row, col, float((down * (y - row) ** 2).sum()), float((right * (x - col) ** 2).sum())


def test_ideal_gives_the_image() -> None:
    """No blur, no noise, no stop: the image over its maximum, at any scale it came in."""
    for scale in (1e-12, 1.0, 1e12):
        picture = DiffractionCamera.ideal().apply(scale * spots(), drawn(), generator())
        assert picture.dtype == torch.float32
        assert picture.numpy() == pytest.approx((spots() / spots().max()).numpy(), rel=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_spot_shape_has_its_width_and_place(sigma: float) -> None:
    """Sum kept, centre at the offset, variance sigma² + 1/6 along both axes."""
    shape = expected_electrons(point(), drawn(spot_sigma_px=sigma, offset_x_px=3.3, offset_y_px=-2.45, electrons=1e6))
    assert float(shape.sum()) == pytest.approx(1e6, rel=1e-5)
    row, col, down, right = moments(shape[0])
    assert (row, col) == pytest.approx((-2.45, 3.3), abs=1e-4)
    assert (down, right) == pytest.approx((sigma**2 + 1 / 6,) * 2, rel=2e-3)
    if sigma == 3.0:
        y = torch.arange(65.0) - 32 + 2.45
        profile = torch.exp(-(y**2) / 2 / (sigma**2 + 1 / 6))
        assert (shape[0].sum(1) / 1e6).numpy() == pytest.approx((profile / profile.sum()).numpy(), abs=1e-4)


def test_unblurred_shift_is_exact() -> None:
    """Without blur a whole shift moves pixels, a broken one interpolates linearly; what leaves the picture is lost."""
    image = torch.rand(1, 20, 20, generator=generator())
    moved = DiffractionCamera.ideal().apply(image, drawn(offset_x_px=3, offset_y_px=-2), generator())
    expected = torch.zeros(1, 20, 20)
    expected[:, :-2, 3:] = image[:, 2:, :-3]
    assert moved.numpy() == pytest.approx((expected / expected.max()).numpy(), abs=2e-6)
    quarter = expected_electrons(point(), drawn(offset_x_px=0.25))[0, 32, 31:35]
    assert (quarter / quarter.sum()).numpy() == pytest.approx([0, 0.75, 0.25, 0], abs=1e-6)


def test_tail_share_and_law() -> None:
    """The tail is the share asked for, and falls as the inverse cube."""
    share, width = 0.03, 2.0
    shape = expected_electrons(point(257), drawn(tail_share=share, tail_width_px=width, electrons=1))[0]
    y = torch.arange(257.0)[:, None] - 128
    distance = torch.hypot(y, y.T)
    cut = 64
    whole = 1 - width / math.hypot(width, cut)
    beyond = width / math.hypot(width, 10) - width / math.hypot(width, cut)
    assert float(shape[distance > 10].sum()) == pytest.approx(share * beyond / whole, rel=0.03)
    ratio = float(shape[128, 128 + 15] / shape[128, 128 + 30])
    assert ratio == pytest.approx(((30**2 + 4) / (15**2 + 4)) ** 1.5, rel=1e-2)
    assert float(shape[distance > cut + 1].sum()) < 1e-6


def test_tail_does_not_wrap_round() -> None:
    """A spot at the left edge leaves nothing at the right edge, for square and narrow pictures."""
    for rows, cols in ((64, 64), (8, 100), (1, 30)):
        image = torch.zeros(1, rows, cols)
        image[0, 0, 0] = 1
        shape = expected_electrons(image, drawn(tail_share=0.5, electrons=1))[0]
        assert float(shape[:, cols // 2 + 1 :].abs().max()) < 1e-7
        assert float(shape[0, 1]) > 1e-3


def test_background_decays_as_asked() -> None:
    """exp(-r/r0) about the shifted centre, with the electrons asked for outside the stop."""
    values = drawn(inelastic_ratio=0.4, inelastic_decay=0.1, offset_x_px=5, beam_stop_radius_px=4, electrons=1e6)
    mean = expected_electrons(spots(128), values)[0]
    without = expected_electrons(spots(128), drawn(offset_x_px=5, beam_stop_radius_px=4, electrons=1e6 / 1.4))[0]
    background = mean - without
    assert float(background.sum()) == pytest.approx(1e6 * 0.4 / 1.4, rel=1e-4)
    distance = torch.hypot(torch.arange(128) - 63.5 - 5, torch.tensor(90 - 63.5))
    row = background[90]
    for col in (20, 50, 110):
        expected = torch.exp((distance[68] - distance[col]) / 12.8)
        assert float(row[col] / row[68]) == pytest.approx(float(expected), rel=1e-3)


def test_beam_stop_hides_disc_and_arm() -> None:
    """A disc of its area about the shifted beam; an arm that points up at 90°; nothing behind, with sharp edges."""
    values = drawn(beam_stop_radius_px=9, offset_x_px=4, offset_y_px=6)
    hidden = DiffractionCamera.ideal().mask(values, (129, 129))[0]
    assert int(hidden.sum()) == pytest.approx(math.pi * 81, rel=0.03)
    row, col, *_ = moments(hidden.float())
    assert (row, col) == pytest.approx((6, 4), abs=1e-6)
    with_arm = beam_stop(drawn(arm_width_px=5, arm_angle_deg=90), (129, 129))[0]
    assert bool(with_arm[:65, 62:67].all()) and int(with_arm.sum()) == 65 * 5
    picture = DiffractionCamera.ideal().apply(
        1 + torch.zeros(1, 129, 129), drawn(beam_stop_radius_px=9, spot_sigma_px=2, inelastic_ratio=1), generator()
    )[0]
    hidden = beam_stop(drawn(beam_stop_radius_px=9), (129, 129))[0]
    assert not picture[hidden].any() and bool((picture[~hidden] > 0.01).all())
    assert not beam_stop(drawn(beam_stop_radius_px=-3, arm_width_px=-1), (129, 129)).any()


def test_hidden_beam_does_not_count() -> None:
    """Behind the stop the direct beam may be as bright as it likes: the picture and its electrons stay."""
    brighter = spots()
    brighter[0, 31:33, 31:33] *= 1e6
    values = drawn(beam_stop_radius_px=6, electrons=5e4)
    means = [expected_electrons(image, values) for image in (spots(), brighter)]
    assert float(means[0].sum()) == pytest.approx(5e4, rel=1e-5)
    assert means[1].numpy() == pytest.approx(means[0].numpy(), rel=1e-4)


def test_counts_are_poisson() -> None:
    """Whole numbers; mean and variance of every pixel are its share of the electrons."""
    n = 3000
    counts = record(spots(32).expand(n, -1, -1), drawn(n, electrons=2e4, beam_stop_radius_px=3), generator())
    mean = expected_electrons(spots(32), drawn(electrons=2e4, beam_stop_radius_px=3))[0]
    assert torch.equal(counts, counts.round())
    assert float(counts.sum((1, 2)).mean()) == pytest.approx(2e4, rel=1e-3)
    lit = mean > 0
    assert float((counts.mean(0)[lit] / mean[lit]).mean()) == pytest.approx(1, abs=0.01)
    ratio = float((counts.var(0)[lit] / mean[lit]).mean())
    print(f"variance over mean {ratio:.4f}")
    assert ratio == pytest.approx(1, abs=0.01)


def test_read_noise_has_its_spread() -> None:
    """Behind the beam stop there is read noise alone."""
    values = drawn(read_noise_electrons=2.5, beam_stop_radius_px=20, electrons=1e6)
    behind = record(spots(), values, generator())[beam_stop(values, (64, 64))]
    assert float(behind.std()) == pytest.approx(2.5, rel=0.05)
    assert abs(float(behind.mean())) < 0.25


def test_display_maps() -> None:
    """Root, logarithm and 8 bit give what their formulas say; black and white stay."""
    electrons = torch.tensor([[[0.0, 1, 10, 100], [1000, 10, 1, -5]]])
    share = electrons.clamp_min(0) / 1000
    assert display(electrons, drawn(gamma=0.25)).numpy() == pytest.approx((share**0.25).numpy(), abs=1e-6)
    reference = 0.5 * electrons.clamp_min(0).mean()
    expected = torch.log1p(electrons.clamp_min(0) / reference) / torch.log1p(1000 / reference)
    logged = display(electrons, drawn(log_map=1, log_reference=0.5))
    assert logged.numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    grey = display(electrons, drawn(gamma=0.5, grey_levels=256)) * 255
    assert grey.numpy() == pytest.approx((255 * share.sqrt()).round().numpy(), abs=1e-4)


def test_saturation_takes_its_share_outside_the_stop() -> None:
    """One in ten of the seen pixels is white; a picture with fewer lit pixels keeps its brightest as white."""
    electrons = torch.rand(1, 50, 50, generator=generator())
    values = drawn(saturated_share=0.1, beam_stop_radius_px=10)
    picture = display(electrons, values)
    seen = ~beam_stop(values, (50, 50))
    assert int((picture[seen] == 1).sum()) == int(0.1 * int(seen.sum())) + 1
    for choice in (0, 1):
        lone = display(point(), drawn(saturated_share=0.1, log_map=choice))
        assert torch.equal(lone, (point() > 0).float())
        assert not display(torch.zeros(1, 8, 8), drawn(log_map=choice)).any()


def test_presets_draw_real_pictures_again() -> None:
    """Same seed, same pictures; other seed, others; between 0 and 1; the direct beam is covered in most of them."""
    for preset in DiffractionCamera.presets:
        camera = DiffractionCamera.from_dict({"preset": preset})
        assert DiffractionCamera.from_dict(camera.to_dict()) == camera
        values = camera.draw(20, generator(5))
        images = spots().expand(20, -1, -1)
        first, again, other = (camera.apply(images, values, generator(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (preset == "ideal")
        assert float(first.min()) >= 0 and float(first.max()) == pytest.approx(1, abs=1e-6)
        if preset != "ideal":
            assert 10 <= int(camera.mask(values, (64, 64)).flatten(1).any(1).sum()) < 20


def test_batch_is_its_pictures() -> None:
    """Without chance, 37 pictures at once are the same as each alone."""
    camera = DiffractionCamera.laboratory()
    values = camera.draw(37, generator()) | {
        "electrons": torch.full((37,), 1e12),
        "read_noise_electrons": torch.zeros(37),
    }
    images = spots() * torch.rand(37, 64, 64, generator=generator())
    together = camera.apply(images, values, generator())
    for number in (0, 15, 16, 36):
        alone = {name: value[number : number + 1] for name, value in values.items()}
        assert camera.apply(images[number : number + 1], alone, generator()).numpy() == pytest.approx(
            together[number : number + 1].numpy(), abs=1.01 / 255
        )
    assert camera.apply(images[:0], {name: value[:0] for name, value in values.items()}, generator()).shape == (
        0,
        64,
        64,
    )


def test_refusals() -> None:
    """Dark, negative, endless and misshapen images, and ranges out of limits, each in one line."""
    camera = DiffractionCamera.ideal()
    dark = spots().repeat(20, 1, 1)
    dark[17] = 0
    with pytest.raises(InputError, match="image 17 has no intensity"):
        camera.apply(dark, drawn(20), generator())
    with pytest.raises(InputError, match="outside the beam stop"):
        camera.apply(spots(), drawn(beam_stop_radius_px=100), generator())
    for wrong in (-spots(), spots() * math.nan):
        with pytest.raises(InputError, match="finite and not negative"):
            camera.apply(wrong, drawn(), generator())
    with pytest.raises(InputError, match="expected \\(n, rows, cols\\)"):
        camera.apply(spots()[0], drawn(), generator())
    with pytest.raises(InputError, match="expected \\(2,\\)"):
        camera.apply(spots().repeat(2, 1, 1), drawn(), generator())
    with pytest.raises(InputError, match="gamma = \\[0, 1\\]"):
        DiffractionCamera(gamma=(0, 1))
    with pytest.raises(InputError, match="preset 'clean'"):
        DiffractionCamera.from_dict({"preset": "clean"})
