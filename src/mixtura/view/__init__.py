"""Pictures of tables, models and fits: tables of what is to be seen first, then drawing.

``import mixtura.view`` loads no plotting library; drawing does, from the extra ``plot``.
"""

from mixtura.view.certainty import CertaintyDisplay
from mixtura.view.clusters import ClustersDisplay
from mixtura.view.comparison import ComparisonDisplay
from mixtura.view.contingency import ContingencyDisplay
from mixtura.view.convergence import ConvergenceDisplay
from mixtura.view.criteria import CriteriaDisplay
from mixtura.view.density import DensityDisplay
from mixtura.view.frame import Frame
from mixtura.view.images import ImagesDisplay
from mixtura.view.imputation import ImputationDisplay
from mixtura.view.missing import MissingDisplay
from mixtura.view.pairs import PairsDisplay
from mixtura.view.profiles import ProfilesDisplay
from mixtura.view.projection import ProjectionDisplay
from mixtura.view.replay import Replay
from mixtura.view.report import write_report

__all__ = [
    "CertaintyDisplay",
    "ClustersDisplay",
    "ComparisonDisplay",
    "ContingencyDisplay",
    "ConvergenceDisplay",
    "CriteriaDisplay",
    "DensityDisplay",
    "Frame",
    "ImagesDisplay",
    "ImputationDisplay",
    "MissingDisplay",
    "PairsDisplay",
    "ProfilesDisplay",
    "ProjectionDisplay",
    "Replay",
    "write_report",
]
