"""Curves of the SADP study: drawn from any rows, and refused without."""

import importlib
from typing import Any

import pytest

from zoneaxis.errors import InputError
from zoneaxis.interpret.ensemble import PooledAccuracy, wilson
from zoneaxis.studies.sadp_defects import curves

PNG = b"\x89PNG\r\n"


class Stub:
    """Stands for a row or a detection: what is read from it."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def accuracy(pooled: int, share: float) -> PooledAccuracy:
    """Of 40 sets of pictures of 10 crystals."""
    low, high = wilson(40 * share, 40)
    return PooledAccuracy(pooled, share, low, high, 40, 10, low, high)


def row(test: str, reader: str, share: float) -> Any:
    """One reader on one test, better with more zones."""
    return Stub(test=test, reader=reader, accuracies=tuple(accuracy(n, share + 0.01 * n) for n in (1, 4, 16)))


def detection(kind: str, score: str, pooled: int, area: float) -> Any:
    """One score for one kind of stranger."""
    return Stub(kind=kind, score=score, pooled=pooled, auroc=area, low=area - 0.1, high=min(1.0, area + 0.1))


def test_accuracy_over_strain_is_drawn_beside_the_paper() -> None:
    """Any order of strengths gives the same picture; a model without points is left out."""
    points = [(strength, 0.9 - 5 * strength, 0.8 - 5 * strength, 0.95 - 5 * strength) for strength in (0.0, 0.03, 0.06)]
    first = curves.strain_curve({"clean": points, "none": []}, curves.PAPER_STRETCH, "strain")
    assert first.startswith(PNG)
    assert first == curves.strain_curve({"clean": points[::-1]}, curves.PAPER_STRETCH, "strain")
    assert first != curves.strain_curve({"clean": points}, None, "strain")
    with pytest.raises(InputError, match="no points"):
        curves.strain_curve({"clean": []}, curves.PAPER_SHEAR, "shear [rad]")


def test_paper_curves_hold_what_the_paper_reports() -> None:
    """Flat up to 2.5 % and below 80 % beyond 3.5 %; 69.8 % at a shear of 0.03 rad."""
    assert curves.PAPER_STRETCH.flat_to == 0.025
    assert curves.PAPER_STRETCH.below == (0.035, 0.8)
    assert curves.PAPER_SHEAR.points[-1] == pytest.approx((0.03, 0.698))
    assert all(0 < value < 100 for value in curves.PAPER.values())


def test_accuracy_over_zones_has_a_panel_for_each_test() -> None:
    """Five tests and two readers fill two lines of panels; one test alone is drawn too."""
    rows = [row(f"test {number}", reader, 0.5) for number in range(5) for reader in ("clean", "aware")]
    assert curves.pooled_curve(rows).startswith(PNG)
    assert curves.pooled_curve(rows[:1]).startswith(PNG)
    with pytest.raises(InputError, match="no rows"):
        curves.pooled_curve([])


def test_bars_of_unknown_crystals_take_the_most_zones() -> None:
    """Unless a number of zones is asked for, that with the most zones is drawn."""
    rows = [detection(kind, score, n, 0.8) for n in (1, 16) for kind in ("198", "205") for score in ("energy", "fit")]
    most = curves.unknown_bars(rows)
    assert most.startswith(PNG)
    assert most == curves.unknown_bars(rows, pooled=16)
    assert most != curves.unknown_bars(rows, pooled=1)
    with pytest.raises(InputError, match="no rows with 4"):
        curves.unknown_bars(rows, pooled=4)


def test_rows_and_detections_have_what_is_drawn() -> None:
    """The fields that the stand-ins above have are those of the study's own rows."""
    for module, name, fields in (
        ("rows", "Row", ("test", "reader", "accuracies")),
        ("strangers", "Detection", ("kind", "score", "pooled", "auroc", "low", "high")),
    ):
        found = getattr(importlib.import_module(f"zoneaxis.studies.sadp_defects.{module}"), name)
        assert set(fields) <= set(found.__dataclass_fields__)
