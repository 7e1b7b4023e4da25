"""k-means where cells are missing, in machine code: to the bit what NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mixtura.kernels.cpu.compiled import compiled, input_type, once, output_type, row_type
from mixtura.kernels.cpu.nearest import copy_for, locate, tile_rows
from mixtura.kernels.cpu.scores import ROWS, Emitter, lanes, nearest_lane
from mixtura.kernels.cpu.seeding import packed, squares
from mixtura.kernels.cpu.tiles import INDEX
from mixtura.kernels.incomplete_kmeans import CellTally, IncompletePasses
from mixtura.kernels.kmeans import Tally
from mixtura.model.families.base import FloatArray

_NONE = np.empty(0)


def make_scan(groups: int) -> Any:
    """Return the function that compares ``ROWS`` rows with ``groups`` groups of centres by lanes.

    ``f(at, first, packed, numbers, g, best, which)``: arguments are those of ``squares``;
    ``best`` (rows, lanes) is minus the least squared distance so far and ``which`` the number of
    its centre. Of equal ones the first stays.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        emit = Emitter(context, builder, kinds[2].dtype)
        at, numbers, best, which = (emit.data(kinds[n], args[n]) for n in (0, 3, 5, 6))
        packed = emit.array(kinds[2], args[2])
        found = squares(emit, at, args[1], packed, args[4], (groups, True))
        for r in range(ROWS):
            place = r * emit.lanes
            top, number = emit.load(emit.at(best, place)), emit.load(emit.at(which, place))
            for v, distances in enumerate(found[r::ROWS]):
                begin = builder.mul(builder.add(args[4], INDEX(v)), INDEX(emit.lanes))
                score = builder.fneg(distances)
                better = builder.fcmp_ordered(">", score, top)
                top = builder.select(better, score, top)
                number = builder.select(better, emit.load(emit.at(numbers, begin)), number)
            emit.store(top, emit.at(best, place))
            emit.store(number, emit.at(which, place))
        return context.get_dummy_value()

    @intrinsic
    def scan(typingctx, at, first, packed, numbers, g, best, which):
        u = types.uint64
        return types.void(at, u, packed, numbers, u, best, which), build

    return scan


scan_1, scan_2 = make_scan(1), make_scan(2)


@njit(fastmath=False, error_model="numpy")
def compare(at, first, packed, numbers, best, which):
    """Compare a batch of rows with all centres, lane by lane.

    Without fast-math, here and below: NumPy rounds every product and sum, in the same order.
    """
    best[:] = -np.inf
    which[:] = 0
    if packed.shape[0] == 1:
        scan_1(at, first, packed, numbers, 0, best, which)
    for g in range(0, packed.shape[0] - 1, 2):
        scan_2(at, first, packed, numbers, g, best, which)


@njit(fastmath=False, error_model="numpy")
def tally_cells(X, shift, first, found, labels, weights, sums, mass, held):
    """Add the rows from ``first`` to their clusters ``found``; return how many changed theirs."""
    d, moved = X.shape[1], 0
    for r in range(found.shape[0]):
        row, new = first + r, found[r]
        weight = weights[row] if weights.shape[0] > 0 else 1.0
        moved += labels[row] != new and weight > 0.0
        labels[row] = new
        if weight == 0.0:
            continue
        n_observed = 0
        for i in range(d):
            observed = X[row, i] == X[row, i]
            x = np.float64(X[row, i]) - np.float64(shift[i])
            sums[new, i] += weight * x if observed else 0.0
            mass[new, i] += weight if observed else 0.0
            n_observed += observed
        held[new] += n_observed > 0
    return moved


def assign(X, shift, packed, numbers, labels, weights, sums, mass, held):
    """Compare every row of ``X`` (n, d) with every centre over its observed cells.

    ``packed`` (groups, d, lanes) are the centres, ``numbers`` (groups, lanes) theirs. ``sums`` and
    ``mass`` (k, d) get what the rows have about ``shift``, ``held`` (k,) how many count. Return
    how many rows of positive weight moved.
    """
    (n, d), width = X.shape, packed.shape[2]
    step, moved, origin = tile_rows(d), 0, np.zeros(d, X.dtype)
    copied = copy_for(X, origin)
    at, found = np.empty(step, np.uint64), np.empty(step, np.int32)
    picked = np.arange(step)
    best, which = np.empty(ROWS * width, X.dtype), np.empty(ROWS * width, X.dtype)
    for start in range(0, n, step):
        size = min(step, n - start)
        locate(X, start, picked, size, origin, copied, at)
        for first in range(0, size, ROWS):
            compare(at, first, packed, numbers, best, which)
            for r in range(min(ROWS, size - first)):
                place = np.uint64(r * width)
                found[first + r] = int(nearest_lane(best, which, place, place)[1])
        moved += tally_cells(X, shift, start, found[:size], labels, weights, sums, mass, held)
    return moved


@once
def code(dtype: str) -> Any:
    """Return the machine code of ``assign`` for rows of a dtype."""
    number = getattr(types, dtype)
    given = (row_type(dtype), input_type(1, number), input_type(3, number), input_type(2, number))
    rows = (output_type(1, types.int32), input_type(1))
    sums = (output_type(2), output_type(2), output_type(1, types.int64))
    return compiled(assign, (*given, *rows, *sums), f"lloyd kernel for incomplete {dtype} rows")


class CompiledIncompletePasses(IncompletePasses):
    """Every row is compared with every centre over its observed cells, by machine code."""

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d)."""
        super().aim(centres)
        self._packed = packed(centres, lanes(centres.dtype))
        groups, _, width = self._packed.shape
        self._numbers = np.arange(groups * width, dtype=centres.dtype).reshape(groups, width)

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        (k, d), labels = self.centres.shape, self.labels[part]
        tally = CellTally(np.zeros((k, d)), np.zeros((k, d)), np.zeros(k, dtype=np.int64), 0)
        w = _NONE if weights is None else np.ascontiguousarray(weights)
        out = (tally.sums, tally.weight, tally.rows)
        centres = (self.shift, self._packed, self._numbers)
        return CellTally(*out, code(str(rows.dtype))(rows, *centres, labels, w, *out))
