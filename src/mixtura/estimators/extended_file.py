"""Mixtures with noise or labels to and from the arrays and facts of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.stopping import Status
from mixtura.model import Mixture
from mixtura.model.noise import NoisyMixture, Uniform

MIXTURE = ("weights", "means", "covariances")
NOISE_ARRAYS = (*MIXTURE, "log_extents")
LABELLED_ARRAYS = MIXTURE
CLASSIFIER_ARRAYS = (*MIXTURE, "priors", "sizes")


def describe_noise(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a NoiseMixture and what else is known of its fit."""
    mixture = estimator.mixture_
    arrays = [*parameters(mixture), estimator._uniform.log_extents]
    return arrays, {**facts(estimator), "noise_weight": float(mixture.noise_weight)}


def restore_noise(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the NoiseMixture of a file."""
    from mixtura.estimators.noise_mixture import NoiseMixture

    *own, extents = arrays
    mixture = mixture_of(own, metadata)
    share = metadata["noise_weight"]
    if extents.shape != (mixture.n_features,) or not np.isfinite(extents).all():
        raise InputError("log_extents must hold a finite number for each column")
    if not 0.0 <= share <= 1.0:
        raise InputError("noise_weight must lie between 0 and 1")
    model = NoiseMixture(**metadata["settings"])
    model._adopt(NoisyMixture(mixture, share), Uniform(extents))
    give_facts(model, metadata)
    return model


def describe_labelled(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a SemiSupervisedMixture and what else is known of its fit."""
    return parameters(estimator.mixture_), {
        **facts(estimator),
        "component_classes": estimator.component_classes_.tolist(),
        "bic": float(estimator.bic_),
    }


def restore_labelled(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the SemiSupervisedMixture of a file."""
    from mixtura.estimators.semi_supervised_mixture import SemiSupervisedMixture

    mixture = mixture_of(arrays, metadata)
    components = np.array(metadata["component_classes"])
    if components.shape != (mixture.n_components,):
        raise InputError("component_classes must be as many as the components")
    model = SemiSupervisedMixture(**metadata["settings"])
    model._adopt(mixture, components)
    model.bic_ = metadata["bic"]
    give_facts(model, metadata)
    return model


def describe_classifier(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a MixtureClassifier, class by class, and what else is known."""
    models = estimator.models_
    parts = zip(*(parameters(model.mixture_) for model in models), strict=True)
    flat = [np.concatenate([array.ravel() for array in part]) for part in parts]
    sizes = np.array([model.n_components for model in models])
    return [*flat, estimator.priors_, sizes], {
        "classes": estimator.classes_.tolist(),
        "n_features": int(estimator.n_features_in_),
        "models": [facts(model) for model in models],
    }


def restore_classifier(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the MixtureClassifier of a file."""
    from mixtura.estimators import fitting, runs
    from mixtura.estimators.mixture_classifier import MixtureClassifier
    from mixtura.model import family_named

    *flat, priors, sizes = arrays
    d, classes = metadata["n_features"], np.array(metadata["classes"])
    if not priors.shape == sizes.shape == classes.shape == (len(metadata["models"]),):
        raise InputError("there must be as many priors and models as classes")
    model = MixtureClassifier(**metadata["settings"])
    model.classes_, model.priors_, model.n_features_in_ = classes, priors, d
    model.models_, taken = [], [0, 0, 0]
    for k, own in zip(sizes.tolist(), metadata["models"], strict=True):
        name = own["covariance_type"]
        shapes = ((k,), (k, d), family_named(name).covariance_shape(k, d))
        part = []
        for i, shape in enumerate(shapes):
            end = taken[i] + int(np.prod(shape))
            if end > len(flat[i]):
                raise InputError(f"{MIXTURE[i]} are fewer than the classes have")
            part.append(flat[i][taken[i] : end].reshape(shape))
            taken[i] = end
        of_class = runs.gaussian(model, k, covariance_type=name)
        fitting.publish(of_class, mixture_of(part, own), np.float64)
        give_facts(of_class, own)
        model.models_.append(of_class)
    model.n_iter_ = max(each.n_iter_ for each in model.models_)
    return model


def parameters(mixture: Mixture) -> list[NDArray[Any]]:
    """Return the arrays of a mixture."""
    return [getattr(mixture, name) for name in MIXTURE]


def mixture_of(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Mixture:
    """Return the mixture of arrays."""
    weights, means, covariances = arrays
    return Mixture(weights, means, covariances, metadata["covariance_type"])


def facts(estimator: Any) -> dict[str, Any]:
    """Return what is known of a fit besides its arrays."""
    return {
        "covariance_type": estimator.mixture_.covariance_type,
        "converged": bool(estimator.converged_),
        "status": estimator.status_.name,
        "n_iter": int(estimator.n_iter_),
        "lower_bound": float(estimator.lower_bound_),
        "restarts": [float(value) for value in estimator.restarts_],
    }


def give_facts(model: Any, metadata: dict[str, Any]) -> None:
    """Store in a new estimator what is known of its fit."""
    model.n_features_in_ = model.means_.shape[1]
    model.converged_ = metadata["converged"]
    model.status_ = Status[metadata["status"]]
    model.n_iter_ = metadata["n_iter"]
    model.lower_bound_ = metadata["lower_bound"]
    model.restarts_ = np.array(metadata["restarts"])
