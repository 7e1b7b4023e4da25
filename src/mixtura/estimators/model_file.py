"""Fitted estimators to and from model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mixtura._errors import InputError, ModelFileError
from mixtura.algorithms.stopping import Status
from mixtura.estimators.fitting import publish
from mixtura.io.model_file import read_model, write_model
from mixtura.model import Mixture

KIND = "GaussianMixture"
ARRAYS = ("weights", "means", "covariances")
SCALARS = (str, int, float, bool, type(None))


def save(estimator: Any, path: str | Path) -> None:
    """Write a fitted estimator; settings that are not plain values are left out."""
    mixture = estimator.mixture_
    params = estimator.get_params(deep=False)
    names = getattr(estimator, "feature_names_in_", None)
    metadata = {
        "kind": KIND,
        "covariance_type": mixture.covariance_type,
        "settings": {key: plain(v) for key, v in params.items() if is_plain(v)},
        "dtype": str(estimator.means_.dtype),
        "feature_names": None if names is None else [str(name) for name in names],
        "converged": bool(estimator.converged_),
        "status": estimator.status_.name,
        "n_iter": int(estimator.n_iter_),
        "lower_bound": float(estimator.lower_bound_),
        "lower_bounds": [float(value) for value in estimator.lower_bounds_],
        "restarts": [float(value) for value in estimator.restarts_],
        "n_best_restarts": int(estimator.n_best_restarts_),
        "collapsed": [bool(value) for value in estimator.collapsed_],
    }
    write_model(path, {name: getattr(mixture, name) for name in ARRAYS}, metadata)


def load(path: str | Path) -> Any:
    """Read a fitted model from a file that ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Returns
    -------
    GaussianMixture
        The fitted estimator.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a mixtura model, or from a newer version.

    Notes
    -----
    The file holds arrays and JSON; nothing in it is ever executed.

    Examples
    --------
    >>> import tempfile, pathlib, mixtura
    >>> model = mixtura.GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.mixtura"
    >>> model.save(path)
    >>> mixtura.load(path).means_
    array([[0.]])
    """
    from mixtura.estimators.gaussian_mixture import GaussianMixture

    arrays, metadata = read_model(path, required=ARRAYS)
    try:
        if metadata["kind"] != KIND:
            raise ModelFileError(
                f"{path}: holds a {metadata['kind']}, which this version of mixtura does not know."
            )
        weights, means, covariances = (arrays[name].copy() for name in ARRAYS)
        mixture = Mixture(weights, means, covariances, metadata["covariance_type"])
        model = GaussianMixture(**metadata["settings"])
        restore(model, mixture, metadata)
    except (KeyError, TypeError, InputError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{path}: the model in this file is not whole ({error}); fit the model again."
        ) from None
    return model


def restore(model: Any, mixture: Mixture, metadata: dict[str, Any]) -> None:
    """Give an estimator the solution of a file."""
    publish(
        model,
        mixture,
        np.float32 if metadata["dtype"] == "float32" else np.float64,
        converged_=metadata["converged"],
        status_=Status[metadata["status"]],
        n_iter_=metadata["n_iter"],
        lower_bound_=metadata["lower_bound"],
        lower_bounds_=metadata["lower_bounds"],
        restarts_=np.array(metadata["restarts"]),
        n_best_restarts_=metadata["n_best_restarts"],
        collapsed_=np.array(metadata["collapsed"], dtype=np.bool_),
    )
    if metadata["feature_names"] is not None:
        model.feature_names_in_ = np.array(metadata["feature_names"], dtype=object)


def is_plain(value: Any) -> bool:
    """Return whether a setting can be written down: numbers, text, nothing."""
    return isinstance(value, (*SCALARS, np.generic))


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's."""
    return value.item() if isinstance(value, np.generic) else value
