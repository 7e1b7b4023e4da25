"""The choice among a search's models."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, InputError, MissingDependencyError, MixtureSearch
from mixtura.model.criteria import fuzziness, nec
from mixtura.selection import choosing
from mixtura.selection.choosing import CRITERIA, Table, best_of, hopeful

CENTRES = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 3.0]])


@pytest.fixture(scope="module", name="X")
def overlapping_groups() -> Any:
    rows = np.random.default_rng(0).normal(size=(90, 2)) + CENTRES[np.arange(90) % 3]
    rows.flags.writeable = False
    return rows


def small(**parameters: Any) -> MixtureSearch:
    settings = {"n_components": (1, 2, 3, 4), "covariance_types": ("VII", "EEI", "VVV")}
    return MixtureSearch(**{**settings, "random_state": 0, **parameters})


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_best_row_states_the_best_estimator(X: Any, criterion: str) -> None:
    weights = 1.0 + np.arange(len(X)) % 2
    model = small(criterion=criterion).fit(X, sample_weight=weights)
    best, row = model.best_estimator_, model.table_[model.best_index_]
    for name in ("bic", "aic", "icl"):
        assert getattr(best, name)(X, weights) == pytest.approx(row[name], rel=1e-12)
    assert (row["status"], row["degenerate"]) == (best.status_, False)
    assert (
        model.best_score_
        == row[criterion]
        == min(each[criterion] for each in model.table_ if not each["degenerate"])
    )
    if criterion == "nec":
        single = next(r for r in model.table_ if r["covariance_type"] == row["covariance_type"])
        unsure = fuzziness(model.predict_proba(X), weights)
        value = nec(row["log_likelihood"], row["n_components"], unsure, single["log_likelihood"])
        assert row["nec"] == pytest.approx(value, rel=1e-9)


def places(
    model: MixtureSearch, X: Any, monkeypatch: pytest.MonkeyPatch, **facts: Any
) -> list[tuple[str, int]]:
    """Return the models that a search takes further; ``facts`` are put into their cells."""
    found, refitted = [], choosing.refitted

    def spy(given: Any, cell: Any, *arguments: Any) -> Any:
        found.append((cell.covariance_type, cell.n_components))
        fit, new = refitted(given, cell, *arguments)
        return fit, (choosing.replace(new, **facts) if len(found) == 1 else new)

    monkeypatch.setattr(choosing, "refitted", spy)
    model.fit(X)
    return found


def test_models_near_the_least_icl_are_taken_further(
    X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(criterion="icl")
    found = places(model, X, monkeypatch)
    assert 1 < len(found) <= choosing.MOST_SETTLED
    for row in model.table_:
        key = (row["covariance_type"], row["n_components"])
        if row["icl"] <= model.best_score_ + choosing.NEAR:
            assert key in found
        if key in found:
            assert row["status"].name == "CONVERGED"
    assert len(places(small(), X, monkeypatch)) == 1


def test_the_next_is_chosen_where_the_best_collapses(
    X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = small().fit(X)
    model = small()
    found = places(model, X, monkeypatch, degenerate=True)
    assert found[0] == tuple(first.best_params_.values()) != tuple(model.best_params_.values())
    assert found[1] == tuple(model.best_params_.values())
    assert model.table_[first.best_index_]["degenerate"]


def test_a_fit_that_cannot_be_taken_further_is_degenerate(
    X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise choosing.SingularCovarianceError("no")

    monkeypatch.setattr(GaussianMixture, "fit", fail)
    with pytest.raises(InputError, match="none of the 12 models could be fitted"):
        small().fit(X)


def test_a_best_that_has_not_settled_is_told(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    start = choosing.start_of
    monkeypatch.setattr(
        choosing, "GaussianMixture", lambda **given: GaussianMixture(**{**given, "max_iter": 1})
    )
    monkeypatch.setattr(choosing, "start_of", lambda *given: shifted(start(*given)))
    with pytest.warns(ConvergenceWarning, match="Stopped at max_iter") as caught:
        small(n_components=2, covariance_types=("VVV",)).fit(X)
    assert [each.filename for each in caught] == [__file__]


def shifted(mixture: Any) -> Any:
    return choosing.replace(mixture, means=mixture.means + 0.1)


def test_what_may_be_the_best() -> None:
    def row(icl: float, bic: float, degenerate: bool = False) -> dict[str, Any]:
        facts = {"icl": icl, "bic": bic, "nec": icl, "n_parameters": 1}
        return {**facts, "degenerate": degenerate}

    table = Table([row(100.0, 99.0), row(106.5, 100.0), row(108.0, 100.0), row(99.0, 9.0, True)])
    assert hopeful(table, "icl") == [0, 1]
    assert hopeful(table, "bic") == [0]
    assert hopeful(table, "nec") == [0, 1, 2]
    assert len(hopeful(Table([row(1.0, 1.0)] * 50), "icl")) == choosing.MOST_SETTLED


def test_a_criterion_that_is_no_number_wins_nothing() -> None:
    def row(value: float, degenerate: bool = False, n_parameters: int = 2) -> dict[str, Any]:
        return {"aicc": value, "degenerate": degenerate, "n_parameters": n_parameters}

    assert best_of(Table([row(np.nan), row(-9.0, True), row(2.0), row(2.0, False, 1)]), "aicc") == 3
    with pytest.raises(InputError, match="'aicc' is infinite for all 1 models"):
        best_of(Table([row(np.inf), row(1.0, True)]), "aicc")
    with pytest.raises(InputError, match="none of the 1 models could be fitted"):
        best_of(Table([row(1.0, True)]), "aicc")


def test_the_table_as_a_frame(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = small().fit(X)
    frame = fitted.table_.to_frame()
    assert len(frame) == len(fitted.table_)
    assert frame["bic"].idxmin() == fitted.best_index_
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        fitted.table_.to_frame()
