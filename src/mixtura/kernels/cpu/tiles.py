"""The two innermost kernels, on vectors of the host's width, accumulators in registers.

Numba's loops keep partial sums in memory where a loop runs over more than one row of a factor;
these are written in LLVM's terms instead. A tile of rows is laid out as ``densities`` says. Each
function is made for 1 to 4 rows (and columns) of a matrix; remainders use the smaller ones.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

TILE_ROWS = 128
DOUBLE, INDEX = ir.DoubleType(), ir.IntType(64)


def has_avx512() -> bool:
    """Return whether Numba compiles for a processor with 32 registers of 8 doubles."""
    if config.CPU_FEATURES is not None:  # set by NUMBA_CPU_FEATURES
        return "+avx512f" in config.CPU_FEATURES
    return bool(binding.get_host_cpu_features().get("avx512f"))


#: With 32 registers of 8 doubles, 16 accumulators leave room for their operands.
WIDE = has_avx512()
LANES = 8 if WIDE else 4
STRIP = 4 if WIDE else 2  # vectors of rows that ``squares`` works on at a time
COLUMNS = 4 if WIDE else 2  # columns that ``products`` works on at a time
VECTOR = ir.VectorType(DOUBLE, LANES)
CONTRACT = ("contract",)


class Emitter:
    """LLVM instructions on vectors of doubles and the data of C-contiguous arrays."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder

    def array(self, kind: Any, value: Any) -> Any:
        """Return an array's struct."""
        return self.context.make_array(kind)(self.context, self.builder, value)

    def size(self, array: Any, axis: int) -> Any:
        """Return a length of an array."""
        return self.builder.extract_value(array.shape, axis)

    def offset(self, *terms: Any) -> Any:
        """Return the sum of indices, each a value or a number."""
        total = INDEX(0)
        for term in terms:
            total = self.builder.add(total, INDEX(term) if isinstance(term, int) else term)
        return total

    def times(self, a: Any, b: Any) -> Any:
        """Return a product of indices."""
        return self.builder.mul(a, INDEX(b) if isinstance(b, int) else b)

    def pointer(self, data: Any, index: Any, kind: Any) -> Any:
        """Return a pointer to ``data[index]`` as ``kind``."""
        return self.builder.bitcast(self.builder.gep(data, [index]), kind.as_pointer())

    def vector(self, data: Any, index: Any) -> Any:
        """Load the vector at ``data[index]``."""
        return self.builder.load(self.pointer(data, index, VECTOR), align=8)

    def splat(self, data: Any, index: Any) -> Any:
        """Load ``data[index]`` into all lanes."""
        value = self.builder.load(self.builder.gep(data, [index]), align=8)
        first = self.builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, INDEX(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(first, ir.Constant(VECTOR, ir.Undefined), mask)

    def shuffled(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Return the given lanes of ``a`` followed by ``b``."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        return self.builder.shuffle_vector(a, b, mask)

    def sub(self, a: Any, b: Any) -> Any:
        """Return a - b."""
        return self.builder.fsub(a, b)

    def add(self, a: Any, b: Any) -> Any:
        """Return a + b."""
        return self.builder.fadd(a, b, flags=CONTRACT)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return a * b + c, fused where the host can."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=CONTRACT), c, flags=CONTRACT)

    def accumulators(self, n: int) -> list[Any]:
        """Return n vectors of zeros that stay in registers."""
        slots = [cgutils.alloca_once(self.builder, VECTOR) for _ in range(n)]
        for slot in slots:
            self.builder.store(ir.Constant(VECTOR, [0.0] * LANES), slot)
        return slots

    def accumulate(self, slot: Any, a: Any, b: Any) -> None:
        """Add a * b to an accumulator."""
        self.builder.store(self.multiply_add(a, b, self.builder.load(slot)), slot)

    def lane_sums(self, vectors: list[Any]) -> list[Any]:
        """Return vectors whose lanes are the sums over lanes of LANES vectors each, in order."""
        even = list(range(0, 2 * LANES, 2))
        odd = list(range(1, 2 * LANES, 2))
        level = vectors
        for _ in range(LANES.bit_length() - 1):
            level = [
                self.add(self.shuffled(a, b, even), self.shuffled(a, b, odd))
                for a, b in zip(level[::2], level[1::2], strict=True)
            ]
        return level


def make_squares(rows: int, stored: bool) -> Any:
    """Return the function for ``rows`` rows of a triangular factor.

    ``f(x, means, factor, j, i, out, at)``: with y = factor[j, i : i + rows, : i + rows] @
    (x - means[j])[: i + rows], add the sum of y squared to ``out[at :]``, or, if ``stored``,
    write y itself there, a tile for each row.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        x, means, factor, out = (emit.array(signature.args[n], args[n]) for n in (0, 1, 2, 5))
        j, i, at = args[3], args[4], args[6]
        d = emit.size(means, 1)
        mean_row = emit.times(j, d)
        factor_rows = [emit.times(emit.offset(mean_row, i, r), d) for r in range(rows)]

        def column(c: Any, start: Any, sums: list[list[Any]], first: int) -> None:
            mean = emit.splat(means.data, emit.offset(mean_row, c))
            at_column = emit.offset(emit.times(c, TILE_ROWS), start)
            centred = [
                emit.sub(emit.vector(x.data, emit.offset(at_column, v * LANES)), mean)
                for v in range(STRIP)
            ]
            for r in range(first, rows):
                coefficient = emit.splat(factor.data, emit.offset(factor_rows[r], c))
                for v in range(STRIP):
                    emit.accumulate(sums[r][v], coefficient, centred[v])

        strips = TILE_ROWS // (STRIP * LANES)
        with cgutils.for_range(builder, INDEX(strips)) as strip:
            start = emit.times(strip.index, STRIP * LANES)
            sums = [emit.accumulators(STRIP) for _ in range(rows)]
            with cgutils.for_range(builder, i) as loop:
                column(loop.index, start, sums, 0)
            for r in range(rows):
                column(emit.offset(i, r), start, sums, r)
            for v in range(STRIP):
                to = emit.offset(at, start, v * LANES)
                values = [builder.load(sums[r][v]) for r in range(rows)]
                if stored:
                    for r, value in enumerate(values):
                        place = emit.pointer(out.data, emit.offset(to, r * TILE_ROWS), VECTOR)
                        builder.store(value, place, align=8)
                else:
                    total = emit.vector(out.data, to)
                    for value in values:
                        total = emit.multiply_add(value, value, total)
                    builder.store(total, emit.pointer(out.data, to, VECTOR), align=8)
        return context.get_dummy_value()

    @intrinsic
    def squares(typingctx, x, means, factor, j, i, out, at):
        return types.void(x, means, factor, types.uint64, types.uint64, out, types.uint64), build

    return squares


def make_products(rows: int, columns: int, diagonal: bool) -> Any:
    """Return the function for ``rows`` x ``columns`` entries of a scatter matrix.

    ``f(x, means, weighted, j, i, c, second, s)``: add the inner products over the tile of rows
    i.. of ``weighted`` with columns c.. of (x - means[j]) to ``second[s, i:, c:]``; on the
    ``diagonal`` only to its lower triangle.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        x, means, weighted, second = (emit.array(signature.args[n], args[n]) for n in (0, 1, 2, 6))
        j, i, c, s = args[3], args[4], args[5], args[7]
        d = emit.size(means, 1)
        mean_row = emit.times(j, d)
        for left in range(0, columns, COLUMNS):
            wanted = [
                (r, q)
                for r in range(rows)
                for q in range(left, min(left + COLUMNS, columns))
                if not diagonal or q <= r
            ]
            used = sorted({q for _, q in wanted})
            mean = {q: emit.splat(means.data, emit.offset(mean_row, c, q)) for q in used}
            sums = dict(zip(wanted, emit.accumulators(len(wanted)), strict=True))
            with cgutils.for_range(builder, INDEX(TILE_ROWS // LANES)) as loop:
                b = emit.times(loop.index, LANES)
                centred = {
                    q: emit.sub(
                        emit.vector(
                            x.data, emit.offset(emit.times(emit.offset(c, q), TILE_ROWS), b)
                        ),
                        mean[q],
                    )
                    for q in used
                }
                for r in range(rows):
                    row = emit.offset(emit.times(emit.offset(i, r), TILE_ROWS), b)
                    value = emit.vector(weighted.data, row)
                    for q in used:
                        if (r, q) in sums:
                            emit.accumulate(sums[r, q], value, centred[q])
            _add_to_matrix(emit, sums, second, d, (s, i, c))
        return context.get_dummy_value()

    @intrinsic
    def products(typingctx, x, means, weighted, j, i, c, second, s):
        u = types.uint64
        return types.void(x, means, weighted, u, u, u, second, u), build

    return products


def _add_to_matrix(emit: Emitter, sums: Any, second: Any, d: Any, at: tuple[Any, Any, Any]) -> None:
    """Add the sums over lanes of the accumulators to their entries of ``second``."""
    builder, (s, i, c) = emit.builder, at
    entries = list(sums)
    vectors = [builder.load(sums[entry]) for entry in entries]
    zero = ir.Constant(VECTOR, [0.0] * LANES)
    vectors += [zero] * (-len(vectors) % LANES)
    lanes = emit.lane_sums(vectors)
    number = 0
    while number < len(entries):
        r, q = entries[number]
        vector, lane = lanes[number // LANES], number % LANES
        place = emit.offset(emit.times(emit.offset(emit.times(s, d), i, r), d), c, q)
        neighbours = entries[number : number + 4] == [(r, q + n) for n in range(4)]
        if neighbours and lane + 4 <= LANES:  # four neighbours of a row in one go
            value = emit.shuffled(vector, zero, [lane + n for n in range(4)])
            to = emit.pointer(second.data, place, value.type)
            number += 4
        else:
            value = builder.extract_element(vector, INDEX(lane))
            to = builder.gep(second.data, [place])
            number += 1
        builder.store(builder.fadd(builder.load(to, align=8), value), to, align=8)


squares_1, squares_2, squares_3, squares_4 = (make_squares(n, False) for n in (1, 2, 3, 4))
rows_1, rows_2, rows_3, rows_4 = (make_squares(n, True) for n in (1, 2, 3, 4))
products_4 = make_products(4, 4, False)
strip_1, strip_2, strip_3 = (make_products(n, 4, False) for n in (1, 2, 3))
corner_1, corner_2, corner_3, corner_4 = (make_products(n, n, True) for n in (1, 2, 3, 4))
