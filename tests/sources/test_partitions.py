"""What is known of the partitions of Dask collections, and what is done with them."""

from __future__ import annotations

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from cloudpickle import dumps

from mixtura import InputError
from mixtura._errors import SingularCovarianceError
from mixtura.sources import partitions
from mixtura.sources.partitions import Partition


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def lazy(table: pd.DataFrame, n: int = 1) -> dd.DataFrame:
    return dd.from_pandas(table, npartitions=n)


def test_an_array_is_described_by_its_metadata() -> None:
    for dtype, kept in (("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("f2", "f8"), ("?", "f8")):
        X = da.zeros((6, 3), chunks=(2, 2), dtype=dtype)
        assert partitions.described(X) == (None, 3, np.dtype(kept))


def test_a_dataframe_is_described_by_its_columns() -> None:
    table = frame(a=np.ones(3, "f4"), b=np.ones(3, "f4"))
    assert partitions.described(lazy(table)) == (["a", "b"], 2, np.dtype("f4"))
    assert partitions.described(lazy(table.astype({"b": "f8"})))[2] == np.dtype("f8")
    nullable = frame(a=pd.array([1, None], "Int64"), b=pd.array([1.5, None], "Float64"))
    assert partitions.described(lazy(nullable)) == (["a", "b"], 2, np.dtype("f8"))
    numbered = pd.DataFrame(np.ones((3, 2)))
    assert partitions.described(lazy(numbered)) == (None, 2, np.dtype("f8"))


def test_what_is_no_table_of_numbers_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="column 'b' of X holds str"):
        partitions.described(lazy(frame(a=[1.0], b=["x"])))
    with pytest.raises(InputError, match="column 'when' of X holds datetime64"):
        partitions.described(lazy(frame(when=pd.to_datetime(["2020-01-01"]))))
    with pytest.raises(InputError, match="pass a dask dataframe or array"):
        partitions.described(da.zeros(3))
    unknown = da.from_delayed(da.zeros((2, 2)).to_delayed()[0, 0], (2, np.nan), float)
    with pytest.raises(InputError, match="unknown number of columns"):
        partitions.described(unknown)


def test_blocks_hold_all_columns() -> None:
    X = np.arange(24.0).reshape(6, 4)
    found = [b.compute() for b in partitions.blocks(da.from_array(X, chunks=((2, 4), (1, 3))))]
    assert [b.tolist() for b in found] == [X[:2].tolist(), X[2:].tolist()]
    assert len(partitions.blocks(lazy(pd.DataFrame(X), 3))) == 3


@pytest.mark.parametrize("lengths", [(2, 4), (6,), (1, 0, 5)])
def test_weights_are_cut_as_the_rows_are(lengths: tuple[int, ...]) -> None:
    w = np.arange(6.0)
    expected = [part.tolist() for part in np.split(w, np.cumsum(lengths)[:-1])]
    own = partitions.weight_blocks(w, lengths)
    assert [part.tolist() for part in own] == expected
    own = partitions.weight_blocks(da.from_array(w, chunks=(3, 3)), lengths)
    assert [part.compute().tolist() for part in own] == expected


def test_weights_of_unknown_lengths_lie_as_the_partitions_do() -> None:
    series = dd.from_pandas(pd.Series(np.arange(6.0)), npartitions=2)
    for weights in (series, series.to_dask_array()):
        parts = partitions.weight_blocks(weights, [3, 3])
        assert [list(part.compute()) for part in parts] == [[0, 1, 2], [3, 4, 5]]
        with pytest.raises(InputError, match="sample_weight has 2 partitions, X has 3"):
            partitions.weight_blocks(weights, [2, 2, 2])


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"sample_weight has shape \(4,\); X has 6 rows"):
        partitions.weight_blocks(np.ones(4), [3, 3])
    with pytest.raises(InputError, match="sample_weight has 4 values; X has 6 rows"):
        partitions.weight_blocks(da.ones(4), [3, 3])
    with pytest.raises(InputError, match="sample_weight has 2 dimensions"):
        partitions.weight_blocks(da.ones((6, 1)), [3, 3])
    part = Partition(np.ones((3, 2)), None)
    with pytest.raises(InputError, match=r"partition 4 of X: .*3 rows; sample_weight has \(2,\)"):
        partitions.weighted(4, part, np.ones(2))
    assert partitions.weighted(4, part, pd.Series([1, 2, 3])).weights.dtype == np.float64


def test_a_block_becomes_rows() -> None:
    block = np.arange(6.0).reshape(3, 2)
    made = partitions.made(0, block, np.dtype("f8"), 2)
    assert made.rows is block  # nothing is copied that is as it is to be
    assert made.weights is None
    assert partitions.made(0, block.T, np.dtype("f4"), 3).rows.dtype == np.float32
    masked = np.ma.masked_array([[1, 2]], [[True, False]])
    np.testing.assert_equal(partitions.made(0, masked, np.dtype("f8"), 2).rows, [[np.nan, 2.0]])


def test_a_dataframe_becomes_rows_with_nan_for_what_is_missing() -> None:
    table = frame(
        a=pd.array([1, None], "Int64"), b=[True, False], c=pd.Series([3, None], dtype=object)
    )
    rows = partitions.made(0, table, np.dtype("f8"), 3).rows
    np.testing.assert_equal(rows, [[1.0, 1.0, 3.0], [np.nan, 0.0, np.nan]])


def test_a_block_that_is_no_part_of_the_table_is_named() -> None:
    with pytest.raises(InputError, match=r"partition 7 of X: .*shape \(3, 1\); X has 2 columns"):
        partitions.made(7, np.ones((3, 1)), np.dtype("f8"), 2)
    objects = frame(a=[1.0], b=pd.Series(["x"], dtype=object))
    with pytest.raises(InputError, match=r"partition 7 of X: .*column 'b' holds what is no number"):
        partitions.made(7, objects, np.dtype("f8"), 2)
    with pytest.raises(InputError, match=r"partition 7 of X: .*column 1 holds what is no number"):
        partitions.made(7, objects.to_numpy(dtype=object), np.dtype("f8"), 2)


def test_a_pass_goes_by_blocks_that_know_their_place() -> None:
    rows, weights = np.arange(10.0)[:, None], np.arange(10.0) + 0.5

    def look(part: slice, rows: np.ndarray, weights: np.ndarray) -> list[object]:
        return [(part.start, part.stop, rows[:, 0].tolist(), weights.tolist())]

    def unweighted(part: slice, rows: np.ndarray, weights: None) -> bool:
        return weights is None

    seen = partitions.passed(0, dumps(look), 100, 4, Partition(rows, weights))
    assert [each[:2] for each in seen] == [(100, 104), (104, 108), (108, 110)]
    assert seen[2][2:] == ([8.0, 9.0], [8.5, 9.5])
    alone = partitions.passed(0, dumps(unweighted), 0, 4, Partition(rows, None))
    assert alone == 3


def test_errors_of_a_pass_name_the_partition_unless_they_are_mixturas_own() -> None:
    def fails(error: Exception) -> None:
        def function(*_: object) -> None:
            raise error

        partitions.passed(3, dumps(function), 0, 1, Partition(np.ones((1, 1)), None))

    with pytest.raises(InputError, match="partition 3 of X: ZeroDivisionError: no"):
        fails(ZeroDivisionError("no"))
    with pytest.raises(SingularCovarianceError, match=r"^flat$"):
        fails(SingularCovarianceError("flat"))


def test_rows_are_sorted_by_what_they_miss_where_that_is_asked_for() -> None:
    rows = np.array([[1.0, np.nan], [2.0, 2.0], [3.0, np.nan]])
    weights = np.array([1.0, 2.0, 3.0])

    def first(rows: np.ndarray, weights: np.ndarray) -> list[list[float]]:
        return [rows[:, 0].tolist(), weights.tolist()]

    kept, sorted_ = (
        partitions.of_rows(first, s, slice(0, 3), rows, weights) for s in (False, True)
    )
    assert kept == [[1.0, 2.0, 3.0]] * 2
    assert sorted_[0] == sorted_[1]
    assert sorted_[0] in ([1.0, 3.0, 2.0], [2.0, 1.0, 3.0])


def test_results_are_added_from_the_first_to_the_last() -> None:
    assert partitions.added([1], [2], [3]) == [1, 2, 3]
    assert partitions.length(0, Partition(np.ones((4, 2)), None)) == [4]
