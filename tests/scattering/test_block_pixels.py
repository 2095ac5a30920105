"""The fast road to a block's pattern: vectors inside pixels, interpolation and the structure factor, each by itself."""

import math

import numpy as np
import pytest
import torch

from tests.scattering.crystals_by_hand import perovskite, zincblende
from zoneaxis.crystals import load
from zoneaxis.instrument.planar_detector import PlanarDetector
from zoneaxis.scattering.block_pixels import (
    BAND,
    OUTSIDE,
    PixelVectors,
    cell_parts,
    interpolation,
    mean_block_intensity,
    nodes_across,
)
from zoneaxis.scattering.kinematical import Block, block_amplitude, cell_amplitude

WAVELENGTH_ANGSTROM = 0.025079
"""Of 200 kV electrons."""


def screen(size_px: int, **settings: float) -> PlanarDetector:
    """A screen 25.6 mm wide, 320 mm away."""
    return PlanarDetector(size_px, 25.6 / size_px, wavelength_angstrom=WAVELENGTH_ANGSTROM, **settings)


def vectors(detector: PlanarDetector) -> PixelVectors:
    """Those inside the pixels of a screen."""
    return PixelVectors.of(detector.q(), detector.step_per_angstrom, detector.wavelength_angstrom)


def fast(block: Block, detector: PlanarDetector, subpixels: int) -> torch.Tensor:
    """Pattern of a block by nodes and polynomials."""
    across = nodes_across(block, detector.size_px * detector.step_per_angstrom)
    wider = PlanarDetector(
        across + 2 * OUTSIDE,
        detector.size_px * detector.pixel_mm / across,
        detector.camera_length_mm,
        detector.wavelength_angstrom,
        detector.offset_x_mm,
        detector.offset_y_mm,
    )
    return mean_block_intensity(block, vectors(detector), wider.q(), subpixels)


def full(block: Block, detector: PlanarDetector, subpixels: int) -> torch.Tensor:
    """The same with the closed form at every sub-pixel."""
    return detector.binned(block_amplitude(block, detector.q(subpixels)).abs().square(), subpixels)


@pytest.mark.parametrize("size_px", [64, 128])
def test_vectors_inside_a_pixel(size_px):
    """The polynomial of second order meets the sub-pixels' own vectors on the sphere to 1e-6 1/Å."""
    detector = screen(size_px, offset_x_mm=5.0)
    pixels, subpixels = vectors(detector), 5
    u = (np.arange(subpixels) + 0.5) / subpixels - 0.5
    u, v = u[:, None], u[:, None, None, None]
    by_u, by_v, by_uu, by_uv, by_vv = pixels.changes.transpose(1, 0, 2, 3)[:, :, None, :, None]
    middles = pixels.middles[:, None, :, None]
    found = middles + u * by_u + v * by_v + u * u * by_uu + u * v * by_uv + v * v * by_vv
    exact = detector.q(subpixels).numpy().reshape(size_px, subpixels, size_px, subpixels, 3).transpose(4, 1, 0, 3, 2)
    assert np.abs(found - exact).max() < 1e-6


def test_waves_are_interpolated():
    """Waves of up to `BAND` periods per node are met to 1e-4 at every sub-pixel, slower ones to 1e-5."""
    nodes = 96 + 2 * OUTSIDE
    weights = interpolation(64, 3, nodes).numpy().astype(float)
    # In nodes from the first one inside the picture.
    places = (np.arange(64) + (np.arange(3)[:, None] + 0.5) / 3) / 64 * 96 - 0.5
    at = np.arange(nodes) - OUTSIDE
    for periods, allowed in ((BAND, 1e-4), (0.9 * BAND, 1e-5), (0.0, 1e-5)):
        wave = weights @ np.exp(2j * math.pi * periods * at)
        assert np.abs(wave - np.exp(2j * math.pi * periods * places)).max() < allowed


@pytest.mark.parametrize("crystal", [lambda: load("Al"), zincblende, perovskite], ids=["Al", "GaAs", "SrTiO3"])
def test_cell_in_single_precision(crystal):
    """|F| is that of `cell_amplitude` to 1e-5 of its largest value."""
    kinds = Block.of(crystal(), (1, 1, 1)).kinds
    q = screen(64).q().reshape(-1, 3)
    parts = cell_parts(kinds, q.float().numpy().T)
    exact = cell_amplitude(kinds, q).abs().numpy()
    assert np.abs(np.hypot(*parts) - exact).max() < 1e-5 * exact.max()


@pytest.mark.parametrize(
    ("size_px", "repeats", "subpixels"),
    [(16, (5, 4, 6), 12), (33, (8, 8, 2), 3), (32, (1, 1, 1), 4), (31, (6, 5, 40), 1)],
    ids=["large pixels", "a sub-pixel on the beam", "one cell", "one place"],
)
def test_unusual_pictures(size_px, repeats, subpixels):
    """Phases beyond the next node, 0/0 at the direct beam, N = 1: within 1e-4 of the brightest pixel."""
    block, detector = Block.of(zincblende(), repeats), screen(size_px)
    seen, expected = fast(block, detector, subpixels), full(block, detector, subpixels)
    assert bool(torch.isfinite(seen).all())
    assert float((seen - expected).abs().max()) < 1e-4 * float(expected.max())
    assert torch.equal(seen, fast(block, detector, subpixels))


def test_a_beam_beside_the_middle():
    """The screen may be shifted: the direct beam, whose F is not interpolated, is found where it is."""
    block, detector = Block.of(load("Al"), (12, 10, 8)), screen(64, offset_x_mm=8.0, offset_y_mm=-5.0)
    seen, expected = fast(block, detector, 3), full(block, detector, 3)
    assert float((seen - expected).abs().max()) < 2e-5 * float(expected.max())
