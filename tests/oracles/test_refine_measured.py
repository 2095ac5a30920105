"""Measured LACBED discs of Ge(1-x)Sn(x) [1-10]: a fit of the whole set, and whether another crystal does as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.techniques.lacbed.measured_discs import MeasuredDiscs
from zoneaxis.techniques.lacbed.refine import Refinement, refine

pytestmark = pytest.mark.oracle

A = 5.68


def diamond(element: str) -> Structure:
    corner = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(A), [element] * 8, [*corner, *(corner + 0.25)], site_properties={"b_iso": [0.6] * 8})


@pytest.fixture(scope="module")
def discs(shared: Path) -> MeasuredDiscs:
    return MeasuredDiscs.read(shared / "data" / "lacbed" / "gesn_m110_measured_discs.npz")


def fitted(discs: MeasuredDiscs, element: str, voltage: float = 200.0, **changes: object) -> Refinement:
    """Pixels binned 6 x 6 and few beams: seconds, and some hundredths below what a converged fit reaches."""
    free = ("thickness", "b_iso", "absorption", "half_width", "blur")
    settings: dict = {
        "free": free,
        "bin_px": 6,
        "grid_px": 40,
        "beams": 60,
        "weak_beams": 120,
        "iterations": 3,
        **changes,
    }
    return refine(
        discs, diamond(element), zone=(1, -1, 0), columns=(1, 1, 0), accelerating_voltage_kv=voltage,
        half_width_per_angstrom=3.73 / A, **settings,
    )  # fmt: skip


def test_copies_are_counted_once(discs):
    """Of the 27 stored discs ten mirror others pixel by pixel."""
    assert len(discs) == 17
    assert len(discs.copies) == 10


def test_measured_discs(discs):
    """Mean ZNCC over the 17 independent discs 0.9 and more, from common parameters alone as well."""
    found = fitted(discs, "Ge", start={"thickness": 137.0, "absorption": 1.5})
    print(
        f"mean ZNCC {found.zncc.mean():.3f}, worst {found.zncc.min():.3f}; {found.zncc_common.mean():.3f} without own "
        f"shifts; {found.parameters['thickness']}"
    )
    assert found.zncc.mean() > 0.95
    assert found.zncc.min() > 0.9
    assert found.zncc_common.mean() > 0.9
    assert np.abs(found.shifts).max() < 3.0


def test_thickness_and_voltage_are_found_and_silicon_is_not(discs):
    """A scan of the thickness alone: germanium at 200 kV before 300 kV and before silicon."""
    coarse = {"free": ("half_width", "blur"), "disc_shifts": False, "grid_px": 32, "weak_beams": 60}
    right = fitted(discs, "Ge", **coarse)
    assert right.parameters["thickness"].value == pytest.approx(138.0, abs=4.0)
    others = {"300 kV": fitted(discs, "Ge", 300.0, **coarse), "Si": fitted(discs, "Si", **coarse)}
    for name, other in others.items():
        print(f"{name}: mean ZNCC {other.zncc.mean():.3f} against {right.zncc.mean():.3f}")
        assert other.zncc.mean() < right.zncc.mean() - 0.03


@pytest.mark.slow
def test_composition_and_lattice_move_the_thickness_far_beyond_its_uncertainty(discs):
    """Held tin and lattice: neither shows in the fit, both move the thickness by many of its stated uncertainties."""
    corner = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    places = corner + [[x + 0.25 for x in position] for position in corner]
    found = {}
    for name, a, tin, start in (
        ("3 % tin", A, 0.03, 137.0),
        ("none", A, 0.0, 138.0),
        ("lattice x 1.05", 1.05 * A, 0.03, 152.0),
    ):
        mixed = {"Ge": 1 - tin, "Sn": tin} if tin else {"Ge": 1}
        crystal = Structure(Lattice.cubic(a), [mixed] * 8, places, site_properties={"b_iso": [0.6] * 8})
        found[name] = refine(
            discs, crystal, zone=(1, -1, 0), columns=(1, 1, 0), half_width_per_angstrom=3.73 / a, bin_px=6, grid_px=40,
            beams=60, weak_beams=120, iterations=4, start={"thickness": start, "absorption": 1.4},
        )  # fmt: skip
        print(f"{name}: {found[name].parameters['thickness']}; mean ZNCC {found[name].zncc.mean():.4f}")
    right, *others = found.values()
    thickness = right.parameters["thickness"]
    for other in others:
        assert abs(other.parameters["thickness"].value - thickness.value) > 5 * thickness.uncertainty
        assert abs(other.zncc.mean() - right.zncc.mean()) < 0.01
