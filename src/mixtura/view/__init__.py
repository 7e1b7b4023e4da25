"""Pictures of tables, models and fits: tables of what is to be seen first, then drawing.

``import mixtura.view`` loads no plotting library; drawing does, from the extra ``plot``.
"""

from importlib import import_module
from typing import Any

#: Public names and the modules that hold them.
HOMES = {
    "CertaintyDisplay": "certainty",
    "ClustersDisplay": "clusters",
    "ComparisonDisplay": "comparison",
    "ContingencyDisplay": "contingency",
    "ConvergenceDisplay": "convergence",
    "CriteriaDisplay": "criteria",
    "DensityDisplay": "density",
    "Frame": "frame",
    "ImagesDisplay": "images",
    "ImputationDisplay": "imputation",
    "MissingDisplay": "missing",
    "PairsDisplay": "pairs",
    "ProfilesDisplay": "profiles",
    "ProjectionDisplay": "projection",
    "Replay": "replay",
    "write_report": "report",
}

__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
