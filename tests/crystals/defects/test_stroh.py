"""Displacement fields of dislocations: closure, the isotropic limit, equilibrium and symmetry."""

import numpy as np
import pytest

from zoneaxis.crystals.defects.slip import SLIP_SYSTEMS
from zoneaxis.crystals.defects.stroh import isotropic_edge_field, isotropic_field, stroh_field, stroh_roots
from zoneaxis.crystals.elasticity import cubic_stiffness, full_tensor, stiffness_of
from zoneaxis.errors import InputError

POISSON = 0.3
AL, FE = 4.0495 * np.eye(3), 2.8665 * np.eye(3)


def stroh(element, kind, cell, core=0.0):
    """Stroh's field of an edge of a slip system, with its frame and Burgers vector."""
    system = SLIP_SYSTEMS[kind]
    frame, burgers = system.frame(cell), system.burgers_vector(cell)
    return stroh_field(stiffness_of(element), frame, burgers, core), frame, burgers


def circle(radius, frame, steps=2000):
    """Places round the line, right-handed about z, from just below the cut's other side to the cut, (n, 3)."""
    angle = np.linspace(-np.pi + 1e-12, np.pi - 1e-12, steps)
    return radius * (np.outer(np.cos(angle), frame[0]) + np.outer(np.sin(angle), frame[1]))


def test_gap_has_no_thickness():
    """Atoms within the gap move as the end of their half crystal, those above it as if it were not there."""
    sharp = isotropic_edge_field([3.0, 3.0, -2.0], [0.0, 1.5, -1e-12], 2.5, POISSON, 1.0)
    wide = isotropic_edge_field([3.0, 3.0, -2.0], [1.2, 2.7, -0.4], 2.5, POISSON, 1.0, 1.2)
    np.testing.assert_allclose(wide, sharp, atol=1e-9)
    frame, burgers = SLIP_SYSTEMS["bcc"].frame(FE), SLIP_SYSTEMS["bcc"].burgers_vector(FE)
    place = np.array([[3.0, 2.7, 0.0], [-2.0, -3.2, 1.0]]) @ frame
    moved = place - np.array([[1.2], [-1.2]]) * frame[1]
    gap = stroh_field(stiffness_of("Fe"), frame, burgers, 1.0, 1.2)(place)
    np.testing.assert_allclose(gap, stroh_field(stiffness_of("Fe"), frame, burgers, 1.0)(moved), atol=1e-9)


@pytest.mark.parametrize(("element", "kind", "cell"), [("Al", "fcc", AL), ("Fe", "bcc", FE), ("Fe", "bcc-112", FE)])
def test_burgers_circuit_closes_with_b(element, kind, cell):
    """Once round the line the displacement grows by b, at any radius, and nowhere in a jump."""
    field, frame, burgers = stroh(element, kind, cell)
    for radius in (1.0, 30.0):
        path = field(circle(radius, frame))
        assert np.abs(path[-1] - path[0] - burgers).max() < 1e-9
        assert np.abs(np.diff(path, axis=0)).max() < 0.02 * np.linalg.norm(burgers)


def test_isotropic_burgers_circuit():
    """The isotropic edge jumps by b along x at the cut and nowhere else; u_y is the same on both sides."""
    x, y = circle(20.0, np.eye(3))[:, :2].T
    u_x, u_y = isotropic_edge_field(x, y, 2.86, POISSON)
    assert u_x[-1] - u_x[0] == pytest.approx(2.86, abs=1e-9)
    assert u_y[-1] - u_y[0] == pytest.approx(0.0, abs=1e-9)
    assert np.abs(np.diff(u_x)).max() < 0.01


def test_core_is_a_sum_over_the_glide_plane():
    """A core of half width w is the mean of sharp edges at w tan(pi (s - 1/2)), s even in 0 to 1: both fields."""
    width, count = 1.5, 4000
    along = width * np.tan(np.pi * ((np.arange(count) + 0.5) / count - 0.5))
    field, frame, burgers = stroh("Fe", "bcc", FE)
    wide, _, _ = stroh("Fe", "bcc", FE, core=width)
    for x, y in [(3.0, 2.0), (-4.0, 1.0), (1.0, -2.5)]:
        u_x, u_y = isotropic_edge_field(x - along, np.full(count, y), 2.5, POISSON)
        spread = isotropic_edge_field(x, y, 2.5, POISSON, width)
        np.testing.assert_allclose(spread, [u_x.mean(), u_y.mean()], atol=2e-3)
        sharp = field(np.outer(x - along, frame[0]) + y * frame[1]).mean(axis=0)
        np.testing.assert_allclose(wide((x * frame[0] + y * frame[1])[None])[0], sharp, atol=2e-3)


def test_jump_of_a_core():
    """Across the glide plane the displacement jumps by b (1/2 - atan(x/w)/pi) along b, and not at all across it."""
    wide, frame, burgers = stroh("Fe", "bcc", FE, core=1.5)
    x = np.array([-50.0, -2.0, 0.0, 1.0, 30.0])
    place, up = np.outer(x, frame[0]), 1e-9 * frame[1]
    jump = wide(place + up) - wide(place - up)
    np.testing.assert_allclose(jump, np.outer(0.5 - np.arctan(x / 1.5) / np.pi, burgers), atol=1e-6)


def test_extra_half_plane_is_at_positive_y():
    """Above the glide plane the crystal is pressed together along x, below it is stretched, by b/2 each."""
    far = 1e6
    above = np.subtract(*isotropic_edge_field([far, -far], [1.0, 1.0], 2.0, POISSON)[0])
    below = np.subtract(*isotropic_edge_field([far, -far], [-1.0, -1.0], 2.0, POISSON)[0])
    assert above == pytest.approx(-1.0, abs=1e-5)
    assert below == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kind", ["fcc", "bcc", "primitive"])
def test_nearly_isotropic_stroh_is_the_isotropic_edge(kind):
    """With 2 C44 within 2e-4 of C11 - C12, Stroh's field is the closed form, a rigid shift apart."""
    c12, shear = 60.0, 26.0
    poisson = c12 / (2 * (c12 + shear))
    stiffness = cubic_stiffness(c12 + 2 * shear, c12, shear * (1 + 2e-4))
    system = SLIP_SYSTEMS[kind]
    frame, burgers = system.frame(AL), system.burgers_vector(AL)
    place = np.random.default_rng(0).uniform(-80, 80, (500, 3))
    anisotropic = stroh_field(stiffness, frame, burgers)(place)
    isotropic = isotropic_field(frame, np.linalg.norm(burgers), poisson)(place)
    rigid = (anisotropic - isotropic).mean(axis=0)
    assert np.abs(anisotropic - isotropic - rigid).max() < 1e-4


def test_stroh_field_is_in_equilibrium():
    """C_ijkl u_k,lj vanishes: second differences of the field, contracted with the stiffness."""
    field, frame, _ = stroh("Fe", "bcc", FE)
    stiffness = full_tensor(stiffness_of("Fe"))
    place, step = frame.T @ np.array([7.0, 5.0, 0.0]), 0.02
    second = np.empty((3, 3, 3))
    for j in range(3):
        for m in range(3):
            e_j, e_m = step * np.eye(3)[j], step * np.eye(3)[m]
            points = np.stack([place + e_j + e_m, place + e_j - e_m, place - e_j + e_m, place - e_j - e_m])
            second[:, m, j] = np.array([1, -1, -1, 1]) @ field(points) / (4 * step**2)
    force = np.einsum("ijkl,klj->i", stiffness, second)
    assert np.abs(force).max() < 1e-4 * np.abs(stiffness).max() * np.abs(second).max()


def test_isotropic_edge_is_in_equilibrium():
    """(lambda + mu) grad div u + mu laplacian u vanishes for the closed form, with lambda/mu = 2 nu/(1 - 2 nu)."""
    step = 0.02
    grid = np.arange(-1, 2) * step
    x, y = np.meshgrid(9.0 + grid, -4.0 + grid, indexing="ij")
    u_x, u_y = isotropic_edge_field(x, y, 2.86, POISSON)

    def second(u):
        xx = (u[2, 1] - 2 * u[1, 1] + u[0, 1]) / step**2
        yy = (u[1, 2] - 2 * u[1, 1] + u[1, 0]) / step**2
        xy = (u[2, 2] - u[2, 0] - u[0, 2] + u[0, 0]) / (4 * step**2)
        return xx, yy, xy

    (xx, yy, xy), (vxx, vyy, vxy) = second(u_x), second(u_y)
    ratio = 2 * POISSON / (1 - 2 * POISSON) + 1
    assert abs(ratio * (xx + vxy) + xx + yy) < 1e-4 * abs(xx)
    assert abs(ratio * (xy + vyy) + vxx + vyy) < 1e-4 * abs(vyy)


def test_anisotropy_matters_in_iron_and_hardly_in_aluminium():
    """From 5 to 80 Å the two fields differ by a few hundredths of an Å in Al and several times that in Fe."""
    generator = np.random.default_rng(1)
    radius, angle = generator.uniform(5, 80, 3000), generator.uniform(-np.pi, np.pi, 3000)
    largest = {}
    for element, kind, cell, poisson in [("Al", "fcc", AL, 0.345), ("Fe", "bcc", FE, 0.29)]:
        field, frame, burgers = stroh(element, kind, cell)
        place = (radius * np.stack([np.cos(angle), np.sin(angle)])).T @ frame[:2]
        difference = field(place) - isotropic_field(frame, np.linalg.norm(burgers), poisson)(place)
        largest[element] = np.abs(difference - difference.mean(axis=0)).max()
    assert largest["Al"] < 0.03
    assert 2 * largest["Al"] < largest["Fe"] < 0.15


def test_displacement_turns_with_its_sign():
    """The opposite Burgers vector gives the opposite displacement."""
    frame, burgers = SLIP_SYSTEMS["fcc"].frame(AL), SLIP_SYSTEMS["fcc"].burgers_vector(AL)
    place = np.random.default_rng(2).normal(0, 20, (50, 3))
    plus = stroh_field(stiffness_of("Al"), frame, burgers)(place)
    minus = stroh_field(stiffness_of("Al"), frame, -burgers)(place)
    np.testing.assert_allclose(plus, -minus, atol=1e-12)


def test_screw_in_a_cube_axis_frame():
    """A screw along a cube axis has u_z = b angle/(2 pi) and nothing else: anti-plane it is isotropic."""
    angle = np.linspace(-3, 3, 50)
    place = 7 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    found = stroh_field(stiffness_of("Fe"), np.eye(3), [0, 0, 2.5])(place)
    np.testing.assert_allclose(found[:, 2], 2.5 * angle / (2 * np.pi), atol=1e-9)
    assert np.abs(found[:, :2]).max() < 1e-9


def test_roots_are_normalised():
    """A^T B + B^T A is the unit matrix, and every root has a positive imaginary part."""
    roots, amplitudes, forces = stroh_roots(stiffness_of("Fe"), SLIP_SYSTEMS["bcc"].frame(FE))
    product = amplitudes.T @ forces
    np.testing.assert_allclose(product + product.T, np.eye(3), atol=1e-9)
    assert np.all(roots.imag > 0)


def test_core_is_finite():
    """A core leaves a small displacement on the line itself; without one it stays a number."""
    field, _, _ = stroh("Al", "fcc", AL, core=2.86)
    assert np.abs(field(np.zeros((1, 3)))).max() < 3.0
    assert np.isfinite(isotropic_edge_field(0.0, 0.0, 2.86, POISSON)[0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: isotropic_edge_field(1.0, 1.0, 2.0, 0.5), "poisson = 0.5"),
        (lambda: isotropic_edge_field(1.0, 1.0, 0.0, 0.3), "burgers_angstrom = 0.0"),
        (lambda: isotropic_edge_field(1.0, 1.0, 2.0, 0.3, -1.0), "core_angstrom = -1.0"),
        (lambda: stroh_field(cubic_stiffness(112, 60, 26), np.eye(3), [1, 0, 0]), "give poisson"),
        (lambda: stroh_field(-np.eye(6), np.eye(3), [1, 0, 0]), "stiffness"),
        (lambda: stroh_field(stiffness_of("Al"), 2 * np.eye(3), [1, 0, 0]), "frame"),
        (lambda: stroh_field(stiffness_of("Al"), np.diag([1, 1, -1]), [1, 0, 0]), "right-handed"),
        (lambda: stroh_field(stiffness_of("Al"), np.eye(3), [0, 0, 0]), "burgers_vector_angstrom"),
    ],
)
def test_nonsense_is_refused(call, said):
    """Values without a field are refused by name."""
    with pytest.raises(InputError, match=said):
        call()
