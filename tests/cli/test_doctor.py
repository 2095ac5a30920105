"""`zoneaxis doctor` says in one line per check what works, and fails when something needed does not."""

import importlib
import importlib.util
import subprocess

import pytest

doctor = importlib.import_module("zoneaxis.cli.doctor")  # the module; in the package stands the command of that name


def test_one_line_per_check(zoneaxis, monkeypatch):
    """Every check has its line, and all are well here."""
    monkeypatch.setitem(doctor.CHECKS, "models", lambda: ("ok", "left out here"))
    ended = zoneaxis("doctor")
    lines = ended.out.splitlines()
    assert len(lines) == len(doctor.CHECKS)
    assert ended.code == 0, ended.out
    assert all(line.split()[0] in ("ok", "note") for line in lines)


def test_a_fault_is_exit_code_1(zoneaxis, monkeypatch):
    """One check that fails is shown as a fault, the others still run, and the exit code is 1."""
    monkeypatch.setattr(doctor, "CHECKS", {"first": lambda: ("fault", "broken"), "second": lambda: ("ok", "fine")})
    ended = zoneaxis("doctor")
    assert ended.code == 1
    assert ended.out.splitlines() == ["fault first: broken", "ok    second: fine"]


@pytest.mark.parametrize(("code", "verdict"), [(0, "ok"), (1, "fault")])
def test_torchvision_is_tried_in_its_own_process(monkeypatch, code, verdict):
    """A torchvision that does not import is a fault with the advice to remove it; one that does is not."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    done = subprocess.CompletedProcess(
        [], code, "", "Traceback\nRuntimeError: operator torchvision::nms does not exist\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    found, sentence = doctor.CHECKS["torchvision"]()
    assert found == verdict
    assert ("pip uninstall torchvision" in sentence and "nms" in sentence) == bool(code)


def test_a_missing_package_is_named(monkeypatch):
    """A package that is not installed is a fault that names it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "captum" else object())
    assert doctor.CHECKS["packages"]() == ("fault", "missing: captum")
