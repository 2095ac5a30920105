"""Relaxation: symmetry and balance of the fields, the figures of the package's own, a run of CHGNet."""

import importlib.util

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals import load
from zoneaxis.crystals.defects import potential
from zoneaxis.crystals.defects.relaxation import relaxed_field
from zoneaxis.crystals.defects.relaxation_field import RelaxationField, field_for, field_named
from zoneaxis.errors import InputError

ALUMINIUM = Structure(Lattice.cubic(4.0), ["Al"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
needs_chgnet = pytest.mark.skipif(
    not importlib.util.find_spec("chgnet"), reason="needs CHGNet: pip install zoneaxis[md]"
)


@pytest.mark.parametrize(
    ("name", "neighbours", "outward_angstrom"),
    [
        ("Al vacancy 2x2x2", 12, -0.044),
        ("Al vacancy 3x3x3", 12, -0.052),
        ("Al substitution Si 2x2x2", 12, -0.021),
        ("Al interstitial C 3x3x3", 4, 0.209),
        ("Fe vacancy 3x3x3", 8, -0.0735),
    ],
)
def test_figures_of_the_package(name: str, neighbours: int, outward_angstrom: float) -> None:
    """The five cases: count of the nearest neighbours and their displacement beside an earlier run, within 0.004 Å."""
    distance, count, outward = field_named(name).shells()[0]
    print(f"{name}: {count} atoms at {distance:.2f} Å move by {outward:+.4f} Å")
    assert count == neighbours
    assert outward == pytest.approx(outward_angstrom, abs=0.004)


def test_the_symmetry_was_not_broken() -> None:
    """No atom of the package's fields left the symmetric place by more than 0.004 Å, the kick being 0.001 Å."""
    names = ["Al vacancy 3x3x3", "Fe vacancy 3x3x3", "Al interstitial C 3x3x3", "Al substitution Si 3x3x3"]
    assert max(field_named(name).asymmetry_angstrom for name in names) < 0.004


def test_a_host_in_its_own_place() -> None:
    """Exchanging an atom for one of its own kind moves nothing beyond the kick."""
    field = relaxed_field(ALUMINIUM, "substitution", (2, 2, 2), element="Al", calculator=EMT(), source="EMT")
    assert field.largest_angstrom() < 0.003


def test_a_vacancy_by_another_potential() -> None:
    """With effective-medium forces: neighbours of a vacancy form the shells of fcc and the field has full symmetry."""
    field = relaxed_field(ALUMINIUM, "vacancy", (2, 2, 2), calculator=EMT(), source="EMT", force_ev_per_angstrom=0.005)
    assert field.group == "m-3m"
    assert [line[1] for line in field.shells()] == [12, 3, 12, 3, 1]
    assert 0.005 < field.largest_angstrom() < 0.2
    assert field.source.startswith("EMT")


def test_both_tetrahedra_and_the_round_trip() -> None:
    """An interstitial has the symmetry of the tetrahedron, and the field comes back from its plain values."""
    field = relaxed_field(ALUMINIUM, "interstitial", (2, 2, 2), element="C", calculator=EMT(), source="EMT")
    assert field.group == "-43m"
    assert field.shells()[0][1:][0] == 4
    assert field.shells()[0][2] > 0.1
    back = RelaxationField.from_dict(field.name, field.to_dict())
    assert back.expanded()[1] == pytest.approx(field.expanded()[1], abs=2e-5)


def test_the_fitting_field() -> None:
    """The field of the same repeat is preferred, else that of the largest cell; a stranger has none."""
    same = field_for("Al", "fcc", "vacancy", cells=[2, 2, 2])
    largest = field_for("Al", "fcc", "vacancy")
    assert same is not None and same.cells == (2, 2, 2)
    assert largest is not None and largest.cells == (3, 3, 3)
    assert field_for("Al", "bcc", "vacancy") is None


def test_missing_chgnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CHGNet one line says how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "chgnet.model.dynamics", None)
    with pytest.raises(InputError, match=r"pip install zoneaxis\[md\]"):
        potential.chgnet()


def test_refusals() -> None:
    """Compounds, unknown kinds, and a vacancy of an element are refused before any force is computed."""
    for call in (
        lambda: relaxed_field(load("NiAl"), "vacancy"),
        lambda: relaxed_field(ALUMINIUM, "hole"),
        lambda: relaxed_field(ALUMINIUM, "vacancy", element="Si"),
        lambda: relaxed_field(ALUMINIUM, "substitution"),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.slow
@needs_chgnet
@pytest.mark.filterwarnings("ignore")
def test_chgnet_gives_the_field_again() -> None:
    """A run of CHGNet gives the shipped field of a vacancy in 32 atoms of Al again, within 0.004 Å."""
    again, shipped = relaxed_field(load("Al"), "vacancy", (2, 2, 2), seed=1), field_named("Al vacancy 2x2x2")
    assert np.abs(again.displacements_angstrom - shipped.displacements_angstrom).max() < 0.004
