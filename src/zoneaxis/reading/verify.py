"""Verify: what the matching of simulated patterns says about groups of crystals, such as space groups.

The best crystal of each group speaks for it. An NCC alone says little - a wrong crystal with similar bands reaches
much of it - so the best group is held against the best competing one, and against how alike the two simulated
patterns are: where they are nearly the same, the pattern cannot decide and the answer is a set.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.reading.match import Match


@dataclass(frozen=True)
class Verification:
    """Groups compared, for n patterns and g groups (sorted names in `groups`).

    ncc (n, g): best NCC within each group; crystal (n, g): index into the match's crystals that reached it;
    best (n,): index of the best group; margin (n,): its NCC above the best competing group's; likeness (n, g): NCC
    between the simulated pattern of the best group and that of each group, 1 for the best itself.
    """

    groups: tuple[str, ...]
    ncc: Tensor
    crystal: Tensor
    best: Tensor
    margin: Tensor
    likeness: Tensor

    def significance(self, independent_pixels: float) -> Tensor:
        """By how many standard errors (n, g) the best group's NCC exceeds each group's; 0 for the best itself.

        Two correlations r1, r2 with the same noisy pattern, of templates with correlation r12, differ by chance by
        about sqrt((2 (1 - r12)(1 - r²)) / N), r their mean, N the number of independent pixels. Model errors are not
        in it, so it is a lower bound of the doubt. Source: Steiger (1980), Psychol. Bull. 87, 245, large-sample limit.
        """
        top = self.ncc.gather(1, self.best[:, None])
        mean = 0.5 * (top + self.ncc)
        error = (2 * (1 - self.likeness).clamp(min=1e-6) * (1 - mean.square()) / independent_pixels).sqrt()
        return (top - self.ncc) / error

    def compatible(self, within: float) -> list[tuple[str, ...]]:
        """For every pattern the groups whose NCC is no more than `within` below the best, best first."""
        answers = []
        for row in self.ncc:
            order = row.argsort(descending=True).tolist()
            answers.append(tuple(self.groups[i] for i in order if row[i] >= row[order[0]] - within))
        return answers


def verify(match: Match, group_of: Mapping[str, str]) -> Verification:
    """Compare groups of crystals by a match; `group_of` names the group of every crystal.

    Limits: with one group the margin is that group's NCC itself. Raises InputError for a crystal without a group.
    """
    missing = [name for name in match.names if name not in group_of]
    if missing:
        raise InputError(f"verify: no group was given for {', '.join(missing)}")
    groups = tuple(sorted({group_of[name] for name in match.names}))
    ncc, crystal = [], []
    for group in groups:
        members = torch.tensor(
            [i for i, name in enumerate(match.names) if group_of[name] == group], device=match.ncc.device
        )
        reached = match.ncc[:, members].max(dim=1)
        ncc.append(reached.values)
        crystal.append(members[reached.indices])
    by_group, by_crystal = torch.stack(ncc, dim=1), torch.stack(crystal, dim=1)
    best = by_group.argmax(dim=1)
    ranked = by_group.sort(dim=1, descending=True).values
    margin = ranked[:, 0] - (ranked[:, 1] if len(groups) > 1 else 0)
    rows = torch.arange(len(best), device=best.device)
    likeness = match.likeness[rows[:, None], by_crystal[rows, best][:, None], by_crystal]
    return Verification(groups, by_group, by_crystal, best, margin, likeness)
