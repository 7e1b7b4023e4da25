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
from mixtura.estimators.imputing import complete
from mixtura.estimators.k_means import KMeans, KMeansStep, kmeans_plusplus
from mixtura.estimators.mini_batch_k_means import MiniBatchKMeans
from mixtura.estimators.mixture_imputer import MixtureImputer
from mixtura.estimators.model_file import load
from mixtura.estimators.rating_mixture import Rater, RatingMixture
from mixtura.model import Mixture
from mixtura.selection.evaluation import Evaluation, evaluate
from mixtura.selection.search import MixtureSearch

__all__ = [
    "Evaluation",
    "FitResult",
    "GaussianMixture",
    "InputError",
    "KMeans",
    "KMeansStep",
    "MiniBatchKMeans",
    "MissingDependencyError",
    "MixturaError",
    "Mixture",
    "MixtureImputer",
    "MixtureSearch",
    "ModelFileError",
    "Rater",
    "RatingMixture",
    "Status",
    "Step",
    "TableError",
    "__version__",
    "complete",
    "e_step",
    "evaluate",
    "kmeans_plusplus",
    "load",
    "m_step",
    "run_em",
]
