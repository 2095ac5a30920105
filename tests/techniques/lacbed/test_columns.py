"""Columns of atoms against the crystal they come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.scattering.electron_density import projected_density
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.techniques.lacbed.columns import Columns


def crystal(group: str, a: float, species: list[str], places: list[list[float]]) -> Structure:
    structure = Structure.from_spacegroup(group, Lattice.cubic(a), species, places)
    structure.add_site_property("b_iso", [0.5] * len(structure))
    return structure


@pytest.fixture(scope="module")
def perovskite() -> Structure:
    return crystal("Pm-3m", 3.905, ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]])


@pytest.fixture(scope="module")
def pyrite() -> Structure:
    return crystal("Pa-3", 5.418, ["Fe", "S"], [[0, 0, 0], [0.3848, 0.3848, 0.3848]])


@pytest.fixture(scope="module")
def zincblende() -> Structure:
    return crystal("F-43m", 5.653, ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]])


@pytest.mark.parametrize("name", ["perovskite", "pyrite", "zincblende"])
def test_picture_is_that_of_the_crystal(name: str, request: pytest.FixtureRequest) -> None:
    structure = request.getfixturevalue(name)
    found = Columns.of(structure).density(64)
    wanted = projected_density(structure, 64).numpy()
    assert np.abs(found - wanted).max() < 1e-6 * wanted.max()


def test_mean_density_is_electrons_over_volume(perovskite: Structure) -> None:
    columns = Columns.of(perovskite)
    mean = columns.density(32, columns.period_angstrom).mean()
    assert mean == pytest.approx((38 + 22 + 3 * 8) / 3.905**3, rel=2e-3)
    assert columns.charges.sum() / columns.period_angstrom**2 == pytest.approx(84 / 3.905**3)


def test_potential_is_that_of_the_crystal(zincblende: Structure) -> None:
    columns = Columns.of(zincblende)
    hk = torch.tensor([[0, 0], [2, 0], [2, 2], [4, 0]])
    ours = columns.potential(hk, 200.0)
    theirs = Scatterers.of(zincblende, 200.0).potential(torch.cat([hk, torch.zeros(4, 1, dtype=torch.long)], 1))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() < 1e-12


def test_half_a_net_is_the_same_crystal(zincblende: Structure) -> None:
    whole = Columns.of(zincblende)
    half = whole.reduced()
    assert half.period_angstrom == pytest.approx(0.5 * whole.period_angstrom)
    assert len(half) == 2
    assert np.abs(half.density(48) - whole.density(48)).max() < 1e-9
    fine = half.potential(torch.tensor([[1, 0], [1, 1]]), 200.0)[0]
    coarse = whole.potential(torch.tensor([[2, 0], [2, 2]]), 200.0)[0]
    assert (fine - coarse).abs().max() < 1e-12


def test_operations(perovskite: Structure, pyrite: Structure) -> None:
    assert len(Columns.of(perovskite).operations()) == 8
    assert len(Columns.of(pyrite).operations()) == 4
    bent = Columns.of(perovskite)
    moved = bent.positions.copy()
    moved[1] += (0.03, 0.055)
    assert len(replace(bent, positions=moved).operations()) < 4


def test_zone_lacks_what_centring_forbids(zincblende: Structure) -> None:
    zone = Columns.of(zincblende).zone()
    assert bool((zone.hkl[:, :2] % 2 == 0).all())
    assert zone.hkl[0].tolist() == [0, 0, 0]
    assert bool((zone.g.norm(dim=-1).diff() > -1e-9).all())
