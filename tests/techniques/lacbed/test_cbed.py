"""CBED: discs where they belong, overlaps added, nothing lost."""

import warnings

import numpy as np
import pytest
import torch

from tests.scattering.crystals_by_hand import perovskite
from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import Field
from zoneaxis.techniques.lacbed import LACBEDExperiment
from zoneaxis.techniques.lacbed.cbed import CBEDDetector, cone

PITCH = 1 / 3.905
"""1/Å between the discs of SrTiO3 [001]."""
SETTINGS = {
    "accelerating_voltage_kv": 200.0,
    "thickness_nm": 40.0,
    "convergence_mrad": 5.0,
    "half_width_mrad": 16.0,
    "size_px": 64,
    "beams": None,
    "absorption": "proportional",
}


def made_cone(**changes):
    return cone(perovskite(), (0, 0, 1), **{**SETTINGS, **changes})


def test_picture_is_the_sum_of_its_discs():
    """Two roads: the spline's picture, and discs computed at the detector's own pixels, shifted by whole pixels."""
    per_disc, size = 8, 64
    step, radius = PITCH / per_disc, 0.8 * PITCH
    _, experiment = made_cone(convergence_mrad=1e3 * np.arcsin(radius * 0.0250793))
    detector = CBEDDetector.of(experiment.zone, radius, step * size / 2, size)
    picture = detector.paint(experiment.discs(40, detector.hkl), experiment.field)[0]

    exact = LACBEDExperiment(experiment.scatterers, experiment.zone, Field(16, 8 * step), experiment.rule)
    discs = exact.discs(40, detector.hkl)[0]
    inside = (exact.field.k_t.norm(dim=-1) <= radius).reshape(16, 16)
    summed = torch.zeros(size + 64, size + 64)
    for disc, (h, k, _) in zip(discs, detector.hkl, strict=True):
        left, top = 32 + size // 2 - 8 + per_disc * h, 32 + size // 2 - 8 + per_disc * k
        if 0 <= left <= size + 48 and 0 <= top <= size + 48:
            summed[top : top + 16, left : left + 16] += torch.where(inside, disc, 0.0)
    misfit = float((picture - summed[32:-32, 32:-32]).abs().max())
    print(f"{len(detector.hkl)} overlapping discs, spline against own pixels: {misfit:.1e}")
    assert len(detector.hkl) > 30
    assert misfit < 1e-3
    assert float(picture.max()) > 0.1


def test_no_electron_is_lost_without_absorption():
    """The picture, over the area of a disc, sums to 1 where it shows every strong beam."""
    detector, experiment = made_cone(convergence_mrad=4.0, half_width_mrad=30.0, size_px=128, absorption="none")
    picture = detector.paint(experiment.discs(20, detector.hkl), experiment.field)[0]
    pixel = (2 * detector.half_width_per_angstrom / 128) ** 2
    total = float(picture.sum()) * pixel / (np.pi * detector.radius_per_angstrom**2)
    print(f"sum over the detector: {total:.4f} of the beam")
    assert total == pytest.approx(1.0, abs=0.02)


def test_picture_has_the_symmetry_of_the_zone():
    """4mm of SrTiO3 [001], though every disc was painted by itself."""
    detector, experiment = made_cone()
    whole_stars = experiment.with_rule(symmetry=False, ranking="length", beams=101, weak_beams=0, slice_error=1e-4)
    picture = detector.paint(whole_stars.discs(40, detector.hkl), experiment.field)[0]
    for other in (picture.T, picture.flip(0), torch.rot90(picture)):
        assert float((picture - other).abs().max()) < 2e-4
    assert float(picture.std()) > 0.02


def test_discs_have_their_radius():
    """Below half of the pitch discs do not touch: dark between them; the middle one has the area of its circle."""
    detector, experiment = made_cone(convergence_mrad=2.5, size_px=128)
    picture = detector.paint(experiment.discs(40, detector.hkl), experiment.field)[0].numpy()
    step = 2 * detector.half_width_per_angstrom / 128
    axis = (np.arange(128) - 63.5) * step
    from_axis = np.hypot(axis, axis[:, None])
    gap = (from_axis > detector.radius_per_angstrom) & (from_axis < PITCH - detector.radius_per_angstrom)
    assert not picture[gap].any()
    assert (picture[from_axis <= detector.radius_per_angstrom] > 0).all()


def test_every_disc_shown_has_its_beam():
    """A wide detector raises the number of beams to that of its discs."""
    detector, experiment = made_cone(half_width_mrad=40.0, beams=40)
    assert experiment.rule.beams >= len(detector.hkl) > 100


def test_fringes_too_fine_are_told():
    """A thick foil in a wide cone has fringes that the directions of a disc do not resolve: a warning, not silence."""
    with pytest.warns(UserWarning, match="finer than the 192 directions"):
        made_cone(thickness_nm=900.0, convergence_mrad=10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        made_cone(thickness_nm=200.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"convergence_mrad": 0.0}, "convergence_mrad = 0: expected 0.05 to 500"),
        ({"convergence_mrad": 30.0}, "half_width_mrad = 16: expected from the convergence, 30"),
        ({"convergence_mrad": 60.0, "half_width_mrad": 70.0}, "in the corners"),
        ({"convergence_mrad": 0.2}, "discs of 0.4 px radius; expected at least 2 px, so 320 px a side or more"),
        ({"half_width_mrad": 90.0, "size_px": 128}, "half_width_mrad = 90: .* beams are needed"),
        ({"size_px": 8}, "size_px = 8: expected 16 to 2048"),
        ({"thickness_nm": 0.0}, "thickness_nm = 0"),
    ],
)
def test_impossible_detectors(changes, says):
    """Each is refused in one line that names the field."""
    with pytest.raises(InputError, match=says):
        made_cone(**changes)
