"""Slip systems: directions, variants and refusals."""

import numpy as np
import pytest

from zoneaxis.crystals.defects.slip import SLIP_SYSTEMS, SlipSystem, slip_system
from zoneaxis.errors import InputError


@pytest.mark.parametrize(
    ("name", "line", "variants"),
    [("fcc", (1, -1, -2), 12), ("bcc", (1, 1, -2), 12), ("bcc-112", (-1, 1, 0), 12), ("rock-salt", (0, 0, -1), 6)],
)
def test_line_and_number_of_variants(name, line, variants):
    """The line is b x n, and the numbers of systems are those of the textbooks."""
    system = SLIP_SYSTEMS[name]
    assert system.line == line
    assert len(system.variants()) == variants
    assert system.variants()[0] == system


@pytest.mark.parametrize("name", list(SLIP_SYSTEMS))
def test_frame_is_right_handed_and_holds_b_n_and_line(name):
    """x is b, y is n, z is the line, and together they are right-handed, also in a strained cell."""
    system = SLIP_SYSTEMS[name]
    frame = system.frame(4.0 * np.eye(3))
    np.testing.assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-12)
    np.testing.assert_allclose(frame[2], np.array(system.line) / np.linalg.norm(system.line), atol=1e-12)
    strained = system.frame(4.0 * np.array([[1.03, 0, 0], [0.01, 1, 0], [0, 0, 0.98]]))
    np.testing.assert_allclose(strained @ strained.T, np.eye(3), atol=1e-12)


def test_g_dot_b_counts_the_jump():
    """g.b is a whole number for allowed reflections, 0 for those that see no jump: the line's among them."""
    system = SLIP_SYSTEMS["fcc"]
    np.testing.assert_allclose(system.g_dot_b([[2, 2, 0], [1, 1, 1], [1, -1, 1], [2, -2, -4]]), [2, 1, 0, 0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: slip_system("hcp"), "hcp"),
        (lambda: SlipSystem("x", (0.5, 0.5, 0), (1, 1, 1)), "does not lie in the plane"),
        (lambda: SlipSystem("x", (0.0, 0.0, 0), (1, 1, 1)), "not all zero"),
        (lambda: SlipSystem("x", (0.3, -0.3, 0), (1, 1, 1)), "multiples of 1/12"),
        (lambda: SlipSystem("x", (0.5, -0.5, 0), (0, 0, 0)), "plane"),
    ],
)
def test_nonsense_is_refused(call, said):
    """Systems that are none are refused by name."""
    with pytest.raises(InputError, match=said):
        call()
