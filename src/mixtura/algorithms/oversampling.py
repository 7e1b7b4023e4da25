"""k-means|| by passes that keep nothing of a row (Bahmani et al. 2012).

Each round draws rows without replacement, with chances that go by weight times squared distance to
the rows drawn before: those of largest ``log(u) / mass``, where u is a uniform number of the row's
own (Efraimidis & Spirakis 2006, doi:10.1016/j.ipl.2005.11.003). That takes one pass a round, whose
draw depends neither on how rows are cut into blocks nor on where these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.holes import completed
from mixtura.algorithms.lloyd import Leading
from mixtura.algorithms.seeding import ROUNDS, ROWS_PER_SEED, add, condensed, weights_of
from mixtura.algorithms.source import OneBlock, Source
from mixtura.kernels.seeding import Nearest, nearest_for
from mixtura.model.families.base import FloatArray

#: Numbers that Philox makes at a time.
PHILOX = 4


@dataclass(frozen=True, eq=False)
class Round:
    """Candidates (m, d) for centres, and what a pass needs to draw more by ``key``.

    ``means`` (d,) are those of the columns where cells are missing.
    """

    candidates: NDArray[Any]
    key: tuple[int, int]
    engine: str
    means: FloatArray | None

    def nearest(self, rows: Any, weights: FloatArray | None) -> Nearest:
        """Return how far some rows are from the candidates, of which there is one at least."""
        block = OneBlock(rows, weights)
        mass = weights_of(block, self.means)
        mass[mass > 0] = np.inf
        nearest = nearest_for(mass, np.empty_like(self.candidates), self.engine, self.means)
        add(block, nearest, self.candidates)
        return nearest

    def drawn(self, most: int, part: slice, rows: Any, weights: FloatArray | None) -> Leading:
        """Return the rows of a block that are drawn if no other block has better ones."""
        return raced(self.nearest(rows, weights).mass, most, self.key, part, rows)

    def held(self, rows: Any, weights: FloatArray | None) -> FloatArray:
        """Return the weights (m,) of the rows of a block that are nearest to each candidate."""
        labels, m = self.nearest(rows, weights).labels, len(self.candidates)
        return np.bincount(labels + 1, weights, m + 1)[1:].astype(np.float64)


def oversampled(
    source: Source,
    k: int,
    rng: np.random.Generator,
    *,
    engine: str = "auto",
    means: FloatArray | None = None,
) -> NDArray[Any]:
    """Return ``k`` centres (k, d) by k-means||; ``means`` complete the candidates."""
    seed, each = int(rng.integers(2**63)), int(np.ceil(ROWS_PER_SEED * k))
    drawn = source.map_parts(partial(first, means, (seed, 0)))
    candidates = whole(drawn, means)
    for number in range(1, 1 + ROUNDS):
        this = Round(candidates, (seed, number), engine, means)
        drawn = source.map_parts(partial(this.drawn, each))
        candidates = np.concatenate([candidates, whole(drawn, means)])
    weights = source.map_reduce(Round(candidates, (seed, 0), engine, means).held)
    return condensed(OneBlock(candidates, weights), k, rng, engine)


def first(
    means: FloatArray | None,
    key: tuple[int, int],
    part: slice,
    rows: Any,
    weights: FloatArray | None,
) -> Leading:
    """Return a row of a block, drawn by weight."""
    return raced(weights_of(OneBlock(rows, weights), means), 1, key, part, rows)


def raced(mass: FloatArray, most: int, key: tuple[int, int], part: slice, rows: Any) -> Leading:
    """Return the rows of a block that lead by their masses (b,)."""
    apart = np.flatnonzero(mass > 0)
    with np.errstate(over="ignore"):
        keys = np.log1p(-uniforms(key, part)[apart]) / mass[apart]
    order = np.argsort(-keys, kind="stable")[:most]
    return Leading(most, keys[order], (rows[apart[order]],))


def whole(drawn: Leading, means: FloatArray | None) -> NDArray[Any]:
    """Return the rows that were drawn, completed by ``means`` if there are any."""
    (rows,) = drawn.carried
    return rows if means is None else completed(rows, means)


def uniforms(key: tuple[int, int], part: slice) -> FloatArray:
    """Return the numbers in [0, 1) of the rows ``part``: the same in blocks of any size."""
    bits = np.random.Philox(key=np.array(key, np.uint64)).advance(part.start // PHILOX)
    skipped = part.start % PHILOX
    return np.random.Generator(bits).random(skipped + part.stop - part.start)[skipped:]
