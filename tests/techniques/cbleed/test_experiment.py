"""Images of Si(001)-(2x1): symmetry, structures made together, the rung of single scattering, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.techniques.cbleed import CBLEEDExperiment, DiscLayout, Physics

SYMMETRIC, BUCKLED = si001_2x1(), si001_2x1("buckled", 0.1, -0.05)
LAYOUT = DiscLayout.for_slab(SYMMETRIC, size_px=48, grid=5)
EXPERIMENT = CBLEEDExperiment(LAYOUT)
WHOLE = replace(EXPERIMENT, symmetry=False)


def away(images: torch.Tensor, others: torch.Tensor) -> float:
    """Largest difference over the maximum."""
    return float((images - others).abs().max() / others.max())


@pytest.fixture(scope="module")
def unfolded() -> torch.Tensor:
    """Both dimers at 45 eV, all directions computed."""
    return WHOLE.images([SYMMETRIC, BUCKLED], 45.0)


def test_mirror_planes_show(unfolded: torch.Tensor) -> None:
    """Computed without symmetry: the symmetric dimer has both mirrors, the buckled one y -> -y alone."""
    symmetric, buckled = unfolded
    found = [away(image.flip(axis), image) for image in (symmetric, buckled) for axis in (0, 1)]
    print("mirrors y, x, symmetric and buckled: " + ", ".join(f"{value:.1e}" for value in found))
    assert max(found[:3]) < 1e-4
    assert found[3] > 0.1


def test_folded_cone_changes_nothing() -> None:
    """Invariant: half or a quarter of the directions, unfolded by the mirrors, gives the image of all of them.

    At `balanced` the number of doublings may differ between both, which moves 4e-4; so this is looked at closer.
    """
    folded = CBLEEDExperiment(replace(LAYOUT, grid=3), Physics(accuracy="reference"))
    found = [
        away(folded.images([slab], 35.0), replace(folded, symmetry=False).images([slab], 35.0))
        for slab in (SYMMETRIC, BUCKLED)
    ]
    print(f"folded against whole: symmetric {found[0]:.1e}, buckled {found[1]:.1e}")
    assert max(found) < 3e-5


def test_structures_made_together(unfolded: torch.Tensor) -> None:
    """Invariant: a structure's image does not depend on what else is made with it, nor on its place."""
    together = WHOLE.images([BUCKLED, si001_2x1("buckled"), SYMMETRIC], 45.0)
    assert away(together[[2, 0]], unfolded) < 1e-5
    assert away(together[1], unfolded[1]) > 1e-2


def test_single_scattering_has_another_contrast() -> None:
    """Kinematic images have the same discs, are positive and finite, and correlate with the full ones below 0.99."""
    full = CBLEEDExperiment(LAYOUT, Physics.preset("physical"))
    images, kinematic = (one.images([SYMMETRIC, BUCKLED], 60.0) for one in (full, replace(full, model="kinematic")))
    lit = torch.from_numpy(LAYOUT.disc_map() >= 0)
    assert torch.isfinite(kinematic).all() and not kinematic[:, ~lit].any() and (kinematic[:, lit] > 0).all()
    found = [np.corrcoef(one[lit], other[lit])[0, 1] for one, other in zip(kinematic, images, strict=True)]
    print(f"correlation of single and multiple scattering: symmetric {found[0]:.2f}, buckled {found[1]:.2f}")
    assert max(found) < 0.99


def test_kinematic_mirrors() -> None:
    """Single scattering, too, gives the same from half of the directions as from all."""
    folded, whole = (replace(one, model="kinematic").images([BUCKLED], 60.0) for one in (EXPERIMENT, WHOLE))
    assert away(folded, whole) < 1e-6


def test_less_absorption_sharper_features() -> None:
    """The physical preset varies more inside the discs than the paper's."""

    def spread(name: str) -> float:
        image = CBLEEDExperiment(LAYOUT, Physics.preset(name)).images([BUCKLED], 60.0)[0].numpy()
        discs = [image[LAYOUT.disc_map() == number] for number in range(len(LAYOUT.beams))]
        return float(np.mean([disc.std() / disc.mean() for disc in discs]))

    paper, physical = spread("paper"), spread("physical")
    print(f"relative variation inside a disc: paper {paper:.2f}, physical {physical:.2f}")
    assert physical > 1.2 * paper


def test_potential_step_moves_with_the_top_atom() -> None:
    """By default the step lies 1.25 Å above the top atom; fixed at that height it is the same, higher it is darker."""
    default = EXPERIMENT.images([SYMMETRIC], 45.0)
    fixed = [replace(EXPERIMENT, onset_angstrom=1.25 - SYMMETRIC.top_z + up) for up in (0.0, 0.5)]
    same, higher = (one.images([SYMMETRIC], 45.0) for one in fixed)
    assert away(same, default) < 1e-6
    assert (higher[default > 0] < default[default > 0]).all()


@pytest.mark.parametrize("energy_ev", [19.9, 250.1, -60.0, float("nan")])
def test_energy_out_of_range(energy_ev: float) -> None:
    """Below 20 eV, above 250 eV and not a number are refused, with the range."""
    with pytest.raises(InputError, match="outside 20 to 250 eV"):
        EXPERIMENT.images([SYMMETRIC], energy_ev)


def test_unknown_model_and_strangers() -> None:
    """An unknown rung is refused, and structures whose substrates differ are not made together."""
    with pytest.raises(InputError, match="multiple, kinematic"):
        CBLEEDExperiment(LAYOUT, model="dynamic")
    with pytest.raises(InputError, match="must be the same"):
        WHOLE.images([SYMMETRIC, si001_2x1(layers_in_slab=2)], 45.0)
