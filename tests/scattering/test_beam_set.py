"""Beam set: which beams count, and the matrix that couples them."""

import pytest
import torch

from tests.scattering.crystals_by_hand import zincblende
from zoneaxis.errors import InputError
from zoneaxis.scattering.beam_set import BeamSet, excitation, rank, unique_rows
from zoneaxis.scattering.potential_table import PotentialTable
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

ZONE = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.5)
AXIS = torch.zeros(1, 2, dtype=torch.float64)


def test_bragg_line():
    """2 K s_g vanishes at k_t = -g/2 and is -g² on the axis."""
    for g in ZONE.g[1:6]:
        assert float(excitation(g[None], -0.5 * g[None, :2], 39.88)) == pytest.approx(0.0, abs=1e-12)
        assert float(excitation(g[None], AXIS, 39.88)) == pytest.approx(-float((g**2).sum()))


def test_excitation_is_the_distance_from_the_sphere():
    """K² - |k + g|² with all three components, by the flux factor, where higher Laue zones are listed."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.8, laue_zones=1)
    k_number, k_t = 39.88, torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    k = torch.cat([k_t[0], (k_number**2 - (k_t**2).sum()).sqrt()[None]])
    wanted = (k_number**2 - ((k + zone.g) ** 2).sum(-1)) / (1 + zone.g[:, 2] / k[2])
    torch.testing.assert_close(excitation(zone.g, k_t, k_number)[0], wanted, atol=1e-9, rtol=0)


@pytest.mark.parametrize("ranking", ["mixed", "excitation", "length"])
def test_ranking(ranking):
    """(000) first, then what is wanted in any case, then by a figure that all rankings share on the axis."""
    order = rank(ZONE, AXIS, ranking=ranking, always=[50]).order
    assert order[:2].tolist() == [0, 50]
    rest = ZONE.g[order[2:]].norm(dim=1)
    assert bool((rest.diff() > -1e-6).all())


def test_off_axis_the_bragg_condition_draws_beams_in():
    """With k on the Bragg line of a far reflection that one is among the first."""
    far = len(ZONE.g) - 1
    ranking = rank(ZONE, -0.5 * ZONE.g[far][None, :2], ranking="excitation")
    place = ranking.order.tolist().index(far)
    assert place < 10
    assert float(ranking.nearest[place]) == pytest.approx(0.0, abs=1e-9)
    assert rank(ZONE, AXIS).order.tolist().index(far) > 100


def test_coupling_is_the_potential_between_beams():
    """Element (g, h) is U_{g-h}, zero on the diagonal, Hermitian without absorption; the table looks up the same."""
    atoms = Scatterers.of(zincblende(), 200.0, absorption="none")
    beams = BeamSet.ranked(ZONE, AXIS, 20)
    matrix = beams.coupling(atoms.potential(beams.differences)[0])
    torch.testing.assert_close(matrix, matrix.mH, atol=1e-14, rtol=0)
    assert not matrix.diagonal().any()
    wanted = atoms.potential((beams.hkl[3] - beams.hkl[7])[None])[0][0]
    torch.testing.assert_close(matrix[3, 7], wanted, atol=1e-15, rtol=0)
    looked_up = PotentialTable.of(atoms, beams.hkl).between(beams.hkl, beams.hkl)
    torch.testing.assert_close(looked_up - torch.diag(looked_up.diagonal()), matrix, atol=1e-15, rtol=0)


def test_unique_rows():
    """Rows come back from their numbers."""
    rows = torch.tensor([[1, -2, 3], [0, 0, 0], [1, -2, 3], [-5, 7, 1]])
    unique, inverse = unique_rows(rows)
    assert len(unique) == 3
    assert torch.equal(unique[inverse], rows)


def test_refusals():
    """Too few or too many beams, an unknown ranking, flux factors without a wave number."""
    with pytest.raises(InputError, match="beams = 1"):
        BeamSet.ranked(ZONE, AXIS, 1)
    with pytest.raises(InputError, match=f"2 to {len(ZONE.hkl)}"):
        BeamSet.ranked(ZONE, AXIS, 10_000)
    with pytest.raises(InputError, match="beam ranking 'taste'"):
        rank(ZONE, AXIS, ranking="taste")
    outer = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.8, laue_zones=1)
    with pytest.raises(InputError, match="wave number"):
        rank(outer, AXIS)
