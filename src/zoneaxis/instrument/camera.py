"""Camera: how light from the screen becomes grey values, as pure functions of patterns and drawn parameters.

    diffraction d (mean 0) -> excess-deficiency gradient -> contrast that fades or turns over towards the bottom
      -> (background ratio + d) x back-scatter background -> barrel distortion -> point spread, spectral randomisation
      -> electrons -> Poisson -> gain, read noise, coloured noise, hot pixels -> binning -> gamma, round screen, 8 bit

What the parameters mean and how they are drawn: `zoneaxis.instrument.noise.Degradation`.
Order of Poisson noise before binning and scaling as in EMsoft's EMEBSD (Callahan and De Graef (2013), Microsc.
Microanal. 19, 1255).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

# The peak of the diffraction signal in standard deviations: background ratios refer to the peak.
PEAK = 3.0
# Binning is applied at these factors; a drawn value takes the nearest.
BINNING_STEPS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
# Pixels added around a pattern by reflection before filtering in the frequency domain, which is periodic.
MARGIN = 8
# Patterns worked on at a time: their intermediates stay in the cache of the processor.
CHUNK = 32


def degrade(patterns: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Turn computed patterns into camera pictures.

    Arguments: patterns (n, rows, cols) float, any scale; drawn: a tensor (n,) for every field of `Degradation`;
    generator on the patterns' device, the only source of chance.
    Returns float32 (n, rows, cols) of whole numbers 0 to 255.
    Limits: with `Degradation.none()` the pattern itself, rescaled; dose -> infinity without shot noise.
    """
    return degrade_with_background(patterns, drawn, generator, background=False)[0]


def degrade_with_background(
    patterns: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator, background: bool = True
) -> tuple[Tensor, Tensor]:
    """Pictures as from `degrade`, and with each the static background that its operator would have stored.

    The background is the mean of many grains at the same exposure: no diffraction, no noise. Both are float32
    (n, rows, cols), ready for `remove_static`; without `background` the second is empty (0, rows, cols).
    """
    nothing = patterns.new_empty(0, *patterns.shape[-2:], dtype=torch.float32)
    pictures, backgrounds = [nothing], [nothing]
    for start in range(0, len(patterns), CHUNK):
        part = slice(start, start + CHUNK)
        chunk = patterns[part].to(torch.float32)
        p = {name: values[part].to(chunk)[:, None, None] for name, values in drawn.items()}
        hill = _background(chunk, p)
        electrons, to_electrons = _electrons(chunk, hill, p, generator)
        exposure = _exposure(electrons, p["read_noise_electrons"], p["black_level"])
        counts = _count(electrons, hill * to_electrons, exposure[1], p, generator)
        pictures.append(_grey(_bin(counts, p["binning"]), exposure, p))
        if background:
            alone = _barrel(hill * p["background_ratio"], p["barrel_distortion"]) * to_electrons
            backgrounds.append(_grey(alone, exposure, p))
    return torch.cat(pictures), torch.cat(backgrounds)


def _electrons(
    patterns: Tensor, hill: Tensor, p: Mapping[str, Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mean number of electrons in every pixel, before chance; and the factor from light to electrons."""
    signal = _unit(patterns)
    signal = _excess_deficiency(signal, p["excess_deficiency"], p["excess_deficiency_direction_deg"])
    signal = signal * _vertical_ramp(signal, p["bottom_contrast"])
    light = hill * (p["background_ratio"] + signal / PEAK)
    light = _barrel(light, p["barrel_distortion"])
    light = _filter(light, p["point_spread_px"], p["spectral_randomisation"], generator).clamp_min(0)
    to_electrons = p["dose_electrons_per_px"] / light.mean((-2, -1), keepdim=True).clamp_min(1e-12)
    return light * to_electrons, to_electrons


def _count(
    electrons: Tensor, unit_signal: Tensor, white: Tensor, p: Mapping[str, Tensor], generator: torch.Generator
) -> Tensor:
    """Counts that the camera reads: shot noise, gain, read-out, coloured noise and hot pixels.

    `unit_signal`: electrons of a diffraction signal of 1, the measure of the coloured noise.
    """
    counts = _poisson(electrons, generator)
    counts = counts * (1 + p["gain_spread"] * _normal(counts, generator))
    counts = counts + p["read_noise_electrons"] * _normal(counts, generator)
    grain = _coloured_noise(counts, p["coloured_noise_exponent"], generator)
    counts = counts + p["coloured_noise"] / PEAK * unit_signal * grain
    hot = torch.rand(counts.shape, generator=generator, device=counts.device) < p["hot_pixel_fraction"]
    return torch.where(hot, white, counts)


def _grey(counts: Tensor, exposure: tuple[Tensor, Tensor], p: Mapping[str, Tensor]) -> Tensor:
    """Grey values 0 to 255 of counts: offset, gain, gamma, the round screen, 8 bit."""
    black, white = exposure
    grey = ((counts - black) / (white - black)).clamp_min(0).pow(p["gamma"]) * p["white_level"]
    grey = torch.where(_radius(grey) <= p["screen_radius"], grey, torch.zeros_like(grey))
    return (grey * 255).round().clamp(0, 255)


def _exposure(electrons: Tensor, read_noise: Tensor, black_level: Tensor) -> tuple[Tensor, Tensor]:
    """Counts shown black and full white, set so that the light with three deviations of its noise is not cut off."""
    dark, bright = electrons.amin((-2, -1), keepdim=True), electrons.amax((-2, -1), keepdim=True)
    black = black_level * (dark - 3 * (dark + read_noise.square()).sqrt()).clamp_min(0)
    return black, bright + 3 * (bright + read_noise.square()).sqrt()


def _unit(signal: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1; a constant stays zero."""
    centred = signal - signal.mean((-2, -1), keepdim=True)
    return centred / centred.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(1e-12)


def _axes(like: Tensor) -> tuple[Tensor, Tensor]:
    """y (rows, 1) and x (1, cols) of the pixel centres as fractions of height and width."""
    rows, cols = like.shape[-2:]
    y = (torch.arange(rows, device=like.device) + 0.5) / rows
    x = (torch.arange(cols, device=like.device) + 0.5) / cols
    return y[:, None], x[None, :]


def _radius(like: Tensor) -> Tensor:
    """Distance of every pixel from the middle, in half short sides."""
    rows, cols = like.shape[-2:]
    y, x = _axes(like)
    return torch.hypot((y - 0.5) * rows, (x - 0.5) * cols) / (min(rows, cols) / 2)


def _excess_deficiency(signal: Tensor, amplitude: Tensor, direction_deg: Tensor) -> Tensor:
    """Add the band gradient along a direction: one edge of every band bright, the other dark.

    It stands in for the excess and deficient lines that a band gets from electrons coming down from the beam's side
    (Winkelmann, in EBSD in Materials Science, 2009): their asymmetry is the derivative of the symmetric profile.
    """
    down, across = torch.gradient(signal, dim=(-2, -1))
    turn = torch.deg2rad(direction_deg)
    return signal + amplitude * _unit(torch.cos(turn) * down + torch.sin(turn) * across)


def _vertical_ramp(signal: Tensor, bottom: Tensor) -> Tensor:
    y, _ = _axes(signal)
    return 1 + (bottom - 1) * y


def _background(like: Tensor, p: Mapping[str, Tensor]) -> Tensor:
    """Back-scatter background: a turned two-dimensional Gaussian of height 1."""
    y, x = _axes(like)
    y, x = y - p["background_y"], x - p["background_x"]
    turn = torch.deg2rad(p["background_tilt_deg"])
    along = torch.cos(turn) * x + torch.sin(turn) * y
    beside = torch.cos(turn) * y - torch.sin(turn) * x
    return torch.exp(
        -0.5 * (along.square() + (beside / p["background_aspect"]).square()) / p["background_width"].square()
    )


def _barrel(light: Tensor, alpha: Tensor) -> Tensor:
    """Radial distortion of the optics: the picture at (x, y) shows what was at (x, y)(1 + alpha r²)."""
    if not alpha.any():
        return light
    y, x = (2 * axis - 1 for axis in _axes(light))
    stretch = 1 + alpha * (x.square() + y.square())
    where = torch.stack((x * stretch, y * stretch), dim=-1)
    return F.grid_sample(light[:, None], where, padding_mode="border", align_corners=False)[:, 0]


def _frequencies(rows: int, cols: int, device: torch.device) -> Tensor:
    """|f| in cycles per pixel for the half spectrum of a real (rows, cols) image."""
    return torch.hypot(
        torch.fft.fftfreq(rows, device=device)[:, None], torch.fft.rfftfreq(cols, device=device)[None, :]
    )


def _filter(light: Tensor, spread_px: Tensor, randomisation: Tensor, generator: torch.Generator) -> Tensor:
    """Point spread and spectral randomisation, one multiplication in the frequency domain.

    The random factor is exp(randomisation · sum_k a_k sin(pi k f/f_max)/norm), k = 1 to 3, a_k normal: smooth in |f|
    and 1 at f = 0. It stands for the unknown modulation transfer of a real camera.
    """
    if not spread_px.any() and not randomisation.any():
        return light
    padded = F.pad(light[:, None], (MARGIN,) * 4, mode="reflect")[:, 0]
    rows, cols = padded.shape[-2:]
    f = _frequencies(rows, cols, light.device)
    waves = torch.stack([torch.sin(math.pi * k * f / f.max()) for k in (1, 2, 3)])
    a = torch.randn(len(light), 3, generator=generator, device=light.device) / math.sqrt(1.5)
    exponent = torch.einsum("nk,kyx->nyx", randomisation[:, 0] * a, waves)
    exponent -= 2 * (math.pi * spread_px * f).square()
    filtered = torch.fft.irfft2(torch.fft.rfft2(padded) * torch.exp(exponent), s=(rows, cols))
    return filtered[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)


def _poisson(mean: Tensor, generator: torch.Generator) -> Tensor:
    """Whole counts about the mean: m + sqrt(m) z + (z² - 1)/6 rounded, z normal.

    Second-order Cornish-Fisher expansion of the Poisson law: mean, variance and skewness are right to 1 % for m >= 4,
    at a tenth of the cost of exact draws (Cornish and Fisher, Rev. Inst. Int. Stat. 5 (1938) 307).
    """
    z = _normal(mean, generator)
    return (mean + mean.sqrt() * z + (z.square() - 1) / 6).round().clamp_min(0)


def _coloured_noise(like: Tensor, exponent: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise of mean 0 and standard deviation 1 with amplitude spectrum f^-exponent."""
    rows, cols = like.shape[-2:]
    f = _frequencies(rows, cols, like.device)
    log_f = torch.log(f.clamp_min(f[0, 1]))
    shape = torch.exp(-exponent * log_f)
    shape[:, 0, 0] = 0
    half = torch.randn(len(like), rows, cols // 2 + 1, 2, generator=generator, device=like.device)
    return _unit(torch.fft.irfft2(torch.view_as_complex(half) * shape, s=(rows, cols)))


def _bin(counts: Tensor, binning: Tensor) -> Tensor:
    """Lose what lies below a camera pixel: area mean at the binned size, drawn back to the given size."""
    steps = torch.tensor(BINNING_STEPS, device=counts.device)
    nearest = (binning.flatten()[:, None] - steps).abs().argmin(-1)
    rows, cols = counts.shape[-2:]
    binned = counts
    for index in nearest.unique().tolist():
        factor = BINNING_STEPS[index]
        if factor == 1:
            continue
        binned = binned.clone() if binned is counts else binned
        chosen = nearest == index
        small = F.interpolate(counts[chosen][:, None], (round(rows / factor), round(cols / factor)), mode="area")
        binned[chosen] = F.interpolate(small, (rows, cols), mode="bilinear", align_corners=False)[:, 0]
    return binned
