"""Values: numbers that are written with commas, colons or an x on the command line."""

from __future__ import annotations

from zoneaxis.errors import InputError

LONGEST_SERIES = 10_000


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


def indices(text: str, option: str) -> tuple[int, int, int]:
    """Three whole numbers with commas between them, such as `0,0,1`.

    Raises:
        InputError: another count, or something that is no whole number.
    """
    try:
        first, second, third = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} {text!r}: expected three whole numbers with commas between them, such as 0,0,1"
        ) from None
    return first, second, third


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


def pair(text: str, option: str) -> tuple[int, int]:
    """Two whole numbers with a comma between them, such as `1,0`.

    Raises:
        InputError: another count, or something that is no whole number.
    """
    try:
        h, k = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} {text!r}: expected two whole numbers with a comma between, such as 1,0") from None
    return h, k


def pair_of_numbers(text: str, option: str) -> tuple[float, float]:
    """Two numbers with a comma between them, such as `0.5,-2`.

    Raises:
        InputError: another count, or something that is no number.
    """
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} {text!r}: expected two numbers with a comma between, such as 0.5,-2") from None
    return x, y


def series(text: str, option: str) -> list[float]:
    """Numbers in a row: one such as `60`, several such as `30,40,50`, or first:last:step such as `30:95:5`.

    Raises:
        InputError: something that is no number, or steps that do not lead from first to last.
    """
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        first, last, step = (float(part) for part in text.split(":"))
        steps = round((last - first) / step)
    except (ValueError, ArithmeticError):
        raise InputError(
            f"{option} {text!r}: expected a number such as 60, several such as 30,40,50, or first:last:step such as "
            "30:95:5"
        ) from None
    if not 0 <= steps < LONGEST_SERIES or abs(first + steps * step - last) > 1e-6 * abs(step):
        raise InputError(
            f"{option} {text!r}: steps of {step:g} do not lead from {first:g} to {last:g} in fewer than "
            f"{LONGEST_SERIES} values, such as 30:95:5"
        )
    return [round(first + step * number, 9) for number in range(steps + 1)]
