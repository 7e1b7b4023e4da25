"""The covariance structures, by name."""

from mixtura._errors import InputError
from mixtura.model.families.base import Family
from mixtura.model.families.diag import Diag
from mixtura.model.families.full import Full
from mixtura.model.families.spherical import Spherical
from mixtura.model.families.tied import Tied

FAMILIES: dict[str, Family] = {f.name: f for f in (Full(), Tied(), Diag(), Spherical())}


def family_named(name: str) -> Family:
    """Return the family called ``name``."""
    if not isinstance(name, str) or name not in FAMILIES:
        raise InputError(f"covariance_type={name!r} is not one of {', '.join(sorted(FAMILIES))}.")
    return FAMILIES[name]


__all__ = ["FAMILIES", "Family", "family_named"]
