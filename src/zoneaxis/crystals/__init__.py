"""What scatters: named materials, crystals from CIF files, and the geometry and symmetry of their cells."""

from zoneaxis.crystals.cell import (
    basis,
    centre_origin,
    centring_translations,
    is_centrosymmetric,
    laue_group,
    origin_on_centre,
    point_group,
    reciprocal_basis,
    space_group,
)
from zoneaxis.crystals.library import load, names

__all__ = [
    "basis",
    "centre_origin",
    "centring_translations",
    "is_centrosymmetric",
    "laue_group",
    "load",
    "names",
    "origin_on_centre",
    "point_group",
    "reciprocal_basis",
    "space_group",
]
