"""Gaussian mixtures and k-means, fitted exactly and fast."""

from mixtura._errors import (
    InputError,
    MissingDependencyError,
    MixturaError,
    ModelFileError,
    TableError,
)
from mixtura._version import __version__
from mixtura.algorithms.em import FitResult, Step
from mixtura.algorithms.stopping import Status
from mixtura.estimators.functional import e_step, m_step, run_em
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.k_means import KMeans, KMeansStep, kmeans_plusplus
from mixtura.estimators.mini_batch_k_means import MiniBatchKMeans
from mixtura.estimators.model_file import load
from mixtura.model import Mixture

__all__ = [
    "FitResult",
    "GaussianMixture",
    "InputError",
    "KMeans",
    "KMeansStep",
    "MiniBatchKMeans",
    "MissingDependencyError",
    "MixturaError",
    "Mixture",
    "ModelFileError",
    "Status",
    "Step",
    "TableError",
    "__version__",
    "e_step",
    "kmeans_plusplus",
    "load",
    "m_step",
    "run_em",
]
