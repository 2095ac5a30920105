"""Spots of three crystals along three zones against diffsims, an independent code.

Positions on a 256 px picture within 0.2 px, ratios of |F|² with the same scattering factors within 2 %.
"""

import warnings

import numpy as np
import pytest
import torch

from tests.scattering.crystals_by_hand import perovskite, zincblende
from zoneaxis.crystals import load
from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.scattering.kinematical import Block, cell_amplitude
from zoneaxis.techniques.sadp.experiment import SADPExperiment

pytestmark = pytest.mark.oracle

CRYSTALS = {"Al": lambda: load("Al"), "GaAs": zincblende, "SrTiO3": perovskite}
ZONES = [(0, 0, 1), (0, 1, 1), (1, 1, 2)]


def spots(name, zone):
    """hkl (n, 3), positions (n, 2) [1/Å] and |F|² (n,) by diffsims along a zone axis."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("diffsims", reason="diffsims is not installed")
        from diffpy.structure import Atom, Lattice, Structure
        from diffsims.generators.simulation_generator import SimulationGenerator
        from orix.crystal_map import Phase
        from orix.quaternion import Rotation
        from orix.vector import Miller

        structure = CRYSTALS[name]()
        a = structure.lattice.a
        atoms = [Atom(str(site.specie), site.frac_coords, Uisoequiv=0.0) for site in structure]
        phase = Phase(space_group=1, structure=Structure(atoms=atoms, lattice=Lattice(a, a, a, 90, 90, 90)))
        generator = SimulationGenerator(
            accelerating_voltage=200.0, scattering_params="lobato", shape_factor_model="lorentzian"
        )
        axis = Miller(uvw=[zone], phase=phase)
        # diffsims looks along z of the laboratory; any rotation that brings the zone axis there will do.
        rotation = Rotation.from_align_vectors(axis, Miller(uvw=[(0, 0, 1)], phase=phase))
        made = generator.calculate_diffraction2d(
            phase, rotation, reciprocal_radius=1.6, max_excitation_error=0.05, with_direct_beam=False
        )
        if isinstance(made.coordinates, list):
            made = made[0]
        found = made.coordinates
    return np.round(np.asarray(found.hkl)).astype(int), np.asarray(found.data)[:, :2], np.asarray(found.intensity)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", list(CRYSTALS))
def test_positions(name, zone):
    """Distances and angles of all spots, in pixels of a 256 px picture at 320 mm: within 0.2 px after one rotation."""
    hkl, theirs, _ = spots(name, zone)
    experiment = SADPExperiment.of(zone)
    structure = CRYSTALS[name]()
    g = hkl @ reciprocal_basis(structure) @ experiment.frame(basis(structure)).T
    rows, cols = experiment.detector.pixel_of(torch.from_numpy(g))
    ours = np.column_stack([cols.numpy(), rows.numpy()]) - experiment.detector.centre_px[0]
    step = experiment.detector.step_per_angstrom
    seen = (np.abs(ours).max(1) < 128) & (np.abs(hkl @ np.array(zone)) == 0)
    assert seen.sum() >= 6
    # theirs is in 1/Å on a flat screen: the same net up to a turn (and the sense of y).
    u, _, v = np.linalg.svd(theirs[seen].T @ ours[seen])
    turned = theirs[seen] @ (u @ v) / step
    assert np.linalg.norm(turned - ours[seen], axis=1).max() < 0.2


@pytest.mark.parametrize("name", list(CRYSTALS))
def test_intensities(name):
    """Ratios of |F|² to the strongest, with the form factors of Lobato in both codes: within 2 %."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("diffsims", reason="diffsims is not installed")
        from diffpy.structure import Atom, Lattice, Structure
        from diffsims.utils.sim_utils import get_kinematical_intensities

        structure = CRYSTALS[name]()
        a = structure.lattice.a
        atoms = [Atom(str(site.specie), site.frac_coords) for site in structure]
        hkl = np.array([(h, k, l) for h in range(5) for k in range(5) for l in range(5) if h + k + l])  # noqa: E741
        length = np.linalg.norm(hkl, axis=1) / a
        theirs = get_kinematical_intensities(
            Structure(atoms=atoms, lattice=Lattice(a, a, a, 90, 90, 90)),
            hkl,
            length,
            prefactor=1,
            scattering_params="lobato",
        )
    still = structure.copy()
    still.add_site_property("b_iso", [0.0] * len(still))
    ours = cell_amplitude(Block.of(still, (1, 1, 1)).kinds, torch.from_numpy(hkl @ reciprocal_basis(still)))
    ours = ours.abs().square().numpy()
    strong = theirs > 1e-4 * theirs.max()
    assert strong.sum() > 20
    assert np.allclose(ours[strong] / ours.max(), theirs[strong] / theirs.max(), rtol=0.02)
    assert ours[~strong].max() < 2e-4 * ours.max()
