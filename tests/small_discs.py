"""A small world of images with two numbers to read: four smooth discs whose insides follow an energy and a shift."""

import numpy as np

UNITS = {"energy": "eV", "shift": "Å"}
SIZE_PX = 32


def disc_images(values: np.ndarray, size_px: int = SIZE_PX) -> np.ndarray:
    """Intensities (n, size, size) float32 at values (n, 2): energy 0 to 10 eV, shift -0.5 to 0.5 Å; no noise."""
    energy, shift = np.asarray(values, float).T[:, :, None, None]
    x = (np.arange(size_px) + 0.5) / size_px * 2 - 1
    col, row = np.meshgrid(x, x)
    images = np.zeros((len(values), size_px, size_px))
    for number, (i, j) in enumerate(((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))):
        u, v = (col - i) / 0.42, (row - j) / 0.42
        wave = 1.6 + np.cos(0.35 * energy * (1 + 0.2 * number) + u) + 0.8 * np.sin(3 * shift + v + number)
        images += np.where(u**2 + v**2 < 1, wave**2, 0)
    return images.astype(np.float32)


def grid(energies: int = 21, shifts: int = 11) -> np.ndarray:
    """All pairs of values on a regular grid, (energies x shifts, 2)."""
    axes = np.linspace(0, 10, energies), np.linspace(-0.5, 0.5, shifts)
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
