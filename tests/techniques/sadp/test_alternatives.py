"""Alternatives: faint spots between the nodes of a zone do not hide its net, and are known for what they are."""

import numpy as np
import pytest

from tests.techniques.sadp.net_pictures import CRYSTALS, nodes, painted
from zoneaxis.techniques.sadp.alternatives import fit_nets
from zoneaxis.techniques.sadp.extinction import extinction_class
from zoneaxis.techniques.sadp.lattice_fit import fit_lattice
from zoneaxis.techniques.sadp.spots import find_spots
from zoneaxis.techniques.sadp.upper_zones import under_upper_zone
from zoneaxis.techniques.sadp.zones import zone_net

STEP = 0.0125


def with_upper_zone(crystal, zone, share=0.03):
    """Spots of a zone, and faint ones where relrods of its next Laue zones reach down."""
    hkl, g, strength = nodes(crystal, zone)
    fine = np.stack(np.meshgrid(np.arange(-36, 37), np.arange(-36, 37)), -1).reshape(-1, 2) / 6
    basis = zone_net(225, zone).basis_hkl
    places = fine @ basis
    under = under_upper_zone(extinction_class("F"), [zone], places[None])[0]
    off = np.abs(fine - np.rint(fine)).max(1) > 1e-6
    faint = places[under & off]
    to_plane = np.linalg.lstsq(hkl.astype(float), g, rcond=None)[0]
    length = np.linalg.norm(faint @ to_plane, axis=1)
    extra = share * np.interp(length, np.sort(np.linalg.norm(g, axis=1)), np.sort(strength)[::-1])
    xy = np.concatenate([g, faint @ to_plane]) / STEP + 127.5
    return painted(xy, np.concatenate([strength, extra]))


def test_forbidden_third_of_422_is_an_upper_zone():
    """fcc along [111] shows 1/3 422 in thin foils, but not 1/3 112, which bcc and simple cubic crystals show."""
    third_422, third_112 = np.array([4, -2, -2]) / 3, np.array([1, 1, -2]) / 3
    for name, expected in (("F", [True, False]), ("I", [True, True]), ("P", [True, True])):
        found = under_upper_zone(extinction_class(name), [(1, 1, 1)], [[third_422, third_112]])
        assert found.tolist() == [expected], name
    assert under_upper_zone(extinction_class("F"), [(0, 0, 1)], [[(1, 1, 0), (2, 0, 0), (1, 0, 0)]]).tolist() == [
        [True, True, False]
    ]


@pytest.mark.parametrize("zone", [(0, 0, 1), (1, 1, 1), (1, 1, 2)])
def test_net_of_the_zone_is_among_the_alternatives(zone):
    """Faint spots of upper zones make the likeliest net finer; the net of the zone comes back from the bright ones."""
    nets = fit_nets(find_spots(with_upper_zone("Al", zone)))
    expected = np.sqrt(np.linalg.det(zone_net(225, zone).gram)) / CRYSTALS["Al"][0] ** 2 / STEP**2
    areas = [net.area_px2 / expected for net in nets]
    print(zone, np.round(areas, 3))
    assert min(abs(area - 1) for area in areas) < 0.01


def test_upper_zones_do_not_change_the_answer():
    """Three zones of fcc with upper-zone spots are still fcc, with and without camera."""
    spots = [find_spots(with_upper_zone("Al", zone)) for zone in ((0, 0, 1), (1, 1, 2), (0, 1, 1))]
    for step in (STEP, None):
        fit = fit_lattice(spots, step)
        print(step, fit.probabilities, fit.reason)
        assert fit.space_group == 225 and not fit.unknown


def test_clean_picture_keeps_its_net_first():
    """Without faint spots the likeliest net is the zone's."""
    _, g, strength = nodes("CsCl", (0, 1, 1))
    nets = fit_nets(find_spots(painted(g / STEP + 127.5, strength)))
    expected = np.sqrt(np.linalg.det(zone_net(221, (0, 1, 1)).gram)) / CRYSTALS["CsCl"][0] ** 2 / STEP**2
    assert nets[0].area_px2 == pytest.approx(expected, rel=0.01)
    assert fit_nets(find_spots(np.zeros((64, 64)))) == ()
