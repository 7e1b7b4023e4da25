"""mixtura.selection.evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from mixtura import InputError, evaluate
from mixtura.selection.evaluation import report

partitions = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        *(st.lists(st.integers(0, 4), min_size=n, max_size=n) for _ in range(2)),
        st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any),
    )
)


def three_species() -> tuple[np.ndarray, np.ndarray]:
    """Return the labels and clusters of the table that full covariances find in iris."""
    labels = np.repeat(["setosa", "versicolor", "virginica"], 50)
    return labels, np.repeat([1, 0, 2, 2], [50, 45, 5, 50])


def test_a_published_table() -> None:
    found = evaluate(*three_species())
    assert found.classes == ("setosa", "versicolor", "virginica")
    assert found.clusters == (0, 1, 2)
    assert found.table.tolist() == [[0, 50, 0], [45, 0, 5], [0, 0, 50]]
    assert found.majority == found.matched == ("versicolor", "setosa", "virginica")
    # mclust 6.0.0: classError and adjustedRandIndex of the same two partitions
    assert found.majority_error == found.matched_error == 5 / 150
    assert found.adjusted_rand_index == pytest.approx(0.903874231775)
    assert (found.n_rows, found.n_unlabelled, found.certainty) == (150, 0, None)


def test_more_clusters_than_classes() -> None:
    found = evaluate(["a"] * 5 + ["b"] * 2, [0, 0, 0, 1, 1, 2, 2])
    assert found.majority == ("a", "a", "b")
    assert found.matched == ("a", None, "b")
    assert (found.majority_error, found.matched_error) == (0.0, 2 / 7)


def test_fewer_clusters_than_classes() -> None:
    found = evaluate(["a", "a", "a", "b", "c"], ["x", "x", "x", "x", "y"])
    assert found.majority == found.matched == ("a", "c")
    assert found.majority_error == found.matched_error == 0.2


def test_the_matching_is_the_best_of_all() -> None:
    # Greedy matching takes the 5 first and ends with 6 rows right; 4 + 4 is better.
    labels, assigned = np.repeat([0, 0, 1, 1], [5, 4, 4, 1]), np.repeat([0, 1, 0, 1], [5, 4, 4, 1])
    found = evaluate(labels, assigned)
    assert found.matched == (1, 0)
    assert found.matched_error == 6 / 14
    assert found.majority == (0, 0)


def test_no_cluster_is_named_after_a_class_without_rows_in_it() -> None:
    found = evaluate(["a", "a", "b"], [0, 1, 0], sample_weight=[2, 1, 1])
    assert found.matched == ("a", None)
    assert found.matched_error == 0.5


@given(partitions)
def test_scores_are_those_of_scikit_learn(drawn: tuple[list[int], list[int], list[int]]) -> None:
    labels, assigned, _ = drawn
    found = evaluate(labels, assigned)
    expected = adjusted_rand_score(labels, assigned)
    assert found.adjusted_rand_index == pytest.approx(expected, abs=1e-12)
    expected = normalized_mutual_info_score(labels, assigned)
    assert found.normalized_mutual_info == pytest.approx(expected, abs=1e-12)
    assert 0.0 <= found.majority_error <= found.matched_error < 1.0


@given(partitions)
def test_weights_count_rows(drawn: tuple[list[int], list[int], list[int]]) -> None:
    labels, assigned, weights = (np.array(values) for values in drawn)
    if weights.sum() == 1:
        weights = 2 * weights
    weighted = evaluate(labels, assigned, sample_weight=weights)
    repeated = evaluate(np.repeat(labels, weights), np.repeat(assigned, weights))
    assert weighted.table.tolist() == repeated.table.tolist()
    assert (weighted.classes, weighted.matched) == (repeated.classes, repeated.matched)
    for score in ("majority_error", "matched_error", "adjusted_rand_index"):
        assert getattr(weighted, score) == getattr(repeated, score)
    assert weighted.n_rows == np.count_nonzero(weights)


@pytest.mark.parametrize("weight", [0.3, 0.5, 0.9])
def test_less_than_a_row_is_no_pair(weight: float) -> None:
    crossed = evaluate(["a", "a", "b", "b"], [0, 1, 0, 1], sample_weight=[weight] * 4)
    assert crossed.adjusted_rand_index <= 0.0
    same = evaluate(["a", "a", "b", "b"], [1, 1, 0, 0], sample_weight=[weight] * 4)
    assert same.adjusted_rand_index == 1.0


@given(partitions, st.permutations(range(5)))
def test_numbers_of_clusters_mean_nothing(
    drawn: tuple[list[int], list[int], list[int]], order: list[int]
) -> None:
    labels, assigned, _ = drawn
    found, renamed = evaluate(labels, assigned), evaluate(labels, [order[j] for j in assigned])
    assert renamed.matched_error == found.matched_error
    assert renamed.majority_error == found.majority_error
    assert renamed.adjusted_rand_index == pytest.approx(found.adjusted_rand_index, abs=1e-12)


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    labels = ["a", None, "b", float("nan"), "a"]
    found = evaluate(labels, [0, 7, 1, 1, 0], sample_weight=[1, 1, 1, 0, 2])
    assert found.clusters == (0, 1)
    assert found.table.tolist() == [[3, 0], [0, 1]]
    assert (found.n_rows, found.n_unlabelled) == (3, 1)


def test_the_hardest_rows() -> None:
    resp = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.5, 0.5]])
    found = evaluate(["a", "b", "b", None], [0, 0, 1, 0], resp)
    assert found.certainty is not None
    assert found.certainty.tolist() == [0.9, 0.5, 0.8, 0.5]
    assert found.hardest(3).tolist() == [1, 3, 2]
    assert len(found.hardest()) == 4
    assert "\nleast certain                  line 2 (0.500), line 4 (0.500)," in report(
        found, lambda row: f"line {row + 1}"
    )
    with pytest.raises(InputError, match="n=0 must be"):
        found.hardest(0)
    with pytest.raises(InputError, match="certainty is not known"):
        evaluate(["a"], [0]).hardest()


def test_text_for_a_terminal() -> None:
    labels, assigned = three_species()
    assert str(evaluate([None, *labels], [0, *assigned])).splitlines() == [
        "cluster  setosa  versicolor  virginica  rows   share  majority    matched",
        "0             0          45          0    45  100.0%  versicolor  versicolor",
        "1            50           0          0    50  100.0%  setosa      setosa",
        "2             0           5         50    55   90.9%  virginica   virginica",
        "",
        "rows                           150 with a label, 1 without",
        "majority naming                error 0.0333",
        "one-to-one matching            error 0.0333",
        "adjusted Rand index            0.9039",
        "normalised mutual information  0.8997",
    ]


def test_text_with_weights_long_names_and_clusters_left_over() -> None:
    lines = str(evaluate([1.0, 1.0, 2.5], ["x" * 30, "y", "y"], sample_weight=[2, 1.5, 1]))
    assert lines.splitlines()[:3] == [
        "cluster                  1  2.5  weight   share  majority  matched",
        f"{'x' * 17}...     2    0       2  100.0%  1         1",
        "y                     1.50    1    2.50   60.0%  1         2.5",
    ]
    assert str(evaluate([0, 0], [1, 2])).splitlines()[2] == (
        "2        1     1  100.0%  0         -"
    )


def test_many_classes_are_not_shown_one_by_one() -> None:
    many = str(evaluate(range(13), [0] * 13)).splitlines()
    assert many[0].split() == ["cluster", "rows", "share", "majority", "matched"]
    assert many[1].split() == ["0", "13", "7.7%", "0", "0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["a", "b"], [0]), "labels holds 2 rows and assigned 1"),
        ((["a", "b"], [0, None]), "assigned holds no cluster in row 1"),
        (([None, None], [0, 1]), "labels holds no label in any row:"),
        ((["a", None], [0, 1], None, [0, 1]), "in any row of positive sample_weight"),
        ((["a", "b"], [0, 1], None, [0.5, 0.5]), "sums to 1 over the 2 rows with a label"),
        ((["a", "b"], [0, 1], None, [1, -1]), "[Nn]egative"),
        ((["a", "b"], [0, 1], [[1.0]]), r"responsibilities has shape \(1, 1\)"),
        ((["a"], [0], [[0.5, 0.6]]), "responsibilities must sum to 1 in every row"),
    ],
)
def test_what_cannot_be_compared(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(*arguments)
