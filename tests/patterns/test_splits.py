"""Splits: groups stay together, shares are met, a leak is refused."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneaxis.errors import InputError
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.patterns.splits import (
    assert_held_out,
    assert_no_leak,
    distance_to_training,
    held_out_values,
    held_out_windows,
    random_split,
    split,
)


def labelled(crystals: list[str]) -> xr.Dataset:
    return pattern_set(
        np.zeros((len(crystals), 16, 16), np.uint8),
        {"crystal": crystals, "beam_energy_ev": 20000.0, "number": np.arange(len(crystals))},
        technique="ebsd",
        provenance="x",
    )


@given(st.lists(st.sampled_from("ABCDEFGH"), min_size=3, max_size=60), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_groups_stay_together_and_nothing_is_lost(crystals: list[str], seed: int) -> None:
    """Invariant: every pattern is in exactly one part, no crystal in two, no part empty; same seed, same split."""
    dataset = labelled(crystals)
    if len(set(crystals)) < 3:
        with pytest.raises(InputError, match="cannot fill 3 parts"):
            split(dataset, seed=seed)
        return
    parts = split(dataset, seed=seed)
    assert sorted(np.concatenate([part["number"] for part in parts.values()])) == list(range(len(crystals)))
    assert all(part.sizes["pattern"] for part in parts.values())
    assert_no_leak(parts)
    assert all(parts[name].identical(part) for name, part in split(dataset, seed=seed).items())


def test_shares_are_met_with_many_groups() -> None:
    """With 100 equal groups the parts have their shares to one group."""
    parts = split(labelled([f"c{i % 100}" for i in range(400)]), fractions={"train": 0.7, "test": 0.3})
    assert abs(parts["train"].sizes["pattern"] - 280) <= 4


def test_several_labels_make_a_group() -> None:
    """Groups by two labels together: one crystal may be in both parts, never with the same energy."""
    dataset = labelled(["A", "A", "B", "B"]).assign_coords(block=("pattern", [1, 2, 1, 2]))
    parts = split(dataset, by=("crystal", "block"), fractions={"train": 0.5, "test": 0.5})
    assert_no_leak(parts, by=("crystal", "block"))


def test_a_leak_is_refused() -> None:
    """A crystal in two parts is named with both parts."""
    with pytest.raises(InputError, match="crystal B is in both train and test"):
        assert_no_leak({"train": labelled(["A", "B"]), "test": labelled(["B", "C"])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "phase"}, "no label 'phase' along pattern; there are crystal"),
        ({"fractions": {"train": 0.5, "test": 0.6}}, "sum to 1"),
        ({"fractions": {"train": 1.5, "test": -0.5}}, "must be positive"),
    ],
)
def test_nonsense_is_refused(arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    """Unknown labels and shares that make no whole are named."""
    with pytest.raises(InputError, match=message):
        split(labelled(list("ABCD")), **arguments)


ENERGIES = np.repeat(np.arange(30.0, 101.0), 3)


def test_windows_are_held_out_whole() -> None:
    """Every fourth window of 5 eV: no energy on both sides, a quarter of the images, distances of 1 to 3 eV."""
    test = held_out_windows(ENERGIES, width=5, every=4)
    assert set(ENERGIES[test]) == {35, 36, 37, 38, 39, 55, 56, 57, 58, 59, 75, 76, 77, 78, 79, 95, 96, 97, 98, 99}
    assert_held_out(ENERGIES, test)
    assert sorted(set(distance_to_training(ENERGIES, test))) == [1, 2, 3]
    shifted = held_out_windows(ENERGIES + 0.1, width=5, every=4, start=30)
    assert np.array_equal(shifted, test)


def test_values_are_held_out_whole() -> None:
    """Listed displacements are found in spite of rounding; one that no image has is refused."""
    shifts = np.tile(np.arange(-4, 5) * 0.1, 5)
    test = held_out_values(shifts, [-0.3, 0.1])
    assert test.sum() == 10 and set(np.round(shifts[test], 3)) == {-0.3, 0.1}
    assert np.allclose(distance_to_training(shifts, test), 0.1)
    with pytest.raises(InputError, match=r"no image has 0.15.*-0.4 to 0.4"):
        held_out_values(shifts, [0.1, 0.15])


def test_random_split_is_seeded_and_leaks_on_a_grid() -> None:
    """One seed, one split of the asked size; it shares energies with training, which the check calls a leak."""
    test = random_split(len(ENERGIES), 0.2, seed=3)
    assert test.sum() == round(0.2 * len(ENERGIES))
    assert np.array_equal(test, random_split(len(ENERGIES), 0.2, seed=3))
    assert not np.array_equal(test, random_split(len(ENERGIES), 0.2, seed=4))
    with pytest.raises(InputError, match="also in training"):
        assert_held_out(ENERGIES, test)
    with pytest.raises(InputError, match="within 2"):
        assert_held_out(ENERGIES, held_out_windows(ENERGIES, 5, 4), gap=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_split(10, 0.0), "fraction = 0.0"),
        (lambda: random_split(2, 0.1), "0 of 2 images"),
        (lambda: held_out_windows(ENERGIES, 0, 4), "width = 0"),
        (lambda: held_out_windows(ENERGIES, 5, 4, offset=4), "offset = 4"),
        (lambda: held_out_windows(ENERGIES, 500, 4), "0 of 213 images"),
        (lambda: held_out_windows(np.array([1.0, np.nan]), 1, 2), "NaN"),
        (lambda: held_out_values(np.ones(3), [1.0]), "3 of 3 images"),
    ],
)
def test_parts_without_images_are_refused(call, message: str) -> None:  # type: ignore[no-untyped-def]
    """A split that leaves one part empty, labels without a value and impossible windows are named."""
    with pytest.raises(InputError, match=message):
        call()
