"""Diffraction camera: what a microscope's lenses, beam stop and camera do to a computed spot pattern, up to the screen.

    intensity -> spot shape, shift of the centre -> inelastic background -> beam stop -> Poisson -> read noise
      -> display map (root or logarithm, saturation, grey levels)

All pictures are scaled by what is seen outside the beam stop, never by the direct beam or the brightest spot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.ranges import Range, Ranges, drawn_from

NOISELESS_ELECTRONS = 1e12
"""From this dose on, expected values are given instead of counts. Our choice: 1e7 in a pixel out of 1e5."""
GAUSSIAN_REACH = 7.0
"""Standard deviations at which the Gaussian spot shape is cut: 1e-11 of its height."""
TAIL_REACH = 0.25
"""Fraction of the shorter side at which the tail is cut; what is left is scaled up to its share. Our choice."""
PICTURES_AT_ONCE = 16
"""Worked on together: intermediates take about 50 MB at 256 x 256."""


@dataclass(frozen=True)
class DiffractionCamera(Ranges):
    """Ranges (low, high) from which every parameter of the camera is drawn, one draw per picture.

    Lengths are in pixels of the given picture; x runs right, y down; the computed pattern has its direct beam in the
    middle. The defaults are the ideal preset. Raises InputError for a range that is inverted or leaves its physical
    limits.
    """

    title: ClassVar[str] = "diffraction camera"
    presets: ClassVar[tuple[str, ...]] = ("ideal", "laboratory", "harsh")

    spot_sigma_px: Range = drawn_from(0, 0, 0, 16)
    """Standard deviation of the Gaussian spot shape."""
    tail_share: Range = drawn_from(0, 0, 0, 0.5)
    """Share of every spot that goes into its Lorentzian tail."""
    tail_width_px: Range = drawn_from(2, 2, 0.5, 50)
    """Width w of the tail w / (2 pi (r² + w²)^(3/2)), whose half lies within 1.73 w."""
    inelastic_ratio: Range = drawn_from(0, 0, 0, 100)
    """Electrons of the inelastic background exp(-r/r0) over those of the diffraction, both outside the beam stop."""
    inelastic_decay: Range = drawn_from(0.1, 0.1, 0.005, 10)
    """Decay length r0 of that background, fraction of the width of the picture."""
    beam_stop_radius_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Radius of the disc over the direct beam; 0 or below: none, so (-5, 10) leaves it out in a third."""
    arm_width_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Width of the arm that holds the disc, from the direct beam to the edge; 0 or below: none."""
    arm_angle_deg: Range = drawn_from(0, 0, -180, 180)
    """Direction of the arm, anticlockwise as seen, 0 to the right."""
    electrons: Range = drawn_from(NOISELESS_ELECTRONS, NOISELESS_ELECTRONS, 1, NOISELESS_ELECTRONS, log=True)
    """Mean number of electrons outside the beam stop, background included; 1e12: no counting noise."""
    read_noise_electrons: Range = drawn_from(0, 0, 0, 1e6)
    """Standard deviation of the noise of reading a pixel."""
    offset_x_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Shift of the direct beam, and all with it, to the right of the middle."""
    offset_y_px: Range = drawn_from(0, 0, -1e3, 1e3)
    """Shift downwards."""
    gamma: Range = drawn_from(1, 1, 0.1, 1)
    """Exponent of the display map I^gamma."""
    log_map: Range = drawn_from(0, 0, 0, 1)
    """From 0.5 on, the display map is log(1 + I/I_ref) instead: (0, 1) draws either in half of the pictures."""
    log_reference: Range = drawn_from(1, 1, 1e-4, 1e4, log=True)
    """I_ref over the mean of a pixel outside the beam stop."""
    saturated_share: Range = drawn_from(0, 0, 0, 0.2)
    """Share of the pixels outside the beam stop at or beyond white; 0: the brightest alone is white."""
    grey_levels: Range = drawn_from(0, 0, 0, 65536)
    """Grey levels from black to white, 256 for 8 bit; below 2: not rounded."""

    @classmethod
    def ideal(cls) -> DiffractionCamera:
        """The computed intensity over its brightest pixel: no blur, no noise, no beam stop."""
        return cls()

    @classmethod
    def laboratory(cls) -> DiffractionCamera:
        """An ordinary camera, with display maps as pictures are published. Proposed ranges, fitted to no instrument."""
        return cls(
            spot_sigma_px=(0.7, 1.5),
            tail_share=(0.01, 0.03),
            inelastic_ratio=(0.05, 0.5),
            inelastic_decay=(0.05, 0.15),
            beam_stop_radius_px=(-4, 14),
            arm_width_px=(-5, 5),
            arm_angle_deg=(-180, 180),
            electrons=(1e5, 1e7),
            read_noise_electrons=(0, 1),
            offset_x_px=(-1, 1),
            offset_y_px=(-1, 1),
            gamma=(0.25, 1),
            log_map=(0, 1),
            log_reference=(0.1, 10),
            saturated_share=(0, 0.005),
            grey_levels=(256, 256),
        )

    @classmethod
    def harsh(cls) -> DiffractionCamera:
        """Few electrons, broad spots, a strong background and a loose centre. Proposed, fitted to no instrument."""
        return cls(
            spot_sigma_px=(1, 2.5),
            tail_share=(0.02, 0.08),
            tail_width_px=(2, 4),
            inelastic_ratio=(0.3, 3),
            inelastic_decay=(0.05, 0.3),
            beam_stop_radius_px=(-4, 20),
            arm_width_px=(-5, 10),
            arm_angle_deg=(-180, 180),
            electrons=(1e4, 1e6),
            read_noise_electrons=(0, 3),
            offset_x_px=(-5, 5),
            offset_y_px=(-5, 5),
            gamma=(0.25, 1),
            log_map=(0, 1),
            log_reference=(0.03, 30),
            saturated_share=(0, 0.02),
            grey_levels=(64, 256),
        )

    def apply(self, images: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Pictures as shown, float32 (n, rows, cols) from 0 (black) to 1 (white): `record`, then `display`.

        Limit: the ideal preset gives images over their maxima.
        """
        return display(record(images, drawn, generator), drawn)

    def mask(self, drawn: Mapping[str, Tensor], shape: tuple[int, int] = (256, 256)) -> Tensor:
        """Pixels behind the beam stop, bool (n, rows, cols): see `beam_stop`."""
        return beam_stop(drawn, shape)


def record(images: Tensor, drawn: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Electrons in every pixel, after counting and reading.

    Arguments: images (n, rows, cols) float, not negative, any scale, direct beam in the middle; drawn: a tensor (n,)
    for every field of `DiffractionCamera`; generator on the images' device, the only source of chance.
    Returns float32 (n, rows, cols); negative only through read noise. Behind the beam stop there is read noise alone.
    Limits: electrons -> infinity gives the image itself, rescaled; its sum outside the stop is `electrons` however
    bright the hidden direct beam is. Raises InputError for images that are dark outside the stop, negative or not
    finite.
    """
    _check(images, drawn)
    recorded = []
    for start in range(0, len(images), PICTURES_AT_ONCE):
        part = slice(start, start + PICTURES_AT_ONCE)
        p = {name: values[part].to(images.device, torch.float32)[:, None, None] for name, values in drawn.items()}
        mean = _expected(images[part].to(torch.float32), p, first=start)
        recorded.append(_counted(mean, p, generator))
    return torch.cat(recorded) if recorded else images.to(torch.float32)


def _counted(mean: Tensor, p: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Counts of mean electrons, with the noise of reading them."""
    electrons, read_noise = mean, p["read_noise_electrons"]
    if bool((p["electrons"] < NOISELESS_ELECTRONS).any()):
        electrons = torch.where(p["electrons"] < NOISELESS_ELECTRONS, torch.poisson(mean, generator=generator), mean)
    if bool((read_noise > 0).any()):
        electrons = electrons + read_noise * torch.randn(mean.shape, generator=generator, device=mean.device)
    return electrons


def expected_electrons(images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Mean number of electrons (n, rows, cols) in every pixel before chance: see `record`."""
    _check(images, drawn)
    p = {name: values.to(images.device, torch.float32)[:, None, None] for name, values in drawn.items()}
    return _expected(images.to(torch.float32), p)


def display(electrons: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """The display map: what an operator sees of counted electrons.

    Negative values are black. White is the level that `saturated_share` of the pixels outside the beam stop reach.
    I^gamma and log(1 + I/I_ref) are scaled so that white is 1; beyond it all is 1; then grey levels are rounded.

    Arguments: electrons (n, rows, cols); drawn: a tensor (n,) for every field of `DiffractionCamera`.
    Returns float32 (n, rows, cols), 0 to 1. A picture without electrons is black.
    """
    n, shape = len(electrons), (electrons.shape[-2], electrons.shape[-1])
    if n == 0:
        return electrons.to(torch.float32)
    p = {name: values.to(electrons.device, torch.float32)[:, None, None] for name, values in drawn.items()}
    seen = ~beam_stop(drawn, shape).to(electrons.device)
    positive = electrons.to(torch.float32).clamp_min(0)
    outside = torch.where(seen, positive, 0)
    pixels = seen.sum((-2, -1), keepdim=True)
    beyond = (p["saturated_share"] * pixels).long().clamp_max(shape[0] * shape[1] - 1)
    brightest = outside.flatten(1).topk(int(beyond.max()) + 1).values
    white = brightest.gather(1, beyond[:, 0])
    # Fewer pixels are lit than may saturate: the brightest is white. A black picture has none.
    white = torch.where(white > 0, white, brightest[:, :1])
    white = torch.where(white > 0, white, 1)[:, None]
    share = (positive / white).clamp_max(1)
    reference = p["log_reference"] * outside.sum((-2, -1), keepdim=True) / pixels.clamp_min(1) / white
    reference = reference.clamp_min(1e-12)
    logarithm = torch.log1p(share / reference) / torch.log1p(1 / reference)
    grey = torch.where(p["log_map"] >= 0.5, logarithm, share ** p["gamma"])
    steps = p["grey_levels"].floor() - 1
    return torch.where(steps >= 1, (grey * steps).round() / steps.clamp_min(1), grey)


def beam_stop(drawn: Mapping[str, Tensor], shape: tuple[int, int]) -> Tensor:
    """Pixels whose centres lie behind the beam stop, bool (n, rows, cols): a disc over the direct beam and its arm."""
    p = {name: drawn[name].to(torch.float32)[:, None, None] for name in (*_PLACE, *_STOP)}
    x, y = _from_beam(p, shape)
    disc = (torch.hypot(x, y) <= p["beam_stop_radius_px"]) & (p["beam_stop_radius_px"] > 0)
    angle = torch.deg2rad(p["arm_angle_deg"])
    along, across = x * torch.cos(angle) - y * torch.sin(angle), x * torch.sin(angle) + y * torch.cos(angle)
    # A pixel centre on the very edge counts as hidden, whichever way the sine was rounded.
    arm = (along >= -_EDGE) & (across.abs() <= p["arm_width_px"] / 2 + _EDGE) & (p["arm_width_px"] > 0)
    return disc | arm


_PLACE = ("offset_x_px", "offset_y_px")
_EDGE = 1e-3
"""Pixels within which a pixel centre lies on an edge. Our choice, above the rounding of float32."""
_STOP = ("beam_stop_radius_px", "arm_width_px", "arm_angle_deg")


def _expected(images: Tensor, p: Mapping[str, Tensor], first: int = 0) -> Tensor:
    """Mean electrons of pictures with parameters (n, 1, 1); `first` is the number of the first picture, for errors."""
    shape = (images.shape[-2], images.shape[-1])
    seen = ~beam_stop({name: values[:, 0, 0] for name, values in p.items()}, shape)
    peak = images.amax((-2, -1), keepdim=True).clamp_min(1e-30)
    diffraction = torch.where(seen, _spots(images / peak, p), 0)
    total = diffraction.sum((-2, -1), keepdim=True)
    if bool((total <= 0).any()):
        dark = first + int((total.flatten() <= 0).nonzero()[0])
        raise InputError(f"diffraction camera: image {dark} has no intensity outside the beam stop; expected some")
    mean = diffraction / total
    if bool((p["inelastic_ratio"] > 0).any()):
        r0 = p["inelastic_decay"] * shape[1]
        distance = torch.hypot(*_from_beam(p, shape))
        # Counted from the nearest pixel that is seen, so that a large stop does not leave zero.
        nearest = torch.where(seen, distance, math.inf).amin((-2, -1), keepdim=True)
        hill = torch.where(seen, torch.exp((nearest - distance) / r0), 0)
        mean = (mean + p["inelastic_ratio"] * hill / hill.sum((-2, -1), keepdim=True)) / (1 + p["inelastic_ratio"])
    return p["electrons"] * mean


def _spots(images: Tensor, p: Mapping[str, Tensor]) -> Tensor:
    """Every pixel spread into the shape of a spot, and moved; dark beyond the edges."""
    rows, cols = images.shape[-2:]
    sigma, share = p["spot_sigma_px"], p["tail_share"]
    if any(bool(values.any()) for values in (sigma, p["offset_x_px"], p["offset_y_px"])):
        down, right = _spread(rows, sigma, p["offset_y_px"]), _spread(cols, sigma, p["offset_x_px"])
        images = down @ images @ right.transpose(-2, -1)
    if not bool((share > 0).any()):
        return images
    return (1 - share) * images + share * _tails(images, p["tail_width_px"])


def _spread(side: int, sigma_px: Tensor, shift_px: Tensor) -> Tensor:
    """Matrices (n, side, side) that move a line by a shift and blur it by a Gaussian.

    The intensity of a pixel is taken as spread evenly over it and is collected over pixels again, so the taps are the
    Gaussian convolved with a triangle: their sum is 1 and their centre the shift, both exactly, at any shift. At
    sigma 0 they interpolate linearly; a spot has the variance sigma² + 1/6.
    """
    sigma, shift = sigma_px.reshape(-1, 1).double(), shift_px.reshape(-1, 1).double()
    away = torch.arange(side - 1, -side, -1, device=sigma.device, dtype=torch.float64) - shift
    narrow = sigma.clamp_min(1e-9)

    def twice_integrated(x: Tensor) -> Tensor:
        t = x / narrow
        return x * torch.special.ndtr(t) + narrow / math.sqrt(2 * math.pi) * torch.exp(-0.5 * t * t)

    taps = twice_integrated(away + 1) - 2 * twice_integrated(away) + twice_integrated(away - 1)
    taps = torch.where(away.abs() < GAUSSIAN_REACH * sigma + 1, taps.clamp_min(0), 0).to(torch.float32)
    return taps.unfold(1, side, 1).flip(1)


def _tails(images: Tensor, width_px: Tensor) -> Tensor:
    """Images (n, rows, cols) under the two-dimensional Lorentzian w / (2 pi (r² + w²)^(3/2)), cut and scaled to 1."""
    rows, cols = images.shape[-2:]
    reach = max(1, round(TAIL_REACH * min(rows, cols)))
    # All widths the same: one kernel serves all pictures.
    width = width_px[:1] if bool((width_px == width_px[:1]).all()) else width_px
    steps = torch.arange(-reach, reach + 1, device=images.device, dtype=torch.float32)
    square = steps[:, None] ** 2 + steps**2
    kernel = torch.where(square <= reach**2, (square + width**2) ** -1.5, 0)
    kernel = kernel / kernel.sum((-2, -1), keepdim=True)
    size = [_transformable(max(side + reach, 2 * reach + 1)) for side in (rows, cols)]
    # Padded by the reach alone: what wraps round falls where the kernel's own margin is cut away.
    spread = torch.fft.irfft2(torch.fft.rfft2(images, s=size) * torch.fft.rfft2(_centred(kernel, size)), s=size)
    return spread[:, :rows, :cols].clamp_min(0)


def _centred(kernel: Tensor, size: list[int]) -> Tensor:
    """A kernel padded to a size, its middle at the first pixel."""
    side = kernel.shape[-1]
    padded = torch.nn.functional.pad(kernel, (0, size[1] - side, 0, size[0] - side))
    return torch.roll(padded, (-(side // 2), -(side // 2)), (-2, -1))


def _transformable(least: int) -> int:
    """The smallest length from `least` on with no prime factor above 5."""
    while True:
        rest = least
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return least
        least += 1


def _from_beam(p: Mapping[str, Tensor], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """x (right) and y (down) of the pixel centres from the direct beam, (n, 1, cols) and (n, rows, 1), in pixels."""
    rows, cols = shape
    device = p["offset_x_px"].device
    x = torch.arange(cols, device=device)[None, None, :] - (cols - 1) / 2 - p["offset_x_px"]
    y = torch.arange(rows, device=device)[None, :, None] - (rows - 1) / 2 - p["offset_y_px"]
    return x, y


def _check(images: Tensor, drawn: Mapping[str, Tensor]) -> None:
    if images.ndim != 3 or not images.is_floating_point():
        kind = f"{tuple(images.shape)} {images.dtype}"
        raise InputError(f"diffraction camera: images of shape {kind}: expected (n, rows, cols) of floats")
    for name, values in drawn.items():
        if tuple(values.shape) != (len(images),):
            raise InputError(
                f"diffraction camera: {name} of shape {tuple(values.shape)}: expected ({len(images)},), one a picture"
            )
    if not bool(torch.isfinite(images).all()) or bool((images < 0).any()):
        raise InputError("diffraction camera: intensities must be finite and not negative")
