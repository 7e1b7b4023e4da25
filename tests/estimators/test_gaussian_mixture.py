"""The estimator: what goes in, what each parameter does, what comes out."""

from __future__ import annotations

import itertools
import logging
import pickle
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mixtura
from mixtura import GaussianMixture, InputError, Mixture, Status, Step
from mixtura.kernels import array_api, cpu
from mixtura.model import ConjugatePrior
from problems import with_holes

FAMILIES = ("full", "tied", "diag", "spherical")
CENTRES = np.array([[0.0, 0.0], [6.0, 1.0], [2.0, 7.0]])
STRETCH = np.array([[1.0, 0.6], [0.0, 0.8]])


def table(n: int = 300, seed: int = 0) -> Any:
    """Return rows (n, 2) in three equal groups that overlap a little, in random order."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ STRETCH + CENTRES[rng.permutation(n) % 3]


@pytest.fixture(scope="module", name="X")
def read_only_table() -> Any:
    """Return a read-only table; no test may change what it fits."""
    rows = table()
    rows.flags.writeable = False
    return rows


def start(covariance_type: str = "full") -> Mixture:
    """Return a mixture of three components near the groups of ``table``."""
    covariances = {
        "full": np.repeat(np.eye(2)[None], 3, axis=0),
        "tied": np.eye(2),
        "diag": np.ones((3, 2)),
        "spherical": np.ones(3),
    }
    return Mixture([0.2, 0.3, 0.5], CENTRES + 1.0, covariances[covariance_type], covariance_type)


def outright(covariance_type: str = "full") -> dict[str, Any]:
    """Return that start as parameters of an estimator; all its variances are 1."""
    mixture = start(covariance_type)
    return {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weights_init": mixture.weights,
        "means_init": mixture.means,
        "precisions_init": mixture.covariances,
    }


def parameters(model: Any) -> dict[str, Any]:
    """Return the fitted parameters by name."""
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
    return {name: getattr(model, name) for name in names}


def assert_same_fit(one: Any, other: Any, rtol: float = 1e-7, atol: float = 1e-9) -> None:
    """Assert that two estimators hold the same parameters."""
    for name, value in parameters(one).items():
        assert_allclose(value, getattr(other, name), rtol=rtol, atol=atol, err_msg=name)


# What scikit-learn expects of estimators


def test_clone_has_the_parameters_and_not_the_fit(X: Any) -> None:
    model = GaussianMixture(3, tol=1e-3, random_state=0).fit(X)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert not hasattr(copied, "means_")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pickle_keeps_every_digit(X: Any, dtype: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X.astype(dtype))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.score_samples(X), model.score_samples(X))
    assert again.status_ is Status.CONVERGED


def test_fit_leaves_the_parameters_alone(X: Any) -> None:
    given = outright()
    copies = {name: np.array(value) for name, value in given.items()}
    model = GaussianMixture(**given).fit(X)
    for name, value in copies.items():
        assert getattr(model, name) is given[name]
        assert_array_equal(given[name], value)


def test_feature_names_are_kept_and_compared(X: Any) -> None:
    frame = pd.DataFrame(X, columns=["width", "height"])
    model = GaussianMixture(3, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == ["width", "height"]
    assert_array_equal(model.predict(frame), GaussianMixture(3, random_state=0).fit_predict(X))
    with pytest.raises(ValueError, match="order"):
        model.predict(frame[["height", "width"]])
    with pytest.raises(ValueError, match="depth"):
        model.predict(frame.rename(columns={"width": "depth"}))
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(X)


def test_number_of_columns_is_compared(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.c_[X, X[:, 0]])


def test_sample_weight_is_routed_through_a_pipeline(X: Any) -> None:
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = GaussianMixture(3, random_state=0).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, model).fit(X, sample_weight=weights)
    scaled = StandardScaler().fit_transform(X)
    direct = GaussianMixture(3, random_state=0).fit(scaled, sample_weight=weights)
    assert_same_fit(pipeline[-1], direct, rtol=0, atol=0)
    assert not np.allclose(direct.means_, GaussianMixture(3, random_state=0).fit(scaled).means_)


def test_sample_weight_is_routed_through_a_search(X: Any) -> None:
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)
    folds = KFold(3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(random_state=0)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"n_components": [1, 3]}, cv=folds)
        search.fit(X, sample_weight=weights)
    scores = [
        GaussianMixture(3, random_state=0)
        .fit(X[train], sample_weight=weights[train])
        .score(X[test], sample_weight=weights[test])
        for train, test in folds.split(X)
    ]
    assert search.best_params_ == {"n_components": 3}
    assert search.best_score_ == pytest.approx(np.mean(scores), abs=1e-12)


# What goes in


def layouts(rows: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the same numbers in the ways in which tables arrive."""
    wide = np.zeros((2 * len(rows), 4))
    wide[::2, 1:3] = rows
    packed = np.zeros(rows.nbytes + 1, dtype=np.uint8)
    packed[1:] = np.ascontiguousarray(rows).view(np.uint8).ravel()
    mapped = np.memmap(folder / "rows", np.float64, "w+", shape=rows.shape)
    mapped[:] = rows
    yield "Fortran order", np.asfortranarray(rows)
    yield "every other row of some columns", wide[::2, 1:3]
    yield "backwards", rows[::-1].copy()[::-1]
    yield "read-only", rows
    yield "mapped", np.memmap(folder / "rows", np.float64, "r", shape=rows.shape)
    yield "other byte order", rows.astype(rows.dtype.newbyteorder())
    yield "not aligned", packed[1:].view(np.float64).reshape(rows.shape)
    yield "lists", rows.tolist()
    yield "objects", rows.astype(object)
    yield "data frame", pd.DataFrame(rows, columns=["a", "b"])


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_layout_in_memory_does_not_matter(X: Any, tmp_path: Path, engine: str) -> None:
    expected = GaussianMixture(3, random_state=0, engine=engine).fit(X)
    for layout, rows in layouts(X, tmp_path):
        model = GaussianMixture(3, random_state=0, engine=engine).fit(rows)
        assert_allclose(model.means_, expected.means_, rtol=1e-12, err_msg=layout)
        assert_allclose(model.score_samples(rows), expected.score_samples(X), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool, np.float16])
def test_other_numbers_count_as_double_precision(X: Any, dtype: Any) -> None:
    rows = np.clip(np.round(X), 0, 12).astype(dtype)
    model = GaussianMixture().fit(rows)
    same = GaussianMixture().fit(rows.astype(float))
    assert_same_fit(model, same, rtol=0, atol=0)
    assert model.means_.dtype == np.float64


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_single_precision_rows_are_summed_in_double(
    X: Any, covariance_type: str, engine: str
) -> None:
    rows = X.astype(np.float32)
    single = GaussianMixture(**outright(covariance_type), engine=engine).fit(rows)
    double = GaussianMixture(**outright(covariance_type), engine=engine).fit(rows.astype(float))
    assert {value.dtype for value in parameters(single).values()} == {np.dtype(np.float32)}
    assert_same_fit(single, double, rtol=1e-6, atol=1e-6)
    # Predictions come from the double-precision parameters, not from what is published.
    assert_allclose(single.score_samples(rows), double.score_samples(rows), rtol=1e-12)
    assert single.score_samples(rows).dtype == np.float64


def test_parameters_beyond_single_precision_are_published_in_double() -> None:
    rows = (table() * 1e25).astype(np.float32)
    model = GaussianMixture(3, random_state=0).fit(rows)
    assert model.covariances_.dtype == np.float64
    assert np.isfinite(model.covariances_).all()


CELLS = [
    pytest.param(np.inf, "inf", id="inf"),
    pytest.param("tall", "'tall'", id="text"),
    pytest.param(10**400, "inf", id="too-large"),
]


@pytest.mark.parametrize(("cell", "said"), CELLS)
def test_complaint_names_value_row_and_column(X: Any, cell: Any, said: str) -> None:
    rows = X.astype(object)
    rows[7, 1] = cell
    for given, column in ((rows, "1"), (pd.DataFrame(rows, columns=["a", "b"]), "'b'")):
        with pytest.raises(InputError) as caught:
            GaussianMixture(3).fit(given)
        assert f"{said} in row 7, column {column}" in str(caught.value)


def test_complaint_about_new_rows_names_the_cell(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    rows = X.astype(np.float32)
    rows[250, 0] = -np.inf
    with pytest.raises(InputError, match="-inf in row 250, column 0"):
        model.predict(rows)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.zeros(300), "sample_weight"),
        (np.full(300, -1.0), "sample_weight"),
        (np.full(300, np.nan), "sample_weight"),
        (np.ones(299), "sample_weight"),
        (np.r_[np.ones(2), np.zeros(298)], "n_components=3"),
    ],
)
def test_unusable_weights_are_named(X: Any, weights: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GaussianMixture(3).fit(X, sample_weight=weights)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_weights_are_repeats(X: Any, covariance_type: str) -> None:
    weights = np.random.default_rng(3).integers(0, 4, len(X))
    model = GaussianMixture(**outright(covariance_type))
    weighted = clone(model).fit(X, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, axis=0))
    assert_same_fit(weighted, repeated, rtol=1e-8)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-12)
    assert weighted.score(X, sample_weight=weights) == pytest.approx(weighted.lower_bound_)
    assert weighted.fit_predict(X, sample_weight=weights).tolist() == weighted.predict(X).tolist()


# Every parameter has an effect


def test_effect_of_n_components(X: Any) -> None:
    assert [len(GaussianMixture(k).fit(X).means_) for k in (1, 2, 4)] == [1, 2, 4]


def test_effect_of_covariance_type(X: Any) -> None:
    shapes = [GaussianMixture(3, covariance_type=t).fit(X).covariances_.shape for t in FAMILIES]
    assert shapes == [(3, 2, 2), (2, 2), (3, 2), (3,)]


def test_effect_of_tol(X: Any) -> None:
    runs = [GaussianMixture(**outright(), tol=tol).fit(X) for tol in (1.0, 1e-2, 1e-8)]
    assert runs[0].n_iter_ < runs[1].n_iter_ < runs[2].n_iter_
    gains = np.diff(runs[1].lower_bounds_)
    assert gains[-1] < 1e-2
    assert (gains[:-1] >= 1e-2).all()


def test_effect_of_reg_covar(X: Any) -> None:
    scatter = np.cov(X.T, bias=True)
    added = GaussianMixture(reg_covar=0.5).fit(X).covariances_[0]
    assert_allclose(added, scatter + 0.5 * np.eye(2), rtol=1e-12)
    assert_allclose(GaussianMixture(reg_covar="auto").fit(X).covariances_[0], scatter, rtol=1e-12)


def test_effect_of_max_iter(X: Any) -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = GaussianMixture(**outright(), max_iter=2, tol=0.0).fit(X)
    assert (model.n_iter_, model.converged_, model.status_) == (2, False, Status.MAX_ITER)


def test_effect_of_n_init(X: Any) -> None:
    assert [len(GaussianMixture(3, n_init=n).fit(X).restarts_) for n in (1, 4)] == [1, 4]


def test_effect_of_init_params(X: Any) -> None:
    names = ("kmeans", "k-means++", "random", "random_from_data")
    starts = [
        GaussianMixture(3, init_params=name, max_iter=0, random_state=0).fit(X).means_
        for name in names
    ]
    assert len({means.tobytes() for means in starts}) == len(names)


@pytest.mark.parametrize("name", ["weights_init", "means_init", "precisions_init"])
def test_effect_of_each_given_start(X: Any, name: str) -> None:
    given = outright()[name] * (1.0 if name == "weights_init" else 2.0)
    model = GaussianMixture(3, **{name: given}, max_iter=0, random_state=0).fit(X)
    plain = GaussianMixture(3, max_iter=0, random_state=0).fit(X)
    published = name.replace("init", "")
    assert_allclose(getattr(model, published), given, rtol=1e-12)
    assert not np.allclose(getattr(plain, published), given)


def test_effect_of_random_state(X: Any) -> None:
    def first_means(seed: Any) -> bytes:
        model = GaussianMixture(3, init_params="random", max_iter=0, random_state=seed)
        return model.fit(X).means_.tobytes()

    assert first_means(0) == first_means(0) == first_means(np.random.RandomState(0))
    assert len({first_means(0), first_means(1), first_means(None), first_means(None)}) == 4


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_effect_of_warm_start(X: Any) -> None:
    steps = GaussianMixture(**outright(), max_iter=1, warm_start=True)
    for _ in range(4):
        steps.fit(X)
    at_once = GaussianMixture(**outright(), max_iter=4).fit(X)
    assert_same_fit(steps, at_once, rtol=1e-12)
    steps.set_params(warm_start=False).fit(X)
    assert_same_fit(steps, GaussianMixture(**outright(), max_iter=1).fit(X), rtol=0, atol=0)


def test_warm_start_goes_by_what_was_assigned(X: Any) -> None:
    model = GaussianMixture(3, warm_start=True, max_iter=0, random_state=0).fit(X)
    model.means_ = CENTRES + 1.0
    assert_array_equal(model.fit(X).means_, CENTRES + 1.0)


def test_warm_start_begins_anew_for_another_shape(X: Any) -> None:
    model = GaussianMixture(2, warm_start=True, random_state=0).fit(X)
    model.set_params(n_components=3).fit(X)
    assert_same_fit(model, GaussianMixture(3, random_state=0).fit(X), rtol=0, atol=0)


def logged(caplog: pytest.LogCaptureFixture, X: Any, **params: Any) -> list[str]:
    """Return what a fit of nine iterations writes to the log."""
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        GaussianMixture(**outright(), tol=0.0, max_iter=9, **params).fit(X)
    return [record.getMessage() for record in caplog.records]


def test_effect_of_verbose(X: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert logged(caplog, X) == []
    plain = logged(caplog, X, verbose=1, verbose_interval=9)
    detailed = logged(caplog, X, verbose=2, verbose_interval=9)
    assert len(plain) == len(detailed) == 1
    assert "iteration 9" in plain[0]
    assert "gain" in detailed[0]
    assert "gain" not in plain[0]


def test_effect_of_verbose_interval(X: Any, caplog: pytest.LogCaptureFixture) -> None:
    counts = [len(logged(caplog, X, verbose=1, verbose_interval=n)) for n in (1, 4, 9, 10)]
    assert counts == [9, 2, 1, 0]


def test_verbose_reaches_standard_error_where_no_log_is_set_up(
    X: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("mixtura"), "propagate", False)
    GaussianMixture(3, verbose=1, verbose_interval=1, random_state=0).fit(X)
    GaussianMixture(3, random_state=0).fit(X)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("iteration 1:") == 1
    assert logging.getLogger("mixtura").handlers == []


def test_effect_of_engine(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for module in (array_api, cpu):
        monkeypatch.setattr(module, "expect", counting(module.expect, calls, module.name))
    for engine in ("numpy", "numba", "auto"):
        calls.clear()
        GaussianMixture(3, engine=engine, random_state=0).fit(X)
        assert set(calls) == {"numpy" if engine == "auto" else engine}  # 300 rows are few


def counting(function: Callable[..., Any], calls: list[str], name: str) -> Callable[..., Any]:
    """Return a function that notes its name and calls another."""

    def counted(*arguments: Any) -> Any:
        calls.append(name)
        return function(*arguments)

    return counted


def test_effect_of_n_jobs(X: Any) -> None:
    def threads_used(n_jobs: int) -> set[str]:
        seen: set[str] = set()

        def look(step: Step) -> None:
            seen.add(threading.current_thread().name)
            time.sleep(0.01)  # so that no thread takes all starts

        model = GaussianMixture(
            3,
            n_init=4,
            init_params="random",  # so that EM has steps to take
            random_state=0,
            engine="numba",
            n_jobs=n_jobs,
            callback=look,
        )
        model.fit(X)
        return seen

    assert threads_used(1) == {threading.current_thread().name}
    assert len(threads_used(2)) == 2


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_n_jobs_does_not_change_a_digit(covariance_type: str) -> None:
    rows = table(20_000)
    one, two = (
        GaussianMixture(
            3,
            covariance_type=covariance_type,
            engine="numba",
            n_init=2,
            n_jobs=n,
            random_state=0,
        ).fit(rows)
        for n in (1, 2)
    )
    assert_same_fit(one, two, rtol=0, atol=0)
    assert_array_equal(one.score_samples(rows), two.score_samples(rows))


def test_effect_of_prior() -> None:
    rows = np.r_[table(40), np.zeros((6, 2)) + 50.0]  # a group without spread
    free, drawn = (
        GaussianMixture(4, prior=prior, random_state=0, reg_covar=1e-12)
        for prior in (None, "conjugate")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert free.fit(rows).collapsed_.any()
    drawn.fit(rows)
    assert not drawn.collapsed_.any()
    model = GaussianMixture(3, prior="conjugate", random_state=0).fit(rows)
    assert (np.diff(model.lower_bounds_) >= 0).all()
    total = np.cov(rows.T, bias=True)
    prior = ConjugatePrior.of(total, rows.mean(axis=0), model.mixture_.family, 3)
    expected = model.score(rows) + prior.log_density(model.mixture_) / len(rows)
    assert model.lower_bound_ == pytest.approx(expected)


def test_effect_of_eigenvalue_ratio(X: Any) -> None:
    for name, ratio in itertools.product(FAMILIES, (1.0, 2.0)):
        model = GaussianMixture(
            3, covariance_type=name, eigenvalue_ratio=ratio, random_state=0, tol=1e-8
        ).fit(X)
        mixture = model.mixture_
        values = np.linalg.eigvalsh(mixture.family.full(mixture.covariances, *model.means_.shape))
        assert values.max() <= ratio * values.min() * (1 + 1e-9)
        assert (np.diff(model.lower_bounds_) >= 0).all()
    with pytest.raises(ValueError, match=r"eigenvalue_ratio=2.0 is for .*'VVE' leave it None"):
        GaussianMixture(3, covariance_type="VVE", eigenvalue_ratio=2.0).fit(X)
    with pytest.raises(ValueError, match=r"'eigenvalue_ratio' parameter .* must be a float in"):
        GaussianMixture(3, eigenvalue_ratio=0.5).fit(X)


def test_columns_that_do_not_vary_are_no_obstacle_to_a_bounded_ratio(X: Any) -> None:
    rows = np.c_[X, np.full(len(X), 3.0)]
    model = GaussianMixture(2, eigenvalue_ratio=10.0, random_state=0).fit(rows)
    values = np.linalg.eigvalsh(model.covariances_)
    assert values.max() == pytest.approx(10.0 * values.min())


def test_effect_of_callback(X: Any) -> None:
    steps: list[Step] = []
    model = GaussianMixture(**outright(), callback=steps.append).fit(X)
    assert [step.iteration for step in steps] == list(range(1, model.n_iter_ + 1))
    assert [step.log_likelihood / len(X) for step in steps] == model.lower_bounds_
    assert_array_equal(steps[-1].mixture.means, model.means_)


def test_effect_of_record(X: Any) -> None:
    plain = GaussianMixture(2, random_state=0, n_init=3).fit(X)
    model = GaussianMixture(2, random_state=0, n_init=3, record=True).fit(X)
    assert (plain.snapshots_, len(plain.snapshot_lower_bounds_)) == ((), 0)
    assert len(model.snapshots_) == model.n_iter_ + 1 > 2
    assert_array_equal(model.snapshots_[-1].means, plain.means_)
    assert model.snapshot_lower_bounds_[1:].tolist() == plain.lower_bounds_
    for snapshot, value in zip(model.snapshots_, model.snapshot_lower_bounds_, strict=True):
        assert snapshot.log_prob(X).mean() == pytest.approx(value, abs=1e-9)
    assert model.set_params(record=False).fit(X).snapshots_ == ()


def test_snapshots_are_of_the_number_of_components_chosen(X: Any) -> None:
    model = GaussianMixture("auto", record=True, random_state=0).fit(X)
    assert {each.n_components for each in model.snapshots_} == {model.n_components_}


def test_model_files_hold_no_snapshots(X: Any, tmp_path: Path) -> None:
    model = GaussianMixture(2, record=True, random_state=0).fit(X)
    model.save(tmp_path / "model.mixtura")
    loaded = mixtura.load(tmp_path / "model.mixtura")
    assert (loaded.record, loaded.snapshots_) == (True, ())


def test_effect_of_forget(X: Any) -> None:
    steady, fading = (GaussianMixture(1, forget=value).fit(X) for value in (None, 0.6))
    for _ in range(2):
        steady.partial_fit(X + 5.0)
        fading.partial_fit(X + 5.0)
    assert (fading.means_ > steady.means_).all()


def test_effect_of_checkpoint(X: Any, tmp_path: Path) -> None:
    path = tmp_path / "c"
    kept: list[bool] = []
    options = {"callback": lambda step: kept.append(path.exists()), "checkpoint_every": 0}
    model = GaussianMixture(2, random_state=0, checkpoint=path, **options).fit(X)
    assert all(kept)
    assert not path.exists()
    assert_array_equal(model.means_, GaussianMixture(2, random_state=0).fit(X).means_)


def test_effect_of_checkpoint_every(X: Any, tmp_path: Path) -> None:
    path = tmp_path / "c"
    for every, changes in (("1h", False), (0, True)):
        seen: list[bytes] = []
        GaussianMixture(
            2,
            random_state=0,
            checkpoint=path,
            checkpoint_every=every,
            callback=lambda step, seen=seen: seen.append(path.read_bytes()),
        ).fit(X)
        assert (len(set(seen)) > 1) == changes


def test_effects_are_tested_for_every_parameter() -> None:
    tested = {name.removeprefix("test_effect_of_") for name in globals()}
    tested |= {"weights_init", "means_init", "precisions_init"}
    assert set(GaussianMixture().get_params()) <= tested


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": 0},
        {"covariance_type": "banded"},
        {"tol": -1.0},
        {"tol": "tight"},
        {"reg_covar": -1e-9},
        {"max_iter": -1},
        {"n_init": 0},
        {"init_params": "middle"},
        {"verbose_interval": 0},
        {"engine": "cobol"},
        {"n_jobs": 0},
        {"callback": 3},
        {"weights_init": [1.0]},
        {"weights_init": [0.5, 0.6, 0.1]},
        {"means_init": [[0.0, 1.0]]},
        {"means_init": [[0.0, np.nan]] * 3},
        {"precisions_init": np.ones((3, 2))},
        {"precisions_init": -np.ones((3, 2, 2))},
    ],
    ids=str,
)
def test_unusable_parameters_are_named(X: Any, params: dict[str, Any]) -> None:
    (name,) = params
    with pytest.raises(ValueError, match=name.partition("_init")[0]):
        GaussianMixture(**{"n_components": 3, **params}).fit(X)


# Starts


def labels_of(X: Any, k: int = 3) -> Any:
    """Return which of the first ``k`` centres is nearest to each row."""
    return ((X[:, None] - CENTRES[:k]) ** 2).sum(axis=-1).argmin(axis=1)


GIVEN = {
    "labels": labels_of,
    "list of labels": lambda X: labels_of(X).tolist(),
    "responsibilities": lambda X: np.eye(3)[labels_of(X)],
    "callable giving labels": lambda X: lambda rows, k, random_state: labels_of(rows, k),
    "callable giving responsibilities": lambda X: (
        lambda rows, k, random_state: np.eye(k)[labels_of(rows, k)]
    ),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_start_from_groups(X: Any, kind: str) -> None:
    model = GaussianMixture(3, init_params=GIVEN[kind](X), max_iter=0).fit(X)
    groups = [X[labels_of(X) == j] for j in range(3)]
    assert_allclose(model.weights_, [len(group) / len(X) for group in groups], rtol=1e-12)
    assert_allclose(model.means_, [group.mean(axis=0) for group in groups], rtol=1e-10)
    assert_allclose(model.covariances_, [np.cov(g.T, bias=True) for g in groups], rtol=1e-8)


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_start_from_a_mixture(X: Any, covariance_type: str, wrapped: bool) -> None:
    mixture = start(covariance_type)
    given = (lambda rows, k, random_state: mixture) if wrapped else mixture
    model = GaussianMixture(3, covariance_type=covariance_type, init_params=given).fit(X)
    assert_same_fit(model, GaussianMixture(**outright(covariance_type)).fit(X), rtol=1e-10)


def test_callable_start_draws_from_the_estimators_seed(X: Any) -> None:
    def rows_at_random(rows: Any, k: int, random_state: Any) -> Any:
        picked = random_state.choice(len(rows), k, replace=False)
        return ((rows[:, None] - rows[picked]) ** 2).sum(axis=-1).argmin(axis=1)

    def trace(seed: int) -> list[float]:
        model = GaussianMixture(3, init_params=rows_at_random, n_init=3, random_state=seed)
        return model.fit(X).restarts_.tolist()

    assert trace(0) == trace(0)
    assert trace(0) != trace(1)
    assert len(set(trace(0))) == 3  # each start draws anew


def test_given_starts_are_run_once(X: Any) -> None:
    given = [{"init_params": labels_of(X)}, {"init_params": start()}, outright()]
    for params in given:
        model = GaussianMixture(**{"n_components": 3, "n_init": 5, **params}).fit(X)
        assert len(model.restarts_) == 1


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(299, dtype=int),
        np.full(300, 3),
        np.full(300, 0.5),
        np.full((300, 2), 0.5),
        np.full((300, 3), 0.5),
        start("diag"),
        Mixture([0.5, 0.5], CENTRES[:2], np.ones(2), "spherical"),
        Mixture([0.2, 0.3, 0.5], np.zeros((3, 1)), np.ones((3, 1, 1))),
        lambda rows, k, random_state: np.zeros(7, dtype=int),
    ],
    ids=lambda given: type(given).__name__,
)
def test_unusable_starts_are_refused(X: Any, given: Any) -> None:
    with pytest.raises(InputError, match="init_params"):
        GaussianMixture(3, init_params=given).fit(X)


@pytest.mark.parametrize("kind", [mixtura.KMeans, mixtura.MiniBatchKMeans])
def test_k_means_is_a_start_by_its_mixture(X: Any, kind: Any) -> None:
    clusters = kind(3, random_state=0)
    with pytest.raises(InputError, match=f"is a {kind.__name__}; fit it and pass as_mixture"):
        GaussianMixture(3, init_params=clusters).fit(X)
    GaussianMixture(3, init_params=clusters.fit(X).as_mixture(X)).fit(X)


def starts_in_turn(X: Any, *groupings: Any) -> Callable[..., Any]:
    """Return a callable start that gives one grouping after the other."""
    waiting = iter(groupings)
    return lambda rows, k, random_state: next(waiting)


def test_restarts_are_published(X: Any) -> None:
    halves = (np.arange(len(X)) % 2).astype(int)
    groups = labels_of(X)
    model = GaussianMixture(
        3,
        n_init=3,
        init_params=starts_in_turn(X, halves, groups, np.roll([0, 1, 2], 1)[groups]),
        covariance_type="spherical",
        max_iter=30,
        engine="numpy",
    ).fit(X)
    assert model.restarts_.shape == (3,)
    assert model.restarts_.max() == pytest.approx(model.lower_bound_)
    assert model.restarts_[1] == pytest.approx(model.restarts_[2])
    assert model.n_best_restarts_ == 2 + (model.restarts_[0] > model.lower_bound_ - 2e-4)


def test_collapsed_winner_is_passed_over(X: Any) -> None:
    twice = np.r_[X, np.full((8, 2), 20.0)]  # eight rows at one point
    on_the_point = np.where(np.arange(308) < 300, 0, 1)
    apart = (twice[:, 0] > 3.0).astype(int)
    turns = {"n_init": 2, "engine": "numpy"}
    model = GaussianMixture(2, init_params=starts_in_turn(X, on_the_point, apart), **turns)
    model.fit(twice)
    assert model.restarts_[0] > model.restarts_[1]
    assert model.lower_bound_ == pytest.approx(model.restarts_[1])
    assert model.n_best_restarts_ == 1
    assert not model.collapsed_.any()


def test_collapse_without_alternative_is_reported() -> None:
    twice = np.r_[table(), np.full((3, 2), 20.0)]
    on_the_point = np.where(np.arange(303) < 300, 0, 1)
    with pytest.warns(ConvergenceWarning, match=r"component 1\. Constant within .* column 0, 1\."):
        model = GaussianMixture(2, init_params=on_the_point).fit(twice)
    assert model.collapsed_.tolist() == [False, True]


# What comes out


def test_lower_bound_is_that_of_the_fitted_parameters(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    assert model.lower_bound_ == pytest.approx(model.score(X), abs=1e-12)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert len(model.lower_bounds_) == model.n_iter_
    assert (np.diff(model.lower_bounds_) >= 0).all()


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_predictions_belong_together(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    labels = model.fit_predict(X)
    resp = model.predict_proba(X)
    assert_array_equal(labels, model.predict(X))
    assert_array_equal(labels, resp.argmax(axis=1))
    assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-12)
    assert model.score(X) == pytest.approx(model.score_samples(X).mean(), abs=1e-12)
    mixture = model.mixture_
    assert_allclose(model.score_samples(X), mixture.log_prob(X), rtol=1e-10)
    assert model.bic(X) == pytest.approx(mixture.bic(X))
    assert model.aic(X) == pytest.approx(mixture.aic(X))


def test_criteria_count_weights_and_leave_out_empty_rows(X: Any) -> None:
    model = mixtura.GaussianMixture(2, random_state=0).fit(X)
    weights = np.arange(len(X)) % 3
    repeated = np.repeat(X, weights, axis=0)
    holes = np.vstack([X, np.full((5, 2), np.nan)])
    for criterion in ("bic", "aic", "icl"):
        function = getattr(model, criterion)
        assert function(X, weights) == pytest.approx(function(repeated))
        assert function(holes) == pytest.approx(function(X))
    assert model.mixture_.bic(holes) == pytest.approx(model.bic(X))
    with pytest.raises(InputError, match="no row with an observed cell"):
        model.bic(holes[-5:])
    certainty = model.predict_proba(X).max(axis=1)
    assert model.icl(X) == pytest.approx(model.bic(X) - 2 * np.log(certainty).sum())


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("attribute", ["precisions_", "precisions_cholesky_"])
def test_precisions_invert_the_covariances(X: Any, covariance_type: str, attribute: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    value, covariances = getattr(model, attribute), model.covariances_
    if covariance_type in ("diag", "spherical"):
        expected = covariances ** (-1.0 if attribute == "precisions_" else -0.5)
    elif attribute == "precisions_":
        expected = np.linalg.inv(covariances)
    else:  # upper triangular, as scikit-learn has it
        expected = np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2)
    assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


METHODS = ("predict", "predict_proba", "score_samples", "score", "bic", "aic")


@pytest.mark.parametrize("method", [*METHODS, "sample", "mixture_", "save"])
def test_nothing_comes_from_what_is_not_fitted(X: Any, method: str, tmp_path: Path) -> None:
    model = GaussianMixture()
    arguments = {"sample": (), "save": (tmp_path / "model",)}.get(method, (X,))
    with pytest.raises(NotFittedError):
        getattr(model, method)(*arguments)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_attributes_may_be_assigned(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    expected = model.score_samples(X)
    by_hand = GaussianMixture(3, covariance_type=covariance_type)
    by_hand.weights_, by_hand.means_ = model.weights_, model.means_.copy()
    by_hand.precisions_cholesky_ = model.precisions_cholesky_
    assert_allclose(by_hand.score_samples(X), expected, rtol=1e-9)
    model.precisions_cholesky_ = 2.0 * model.precisions_cholesky_
    by_hand.covariances_ = model.covariances_ / 4.0
    assert_allclose(by_hand.score_samples(X), model.score_samples(X), rtol=1e-9)
    assert not np.allclose(by_hand.score_samples(X), expected)
    model.means_ += 100.0
    assert_allclose(model.score_samples(X + 100.0), by_hand.score_samples(X), rtol=1e-9)


def test_attributes_may_be_changed_in_place(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    expected = model.score_samples(X)
    model.means_ += 100.0
    assert_allclose(model.score_samples(X + 100.0), expected, rtol=1e-9)


def test_assigned_parameters_are_checked(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    model.weights_ = np.ones(3)
    with pytest.raises(InputError, match="weights"):
        model.predict(X)
    by_hand = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical")
    with pytest.raises(ValueError, match="2"):
        by_hand.predict(X)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_sample_draws_from_the_mixture(covariance_type: str) -> None:
    mixture = start(covariance_type)
    parts = (mixture.weights, mixture.means, mixture.covariances)
    model = GaussianMixture.from_parameters(*parts, covariance_type, random_state=0)
    rows, labels = model.sample(20_000)
    assert rows.shape == (20_000, 2)
    assert_allclose(np.bincount(labels) / 20_000, mixture.weights, atol=0.02)
    for j in range(3):
        group = rows[labels == j]
        assert_allclose(group.mean(axis=0), mixture.means[j], atol=0.08)
        assert_allclose(np.cov(group.T), np.eye(2), atol=0.08)


def test_sample_is_seeded() -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical", random_state=0)
    draws = [model.sample(5, seed)[0].tobytes() for seed in (None, 0, 1)]
    assert draws[0] == draws[1] == model.sample(5)[0].tobytes()
    assert draws[2] != draws[0]
    generator = np.random.RandomState(0)
    assert model.sample(5, generator)[0].tobytes() != model.sample(5, generator)[0].tobytes()


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, True, "3"])
def test_sample_names_an_unusable_number(n_samples: Any) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical")
    with pytest.raises(InputError, match="n_samples"):
        model.sample(n_samples)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("method", ["predict", "score_samples"])
def test_predictions_stream_over_blocks(method: str, engine: str) -> None:
    n, k = 200_000, 20
    rng = np.random.default_rng(0)
    rows, means = rng.normal(size=(n, 4)), rng.normal(size=(k, 4))
    covariances = np.repeat(np.eye(4)[None], k, axis=0)
    weights = np.full(k, 1.0 / k)
    model = GaussianMixture.from_parameters(weights, means, covariances, engine=engine)
    predict = getattr(model, method)
    predict(rows[:10_000])  # whatever is made only once
    tracemalloc.start()
    try:
        predict(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 8 * n + 2_000_000  # the result, a check of the input, and temporaries
    assert peak < 8 * n * k / 5


# Interruptions


@pytest.mark.parametrize("answer", [True, np.True_])
def test_callback_may_stop(X: Any, answer: Any) -> None:
    model = GaussianMixture(**outright(), tol=0.0, callback=lambda step: answer).fit(X)
    assert (model.n_iter_, model.converged_, model.status_) == (1, False, Status.CALLBACK)


@pytest.mark.parametrize("answer", [None, False, 1, "stop"])
def test_callback_stops_on_nothing_but_true(X: Any, answer: Any) -> None:
    model = GaussianMixture(**outright(), callback=lambda step: answer).fit(X)
    assert model.status_ is Status.CONVERGED


@pytest.mark.parametrize("params", [{"engine": "numpy"}, {"engine": "numba", "n_jobs": 2}], ids=str)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_error_in_a_callback_ends_the_fit(
    X: Any, params: dict[str, Any], error: type[BaseException]
) -> None:
    steps: list[int] = []

    def fail(step: Step) -> None:
        steps.append(step.restart)
        if step.restart == 1:
            raise error

    model = GaussianMixture(3, n_init=500, random_state=0, callback=fail, **params)
    with pytest.raises(error):
        model.fit(X)
    assert max(steps) < 50  # later starts were not begun
    assert not hasattr(model, "means_")
    model.set_params(callback=None, n_init=2).fit(X)
    assert model.converged_


def test_error_in_one_start_stops_the_others(X: Any) -> None:
    failed = threading.Event()
    most = 0

    def fail(step: Step) -> None:
        nonlocal most
        if step.restart == 0:
            failed.set()
            raise RuntimeError("enough")
        assert failed.wait(60)
        most = max(most, step.iteration)

    model = GaussianMixture(
        8,
        n_init=2,
        tol=0.0,
        reg_covar=1e-3,
        max_iter=20_000,
        engine="numba",
        n_jobs=2,
        callback=fail,
    )
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X)
    assert most < 20_000


# Other ways to a model


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_from_parameters_scores_and_samples(X: Any, covariance_type: str) -> None:
    mixture = start(covariance_type)
    parts = (mixture.weights, mixture.means, mixture.covariances)
    model = GaussianMixture.from_parameters(*parts, covariance_type, n_jobs=1)
    assert_allclose(model.score_samples(X), mixture.log_prob(X), rtol=1e-12)
    assert_same_fit(model, GaussianMixture(**outright(covariance_type), max_iter=0).fit(X))
    assert (model.n_components, model.n_jobs, model.n_iter_) == (3, 1, 0)
    assert model.n_features_in_ == 2
    assert np.isnan(model.lower_bound_)


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_to_sklearn_and_back_predict_the_same(X: Any, covariance_type: str, dtype: Any) -> None:
    rows = X.astype(dtype)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, tol=1e-5)
    theirs = model.fit(rows).to_sklearn()
    back = GaussianMixture.from_sklearn(theirs)
    assert isinstance(theirs, Theirs)
    tolerance = {"rtol": 1e-9} if dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    for method in METHODS:
        expected = getattr(model, method)(rows)
        assert_allclose(getattr(theirs, method)(rows), expected, **tolerance)
        assert_allclose(getattr(back, method)(rows), expected, **tolerance)
    assert (theirs.tol, theirs.reg_covar) == (1e-5, Theirs().reg_covar)
    assert (back.tol, back.n_iter_) == (1e-5, model.n_iter_)
    assert back.means_.dtype == dtype
    theirs.means_ += 1.0
    assert_array_equal(model.predict(rows), back.predict(rows))  # nothing is shared


def test_from_sklearn_takes_what_was_fitted_there(X: Any) -> None:
    frame = pd.DataFrame(X, columns=["a", "b"])
    theirs = Theirs(3, n_init=2, random_state=0).fit(frame)
    model = GaussianMixture.from_sklearn(theirs)
    assert_array_equal(model.predict(frame), theirs.predict(frame))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.converged_ == theirs.converged_
    assert model.lower_bound_ == theirs.lower_bound_
    shared = theirs.get_params()
    assert {name: model.get_params()[name] for name in shared} == shared


def test_conversions_of_what_is_not_fitted() -> None:
    theirs = GaussianMixture(4, init_params=start(), tol=0.1, n_jobs=2).to_sklearn()
    assert (theirs.n_components, theirs.tol, theirs.init_params) == (4, 0.1, "kmeans")
    model = GaussianMixture.from_sklearn(Theirs(4, init_params="random"))
    assert (model.n_components, model.init_params, model.tol) == (4, "random", 1e-3)
    assert not hasattr(model, "means_")


def test_from_sklearn_refuses_other_estimators(X: Any) -> None:
    with pytest.raises(InputError, match="BayesianGaussianMixture"):
        GaussianMixture.from_sklearn(BayesianGaussianMixture())


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_saved_model_is_loaded_whole(
    X: Any, covariance_type: str, dtype: Any, tmp_path: Path
) -> None:
    frame = pd.DataFrame(X.astype(dtype), columns=["a", "b"])
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(frame)
    model.save(tmp_path / "model.mixtura")
    loaded = mixtura.load(tmp_path / "model.mixtura")
    assert_same_fit(loaded, model, rtol=0, atol=0)
    assert {value.dtype for value in parameters(loaded).values()} == {np.dtype(dtype)}
    assert_array_equal(loaded.score_samples(frame), model.score_samples(frame))
    assert loaded.get_params() == model.get_params()
    assert loaded.feature_names_in_.tolist() == ["a", "b"]
    for name in ("n_iter_", "converged_", "status_", "lower_bound_", "lower_bounds_"):
        assert getattr(loaded, name) == getattr(model, name)


# Parity with scikit-learn


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_as_many_updates_lead_where_they_lead_in_sklearn(
    X: Any, covariance_type: str, engine: str
) -> None:
    shared = {**outright(covariance_type), "tol": 0.0, "reg_covar": 1e-3, "max_iter": 12}
    ours, theirs = GaussianMixture(**shared, engine=engine).fit(X), Theirs(**shared).fit(X)
    assert_same_fit(ours, theirs, rtol=1e-9)
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-10)
    assert_allclose(ours.lower_bounds_[:-1], theirs.lower_bounds_[1:], atol=1e-10)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_same_rules_lead_to_the_same_parameters_as_in_sklearn(X: Any, covariance_type: str) -> None:
    shared = {**outright(covariance_type), "tol": 1e-12, "reg_covar": 1e-6, "max_iter": 1000}
    ours, theirs = GaussianMixture(**shared).fit(X), Theirs(**shared).fit(X)
    assert_same_fit(ours, theirs, rtol=1e-6, atol=1e-6)
    assert ours.n_iter_ == theirs.n_iter_ - 1  # theirs updates once more after it has converged
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_default_fit_is_no_worse_than_sklearns(X: Any, covariance_type: str) -> None:
    ours = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    theirs = Theirs(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert ours.score(X) >= theirs.score(X)


# Missing cells


def holed(X: Any, share: float = 0.2, seed: int = 1) -> Any:
    """Return a copy without a share of its cells, one row without any."""
    rows = with_holes(np.random.default_rng(seed), np.asarray(X), share)
    rows[7] = np.nan
    return rows


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_groups_are_found_where_cells_are_missing(
    X: Any, covariance_type: str, engine: str
) -> None:
    options: Any = {"covariance_type": covariance_type, "engine": engine, "random_state": 0}
    complete = GaussianMixture(3, **options).fit(X)
    model = GaussianMixture(3, **options).fit(holed(X))
    assert model.converged_
    order, wanted = (m.means_[:, 0].argsort() for m in (model, complete))
    assert_allclose(model.means_[order], complete.means_[wanted], atol=0.35)
    assert_allclose(model.weights_[order], complete.weights_[wanted], atol=0.06)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_every_method_takes_missing_cells(X: Any, covariance_type: str) -> None:
    rows = holed(X)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    labels = model.fit_predict(rows)
    mixture = model.mixture_
    assert_array_equal(model.predict(rows), labels)
    assert_allclose(model.predict_proba(rows), mixture.responsibilities(rows), atol=1e-12)
    assert_allclose(model.score_samples(rows), mixture.log_prob(rows), rtol=1e-11)
    assert model.score(rows) == pytest.approx(mixture.log_prob(rows).mean(), rel=1e-12)
    assert model.bic(rows) == pytest.approx(mixture.bic(rows), rel=1e-12)
    assert model.aic(rows) == pytest.approx(mixture.aic(rows), rel=1e-12)
    assert_allclose(model.predict_proba(rows)[7], model.weights_, rtol=1e-12)
    assert model.score_samples(rows[7:8])[0] == pytest.approx(0.0, abs=1e-12)
    assert model.lower_bound_ == pytest.approx(model.score(rows), rel=1e-11)
    assert_allclose(model.predict_proba(rows[[3]])[0], model.predict_proba(rows)[3], rtol=1e-12)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_single_precision_with_missing_cells(X: Any, covariance_type: str) -> None:
    rows = holed(X).astype(np.float32)
    model, double = (
        GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(each)
        for each in (rows, rows.astype(np.float64))
    )
    assert model.means_.dtype == np.float32
    assert_allclose(model.means_, double.means_, rtol=1e-5)
    assert_array_equal(model.predict(rows), double.predict(rows))


def test_frames_say_missing_in_many_ways(X: Any) -> None:
    frame = pd.DataFrame(holed(X), columns=["width", "height"])
    model = GaussianMixture(3, random_state=0).fit(frame)
    nullable = frame.astype("Float64")
    assert nullable.loc[7, "width"] is pd.NA
    objects = frame.astype(object).where(frame.notna(), None)
    for other in (nullable, objects, frame.astype(object).where(frame.notna(), pd.NA)):
        again = GaussianMixture(3, random_state=0).fit(other)
        assert_array_equal(again.means_, model.means_)
        assert_array_equal(again.predict_proba(other), model.predict_proba(frame))


def test_columns_without_a_value_are_named(X: Any) -> None:
    frame = pd.DataFrame(X, columns=["width", "height"]).assign(depth=np.nan)
    with pytest.raises(InputError, match=r"column 'depth' of X is missing in every row: .*Leave"):
        GaussianMixture(3).fit(frame)
    with pytest.raises(InputError, match="column 2 of X is missing in every row"):
        GaussianMixture(3).fit(frame.to_numpy())
    frame.loc[:9, "depth"] = 1.0
    weights = (np.arange(300) > 9).astype(float)
    with pytest.raises(InputError, match="'depth' of X is missing in every row of positive sample"):
        GaussianMixture(3).fit(frame, sample_weight=weights)
    model = GaussianMixture(2, random_state=0).fit(X)
    assert np.isfinite(model.predict_proba(np.c_[X[:, 0], np.full(300, np.nan)])).all()


def test_infinity_is_refused_beside_missing_cells(X: Any) -> None:
    frame = pd.DataFrame(holed(X), columns=["width", "height"])
    frame.loc[3, "height"] = -np.inf
    with pytest.raises(
        InputError, match=r"X holds -inf in row 3, column 'height'; .*, or NaN where"
    ):
        GaussianMixture(3).fit(frame)


def test_scikit_learn_is_told_that_cells_may_be_missing() -> None:
    assert sklearn.utils.get_tags(GaussianMixture()).input_tags.allow_nan
