"""Ceiling of the SADP study: templates know their own patterns through the camera, and alike pairs are found."""

from pathlib import Path

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.recipes.sadp_classes import SADPClasses
from zoneaxis.studies.sadp_defects import ceiling

SIZE, STEP = 64, 0.03
CLASSES = SADPClasses(groups=(221, 225, 229), zones=((0, 0, 1), (0, 1, 1)))


def picture(edge: float, angle: float, turn: float, step: float = STEP) -> np.ndarray:
    """Spots of a net of two vectors of length 1/edge at an angle, turned, fading outwards."""
    first = np.array([np.cos(turn), np.sin(turn)]) / edge
    second = np.array([np.cos(turn + angle), np.sin(turn + angle)]) / edge
    across = (np.arange(SIZE) - (SIZE - 1) / 2) * step
    x, y = np.meshgrid(across, across)
    spots = np.zeros((SIZE, SIZE))
    for h in range(-8, 9):
        for k in range(-8, 9):
            g = h * first + k * second
            height = np.exp(-((h / 2) ** 2) - (k / 3) ** 2 - 0.5 * (g @ g))
            spots += height * np.exp(-((x - g[0]) ** 2 + (y - g[1]) ** 2) / (2 * (0.7 * STEP) ** 2))
    return spots.astype(np.float32)


SHORTEST = {221: 1.0, 225: 2.0, 229: 2.0**0.5}
"""Length of the shortest reflection of zone [001], in units of 1/a."""


def stored(path: Path, nets: list[tuple[float, float]], **labels: list[int]) -> StoredPatterns:
    """Patterns of given nets (edge, angle), each at a turn of its own; cells such that 1/edge is their shortest g."""
    stack = np.stack([picture(edge, angle, 0.4 + place) for place, (edge, angle) in enumerate(nets)])
    np.save(path, stack)
    n = len(nets)
    told = {name: np.array(values) for name, values in labels.items()}
    told |= {
        "per_angstrom_per_px": np.full(n, STEP),
        "structure": np.arange(n),
        "lattice_parameter_angstrom": np.array(
            [edge * SHORTEST[group] for (edge, _), group in zip(nets, labels["space_group"], strict=True)]
        ),
    }
    return StoredPatterns(str(path), np.arange(n), CLASSES.numbers(told), told)


@pytest.fixture
def several(tmp_path: Path) -> StoredPatterns:
    """Twelve crystals of three groups, two zones, all different."""
    nets = [(3.5 + 0.25 * place, 1.57 - 0.04 * place) for place in range(12)]
    groups = [CLASSES.groups[place % 3] for place in range(12)]
    zones = [(place // 3) % 2 for place in range(12)]
    return stored(tmp_path / "several.npy", nets, space_group=groups, u=[0] * 12, v=zones, w=[1] * 12)


def test_own_templates_are_found_through_turn_and_camera(several: StoredPatterns) -> None:
    """With each pattern's own template at hand, nearly all groups are right; correlations are those of a good match."""
    found = ceiling.ceiling_answers(several, several, CLASSES, seed=3)
    truth = CLASSES.group_numbers(several.labels)
    right = found["probabilities"].argmax(1) == truth
    print(f"{right.sum()} of {len(right)} right, median correlation {np.median(found['correlations'].max(1)):.2f}")
    assert found["probabilities"].shape == (12, 3)
    assert np.allclose(found["probabilities"].sum(1), 1, atol=1e-5)
    assert right.sum() >= 11


def test_answers_depend_on_seed_and_place_alone(several: StoredPatterns) -> None:
    """Two halves by themselves, and templates prepared before, give what one call gives; another seed does not."""
    whole = ceiling.ceiling_answers(several, several, CLASSES, seed=3)
    prepared = ceiling.prepared_templates(several)
    halves = [
        ceiling.ceiling_answers(several, several, CLASSES, 3, chosen=part, prepared=prepared)
        for part in (np.arange(5), np.arange(5, 12))
    ]
    assert np.array_equal(np.concatenate([half["places"] for half in halves]), whole["places"])
    joined = np.concatenate([half["correlations"] for half in halves])
    assert np.allclose(joined, whole["correlations"], atol=1e-5)
    other = ceiling.ceiling_answers(several, several, CLASSES, seed=4)
    assert not np.allclose(other["correlations"], whole["correlations"], atol=1e-3)


def test_impossible_requests_are_refused(several: StoredPatterns) -> None:
    """A group without template, a place that there is not, templates that do not fit, too few for a temperature."""
    with pytest.raises(InputError, match="no template of group 227"):
        ceiling.ceiling_answers(several, several, SADPClasses(groups=(221, 227)), 0)
    with pytest.raises(InputError, match="there are 12"):
        ceiling.ceiling_answers(several, several, CLASSES, 0, chosen=np.array([12]))
    with pytest.raises(InputError, match="3 prepared"):
        ceiling.ceiling_answers(several, several, CLASSES, 0, prepared=np.zeros((3, 64, 64)))
    with pytest.raises(InputError, match="at least 20"):
        ceiling.fitted_temperature(several, several, CLASSES, 0)
    with pytest.raises(InputError, match="limit"):
        ceiling.alike(several, CLASSES, limit=1.0)


def test_temperature_is_lower_where_templates_know_better(
    several: StoredPatterns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Templates of the very patterns may be believed more than those of other crystals."""
    monkeypatch.setattr(ceiling, "LEAST_CALIBRATED", 4)
    half = [np.arange(12) % 2 == part for part in (0, 1)]
    parts = [
        StoredPatterns(
            several.stack,
            several.places[of],
            several.material[of],
            {name: values[of] for name, values in several.labels.items()},
        )
        for of in half
    ]
    own = ceiling.fitted_temperature(parts[0], parts[0], CLASSES, 1)
    others = ceiling.fitted_temperature(parts[1], parts[0], CLASSES, 1)
    print(f"temperature {own:.1f} with own templates, {others:.1f} with those of other crystals")
    assert own < others


def test_pairs_that_look_alike_are_listed(tmp_path: Path) -> None:
    """The same net in two groups is alike at once, a magnified one at any size only, another angle never."""
    nets = [(4.0, 1.57), (4.0, 1.57), (5.2, 1.57), (4.0, 1.25)]
    same = stored(tmp_path / "alike.npy", nets, space_group=[221, 225, 229, 229], u=[0] * 4, v=[0] * 4, w=[1] * 4)
    known = {row.groups: row for row in ceiling.alike(same, CLASSES, limit=0.9)}
    assert set(known) == {(221, 225), (221, 229), (225, 229), (221, 221), (225, 225), (229, 229)}
    assert known[221, 225].share == 1.0
    assert known[221, 225].best > 0.97
    assert known[221, 229].share == 0.0
    assert known[221, 221].share == 0.0  # there is no other crystal of the group
    wider = ceiling.alike(same, SADPClasses(groups=(221, 229), zones=((0, 0, 1),)), limit=0.9, any_size=True)
    of = {row.groups: row for row in wider}
    print(f"net 1.3 times as wide: correlation {known[221, 229].best:.2f} in 1/Å, {of[221, 229].best:.2f} at any size")
    assert of[221, 229].best > max(known[221, 229].best, 0.9)
    assert of[221, 229].share == pytest.approx(2 / 3)


def test_table_of_alike_pairs_has_a_line_for_each_zone() -> None:
    """Shares in per cent with the best correlation, the same group in the last column, all zones in the last line."""
    rows = [
        ceiling.Alike((0, 0, 1), (221, 225), 0.5, 0.99, 4),
        ceiling.Alike((0, 0, 1), (221, 221), 0.2, 0.985, 4),
        ceiling.Alike((0, 1, 1), (221, 225), 0.1, 0.981, 4),
    ]
    lines = ceiling.alike_table(rows).splitlines()
    assert lines[0] == "| zone | 221, 225 | same group |"
    assert lines[2:] == [
        "| [001] | 50 (0.99) | 20 (0.98) |",
        "| [011] | 10 (0.98) | – |",
        "| all | 30 (0.99) | 20 (0.98) |",
    ]
