"""The program as a whole: help, exit codes, and one line for whatever the user got wrong."""

import pytest

from zoneaxis import __version__
from zoneaxis.errors import InputError
from zoneaxis.techniques import simulate

COMMANDS = (
    "simulate",
    "simulate ebsd",
    "simulate ebsd-master",
    "generate",
    "train",
    "identify",
    "watch",
    "study",
    "list",
    "demo",
    "doctor",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(zoneaxis, command):
    """`--help` of each command leaves with 0 and holds an example that begins with the program's name."""
    shown = zoneaxis(*command.split(), "--help")
    assert shown.code == 0
    assert f"Example: zoneaxis {command.split()[0]}" in " ".join(shown.out.split())


def test_version(zoneaxis):
    """`--version` says the version of the package and nothing else."""
    assert zoneaxis("--version").out == f"zoneaxis {__version__}\n"


def test_bad_input_is_one_line(zoneaxis, monkeypatch, tmp_path):
    """An InputError of several lines comes out as one on stderr, with exit code 2 and an empty stdout."""

    def fail(*_, **__):
        raise InputError("crystal 'X':\n  unknown")

    monkeypatch.setattr(simulate, "simulate", fail)
    ended = zoneaxis("simulate", "ebsd", "X", "-o", tmp_path / "x.npz")
    assert (ended.code, ended.out, ended.err) == (2, "", "zoneaxis: crystal 'X': unknown\n")


def test_the_unexpected_is_not_swallowed(monkeypatch, tmp_path):
    """An error of the program itself keeps its type and traceback."""
    from zoneaxis.cli import app

    monkeypatch.setattr(simulate, "simulate", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app(["simulate", "ebsd", "Ni", "-o", str(tmp_path / "x.npz")])


def test_interruption_leaves_with_130(zoneaxis, monkeypatch, tmp_path):
    """Ctrl-C ends with exit code 130 and a line that says what was kept."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "simulate", interrupt)
    ended = zoneaxis("simulate", "ebsd", "Ni", "-o", tmp_path / "x.npz")
    assert (ended.code, ended.err) == (130, "zoneaxis: interrupted; nothing was written\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [("--euler-deg", "1,2"), ("--pattern-centre", "a,b,c"), ("--size", "60x80x3"), ("--size", "big")],
)
def test_numbers_that_are_none_are_named(zoneaxis, tmp_path, option, value):
    """A malformed number is answered with its option, its value and an example."""
    ended = zoneaxis("simulate", "ebsd", "Ni", option, value, "-o", tmp_path / "x.npz")
    assert ended.code == 2
    assert option in ended.err
    assert repr(value) in ended.err
    assert "such as" in ended.err
