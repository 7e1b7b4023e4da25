"""The scikit-learn estimator for mixtures of which some rows have a label."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.labelled import Group, LabelledEM, members_of, start_from_labels
from mixtura.estimators import fitting, runs
from mixtura.estimators.classes import (
    UNLABELLED,
    ClassModel,
    check_class_rows,
    checked_labels,
    floor_for_classes,
    partly_encoded,
)
from mixtura.estimators.functional import source_for
from mixtura.estimators.validation import check_columns, validated_table, validated_weights
from mixtura.model import Mixture, criteria
from mixtura.model.families.base import FloatArray


class SemiSupervisedMixture(ClassModel):
    r"""Gaussian mixture of which the class of some rows is known.

    Parameters
    ----------
    n_components : int, default=1
        Number of components of each class, at least 1.
    n_extra : int, default=0
        Number of further components that no labelled row is of, for classes that nobody has named.
        Rows of theirs are predicted as -1; labels must be numbers then.
    covariance_type : str, default='full'
        The covariance structure of all components together, as in ``GaussianMixture``.
    tol : 'auto' or float, default='auto'
        When to stop, as in ``GaussianMixture``.
    reg_covar : 'auto' or float, default='auto'
        Floor or ridge of the covariances, as in ``GaussianMixture``.
    prior : {'conjugate'} or None, default=None
        Of means and covariances, as in ``GaussianMixture``.
    max_iter : int, default=1000
        Largest number of EM updates per start.
    n_init : int, default=1
        Number of starts from seeds of their own; there is one more from the labelled rows alone.
        The best log-likelihood without a collapsed component wins.
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
        The labels, sorted; with ``n_extra``, -1 is one of them.
    component_classes_ : ndarray of shape (n_all_components,)
        The label of each component.
    mixture_ : Mixture
        The components of all classes.
    weights_ : ndarray of shape (n_all_components,)
        Weights of the components; those of a class sum to its part of all rows.
    means_ : ndarray of shape (n_all_components, n_features)
        Component means.
    covariances_ : ndarray
        Covariances in the shape of ``covariance_type``, as in ``GaussianMixture``.
    bic_ : float
        Bayesian information criterion of labels and rows together; lower is better.
    converged_ : bool
        Whether the best start reached the stopping rule.
    status_ : Status
        Why the best start stopped; ``status_.value`` is a sentence.
    n_iter_ : int
        EM updates of the best start.
    lower_bound_ : float
        Log-likelihood of labels and rows per row, in nats; with a ``prior``, plus the logarithm
        of its density relative to the largest, over the number of rows.
    restarts_ : ndarray of shape (n_starts,)
        Final log-likelihood per row of every start.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    See Also
    --------
    MixtureClassifier : One mixture per class, where all rows are labelled.

    Notes
    -----
    Maximises :math:`\sum_i \log \sum_{j \in C_i} w_j N(x_i; \mu_j, \Sigma_j)`, where :math:`C_i`
    are the components of the class of row i, or all where it has no label [1]_. The part of the
    labelled rows that a class has tells of its weight: they should be drawn like the others.

    With all rows labelled and one component per class this is discriminant analysis, linear with
    ``covariance_type='tied'``, quadratic with ``'full'``, and what lies between with the others
    (EDDA) [2]_. Cells that are NaN are missing, as in ``GaussianMixture``.

    References
    ----------
    .. [1] McLachlan, G. & Peel, D. (2000). *Finite Mixture Models*. Wiley.
       :doi:`10.1002/0471721182`
    .. [2] Bensmail, H. & Celeux, G. (1996). Regularized Gaussian discriminant analysis through
       eigenvalue decomposition. *JASA* 91(436). :doi:`10.1080/01621459.1996.10476746`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import SemiSupervisedMixture
    >>> X = np.array([[0.0], [0.4], [0.7], [1.0], [5.0], [5.5], [5.9], [6.0]])
    >>> y = [0, -1, -1, -1, 1, -1, -1, -1]
    >>> SemiSupervisedMixture().fit(X, y).predict(X)
    array([0, 0, 0, 0, 1, 1, 1, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_extra": [Interval(Integral, 0, None, closed="left")],
        **runs.constraints(),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_extra: int = 0,
        covariance_type: str = "full",
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
        self.n_extra = n_extra
        self.covariance_type = covariance_type
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
    ) -> SemiSupervisedMixture:
        """Fit the mixture to rows with and without labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        y : array-like of shape (n_samples,)
            Labels: numbers or text; -1, NaN or None where there is none.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        SemiSupervisedMixture
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the labels, the weights or a parameter cannot be used; the message names
            which.
        """
        self._validate_params()
        rows, incomplete = validated_table(self, X, fitting=True)
        classes, codes = partly_encoded(checked_labels(self, y, rows))
        weights = validated_weights(sample_weight, rows)
        check_class_rows(classes, codes, weights, self.n_components)
        unlabelled = codes < 0 if weights is None else (codes < 0) & (weights > 0)
        if self.n_extra and not unlabelled.any():
            raise InputError(f"n_extra={self.n_extra} needs rows without a label (-1) in y.")
        named = with_unnamed(classes) if self.n_extra else classes
        of_class = np.repeat(np.arange(len(classes)), self.n_components)
        components = np.concatenate([of_class, np.full(self.n_extra, len(classes))])
        em = self._problem(rows, weights, incomplete, codes, components)
        starts = [
            partial(start_from_labels, em, rng, alone=False)
            for rng in runs.generators(self.random_state, self.n_init)
        ]
        if not self.n_extra and len(classes) > 1 and unlabelled.any():
            rng = np.random.default_rng(0)
            starts.append(partial(start_from_labels, em, rng, alone=True))
        selection = runs.best_run(self, em, starts)
        mixture = selection.result.mixture
        self._adopt(mixture, named[components])
        for name, value in runs.facts(selection, em.source.weight).items():
            setattr(self, name, value)
        loglik = replace(em, prior=None).expect(mixture).loglik
        counting = float(criteria.counts(rows, weights).sum())
        self.bic_ = criteria.bic(loglik, mixture.n_parameters(), counting)
        runs.warn(self, selection, stacklevel=3)
        return self

    def _adopt(self, mixture: Mixture, component_classes: NDArray[Any]) -> None:
        """Take over parameters."""
        self.classes_ = np.unique(component_classes)
        self.component_classes_ = component_classes
        self.mixture_ = mixture
        self.weights_, self.means_ = mixture.weights, mixture.means
        self.covariances_ = mixture.covariances

    def _problem(
        self,
        rows: Any,
        weights: FloatArray | None,
        incomplete: bool,
        codes: NDArray[np.intp],
        components: NDArray[np.intp],
    ) -> LabelledEM:
        """Return EM for the rows in groups of one label each."""
        k = len(components)
        em = fitting.problem(runs.gaussian(self, k), rows, weights, incomplete)
        if em.floor is not None:
            em = replace(em, floor=floor_for_classes(em, em.family))
        groups = []
        for code in np.unique(codes):
            own = np.flatnonzero(codes == code)
            part, own_weights = rows[own], None if weights is None else weights[own]
            lacking = incomplete and bool(np.isnan(part).any())
            members = members_of(components, int(code))
            kind = (int(members.sum()), self.covariance_type, self.engine, self.n_jobs)
            source, kernels = source_for(part, own_weights, *kind, incomplete=lacking)
            groups.append(Group(EM(source, kernels, em.family), members))
        return LabelledEM(**vars(em), groups=tuple(groups))

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
        rows, incomplete = validated_table(self, X, fitting=False)
        mixture = self.mixture_
        check_columns(rows, mixture.n_features)
        kind = (mixture.n_components, mixture.covariance_type, self.engine, self.n_jobs)
        source, kernels = source_for(rows, None, *kind, incomplete=incomplete)
        of_class = (self.component_classes_[:, None] == self.classes_).astype(np.float64)
        out = np.empty((len(rows), len(self.classes_)))

        def by_class(block: Any) -> FloatArray:
            return np.asarray(kernels.responsibilities(block, mixture)) @ of_class

        probabilities: FloatArray = source.map_rows(by_class, out)
        return probabilities


def with_unnamed(classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes and, last, -1 for those without a name; raise if labels are text."""
    if classes.dtype.kind not in "iuf":
        raise InputError(
            "n_extra needs labels that are numbers, of which -1 can be the unnamed class; y holds "
            f"{classes.tolist()[0]!r}."
        )
    return np.append(classes, UNLABELLED)
