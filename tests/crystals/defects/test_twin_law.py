"""Twin laws: mirrors, directions, and the zones in which a twin can be seen."""

import numpy as np
import pytest

from zoneaxis.crystals.defects.twin_law import TWIN_LAWS, new_spot_share, twin_law, twin_mirror
from zoneaxis.errors import InputError


def faces(hkl):
    """Reflections of an F lattice."""
    return (hkl % 2 == hkl[:, :1] % 2).all(axis=1)


def body(hkl):
    """Reflections of an I lattice."""
    return hkl.sum(axis=1) % 2 == 0


@pytest.mark.parametrize("kind", list(TWIN_LAWS))
def test_directions_of_a_law(kind):
    """The shear lies in the plane, and the beam is shear x normal."""
    law = twin_law(kind)
    assert np.dot(law.normal, law.shear) == 0
    cross = np.cross(law.shear, law.normal)
    np.testing.assert_array_equal(cross // np.gcd.reduce(cross), law.seen_along)


def test_mirror():
    """M M = 1, det M = -1, the normal turns round and the plane stays; -M is the half turn about the normal."""
    mirror = twin_mirror([1, -2, 1])
    np.testing.assert_allclose(mirror @ mirror, np.eye(3), atol=1e-15)
    assert np.linalg.det(mirror) == pytest.approx(-1)
    np.testing.assert_allclose(mirror @ [1, -2, 1], [-1, 2, -1], atol=1e-15)
    np.testing.assert_allclose(mirror @ [1, 1, 1], [1, 1, 1], atol=1e-15)
    assert np.trace(-mirror) == pytest.approx(-1) and np.linalg.det(-mirror) == pytest.approx(1)


def test_one_third_of_the_twin_spots_of_fcc_coincide():
    """[1,-1,0]: the spots with h + k + l = 3n fall on the matrix, so two thirds are new."""
    assert new_spot_share((1, 1, 1), (1, -1, 0), faces, 18) == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize(
    ("normal", "zone", "allowed"),
    [((1, 1, 1), (1, 1, 1), faces), ((1, 1, 1), (1, 1, -2), faces), ((1, -2, 1), (1, 1, 1), body)],
)
def test_twins_that_geometry_cannot_show(normal, zone, allowed):
    """Along the normal, along the shear of fcc and of bcc, the two nets coincide."""
    assert new_spot_share(normal, zone, allowed) == 0.0


def test_twin_of_bcc_edge_on():
    """[1,0,-1] sees the bcc twin: two thirds of its spots are new there too."""
    assert new_spot_share((1, -2, 1), (1, 0, -1), body, 18) == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: twin_law("hcp"), "kind = 'hcp'"),
        (lambda: twin_mirror([0, 0, 0]), "normal"),
        (lambda: new_spot_share((0, 0, 0), (0, 0, 1), faces), "normal"),
        (lambda: new_spot_share((1, 1, 1), (0.5, 0, 1), faces), "zone_axis"),
        (lambda: new_spot_share((1, 1, 1), (0, 0, 1), faces, 0), "reach = 0"),
    ],
)
def test_nonsense_is_refused(call, said):
    """Values that describe no twin are refused by name."""
    with pytest.raises(InputError, match=said):
        call()
