"""Specimen and experiment in, patterns out: one folder a technique, none imports a sibling."""

from __future__ import annotations

from importlib import resources


def names() -> list[str]:
    """The techniques there are, found by walking the folders."""
    here = resources.files(__package__)
    return sorted(entry.name for entry in here.iterdir() if entry.is_dir() and (entry / "__init__.py").is_file())
