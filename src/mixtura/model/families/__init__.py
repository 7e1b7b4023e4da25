"""The covariance structures, by name."""

from mixtura._errors import InputError
from mixtura.model.families.base import Family
from mixtura.model.families.diag import Diag
from mixtura.model.families.full import Full
from mixtura.model.families.spherical import Spherical
from mixtura.model.families.structured import RestrictedDiag, RestrictedFull, RestrictedSpherical
from mixtura.model.families.tied import Tied

#: The forms that covariances are stored in: scikit-learn's four structures.
FAMILIES: dict[str, Family] = {f.name: f for f in (Full(), Tied(), Diag(), Spherical())}
#: mclust's names of those, with those of one column.
ALIASES = {
    "VVV": "full",
    "EEE": "tied",
    "VVI": "diag",
    "VII": "spherical",
    "V": "full",
    "E": "tied",
}
ONE_COLUMN = ("E", "V")
RESTRICTED: dict[str, Family] = {
    "EII": RestrictedSpherical("EII"),
    **{name: RestrictedDiag(name) for name in ("EEI", "VEI", "EVI")},
    **{name: RestrictedFull(name) for name in ("VEE", "EVE", "VVE", "EEV", "VEV", "EVV")},
}
#: Every name that a covariance structure goes by.
STRUCTURES: dict[str, Family] = {
    **FAMILIES,
    **RESTRICTED,
    **{alias: FAMILIES[name] for alias, name in ALIASES.items()},
}


def family_named(name: str) -> Family:
    """Return the family called ``name``."""
    if not isinstance(name, str) or name not in STRUCTURES:
        raise InputError(f"covariance_type={name!r} is not one of {', '.join(STRUCTURES)}.")
    return STRUCTURES[name]


__all__ = [
    "ALIASES",
    "FAMILIES",
    "ONE_COLUMN",
    "RESTRICTED",
    "STRUCTURES",
    "Family",
    "family_named",
]
