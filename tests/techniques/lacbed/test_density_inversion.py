"""From a picture of the density to columns and to the disc."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, disc_intensities
from zoneaxis.scattering.electron_density import projected_density
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone
from zoneaxis.techniques.lacbed.columns import Columns
from zoneaxis.techniques.lacbed.density_inversion import (
    columns_from_density,
    density_of_picture,
    disc_from_density,
    periods_of,
)


def crystal(group: str, a: float, species: list[str], places: list[list[float]]) -> Structure:
    structure = Structure.from_spacegroup(group, Lattice.cubic(a), species, places)
    structure.add_site_property("b_iso", [0.5] * len(structure))
    return structure


PEROVSKITE = crystal("Pm-3m", 3.905, ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]])
FLUORITE = crystal("Fm-3m", 5.46, ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]])
PYRITE = crystal("Pa-3", 5.418, ["Fe", "S"], [[0, 0, 0], [0.3848, 0.3848, 0.3848]])


def picture(structure: Structure) -> np.ndarray:
    return projected_density(structure, 64).numpy().astype(np.float32)


@pytest.mark.parametrize(
    ("structure", "period", "count"), [(PEROVSKITE, 3.905, 4), (FLUORITE, 2.73, 2), (PYRITE, 5.418, 12)]
)
def test_columns_come_back(structure: Structure, period: float, count: int) -> None:
    """Period, number and charge of the columns of known crystals from their pictures alone."""
    fit = columns_from_density(picture(structure))
    assert fit.columns.period_angstrom == pytest.approx(period, abs=1e-3)
    assert len(fit.columns) == count
    assert fit.misfit < 1e-4
    electrons = fit.columns.charges.sum() / fit.columns.period_angstrom**2
    truth = Columns.of(structure)
    assert electrons == pytest.approx(truth.charges.sum() / truth.period_angstrom**2, rel=1e-3)


def test_disc_is_that_of_the_crystal() -> None:
    """From the picture to the disc that the crystal itself gives."""
    rule = DiscRule(beams=60, weak_beams=60)
    disc, fit = disc_from_density(picture(PEROVSKITE), 16, rule=lambda _: rule)
    zone = Zone.of(PEROVSKITE, (0, 0, 1), columns=(1, 0, 0))
    scatterers = Scatterers.of(PEROVSKITE, 200.0)
    wanted = disc_intensities(scatterers, zone, Field(16, 0.5), [500.0], rule=rule)[0, 0].double().numpy()
    mse = float(((disc / disc.max() - wanted / wanted.max()) ** 2).mean())
    print(f"MSE of the disc {mse:.1e}, misfit of the picture {fit.misfit:.1e}")
    assert mse < 1e-4
    assert torch.isfinite(torch.from_numpy(disc)).all()


def test_cut_off_picture() -> None:
    """A picture scaled to 0..1 whose peaks were cut off still gives the columns, the cut pixels left out."""
    full = picture(FLUORITE)
    scale = 0.7 * float(full.max())
    shown = np.sqrt(np.clip(full / scale, 0.0, 1.0)).astype(np.float32)
    density, known = density_of_picture(shown, scale)
    assert 0 < (~known).sum() < known.size / 4
    fit = columns_from_density(density, known=known)
    assert fit.columns.period_angstrom == pytest.approx(2.73, abs=2e-3)
    again = fit.columns.density(64)
    assert np.abs(again - full).max() < 0.02 * full.max()


def test_shortest_period_first() -> None:
    """Fluorite repeats after half its edge, and that comes before the whole edge."""
    found = periods_of(picture(FLUORITE).astype(np.float64))
    assert found[0][0] == pytest.approx(2.73, abs=0.01)


@pytest.mark.parametrize(
    ("bad", "words"),
    [(np.ones((64, 32)), "square"), (np.full((64, 64), np.nan), "finite"), (np.zeros((64, 64)), "above 0")],
)
def test_bad_pictures(bad: np.ndarray, words: str) -> None:
    """Oblong, not finite or empty pictures are refused."""
    with pytest.raises(InputError, match=words):
        columns_from_density(bad)
