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
    """Two roads: the density of the columns and that of the crystal's atoms."""
    structure = request.getfixturevalue(name)
    found = Columns.of(structure).density(64)
    wanted = projected_density(structure, 64).numpy()
    assert np.abs(found - wanted).max() < 1e-6 * wanted.max()


def test_mean_density_is_electrons_over_volume(perovskite: Structure) -> None:
    """Over whole net cells the picture holds the electrons of the cell."""
    columns = Columns.of(perovskite)
    mean = columns.density(32, columns.period_angstrom).mean()
    assert mean == pytest.approx((38 + 22 + 3 * 8) / 3.905**3, rel=2e-3)
    assert columns.charges.sum() / columns.period_angstrom**2 == pytest.approx(84 / 3.905**3)


def test_potential_is_that_of_the_crystal(zincblende: Structure) -> None:
    """U and U' of the columns are those of the atoms for every (h, k, 0)."""
    columns = Columns.of(zincblende)
    hk = torch.tensor([[0, 0], [2, 0], [2, 2], [4, 0]])
    ours = columns.potential(hk, 200.0)
    theirs = Scatterers.of(zincblende, 200.0).potential(torch.cat([hk, torch.zeros(4, 1, dtype=torch.long)], 1))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() < 1e-12


def test_half_a_net_is_the_same_crystal(zincblende: Structure) -> None:
    """Zincblende repeats after half an edge: two columns there, the same picture and potential."""
    whole = Columns.of(zincblende)
    half = whole.reduced()
    assert half.period_angstrom == pytest.approx(0.5 * whole.period_angstrom)
    assert len(half) == 2
    assert np.abs(half.density(48) - whole.density(48)).max() < 1e-9
    fine = half.potential(torch.tensor([[1, 0], [1, 1]]), 200.0)[0]
    coarse = whole.potential(torch.tensor([[2, 0], [2, 2]]), 200.0)[0]
    assert (fine - coarse).abs().max() < 1e-12


def test_operations(perovskite: Structure, pyrite: Structure) -> None:
    """Perovskite has all eight of the square, pyrite four, a crystal out of order fewer."""
    assert len(Columns.of(perovskite).operations()) == 8
    assert len(Columns.of(pyrite).operations()) == 4
    bent = Columns.of(perovskite)
    moved = bent.positions.copy()
    moved[1] += (0.03, 0.055)
    assert len(replace(bent, positions=moved).operations()) < 4


def test_a_light_column_breaks_the_symmetry_of_heavy_ones() -> None:
    """Uranium on the net of pyrite has eight operations, with oxygen four: in the picture it hardly shows."""
    heavy = crystal("Pa-3", 5.4, ["U", "O"], [[0, 0, 0], [0.36, 0.36, 0.36]])
    assert len(Columns.of(heavy).operations()) == 4
    alone = heavy.copy()
    alone.remove_species(["O"])
    assert len(Columns.of(alone).operations()) == 8
    lone = Columns(4.0, np.array([[0.0, 0.0], [0.3, 0.12]]), (5, 82), np.array([[0.0, 0.25], [0.25, 0.0]]))
    assert len(lone.operations()) == 1


def test_zone_lacks_what_centring_forbids(zincblende: Structure) -> None:
    """Only even (h, k) of zincblende, (000) first, |g| rising."""
    zone = Columns.of(zincblende).zone()
    assert bool((zone.hkl[:, :2] % 2 == 0).all())
    assert zone.hkl[0].tolist() == [0, 0, 0]
    assert bool((zone.g.norm(dim=-1).diff() > -1e-9).all())
