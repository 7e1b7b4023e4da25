"""Why this model."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import GaussianMixture, KMeans, MixtureSearch
from mixtura.view.criteria import criteria_table
from mixtura.view.report import choice
from mixtura.view.report.study import study_of


class Searched:
    """What a search leaves behind."""

    criterion = "aicc"

    def __init__(self, values: dict[tuple[str, int], float | None]) -> None:
        self.table_ = [
            {
                "covariance_type": name,
                "n_components": k,
                "aicc": np.nan if value is None else value,
                "degenerate": value is None,
            }
            for (name, k), value in values.items()
        ]


@pytest.fixture
def searched() -> Searched:
    """Return a search of four models, one of them degenerate and one nearly as good."""
    return Searched({("EII", 1): 120.0, ("EII", 2): 104.0, ("VVV", 1): 100.0, ("VVV", 2): None})


def test_models_are_told_with_those_nearly_as_good(searched: Searched) -> None:
    assert choice.tried(criteria_table(searched), "AICc") == (
        "4 models of 1 to 2 components were tried and compared by AICc, which weighs the fit "
        "against the number of parameters. VVV with 1 component has the least: 100.0. Nearly as "
        "good (at most 6 more): EII with 2 components. 1 model could not be fitted without a "
        "collapsed component."
    )


def test_a_best_model_at_the_edge_is_told(searched: Searched) -> None:
    searched.table_[1]["aicc"] = 50.0
    assert "more may be better still" in choice.tried(criteria_table(searched), "AICc")


def test_the_table_has_structures_down_and_sizes_across(searched: Searched) -> None:
    table = choice.table(criteria_table(searched), "AICc")
    assert table.headers == ["structure", "1", "2"]
    texts = [[cell.text for cell in row] for row in table.cells]
    assert texts == [["EII", "120.0", "104.0"], ["VVV", "★ 100.0", "–"]]
    assert [cell.shade for cell in table.cells[1]] == [0.0, 1.0, 0.0]
    assert [cell.shade > 0 for cell in table.cells[0]] == [False, False, True]


def test_a_search_shows_lines_and_a_table() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    search = MixtureSearch([1, 2], covariance_types=["EII", "VVV"], random_state=0).fit(X)
    section = choice.section(study_of(search.best_estimator_, X), search)
    kinds = [block.kind for block in section.blocks]
    assert kinds == ["text", "text", "figure", "grid", "text"]
    assert 'aria-label="BIC over the number' in section.blocks[2].html


def test_a_few_bad_models_do_not_flatten_the_lines() -> None:
    low, high = choice.seen(np.array([*np.linspace(0.0, 10.0, 9), 1e4]))
    assert low < 0.0 < 7.0 < high < 11.0
    assert choice.seen(np.arange(9.0)) is None
    assert choice.seen(np.array([1.0, np.nan])) is None


@pytest.mark.parametrize(
    ("letters", "d", "text"),
    [
        ("EII", 3, "spheres, equal volume"),
        ("VEI", 3, "volumes of their own, equal shape, axes along the columns"),
        ("EVV", 2, "equal volume, shapes of their own, orientations of their own"),
        ("VII", 1, "variances of their own"),
        ("EII", 1, "equal variances"),
    ],
)
def test_structures_in_words(letters: str, d: int, text: str) -> None:
    assert choice.structure(letters, d) == text


def test_a_model_by_itself_is_told_with_its_likelihood(mixture, rows) -> None:
    X = rows[:7]
    model = GaussianMixture(1).fit(X)
    first, second, third = choice.section(study_of(model, X), None).blocks
    assert "a mixture of 1 Gaussian component, with" in first.text
    assert "No other models" in second.text
    assert third.text.startswith(model.status_.value)
    assert f"{model.score(X):.5g} per row" in third.text


def test_clusters_in_words(rows) -> None:
    model = KMeans(2, random_state=0).fit(rows[:6])
    assert choice.section(study_of(model, rows[:6]), None).blocks[0].text.startswith("k-means with")
