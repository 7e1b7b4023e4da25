"""Models and the tables that fit them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mixtura import GaussianMixture
from mixtura._errors import ModelFileError, TableError
from mixtura.cli import console, models
from mixtura.io.table import Table

MEANS = np.array([[1.0, 10.0], [2.0, 20.0]])
COVARIANCES = {
    "full": np.array([[[4.0, 1.0], [1.0, 9.0]], [[1.0, 0.0], [0.0, 16.0]]]),
    "tied": np.array([[4.0, 1.0], [1.0, 9.0]]),
    "diag": np.array([[4.0, 9.0], [1.0, 16.0]]),
    "spherical": np.array([4.0, 9.0]),
}
DEVIATIONS = {
    "full": [[2, 3], [1, 4]],
    "tied": [[2, 3], [2, 3]],
    "diag": [[2, 3], [1, 4]],
    "spherical": [[2, 2], [3, 3]],
}


def made(kind: str = "full", names: list[str] | None = None) -> GaussianMixture:
    """Return a model of known parameters."""
    model = GaussianMixture.from_parameters([0.25, 0.75], MEANS, COVARIANCES[kind], kind)
    if names is not None:
        model.feature_names_in_ = np.asarray(names, dtype=object)
    return model


def table(**columns: object) -> Table:
    """Return a table called t.csv."""
    return Table("t.csv", pa.table(columns))


def test_loading_takes_the_names_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.mixtura"
    made(names=["a", "b"]).save(path)
    model, names = models.load_model(path, threads=1)
    assert names == ["a", "b"]
    assert model.n_jobs == 1
    assert model.predict_proba(MEANS).shape == (2, 2)
    made().save(path)
    assert models.load_model(path)[1] is None
    with pytest.raises(ModelFileError, match="there is no such file"):
        models.load_model(tmp_path / "none.mixtura")


def test_columns_are_matched_by_name() -> None:
    source = table(extra=["x", "y"], b=[3, 4], c=[0, 0], a=[1, 2])
    assert models.matching_columns(source, made(), ["a", "b"]).X.tolist() == [[1, 3], [2, 4]]
    with pytest.raises(TableError, match=r"t\.csv has no columns 'd', 'e'; its columns are"):
        models.matching_columns(source, made(), ["a", "d", "e"])


def test_columns_are_matched_by_position_where_the_model_has_no_names() -> None:
    source = table(text=["x", "y"], q=[3, 4], p=[1, 2])
    assert models.matching_columns(source, made(), None).X.tolist() == [[3, 1], [4, 2]]
    with pytest.raises(TableError) as raised:
        models.matching_columns(table(a=[1]), made(), None)
    assert str(raised.value) == (
        "t.csv has 1 column of numbers; the model, which has no column names, needs 2."
    )


def test_criteria() -> None:
    model, X = made("diag"), np.array([[0.0, 0.0], [1.0, 12.0], [3.0, 3.0]])
    total = float(model.score_samples(X).sum())
    result = models.log_likelihood_facts(model, total, 3.0, 3.0)
    assert result["log_likelihood_per_row"] == pytest.approx(model.score(X))
    assert result["bic"] == pytest.approx(model.bic(X))
    assert result["aic"] == pytest.approx(model.aic(X))
    holes, weights = np.vstack([X, [[np.nan, np.nan]]]), np.array([1.0, 2.0, 3.0, 4.0])
    total = float(weights @ model.score_samples(holes))
    result = models.log_likelihood_facts(model, total, 10.0, 6.0)
    assert result["bic"] == pytest.approx(model.bic(holes, weights))
    assert result["log_likelihood_per_row"] == pytest.approx(model.score(holes, None, weights))
    assert models.likelihood_lines(result)["log-likelihood"].endswith(" per row")


def test_collapsed_components() -> None:
    model = made()
    assert models.collapsed_components(model) == []
    assert models.collapsed_line({"collapsed": []}) == {}
    model.collapsed_ = np.array([True, False, True])
    assert models.description(model, None)["collapsed"] == [0, 2]
    assert models.collapsed_line({"collapsed": [0, 2]}) == {"collapsed": "components 0, 2"}
    assert models.collapsed_line({"collapsed": [1]}) == {"collapsed": "component 1"}


@pytest.mark.parametrize("kind", list(COVARIANCES))
def test_descriptions_of_every_structure(kind: str) -> None:
    about = models.description(made(kind), ["a", "b"])
    np.testing.assert_array_equal(about["standard_deviations"], DEVIATIONS[kind])
    assert about["components"] == about["n_columns"] == 2
    assert about["covariance_type"] == kind
    assert about["log_likelihood_per_row_trace"] == []
    assert console.plain(about)["weights"] == [0.25, 0.75]
    assert models.model_line(about).startswith(f"2 components, {kind} covariances, ")


def test_components_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    console.show(models.components_table(made("diag"), None))
    assert capsys.readouterr().out == (
        "mean ± sd  component 0  component 1\n"
        "weight          0.2500       0.7500\n"
        "x0               1 ± 2        2 ± 1\n"
        "x1              10 ± 3       20 ± 4\n"
    )


def test_means_that_are_rounding_are_shown_as_zero(capsys: pytest.CaptureFixture[str]) -> None:
    tiny = np.array([[1.5e-64, 1e-7]])
    model = GaussianMixture.from_parameters([1.0], tiny, [[1.0, 1e-6]], "diag")
    console.show(models.components_table(model, None))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[2:] == [["x0", "0", "±", "1"], ["x1", "1e-07", "±", "0.001"]]


def test_more_components_stand_in_several_tables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    means = np.arange(3.0)[:, None]
    model = GaussianMixture.from_parameters([0.5, 0.3, 0.2], means, np.ones(3), "spherical")
    monkeypatch.setattr(models, "width", lambda: 50)
    console.show(models.components_table(model, ["length"]))
    expected = [
        "mean ± sd  component 0  component 1",
        "weight          0.5000       0.3000",
        "length           0 ± 1        1 ± 1",
        "",
        "mean ± sd  component 2",
        "weight          0.2000",
        "length           2 ± 1",
    ]
    assert capsys.readouterr().out.splitlines() == expected
    monkeypatch.setattr(models, "width", lambda: 5)
    console.show(models.components_table(model, ["length"]))
    assert capsys.readouterr().out.count("mean ± sd") == 3


def test_weights_alone(capsys: pytest.CaptureFixture[str]) -> None:
    console.show(models.weights_table(made()))
    assert capsys.readouterr().out == "component  weight\n0          0.2500\n1          0.7500\n"


@pytest.mark.parametrize("kind", ["noise", "few", "classes"])
def test_mixtures_of_all_kinds_are_one_of_gaussians(
    special: dict[str, Path], points: np.ndarray, kind: str
) -> None:
    model, names = models.load_model(special[kind], threads=1)
    assert names == ["x", "y"]
    assert all(each.n_jobs == 1 for each in getattr(model, "models_", [model]))
    assert isinstance(model, models.MixtureModel)
    whole, resp = models.gaussians(model), model.predict_proba(points)
    own = whole.predict_proba(points)
    if kind == "noise":
        np.testing.assert_allclose(own, resp[:, :-1] / resp[:, :-1].sum(axis=1)[:, None])
        assert models.n_parameters(model) == model.mixture_.n_parameters() + 2
        assert models.component_labels(model).tolist() == [0, 1, 2]
        groups = models.groups_of(model)
        assert (groups.labels.tolist(), groups.names[-1]) == ([0, 1, 2, -1], "noise")
        return
    labels = models.component_labels(model)
    by_class = np.stack([own[:, labels == each].sum(axis=1) for each in model.classes_], axis=1)
    np.testing.assert_allclose(by_class, resp, atol=1e-12)
    assert models.groups_of(model).names == ["blue", "green", "red"]
    # Six means, weights and covariances of three planes; and EVI: of six, with common volumes.
    count = {"few": 6 + 2 + 9, "classes": 12 + (3 + 2) + 3 * 3}[kind]
    assert models.n_parameters(model) == count


def test_names_of_classes() -> None:
    assert [models.class_name(each) for each in np.array([1.0, -0.5])] == ["1", "-0.5"]
    assert [models.class_name(each) for each in (3, "v1.0", True)] == ["3", "v1.0", "True"]
