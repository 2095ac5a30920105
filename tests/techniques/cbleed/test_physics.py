"""Presets of potentials and vibration, and what is refused."""

import pytest

from zoneaxis.errors import InputError
from zoneaxis.techniques.cbleed.physics import ELEMENTS, Physics


def test_presets() -> None:
    """`paper` and `physical` have the potentials they are known for; only what is said is changed."""
    paper, physical = Physics.preset("paper"), Physics.preset("physical")
    assert (paper.inner_potential_ev, paper.imaginary_potential_ev) == (5.0, 10.0)
    assert (physical.inner_potential_ev, physical.imaginary_potential_ev) == (10.0, 4.0)
    changed = Physics.preset("paper", temperature_k=100.0, accuracy=None)
    assert (changed.temperature_k, changed.accuracy, changed.inner_potential_ev) == (100.0, "balanced", 5.0)


def test_silicon_vibrates_as_measured() -> None:
    """u = 0.075 Å at 293 K; the factor on the amplitude enters squared; cold atoms vibrate less."""
    u_squared = Physics().medium(("Si",)).u_squared["Si"]
    assert u_squared**0.5 == pytest.approx(0.075, abs=1e-3)
    assert Physics(vibration_factor=1.4).medium(("Si",)).u_squared["Si"] == pytest.approx(1.96 * u_squared)
    assert Physics(temperature_k=10.0).medium(("Si",)).u_squared["Si"] < 0.5 * u_squared
    print(f"u of silicon at 293 K: {u_squared**0.5:.4f} Å")


def test_medium_is_made_once() -> None:
    """The same physics and elements, in any order and number, share one medium."""
    assert Physics().medium(("Si", "Si")) is Physics().medium(("Si",))
    assert Physics().medium(("Si",)) is not Physics(temperature_k=100.0).medium(("Si",))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inner_potential_ev": -1.0}, "inner_potential_ev = -1"),
        ({"imaginary_potential_ev": 0.0}, "imaginary_potential_ev = 0"),
        ({"temperature_k": float("nan")}, "temperature_k = nan"),
        ({"vibration_factor": 5.0}, "vibration_factor = 5"),
    ],
)
def test_values_out_of_range(changes: dict[str, float], says: str) -> None:
    """Potentials, temperature and vibration out of range are named with their value."""
    with pytest.raises(InputError, match=says):
        Physics.preset("paper", **changes).medium(("Si",))


def test_unknown_names() -> None:
    """An unknown preset, and an element without phase shifts, are answered with those there are."""
    with pytest.raises(InputError, match="paper, physical"):
        Physics.preset("ideal")
    with pytest.raises(InputError, match=", ".join(ELEMENTS)):
        Physics().medium(("Si", "Au"))
