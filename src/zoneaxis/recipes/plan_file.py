"""Plan file: the TOML file of a data set, read into its plan, with one line for whatever is wrong in it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from zoneaxis.errors import InputError


class Checked(Protocol):
    """A plan that can find now what would end its run later."""

    def check(self) -> None:
        """Raise InputError for what cannot be."""
        ...


Plan = TypeVar("Plan", bound=Checked)


def read(path: str | Path, planned: Callable[[Mapping[str, Any]], Plan]) -> Plan:
    """The plan that `planned` makes of the file's tables, checked.

    Raises:
        InputError: a file that is no TOML, a faulty entry, with the file's name before it; see also the plan's `check`.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
        raise InputError(f"{path}: not a readable recipe ({str(reason).splitlines()[0]})") from None
    try:
        plan = planned(values)
        plan.check()
    except InputError as reason:
        raise InputError(f"{path}: {reason}") from None
    except (AttributeError, TypeError, ValueError) as reason:
        raise InputError(f"{path}: an entry is of the wrong kind ({str(reason).splitlines()[0]})") from None
    return plan
