"""Zone: the frame of a picture, its reflections, its symmetry."""

import numpy as np
import pytest
import torch

from tests.scattering.crystals_by_hand import magnesium, perovskite, zincblende
from zoneaxis.crystals.cell import reciprocal_basis
from zoneaxis.errors import InputError
from zoneaxis.scattering.zone import Zone


@pytest.mark.parametrize("axis", [(0, 0, 1), (-1, 1, 0), (1, 1, 1), (2, 1, 0), (-1, 3, 2)])
def test_every_reflection_of_the_zone(axis):
    """Those that a search of a whole box finds with h.u = 0, no more and no fewer."""
    structure = zincblende()
    zone = Zone.of(structure, axis, d_min_angstrom=0.8)
    box = np.stack(np.meshgrid(*[np.arange(-7, 8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(box @ reciprocal_basis(structure), axis=1)
    unmixed = (box % 2 == box[:, :1] % 2).all(axis=1)
    wanted = {tuple(triple) for triple in box[(box @ np.array(axis) == 0) & (length <= 1 / 0.8) & unmixed]}
    assert {tuple(triple) for triple in zone.hkl.tolist()} == wanted
    assert zone.hkl[0].tolist() == [0, 0, 0]
    lengths = zone.g.norm(dim=1)
    assert bool((lengths.diff() > -1e-9).all())
    assert not zone.g[:, 2].any()


def test_frame_is_right_handed_with_the_beam_along_the_axis():
    """x right, y downwards, z = +[uvw]; Felix's frame of GaAs [-1,1,0] comes out of the column direction alone."""
    zone = Zone.of(zincblende(), (-1, 1, 0), columns=(-1, -1, 0))
    half = np.sqrt(0.5)
    torch.testing.assert_close(zone.frame, torch.tensor([[-half, -half, 0], [0, 0, 1], [-half, half, 0]]).double())
    for axis in ((0, 0, 1), (1, 2, 3)):
        assert float(torch.linalg.det(Zone.of(magnesium(), axis).frame)) == pytest.approx(1.0)


def test_default_columns():
    """The shortest small triple of the zone points right."""
    assert Zone.of(zincblende(), (0, 0, 1)).columns == (1, 0, 0)
    assert Zone.of(zincblende(), (-1, 1, 0)).columns == (0, 0, 1)


@pytest.mark.parametrize(
    ("structure", "axis", "count"),
    [
        (zincblende(), (0, 0, 1), 8),  # 4mm: -4 turns the axis round, in projection it is a four-fold axis
        (zincblende(), (-1, 1, 0), 2),  # m
        (zincblende(), (1, 1, 1), 6),  # 3m
        (perovskite(), (-1, 1, 0), 4),  # 2mm
        (magnesium(), (0, 0, 1), 12),  # 6mm
    ],
)
def test_symmetry_of_the_projection(structure, axis, count):
    """Operations form the plane group of the projection; each maps the list of reflections onto itself."""
    zone = Zone.of(structure, axis, d_min_angstrom=0.7)
    assert len(zone.operations) == count
    listed = {tuple(triple) for triple in zone.hkl.tolist()}
    for operation in zone.operations:
        moved = zone.hkl @ operation.hkl
        assert {tuple(triple) for triple in moved.tolist()} == listed
        places = [zone.position(triple) for triple in moved.tolist()]
        torch.testing.assert_close(zone.g[places][:, :2], zone.g[:, :2] @ operation.plane.T, atol=1e-9, rtol=0)


def test_higher_laue_zones():
    """Order n has h.u = n; beams in front of and behind the plane; operations that turn the axis round are gone."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.8, laue_zones=1)
    assert set(zone.hkl[:, 2].tolist()) == {-1, 0, 1}
    assert float(zone.g[:, 2].max()) == pytest.approx(1 / 5.65325)
    assert len(zone.operations) == 4


def test_refusals():
    """No axis, columns or discs outside the zone, spacings that cannot be."""
    with pytest.raises(InputError, match="zone axis 0,0,0"):
        Zone.of(zincblende(), (0, 0, 0))
    with pytest.raises(InputError, match="zone axis 0,1,500: expected indices up to 30"):
        Zone.of(zincblende(), (0, 1, 500))
    with pytest.raises(InputError, match="columns 0,0,1"):
        Zone.of(zincblende(), (0, 0, 1), columns=(0, 0, 1))
    with pytest.raises(InputError, match="d_min_angstrom = 0.01"):
        Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.01)
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.8)
    with pytest.raises(InputError, match="disc 1,1,1 is not in the zone"):
        zone.position((1, 1, 1))
    with pytest.raises(InputError, match="extinct by centring"):
        zone.position((1, 0, 0))
