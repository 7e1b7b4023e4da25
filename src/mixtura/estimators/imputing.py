"""Fill in the missing cells of a table from a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.estimators.functional import check_mixture, checked_rows
from mixtura.kernels import conditional
from mixtura.model import Mixture

KINDS = ("mean", "draw")


def complete(X: ArrayLike, mixture: Mixture) -> NDArray[Any]:
    r"""Return a table with its missing cells at their posterior means.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; NaN means missing.
    mixture : Mixture
        The distribution of the rows.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Observed cells as they are in ``X``, float32 or float64.

    Raises
    ------
    ValueError
        If ``X`` is no table of numbers with the mixture's number of columns.

    Notes
    -----
    A missing cell gets :math:`E(x_m \mid x_o) = \sum_j r_j (\mu_{jm} + \Sigma_{jmo}
    \Sigma_{joo}^{-1} (x_o - \mu_{jo}))`, with responsibilities :math:`r_j` given the observed
    cells [1]_; a row without any observed cell the mean of the mixture.

    References
    ----------
    .. [1] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via an EM
       approach. *Advances in Neural Information Processing Systems* 6.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import Mixture, complete
    >>> mixture = Mixture([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
    >>> complete([[3.0, np.nan], [np.nan, np.nan]], mixture)
    array([[3., 3.],
           [1., 2.]])
    """
    check_mixture("mixture", mixture)
    rows, _ = checked_rows(X, mixture.n_features)
    filled: NDArray[Any] = imputed(rows, mixture)
    return filled


def imputed(rows: NDArray[Any], mixture: Mixture, *, return_std: bool = False) -> Any:
    """Return rows (n, d) filled in with posterior means, and the standard deviations if wanted."""
    holes, filled = incomplete_rows(rows)
    if not return_std:
        filled[holes] = conditional.expected(filled[holes], mixture)
        return filled
    deviations = np.zeros_like(filled)
    filled[holes], deviations[holes] = conditional.expected_with_deviations(filled[holes], mixture)
    return filled, deviations


def drawn(
    rows: NDArray[Any], mixture: Mixture, n_draws: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Return rows filled in with draws: (n, d), or (n_draws, n, d) of more than one."""
    holes, filled = incomplete_rows(rows)
    draws = np.repeat(filled[None], n_draws, axis=0)
    for draw in draws:
        uniform, normal = rng.random(len(holes)), rng.standard_normal((len(holes), rows.shape[1]))
        draw[holes] = conditional.drawn(draw[holes], mixture, uniform, normal)
    return draws if n_draws > 1 else draws[0]


def incomplete_rows(rows: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return the numbers of the rows with missing cells, and a copy of all rows."""
    return np.flatnonzero(np.isnan(rows).any(axis=1)), np.array(rows, order="C")


def check_request(kind: str, n_draws: Any, return_std: bool) -> None:
    """Raise unless parameters of ``impute`` go together."""
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not one of {', '.join(KINDS)}.")
    if isinstance(n_draws, bool) or not isinstance(n_draws, int | np.integer) or n_draws < 1:
        raise InputError(f"n_draws={n_draws!r} must be a whole number of at least 1.")
    if kind == "mean" and n_draws > 1:
        raise InputError(f"n_draws={n_draws} needs kind='draw': there is only one mean.")
    if kind == "draw" and return_std:
        raise InputError("return_std=True needs kind='mean': the spread of draws shows it.")


def check_outside(kind: str, return_std: bool = False) -> None:
    """Raise unless ``impute`` can fill in rows outside memory, a block at a time."""
    if kind != "mean" or return_std:
        what = "return_std=True" if kind == "mean" else f"kind={kind!r}"
        raise InputError(
            f"{what} needs the rows in memory; a table on disk or a Dask collection is filled in "
            "with kind='mean'."
        )
