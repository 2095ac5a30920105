"""Degradation: each effect shows what physics says, ranges are checked, chance comes from the seed alone."""

import dataclasses

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.camera import _coloured_noise, _poisson, degrade
from zoneaxis.instrument.noise import Degradation

NAMES = [field.name for field in dataclasses.fields(Degradation)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def bands() -> torch.Tensor:
    """A pattern of three bright bands on dark, (4, 64, 64), four times the same."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    lines = (x - 0.3 * y, y - 0.2 + 0.5 * x, x + y)
    return sum(torch.exp(-((line / 0.08) ** 2)) for line in lines).expand(4, 64, 64)


def only(n: int = 4, **values: float) -> dict[str, torch.Tensor]:
    """Parameters of no degradation except those given."""
    drawn = Degradation.none().draw(n, generator())
    return drawn | {name: torch.full((n,), float(value)) for name, value in values.items()}


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1].item()


def test_no_degradation_is_the_pattern_at_8_bit(bands: torch.Tensor) -> None:
    """Limit: with nothing but 8 bits the pattern comes back rescaled, within the rounding."""
    out = Degradation.none().apply(bands, only(), generator())
    assert correlation(out, bands) > 0.9999
    assert out.max() >= 254


@pytest.mark.parametrize("preset", [Degradation.mild(), Degradation.harsh(), Degradation.extreme(), Degradation.none()])
def test_output_is_a_camera_picture(bands: torch.Tensor, preset: Degradation) -> None:
    """Whole numbers 0 to 255, float32, no NaN, also for a constant pattern and a non-square one."""
    for patterns in (bands, torch.full((3, 48, 64), 5.0), torch.rand(40, 32, 20)):
        out = preset.apply(patterns, preset.draw(len(patterns), generator(1)), generator(2))
        assert out.shape == patterns.shape and out.dtype == torch.float32
        assert torch.equal(out, out.round()) and out.min() >= 0 and out.max() <= 255


def test_same_seed_same_pictures(bands: torch.Tensor) -> None:
    """Chance comes from the generator alone: equal seeds agree to the bit, another seed does not."""
    harsh = Degradation.harsh()
    drawn = harsh.draw(4, generator(3))
    assert torch.equal(harsh.apply(bands, drawn, generator(5)), harsh.apply(bands, drawn, generator(5)))
    assert not torch.equal(harsh.apply(bands, drawn, generator(5)), harsh.apply(bands, drawn, generator(6)))
    assert all(torch.equal(values, harsh.draw(4, generator(3))[name]) for name, values in drawn.items())


def test_input_scale_does_not_matter(bands: torch.Tensor) -> None:
    """Invariant: gain and offset of the computed pattern change nothing."""
    drawn = Degradation.mild().draw(4, generator())
    a, b = (degrade(patterns, drawn, generator(1)) for patterns in (bands, 1000 * bands - 3))
    assert (a - b).abs().max() <= 1


def test_draws_fill_their_ranges() -> None:
    """Every parameter is drawn inside its range and comes near both ends; the dose evenly in its logarithm."""
    harsh = Degradation.harsh()
    drawn = harsh.draw(4000, generator())
    assert list(drawn) == NAMES
    for name, values in drawn.items():
        low, high = getattr(harsh, name)
        assert low - 1e-4 <= values.min() and values.max() <= high * (1 + 1e-5) + 1e-4
        assert values.min() <= low + 0.05 * (high - low)
        assert values.max() >= high - 0.05 * (high - low)
    assert 200 < drawn["dose_electrons_per_px"].median() < 500


@pytest.mark.parametrize("mean", [4.0, 10.0, 100.0])
def test_counts_follow_poisson(mean: float) -> None:
    """Oracle: mean, variance and skewness of the fast counts are those of the Poisson law."""
    counts = _poisson(torch.full((400_000,), mean), generator())
    third = ((counts - mean) ** 3).mean() / mean**1.5
    assert counts.mean().item() == pytest.approx(mean, rel=0.01)
    assert counts.var().item() == pytest.approx(mean, rel=0.04)
    assert third.item() == pytest.approx(mean**-0.5, abs=0.03)


def test_noise_falls_with_the_root_of_the_dose() -> None:
    """A hundred times the electrons gives a tenth of the noise."""
    flat = torch.zeros(1, 128, 128)
    low, high = (
        degrade(flat, only(1, dose_electrons_per_px=dose, black_level=0), generator())[:, 8:-8, 8:-8]
        for dose in (100, 1e4)
    )
    ratio = (low.std() / low.mean()) / (high.std() / high.mean())
    assert ratio.item() == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.5])
def test_coloured_noise_has_its_spectrum(exponent: float) -> None:
    """The slope of the amplitude spectrum over frequency is minus the exponent."""
    noise = _coloured_noise(torch.zeros(64, 64, 64), torch.full((64, 1, 1), exponent), generator())
    spectrum = torch.fft.rfft2(noise).abs().square().mean(0).sqrt()[0, 2:30]
    log_f = torch.log(torch.arange(2.0, 30.0))
    slope = ((log_f - log_f.mean()) * torch.log(spectrum)).sum() / (log_f - log_f.mean()).square().sum()
    assert slope.item() == pytest.approx(-exponent, abs=0.1)
    assert torch.allclose(noise.std((-2, -1)), torch.ones(64), atol=1e-3)


def test_contrast_turns_over_at_the_bottom(bands: torch.Tensor) -> None:
    """With a bottom contrast of -1 the top rows agree with the pattern and the bottom rows are its negative."""
    out = degrade(bands, only(bottom_contrast=-1), generator())
    assert correlation(out[:, :12], bands[:, :12]) > 0.9
    assert correlation(out[:, -12:], bands[:, -12:]) < -0.9


def test_excess_deficiency_makes_one_edge_bright() -> None:
    """A horizontal band gets a bright edge on one side and a dark one on the other, and turns with the sign."""
    y = torch.linspace(-1, 1, 64)
    band = torch.exp(-((y / 0.1) ** 2))[:, None].expand(1, 64, 64)
    plus, minus = (degrade(band, only(1, excess_deficiency=sign), generator())[0].mean(-1) for sign in (0.8, -0.8))
    assert plus[28] > plus[35] + 50
    assert torch.allclose(plus, minus.flip(0), atol=3)


def test_point_spread_and_binning_lose_fine_detail() -> None:
    """Both smooth a chessboard of single pixels to grey and leave a coarse one."""
    index = torch.arange(64)
    fine = (index[:, None] + index).remainder(2).float()[None]
    coarse = (index[:, None] // 16 + index // 16).remainder(2).float()[None]
    for loss in ({"point_spread_px": 1.5}, {"binning": 2}):
        drawn = only(1, background_ratio=3, **loss)
        assert correlation(degrade(coarse, drawn, generator()), coarse) > 0.9
        assert abs(correlation(degrade(fine, drawn, generator())[:, 8:-8, 8:-8], fine[:, 8:-8, 8:-8])) < 0.3


def test_barrel_distortion_moves_a_point_as_stated() -> None:
    """A spot at radius r is seen where r' (1 + alpha r'²) = r."""
    axis = (torch.arange(201) + 0.5) / 201 * 2 - 1
    spot = torch.exp(-(((axis[None, :] - 0.8) ** 2 + axis[:, None] ** 2) / 0.02**2))[None]
    out = degrade(spot, only(1, barrel_distortion=0.1), generator())[0]
    seen = axis[out.argmax() % 201].item()
    assert seen * (1 + 0.1 * seen**2) == pytest.approx(0.8, abs=0.01)


def test_screen_and_hot_pixels(bands: torch.Tensor) -> None:
    """Outside the round screen it is black; the stated share of pixels reads full white."""
    out = degrade(bands, only(screen_radius=1.0), generator())
    assert (out[:, 0, 0] == 0).all() and out[:, 32, 32].min() > 0
    flat = degrade(torch.zeros(1, 256, 256), only(1, hot_pixel_fraction=0.01, background_width=0.5), generator())
    share = (flat[0, -100:, -100:] == 255).float().mean()
    assert share.item() == pytest.approx(0.01, abs=0.003)


def test_stored_background_removes_most_of_the_background(bands: torch.Tensor) -> None:
    """The background that goes with a drawn camera, taken away, leaves the bands."""
    strong = dataclasses.replace(Degradation.mild(), background_width=(0.4, 0.5), background_ratio=(6, 6))
    drawn = strong.draw(4, generator())
    out, background = strong.apply_with_background(bands, drawn, generator())
    assert torch.equal(out, strong.apply(bands, drawn, generator()))
    lit = background > 0
    removed = correlation((out - background)[lit], bands[lit])
    print(f"correlation with the bands: {correlation(out[lit], bands[lit]):.3f} raw, {removed:.3f} without background")
    assert removed > 2 * correlation(out[lit], bands[lit])


@pytest.mark.parametrize("preset", ["mild", "harsh", "extreme", "none"])
def test_recipes_round_trip(preset: str) -> None:
    """to_dict and from_dict give the same object, from a preset name, a single value and a pair."""
    original = getattr(Degradation, preset)()
    assert Degradation.from_dict(original.to_dict()) == original
    assert Degradation.from_dict({"preset": preset}) == original
    assert Degradation.from_dict({"preset": preset, "gamma": 1}).gamma == (1.0, 1.0)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"blur": [0, 1]}, "unknown blur; known are .*point_spread_px"),
        ({"gamma": [1.5, 0.3]}, r"gamma = \[1.5, 0.3\] must be low <= high"),
        ({"gamma": [0.0, 1]}, "within 0.1 to 5"),
        ({"gamma": ["a", "b"]}, "two finite numbers"),
        ({"gamma": [0.3, float("nan")]}, "two finite numbers"),
        ({"gamma": [0.3, 0.5, 0.7]}, "two finite numbers"),
        ({"preset": "medium"}, "'medium' is not one of mild, harsh, extreme, none"),
    ],
)
def test_nonsense_recipes_are_refused(recipe: dict, message: str) -> None:  # type: ignore[type-arg]
    """Unknown names, inverted or impossible ranges and wrong types get one line that says which."""
    with pytest.raises(InputError, match=message) as caught:
        Degradation.from_dict(recipe)
    assert "\n" not in str(caught.value)
