"""Discs: symmetry used or not, tiles or not, weak beams, thickness series: the same picture."""

from dataclasses import replace

import pytest
import torch

from tests.scattering.crystals_by_hand import magnesium, perovskite, zincblende
from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, direction_intensities, disc_intensities
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

FIELD = Field(16, 0.7)
RULE = DiscRule(beams=40, weak_beams=60, slice_error=1e-4, tile_px=4)
ATOMS = Scatterers.of(zincblende(), 200.0)


def largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())


def test_pixels_of_a_field():
    """x grows to the right, y downwards, the axis lies between the four middle pixels."""
    k_t = Field(4, 1.0).k_t.reshape(4, 4, 2)
    assert k_t[0, 0].tolist() == [-0.75, -0.75]
    assert k_t[0, 3].tolist() == [0.75, -0.75]
    assert k_t[3, 0].tolist() == [-0.75, 0.75]


@pytest.mark.parametrize(
    ("structure", "axis", "hkl"),
    [
        (zincblende(), (0, 0, 1), [(0, 0, 0), (2, 2, 0), (4, 0, 0)]),
        (zincblende(), (-1, 1, 0), [(0, 0, 0), (1, 1, 1), (-1, -1, -1)]),
        (perovskite(), (0, 0, 1), [(1, 0, 0)]),
        (magnesium(), (0, 0, 1), [(0, 0, 0), (1, 0, 0)]),
    ],
)
def test_symmetry_changes_nothing(structure, axis, hkl):
    """Every direction by itself, one list of beams closed under the symmetry: the same to single precision."""
    atoms, zone = Scatterers.of(structure, 200.0), Zone.of(structure, axis, d_min_angstrom=0.4)
    inside = zone.g.norm(dim=1) < 1.5
    rule = replace(RULE, tile_px=0, beams=int(inside.sum()), weak_beams=0, ranking="length")
    folded = disc_intensities(atoms, zone, FIELD, [500.0], hkl, rule)
    plain = disc_intensities(atoms, zone, FIELD, [500.0], hkl, replace(rule, symmetry=False))
    print(f"{axis}: {largest(folded - plain):.1e}")
    assert largest(folded - plain) < 3e-4  # slices of 1e-4 about other centres
    assert float(plain.std()) > 5e-4


def test_the_transmitted_disc_has_the_symmetry_of_the_projection_and_a_centre():
    """[001] of a cubic crystal: 4mm; (000) of a polar zone: also the turn by 180 degrees (reciprocity)."""
    zone = Zone.of(perovskite(), (0, 0, 1), d_min_angstrom=0.4)
    rule = replace(RULE, symmetry=False, tile_px=0, weak_beams=0, ranking="length", beams=45)
    disc = disc_intensities(Scatterers.of(perovskite(), 200.0), zone, FIELD, [500.0], rule=rule)[0, 0]
    for other in (disc.T, disc.flip(0), torch.rot90(disc)):
        assert largest(disc - other) < 1e-4
    polar = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.4)
    rule = replace(rule, beams=43)
    disc = disc_intensities(ATOMS, polar, FIELD, [500.0], rule=rule)[0, 0]
    assert largest(disc - disc.flip(0, 1)) < 1e-4


def test_polarity():
    """Discs 111 and -1-1-1 of a crystal without centre differ by more than a turn."""
    zone = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.4)
    pair = disc_intensities(ATOMS, zone, FIELD, [500.0], [(1, 1, 1), (-1, -1, -1)], RULE)[0]
    assert largest(pair[0] - pair[1].flip(0, 1)) > 0.02


def test_thickness_series_is_one_run():
    """The intensities at each thickness are those of a run for it alone."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.4)
    series = disc_intensities(ATOMS, zone, FIELD, [200.0, 350.0, 500.0], rule=RULE)
    alone = disc_intensities(ATOMS, zone, FIELD, [350.0], rule=RULE)
    assert largest(series[1] - alone[0]) < 3e-4


@pytest.mark.parametrize("road", ["eig", "chebyshev"])
def test_roads_meet(road):
    """The picture by the other roads, within the error asked for."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.4)
    slow = disc_intensities(ATOMS, zone, FIELD, [500.0], rule=replace(RULE, road=road))
    assert largest(slow - disc_intensities(ATOMS, zone, FIELD, [500.0], rule=RULE)) < 2e-4


def test_weak_beams_help():
    """With them the picture comes nearer to one with many more beams."""
    zone = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.3)
    truth = disc_intensities(ATOMS, zone, FIELD, [500.0], rule=replace(RULE, beams=200, weak_beams=0))
    errors = {
        weak: float((disc_intensities(ATOMS, zone, FIELD, [500.0], rule=replace(RULE, weak_beams=weak)) - truth).std())
        for weak in (0, 150)
    }
    print(errors)
    assert errors[150] < 0.6 * errors[0]


def test_seams_are_within_the_beam_error():
    """Steps across the borders of tiles exceed those beside them by less than the picture's distance from the truth."""
    zone, field = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.3), Field(64, 0.7)
    rule = replace(RULE, tile_px=8, slice_error=1e-3, beams=60)
    picture = disc_intensities(ATOMS, zone, field, [500.0], rule=rule)[0, 0]
    some = torch.arange(0, 64 * 64, 41)
    truth = direction_intensities(ATOMS, zone, field, some, [500.0], rule=replace(rule, beams=250, tile_px=32))
    error = largest(picture.flatten()[some] - truth[0, 0])
    steps = picture.diff(dim=1).abs().amax(0)
    borders = steps[7::8]
    beside = torch.maximum(steps[6:-1:8], steps[8::8])
    seam = float((borders - beside).max())
    print(f"largest step {seam:.4f} beyond its neighbours, error {error:.4f}")
    assert seam <= error


def test_some_pixels_are_those_of_the_picture():
    """A few directions, with the beams and slices of their tiles."""
    zone = Zone.of(zincblende(), (-1, 1, 0), d_min_angstrom=0.4)
    picture = disc_intensities(ATOMS, zone, FIELD, [300.0, 500.0], [(0, 0, 0), (1, 1, 1)], RULE)
    pixels = torch.tensor([3, 77, 200, 255])
    some = direction_intensities(ATOMS, zone, FIELD, pixels, [300.0, 500.0], [(0, 0, 0), (1, 1, 1)], RULE)
    assert largest(picture.flatten(2)[:, :, pixels] - some) < 2e-4


def test_mean_absorption_is_a_common_factor():
    """Switched off, every intensity grows by one factor."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.4)
    damped = disc_intensities(ATOMS, zone, FIELD, [500.0], rule=RULE)
    free = disc_intensities(ATOMS, zone, FIELD, [500.0], rule=replace(RULE, mean_absorption=False))
    ratio = damped / free
    assert float(ratio.std()) < 1e-6
    assert 0.5 < float(ratio.mean()) < 1


def test_refusals():
    """Beams, tiles, roads, fields that cannot be."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.8)
    with pytest.raises(InputError, match="beams = 1"):
        DiscRule(beams=1)
    with pytest.raises(InputError, match="road 'scenic'"):
        DiscRule(road="scenic")
    with pytest.raises(InputError, match="size_px = 0"):
        Field(0, 1.0)
    with pytest.raises(InputError, match="beams = 1000"):
        disc_intensities(ATOMS, zone, FIELD, [500.0], rule=DiscRule(beams=1000))
    with pytest.raises(InputError, match="expected rising values"):
        disc_intensities(ATOMS, zone, FIELD, [500.0, 300.0], rule=DiscRule(beams=20))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_gives_the_same():
    """Waves propagated on a GPU."""
    zone = Zone.of(zincblende(), (0, 0, 1), d_min_angstrom=0.4)
    there = disc_intensities(ATOMS, zone, FIELD, [500.0], rule=replace(RULE, device="cuda"))
    assert largest(there - disc_intensities(ATOMS, zone, FIELD, [500.0], rule=RULE)) < 2e-4
