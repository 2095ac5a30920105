"""Beams: which plane waves are kept, and which of them the bulk mixes."""

import numpy as np
import pytest
from scipy import constants

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.scattering.leed.beams import ELECTRON, reciprocal, select_beams, wave_number

BULK = np.array([[3.8, 0.0], [0.5, 3.1]])
SUPERLATTICES = {
    "1x1": [[1, 0], [0, 1]],
    "2x1": [[2, 0], [0, 1]],
    "c(2x2)": [[1, 1], [-1, 1]],
    "oblique, of six": [[2, 1], [0, 3]],
}


def chosen(superlattice, tolerance=1e-3, centre=None, energy=60.0, spacing=1.4):
    """Beams of a surface with that superlattice of the oblique bulk."""
    matrix = np.array(superlattice)
    return select_beams(matrix @ BULK, matrix, energy, spacing, tolerance, centre)


def test_constant_is_the_electrons():
    """2m/hbar² in 1/(Å² eV) from the constants of nature."""
    value = 2 * constants.m_e * constants.e / constants.hbar**2 * 1e-20
    assert pytest.approx(value, rel=1e-7) == ELECTRON


def test_wave_number():
    """kappa² = 2m/hbar² (E + V0r + i V0i), decaying along its way."""
    kappa = wave_number(50.0, 10.0, 4.0)
    assert kappa**2 == pytest.approx(ELECTRON * (60.0 + 4.0j))
    assert kappa.real > 0
    assert kappa.imag > 0


def test_reciprocal_cell():
    """a_i . b_j = 2 pi delta_ij."""
    assert np.allclose(BULK @ reciprocal(BULK).T, 2 * np.pi * np.eye(2))


@pytest.mark.parametrize("superlattice", SUPERLATTICES.values(), ids=SUPERLATTICES)
def test_every_beam_that_matters(superlattice):
    """The set holds exactly the waves that reach the next layer with more than the tolerance."""
    tolerance, energy, spacing = 1e-3, 60.0, 1.4
    beams = chosen(superlattice, tolerance, energy=energy, spacing=spacing)
    vectors = reciprocal(np.array(superlattice) @ BULK)
    index = np.array([(h, k) for h in range(-40, 41) for k in range(-40, 41)])
    evanescent = np.sqrt(np.clip(((index @ vectors) ** 2).sum(1) - ELECTRON * energy, 0, None))
    expected = index[np.exp(-evanescent * spacing) > tolerance]
    assert {tuple(row) for row in beams.index} == {tuple(row) for row in expected}
    assert len(beams) == len(expected)
    assert np.allclose(beams.g.numpy(), beams.index @ vectors)


def test_as_many_as_the_circle_holds():
    """A K² / 4 pi beams, K the radius of the circle."""
    beams = chosen(SUPERLATTICES["oblique, of six"], 1e-4)
    square = ELECTRON * 60.0 + (np.log(1e4) / 1.4) ** 2
    assert len(beams) == pytest.approx(6 * np.linalg.det(BULK) * square / (4 * np.pi), rel=0.05)


@pytest.mark.parametrize("superlattice", SUPERLATTICES.values(), ids=SUPERLATTICES)
def test_cosets_are_what_the_bulk_mixes(superlattice):
    """Two beams differ by a vector of the bulk's reciprocal lattice if and only if they stand in one coset."""
    beams = chosen(superlattice)
    assert len(beams.cosets) == round(np.linalg.det(np.array(superlattice)))
    assert beams.cosets[0].start == 0 and beams.cosets[-1].stop == len(beams)
    assert all(a.stop == b.start for a, b in zip(beams.cosets[:-1], beams.cosets[1:], strict=True))
    coset = np.repeat(np.arange(len(beams.cosets)), [part.stop - part.start for part in beams.cosets])
    cycles = (beams.g[:, None] - beams.g[None]).numpy() @ BULK.T / (2 * np.pi)
    mixed = (np.abs(cycles - np.rint(cycles)) < 1e-6).all(-1)
    assert (mixed == (coset[:, None] == coset[None])).all()


def test_dimer_rows_split_into_even_and_odd():
    """Si(001)-(2x1): beams of even h in one coset, of odd h in the other, the direct beam first of all."""
    slab = si001_2x1()
    beams = select_beams(slab.cell, slab.superlattice, 60.0, 1.36, 1e-2)
    parity = [set(beams.index[part, 0] % 2) for part in beams.cosets]
    assert parity == [{0}, {1}]
    assert beams.index[0].tolist() == [0, 0]
    print(f"{len(beams)} beams at 50 eV")


def test_beams_follow_the_cone():
    """About an oblique axis the set is the circle about that axis, so both edges are equally complete."""
    centre = np.array([1.1, -0.4])
    beams = chosen(SUPERLATTICES["2x1"], centre=centre)
    radius = np.linalg.norm(beams.g.numpy() + centre, axis=1).max()
    assert radius < np.sqrt(ELECTRON * 60.0 + (np.log(1e3) / 1.4) ** 2)
    mirrored = chosen(SUPERLATTICES["2x1"], centre=-centre)
    assert {tuple(-row) for row in beams.index} == {tuple(row) for row in mirrored.index}


def test_positions_by_index():
    """Where a beam stands; -1 for one that is not in the set."""
    beams = chosen(SUPERLATTICES["2x1"])
    assert beams.position(beams.index[[5, 0]]).tolist() == [5, 0]
    assert beams.position(np.array([[0, 0], [99, 0]])).tolist() == [0, -1]
