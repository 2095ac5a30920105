"""Layers of atoms along a plane normal."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals.defects.layers import layers, plane_normal
from zoneaxis.crystals.specimen import specimen
from zoneaxis.errors import InputError

AL = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.0495), ["Al"], [[0, 0, 0]])
FE = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.8665), ["Fe"], [[0, 0, 0]])
SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("structure", "hkl", "divisor"),
    [
        (AL, (1, -1, 1), 1),
        (AL, (0, 0, 1), 2),
        (AL, (1, -1, 0), 2),
        (FE, (1, -1, 0), 1),
        (FE, (1, 0, 0), 2),
        (SALT, (1, 1, 1), 2),
    ],
)
def test_spacing_knows_the_centring(structure, hkl, divisor):
    """The spacing of layers is the lattice spacing over the order that the centring leaves."""
    atoms = specimen(structure, (6, 5, 4))
    assert layers(atoms, hkl).spacing_angstrom == pytest.approx(structure.lattice.d_hkl(hkl) / divisor)


@pytest.mark.parametrize("heat", [0.0, 0.1])
def test_atoms_lie_on_layers(heat):
    """Every atom of the perfect block is on a layer; random displacements of 0.1 Å do not move the layers."""
    atoms = specimen(AL, (8, 6, 5))
    normal, spacing = plane_normal(atoms, (1, -1, 1))
    heights = atoms.positions @ normal
    atoms.positions += heat * np.random.default_rng(0).normal(size=atoms.positions.shape)
    found = layers(atoms, (1, -1, 1))
    apart = [abs(found.nearest(float(height)) - height) for height in heights[::17]]
    assert max(apart) < (1e-9 if heat == 0 else 0.02)
    between = found.nearest(0.0, between=True)
    assert np.abs(heights - between).min() == pytest.approx(spacing / 2, abs=0.02)


def test_diamond_gap_is_the_wide_one():
    """In diamond a layer of {111} is the close pair, so that the gap is the one the standing bonds cross."""
    silicon = Structure.from_spacegroup("Fd-3m:1", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
    atoms = specimen(silicon, (5, 5, 5))
    found = layers(atoms, (1, 1, 1))
    gap = found.nearest(0.0, between=True)
    assert np.abs(atoms.positions @ found.normal - gap).min() == pytest.approx(np.sqrt(3) / 8 * 5.43)


@pytest.mark.parametrize("hkl", [(0, 0, 0), (1, 2), (0.5, 1, 0)])
def test_no_plane_is_refused(hkl):
    """Indices that name no plane are refused."""
    with pytest.raises(InputError, match="plane"):
        layers(specimen(FE, (2, 2, 2)), hkl)
