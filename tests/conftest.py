"""Conditions shared by all tests: one thread per process, and the way to the measured data."""

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"
NO_SHARED = "needs the measured data in ../shared beside the project"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with measured patterns and crystal files, beside the project; the test is skipped without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


@pytest.fixture(scope="session")
def project() -> Path:
    """Root of the checkout."""
    return PROJECT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the figures that passing tests printed, and say how many tests did not run for lack of data."""
    figures = [
        (report.nodeid.split("::")[-1], line)
        for report in terminalreporter.stats.get("passed", [])
        if report.when == "call"
        for line in report.capstdout.splitlines()
        if line.strip()
    ]
    if figures:
        terminalreporter.section("figures reached")
        for test, line in figures:
            terminalreporter.write_line(f"{test}: {line}")
    lacking = [report for report in terminalreporter.stats.get("skipped", []) if NO_SHARED in str(report.longrepr)]
    if lacking:
        terminalreporter.write_line(f"{len(lacking)} tests skipped: {NO_SHARED}", yellow=True)
