"""k-means in machine code: passes that keep bounds between them (docs/guide, equation 15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from mixtura.kernels.cpu import exponion, nearest, yinyang
from mixtura.kernels.cpu.compiled import compiled, input_type, once, output_type, row_type
from mixtura.kernels.cpu.scores import ROWS, lanes
from mixtura.kernels.kmeans import Labels, Passes, Tally, squared_lengths
from mixtura.model.families.base import FloatArray

_NONE = np.empty(0)
#: Bounds that a row may have: a float each.
MOST_GROUPS = 64
#: Bounds in float32 keep their digits while centres have moved less than this, in their spread.
FAR = 10.0
#: Centres that a pass looks at singly, and how many times as far as others they have moved.
MOST_OUTLIERS, MUCH_FARTHER = 4, 4.0
#: Passes that compare everything before bounds are tried.
FULL_PASSES = 2
#: Columns up to which rings of centres spare more than bounds for groups of them.
FEW_COLUMNS = 8


class Lloyd:
    """Every row is compared with every centre."""

    name = "lloyd"
    #: Measured cycles of looking at a row, and, over the columns, of comparing it with a lane run.
    row_cycles, run_cycles = 25.0, 3.0

    def __init__(self, n_rows: int, shift: NDArray[Any]) -> None:
        self.labels: Labels = np.full(n_rows, -1, dtype=np.int32)
        self.shift = shift
        self.passes = 0
        self._spent: list[tuple[int, int]] = []

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d)."""
        self.begin_pass()
        self.centres = centres - self.shift
        self.packed, self.offsets, self.numbers = packed(self.centres, np.arange(len(centres)))
        self._pass = code(self.name, str(centres.dtype))

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances of the rows ``part`` from their centres."""
        out, given = np.empty(len(rows)), np.ascontiguousarray(centres, dtype=rows.dtype)
        code("squares", str(rows.dtype))(rows, given, self.labels[part], out)
        return out

    def begin_pass(self) -> None:
        """Count the pass, and start to count what it takes."""
        self.passes += 1
        self._spent.clear()

    def cost(self) -> float:
        """Return the cycles of the last pass, by what it did."""
        looked, compared = (sum(counts) for counts in zip(*self._spent, strict=True))
        run = ROWS * (len(self.shift) + self.run_cycles)
        return len(self.labels) * 2.0 + looked * self.row_cycles + compared * run

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster."""
        self.labels[row] = label

    def about(self, shift: NDArray[Any]) -> Lloyd:
        """Return passes over the same rows taken about ``shift``."""
        return self if (shift == self.shift).all() else Lloyd(len(self.labels), shift)

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        tally = Tally.zeros(*self.centres.shape)
        moved, looked, compared = self._pass(
            rows,
            self.shift,
            self.packed,
            self.offsets,
            self.numbers,
            *self.state(part),
            self.labels[part],
            _NONE if weights is None else np.ascontiguousarray(weights),
            tally.sums,
            tally.weight,
            tally.rows,
        )
        self._spent.append((looked, compared))  # by several threads
        return Tally(tally.sums, tally.weight, tally.rows, moved)

    def state(self, part: slice) -> tuple[Any, ...]:
        """Return what else the pass needs to know of the rows ``part``."""
        return ()


class Bounded(Lloyd):
    """A row is looked at once its label may change: a bound that only centres' moves wear out.

    ``slack`` says for each row how far its own centre and the others may move in all before that;
    ``level`` how far they have (Hamerly 2010, doi:10.1137/1.9781611972801.12, with both bounds in
    one number). Centres are in groups of ``vectors`` runs of lanes.
    """

    vectors = 1

    def __init__(self, n_rows: int, shift: NDArray[Any]) -> None:
        super().__init__(n_rows, shift)
        self.lengths = np.empty(n_rows)
        self.slack = np.full(n_rows, -np.inf, dtype=np.float32)
        self.centres = np.empty((0, len(shift)), shift.dtype)

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d), and count how far they moved against the bounds."""
        self.begin_pass()
        before, self.centres = self.centres, np.ascontiguousarray(centres - self.shift)
        if len(before) == 0:
            self.begin(self.centres)
        else:
            moved = moves(before, self.centres)
            self.move(moved, self.outliers(moved))
        self.packed, self.offsets, self.numbers = packed(self.centres, self.members, self.vectors)
        arguments = (self.packed, self.offsets, self.home, self.vectors, self.gamma, self.gaps)
        code("spacing", str(centres.dtype))(self.centres, *arguments)
        self._pass = code(self.name, str(centres.dtype))

    def begin(self, centres: NDArray[Any]) -> None:
        """Put the centres into groups, for good."""
        (k, d), width = centres.shape, self.vectors * lanes(centres.dtype)
        self.members = grouped(centres, width)
        places = np.empty(k, dtype=np.int32)
        places[self.members] = np.arange(k)
        self.home, self.lane = places // width, places % width
        self.gaps = np.empty((k, -(-k // width)))
        self.level = np.zeros(k)
        spread = np.median(np.linalg.norm(centres - np.median(centres, axis=0), axis=1))
        self.far = FAR * float(spread)
        # of the products' rounding, with room for that of lengths, offsets and square roots
        self.gamma = float((d + 8) * np.finfo(centres.dtype).eps / 2)

    def outliers(self, moved: FloatArray) -> NDArray[np.intp]:
        """Return the centres whose moves the bounds need not bear, as they are looked at singly."""
        return np.empty(0, dtype=np.intp)

    def move(self, moved: FloatArray, singly: NDArray[np.intp]) -> None:
        """Raise the levels of the bounds: own centres and, at most, the others have moved."""
        slow = moved.copy()
        slow[singly] = 0.0
        farthest = int(np.argmax(slow))
        others = np.full(len(slow), slow[farthest])
        others[farthest] = np.delete(slow, farthest).max(initial=0.0)
        self.level += moved + others
        if self.level.max() > self.far:
            least = self.level.min()
            self.level -= least
            lower(self.slack, least)

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster, and look at it in the next pass."""
        self.labels[row] = label
        self.slack[row] = -np.inf


class Exponion(Bounded):
    """Rows that are looked at are compared with the centres near their own.

    Newling & Fleuret (2016), arXiv:1602.02514, with groups of centres as the rings.
    """

    name = "exponion"
    row_cycles, run_cycles = 130.0, 6.0

    def begin(self, centres: NDArray[Any]) -> None:
        """Put the centres into groups, for good."""
        super().begin(centres)
        k, groups = self.gaps.shape
        self.order = np.tile(np.arange(groups, dtype=np.int32), (k, 1))
        self.rings = np.empty((k, groups))

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d) and sort the groups around each."""
        super().aim(centres)
        if self.passes == 1:
            self.order[:] = np.argsort(self.gaps, axis=1, kind="stable")
        code("sort_groups", str(centres.dtype))(self.gaps, self.home, self.order, self.rings)

    def state(self, part: slice) -> tuple[Any, ...]:
        """Return the tables of the centres and the bounds of the rows ``part``."""
        tables = (self.home, self.lane, self.order, self.rings, self.level, self.gamma)
        return (*tables, self.lengths[part], self.slack[part])


class Yinyang(Bounded):
    """Rows that are looked at are compared with the groups that their bounds do not rule out.

    Ding et al. (2015), PMLR 37, with groups as wide as the processor compares at once.
    """

    name = "yinyang"
    row_cycles, run_cycles = 350.0, 14.0

    def begin(self, centres: NDArray[Any]) -> None:
        """Put the centres into groups, for good."""
        width = lanes(centres.dtype)
        self.vectors = -(-len(centres) // (width * MOST_GROUPS))
        super().begin(centres)
        groups = self.gaps.shape[1]
        self.bounds = np.empty((len(self.labels), groups), dtype=np.float32)
        self.upper = np.empty(len(self.labels), dtype=np.float32)
        self.rise, self.falls = np.zeros(len(centres)), np.zeros(groups)
        self.runners = self.home[:0]

    def outliers(self, moved: FloatArray) -> NDArray[np.intp]:
        """Return the few centres that move much farther than all others."""
        order = np.argsort(-moved, kind="stable")[: MOST_OUTLIERS + 1]
        far = order[moved[order] > MUCH_FARTHER * moved[order[-1]]]
        return far if len(order) > MOST_OUTLIERS else far[:0]

    def move(self, moved: FloatArray, singly: NDArray[np.intp]) -> None:
        """Raise the levels of the bounds, and those of the groups."""
        super().move(moved, singly)
        centres = self.centres.astype(np.float64)
        self.runners = self.home[singly]
        self.near = (
            np.stack([moves(centres, centres[j]) for j in singly], axis=1)
            if len(singly)
            else np.empty((len(moved), 0))
        )
        self.near *= 1.0 - 3e-9
        self.near[singly, np.arange(len(singly))] = np.inf
        slow = moved.copy()
        slow[singly] = 0.0
        farthest = np.zeros_like(self.falls)
        np.maximum.at(farthest, self.home, slow)
        self.falls += farthest
        self.rise += moved
        for g in np.flatnonzero(self.falls > self.far):
            lower(self.bounds[:, g], self.falls[g])
            self.falls[g] = 0.0
        if self.rise.max() > self.far:
            below = -self.upper
            lower(below, self.rise[self.labels])
            self.upper = -below
            self.rise[:] = 0.0

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        if len(self.runners):
            code("outrun", str(rows.dtype))(
                self.labels[part],
                self.near,
                self.runners,
                self.level,
                self.gamma,
                self.lengths[part],
                self.slack[part],
                self.rise,
                self.falls,
                self.upper[part],
                self.bounds[part],
            )
        return super().assign(part, rows, weights)

    def state(self, part: slice) -> tuple[Any, ...]:
        """Return the tables of the centres and the bounds of the rows ``part``."""
        tables = (self.home, self.lane, self.vectors, self.gaps, self.level, self.gamma)
        rows = (self.upper[part], self.bounds[part])
        return (*tables, self.lengths[part], self.slack[part], self.rise, self.falls, *rows)


class Auto:
    """Passes of the algorithm that needs least arithmetic, as counted in the passes before.

    Bounds spare most of the work once the centres have all but settled, or where groups are apart;
    elsewhere keeping them costs more than they spare. So the first passes compare everything, then
    bounds are tried; where they do not pay they are tried again after three times as many passes.
    """

    name = "auto"

    def __init__(self, n_rows: int, shift: NDArray[Any], k: int) -> None:
        self.shift = shift
        self._full = self._now = Lloyd(n_rows, shift)
        groups = -(-k // lanes(shift.dtype))
        rings = len(shift) <= FEW_COLUMNS and k * groups <= n_rows  # these are k * groups numbers
        self._bounded = Exponion if rings or groups <= exponion.FEW_GROUPS else Yinyang
        self._rest = self._left = FULL_PASSES

    @property
    def labels(self) -> Labels:
        """Numbers of the nearest centres."""
        return self._full.labels

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d), and choose how to look for the nearest."""
        if self._now is not self._full:
            if self._now.passes > 1 and self._now.cost() > self._full.cost():
                self._now = self._full
                self._rest *= 3
                self._left = self._rest
        elif self._left == 0 and len(centres) > 1:
            self._now = self._bounded(len(self.labels), self.shift)
            self._now.labels = self._full.labels
        self._left -= 1
        self._now.aim(centres)

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster."""
        self._now.place(row, label)

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances of the rows ``part`` from their centres."""
        return self._full.apart(part, rows, centres)

    def about(self, shift: NDArray[Any]) -> Passes:
        """Return passes over the same rows taken about ``shift``."""
        return self if (shift == self.shift).all() else self._full.about(shift)

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        return self._now.assign(part, rows, weights)


def lower(bounds: NDArray[np.float32], by: FloatArray | float) -> None:
    """Lower bounds by numbers, or a little more."""
    values = bounds.astype(np.float64) - by
    with np.errstate(over="ignore"):
        bounds[:] = values - 2.0**-22 * np.abs(values)


def moves(before: NDArray[Any], after: NDArray[Any]) -> FloatArray:
    """Return the distances (k,) between old and new centres, rounded up."""
    apart = after.astype(np.float64) - before
    return np.sqrt(np.einsum("ij,ij->i", apart, apart)) * (1.0 + 1e-9)


def grouped(centres: NDArray[Any], width: int) -> NDArray[np.intp]:
    """Return the centres' numbers in an order where runs of ``width`` lie near one another.

    They are halved across the column in which they spread most, at a multiple of ``width``.
    """

    def halved(members: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        if len(members) <= width:
            return [members]
        column = int(np.argmax(np.ptp(centres[members], axis=0)))
        ordered = members[np.argsort(centres[members, column], kind="stable")]
        middle = -(-len(members) // width) // 2 * width
        return [*halved(ordered[:middle]), *halved(ordered[middle:])]

    return np.concatenate(halved(np.arange(len(centres))))


def packed(
    centres: NDArray[Any], order: NDArray[np.intp], vectors: int = 1
) -> tuple[NDArray[Any], ...]:
    """Return runs (n, d, lanes) of centres in an order, their offsets and numbers (n, lanes).

    ``n`` is a multiple of ``vectors``; lanes that are left over have scores of minus infinity.
    """
    k, d = centres.shape
    width = lanes(centres.dtype)
    n = -(-k // (width * vectors)) * vectors
    room = np.zeros((n * width, d), centres.dtype)
    offsets = np.full(n * width, -np.inf)
    numbers = np.zeros(n * width, centres.dtype)
    room[:k], numbers[:k] = centres[order], order
    offsets[:k] = -0.5 * squared_lengths(centres[order])
    return (
        np.ascontiguousarray(room.reshape(n, width, d).transpose(0, 2, 1)),
        offsets.astype(centres.dtype).reshape(n, width),
        numbers.reshape(n, width),
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        nearest.lloyd,
        nearest.squares,
        exponion.exponion,
        exponion.sort_groups,
        yinyang.yinyang,
        yinyang.spacing,
        yinyang.outrun,
    )
}


@once
def code(name: str, dtype: str) -> Callable[..., Any]:
    """Return the machine code of the function of that name for the dtype of the rows."""
    number, whole, count = getattr(types, dtype), types.int32, types.int64
    packs = [input_type(3, number), input_type(2, number)]
    places, bounds = 2 * [input_type(1, whole)], [output_type(1), output_type(1, types.float32)]
    tables: dict[str, list[Any]] = {
        "lloyd": [],
        "exponion": [input_type(2, whole), input_type(2), input_type(1), types.float64],
        "yinyang": [count, input_type(2), input_type(1), types.float64],
    }
    if name == "spacing":
        given = [places[0], count, types.float64, output_type(2)]
        signature = [input_type(2, number), *packs, *given]
    elif name == "outrun":
        given = [input_type(2), places[0], input_type(1), types.float64, *bounds]
        levels = [input_type(1), input_type(1), bounds[1], output_type(2, types.float32)]
        signature = [places[0], *given, *levels]
    elif name == "squares":
        signature = [row_type(dtype), input_type(2, number), places[0], output_type(1)]
    elif name == "sort_groups":
        signature = [input_type(2), places[0], output_type(2, whole), output_type(2)]
    else:
        signature = [row_type(dtype), input_type(1, number), *packs, packs[1]]
        if name != "lloyd":
            signature += [*places, *tables[name], *bounds]
        if name == "yinyang":
            signature += [input_type(1), input_type(1), bounds[1], output_type(2, types.float32)]
        signature += [output_type(1, whole), input_type(1)]
        signature += [output_type(2), output_type(1), output_type(1, count)]
    return compiled(FUNCTIONS[name], tuple(signature), f"{name} kernel for {dtype} rows")
