"""The report in a few lines, for who reads no further."""

from __future__ import annotations

import numpy as np

from mixtura._text import counted
from mixtura.view.report.certainty import SURE
from mixtura.view.report.outliers import REMOTE
from mixtura.view.report.study import Study
from mixtura.view.report.words import group_name, listed, share

#: Groups that are told by their sizes.
TOLD = 6


def glance(study: Study) -> list[str]:
    """Return the findings, a line each."""
    return [line for line in (groups(study), certainty(study), remote(study), holes(study)) if line]


def groups(study: Study) -> str:
    """Return how many groups there are, and how large they are."""
    order = np.argsort(-study.sizes, kind="stable")
    names = study.subject.groups
    told = [f"{group_name(names[j])} with {share(study.sizes[j])}" for j in order[:TOLD]]
    told[0] += " of the rows"
    more = len(order) - TOLD
    told += [counted(more, "smaller one")] if more > 0 else []
    noise = " and noise" if len(names) > study.subject.k else ""
    return f"{counted(study.subject.k, 'group')}{noise}: {listed(told)}."


def certainty(study: Study) -> str:
    """Return how many rows are on the fence."""
    if not study.n or study.mixture is None or len(study.sizes) == 1:
        return ""
    unsure = int(np.count_nonzero(study.certainty < SURE))
    if not unsure:
        return "Every row is surely in one group."
    return (
        f"{counted(unsure, 'row')} ({share(unsure / study.n)}) {'is' if unsure == 1 else 'are'} "
        f"not surely in one group (probability below {SURE:g})."
    )


def remote(study: Study) -> str:
    """Return how many rows are far from all groups."""
    if not study.n or study.mixture is None:
        return ""
    found = int(np.count_nonzero(study.remoteness < REMOTE))
    if not found:
        return "No row is far from all groups."
    return f"{counted(found, 'row')} {'is' if found == 1 else 'are'} far from all groups."


def holes(study: Study) -> str:
    """Return how many cells are missing."""
    missing = int(np.count_nonzero(np.isnan(study.rows)))
    if not missing:
        return ""
    return (
        f"{counted(missing, 'cell')} ({share(missing / study.rows.size)}) "
        f"{'is' if missing == 1 else 'are'} missing; the fit went by those that are there."
    )
