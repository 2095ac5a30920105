"""From a disc to columns: slopes, and a crystal found again from a start that is off."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import Field, disc_intensities
from zoneaxis.techniques.lacbed.column_fit import ColumnFit, Directions
from zoneaxis.techniques.lacbed.columns import Columns
from zoneaxis.techniques.lacbed.disc_inversion import density_from_disc, orbits_of


def copper() -> Columns:
    structure = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]])
    structure.add_site_property("b_iso", [0.5] * len(structure))
    return Columns.of(structure)


def sulphide() -> Columns:
    structure = Structure.from_spacegroup(
        "Pa-3", Lattice.cubic(5.418), ["Fe", "S"], [[0, 0, 0], [0.3848, 0.3848, 0.3848]]
    )
    structure.add_site_property("b_iso", [0.5] * len(structure))
    return Columns.of(structure)


def disc_of(columns: Columns, size: int = 32) -> np.ndarray:
    return disc_intensities(columns.scatterers(200.0), columns.zone(), Field(size, 0.5), [500.0])[0, 0].double().numpy()


def test_orbits_are_the_same_columns() -> None:
    """Grouped by symmetry and spread out again: the same picture."""
    columns = sulphide()
    found = orbits_of(columns)
    assert found is not None
    orbits, origin = found
    assert len(orbits.places) < len(columns)
    again = orbits.columns(origin)
    assert np.abs(again.density(48) - columns.density(48)).max() < 1e-6 * columns.density(48).max()


def test_slopes_against_differences() -> None:
    """By the period, the amounts, and the places of orbits off every symmetry; absorption to first order, hence 5 %."""
    found = orbits_of(sulphide())
    assert found is not None
    orbits = found[0]
    disc = disc_of(sulphide())
    fit = ColumnFit(Directions.of(disc / disc.max(), 0.5, 8, fourfold=False), 100.0, 200.0)
    beams = fit.beams(orbits.period, orbits.centred, 40)
    slopes = fit._slopes(orbits, fit.solve(orbits, beams), move=True)

    def difference(up, down, step: float) -> np.ndarray:
        return (fit.solve(up, beams, False).intensity - fit.solve(down, beams, False).intensity) / (2 * step)

    larger, smaller = (replace(orbits, period=orbits.period * (1 + sign * 1e-3)) for sign in (1, -1))
    cases = [(slopes[:, 0], difference(larger, smaller, 1e-3))]
    count = len(orbits.places)
    for orbit in range(count):
        unit = np.eye(count)[orbit]
        more, less = (replace(orbits, amounts=orbits.amounts * (1 + sign * 1e-2 * unit)) for sign in (1, -1))
        cases.append((slopes[:, 1 + orbit], difference(more, less, 1e-2)))
    general = [orbit for orbit in range(count) if len(orbits.copies(orbit)[0]) == len(orbits.planes)]
    assert general
    for orbit, axis in itertools.product(general, (0, 1)):
        step = np.zeros_like(orbits.places)
        step[orbit, axis] = 2e-3 / orbits.period
        ahead, behind = (replace(orbits, places=orbits.places + sign * step) for sign in (1, -1))
        cases.append((slopes[:, 1 + (1 + axis) * count + orbit], difference(ahead, behind, 2e-3)))
    for slope, wanted in cases:
        assert np.abs(slope - wanted).max() < 0.05 * np.abs(wanted).max() + 2e-3


def test_found_again_from_a_wrong_start() -> None:
    """Copper from a period 2 % and amounts 15 % off, by its disc alone."""
    truth = copper()
    start = replace(truth, period_angstrom=truth.period_angstrom * 1.02, amounts=truth.amounts * 0.85)
    fit = density_from_disc(disc_of(truth), [start])
    assert fit.columns.period_angstrom == pytest.approx(3.61 / 2, rel=3e-3)
    right, wrong = (np.sqrt(one.density(64)) for one in (fit.columns, start))
    goal = np.sqrt(truth.density(64))
    gain = ((wrong - goal) ** 2).mean() / ((right - goal) ** 2).mean()
    print(f"misfit of the disc {fit.misfit:.4f}, squared error of the density {gain:.0f} times less than the start's")
    assert gain > 10


def test_bad_discs() -> None:
    """Oblong and empty discs, and no starts, are refused."""
    with pytest.raises(InputError, match="square"):
        density_from_disc(np.ones((8, 9)), [copper()])
    with pytest.raises(InputError, match="above 0"):
        density_from_disc(np.zeros((8, 8)), [copper()])
    with pytest.raises(InputError, match="starts"):
        density_from_disc(np.ones((8, 8)), [])


def test_a_start_without_columns_is_passed_over() -> None:
    """A picture that holds nothing does not end the search; its misfit is NaN, the others keep their numbers."""
    truth = copper()
    fit = density_from_disc(disc_of(truth), [np.zeros((64, 64)), truth], steps=1)
    assert fit.start == 1
    assert np.isnan(fit.misfits[0]) and fit.misfits[1] < 0.02
