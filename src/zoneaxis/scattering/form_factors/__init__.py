"""Elastic electron form factors f(s) of neutral atoms, first Born approximation.

Four published parametrisations differ by about 1 % at s = 0.5 1/angstrom and up to 6 % at s = 0: the choice is a
systematic error as large as many others, so it is an argument and is stored with every result.
"""

from __future__ import annotations

import csv
import functools
from importlib import resources

import torch

from zoneaxis.errors import InputError

TABLES = ("weickenmeier-kohl", "lobato", "kirkland", "peng")
MOTT_TAIL = 0.023934
"""m0 e^2 / (8 pi^2 eps0 hbar^2) ... in 1/angstrom: f(s) -> MOTT_TAIL (Z - f_x(s)) / s^2 for large s."""


@functools.cache
def _read(table: str) -> dict[int, tuple[float, ...]]:
    """Coefficients of one table by atomic number, as printed in the CSV file that names its source."""
    file = resources.files(__package__) / (table.replace("-", "_") + ".csv")
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return {int(row[0]): tuple(map(float, row[2:])) for row in list(csv.reader(lines))[1:]}


@functools.cache
def _coefficients(atomic_number: int, table: str) -> tuple[float, ...]:
    if table not in TABLES:
        raise InputError(f"form factor table {table!r}: expected one of {', '.join(TABLES)}")
    if table == "peng":
        import gemmi

        gaussians = gemmi.Element(atomic_number).c4322
        return (*gaussians.a, *gaussians.b)
    try:
        return _read(table)[atomic_number]
    except KeyError:
        raise InputError(f"form factor table {table!r} has no element with Z = {atomic_number}") from None


def elastic(atomic_number: int, s_squared: torch.Tensor, table: str = "weickenmeier-kohl") -> torch.Tensor:
    """Form factor f(s) [angstrom] of a neutral atom at rest, electron with its rest mass.

    Smooth in s^2, so differentiable in cell parameters. Limits: f -> MOTT_TAIL Z / s^2 for large s (not `peng`,
    valid to s = 2 1/angstrom only).

    Args:
        atomic_number: Z.
        s_squared: (sin theta / lambda)^2 = |g|^2 / 4 [1/angstrom^2], any shape.
        table: one of `TABLES`.

    Raises:
        InputError: unknown table, or an element that the table does not hold.

    Source: the CSV files beside this one; `peng` is International Tables C 4.3.2.2 as in gemmi.
    """
    values = s_squared.new_tensor(_coefficients(atomic_number, table))
    s2 = s_squared.unsqueeze(-1)
    q2 = 4.0 * s2
    if table == "weickenmeier-kohl":
        a, b = values[:4], values[4:]
        x = b * s2
        series = a * b * (1.0 - 0.5 * x + x * x / 6.0)
        exact = a * (-torch.expm1(-x)) / s2.clamp_min(1e-12)
        return torch.where(x < 1e-3, series, exact).sum(-1)
    if table == "lobato":
        a, b = values[:5], values[5:]
        return (a * (2.0 + b * q2) / (1.0 + b * q2) ** 2).sum(-1)
    if table == "kirkland":
        a, b, c, d = values[:3], values[3:6], values[6:9], values[9:]
        return (a / (q2 + b) + c * torch.exp(-d * q2)).sum(-1)
    a, b = values[:5], values[5:]
    return (a * torch.exp(-b * s2)).sum(-1)
