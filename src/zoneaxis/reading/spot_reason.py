"""Spot reason: why pictures of spots are read as they are, and what none of them can tell apart, in words."""

from __future__ import annotations

from zoneaxis.reading.spot_verdict import SpotVerdict
from zoneaxis.techniques.sadp.extinction import ENANTIOMORPHS
from zoneaxis.techniques.sadp.lattice_fit import OTHER, LatticeFit


def spot_reason(verdict: SpotVerdict) -> str:
    """One sentence: extinction class, all space groups that share it, zones, what cannot be told apart, the network."""
    fit = verdict.fit
    if fit.best_class is None:
        return "; ".join([fit.reason, *_network(verdict)])
    parts = [fit.reason]
    groups = ", ".join(str(group) for group in fit.groups)
    if groups not in fit.reason:
        parts.append(f"absences of {fit.best_class}, shared by {groups}")
    zones = [f"[{''.join(map(str, entry.zone))}]" for entry in fit.pictures if entry.zone is not None]
    if zones:
        parts.append(f"zones {' '.join(dict.fromkeys(zones))}")
    return "; ".join([*parts, *_undecided(fit), *_network(verdict)])


def _network(verdict: SpotVerdict) -> list[str]:
    """What the network says of it; nothing where there is none."""
    if verdict.model is None:
        return []
    best = verdict.best_proposed
    if verdict.proposed is None or best is None:
        return ["without camera length the network is silent"]
    if verdict.doubted:
        return [f"the network takes it for none of the known groups ({verdict.proposed[OTHER]:.2f})"]
    says = f"{best.label} ({best.probability:.2f})"
    if verdict.agreement is None:
        return [f"the network alone says {says}"]
    if verdict.agreement:
        return [f"the network agrees with {says}"]
    return [f"the network says {says}, the lattice {verdict.of_lattice[0].label}"]


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
