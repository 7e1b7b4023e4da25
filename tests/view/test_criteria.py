"""Criteria over structures and numbers of components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, MixtureSearch
from mixtura.view import CriteriaDisplay
from mixtura.view.criteria import criteria_table
from pictures import assert_same_picture


def row(name: str, k: int, value: float, *, degenerate: bool = False) -> dict[str, Any]:
    """Return a model as ``table_`` has it."""
    values = {"bic": value, "icl": value + k, "nec": value / 1000.0}
    return {"covariance_type": name, "n_components": k, "degenerate": degenerate, **values}


MODELS = [
    row("EII", 1, 900.0),
    row("EII", 2, 806.0),
    row("EII", 3, 806.5),
    row("VVV", 1, 850.0),
    row("VVV", 2, 800.0),
    row("VVV", 3, 700.0, degenerate=True),
]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_best_and_those_near_it() -> None:
    table = criteria_table(MODELS)
    assert table["best"].tolist() == [False, False, False, False, True, False]
    assert table["near"].tolist() == [False, True, False, False, True, False]
    assert table["excess"][:5].tolist() == [100.0, 6.0, 6.5, 50.0, 0.0]
    assert np.isnan(table["value"][5])


def test_nec_is_a_ratio_that_knows_no_near_models() -> None:
    table = criteria_table(MODELS, "nec")
    assert table["best"].any()
    assert not table["near"].any()


def test_a_search_says_its_criterion() -> None:
    X = np.random.default_rng(0).normal(size=(60, 1)) + 9.0 * (np.arange(60)[:, None] % 2)
    search = MixtureSearch([1, 2], criterion="icl", random_state=0).fit(X)
    display = CriteriaDisplay.from_estimator(search)
    assert display.frame["value"].tolist() == [each["icl"] for each in search.table_]
    assert int(np.argmax(display.frame["best"])) == search.best_index_
    assert display.ax_.get_ylabel() == "ICL, less is better"


@pytest.mark.parametrize(
    ("search", "criterion", "words"),
    [
        (MODELS, "likelihood", "criterion='likelihood' is not one of bic, aic"),
        (GaussianMixture(), None, "GaussianMixture has no table_"),
        (MixtureSearch(), None, "fit a MixtureSearch"),
        ([{"bic": 1.0}], None, "not as MixtureSearch.table_ has it"),
        (MODELS[5:], None, "no model has a finite bic"),
    ],
)
def test_what_is_no_search_is_refused(search: Any, criterion: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        criteria_table(search, criterion)


def test_lines_leave_degenerate_models_out(tmp_path: Path) -> None:
    display = CriteriaDisplay.from_estimator(MODELS)
    lines = {line.get_label(): line.get_xydata() for line in display.ax_.get_lines()}
    assert lines["EII"].tolist() == [[1, 900], [2, 806], [3, 806.5]]
    assert np.isnan(lines["VVV"][2, 1])
    assert lines["best"].tolist() == [[2, 800]]
    (band,) = display.ax_.patches
    assert (band.get_y(), band.get_height()) == (800.0, 6.0)
    assert display.ax_.get_title() == "Least BIC: VVV, 2 components"
    assert_same_picture(display.figure_, "criteria-lines", tmp_path)


def test_a_heat_map_has_numbers_and_marks(tmp_path: Path) -> None:
    display = CriteriaDisplay.from_estimator(MODELS, kind="heat")
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == ["900", "806+", "806", "850", "800*", "–"]
    (image,) = display.ax_.images
    assert np.argmax(image.get_array().filled(-np.inf)) == 4  # the darkest
    assert_same_picture(display.figure_, "criteria-heat", tmp_path)


def test_fourteen_structures_are_told_apart() -> None:
    models = [row(f"S{i}", k, 500.0 + i + k) for i in range(14) for k in (1, 2)]
    display = CriteriaDisplay.from_estimator(models)
    lines = display.ax_.get_lines()[:14]
    styles = {(line.get_color().tobytes(), line.get_linestyle()) for line in lines}
    assert len(styles) == 14


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="kind='pie' is not one of lines, heat"):
        CriteriaDisplay.from_estimator(MODELS, kind="pie")


def test_one_model_has_a_whole_number_of_components() -> None:
    ax = CriteriaDisplay.from_estimator([row("VVV", 2, 5.0)]).ax_
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [2.0]
