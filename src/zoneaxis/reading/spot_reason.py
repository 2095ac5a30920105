"""Spot reason: why a lattice fit answers as it does, and what no picture of it can tell apart, in words."""

from __future__ import annotations

from zoneaxis.techniques.sadp.extinction import ENANTIOMORPHS
from zoneaxis.techniques.sadp.lattice_fit import LatticeFit


def spot_reason(fit: LatticeFit) -> str:
    """One sentence: extinction class, every space group that shares it, zones, and what cannot be told apart."""
    if fit.best_class is None:
        return fit.reason
    parts = [fit.reason]
    groups = ", ".join(str(group) for group in fit.groups)
    if groups not in fit.reason:
        parts.append(f"absences of {fit.best_class}, shared by {groups}")
    zones = [f"[{''.join(map(str, entry.zone))}]" for entry in fit.pictures if entry.zone is not None]
    if zones:
        parts.append(f"zones {' '.join(dict.fromkeys(zones))}")
    parts += _undecided(fit)
    return "; ".join(parts)


def _undecided(fit: LatticeFit) -> list[str]:
    """What the pictures leave open."""
    told = []
    if len(fit.groups) > 1:
        told.append("positions of spots do not tell these groups apart")
    if any(group in ENANTIOMORPHS or group in ENANTIOMORPHS.values() for group in fit.groups):
        told.append("212 and 213 are mirror images")
    if fit.undecided and len(fit.undecided) < len(fit.pictures):
        told.append(f"pictures {', '.join(map(str, fit.undecided))} alone would not decide")
    elif fit.undecided and len(fit.pictures) > 1:
        told.append("no picture alone would decide")
    if fit.a_angstrom is None:
        told.append("without camera length neither a nor an even strain is known")
    return told
