"""Lattice fit: group, lattice parameter and strain from spots alone, and the words for what it cannot tell."""

import numpy as np
import pytest

from tests.techniques.sadp.net_pictures import CRYSTALS, picture
from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.lattice_fit import fit_lattice
from zoneaxis.techniques.sadp.spots import find_spots
from zoneaxis.techniques.sadp.zones import primitive_basis

STEP = 0.0125
ZONES = ((0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 1, 2), (1, 1, 2), (0, 1, 3))


def spots_of(crystal, zones=ZONES, stretch=0.0, step=STEP, electrons=3e6):
    """Spots of one crystal along several axes, stretched along a with free sides."""
    generator = np.random.default_rng(11)
    found = []
    for zone in zones:
        plane = primitive_basis(zone)
        x, z = plane[0] / np.linalg.norm(plane[0]), np.array(zone) / np.linalg.norm(zone)
        frame = np.stack([x, np.cross(z, x)])
        strain = frame @ np.diag([stretch, -0.36 * stretch, -0.36 * stretch]) @ frame.T
        image, blocked, _ = picture(
            crystal, zone, angle_deg=generator.uniform(0, 360), strain=strain, step=step, electrons=electrons
        )
        found.append(find_spots(image, blocked=blocked))
    return found


@pytest.mark.parametrize("known_camera", [True, False])
@pytest.mark.parametrize(("crystal", "group"), [("Al", 225), ("Fe", 229), ("Si", 227), ("CsCl", 221), ("beta-Mn", 213)])
def test_group_and_lattice_parameter(crystal, group, known_camera):
    """Six zones name each of the five groups; a is right to 0.2 % where the camera is known."""
    fit = fit_lattice(spots_of(crystal), STEP if known_camera else None)
    a = 6.31 if crystal == "beta-Mn" else CRYSTALS[crystal][0]
    print(f"{crystal}: {fit.space_group} {fit.probabilities[group]:.3f} a {fit.a_angstrom} misfit {fit.misfit:.2f}")
    assert fit.space_group == group and not fit.unknown
    assert fit.misfit < 1
    assert sum(fit.probabilities.values()) == pytest.approx(1)
    if known_camera:
        assert fit.a_angstrom == pytest.approx(a, rel=2e-3)
        assert all(entry.zone in (zone, None) for entry, zone in zip(fit.pictures, ZONES, strict=True))
    else:
        assert fit.a_angstrom is None


def test_strain_comes_out_as_a_number():
    """Stretched by 2 % the group stays and the strain is believed; by 8 % the crystal is no longer cubic."""
    small, large = (fit_lattice(spots_of("CsCl", stretch=stretch), STEP) for stretch in (0.02, 0.08))
    print(f"strain {small.strain:.4f} misfit {small.misfit:.1f}; {large.strain:.4f} {large.misfit:.1f}: {large.reason}")
    assert small.space_group == 221 and not small.unknown
    assert small.misfit > 3 and 0.008 < small.strain < 0.022
    assert large.unknown
    assert "%" in large.reason or "no cubic" in large.reason or "only" in large.reason


def test_one_picture_says_what_it_cannot_decide():
    """Along [111] every lattice gives one net: no group reaches 90 %, and the picture is listed."""
    fit = fit_lattice(spots_of("Al", zones=[(1, 1, 1)]))
    assert fit.undecided == (0,)
    assert max(fit.probabilities.values()) < 0.9


def test_one_stray_picture_does_not_strain_the_crystal():
    """A picture of another crystal among five is left out: group, lattice parameter and strain stay."""
    stray = spots_of("CsCl", zones=[(0, 1, 2)])
    fit = fit_lattice([*spots_of("Al", zones=ZONES[:5]), *stray], STEP)
    print(f"{fit.space_group}, a {fit.a_angstrom:.4f}, strain {fit.strain:.4f}, stray: {fit.pictures[-1].zone}")
    assert fit.space_group == 225 and not fit.unknown
    assert fit.pictures[-1].zone is None
    assert fit.a_angstrom == pytest.approx(4.05, rel=2e-3) and fit.strain < 2e-3


def test_glide_of_another_group_is_unknown():
    """Pyrite's glide plane (205) is none of the five groups, and the reason names it."""
    sites = [(0, 0, 0), (0.5, 0, 0.5), (0, 0.5, 0.5), (0.5, 0.5, 0)]
    x = 0.385
    for sign in (1, -1):
        u, v, w = (sign * x,) * 3
        sites += [(u, v, w), (0.5 - u, -v, 0.5 + w), (-u, 0.5 + v, 0.5 - w), (0.5 + u, 0.5 - v, -w)]
    CRYSTALS["pyrite"] = (5.42, sites, [1.0] * 4 + [0.6] * 8)
    fit = fit_lattice(spots_of("pyrite"), STEP)
    print(fit.reason, list(fit.classes.items())[:2])
    assert fit.unknown and fit.space_group == "other" and "205" in fit.reason


def test_noise_is_unknown():
    """A picture of counts alone gives no lattice and says so."""
    noise = np.random.default_rng(3).poisson(1.0, (256, 256)).astype(float)
    fit = fit_lattice([find_spots(noise)], STEP)
    assert fit.unknown and fit.probabilities["other"] == 1
    assert "no picture" in fit.reason


def test_bad_input_is_refused():
    """No picture, a scale that is not positive and a wrong number of scales are named."""
    spots = spots_of("Al", zones=[(0, 0, 1)])
    with pytest.raises(InputError, match="spot_lists"):
        fit_lattice([])
    with pytest.raises(InputError, match="per_angstrom_per_px"):
        fit_lattice(spots, -1.0)
    with pytest.raises(InputError, match="2 scales"):
        fit_lattice(spots, [0.01, 0.01])
    with pytest.raises(InputError, match="zones"):
        fit_lattice(spots, zones=[])
