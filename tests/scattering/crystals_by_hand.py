"""Crystals that the tests of zone axes share."""

from pymatgen.core import Lattice, Structure


def zincblende(a: float = 5.65325, b_iso: float = 0.5, cation: str = "Ga", anion: str = "As") -> Structure:
    """F-43m, no centre: polar."""
    return Structure.from_spacegroup(
        "F-43m",
        Lattice.cubic(a),
        [cation, anion],
        [[0, 0, 0], [0.25] * 3],
        site_properties={"b_iso": [b_iso, b_iso]},
    )


def perovskite(b_iso: float = 0.5) -> Structure:
    """SrTiO3, Pm-3m."""
    return Structure.from_spacegroup(
        "Pm-3m",
        Lattice.cubic(3.905),
        ["Sr", "Ti", "O"],
        [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]],
        site_properties={"b_iso": [b_iso] * 3},
    )


def magnesium(b_iso: float = 0.5) -> Structure:
    """P6_3/mmc, a hexagonal cell."""
    return Structure.from_spacegroup(
        "P6_3/mmc",
        Lattice.hexagonal(3.21, 5.21),
        ["Mg"],
        [[1 / 3, 2 / 3, 0.25]],
        site_properties={"b_iso": [b_iso]},
    )
