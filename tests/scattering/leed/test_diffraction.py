"""Diffraction: intensities of a surface, held to symmetry, to reciprocity and to its limits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.scattering.leed.small_layer import silicon
from zoneaxis.crystals.slab import Slab, fcc001, si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.accuracy import Accuracy
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.diffraction import beam_intensities, kinematic_intensities
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts

ENERGY_EV = 45.0
BEAMS = np.array([(h, k) for h in range(-2, 3) for k in (-1, 0, 1)])
K = torch.tensor([[0.0, 0.0], [0.11, -0.23], [-0.19, 0.08]], dtype=torch.float64)
CENTRE = np.zeros(2)
COARSE = Accuracy(beams=1e-2, sums=1e-2, doubling=1e-3, extra_l=0.0, fixed_l=4)
FINE = Accuracy(beams=1e-4, sums=1e-4, doubling=1e-6, extra_l=0.0, fixed_l=5)
SYMMETRIC, BUCKLED = si001_2x1("symmetric"), si001_2x1("buckled")


def exact(slabs: list[Slab], k=K, beams=BEAMS, medium: Medium | None = None, limits=COARSE, **options) -> torch.Tensor:
    """Intensities in double precision, plane waves chosen about the normal."""
    options = {"dtype": torch.complex128, "cone_axis": CENTRE, **options}
    return beam_intensities(slabs, ENERGY_EV, k, beams, medium or silicon(), limits=limits, **options)


def over_maximum(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference over the largest intensity."""
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize(
    ("slab", "axis", "holds"),
    [(SYMMETRIC, 0, True), (SYMMETRIC, 1, True), (BUCKLED, 1, True), (BUCKLED, 0, False)],
    ids=["symmetric, x", "symmetric, y", "buckled, y", "buckled, x"],
)
def test_mirrors(slab, axis, holds):
    """A mirror plane of the surface is one of the intensities; the buckled dimer breaks the one across it."""
    flip = np.array([1, 1])
    flip[axis] = -1
    # Sums are cut about the emitter, not about the receiver: symmetric to the accuracy of the cut alone.
    limits, medium = replace(COARSE, sums=1e-14), silicon(imaginary_ev=10.0)
    here = exact([slab], medium=medium, limits=limits)
    there = exact([slab], K * torch.from_numpy(flip), BEAMS * flip, medium, limits)
    error = over_maximum(there, here)
    print(f"largest difference {error:.1e} of the maximum")
    assert (slab.mirror_x, slab.mirror_y)[axis] == holds
    assert error < 1e-12 if holds else error > 0.1


def test_layers_in_spherical_or_plane_waves():
    """4, 6 or 8 atoms of the buckled surface in spherical waves: the same intensities."""
    found = [exact([si001_2x1("buckled", layers_in_slab=layers)], K[1:2], limits=FINE) for layers in (1, 2, 3)]
    errors = [over_maximum(one, found[2]) for one in found[:2]]
    print("4 and 6 atoms against 8: " + ", ".join(f"{error:.1e}" for error in errors) + " of the maximum")
    assert max(errors) < 3e-3


@pytest.mark.parametrize("swapped", [False, True])
def test_reciprocity(swapped):
    """A beam and its source may be exchanged: |kz_g a_g(k)|² = |kz_0 a_g(-k - g)|²."""
    beam, k = np.array([[1, 0]]), torch.tensor([[0.25, 0.1]], dtype=torch.float64)
    g = torch.from_numpy(beam @ BUCKLED.reciprocal_cell)
    back = -k - g
    limits = Accuracy(1e-5, 1e-5, 1e-6, 0, fixed_l=5)
    medium = silicon()
    here, there = (exact([BUCKLED], one, beam, limits=limits, cone_axis=None) for one in (k, back))
    kz = [abs(medium.kappa(ENERGY_EV) ** 2 - complex((one**2).sum())) for one in (k + g, k)]
    if swapped:
        # Without the flux factors they differ: the test can fail.
        assert abs(float(here / there) - 1) > 0.02
    else:
        error = abs(float(here * kz[0] / (there * kz[1])) - 1)
        print(f"relative difference {error:.1e}")
        assert error < 3e-3


def test_single_precision():
    """complex64, which data are made with, against complex128."""
    slabs = [BUCKLED, si001_2x1("buckled", dimer_height_angstrom=0.1)]
    error = over_maximum(exact(slabs, limits="preview", dtype=torch.complex64), exact(slabs, limits="preview"))
    print(f"largest difference {error:.1e} of the maximum")
    assert error < 1e-5


def test_structures_share_the_ground():
    """A batch whose members differ in the dimer alone gives what each gives alone."""
    slabs = [si001_2x1("buckled", dimer_height_angstrom=z) for z in (-0.1, 0.0, 0.2)]
    together = exact(slabs)
    alone = torch.cat([exact([slab]) for slab in slabs])
    error = over_maximum(together, alone)
    print(f"largest difference {error:.1e} of the maximum")
    # Lattice sums reach as far as the widest pair of each call: terms below their cut of 1e-2.
    assert error < 3e-3
    assert over_maximum(together[1:2], alone[:1]) > 0.02


@pytest.mark.parametrize(
    ("layers", "atom", "axis"), [(1, 0, 2), (1, 1, 0), (1, 3, 1), (2, 2, 2), (2, 5, 0)], ids=lambda value: str(value)
)
def test_gradient_by_an_atoms_place(layers, atom, axis):
    """The derivative of all intensities by a coordinate, by automatic and by finite differences."""
    slab = si001_2x1("buckled", layers_in_slab=layers)
    weights = torch.rand(len(BEAMS), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    limits = replace(COARSE, fixed_l=3)

    def total(places):
        # The step plane stays: bound to the top atom it would have a kink where another becomes the highest.
        return (exact([slab], K[1:2], limits=limits, positions=places, step_plane_angstrom=3.0) * weights).sum()

    places = torch.from_numpy(slab.positions)[None].clone().requires_grad_()
    total(places).backward()
    step = torch.zeros_like(places)
    step[0, atom, axis] = 1e-4
    with torch.no_grad():
        numeric = float(total(places + step) - total(places - step)) / 2e-4
    found = float(places.grad[0, atom, axis])
    print(f"{found:.6e}, finite differences {numeric:.6e}")
    assert found == pytest.approx(numeric, rel=1e-3)


def test_gradient_of_every_structure():
    """In a batch each structure has the gradient it has alone, though their atoms share lattice sums."""
    limits, slab = replace(COARSE, fixed_l=2), si001_2x1("symmetric")
    places = torch.from_numpy(slab.positions).expand(2, -1, -1).clone()
    places[1, :2, 2] -= 0.1

    def gradient(part):
        part = part.clone().requires_grad_()
        total = exact([slab], K[1:2], limits=limits, positions=part, step_plane_angstrom=3.0).sum()
        return torch.autograd.grad(total, part)[0]

    together = gradient(places)
    alone = torch.cat([gradient(one[None]) for one in places])
    error = over_maximum(together, alone)
    print(f"largest difference {error:.1e} of the largest derivative")
    assert error < 1e-3


def test_origin_is_arbitrary():
    """Dimers moved by a vector of the surface lattice, the substrate by one of its own, or all by anything."""
    limits = replace(COARSE, sums=1e-6, fixed_l=3)
    still = exact([BUCKLED], K[1:2], limits=limits)
    below = BUCKLED.substrate
    jumps = BUCKLED.positions.copy()
    jumps[0, :2] += BUCKLED.cell[1]
    jumps[2, :2] -= BUCKLED.cell[0]
    anywhere = np.array([0.37, -0.81, 0.53])
    changed = {
        "atoms by lattice vectors": replace(BUCKLED, positions=jumps),
        "substrate by a lattice vector": replace(
            BUCKLED, substrate=replace(below, origin=below.origin + [*below.cell[0], 0.0])
        ),
        "everything": replace(
            BUCKLED,
            positions=BUCKLED.positions + anywhere,
            substrate=replace(below, origin=below.origin + anywhere),
        ),
    }
    errors = {name: over_maximum(exact([slab], K[1:2], limits=limits), still) for name, slab in changed.items()}
    print(", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    assert max(errors.values()) < 1e-5


def test_weak_scatterers_scatter_once():
    """Phase shifts a thousandth as large: the kinematic intensities, the difference falling with their size."""
    medium, errors = silicon(u_squared=0.0), []
    for factor in (1e-2, 1e-3):
        table = medium.phase_shifts["Si"]
        weak = replace(medium, phase_shifts={"Si": replace(table, delta=factor * table.delta)})
        limits = Accuracy(beams=1e-2, sums=1e-6, doubling=1e-12, extra_l=0, fixed_l=4)
        many = exact([BUCKLED], K[1:], medium=weak, limits=limits)
        once = kinematic_intensities(BUCKLED, ENERGY_EV, K[1:], BEAMS, weak, limits=limits)
        errors.append(over_maximum(many, once))
    print(f"difference of the maximum: {errors[0]:.1e} at 1e-2, {errors[1]:.1e} at 1e-3")
    assert errors[1] < 1e-2
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.2)


def test_multiple_scattering_is_no_correction():
    """With true phase shifts single scattering is far off: what the small factor above hides."""
    many, once = exact([SYMMETRIC]), kinematic_intensities(SYMMETRIC, ENERGY_EV, K, BEAMS, silicon(), limits=COARSE)
    found = float(torch.corrcoef(torch.stack([many.flatten(), once.flatten()]))[0, 1])
    print(f"correlation {found:.2f}")
    assert found < 0.97


def test_top_layer_as_atoms_or_as_substrate():
    """A metal's outermost layer among the free atoms, or left to the substrate: one crystal."""
    slab = fcc001("Cu", 3.6149)
    table = PhaseShifts(np.array([10.0, 300.0]), np.tile([0.9, 0.5, -0.3, 0.1], (2, 1)), "Cu", "a test")
    medium = Medium(10.0, 4.0, {"Cu": table}, {"Cu": 0.0})
    bare = Slab("bare", slab.cell, slab.positions[:0], (), replace(slab.substrate, origin=slab.positions[0]))
    beams, limits = np.array([[0, 0], [1, 0], [0, -1]]), Accuracy(1e-3, 1e-4, 1e-9, 0, fixed_l=3)
    free, left = (exact([one], beams=beams, medium=medium, limits=limits) for one in (slab, bare))
    error = over_maximum(left, free)
    print(f"largest difference {error:.1e} of the maximum")
    assert error < 1e-6
    assert exact([bare, bare], beams=beams, medium=medium, limits=limits).shape == (2, len(K), 3)


@pytest.mark.parametrize("matrix", [[[2, 0], [0, 1]], [[1, 1], [-1, 1]], [[2, 1], [0, 3]]])
def test_a_larger_cell_of_the_same_surface(matrix):
    """A plain surface described with a larger cell: its beams unchanged, those between them dark."""
    plain = fcc001("Cu", 3.6149)
    table = PhaseShifts(np.array([10.0, 300.0]), np.tile([0.9, 0.5, -0.3], (2, 1)), "Cu", "a test")
    medium = Medium(10.0, 4.0, {"Cu": table}, {"Cu": 0.0})
    cell = np.array(matrix) @ plain.cell
    spread = np.array([(i, j) for i in range(-4, 5) for j in range(-4, 5)]) @ plain.cell
    share = spread @ np.linalg.inv(cell)
    spread = spread[((share > -1e-9) & (share < 1 - 1e-9)).all(1)]
    positions = np.column_stack([spread, np.zeros(len(spread))])
    large = Slab("large", cell, positions, ("Cu",) * len(spread), plain.substrate)
    limits, some = Accuracy(1e-3, 1e-5, 1e-9, 0, fixed_l=2), K[1:2]
    beams = np.array([[0, 0], [1, 0], [0, -1], [-1, 0]])
    expected = exact([plain], some, beams, medium, limits)
    found = exact([large], some, np.rint(beams @ np.array(matrix).T).astype(int), medium, limits)
    error = over_maximum(found, expected)
    between = float(exact([large], some, np.array([[1, 0]]), medium, limits).max() / expected.max())
    print(f"largest difference {error:.1e} of the maximum, between the beams {between:.1e}")
    assert error < 1e-4
    assert between < 1e-10


def test_step_plane():
    """A potential step further out damps each beam by its own way there and back; 1.25 Å is bound to the top atom."""
    low, high = (exact([BUCKLED], step_plane_angstrom=height) for height in (2.0, 2.5))
    medium = silicon()
    g = torch.from_numpy(BEAMS @ BUCKLED.reciprocal_cell)
    square = torch.tensor(medium.kappa(ENERGY_EV) ** 2)
    out, into = (torch.sqrt(square - (k**2).sum(-1)).imag for k in (K[:, None] + g, K[:, None]))
    assert torch.allclose(high, low * torch.exp(-2 * (out + into) * 0.5), rtol=1e-9)
    bound = exact([BUCKLED])
    assert torch.allclose(bound, exact([BUCKLED], step_plane_angstrom=1.25 - BUCKLED.top_z), rtol=1e-9)


def test_reflected_flux():
    """Beams that emerge carry away less than what came: a few percent, the rest is absorbed."""
    square = ELECTRON * ENERGY_EV
    every = np.array([(h, k) for h in range(-5, 6) for k in range(-3, 4)])
    intensity = exact([SYMMETRIC], beams=every)[0]
    out = square - ((K[:, None] + torch.from_numpy(every @ SYMMETRIC.reciprocal_cell)) ** 2).sum(-1)
    factor = torch.sqrt(out.clamp_min(0) / (square - (K**2).sum(-1))[:, None])
    flux = (intensity * factor).sum(-1)
    print("reflected " + ", ".join(f"{float(part):.4f}" for part in flux))
    assert float(flux.min()) > 1e-4
    assert float(flux.max()) < 0.3


def test_beams_out_of_reach_are_dark():
    """A beam so far out that it never reaches the surface is 0, not an error."""
    found = exact([SYMMETRIC], K[:1], np.array([[0, 0], [40, 0]]))
    assert float(found[0, 0, 0]) > 0
    assert float(found[0, 0, 1]) == 0


@pytest.mark.parametrize("name", ["preview", "balanced"])
def test_presets_are_as_good_as_they_say(name):
    """Relative L2 error of the intensities against finer limits, at one energy; a benchmark measures the rest."""
    finest = Accuracy(1e-4, 1e-4, 1e-6, 1.5)
    found, best = exact([BUCKLED], K[1:], limits=name), exact([BUCKLED], K[1:], limits=finest)
    error = float((found - best).norm() / best.norm())
    print(f"{name}: {error:.1e}")
    assert error < {"preview": 0.04, "balanced": 0.01}[name]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exact([BUCKLED], K + 5.0), "energy 45 eV: an incident direction lies beyond the horizon"),
        (lambda: exact([BUCKLED], K * float("nan")), "an incident direction lies beyond the horizon"),
        (lambda: exact([BUCKLED], limits="best"), "accuracy 'best' is not one of"),
        (lambda: exact([BUCKLED, si001_2x1(layers_in_slab=2)]), "cell, substrate and elements must be the same"),
        (lambda: beam_intensities([SYMMETRIC], 900.0, K, BEAMS, silicon()), "910"),
        (
            lambda: exact([BUCKLED], medium=Medium(10.0, 4.0, {}, {})),
            "no phase shifts of Si; there are those of no element",
        ),
    ],
    ids=["horizon", "not a number", "accuracy", "unlike slabs", "energy", "element"],
)
def test_bad_input_is_refused(call, message):
    """In one line that says what is wrong."""
    with pytest.raises(InputError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
