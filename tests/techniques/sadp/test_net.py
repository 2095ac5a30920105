"""Net: the plane lattice under noise, twins and too few spots."""

import numpy as np
import pytest

from tests.techniques.sadp.net_pictures import CRYSTALS, nodes, painted, picture
from zoneaxis.techniques.sadp.matching import net_strain
from zoneaxis.techniques.sadp.net import fit_net
from zoneaxis.techniques.sadp.spots import find_spots
from zoneaxis.techniques.sadp.zones import primitive_basis, reduced, zone_net

STEP = 0.0125


@pytest.mark.parametrize(("crystal", "rule"), [("Al", "F"), ("Fe", "I"), ("Si", "diamond"), ("CsCl", "P")])
@pytest.mark.parametrize("zone", [(0, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_metric_is_that_of_the_zone(crystal, rule, zone):
    """The net has the lengths and the angle of the allowed reflections, within 0.3 %."""
    image, blocked, _ = picture(crystal, zone, angle_deg=33, offset_px=(1.4, -2.2), electrons=3e6)
    net = fit_net(find_spots(image, blocked=blocked))
    expected = zone_net(rule, zone).gram / CRYSTALS[crystal][0] ** 2 / STEP**2
    error = np.abs(np.sqrt(np.linalg.eigvals(np.linalg.solve(expected, net.basis_px @ net.basis_px.T))) - 1).max()
    assert net.tested and net.second is None
    assert error < 3e-3


@pytest.mark.parametrize(("crystal", "normal"), [("Al", (1, 1, -1)), ("Fe", (2, 1, -1))])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_twin_gives_a_second_net(crystal, normal, share):
    """Matrix and mirrored net of a coherent twin are both found, of one area, and explain every spot."""
    zone = (0, 1, 1)
    _, g, strength = nodes(crystal, zone)
    plane = primitive_basis(zone)
    x, z = plane[0] / np.linalg.norm(plane[0]), np.array(zone) / np.linalg.norm(zone)
    across = np.array(normal) @ np.stack([x, np.cross(z, x)], axis=1)
    mirror = np.eye(2) - 2 * np.outer(across, across) / (across @ across)
    xy = np.concatenate([g, g @ mirror]) / STEP + 127.5
    image = painted(xy, np.concatenate([share * strength, (1 - share) * strength]))
    image = np.random.default_rng(1).poisson(image / image.sum() * 3e6).astype(float)
    net = fit_net(find_spots(image))
    assert net.second is not None
    assert net.second.area_px2 == pytest.approx(net.area_px2, rel=0.01)
    assert net.share_with_second > 0.95
    turned = reduced(net.basis_px @ mirror)
    steps = net.second.basis_px @ np.linalg.inv(turned)
    assert np.abs(steps - np.rint(steps)).max() < 0.03


def test_noise_and_two_spots_show_no_tested_net():
    """Strewn spots, and one pair, are not taken for a lattice."""
    generator = np.random.default_rng(2)
    strewn = fit_net(find_spots(painted(generator.uniform(20, 236, (20, 2)), np.full(20, 50.0))))
    assert strewn is None or not strewn.tested
    assert fit_net(find_spots(painted([(100, 120), (155, 135)], [50, 50]))) is None


def test_strain_of_a_net_is_the_strain_put_in():
    """g' = (1 - e) g comes back as e, in the turned frame of the picture, and its uncertainty covers the error."""
    strain = np.array([[0.02, 0.01], [0.01, -0.015]])
    image, blocked, _ = picture("CsCl", (0, 0, 1), angle_deg=25, electrons=1e7, strain=strain)
    net = fit_net(find_spots(image, blocked=blocked))
    found, covariance = net_strain(net, np.array([[1, 0, 0], [0, 1, 0]]), CRYSTALS["CsCl"][0] * STEP)
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    error = found - turn @ strain @ turn.T
    print(f"error {np.abs(error).max():.1e}, uncertainty {np.sqrt(np.diag(covariance))}")
    assert np.abs(error).max() < 1.5e-3
    assert np.abs(error).max() < 4 * np.sqrt(covariance.diagonal().max())
