"""What a mixture is: arrays and algebra, without tables, files or estimators."""

from mixtura.model.families import FAMILIES, STRUCTURES, Family, family_named
from mixtura.model.floor import CovarianceFloor
from mixtura.model.maximise import maximise
from mixtura.model.mixture import Mixture
from mixtura.model.priors import ConjugatePrior
from mixtura.model.statistics import Statistics

__all__ = [
    "FAMILIES",
    "STRUCTURES",
    "ConjugatePrior",
    "CovarianceFloor",
    "Family",
    "Mixture",
    "Statistics",
    "family_named",
    "maximise",
]
