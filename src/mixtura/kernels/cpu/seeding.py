"""Distances of rows from candidate seeds in registers, for the rows that a candidate may improve.

Lanes are candidates, packed as in ``scores``. A row at distance r from its seed s cannot be nearer
to a candidate c where ``|c - s| >= 2 r`` (Raff 2021), so that most rows are not even read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from mixtura.kernels.cpu.compiled import compiled, input_type, output_type, row_type
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.nearest import copy_for, locate, tile_rows
from mixtura.kernels.cpu.scores import ROWS, Emitter, lanes
from mixtura.kernels.cpu.tiles import INDEX
from mixtura.kernels.seeding import MOST_NOTES, Nearest
from mixtura.model.families.base import FloatArray

_NONE = np.empty(0)


@intrinsic
def closer(typingctx, at, first, packed, group, bounds, out):
    """Compare ``ROWS`` rows with a group of candidates; return a bit for each row with a nearer one.

    ``at`` are the byte addresses of rows, from number ``first``, and ``bounds`` the squared
    distances to compare with; ``packed`` is (n_groups, d, lanes); ``out`` gets the squared
    distances (rows, lanes).
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        emit = Emitter(context, builder, kinds[2].dtype)
        at, bounds, out = (emit.data(kinds[n], args[n]) for n in (0, 4, 5))
        packed = emit.array(kinds[2], args[2])
        d = builder.extract_value(packed.shape, 1)
        start = builder.mul(args[3], builder.mul(d, INDEX(emit.lanes)))
        rows = [
            builder.inttoptr(builder.load(emit.at(at, args[1], r)), emit.element.as_pointer())
            for r in range(ROWS)
        ]
        sums = [cgutils.alloca_once(builder, emit.vector) for _ in rows]
        for total in sums:
            builder.store(ir.Constant(emit.vector, [0.0] * emit.lanes), total)
        with cgutils.for_range(builder, d) as loop:
            place = builder.add(start, builder.mul(loop.index, INDEX(emit.lanes)))
            candidates = emit.load(emit.at(packed.data, place))
            for row, total in zip(rows, sums, strict=True):
                value = emit.splat(builder.load(emit.at(row, loop.index)))
                apart = builder.fsub(value, candidates)
                builder.store(emit.fused(apart, apart, builder.load(total)), total)
        found = INDEX(0)
        for r, total in enumerate(sums):
            distances = builder.load(total)
            emit.store(distances, emit.at(out, r * emit.lanes))
            bound = emit.splat(builder.load(emit.at(bounds, args[1], r)))
            nearer = builder.fcmp_ordered("<", distances, bound)
            lanes_found = builder.bitcast(nearer, ir.IntType(emit.lanes))
            any_found = builder.icmp_unsigned("!=", lanes_found, lanes_found.type(0))
            bit = builder.shl(builder.zext(any_found, INDEX), INDEX(r))
            found = builder.or_(found, bit)
        return found

    u = types.uint64
    return u(at, u, packed, u, bounds, out), build


@njit(fastmath=FLAGS, error_model="numpy")
def pick(start, n, first, weights, limits, group, mass, labels, picked, bounds):
    """Write which of the rows ``start : start + n`` may be nearer to a candidate, and their bounds.

    Return how many. ``first`` is the number of the block's first row in ``mass`` and ``labels``.
    """
    found = 0
    for r in range(n):
        apart = mass[first + start + r]
        if weights.shape[0] > 0:
            apart /= weights[start + r]  # NaN without weight: no candidate is nearer
        picked[found] = r
        bounds[found] = apart
        found += apart > limits[group, labels[first + start + r] + 1]
    for r in range(found, found + -found % ROWS):
        bounds[r] = -1.0
    return found


@njit(fastmath=FLAGS, error_model="numpy")
def buffers(X, width):
    """Return addresses, picked rows, bounds, distances and copied rows of a tile."""
    size = tile_rows(X.shape[1])
    at, picked = np.empty(size + ROWS, np.uint64), np.empty(size + ROWS, np.int64)
    bounds, apart = np.empty(size + ROWS, X.dtype), np.empty(ROWS * width, X.dtype)
    return at, picked, bounds, apart, copy_for(X, np.empty(0, X.dtype))


def gains(X, first, weights, limits, packed, mass, labels, begin, end, rows, which, masses, out):
    """Add to ``out`` (n_groups * lanes,) what each candidate takes off the mass of the rows ``X``.

    Note every row that has one nearer than its seed from ``begin`` on: its number in ``rows``, the
    candidate in ``which``, its mass in ``masses``. Return how many; -1 if ``end`` comes too soon.
    """
    n, size, width, shift = X.shape[0], tile_rows(X.shape[1]), packed.shape[2], np.empty(0, X.dtype)
    at, picked, bounds, apart, copied = buffers(X, width)
    noted, room = begin, True
    for start in range(0, n, size):
        stop = min(size, n - start)
        for group in range(packed.shape[0]):
            found = pick(start, stop, first, weights, limits, group, mass, labels, picked, bounds)
            locate(X, start, picked, found, shift, copied, at)
            for b in range(0, found, ROWS):
                flags = closer(at, b, packed, group, bounds, apart)
                while flags != 0:
                    r, flags = lowest(flags)
                    row, bound = start + picked[b + r], np.float64(bounds[b + r])
                    w = weights[row] if weights.shape[0] > 0 else 1.0
                    for lane in range(width):
                        distance = np.float64(apart[r * width + lane])
                        if distance < bound:
                            out[group * width + lane] += w * (bound - distance)
                            if noted == end:
                                room = False
                                continue
                            rows[noted] = first + row
                            which[noted] = group * width + lane
                            masses[noted] = w * distance
                            noted += 1
    return noted - begin if room else -1


def join(X, first, weights, limits, packed, number, mass, labels):
    """Make the candidates seeds of the rows ``X``, numbered from ``number``."""
    n, size, width, shift = X.shape[0], tile_rows(X.shape[1]), packed.shape[2], np.empty(0, X.dtype)
    at, picked, bounds, apart, copied = buffers(X, width)
    for start in range(0, n, size):
        stop = min(size, n - start)
        for group in range(packed.shape[0]):
            found = pick(start, stop, first, weights, limits, group, mass, labels, picked, bounds)
            locate(X, start, picked, found, shift, copied, at)
            for b in range(0, found, ROWS):
                flags = closer(at, b, packed, group, bounds, apart)
                while flags != 0:
                    r, flags = lowest(flags)
                    row, lane = start + picked[b + r], 0
                    for other in range(1, width):
                        if apart[r * width + other] < apart[r * width + lane]:
                            lane = other
                    w = weights[row] if weights.shape[0] > 0 else 1.0
                    mass[first + row] = w * np.float64(apart[r * width + lane])
                    labels[first + row] = number + group * width + lane


@njit(error_model="numpy")
def lowest(flags):
    """Return the place of the lowest bit that is set, and the others."""
    place = 0
    while not (flags >> np.uint64(place)) & np.uint64(1):
        place += 1
    return place, flags & (flags - np.uint64(1))


def limits(seeds, packed, factor, out):
    """Write to ``out[g, s + 1]`` how far rows of seed s may be for group g to hold none nearer.

    That is ``factor`` times the squared distance of s from the nearest of the group.
    """
    m, width = seeds.shape[0], packed.shape[2]
    at, apart = np.empty(m + ROWS, np.uint64), np.empty(ROWS * width, seeds.dtype)
    bounds = np.full(m + ROWS, -1.0, seeds.dtype)
    for r in range(m + ROWS):
        at[r] = np.uint64(seeds.ctypes.data) + np.uint64(min(r, m - 1) * seeds.strides[0])
    for group in range(packed.shape[0]):
        for b in range(0, m, ROWS):
            closer(at, b, packed, group, bounds, apart)
            for r in range(min(ROWS, m - b)):
                least = apart[r * width]
                for lane in range(1, width):
                    least = min(least, apart[r * width + lane])
                out[group, b + r + 1] = factor * np.float64(least)


@cache
def machine_code(name: str, dtype: str) -> Any:
    """Return the machine code of a function above for rows of a dtype."""
    element, count = getattr(types, dtype), types.int64
    packed, masses, labels = input_type(3, element), output_type(1), output_type(1, types.int32)
    rows = (row_type(dtype), count, input_type(1), input_type(2), packed)
    notes = (output_type(1, count), output_type(1, types.uint16), masses)
    signature = {
        "gains": (*rows, masses, labels, count, count, *notes, masses),
        "join": (*rows, count, masses, labels),
        "limits": (input_type(2, element), packed, types.float64, output_type(2)),
    }[name]
    return compiled(globals()[name], signature, f"seeding kernel for {dtype} rows")


class CompiledNearest(Nearest):
    """The nearest seed of every row, by machine code."""

    def __init__(self, mass: FloatArray, seeds: NDArray[Any]) -> None:
        super().__init__(mass, seeds)
        self._code = {
            name: machine_code(name, str(seeds.dtype)) for name in ("gains", "join", "limits")
        }
        self.lanes = lanes(seeds.dtype)
        self._rows = np.empty(MOST_NOTES, dtype=np.int64)
        self._which = np.empty(MOST_NOTES, dtype=np.uint16)
        self._masses_then = np.empty(MOST_NOTES)

    def aim(self, candidates: NDArray[Any]) -> None:
        """Take candidates (m, d)."""
        super().aim(candidates)
        self._packed = packed(candidates)
        self._limits = np.full((len(self._packed), self.n_seeds + 1), -1.0)
        if self.n_seeds:  # each distance is off by less than (d + 2) / 2 eps of itself
            factor = 0.25 * (1.0 - 4 * (candidates.shape[1] + 4) * np.finfo(candidates.dtype).eps)
            self._code["limits"](self.seeds[: self.n_seeds], self._packed, factor, self._limits)

    def gains(self, part: slice, rows: Any, weights: FloatArray | None) -> FloatArray:
        """Return by how much each candidate alone would lower the mass of a block."""
        gains = np.zeros(self._packed.shape[0] * self.lanes)
        notes = (self._rows, self._which, self._masses_then)
        begin, end = self._room(part)
        n = self._code["gains"](*self._block(part, rows, weights), self.mass, self.labels, begin, end, *notes, gains)
        found = slice(begin, begin + n)
        self._found[part.start] = None if n < 0 else (self._rows[found], self._which[found], self._masses_then[found])
        return gains[: len(self.candidates)]

    def join(self, part: slice, rows: Any, weights: FloatArray | None) -> int:
        """Make the candidates seeds of the rows of a block."""
        self._code["join"](*self._block(part, rows, weights), self.n_seeds, self.mass, self.labels)
        return 0

    def _block(self, part: slice, rows: Any, weights: FloatArray | None) -> tuple[Any, ...]:
        w = _NONE if weights is None else weights
        return rows, part.start, w, self._limits, self._packed


def packed(candidates: NDArray[Any]) -> NDArray[Any]:
    """Return candidates (m, d) as (n_groups, d, lanes); lanes left over are infinitely far."""
    m, d = candidates.shape
    width = lanes(candidates.dtype)
    filled = np.full((-(-m // width) * width, d), np.inf, candidates.dtype)
    filled[:m] = candidates
    return np.ascontiguousarray(filled.reshape(-1, width, d).transpose(0, 2, 1))
