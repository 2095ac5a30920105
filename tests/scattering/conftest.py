"""Crystals that the scattering tests share."""

import pytest

from zoneaxis.crystals import load


@pytest.fixture
def nickel():
    """Nickel with EMsoft's B = 0.35 angstrom^2."""
    crystal = load("Ni")
    crystal.add_site_property("b_iso", [0.35] * len(crystal))
    return crystal
