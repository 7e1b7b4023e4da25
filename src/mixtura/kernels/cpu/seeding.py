"""Distances of rows from candidate seeds in registers, for the rows that a candidate may improve.

Lanes are candidates, packed as in ``scores``. A row x of seed s is no nearer to a candidate c where
``|c - s| >= 2 |x - s|`` (Raff 2021), so that such rows are not even read. That takes complete rows:
distances over the observed cells of rows are compared one and all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from mixtura.kernels.cpu.compiled import compiled, input_type, once, output_type, row_type
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.nearest import copy_for, locate, tile_rows
from mixtura.kernels.cpu.scores import ROWS, Emitter, lanes
from mixtura.kernels.cpu.tiles import INDEX
from mixtura.kernels.seeding import MOST_NOTES, Nearest
from mixtura.model.families.base import FloatArray

_NONE = np.empty(0)


def squares(emit: Emitter, at: Any, first: Any, packed: Any, g: Any, size: tuple[int, bool]) -> Any:
    """Return the squared distances of ``ROWS`` rows from groups of candidates, by group and row.

    ``at`` are the byte addresses of rows, from number ``first``; ``packed`` is the array (n_groups,
    d, lanes) of the candidates, of which groups from number ``g`` are taken. ``size`` says how
    many, and whether cells may be NaN: these add nothing, and products and sums are rounded one by
    one, as NumPy does.
    """
    builder, (groups, holes) = emit.builder, size
    d = builder.extract_value(packed.shape, 1)
    group = builder.mul(d, INDEX(emit.lanes))
    start = builder.mul(g, group)
    rows = [
        builder.inttoptr(builder.load(emit.at(at, first, r)), emit.element.as_pointer())
        for r in range(ROWS)
    ]
    sums = [cgutils.alloca_once(builder, emit.vector) for _ in range(groups * ROWS)]
    for total in sums:
        builder.store(ir.Constant(emit.vector, [0.0] * emit.lanes), total)
    with cgutils.for_range(builder, d) as loop:
        place = builder.add(start, builder.mul(loop.index, INDEX(emit.lanes)))
        candidates = [
            emit.load(emit.at(packed.data, place, builder.mul(group, INDEX(v))))
            for v in range(groups)
        ]
        for r, row in enumerate(rows):
            value = emit.splat(builder.load(emit.at(row, loop.index)))
            observed = builder.fcmp_ordered("ord", value, value) if holes else None
            for total, candidate in zip(sums[r::ROWS], candidates, strict=True):
                apart, before = builder.fsub(value, candidate), builder.load(total)
                if holes:
                    apart = builder.select(observed, apart, ir.Constant(emit.vector, None))
                    after = builder.fadd(before, builder.fmul(apart, apart))
                else:
                    after = emit.fused(apart, apart, before)
                builder.store(after, total)
    return [builder.load(total) for total in sums]


def make_nearer(groups: int, holes: bool = False) -> Any:
    """Return the function that compares ``ROWS`` rows with ``groups`` groups of candidates.

    ``f(at, first, packed, g, bounds, out)``: arguments are those of ``squares``, and ``bounds``
    squared distances to compare with, from number ``first``. ``out`` gets the squared distances
    (groups, rows, lanes). Bit ``v * ROWS + r`` of what is returned tells whether row r is nearer
    than its bound to a candidate of group ``g + v``.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        emit = Emitter(context, builder, kinds[2].dtype)
        at, bounds, out = (emit.data(kinds[n], args[n]) for n in (0, 4, 5))
        packed = emit.array(kinds[2], args[2])
        found = INDEX(0)
        for n, distances in enumerate(squares(emit, at, args[1], packed, args[3], (groups, holes))):
            emit.store(distances, emit.at(out, n * emit.lanes))
            bound = emit.splat(builder.load(emit.at(bounds, args[1], n % ROWS)))
            nearer = builder.fcmp_ordered("<", distances, bound)
            bits = builder.bitcast(nearer, ir.IntType(emit.lanes))
            any_bit = builder.zext(builder.icmp_unsigned("!=", bits, bits.type(0)), INDEX)
            found = builder.or_(found, builder.shl(any_bit, INDEX(n)))
        return found

    @intrinsic
    def nearer(typingctx, at, first, packed, g, bounds, out):
        u = types.uint64
        return u(at, u, packed, u, bounds, out), build

    return nearer


nearer_1, nearer_2 = make_nearer(1), make_nearer(2)
observed_1, observed_2 = make_nearer(1, holes=True), make_nearer(2, holes=True)


@njit(error_model="numpy")
def lowest(bits):
    """Return the place of the lowest bit that is set, and the others."""
    place = 0
    while not (bits >> np.uint64(place)) & np.uint64(1):
        place += 1
    return place, bits & (bits - np.uint64(1))


@njit(error_model="numpy")
def stride(packed):
    """Return how many groups of candidates are compared with a row at a time."""
    return 2 if packed.shape[0] > 1 else 1


@njit(fastmath=FLAGS, error_model="numpy")
def compare(at, b, packed, group, bounds, apart):
    """Compare rows ``at[b : b + ROWS]`` with a stride of groups, as ``make_nearer`` says."""
    if packed.shape[0] > 1:
        return nearer_2(at, b, packed, group, bounds, apart)
    return nearer_1(at, b, packed, group, bounds, apart)


@njit(fastmath=False, error_model="numpy")
def compare_observed(at, b, packed, group, bounds, apart):
    """As ``compare``, over observed cells.

    Without fast-math, which would fuse or reorder; unless it says so, it takes over its caller's.
    """
    if packed.shape[0] > 1:
        return observed_2(at, b, packed, group, bounds, apart)
    return observed_1(at, b, packed, group, bounds, apart)


@njit(fastmath=FLAGS, error_model="numpy")
def compare_rows(at, b, packed, group, bounds, apart, holes):
    """Compare as rows need that have holes, or, where ``holes`` is None, none."""
    if holes is None:
        return compare(at, b, packed, group, bounds, apart)
    return compare_observed(at, b, packed, group, bounds, apart)


@njit(fastmath=FLAGS, error_model="numpy")
def buffers(X, packed):
    """Return addresses, picked rows, bounds, squared distances and copied rows of a tile."""
    size = tile_rows(X.shape[1]) + ROWS
    at, picked, bounds = (
        np.empty(size, np.uint64),
        np.empty(size, np.int64),
        np.empty(size, X.dtype),
    )
    apart = np.empty(2 * ROWS * packed.shape[2], X.dtype)
    return at, picked, bounds, apart, copy_for(X, np.empty(0, X.dtype))


@njit(fastmath=FLAGS, error_model="numpy")
def pick(X, start, first, weights, limits, group, mass, labels, origin, tile):
    """Find the rows of the tile from ``start`` that may be nearer to a candidate; return how many.

    ``first`` is the number of the block's first row in ``mass`` and ``labels``.
    """
    at, picked, bounds, _, copied = tile
    found = 0
    for r in range(min(tile_rows(X.shape[1]), X.shape[0] - start)):
        apart = mass[first + start + r]
        if weights.shape[0] > 0:
            apart /= weights[start + r]  # NaN without weight: no candidate is nearer
        picked[found] = r
        bounds[found] = apart
        found += apart > limits[group, labels[first + start + r] + 1]
    locate(X, start, picked, found, origin, copied, at)
    for r in range(found, found + -found % ROWS):
        bounds[r] = -1.0
    return found


def gains(
    X, first, weights, limits, packed, holes, mass, labels, begin, end, rows, which, masses, out
):
    """Add to ``out`` (n_groups * lanes,) what each candidate takes off the mass of the rows ``X``.

    Every row that is nearer to a candidate than to its seed is noted, from ``begin``: its number in
    ``rows``, the candidate in ``which``, its mass in ``masses``. Return how many notes; -1 if
    ``end`` came too soon.
    """
    width, origin, tile = packed.shape[2], np.zeros(X.shape[1], X.dtype), buffers(X, packed)
    at, picked, bounds, apart, _ = tile
    noted, room = begin, True
    for start in range(0, X.shape[0], tile_rows(X.shape[1])):
        for group in range(0, packed.shape[0], stride(packed)):
            found = pick(X, start, first, weights, limits, group, mass, labels, origin, tile)
            for b in range(0, found, ROWS):
                bits = compare_rows(at, b, packed, group, bounds, apart, holes)
                while bits != 0:
                    n, bits = lowest(bits)
                    row, bound = start + picked[b + n % ROWS], np.float64(bounds[b + n % ROWS])
                    w = weights[row] if weights.shape[0] > 0 else 1.0
                    for lane in range(width):
                        distance = np.float64(apart[n * width + lane])
                        if not distance < bound:
                            continue
                        candidate = (group + n // ROWS) * width + lane
                        out[candidate] += w * (bound - distance)
                        room = room and noted < end
                        if room:
                            rows[noted], which[noted] = first + row, candidate
                            masses[noted] = w * distance
                            noted += 1
    return noted - begin if room else -1


def join(X, first, weights, limits, packed, holes, number, mass, labels):
    """Make the candidates seeds of the rows ``X``, numbered from ``number``."""
    width, origin, tile = packed.shape[2], np.zeros(X.shape[1], X.dtype), buffers(X, packed)
    at, picked, bounds, apart, _ = tile
    for start in range(0, X.shape[0], tile_rows(X.shape[1])):
        for group in range(0, packed.shape[0], stride(packed)):
            found = pick(X, start, first, weights, limits, group, mass, labels, origin, tile)
            for b in range(0, found, ROWS):
                bits = compare_rows(at, b, packed, group, bounds, apart, holes)
                while bits != 0:
                    n, bits = lowest(bits)
                    r = b + n % ROWS
                    row = start + picked[r]
                    w = weights[row] if weights.shape[0] > 0 else 1.0
                    for lane in range(width):
                        if apart[n * width + lane] < bounds[r]:
                            bounds[r] = apart[n * width + lane]
                            mass[first + row] = w * np.float64(bounds[r])
                            labels[first + row] = number + (group + n // ROWS) * width + lane


def limits(seeds, packed, factor, out):
    """Write to ``out[g, s + 1]`` how far rows of seed s may be to be no nearer to groups from g.

    That is ``factor`` times the squared distance of s from the nearest of them.
    """
    m, size = seeds.shape[0], stride(packed) * ROWS * packed.shape[2]
    at, apart = np.empty(m + ROWS, np.uint64), np.empty(size, seeds.dtype)
    bounds = np.full(m + ROWS, -1.0, seeds.dtype)
    for r in range(m + ROWS):
        at[r] = np.uint64(seeds.ctypes.data) + np.uint64(min(r, m - 1) * seeds.strides[0])
    for group in range(0, packed.shape[0], stride(packed)):
        for b in range(0, m, ROWS):
            compare(at, b, packed, group, bounds, apart)
            for r in range(min(ROWS, m - b)):
                least = np.inf
                for n in range(r, stride(packed) * ROWS, ROWS):
                    for lane in range(packed.shape[2]):
                        least = min(least, np.float64(apart[n * packed.shape[2] + lane]))
                out[group, b + r + 1] = factor * least


@once
def machine_code(name: str, dtype: str, holes: bool = False) -> Any:
    """Return the machine code of a function above for rows of a dtype, with holes or without."""
    element, count = getattr(types, dtype), types.int64
    packed, masses, labels = input_type(3, element), output_type(1), output_type(1, types.int32)
    flag = types.boolean if holes else types.none
    rows = (row_type(dtype), count, input_type(1), input_type(2), packed, flag)
    notes = (output_type(1, count), output_type(1, types.uint16), masses)
    signature = {
        "gains": (*rows, masses, labels, count, count, *notes, masses),
        "join": (*rows, count, masses, labels),
        "limits": (input_type(2, element), packed, types.float64, output_type(2)),
    }[name]
    kind = f"incomplete {dtype}" if holes else dtype
    return compiled(globals()[name], signature, f"seeding kernel ({name}) for {kind} rows")


class CompiledNearest(Nearest):
    """The nearest seed of every row, by machine code."""

    def __init__(
        self, mass: FloatArray, seeds: NDArray[Any], means: FloatArray | None = None
    ) -> None:
        super().__init__(mass, seeds, means)
        self._lanes, self._dtype = lanes(seeds.dtype), str(seeds.dtype)
        self._noted = [np.empty(MOST_NOTES, kind) for kind in (np.int64, np.uint16, np.float64)]

    def aim(self, candidates: NDArray[Any]) -> None:
        """Take candidates (m, d) to become seeds."""
        super().aim(candidates)
        self._packed = packed(candidates, self._lanes)
        n_known = self.n_seeds + len(candidates)  # as seeds of rows that join, without a limit
        self._limits = np.full((len(self._packed), 1 + n_known), -1.0)
        if self.n_seeds and self.means is None:
            known = self.seeds[: self.n_seeds]
            machine_code("limits", self._dtype)(known, self._packed, self.factor, self._limits)

    @property
    def factor(self) -> float:
        """A quarter, less what rounding may add: (d + 4) eps is more than a distance is off by."""
        d = self.seeds.shape[1]
        return 0.25 * (1.0 - 4 * (d + 4) * float(np.finfo(self.seeds.dtype).eps))

    def gains(self, part: slice, rows: Any, weights: FloatArray | None) -> FloatArray:
        """Return by how much each candidate alone would lower the mass of a block."""
        gains = np.zeros(len(self._packed) * self._lanes)
        room = self._room(part)
        block = self._block(part, rows, weights)
        n = self._run("gains", *block, self.mass, self.labels, *room, *self._noted, gains)
        found, which, masses = (each[room[0] : room[0] + n] for each in self._noted)
        self._found[part.start] = (found, which, masses) if n >= 0 else None
        return gains[: len(self.candidates)]

    def join(self, part: slice, rows: Any, weights: FloatArray | None) -> int:
        """Make the candidates seeds of the rows of a block; ``seat`` them after the last."""
        block = self._block(part, rows, weights)
        self._run("join", *block, self.n_seeds, self.mass, self.labels)
        return 0

    def _run(self, name: str, *arguments: Any) -> Any:
        return machine_code(name, self._dtype, self.means is not None)(*arguments)

    def _block(self, part: slice, rows: Any, weights: FloatArray | None) -> tuple[Any, ...]:
        w = _NONE if weights is None else weights
        holes = None if self.means is None else True
        return rows, part.start, w, self._limits, self._packed, holes


def packed(candidates: NDArray[Any], width: int) -> NDArray[Any]:
    """Return candidates (m, d) as (n_groups, d, width); lanes left over are infinitely far.

    There is one group, or an even number of them.
    """
    m, d = candidates.shape
    n_groups = 1 if m <= width else -(-m // (2 * width)) * 2
    filled = np.full((n_groups * width, d), np.inf, candidates.dtype)
    filled[:m] = candidates
    return np.ascontiguousarray(filled.reshape(n_groups, width, d).transpose(0, 2, 1))
