"""The SADP simulator makes checked pattern sets, with defects as they are written."""

import json

import numpy as np
import pytest

from zoneaxis.crystals import load
from zoneaxis.crystals.defects.written import DEFECTS, read_defect, with_defects
from zoneaxis.crystals.specimen import history, specimen
from zoneaxis.errors import InputError
from zoneaxis.patterns import schema
from zoneaxis.techniques.sadp.simulator import simulate_sadp
from zoneaxis.techniques.simulate import simulate, simulations

SMALL = {"cells": (12, 10, 8), "size_px": 32}
WRITTEN = {
    "stretch": "stretch:strain=0.02",
    "shear": "shear:gamma_rad=0.01",
    "heat": "heat:temperature_k=300",
    "vacancies": "vacancies:fraction=0.01",
    "substitution": "substitution:element=Si,fraction=0.01",
    "interstitials": "interstitials:element=C,fraction=0.01",
    "dislocations": "dislocations:count=1,poisson=0.345",
    "twin": "twin:volume_fraction=0.3",
}


def test_one_pattern_a_zone():
    """Zones in their order as labels; what made them as attributes that can be stored."""
    made = simulate_sadp("Al", zone=[(0, 0, 1), (1, 1, 0)], **SMALL)
    schema.check(made)
    assert made["intensity"].shape == (2, 32, 32)
    assert list(zip(*(made[name].values.tolist() for name in "uvw"), strict=True)) == [(0, 0, 1), (1, 1, 0)]
    told = made.attrs
    json.dumps(told)
    assert (told["crystal"], told["space_group"], told["scattering"]) == ("Al", 225, "kinematical")
    assert told["per_angstrom_per_px"] == pytest.approx(0.8 / (0.025079 * 320), rel=1e-3)
    assert "sadp" in simulations() and simulate("sadp", "Al", **SMALL)["intensity"].shape == (1, 32, 32)


@pytest.mark.parametrize("name", list(DEFECTS))
def test_every_defect_can_be_written(name):
    """Each changes the pattern, says what it did, and comes out the same for the same seed."""
    perfect = simulate_sadp("Al", zone=(1, 1, 0), explicit_atoms=True, **SMALL)
    made = [simulate_sadp("Al", zone=(1, 1, 0), defects=[WRITTEN[name]], seed=5, **SMALL) for _ in range(2)]
    assert made[0].identical(made[1])
    difference = np.abs(made[0]["intensity"].values - perfect["intensity"].values).max()
    assert difference > 1e-4 * float(perfect["intensity"].max())
    assert made[0].attrs["defects"] == WRITTEN[name] and "'defect'" in made[0].attrs["history"]


def test_defects_follow_one_another():
    """Order is kept; each has a seed of its own."""
    written = [read_defect(text) for text in ("vacancies:fraction=0.02,relaxation=none", "heat:b_iso_angstrom2=0.5")]
    atoms = with_defects(specimen(load("Al"), (4, 4, 4)), written, seed=1)
    assert [line["defect"] for line in history(atoms)] == ["vacancies", "displaced"]
    assert len(atoms) == 251
    other = with_defects(specimen(load("Al"), (4, 4, 4)), written, seed=2)
    assert not np.allclose(atoms.positions, other.positions)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crack", "expected one of"),
        ("vacancies", "fraction is missing"),
        ("vacancies:share=0.1", "expected setting=value"),
        ("heat:temperature_k", "expected setting=value"),
        ("vacancies:fraction=much", "vacancies"),
        ("heat:temperature_k=300,b_iso_angstrom2=1", "both"),
        ("stretch:strain=0.02,axis=7", "axis"),
    ],
)
def test_faulty_defects(text, said):
    """One line says what is wrong with a written defect."""
    with pytest.raises(InputError, match=said) as caught:
        simulate_sadp("Al", defects=[text], **SMALL)
    assert "\n" not in str(caught.value)


def test_camera():
    """A preset gives grey values from 0 to 1, the same for one seed; a dose needs a camera."""
    first, second = (simulate_sadp("Al", camera="laboratory", electrons=1e5, seed=3, **SMALL) for _ in range(2))
    assert first.identical(second)
    assert float(first["intensity"].min()) >= 0.0 and float(first["intensity"].max()) == 1.0
    with pytest.raises(InputError, match="electrons"):
        simulate_sadp("Al", electrons=1e5, **SMALL)
    with pytest.raises(InputError, match="camera"):
        simulate_sadp("Al", camera="phone", **SMALL)


def test_bloch_waves_of_perfect_crystals_only():
    """A thickness gives Bloch waves, and says so; defects and tilt cannot go with it."""
    made = simulate_sadp("Si", thickness_nm=30.0, **SMALL)
    assert made.attrs["scattering"].startswith("Bloch waves")
    for further in ({"defects": ["twin"]}, {"tilt_mrad": (1.0, 0.0)}, {"explicit_atoms": True}):
        with pytest.raises(InputError, match="thickness_nm"):
            simulate_sadp("Si", thickness_nm=30.0, **further, **SMALL)
    with pytest.raises(InputError, match="thickness_nm"):
        simulate_sadp("Si", thickness_nm=-3.0, **SMALL)


@pytest.mark.parametrize("zone", [(0, 0, 0), (1, 1), (0.5, 0, 1)])
def test_impossible_zones(zone):
    """No direction, or no whole numbers."""
    with pytest.raises(InputError, match="zone"):
        simulate_sadp("Al", zone=zone, **SMALL)


def test_too_many_atoms():
    """Specimens that do not fit into memory are refused before they are made."""
    with pytest.raises(InputError, match="atoms"):
        simulate_sadp("Al", cells=(500, 500, 500), explicit_atoms=True)
