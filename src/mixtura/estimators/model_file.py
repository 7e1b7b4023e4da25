"""Fitted estimators to and from model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError, ModelFileError
from mixtura.algorithms.mini_batch import Stream
from mixtura.algorithms.stopping import Status
from mixtura.estimators import extended_file
from mixtura.estimators.fitting import publish
from mixtura.estimators.rating_file import ARRAYS as RATING_ARRAYS
from mixtura.estimators.rating_file import describe_ratings, restore_ratings
from mixtura.io.model_file import check_arrays, read_model, write_model
from mixtura.model import Mixture

ARRAYS = ("weights", "means", "covariances")
#: Settings that are about where a fit was run.
OF_A_RUN = ("checkpoint", "checkpoint_every")
SCALARS = (str, int, float, bool, type(None))


class Saved:
    """What has a ``save``."""

    def save(self, path: Any) -> None:
        """Write the fitted model to a file that ``mixtura.load`` reads.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced in one step, or left as it is on failure.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        check_is_fitted(self)
        save(self, path)


def save(estimator: Any, path: str | Path) -> None:
    """Write a fitted estimator; settings that are not plain values are left out."""
    kind = next(base.__name__ for base in type(estimator).__mro__ if base.__name__ in KINDS)
    params = estimator.get_params(deep=False)
    names = getattr(estimator, "feature_names_in_", None)
    arrays, facts = KINDS[kind].describe(estimator)
    metadata = {
        "kind": kind,
        "settings": {
            key: plain(v) for key, v in params.items() if is_plain(v) and key not in OF_A_RUN
        },
        "feature_names": None if names is None else [str(name) for name in names],
        **facts,
    }
    write_model(path, dict(zip(KINDS[kind].arrays, arrays, strict=True)), metadata)


def load(path: str | Path) -> Any:
    """Read a fitted model from a file that ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Returns
    -------
    estimator
        The fitted estimator, of the class that was saved; those of k-means without ``labels_``.

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
    arrays, metadata = read_model(path)
    try:
        name = metadata["kind"]
        if name not in KINDS:
            raise ModelFileError(
                f"{path}: holds a {name}, which this version of mixtura does not know."
            )
        kind = KINDS[name]
        check_arrays(path, arrays, kind.arrays)
        model = kind.restore([arrays[each].copy() for each in kind.arrays], metadata)
    except (KeyError, TypeError, InputError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{path}: the model in this file is not whole ({error}); fit the model again."
        ) from None
    if metadata["feature_names"] is not None:
        model.feature_names_in_ = np.array(metadata["feature_names"], dtype=object)
    return model


def describe_mixture(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a GaussianMixture and what else is known of its fit."""
    mixture = estimator.mixture_
    return [getattr(mixture, name) for name in ARRAYS], {
        "covariance_type": mixture.covariance_type,
        "dtype": str(estimator.means_.dtype),
        "converged": bool(estimator.converged_),
        "status": estimator.status_.name,
        "n_iter": int(estimator.n_iter_),
        "lower_bound": float(estimator.lower_bound_),
        "lower_bounds": [float(value) for value in estimator.lower_bounds_],
        "restarts": [float(value) for value in estimator.restarts_],
        "n_best_restarts": int(estimator.n_best_restarts_),
        "collapsed": [bool(value) for value in estimator.collapsed_],
        "weight": getattr(estimator, "_weight", None),  # what partial_fit goes on from
    }


def restore_mixture(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the GaussianMixture of a file."""
    from mixtura.estimators.gaussian_mixture import GaussianMixture

    weights, means, covariances = arrays
    mixture = Mixture(weights, means, covariances, metadata["covariance_type"])
    model = GaussianMixture(**metadata["settings"])
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
        _weight=seen(metadata.get("weight")),
    )
    return model


def seen(weight: Any) -> float | None:
    """Return the weight of the rows of a fit, or None where a file does not tell."""
    if weight is None or (isinstance(weight, float) and 0.0 < weight < np.inf):
        return weight
    raise InputError("weight must be a positive number")


def describe_centres(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the centres of a KMeans and what else is known of its fit."""
    return [estimator.cluster_centers_], {
        "status": estimator.status_.name,
        "n_iter": int(estimator.n_iter_),
        "inertia": float(estimator.inertia_),
        "held": held_of(estimator),
    }


def held_of(estimator: Any) -> tuple[list[list[float]], float] | None:
    """Return the weights of a KMeans' clusters and of its rows, where they are known."""
    held = getattr(estimator, "_held", None)
    return None if held is None else (held[0].tolist(), float(held[1]))


def restore_centres(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the KMeans of a file."""
    from mixtura.estimators.k_means import KMeans

    model = KMeans(**metadata["settings"])
    give_centres(model, arrays[0], metadata)
    model.status_ = Status[metadata["status"]]
    model.n_iter_ = metadata["n_iter"]
    if metadata.get("held") is not None:
        held, weight = metadata["held"]
        held, (k, d) = np.array(held, dtype=np.float64), arrays[0].shape
        sound = held.shape in ((k, 1), (k, d)) and bool((np.isfinite(held) & (held >= 0)).all())
        if not sound:
            raise InputError("held must have a weight for each of the centres")
        model._held = held, seen(weight) or 0.0
    return model


def give_centres(model: Any, centres: NDArray[Any], metadata: dict[str, Any]) -> None:
    """Store centres (k, d) in a new estimator, and what every kind of k-means knows of them."""
    if centres.ndim != 2 or centres.dtype.kind != "f" or not np.isfinite(centres).all():
        raise InputError("cluster_centers must be a table of finite numbers")
    model.cluster_centers_ = centres
    model.n_features_in_ = centres.shape[1]
    model.inertia_ = metadata["inertia"]


def describe_stream(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the centres of a MiniBatchKMeans and all that ``partial_fit`` goes on from."""
    stream = estimator._stream
    return [estimator.cluster_centers_, stream.means, stream.weight, stream.since], {
        "seed": estimator._seed,
        "n_iter": getattr(estimator, "n_iter_", None),  # chunks alone have none
        "n_steps": int(estimator.n_steps_),
        "inertia": float(estimator.inertia_),
    }


def restore_stream(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the MiniBatchKMeans of a file."""
    from mixtura.estimators.mini_batch_k_means import MiniBatchKMeans

    centres, means, *weights = arrays
    model = MiniBatchKMeans(**metadata["settings"])
    give_centres(model, centres, metadata)
    given = zip((means, *weights), (centres.shape, (len(centres),), (len(centres),)), strict=True)
    if any(a.shape != shape or not np.isfinite(a).all() for a, shape in given):
        raise InputError("means, weight and since must be finite and as many as the centres")
    model._stream = Stream(means, *weights)
    model._seed = metadata["seed"]
    model.n_steps_ = metadata["n_steps"]
    if metadata["n_iter"] is not None:
        model.n_iter_ = metadata["n_iter"]
    return model


class Kind(NamedTuple):
    """How one kind of model is written down and read back."""

    arrays: tuple[str, ...]
    describe: Callable[[Any], tuple[list[NDArray[Any]], dict[str, Any]]]
    restore: Callable[[list[NDArray[Any]], dict[str, Any]], Any]


KINDS = {
    "GaussianMixture": Kind(ARRAYS, describe_mixture, restore_mixture),
    "KMeans": Kind(("cluster_centers",), describe_centres, restore_centres),
    "MiniBatchKMeans": Kind(
        ("cluster_centers", "means", "weight", "since"), describe_stream, restore_stream
    ),
    "RatingMixture": Kind(RATING_ARRAYS, describe_ratings, restore_ratings),
    "NoiseMixture": Kind(
        extended_file.NOISE_ARRAYS, extended_file.describe_noise, extended_file.restore_noise
    ),
    "SemiSupervisedMixture": Kind(
        extended_file.LABELLED_ARRAYS,
        extended_file.describe_labelled,
        extended_file.restore_labelled,
    ),
    "MixtureClassifier": Kind(
        extended_file.CLASSIFIER_ARRAYS,
        extended_file.describe_classifier,
        extended_file.restore_classifier,
    ),
}


def is_plain(value: Any) -> bool:
    """Return whether a setting can be written down: numbers, text, nothing."""
    return isinstance(value, (*SCALARS, np.generic))


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's."""
    return value.item() if isinstance(value, np.generic) else value
