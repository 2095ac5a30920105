"""Pictures of Gaussian spots at the nodes of cubic crystals, without the simulator, for the tests of this folder."""

import numpy as np

from zoneaxis.techniques.sadp.zones import primitive_basis

CRYSTALS = {
    "Al": (4.05, [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)], [1, 1, 1, 1]),
    "Fe": (2.87, [(0, 0, 0), (0.5, 0.5, 0.5)], [1, 1]),
    "Si": (
        5.43,
        [
            (x + s, y + s, z + s)
            for x, y, z in [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
            for s in (0, 0.25)
        ],
        [1] * 8,
    ),
    "CsCl": (4.12, [(0, 0, 0), (0.5, 0.5, 0.5)], [1.0, 0.4]),
    "Po": (3.36, [(0, 0, 0)], [1]),
    "ReO3": (3.75, [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)], [1.0, 0.3, 0.3, 0.3]),
}
"""Lattice parameter [Å], positions and scattering power."""


def beta_mn(x=0.0636, y=0.2022):
    """Positions of P4_132: 8c x,x,x and 12d 1/8,y,1/4+y, from the group's operations as gemmi lists them."""
    import gemmi

    operations = gemmi.find_spacegroup_by_number(213).operations()
    sites = []
    for point in ((x, x, x), (0.125, y, y + 0.25)):
        orbit = np.array([operation.apply_to_xyz(list(point)) for operation in operations]) % 1.0
        orbit = np.unique(np.round(orbit, 6) % 1.0, axis=0)
        sites += [tuple(row) for row in orbit]
    return 6.31, sites, [1] * len(sites)


def nodes(crystal, zone, reach_per_angstrom=2.2, thickness_angstrom=80.0, wavelength_angstrom=0.025079):
    """(hkl, g in the plane (n, 2) in 1/Å, intensity) of one zone in kinematical approximation."""
    a, sites, power = beta_mn() if crystal == "beta-Mn" else CRYSTALS[crystal]
    plane = primitive_basis(zone)
    count = 40
    index = np.stack(np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1)), -1).reshape(-1, 2)
    hkl = index @ plane
    length = np.sqrt((hkl**2).sum(1)) / a
    keep = (length <= reach_per_angstrom) & (length > 0)
    hkl, length = hkl[keep], length[keep]
    factor = np.exp(2j * np.pi * hkl @ np.array(sites).T) @ np.array(power)
    form = np.exp(-3.0 * length**2 / 4) / (1 + 4 * length**2)
    excitation = wavelength_angstrom * length**2 / 2
    strength = np.abs(factor * form) ** 2 * np.sinc(excitation * thickness_angstrom) ** 2
    x = plane[0] / np.linalg.norm(plane[0])
    z = np.array(zone) / np.linalg.norm(zone)
    return hkl, hkl @ np.stack([x, np.cross(z, x)], axis=1) / a, strength


def painted(xy_px, strength, size=256, sigma_px=1.0):
    """Gaussian spots on a (size, size) picture."""
    image = np.zeros((size, size))
    axis = np.arange(size)
    for (x, y), power in zip(xy_px, strength, strict=True):
        if -5 < x < size + 5 and -5 < y < size + 5:
            image += power * np.outer(
                np.exp(-((axis - y) ** 2) / (2 * sigma_px**2)), np.exp(-((axis - x) ** 2) / (2 * sigma_px**2))
            )
    return image


def picture(
    crystal,
    zone,
    *,
    angle_deg=0.0,
    step=0.0125,
    offset_px=(0.0, 0.0),
    strain=None,
    electrons=3e5,
    stop_px=8.0,
    seed=0,
    size=256,
):
    """(picture, blocked mask, true centre x, y): rotated, strained in its plane, with beam stop and counting noise.

    The strain (2, 2) moves spots as g' = (1 - e) g in the frame of the picture before it is turned.
    """
    _, g, strength = nodes(crystal, zone)
    if strain is not None:
        g = g @ (np.eye(2) - np.asarray(strain)).T
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (size - 1) / 2 + np.array(offset_px)
    xy = g @ turn.T / step + centre
    image = painted(xy, strength, size)
    image += painted([centre], [30 * strength.max()], size, 1.0)
    y, x = np.mgrid[:size, :size]
    radius = np.hypot(x - centre[0], y - centre[1])
    image += 0.002 * strength.max() * np.exp(-radius / 40)
    blocked = radius < stop_px
    image[blocked] = 0
    generator = np.random.default_rng(seed)
    if electrons:
        image = generator.poisson(image / image.sum() * electrons).astype(float) + generator.normal(0, 0.3, image.shape)
        image[blocked] = 0
    return image, (blocked if stop_px else None), centre
