"""Criteria that weigh how well a mixture fits against its size; the lower, the better.

Pure functions of numbers, so that a search can call them for any number of models. Signs are
scikit-learn's: every criterion here is to be minimised (mclust's BIC and ICL are the negatives).
What they mean is in docs/guide, equations 41 to 43. Rows count by their weights, and those
without an observed cell in nothing: ``counts`` says so once for all that is summed over rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from mixtura.model.families.base import FloatArray

#: The names of the criteria, as ``criteria`` returns them.
NAMES = ("bic", "aic", "aicc", "icl", "sabic", "nec", "entropy_ratio")


@dataclass(frozen=True)
class Fuzziness:
    """How unsure the assignment of rows to components is; what blocks of rows have adds up.

    ``entropy`` is that of the responsibilities, ``surprise`` the negative logarithm of each row's
    largest one; both in nats, weighted sums over rows, and 0 where every row is sure.
    """

    entropy: float = 0.0
    surprise: float = 0.0

    def __add__(self, other: Fuzziness) -> Fuzziness:
        """Return the fuzziness of two blocks of rows together."""
        return Fuzziness(self.entropy + other.entropy, self.surprise + other.surprise)


def counts(X: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the weight (n,) of each row of X (n, d), 0 where no cell of it is observed."""
    own = np.ones(len(X)) if weights is None else weights
    return np.where(np.isnan(X).all(axis=1), 0.0, own)


def fuzziness(responsibilities: FloatArray, weights: FloatArray | None = None) -> Fuzziness:
    """Return how unsure responsibilities (n, k) are, with weights (n,)."""
    entropies = entr(responsibilities).sum(axis=1)
    surprises = -np.log(responsibilities.max(axis=1))
    if weights is None:
        return Fuzziness(float(entropies.sum()), float(surprises.sum()))
    return Fuzziness(float(weights @ entropies), float(weights @ surprises))


def criteria(
    log_likelihood: float,
    n_parameters: int,
    n: float,
    n_components: int,
    fuzziness: Fuzziness,
    single: float = np.nan,
) -> dict[str, float]:
    """Return every criterion of one model by its name.

    ``n`` is the sum of the weights of the rows that count, ``single`` the log-likelihood of the
    one-component model of the same structure, without which ``nec`` is NaN. Logarithms are
    natural and likelihoods total.
    """
    return {
        "bic": bic(log_likelihood, n_parameters, n),
        "aic": aic(log_likelihood, n_parameters),
        "aicc": aicc(log_likelihood, n_parameters, n),
        "icl": icl(log_likelihood, n_parameters, n, fuzziness),
        "sabic": sabic(log_likelihood, n_parameters, n),
        "nec": nec(log_likelihood, n_components, fuzziness, single),
        "entropy_ratio": entropy_ratio(n, n_components, fuzziness),
    }


def bic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Return the Bayesian information criterion (docs/guide, equation 41)."""
    return float(n_parameters * np.log(n) - 2.0 * log_likelihood)


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Return Akaike's information criterion (docs/guide, equation 41)."""
    return float(2.0 * (n_parameters - log_likelihood))


def aicc(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Return AIC corrected for few rows, infinite where there are too few (equation 41)."""
    left = n - n_parameters - 1.0
    if left <= 0.0:
        return np.inf
    return aic(log_likelihood, n_parameters) + 2.0 * n_parameters * (n_parameters + 1.0) / left


def sabic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Return BIC with Sclove's adjusted sample size (docs/guide, equation 41)."""
    return bic(log_likelihood, n_parameters, (n + 2.0) / 24.0)


def icl(log_likelihood: float, n_parameters: int, n: float, fuzziness: Fuzziness) -> float:
    """Return the integrated completed likelihood in its BIC form (docs/guide, equation 42)."""
    return bic(log_likelihood, n_parameters, n) + 2.0 * fuzziness.surprise


def nec(log_likelihood: float, n_components: int, fuzziness: Fuzziness, single: float) -> float:
    """Return the normalised entropy criterion (docs/guide, equation 43).

    It is 1 for one component, and infinite where the others gain no likelihood.
    """
    if n_components == 1:
        return 1.0
    gain = log_likelihood - single
    return np.inf if gain <= 0.0 else fuzziness.entropy / gain


def entropy_ratio(n: float, n_components: int, fuzziness: Fuzziness) -> float:
    """Return the entropy as a part of the largest there could be (docs/guide, equation 43).

    Not called normalised entropy, which is the name of ``nec`` in its paper.
    """
    return 0.0 if n_components == 1 else float(fuzziness.entropy / (n * np.log(n_components)))
