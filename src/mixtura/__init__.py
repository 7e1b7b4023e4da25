"""Gaussian mixtures and k-means, fitted exactly and fast."""

from typing import TYPE_CHECKING, Any

from mixtura._errors import (
    CheckpointError,
    ClusterError,
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
from mixtura.estimators.mixture_classifier import MixtureClassifier
from mixtura.estimators.mixture_imputer import MixtureImputer
from mixtura.estimators.model_file import load
from mixtura.estimators.noise_mixture import NoiseMixture
from mixtura.estimators.rating_mixture import Rater, RatingMixture
from mixtura.estimators.semi_supervised_mixture import SemiSupervisedMixture
from mixtura.model import Mixture
from mixtura.selection.combining import Combination, combine
from mixtura.selection.cross_validation import CrossValidation, cross_validate
from mixtura.selection.evaluation import Evaluation, evaluate
from mixtura.selection.likelihood_ratio import BootstrapLRT, bootstrap_lrt
from mixtura.selection.search import MixtureSearch
from mixtura.selection.uncertainty import ParameterUncertainty, bootstrap_parameters

__all__ = [
    "BootstrapLRT",
    "CheckpointError",
    "ClusterError",
    "Combination",
    "CrossValidation",
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
    "MixtureClassifier",
    "MixtureImputer",
    "MixtureSearch",
    "ModelFileError",
    "NoiseMixture",
    "OpenTable",
    "ParameterUncertainty",
    "Rater",
    "RatingMixture",
    "SemiSupervisedMixture",
    "Status",
    "Step",
    "TableError",
    "__version__",
    "bootstrap_lrt",
    "bootstrap_parameters",
    "combine",
    "complete",
    "cross_validate",
    "e_step",
    "evaluate",
    "kmeans_plusplus",
    "load",
    "m_step",
    "open_table",
    "run_em",
]

if TYPE_CHECKING:
    from mixtura.io.opened import OpenTable, open_table


def __getattr__(name: str) -> Any:
    """Load what needs pyarrow once it is asked for."""
    if name in ("OpenTable", "open_table"):
        from mixtura.io import opened

        return getattr(opened, name)
    raise AttributeError(f"module 'mixtura' has no attribute '{name}'")
