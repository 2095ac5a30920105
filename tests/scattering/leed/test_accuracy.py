"""Accuracy: presets, and the angular momenta they ask for."""

import pytest

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.accuracy import PRESETS, Accuracy, accuracy


def test_presets_become_stricter():
    """From preview to reference no limit becomes wider."""
    ordered = [PRESETS[name] for name in ("preview", "balanced", "reference")]
    for loose, strict in zip(ordered[:-1], ordered[1:], strict=True):
        assert strict.beams <= loose.beams and strict.sums <= loose.sums and strict.doubling <= loose.doubling
        assert strict.extra_l >= loose.extra_l
        assert strict != loose


@pytest.mark.parametrize(
    ("wave_number", "extra", "expected"), [(3.2, 0.5, 5), (4.0, 0.5, 6), (5.1, 0.5, 7), (5.1, 2.0, 8), (0.5, 0.0, 2)]
)
def test_angular_momenta_follow_the_wave(wave_number, extra, expected):
    """l_max is k R_MT and the margin, rounded up together, and at least 2: 5, 6, 7 for silicon at 30, 50, 90 eV."""
    assert Accuracy(1e-3, 1e-3, 1e-3, extra).l_max(wave_number, 1.176) == expected


def test_fixed_angular_momentum():
    """A number given by hand holds at every energy."""
    assert Accuracy(1e-3, 1e-3, 1e-3, 0.5, fixed_l=4).l_max(9.0, 1.5) == 4


def test_by_name_or_by_hand():
    """A name gives its preset, an accuracy itself; another name is refused in one line that lists the names."""
    own = Accuracy(1e-3, 1e-3, 1e-3, 0.5)
    assert accuracy(own) is own
    assert accuracy("balanced") is PRESETS["balanced"]
    with pytest.raises(InputError, match="accuracy 'best' is not one of preview, balanced, reference") as caught:
        accuracy("best")
    assert "\n" not in str(caught.value)
