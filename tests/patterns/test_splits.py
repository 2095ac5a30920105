"""Splits: groups stay together, shares are met, a leak is refused."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneaxis.errors import InputError
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.patterns.splits import assert_no_leak, split


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
