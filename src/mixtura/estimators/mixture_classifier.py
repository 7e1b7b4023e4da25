"""The scikit-learn classifier with one mixture per class."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.estimators import fitting, runs, searching
from mixtura.estimators.classes import (
    ClassModel,
    check_class_rows,
    checked_labels,
    encoded,
    floor_for_classes,
)
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.validation import check_observed, validated_table, validated_weights
from mixtura.model import Mixture, criteria
from mixtura.model.families.base import FloatArray

#: Components that a class has at most with ``"auto"``.
MOST_COMPONENTS = 5


class MixtureClassifier(ClassModel):
    r"""Discriminant analysis: a classifier with a Gaussian mixture for each class.

    Parameters
    ----------
    n_components : int or 'auto', default=1
        Number of components of each class, at least 1; ``'auto'`` takes what BIC finds best for
        each, up to 5.
    covariance_type : str, default='full'
        The covariance structure within each class, as in ``GaussianMixture``.
    priors : array-like of shape (n_classes,), optional
        Probabilities of the classes, in the order of ``classes_``; by default their parts of the
        rows.
    tol : 'auto' or float, default='auto'
        When to stop, as in ``GaussianMixture``.
    reg_covar : 'auto' or float, default='auto'
        Floor or ridge of the covariances, as in ``GaussianMixture``; ``'auto'`` is relative to the
        rows of all classes.
    prior : {'conjugate'} or None, default=None
        Of the means and covariances of each class, as in ``GaussianMixture``: it helps where
        classes have few rows.
    max_iter : int, default=1000
        Largest number of EM updates per start.
    n_init : int, default=1
        Number of starts in each class.
    random_state : int, RandomState or None, default=None
        Seed of the starts.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the rows; ``'auto'`` goes by the amount of work.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    priors_ : ndarray of shape (n_classes,)
        Probabilities of the classes.
    models_ : list of GaussianMixture
        The mixture of each class.
    n_iter_ : int
        EM updates of the class that took most.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    See Also
    --------
    SemiSupervisedMixture : Where some rows have no label, or classes share covariances.

    Notes
    -----
    The probability of class c is proportional to :math:`\pi_c p_c(x)`, where :math:`p_c` is a
    mixture fitted by EM to the rows of the class [1]_, [2]_. With one component this is quadratic
    discriminant analysis with maximum-likelihood covariances. Cells that are NaN are missing, in
    ``fit`` and ``predict``; a row without any is classified by the priors.

    References
    ----------
    .. [1] Hastie, T. & Tibshirani, R. (1996). Discriminant analysis by Gaussian mixtures.
       *JRSS B* 58(1). :doi:`10.1111/j.2517-6161.1996.tb02073.x`
    .. [2] Fraley, C. & Raftery, A. (2002). Model-based clustering, discriminant analysis, and
       density estimation. *JASA* 97(458). :doi:`10.1198/016214502760047131`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureClassifier
    >>> X = np.array([[0.0, 1.0], [0.3, 0.5], [0.5, 1.5], [5.0, 1.0], [5.2, 2.0], [6.0, 1.2]])
    >>> model = MixtureClassifier().fit(X, ["a", "a", "a", "b", "b", "b"])
    >>> model.predict([[0.2, np.nan]])
    array(['a'], dtype='<U1')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "priors": ["array-like", None],
        **runs.constraints(),
    }

    def __init__(
        self,
        n_components: int | str = 1,
        *,
        covariance_type: str = "full",
        priors: ArrayLike | None = None,
        tol: str | float = "auto",
        reg_covar: str | float = "auto",
        prior: str | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        random_state: Any = None,
        engine: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.priors = priors
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state
        self.engine = engine
        self.n_jobs = n_jobs

    def fit(
        self, X: ArrayLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> MixtureClassifier:
        """Fit a mixture to the rows of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        y : array-like of shape (n_samples,)
            Labels: numbers or text.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        MixtureClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the labels, the weights or a parameter cannot be used; the message names
            which, and the class.
        """
        self._validate_params()
        rows, incomplete = validated_table(self, X, fitting=True)
        classes, codes = encoded(checked_labels(self, y, rows))
        weights = validated_weights(sample_weight, rows)
        least = 1 if self.n_components == "auto" else int(self.n_components)
        check_class_rows(classes, codes, weights, least)
        priors = class_priors(self.priors, codes, weights, len(classes))
        whole = fitting.problem(runs.gaussian(self, 1), rows, weights, incomplete)
        models = []
        labels: list[Any] = classes.tolist()
        for number, label in enumerate(labels):
            own = codes == number
            part = None if weights is None else weights[own]
            try:
                models.append(self._fitted(rows[own], part, whole, label))
            except InputError as error:
                raise InputError(f"class {label!r}: {error}") from None
        self.classes_, self.priors_, self.models_ = classes, priors, models
        self.n_iter_ = max(int(model.n_iter_) for model in models)
        return self

    def _fitted(
        self, rows: Any, weights: FloatArray | None, whole: EM, label: Any
    ) -> GaussianMixture:
        """Return the mixture of one class, with the floor of the ``whole`` table."""
        names = getattr(self, "feature_names_in_", None)
        incomplete = bool(np.isnan(rows).any())
        if incomplete:
            check_observed(rows, names, weights)
        model, start = self._chosen(rows, weights, incomplete)
        em = fitting.problem(model, rows, weights, incomplete)
        if em.floor is not None:
            em = replace(em, floor=floor_for_classes(whole, em.family))
        if start is None:
            selection = fitting.run(model, em, rows)
        else:
            selection = runs.best_run(self, em, [lambda: start])
        result, weight = selection.result, em.source.weight
        fitting.publish(
            model,
            result.mixture,
            rows.dtype,
            lower_bounds_=(result.log_likelihoods[1:] / weight).tolist(),
            n_best_restarts_=selection.n_at_best,
            collapsed_=np.array(selection.collapsed),
            **runs.facts(selection, weight),
        )
        runs.warn(self, selection, f"Class {label!r}: ")
        return model

    def _chosen(
        self, rows: Any, weights: FloatArray | None, incomplete: bool
    ) -> tuple[GaussianMixture, Mixture | None]:
        """Return the unfitted mixture of one class, and its start where BIC has chosen it."""
        model = runs.gaussian(self, 1, random_state=self.random_state)
        if self.n_components != "auto":
            return model.set_params(n_components=self.n_components), None
        counting = criteria.counts(rows, weights)
        n = float(counting.sum())
        sizes = range(1, min(MOST_COMPONENTS, int(np.count_nonzero(counting))) + 1)
        names = (self.covariance_type,)
        cells = searching.search(model, rows, weights, incomplete, names, sizes)
        best = min(
            (cell for cell in cells if not cell.degenerate),
            key=lambda c: criteria.bic(c.log_likelihood, c.n_parameters, n),
            default=None,
        )
        if best is None or best.mixture is None:
            return model, None
        model.set_params(  # of one column, all structures are spheres
            n_components=best.n_components, covariance_type=best.mixture.covariance_type
        )
        return model, best.mixture

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; each row sums to 1.
        """
        check_is_fitted(self)
        rows, _ = validated_table(self, X, fitting=False)
        with np.errstate(divide="ignore"):
            log_priors = np.log(self.priors_)
        joint = np.stack([model.score_samples(rows) for model in self.models_], axis=1)
        probabilities: FloatArray = softmax(joint + log_priors, axis=1)
        return probabilities


def class_priors(
    given: Any, codes: NDArray[np.intp], weights: FloatArray | None, n_classes: int
) -> FloatArray:
    """Return the probabilities of the classes, checked where they are given."""
    if given is None:
        counts = np.bincount(codes, weights, n_classes)
        return np.asarray(counts / counts.sum(), dtype=np.float64)
    try:
        priors = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"priors={given!r} must be {n_classes} numbers.") from None
    if priors.shape != (n_classes,):
        raise InputError(
            f"priors has shape {priors.shape}; {n_classes} classes need ({n_classes},)."
        )
    if not (priors >= 0).all() or abs(priors.sum() - 1.0) > 1e-6:
        raise InputError("priors must hold numbers of at least 0 that sum to 1.")
    return priors
