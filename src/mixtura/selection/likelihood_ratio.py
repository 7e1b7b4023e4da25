"""Whether one more component is worth it: the likelihood-ratio test by parametric bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixtura._errors import InputError
from mixtura.algorithms.replicates import (
    GOAL,
    LONGEST,
    Climbed,
    Stack,
    Tables,
    climb,
    drawn,
    enlarged,
    maximised,
    n_chunks,
    sums,
)
from mixtura.estimators.fitting import check_positive
from mixtura.estimators.functional import checked_rows
from mixtura.estimators.survey import letters_of
from mixtura.estimators.validation import check_count, check_squares
from mixtura.model import family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import check_one_column
from mixtura.model.sampling import generator
from mixtura.selection.uncertainty import check_level
from mixtura.sources.threads import for_each, n_threads


@dataclass(frozen=True, eq=False)
class BootstrapLRT:
    """Likelihood-ratio tests of numbers of components against one more; ``print`` shows them.

    Attributes
    ----------
    covariance_type : str
        The covariance structure.
    n_components : tuple of int
        The number of components under the null hypothesis of every test.
    statistics : ndarray of shape (n_tests,)
        Twice the gain in log-likelihood of one more component; NaN where it always collapses. That
        can be so in the last of several tests; in the first it is an error.
    p_values : ndarray of shape (n_tests,)
        Part of the tables drawn from the smaller mixture, and the table itself, for which the
        statistic is at least as large; NaN without a statistic of the table or of any drawn.
    replicates : ndarray of shape (n_tests, n_boot)
        The statistic of every table drawn; NaN where a fit collapsed.
    level : float
        Tests went on while the p-value was at most this.
    selected : int
        The smallest number of components that was not rejected, or the largest that was fitted if
        all below were.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import bootstrap_lrt
    >>> rng = np.random.default_rng(1)
    >>> X = np.r_[rng.normal(0, 1, (40, 1)), rng.normal(9, 1, (40, 1))]
    >>> found = bootstrap_lrt(X, covariance_type="tied", n_boot=99, random_state=0)
    >>> found.n_components, found.selected
    ((1, 2), 2)
    """

    covariance_type: str
    n_components: tuple[int, ...]
    statistics: FloatArray
    p_values: FloatArray
    replicates: FloatArray
    level: float
    selected: int

    def __str__(self) -> str:
        """Return the tests as a table for a terminal."""
        lines = [f"{'components':<12}{'statistic':>11}{'p-value':>10}{'tables':>8}"]
        for k, value, p, drawn_ in zip(
            self.n_components, self.statistics, self.p_values, self.replicates, strict=True
        ):
            n = np.count_nonzero(np.isfinite(drawn_))
            lines.append(f"{f'{k} or {k + 1}':<12}{value:>11.3f}{p:>10.4g}{n:>8,}")
        return "\n".join([*lines, "", f"{self.selected} selected at level {self.level:g}"])


def bootstrap_lrt(
    X: ArrayLike,
    n_components: int = 1,
    covariance_type: str = "full",
    *,
    max_components: int = 9,
    n_boot: int = 999,
    level: float = 0.05,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> BootstrapLRT:
    r"""Test numbers of components against one more, until a test does not reject.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows without missing cells.
    n_components : int, default=1
        Number of components of the first null hypothesis.
    covariance_type : str, default='full'
        The covariance structure, by scikit-learn's or mclust's name.
    max_components : int, default=9
        Number of components of the last null hypothesis.
    n_boot : int, default=999
        Number of tables to draw for each test; the smallest p-value is ``1 / (n_boot + 1)``.
    level : float, default=0.05
        The next number of components is tested if the p-value is at most this.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the tables and of the starts.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Returns
    -------
    BootstrapLRT
        Statistics, p-values, and the statistics of the tables drawn.

    Raises
    ------
    ValueError
        If the table or a parameter cannot be used, or all fits of the first test collapse; the
        message says which.

    Notes
    -----
    The usual chi-squared limit does not hold for mixtures. The statistic :math:`\lambda` of the
    table is compared with those of ``n_boot`` tables of as many rows, drawn from the smaller
    mixture [1]_: :math:`p = (1 + \#\{\lambda^*_b \ge \lambda\}) / (B + 1)`, over the tables in
    whose fits no component collapsed.

    Likelihoods of mixtures have many maxima, and the statistic goes by the best found. The table
    and those drawn get the same search: fits with one more component start from the smaller
    mixture with one component cut in two, across its longest axis or by a plane at random. The
    smaller mixtures start from the parameters they were drawn from.

    References
    ----------
    .. [1] McLachlan, G. (1987). On bootstrapping the likelihood ratio test statistic for the
       number of components in a normal mixture. *Applied Statistics* 36(3).
       :doi:`10.2307/2347790`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import bootstrap_lrt
    >>> X = np.random.default_rng(0).normal(size=(60, 1))
    >>> bootstrap_lrt(X, covariance_type="tied", n_boot=19, random_state=0).p_values >= 1 / 20
    array([ True])
    """
    check_request(n_components, max_components, n_boot, level)
    problem = problem_of(X, covariance_type, random_state)
    check_count(problem.table.weights.size, None, n_components + 1)
    models = smallest(problem)
    for k in range(1, n_components):
        models = larger(problem, models, k)
    tests: list[Tested] = []
    for k in range(n_components, max_components + 1):
        tests.append(tested(problem, models, k, n_boot, n_threads(n_jobs)))
        if not tests[-1].p_value <= level:
            break
        models = tests[-1].larger
    if np.isnan(tests[0].p_value):
        raise InputError(always_collapses(problem, n_components + 1))
    last = tests[-1]
    return BootstrapLRT(
        covariance_type,
        tuple(test.n_components for test in tests),
        np.array([test.statistic for test in tests]),
        np.array([test.p_value for test in tests]),
        np.stack([test.replicates for test in tests]),
        level,
        last.n_components + int(last.p_value <= level),
    )


@dataclass(frozen=True, eq=False)
class Problem:
    """What all tests share: the structure in mclust's letters, the centred table, and a seed."""

    name: str
    table: Tables
    seed: tuple[int, ...]

    def rng(self, *key: int) -> np.random.Generator:
        """Return the random numbers of one purpose."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True, eq=False)
class Tested:
    """One test, and the mixture of one more component."""

    n_components: int
    statistic: float
    p_value: float
    replicates: FloatArray
    larger: Climbed


def check_request(n_components: int, max_components: int, n_boot: int, level: float) -> None:
    """Raise where a parameter is out of its range."""
    values = {"n_components": n_components, "max_components": max_components, "n_boot": n_boot}
    for name, value in values.items():
        check_positive(name, value)
    if max_components < n_components:
        raise InputError(f"max_components={max_components} is less than {n_components=}.")
    check_level(level)


def problem_of(X: ArrayLike, covariance_type: str, random_state: Any) -> Problem:
    """Return what all tests share."""
    family = family_named(covariance_type)
    rows, incomplete = checked_rows(X, None)
    if incomplete:
        raise InputError(
            "X misses cells, and the test draws complete tables: fill them (MixtureImputer) or "
            "leave out their rows or columns."
        )
    check_squares(rows, fitting=True)
    check_one_column(covariance_type, rows.shape[1])
    values = rows - np.mean(rows, axis=0, dtype=np.float64)
    seed = generator(random_state).integers(2**32, size=4).tolist()
    spread = np.mean(values**2, axis=0)
    table = Tables.of(values[None], np.ones((1, len(values))), spread)
    return Problem(letters_of(family.name, values.shape[1]), table, tuple(seed))


def smallest(problem: Problem) -> Climbed:
    """Return the mixture of one component."""
    everything = np.ones((1, 1, problem.table.weights.size))
    models = maximised(problem.name, sums(problem.table, everything))
    found = climb(problem.name, problem.table, models, LONGEST, GOAL)
    if not np.isfinite(found.loglik[0]):
        raise InputError(
            "X has columns that do not vary or repeat others, or too few rows, so that one "
            "component has no covariance of full rank. Leave such columns out."
        )
    return found


def larger(problem: Problem, models: Climbed, k: int) -> Climbed:
    """Return the mixture of one component more than ``k``."""
    found = enlarged(problem.name, problem.table, models.models, problem.rng(k), GOAL)
    if np.isfinite(found.loglik[0]):
        return found
    raise InputError(always_collapses(problem, k + 1))


def always_collapses(problem: Problem, k: int) -> str:
    """Return why nothing is known of ``k`` components, and what could be done."""
    n, d = problem.table.rows.shape[1:]
    return (
        f"every fit of {k} components to X, or to tables drawn like it, ends with a collapsed one: "
        "test fewer components, or a simpler covariance_type, or give more rows. X has "
        f"{n} in {d} columns; a component with a full covariance needs {d + 1} different ones, and "
        "that none of them is repeated often."
    )


def tested(problem: Problem, models: Climbed, k: int, n_boot: int, threads: int) -> Tested:
    """Return the test of ``k`` components, with their mixture, against one more."""
    found = enlarged(problem.name, problem.table, models.models, problem.rng(k), GOAL)
    if not np.isfinite(found.loglik[0]):
        return Tested(k, np.nan, np.nan, np.full(n_boot, np.nan), found)
    value = float(statistics(models, found)[0])
    n, d = problem.table.rows.shape[1:]
    parts = np.array_split(np.empty(n_boot), n_chunks(n_boot, n, k + 1, d))

    def fill(number: int) -> None:
        parts[number][:] = replicated(problem, models.models, len(parts[number]), (k, number))

    for_each(fill, len(parts), threads)
    null = np.concatenate(parts)
    known = null[np.isfinite(null)]
    reached = np.count_nonzero(known >= value)
    p_value = (1.0 + reached) / (1.0 + len(known)) if len(known) else np.nan  # equation 52
    return Tested(k, value, p_value, null, found)


def replicated(problem: Problem, models: Stack, m: int, key: tuple[int, ...]) -> FloatArray:
    """Return the statistics (m,) of tables drawn from a mixture."""
    name, rng = problem.name, problem.rng(*key)
    n = problem.table.weights.size
    rows = drawn(models, m, n, rng)
    tables = Tables.of(rows, np.ones((m, n)), problem.table.spread)
    fits = climb(name, tables, models.subset(np.zeros(m, dtype=np.intp)), LONGEST, GOAL)
    sound = np.flatnonzero(np.isfinite(fits.loglik))
    fits, tables = fits.subset(sound), tables.subset(sound)
    values = np.full(m, np.nan)
    values[sound] = statistics(fits, enlarged(name, tables, fits.models, rng, GOAL))
    return values


def statistics(fits: Climbed, found: Climbed) -> FloatArray:
    """Return twice what mixtures gain in log-likelihood by one more component.

    NaN where that has collapsed. A mixture of k components is one of k + 1, too, so that nothing
    is gained at least.
    """
    gains = 2.0 * np.maximum(found.loglik - fits.loglik, 0.0)
    return np.where(np.isfinite(found.loglik), gains, np.nan)
