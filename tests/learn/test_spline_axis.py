"""Cubic interpolation along an axis, against polynomials and SciPy."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from zoneaxis.errors import InputError
from zoneaxis.learn.spline_axis import SplineAxis

UNEVEN = np.array([0.0, 0.4, 1.0, 1.1, 2.0, 2.7, 3.0])


def evaluate(axis: SplineAxis, values: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients = axis.coefficients(values, 0)
    first, weights = axis.weights(x)
    read = (weights * coefficients[first[:, None] + np.arange(axis.degree + 1)][:, None]).sum(-1)
    return read[:, 0], read[:, 1]


@pytest.mark.parametrize("nodes", [UNEVEN, UNEVEN[:4], UNEVEN[:3], UNEVEN[:2], np.arange(30.0, 40.0)])
def test_polynomials_of_its_degree_are_exact(nodes):
    """Value and slope of a polynomial of the spline's degree, at the nodes, between them and at both ends."""
    axis = SplineAxis("x", nodes)
    polynomial = np.polynomial.Polynomial([0.3, -1.0, 0.7, 0.2][: axis.degree + 1])
    x = np.sort(np.r_[nodes, np.linspace(nodes[0], nodes[-1], 41)])
    value, slope = evaluate(axis, polynomial(nodes), x)
    assert value == pytest.approx(polynomial(x), rel=1e-9, abs=1e-9)
    assert slope == pytest.approx(polynomial.deriv()(x), rel=1e-8, abs=1e-8)


def test_agrees_with_scipy():
    """Value and slope of SciPy's not-a-knot spline through random values."""
    values = np.random.default_rng(0).normal(size=len(UNEVEN))
    x = np.linspace(0.0, 3.0, 101)
    value, slope = evaluate(SplineAxis("x", UNEVEN), values, x)
    theirs = make_interp_spline(UNEVEN, values, k=3)
    assert value == pytest.approx(theirs(x), abs=1e-12)
    assert slope == pytest.approx(theirs(x, 1), abs=1e-11)


def test_node_values_come_back():
    """Coefficients turned into node values are the values, whichever axis of the array it is."""
    axis, values = SplineAxis("x", UNEVEN), np.random.default_rng(0).normal(size=(3, len(UNEVEN), 2))
    assert axis.values(axis.coefficients(values, 1), 1) == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("nodes", [[1.0], [0.0, 1.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_nodes_that_are_no_axis(nodes):
    """One node, doubles, NaN and a table are refused with the name of the axis."""
    with pytest.raises(InputError, match="axis energy"):
        SplineAxis("energy", np.array(nodes))
