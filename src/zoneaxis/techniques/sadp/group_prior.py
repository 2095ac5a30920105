"""Prior of the space groups: how an extinction class is shared among the groups that have it, and low contrast."""

from __future__ import annotations

import math

from zoneaxis.techniques.sadp.extinction import DIAMOND, ENANTIOMORPHS, ExtinctionClass, extinction_classes

KNOWN_GROUPS = (213, 221, 225, 227, 229)
"""The five classes of Jeong et al., RSC Adv. 14 (2024) 18489. The answer 213 stands for 212 too."""

OTHER = "other"
"""Name of the answer that it is none of the known groups."""

OTHER_WEIGHT = 0.04
"""Weight of every further cubic group against one of the known groups. Source: our choice; 30 groups weigh as much as
one known group, which most of them are rarer than."""

HIDDEN = {
    ("I", 221): 0.03,
    ("F", 221): 0.03,
    ("P", 225): 0.02,
    ("F", 227): 0.01,
    (DIAMOND, 216): 0.05,
}
"""Share of crystals of a group whose weak reflections stay below the noise, so that they look like a class with more
absences: B2 as bcc, L1_2 as fcc, rock salt of two alike scatterers as simple cubic, zinc blende as diamond.
Source: our choice; the intensity goes with the square of the contrast."""


def group_weight(group: int, known: tuple[int, ...] = KNOWN_GROUPS) -> float:
    """Prior weight of a space group, enantiomorphs counted as one."""
    return 1.0 if group in known or ENANTIOMORPHS.get(group) in known else OTHER_WEIGHT


def class_log_prior(entry: ExtinctionClass, known: tuple[int, ...] = KNOWN_GROUPS) -> float:
    """Logarithm of the prior probability of an extinction class."""
    total = sum(_class_weight(other, known) for other in extinction_classes())
    return math.log(_class_weight(entry, known) / total)


def group_shares(entry: ExtinctionClass, known: tuple[int, ...] = KNOWN_GROUPS) -> dict[int | str, float]:
    """Probability of every known group and of `other` when the class is certain: no picture decides between them."""
    weights = {group: group_weight(group, known) for group in entry.groups}
    for (name, group), share in HIDDEN.items():
        if name == entry.name:
            weights[group] = weights.get(group, 0.0) + share * group_weight(group, known)
    total = sum(weights.values())
    shares: dict[int | str, float] = dict.fromkeys(known, 0.0)
    shares[OTHER] = 0.0
    for group, weight in weights.items():
        group = ENANTIOMORPHS.get(group, group)
        shares[group if group in known else OTHER] += weight / total
    return shares


def _class_weight(entry: ExtinctionClass, known: tuple[int, ...]) -> float:
    weight = sum({ENANTIOMORPHS.get(group, group): group_weight(group, known) for group in entry.groups}.values())
    # Half of the crystals of 227 hold atoms on 8a alone or look so, the other half not.
    return weight / 2 if 227 in entry.groups else weight
