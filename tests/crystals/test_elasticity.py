"""Elasticity: the table, turns of the stiffness, strains of a pulled bar and of a shear."""

import numpy as np
import pytest

from zoneaxis.crystals.elasticity import (
    constants,
    cubic_stiffness,
    full_tensor,
    materials,
    rotated,
    shear_strain,
    stiffness_of,
    uniaxial_strain,
)
from zoneaxis.errors import InputError


def turn(axis: list[float], angle_rad: float) -> np.ndarray:
    """Rotation by an angle about an axis (Rodrigues)."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross


@pytest.mark.parametrize("name", materials())
def test_table(name: str) -> None:
    """Every crystal of the table is stable, names its source, and has a bulk modulus between 20 and 460 GPa."""
    row = constants(name)
    assert np.linalg.eigvalsh(stiffness_of(name)).min() > 0
    assert row["source"]
    assert 20 < (row["c11"] + 2 * row["c12"]) / 3 < 460


@pytest.mark.parametrize(("element", "ratio"), [("Al", 0.361), ("Fe", 0.369)])
def test_pull_along_a(element: str, ratio: float) -> None:
    """Pulled along [100], a cubic crystal narrows by c12/(c11 + c12) and does not shear."""
    strain = uniaxial_strain(stiffness_of(element), [1, 0, 0], 0.02)
    assert strain == pytest.approx(np.diag([0.02, -0.02 * ratio, -0.02 * ratio]), abs=2e-5)


@pytest.mark.parametrize("direction", [[1, 1, 0], [1, 1, 1], [1, 2, 3]])
def test_sides_are_free(direction: list[int]) -> None:
    """The stress of the strain is along the direction alone, and the strain along it is the one asked for."""
    stiffness = stiffness_of("Fe")
    n = np.array(direction) / np.linalg.norm(direction)
    strain = uniaxial_strain(stiffness, direction, -0.01)
    stress = np.einsum("ijkl,kl->ij", full_tensor(stiffness), strain)
    assert n @ strain @ n == pytest.approx(-0.01)
    assert stress == pytest.approx((n @ stress @ n) * np.outer(n, n), abs=1e-12)


def test_isotropic_limit() -> None:
    """An isotropic body narrows by Poisson's ratio in every direction and looks the same from everywhere."""
    stiffness = cubic_stiffness(200.0, 80.0, 60.0)
    poisson = 80 / 280
    strain = uniaxial_strain(stiffness, [1, 2, 3], 0.01)
    assert np.linalg.eigvalsh(strain) == pytest.approx([-0.01 * poisson, -0.01 * poisson, 0.01])
    assert rotated(stiffness, turn([1, 2, -1], 0.7)) == pytest.approx(stiffness, abs=1e-10)


def test_turned_stiffness() -> None:
    """A turn keeps energy; the axes <110> of iron have c11' = (c11 + c12 + 2 c44)/2; a quarter turn changes nothing."""
    stiffness = stiffness_of("Fe")
    eighth = turn([0, 0, 1], np.pi / 4)
    assert rotated(stiffness, eighth)[0, 0] == pytest.approx((231 + 135 + 2 * 116) / 2)
    assert rotated(stiffness, turn([0, 0, 1], np.pi / 2)) == pytest.approx(stiffness, abs=1e-10)
    frame = turn([3, -1, 2], 1.1)
    strain = uniaxial_strain(stiffness, [1, 2, 3], 0.01)
    seen = frame @ strain @ frame.T
    energies = [
        np.einsum("ij,ijkl,kl", e, full_tensor(c), e)
        for e, c in ((strain, stiffness), (seen, rotated(stiffness, frame)))
    ]
    assert energies[0] == pytest.approx(energies[1])


def test_shear_closes_the_angle() -> None:
    """A shear of 0.03 rad in the a-b plane makes 88.28 degrees of the right angle and leaves c alone."""
    growth = np.eye(3) + shear_strain(0.03)
    a, b, c = growth.T
    angle = np.rad2deg(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    assert angle == pytest.approx(88.28, abs=0.005)
    assert c.tolist() == [0, 0, 1]
    assert shear_strain(0.03, (1, 2))[1, 2] == shear_strain(0.03, (1, 2))[2, 1] == 0.015


def test_refusals() -> None:
    """Unstable crystals, unknown names, zero directions, huge strains and matrices of other shapes are refused."""
    for call in (
        lambda: cubic_stiffness(100, 120, 30),
        lambda: stiffness_of("Xx"),
        lambda: uniaxial_strain(stiffness_of("Al"), [0, 0, 0], 0.01),
        lambda: uniaxial_strain(stiffness_of("Al"), [1, 0, 0], 0.9),
        lambda: rotated(stiffness_of("Al"), 2 * np.eye(3)),
        lambda: full_tensor(np.eye(3)),
        lambda: shear_strain(0.01, (1, 1)),
        lambda: shear_strain(2.0),
    ):
        with pytest.raises(InputError):
            call()
