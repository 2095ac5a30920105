"""The EBSD experiment: what is drawn, how it is labelled, and that a seed decides all of it."""

import pytest
import torch

from tests.small_world import CENTRE, CRYSTALS, experiment, small_library
from zoneaxis.errors import InputError
from zoneaxis.instrument.noise import Degradation
from zoneaxis.patterns.schema import check
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment

COUNT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library of three crystals."""
    return small_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def small(folder):
    """Forty-eight pixels, everything else as usual."""
    return EBSDExperiment(CRYSTALS, (str(folder),), size_px=48)


@pytest.fixture(scope="module")
def drawn(small):
    """Sixty patterns."""
    return small(COUNT, 7)


def test_a_seed_decides_everything(small, drawn):
    """The same seed draws the same patterns and labels, another seed others."""
    again, labels = small(COUNT, 7)
    torch.testing.assert_close(again, drawn[0], rtol=0, atol=0)
    assert all(torch.equal(labels[name], drawn[1][name]) for name in drawn[1])
    assert not torch.equal(small(COUNT, 8)[0], drawn[0])


def test_patterns_are_prepared(drawn):
    """Finite, of mean near zero, none of them empty."""
    patterns, _ = drawn
    assert patterns.shape == (COUNT, 48, 48)
    assert patterns.dtype == torch.float32
    assert torch.isfinite(patterns).all()
    assert (patterns.std(dim=(1, 2)) > 0.1).all()


def test_labels_are_within_their_ranges(small, drawn):
    """All crystals occur with their own space group; pattern centres fill their ranges."""
    _, labels = drawn
    assert set(labels["material"].tolist()) == {0, 1, 2}
    assert torch.equal(labels["space_group"], torch.tensor([225, 227, 229])[labels["material"]])
    for axis in "xyz":
        low, high = getattr(small, f"pattern_centre_{axis}")
        values = labels[f"pattern_centre_{axis}"]
        assert low <= values.min() < values.max() <= high
        assert values.max() - values.min() > 0.7 * (high - low)
    assert labels["image_quality"].min() >= 0


def test_share_of_static_backgrounds(folder):
    """0 subtracts none, 1 all, 0.7 about that share; subtraction changes the prepared pattern."""
    none, all_of_them = (experiment(folder, size_px=24, static_share=share) for share in (0.0, 1.0))
    first, without = none(12, 5)
    second, with_all = all_of_them(12, 5)
    assert not without["static"].any()
    assert with_all["static"].all()
    assert not torch.allclose(first, second)
    share = experiment(folder, size_px=16, static_share=0.7).pictures(300, 1)[2]["static"].double().mean()
    assert 0.6 < share < 0.8


def test_energy_weights(folder, small):
    """Weights are positive and sum to one; without spread and slope they are the Monte Carlo's."""
    stored = small.masters[0][0]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([small._weight(stored, generator) for _ in range(200)])
    torch.testing.assert_close(drawn.sum(-1), torch.ones(200))
    assert (drawn > 0).all()
    assert drawn.std(0).max() > 0.03
    exact = experiment(folder, spectrum_spread=0.0, spectrum_slope=0.0)._weight(stored, generator)
    torch.testing.assert_close(exact, torch.from_numpy(stored.weight).float(), rtol=1e-4, atol=1e-5)


def test_physics_is_drawn_too(folder):
    """With two libraries both are used and labelled."""
    both = EBSDExperiment(CRYSTALS, (str(folder), str(folder)), size_px=16)
    assert set(both(40, 2)[1]["physics"].tolist()) == {0, 1}


def test_a_fixed_detector_is_fixed(folder):
    """Ranges of no width give one pattern centre."""
    labels = experiment(folder, size_px=16)(5, 0)[1]
    for axis, value in zip("xyz", CENTRE, strict=True):
        torch.testing.assert_close(labels[f"pattern_centre_{axis}"], torch.full((5,), value))


def test_pattern_set_of_raw_pictures(small, drawn):
    """`draw` gives 8-bit pictures in a checked pattern set, with the labels of the same seed."""
    dataset = small.draw(COUNT, 7)
    check(dataset)
    assert dataset["intensity"].dtype == "uint8"
    assert dataset["crystal"].values.tolist() == [CRYSTALS[i] for i in drawn[1]["material"].tolist()]
    assert dataset.attrs["technique"] == "ebsd"


def test_recipe_tables(folder):
    """Lists become ranges, presets and tables become degradations; what is unknown is named."""
    table = {"crystals": ["Ni"], "pattern_centre_x": [0.4, 0.5], "degradations": ["mild", {"preset": "harsh"}]}
    made = EBSDExperiment.from_dict(table | {"libraries": [str(folder)]})
    assert made.pattern_centre_x == (0.4, 0.5)
    assert made.degradations == (Degradation.mild(), Degradation.harsh())
    with pytest.raises(InputError, match="spectrum_spred"):
        EBSDExperiment.from_dict(table | {"spectrum_spred": 0.1})


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"crystals": ()}, "no crystals"), ({"size_px": 8}, "size_px"), ({"size_px": 9999}, "size_px")],
)
def test_nonsense_is_refused(changes, named):
    """No crystal, and sizes that are no pattern."""
    with pytest.raises(InputError, match=named):
        EBSDExperiment(**({"crystals": CRYSTALS} | changes))


def test_crystal_without_a_master_is_named(folder):
    """A crystal that the library lacks is named with the library, when patterns are asked for."""
    with pytest.raises(InputError, match="Ge"):
        EBSDExperiment(("Ni", "Ge"), (str(folder),))(1, 0)
