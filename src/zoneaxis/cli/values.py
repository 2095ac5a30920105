"""Values: numbers that are written with commas or an x on the command line."""

from __future__ import annotations

from zoneaxis.errors import InputError


def triple(text: str, option: str) -> tuple[float, float, float]:
    """Three numbers with commas between them, such as `0.5,0.25,0.6`.

    Raises:
        InputError: another count, or something that is no number.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} {text!r}: expected three numbers with commas between them, such as 0.5,0.25,0.6"
        ) from None
    return x, y, z


def pixels(text: str, option: str) -> tuple[int, int]:
    """(rows, cols) from one side such as `128`, or from `60x80`.

    Raises:
        InputError: anything else.
    """
    try:
        sides = [int(part) for part in text.lower().split("x")]
        rows, cols = sides * 2 if len(sides) == 1 else sides
    except ValueError:
        raise InputError(
            f"{option} {text!r}: expected a side in pixels such as 128, or rows x columns such as 60x80"
        ) from None
    return rows, cols
