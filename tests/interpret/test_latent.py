"""Latent space: a folded sheet is unrolled, its dimension is found, equal codes break nothing."""

import time

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.interpret.latent import hessian_map, intrinsic_dimension, latent_map


def roll(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, 5) on a sheet rolled up in space and turned into five dimensions, and the places (n, 2) on it."""
    generator = np.random.default_rng(seed)
    places = generator.uniform(0, 1, (n, 2))
    angle = 1.5 * np.pi * (1 + 1.5 * places[:, 0])
    rolled = np.stack([angle * np.cos(angle), angle * np.sin(angle), 12 * places[:, 1]], axis=1)
    turn = np.linalg.qr(generator.standard_normal((5, 5)))[0][:3]
    return rolled @ turn, places


def explained(coordinates: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Share of the variance of each place that a linear function of the coordinates explains."""
    design = np.column_stack([coordinates, np.ones(len(coordinates))])
    rest = places - design @ np.linalg.lstsq(design, places, rcond=None)[0]
    return 1 - rest.var(0) / places.var(0)


def test_rolled_sheet_is_unrolled() -> None:
    """Two coordinates of the map are a linear image of the places on the sheet, which the codes are not."""
    codes, places = roll(1000)
    begun = time.perf_counter()
    found = latent_map(codes, neighbours=12, dimensions=2)
    print(f"unrolled: {explained(found.coordinates, places)}, codes: {explained(codes, places)}")
    print(f"1000 codes in {time.perf_counter() - begun:.1f} s")
    assert found.method == "hessian" and found.neighbours == 12
    assert (explained(found.coordinates, places) > 0.85).all()
    assert explained(codes, places)[0] < 0.5


def test_map_is_seeded_and_has_three_dimensions() -> None:
    """The default has three coordinates of mean 0 and deviation 1, the same every time."""
    codes, _ = roll(300)
    first = hessian_map(codes, neighbours=12)
    assert first.shape == (300, 3)
    assert np.allclose(first.mean(0), 0, atol=1e-9) and np.allclose(first.std(0), 1)
    assert np.array_equal(first, hessian_map(codes, neighbours=12))


def test_equal_codes_break_nothing() -> None:
    """Codes that occur many times still get finite coordinates, by Isomap if need be; the method is stated."""
    codes = np.repeat(roll(60)[0], 5, axis=0)
    found = latent_map(codes, neighbours=15)
    assert found.method in ("hessian", "isomap") and np.isfinite(found.coordinates).all()


@pytest.mark.parametrize("method", ["levina_bickel", "two_nn"])
def test_dimension_of_a_sheet_is_found(method: str) -> None:
    """One, two and three numbers in eight dimensions are counted to 10 %."""
    generator = np.random.default_rng(0)
    for truth in (1, 2, 3):
        codes = generator.uniform(size=(1500, truth)) @ generator.standard_normal((truth, 8))
        found = intrinsic_dimension(codes, method)
        print(f"{method}: {found:.2f} of {truth}")
        assert found == pytest.approx(truth, rel=0.1)
    assert intrinsic_dimension(roll(1500)[0], method) == pytest.approx(2, rel=0.15)
    repeated = np.concatenate([codes, codes])
    assert intrinsic_dimension(repeated, method) == intrinsic_dimension(codes, method)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: latent_map(np.zeros((50, 4)), neighbours=9), "neighbours = 9 is outside 10 to 49"),
        (lambda: latent_map(np.zeros((50, 4)), neighbours=50), "neighbours = 50"),
        (lambda: latent_map(np.zeros((50, 2))), "dimensions = 3 is outside 1 to 2"),
        (lambda: latent_map(np.full((50, 4), np.nan)), "NaN"),
        (lambda: intrinsic_dimension(np.zeros((50, 4))), "outside 2 to 0"),
        (lambda: intrinsic_dimension(np.eye(4), "box"), "box"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    """Too few or too many neighbours, more dimensions than the codes have, and NaN are named."""
    with pytest.raises(InputError, match=words):
        call()
