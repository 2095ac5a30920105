"""Medium: optical potential, and scatterers by element."""

import numpy as np
import pytest
import torch

from tests.scattering.leed.small_layer import silicon
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts


def constant(element: str, delta: list[float]) -> PhaseShifts:
    """Phase shifts that are the same at all energies from 10 to 300 eV."""
    return PhaseShifts(np.array([10.0, 100.0, 300.0]), np.tile(delta, (3, 1)), element, "a test")


TWO = Medium(10.0, 4.0, {"A": constant("A", [0.3, 0.1]), "B": constant("B", [-0.5, 0.2, 0.0])}, {"A": 0.0, "B": 0.01})


def test_wave_number_inside():
    """kappa² = 2m/hbar² (E + V0r + i V0i)."""
    assert TWO.kappa(50.0) ** 2 == pytest.approx(ELECTRON * (60 + 4j))


def test_atoms_at_rest():
    """Without displacement t_l = sin delta exp(i delta); l that the table does not have are 0."""
    t = TWO.t_matrix(("A",), 50.0, 3)
    delta = torch.tensor([0.3, 0.1, 0.0, 0.0], dtype=torch.float64)
    assert torch.allclose(t[0], torch.sin(delta) * torch.exp(1j * delta), atol=1e-12)


def test_rows_follow_the_atoms():
    """A row for each atom in the order of their elements, equal for equal elements."""
    t = TWO.t_matrix(("B", "A", "B"), 50.0, 2)
    assert t.shape == (3, 3)
    assert t.dtype == torch.complex128
    assert torch.equal(t[0], t[2])
    assert torch.equal(t[1], TWO.t_matrix(("A",), 50.0, 2)[0])
    assert not torch.equal(t[0], t[1])


def test_only_the_energy_inside_counts():
    """E + V0r decides: 5 eV more of one and less of the other is the same crystal."""
    higher = silicon(inner_ev=15.0).t_matrix(("Si",), 45.0, 6)
    assert torch.allclose(higher, silicon(inner_ev=10.0).t_matrix(("Si",), 50.0, 6), atol=1e-14)


def test_vibration_weakens():
    """Vibration lowers the total scattering of silicon, the more the wider it is; |t_l| stays below 1."""
    weight = 2 * torch.arange(8) + 1
    total = [
        float((weight * silicon(u_squared=u).t_matrix(("Si",), 50.0, 7)[0].abs() ** 2).sum()) for u in (0, 0.005, 0.02)
    ]
    print("sum of (2l + 1)|t|² at u² = 0, 0.005, 0.02 Å²: " + ", ".join(f"{value:.3f}" for value in total))
    assert total[0] > total[1] > total[2] > 0
    assert float(silicon().t_matrix(("Si",), 50.0, 7).abs().max()) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner_potential_ev": -1.0}, "inner_potential_ev = -1 must lie between 0 and 50 eV"),
        ({"inner_potential_ev": float("nan")}, "inner_potential_ev = nan"),
        ({"imaginary_potential_ev": 0.0}, "imaginary_potential_ev = 0 must lie between 0.5 and 50 eV"),
        ({"imaginary_potential_ev": 80.0}, "imaginary_potential_ev = 80"),
        ({"u_squared": {"A": -0.01}}, "mean-square displacement of A = -0.01"),
        ({"u_squared": {"A": 7.5}}, "must lie between 0 and 0.25"),
    ],
)
def test_impossible_media_are_refused(change, message):
    """Potentials and displacements out of range, in one line with value and range."""
    values = {
        "inner_potential_ev": 10.0,
        "imaginary_potential_ev": 4.0,
        "phase_shifts": TWO.phase_shifts,
        "u_squared": {"A": 0.0},
    }
    with pytest.raises(InputError) as caught:
        Medium(**{**values, **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_element_and_energy_are_refused():
    """An element without phase shifts, an energy outside of the table."""
    with pytest.raises(InputError, match="no phase shifts of C; there are those of A, B") as caught:
        TWO.t_matrix(("C",), 50.0, 2)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        TWO.t_matrix(("A",), 500.0, 2)
    assert "\n" not in str(caught.value)
