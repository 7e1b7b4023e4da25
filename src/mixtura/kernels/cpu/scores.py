"""Scores of rows and centres in registers: how near each centre is, by chains of fused products.

The score of a row x and a centre c is ``-c @ c / 2 + x[0] c[0] + x[1] c[1] + ...``, summed in this
order with fused multiply-adds in the dtype of the rows. Lanes are centres: *groups* of ``lanes``
centres are packed side by side (d, lanes), and rows are found by address, wherever they lie. So a
score has the same bits whichever rows and groups are computed together, and every algorithm that
compares scores agrees with every other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mixtura.kernels.cpu.tiles import INDEX, LANES, WIDE

#: Rows that share a load of the centres, and groups that share a load of the rows.
ROWS = 8 if WIDE else 4
GROUPS = 3 if WIDE else 2
ELEMENTS = {types.float64: ir.DoubleType(), types.float32: ir.FloatType()}


def lanes(dtype: Any) -> int:
    """Return the number of centres in a group, for rows of a dtype."""
    return LANES * 8 // np.dtype(dtype).itemsize


def vector_type(element: Any) -> Any:
    """Return LLVM's type of a group's scores."""
    return ir.VectorType(ELEMENTS[element], LANES * 64 // element.bitwidth)


class Emitter:
    """LLVM instructions on arrays of one element type."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.context, self.builder = context, builder
        self.element, self.vector = ELEMENTS[element], vector_type(element)
        self.lanes = self.vector.count

    def array(self, kind: Any, value: Any) -> Any:
        """Return an array's struct."""
        return self.context.make_array(kind)(self.context, self.builder, value)

    def data(self, kind: Any, value: Any) -> Any:
        """Return the pointer to an array's first element."""
        return self.array(kind, value).data

    def at(self, data: Any, *terms: Any) -> Any:
        """Return the pointer to the element at the sum of ``terms``."""
        place = INDEX(0)
        for term in terms:
            place = self.builder.add(place, INDEX(term) if isinstance(term, int) else term)
        return self.builder.gep(data, [place])

    def lanes_at(self, signature: Any, args: Any, array: int, place: int) -> Any:
        """Load the vector of argument ``array`` that begins at argument ``place``."""
        return self.load(self.at(self.data(signature.args[array], args[array]), args[place]))

    def load(self, pointer: Any) -> Any:
        """Load a vector from an element's place."""
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(place, align=self.element_bytes)

    def store(self, value: Any, pointer: Any) -> None:
        """Store a vector at an element's place."""
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, place, align=self.element_bytes)

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return 8 if self.element == ir.DoubleType() else 4

    def splat(self, value: Any) -> Any:
        """Return a vector with a value in all lanes."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, INDEX(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, mask)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Return a * b + c, rounded once."""
        return self._call("fma", self.vector, a, b, c)

    def over_lanes(self, operation: str, vector: Any) -> Any:
        """Return LLVM's reduction of a vector without NaN to one element."""
        return self._call(f"vector.reduce.{operation}", self.element, vector, fastmath=("nnan",))

    def _call(self, name: str, result: Any, *vectors: Any, fastmath: tuple[str, ...] = ()) -> Any:
        """Call LLVM's intrinsic of that name on vectors."""
        kind = ir.FunctionType(result, [self.vector] * len(vectors))
        full = f"llvm.{name}.v{self.lanes}f{8 * self.element_bytes}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full)
        return self.builder.call(function, vectors, fastmath=fastmath)


def chains(emit: Emitter, at: Any, first: Any, packed: Any, offsets: Any, g: Any, size: Any) -> Any:
    """Return the scores of ``size`` (rows, groups) as vectors by group and row.

    ``at`` are the byte addresses of rows, from number ``first``; ``packed`` is the array (n_groups,
    d, lanes) and ``offsets`` the data (n_groups, lanes) of the groups, from number ``g``.
    """
    builder, (rows, groups) = emit.builder, size
    d = builder.extract_value(packed.shape, 1)
    group = builder.mul(d, INDEX(emit.lanes))
    start = builder.mul(g, group)
    pointers = [
        builder.inttoptr(builder.load(emit.at(at, first, r)), emit.element.as_pointer())
        for r in range(rows)
    ]
    sums = {}
    for v in range(groups):
        begin = builder.mul(builder.add(g, INDEX(v)), INDEX(emit.lanes))
        offset = emit.load(emit.at(offsets, begin))
        for r in range(rows):
            sums[v, r] = cgutils.alloca_once(builder, emit.vector)
            builder.store(offset, sums[v, r])
    with cgutils.for_range(builder, d) as loop:
        place = builder.add(start, builder.mul(loop.index, INDEX(emit.lanes)))
        centres = [
            emit.load(emit.at(packed.data, place, builder.mul(group, INDEX(v))))
            for v in range(groups)
        ]
        for r in range(rows):
            value = emit.splat(builder.load(emit.at(pointers[r], loop.index)))
            for v in range(groups):
                total = emit.fused(value, centres[v], builder.load(sums[v, r]))
                builder.store(total, sums[v, r])
    return {place: builder.load(total) for place, total in sums.items()}


def make_scores(rows: int, groups: int) -> Any:
    """Return the function that writes the scores of ``rows`` rows and ``groups`` groups.

    ``f(at, first, packed, offsets, g, out, place, tops)``: ``out[place:]`` gets (groups, rows,
    lanes), and ``tops`` (rows,) the largest score of each row, if it is larger than what is there.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit = Emitter(context, builder, signature.args[2].dtype)
        at, offsets, out, tops = (emit.data(signature.args[n], args[n]) for n in (0, 3, 5, 7))
        packed = emit.array(signature.args[2], args[2])
        scores = chains(emit, at, args[1], packed, offsets, args[4], (rows, groups))
        for (v, r), vector in scores.items():
            emit.store(vector, emit.at(out, args[6], (v * rows + r) * emit.lanes))
            top, place = emit.over_lanes("fmax", vector), emit.at(tops, r)
            before = builder.load(place)
            larger = builder.fcmp_ordered(">", top, before)
            builder.store(builder.select(larger, top, before), place)
        return context.get_dummy_value()

    @intrinsic
    def scores(typingctx, at, first, packed, offsets, g, out, place, tops):
        u = types.uint64
        return types.void(at, u, packed, offsets, u, out, u, tops), build

    return scores


def make_scan(rows: int, groups: int) -> Any:
    """Return the function that compares ``rows`` rows with ``groups`` groups, lane by lane.

    ``f(at, first, packed, offsets, numbers, g, best, which, second)``: the best score so far of
    each row and lane (rows, lanes), the number of its centre and the second best score, if
    ``second`` is not None. Of equal scores the first stays.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        emit = Emitter(context, builder, kinds[2].dtype)
        at, offsets, numbers, best, which = (emit.data(kinds[n], args[n]) for n in (0, 3, 4, 6, 7))
        second = None if kinds[8] == types.none else emit.data(kinds[8], args[8])
        packed = emit.array(kinds[2], args[2])
        scores = chains(emit, at, args[1], packed, offsets, args[5], (rows, groups))
        for r in range(rows):
            place = r * emit.lanes
            top, number = emit.load(emit.at(best, place)), emit.load(emit.at(which, place))
            next_ = None if second is None else emit.load(emit.at(second, place))
            for v in range(groups):
                begin = builder.mul(builder.add(args[5], INDEX(v)), INDEX(emit.lanes))
                new, label = scores[v, r], emit.load(emit.at(numbers, begin))
                better = builder.fcmp_ordered(">", new, top)
                if next_ is not None:
                    worse = builder.select(better, top, new)
                    next_ = builder.select(builder.fcmp_ordered(">", worse, next_), worse, next_)
                top = builder.select(better, new, top)
                number = builder.select(better, label, number)
            emit.store(top, emit.at(best, place))
            emit.store(number, emit.at(which, place))
            if next_ is not None:
                emit.store(next_, emit.at(second, place))
        return context.get_dummy_value()

    @intrinsic
    def scan(typingctx, at, first, packed, offsets, numbers, g, best, which, second):
        u = types.uint64
        return types.void(at, u, packed, offsets, numbers, u, best, which, second), build

    return scan


@intrinsic
def nearest_lane(typingctx, scores, numbers, place, begin):
    """Return the largest of a vector of scores and its number; of equal scores the lower number.

    The scores lie at ``scores[place]``, their numbers at ``numbers[begin]``.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit = Emitter(context, builder, signature.args[0].dtype)
        values, lanes = (emit.lanes_at(signature, args, n, n + 2) for n in (0, 1))
        top = emit.over_lanes("fmax", values)
        equal = builder.fcmp_ordered("==", values, emit.splat(top))
        none = ir.Constant(emit.vector, [float("inf")] * emit.lanes)
        number = emit.over_lanes("fmin", builder.select(equal, lanes, none))
        return context.make_tuple(builder, signature.return_type, (top, number))

    return types.UniTuple(scores.dtype, 2)(scores, numbers, types.uint64, types.uint64), build


@intrinsic
def other_lanes(typingctx, scores, numbers, place, begin, number, second):
    """Return the largest of a vector of scores but for that of ``number``.

    Its lane counts with ``second[place]`` instead, if that is not None.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit = Emitter(context, builder, signature.args[0].dtype)
        values, lanes = (emit.lanes_at(signature, args, n, n + 2) for n in (0, 1))
        own = builder.fcmp_ordered("==", lanes, emit.splat(args[4]))
        instead = ir.Constant(emit.vector, [float("-inf")] * emit.lanes)
        if signature.args[5] != types.none:
            instead = emit.lanes_at(signature, args, 5, 2)
        return emit.over_lanes("fmax", builder.select(own, instead, values))

    u = types.uint64
    return scores.dtype(scores, numbers, u, u, scores.dtype, second), build


@intrinsic
def pointer(typingctx, address, like):
    """Return an address as a pointer to elements like those of an array."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ELEMENTS[signature.args[1].dtype].as_pointer())

    return types.CPointer(like.dtype)(types.uint64, like), build


scores_1 = make_scores(ROWS, 1)
scan_1, scan_2, scan_3 = (make_scan(ROWS, n) for n in (1, 2, 3))
