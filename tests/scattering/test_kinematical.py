"""Kinematical amplitudes: analytic limits, extinctions, and two roads to the same pattern."""

import math

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from tests.scattering.crystals_by_hand import magnesium, perovskite, zincblende
from zoneaxis.crystals import load
from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.crystals.defects.thermal import displaced
from zoneaxis.crystals.specimen import specimen
from zoneaxis.errors import InputError
from zoneaxis.scattering.form_factors import elastic
from zoneaxis.scattering.kinematical import (
    FINE_TOLERANCE,
    Block,
    Kind,
    block_amplitude,
    block_intensity,
    cell_amplitude,
    diffuse_intensity,
    direct_amplitude,
    specimen_amplitude,
    specimen_kinds,
    thermal_diffuse_intensity,
)

WAVE_NUMBER = 1.0 / 0.025079
"""Of 200 kV electrons [1/Å]."""


def beta_manganese() -> Structure:
    """Mn, P4_132, 8c and 12d, B = 0."""
    return Structure.from_spacegroup(
        "P4_132",
        Lattice.cubic(6.315),
        ["Mn", "Mn"],
        [[0.0636] * 3, [0.125, 0.2022, 0.4522]],
        site_properties={"b_iso": [0.0, 0.0]},
    )


def at_rest(structure: Structure) -> Structure:
    """The same crystal with B = 0."""
    quiet = structure.copy()
    quiet.add_site_property("b_iso", [0.0] * len(quiet))
    return quiet


def on_the_sphere(count: int, reach: float, seed: int = 0) -> torch.Tensor:
    """Random scattering vectors of a 200 kV beam along z, |q_xy| up to `reach` [1/Å]."""
    drawn = np.random.default_rng(seed).uniform(-reach, reach, (count, 2))
    along = np.sqrt(WAVE_NUMBER**2 - (drawn**2).sum(1)) - WAVE_NUMBER
    return torch.from_numpy(np.column_stack([drawn, along]))


def reflection(structure: Structure, hkl: tuple[int, int, int]) -> torch.Tensor:
    """g of one reflection, (1, 3)."""
    return torch.from_numpy(np.array([hkl]) @ reciprocal_basis(structure))


EXTINCT = [
    ("213", beta_manganese, [(1, 0, 0), (0, 2, 0), (0, 0, 3)], (2, 2, 1)),
    ("225", lambda: load("Al"), [(1, 0, 0), (1, 1, 0), (2, 1, 1)], (2, 0, 0)),
    ("227", lambda: load("Si"), [(2, 0, 0), (2, 2, 2), (4, 2, 0), (1, 0, 0)], (4, 0, 0)),
    ("229", lambda: load("Fe"), [(1, 0, 0), (1, 1, 1), (2, 1, 0)], (1, 1, 0)),
]


@pytest.mark.parametrize(("group", "crystal", "extinct", "strong"), EXTINCT, ids=[row[0] for row in EXTINCT])
def test_extinctions(group, crystal, extinct, strong):
    """Reflections that the space group forbids are below 1e-10 of (000) at the lattice point, an allowed one is not."""
    structure = crystal()
    block = Block.of(structure, (5, 4, 3))
    whole = block_amplitude(block, torch.zeros(1, 3, dtype=torch.float64)).abs().square()
    for hkl in extinct:
        assert float(block_amplitude(block, reflection(structure, hkl)).abs().square() / whole) < 1e-10
    assert float(block_amplitude(block, reflection(structure, strong)).abs().square() / whole) > 1e-3


def test_primitive_lattice_forbids_nothing():
    """221: SrTiO3 shows (100), (110), (111) and (210)."""
    structure = perovskite()
    whole = cell_amplitude(Block.of(structure, (1, 1, 1)).kinds, torch.zeros(1, 3, dtype=torch.float64)).abs()
    for hkl in ((1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0)):
        strength = cell_amplitude(Block.of(structure, (1, 1, 1)).kinds, reflection(structure, hkl)).abs()
        assert float(strength / whole) > 1e-3


def test_friedel():
    """I(q) = I(-q) in the plane q_z = 0 of a polar crystal; on the sphere the difference is that of s_g."""
    block = Block.of(zincblende(), (7, 6, 5))
    flat = on_the_sphere(200, 1.5)
    flat[:, 2] = 0.0
    forward, back = block_intensity(block, flat), block_intensity(block, -flat)
    assert float((forward - back).abs().max()) < 1e-5 * float(block_amplitude(block, 0 * flat[:1]).abs().square())
    g = reflection(zincblende(), (4, 0, 0))
    bent = torch.cat([g, -g])
    bent[:, 2] = -0.2
    up, down = block_amplitude(block, bent).abs().square()
    # Both at the same depth below the plane: alike in the sum over cells, not in the structure factor of a polar cell.
    assert float((up - down).abs() / up) < 0.05
    assert float(up) < 0.2 * float(block_amplitude(block, g).abs().square())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_size_of_a_spot(axis):
    """First zero 1/(N a) from the middle of a spot along each edge; half the height where sinc² has it."""
    structure, repeats = at_rest(load("Al")), (6, 9, 12)
    block = Block.of(structure, repeats)
    g = reflection(structure, (2, 0, 0))
    away = torch.zeros(3, dtype=torch.float64)
    away[axis] = 1.0 / (repeats[axis] * structure.lattice.a)
    middle = float(block_amplitude(block, g).abs().square())
    assert float(block_amplitude(block, g + away).abs().square()) < 1e-20 * middle
    assert float(block_amplitude(block, g + 0.442946 * away).abs().square()) / middle == pytest.approx(0.5, abs=0.06)


def test_height_and_integral():
    """A spot is N² high, and its integral over reciprocal space grows as N."""
    structure = at_rest(load("Al"))
    g = reflection(structure, (2, 0, 0))
    heights, integrals = [], []
    steps = torch.linspace(-0.5, 0.5, 129, dtype=torch.float64)[:-1] / structure.lattice.a
    for n in (4, 8):
        block = Block.of(structure, (n, 1, 1))
        heights.append(float(block_amplitude(block, g).abs().square()))
        line = g + torch.stack([steps, 0 * steps, 0 * steps], dim=-1)
        # The sum over cells alone: the form factor changes along the line.
        bare = block_amplitude(block, line).abs().square() / cell_amplitude(block.kinds, line).abs().square()
        integrals.append(float(bare.mean()))
    assert heights[1] / heights[0] == pytest.approx(4.0, rel=1e-9)
    assert integrals[0] == pytest.approx(4.0, rel=1e-9) and integrals[1] == pytest.approx(8.0, rel=1e-9)


def test_ewald_curvature():
    """400 over 200 of 20 layers is f² times sinc²(s t) with s = lambda g²/2: the 400 spot lies at the first zero."""
    structure = at_rest(load("Al"))
    block = Block.of(structure, (40, 30, 20))
    a, layers = structure.lattice.a, 20
    values = []
    for h in (2, 4):
        across = h / a
        along = math.sqrt(WAVE_NUMBER**2 - across**2) - WAVE_NUMBER
        assert along == pytest.approx(-(across**2) / (2 * WAVE_NUMBER), rel=1e-3)
        q = torch.tensor([[across, 0.0, along]], dtype=torch.float64)
        f = float(elastic(13, q.square().sum() / 4.0, "lobato"))
        phase = math.pi * along * a
        # Two layers of atoms a cell: the sum over 2 x 20 half cells.
        shape = math.sin(layers * phase) / math.sin(phase / 2)
        values.append(float(block_amplitude(block, q).abs().square()) / (2 * 40 * 30 * f * shape) ** 2)
    assert values == pytest.approx([1.0, 1.0], rel=1e-6)


def test_first_laue_ring():
    """Reflections of the first Laue zone shine at q = sqrt(2 H k), H the height of that zone."""
    structure = at_rest(load("Al"))
    height = 1.0 / structure.lattice.a  # of the odd planes of an F lattice along [001]
    ring = math.sqrt(2.0 * height * WAVE_NUMBER)
    along = math.sqrt(WAVE_NUMBER**2 - ring**2) - WAVE_NUMBER
    assert -along == pytest.approx(height, rel=0.01)
    reciprocal = reciprocal_basis(structure)
    near = [
        (h, k)
        for h in range(-25, 26, 2)
        for k in range(-25, 26, 2)
        if abs(np.linalg.norm((np.array([h, k, -1]) @ reciprocal)[:2]) - ring) < 0.07
    ]
    assert near
    block = Block.of(structure, (6, 6, 8))
    h, k = near[0]
    across = (np.array([h, k, -1]) @ reciprocal)[:2]
    down = math.sqrt(WAVE_NUMBER**2 - across @ across) - WAVE_NUMBER
    q = torch.tensor([[*across, down]], dtype=torch.float64)
    seen = float(block_amplitude(block, q).abs().square() / (block.cells * 4 * elastic(13, q.square().sum() / 4)) ** 2)
    assert seen > 0.5


@pytest.mark.parametrize("crystal", [zincblende, perovskite, magnesium], ids=["GaAs", "SrTiO3", "Mg"])
def test_closed_form_is_the_sum_over_atoms(crystal):
    """Amplitude and phase of a block are those of its explicit atoms; the fast intensity is their square."""
    structure = crystal()
    block = Block.of(structure, (4, 3, 5))
    q = on_the_sphere(64, 2.0)
    closed = block_amplitude(block, q)
    shifts = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (4, 3, 5)], indexing="ij"), -1).reshape(-1, 3)
    offsets = (shifts - 0.5) @ block.cell
    kinds = [
        Kind(
            k.atomic_number, k.b_iso, (k.positions[None] + offsets[:, None]).reshape(-1, 3), np.tile(k.occupancies, 60)
        )
        for k in block.kinds
    ]
    atoms = direct_amplitude(kinds, q)
    scale = float(direct_amplitude(kinds, 0 * q[:1]).abs())
    assert float((closed - atoms).abs().max()) < 1e-10 * scale
    assert float((block_intensity(block, q) - closed.abs().square()).abs().max()) < 1e-6 * scale**2


def test_specimen_is_the_block():
    """The transform of the atoms that `specimen` lists gives the closed form, in every frame."""
    structure = zincblende()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    q = on_the_sphere(500, 1.5)
    block = Block.of(structure, (6, 5, 4), turn)
    seen = specimen_amplitude(specimen_kinds(specimen(structure, (6, 5, 4)), turn), q, tolerance=1e-9).abs().square()
    assert float((seen - block_amplitude(block, q).abs().square()).abs().max()) < 1e-8 * float(seen.max())


@pytest.mark.parametrize(("tolerance", "allowed"), [(1e-5, 1e-5), (FINE_TOLERANCE, 1e-7)])
def test_transform_against_the_direct_sum(tolerance, allowed):
    """Amplitude error over the number of atoms, 6000 displaced atoms, 100 directions and the strongest 20."""
    atoms = displaced(specimen(load("Al"), (15, 10, 10)), 0.8, seed=3)
    kinds = specimen_kinds(atoms)
    q = on_the_sphere(4000, 2.0, seed=4)
    q = torch.cat([q, reflection(load("Al"), (2, 0, 0)), torch.zeros(1, 3, dtype=torch.float64)])
    one = [Kind(kind.atomic_number, 0.0, kind.positions, kind.occupancies) for kind in kinds]
    f = elastic(13, q.square().sum(-1) / 4.0, "lobato")
    sums = specimen_amplitude(one, q, tolerance=tolerance) / f
    chosen = torch.cat([torch.arange(100), sums.abs().argsort(descending=True)[:20]])
    exact = direct_amplitude(one, q[chosen]) / f[chosen]
    assert float((sums[chosen] - exact).abs().max()) < allowed * len(atoms)


def test_heat_damps_spots_and_feeds_the_background():
    """Random displacements: spots fall as exp(-B g²/2), their loss is N f² (1 - exp(-B q²/2)) between the spots."""
    b_iso = 1.2
    structure = at_rest(load("Al"))
    cold = specimen(structure, (8, 8, 8))
    spots = torch.cat([reflection(structure, hkl) for hkl in ((2, 0, 0), (4, 0, 0), (4, 2, 2), (6, 0, 0))])
    between = on_the_sphere(300, 2.0) + 0.013
    still = block_amplitude(Block.of(structure, (8, 8, 8)), torch.cat([spots, between])).abs().square()
    seen = torch.stack(
        [
            specimen_amplitude(specimen_kinds(displaced(cold, b_iso, seed)), torch.cat([spots, between])).abs().square()
            for seed in range(20)
        ]
    ).mean(0)
    fall = torch.log(still[:4] / (seen[:4] - (seen[4:].median())))
    slope = torch.linalg.lstsq(spots.square().sum(-1, keepdim=True) / 2.0, fall[:, None]).solution
    assert float(slope) == pytest.approx(b_iso, rel=0.03)
    hot = structure.copy()
    hot.add_site_property("b_iso", [b_iso] * len(hot))
    block = Block.of(hot, (8, 8, 8))
    expected = diffuse_intensity(block, between) + block_amplitude(block, between).abs().square()
    assert float((seen[4:] / expected).mean()) == pytest.approx(1.0, abs=0.03)
    warm = specimen(hot, (8, 8, 8))
    assert torch.allclose(
        thermal_diffuse_intensity(specimen_kinds(warm), between), diffuse_intensity(block, between), rtol=1e-6
    )


def test_random_occupation_feeds_the_background():
    """Laue: a site shared by two elements at rest loses c(1-c)(f_A - f_B)² to the background, nothing when full."""
    mixed = Structure(Lattice.cubic(3.0), [{"Al": 0.75, "Cu": 0.25}], [[0, 0, 0]], site_properties={"b_iso": [0.0]})
    q = on_the_sphere(10, 1.5)
    s_squared = q.square().sum(-1) / 4.0
    difference = elastic(13, s_squared, "lobato") - elastic(29, s_squared, "lobato")
    found = diffuse_intensity(Block.of(mixed, (5, 5, 5)), q)
    assert torch.allclose(found, 125 * 0.75 * 0.25 * difference.square(), rtol=1e-9)
    full = at_rest(load("Al"))
    assert float(diffuse_intensity(Block.of(full, (5, 5, 5)), q).abs().max()) == 0.0


@pytest.mark.parametrize("form_factor", ["lobato", "peng"])
def test_many_vectors_are_read_from_a_table(form_factor):
    """Background and spots of many vectors are those of a few at a time, to 1e-5 of their largest values."""
    hot = zincblende()
    hot.add_site_property("b_iso", [0.8] * len(hot))
    block = Block.of(hot, (2, 3, 2))
    q = torch.cat([on_the_sphere(9000, 2.0), on_the_sphere(1000, 0.05)])
    for quantity in (diffuse_intensity, block_intensity):
        many = quantity(block, q, form_factor).double()
        few = torch.cat([quantity(block, part, form_factor) for part in q.split(1000)]).double()
        assert float((many - few).abs().max()) < 1e-5 * float(few.max())


def test_block_of_a_turned_frame():
    """The frame turns the block: the same intensity at turned vectors."""
    structure = magnesium()
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    q = on_the_sphere(50, 1.2)
    here = block_intensity(Block.of(structure, (5, 4, 3)), q)
    there = block_intensity(Block.of(structure, (5, 4, 3), turn), q @ torch.from_numpy(turn.T.copy()))
    assert torch.allclose(here, there, rtol=1e-3, atol=1e-6 * float(here.max()))
    assert Block.of(structure, (5, 4, 3), turn).extent_angstrom == pytest.approx(
        Block.of(structure, (5, 4, 3)).extent_angstrom
    )
    assert np.allclose(Block.of(structure, (5, 4, 3)).cell, basis(structure))


@pytest.mark.parametrize("cells", [(0, 1, 1), (1, 2), (1.5, 2, 2)])
def test_impossible_cells(cells):
    """Repeats that are no three whole numbers from 1 are refused by name."""
    with pytest.raises(InputError, match="cells"):
        Block.of(load("Al"), cells)


def test_impossible_transform():
    """No atoms, or a tolerance that would drown weak spots, is refused."""
    with pytest.raises(InputError, match="no atoms"):
        specimen_amplitude([], on_the_sphere(1, 1.0))
    with pytest.raises(InputError, match="tolerance"):
        specimen_amplitude(specimen_kinds(specimen(load("Al"), (1, 1, 1))), on_the_sphere(1, 1.0), tolerance=0.01)
