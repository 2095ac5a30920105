"""Foil of GaAs [001] against abTEM's Bloch waves, an independent code: its beams, its form factors, no absorption.

abTEM gives the waves C_g of the crystal, ours carry the flux factor, psi_g = sqrt(1 + g_n/k_n) C_g, so that without
absorption their squares sum to 1. abTEM's sum is off by 6e-5 for that reason; with the factor both are one to 2e-7.
"""

import math
import warnings

import numpy as np
import pytest
import torch

from zoneaxis.scattering.beam_set import BeamSet
from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.scattering.foil import foil_waves
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

pytestmark = pytest.mark.oracle

LATTICE, SIGMA, DEPTHS = 5.65325, 0.08, [50.0, 200.0, 930.0]
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
POSITIONS = np.concatenate([FCC, FCC + 0.25])


@pytest.fixture(scope="module")
def abtem_bloch():
    """Beams with |g| <= 4 1/Å and |s| <= 0.05 1/Å, (000) first, their matrix and intensities, in double precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        abtem = pytest.importorskip("abtem", reason="abTEM is not installed")
        from abtem.bloch import BlochWaves, StructureFactor
        from ase import Atoms
    with abtem.config.set({"precision": "float64"}):
        atoms = Atoms("Ga4As4", scaled_positions=POSITIONS, cell=[LATTICE] * 3, pbc=True)
        factors = StructureFactor(atoms, g_max=8.0, parametrization="kirkland", thermal_sigma=SIGMA, cutoff="hard")
        waves = BlochWaves(factors, energy=200e3, g_max=4.0, sg_max=0.05)
        patterns = waves.calculate_diffraction_patterns(DEPTHS, lazy=False)
        matrix = waves.calculate_structure_matrix(lazy=False)
    order = np.argsort((waves.hkl != 0).any(1), kind="stable")
    return waves.hkl[order], matrix[np.ix_(order, order)], np.asarray(patterns.array)[:, order]


@pytest.fixture(scope="module")
def ours(abtem_bloch):
    """The same beams in the same order: excitation, coupling and flux factors, K = 1/lambda."""
    from pymatgen.core import Lattice, Structure

    b_iso = [8 * math.pi**2 * SIGMA**2] * 8
    structure = Structure(Lattice.cubic(LATTICE), ["Ga"] * 4 + ["As"] * 4, POSITIONS, site_properties={"b_iso": b_iso})
    zone = Zone.of(structure, (0, 0, 1), d_min_angstrom=0.24, laue_zones=1)
    beams = BeamSet.of(zone, torch.tensor([zone.position(index) for index in abtem_bloch[0].tolist()]))
    crystal = Scatterers.of(structure, 200.0, absorption="none", form_factor="kirkland")
    wave_number = 1.0 / wavelength_angstrom(200.0)
    excitation = beams.excitation(torch.zeros(1, 2, dtype=torch.float64), wave_number)
    coupling = beams.coupling(crystal.potential(beams.differences)[0], wave_number)
    return excitation, coupling, wave_number, (1.0 + beams.g[:, 2] / wave_number).numpy()


def test_structure_matrix(abtem_bloch, ours):
    """Every element of the matrix of 233 beams, 1/Å²; those of the first higher Laue zone are among them."""
    hkl, matrix, _ = abtem_bloch
    excitation, coupling, _, _ = ours
    assert len(hkl) == 233 and (hkl[:, 2] != 0).any()
    worst = np.abs((coupling + torch.diag(excitation[0])).numpy() - matrix).max()
    print(f"{len(hkl)} beams, {(hkl[:, 2] != 0).sum()} of higher Laue zones; largest difference {worst:.1e} 1/Å²")
    assert worst < 5e-6


@pytest.mark.parametrize("road", ["eig", "chebyshev"])
def test_intensities(abtem_bloch, ours, road):
    """All 233 intensities at 50, 200 and 930 Å, as they come and with the flux factor taken out."""
    theirs = abtem_bloch[2]
    excitation, coupling, wave_number, flux = ours
    waves = foil_waves(excitation, coupling, wave_number, DEPTHS, road=road)
    found = (waves[:, 0].abs() ** 2).numpy()
    as_they_come, same = (np.abs(one - theirs).max(-1) for one in (found, found / flux))
    sums = [float(abs(one.sum(-1) - 1).max()) for one in (found, theirs)]
    print(f"{road} at 50, 200, 930 Å:", *(f"{one:.0e}" for one in as_they_come), f"flux taken out: {same.max():.0e}")
    print(f"sum of intensities - 1: ours {sums[0]:.0e}, theirs {sums[1]:.0e}")
    assert as_they_come.max() <= 1e-5 and same.max() <= 1e-6
    assert sums[0] <= 1e-5


def test_flux_factors_are_needed(abtem_bloch, ours):
    """Without them the thick foil misses by more than 1e-4."""
    excitation, coupling, wave_number, flux = ours
    root = torch.from_numpy(np.sqrt(flux))
    waves = foil_waves(excitation * root**2, root[:, None] * coupling * root, wave_number, DEPTHS, road="eig")
    missed = np.abs((waves[:, 0].abs() ** 2).numpy() - abtem_bloch[2]).max()
    print(f"without flux factors {missed:.1e}")
    assert missed > 1e-4
