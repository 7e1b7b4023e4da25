"""What the API pages list of a class: members that mixtura defines, not those of its bases."""

from __future__ import annotations

import inspect
from functools import cached_property
from importlib import import_module


def own_methods(module: str, name: str) -> list[str]:
    """Return the public methods of a class that are defined in mixtura."""
    kinds = (classmethod, staticmethod)
    return _own(module, name, lambda m: isinstance(m, kinds) or inspect.isfunction(m))


def own_properties(module: str, name: str) -> list[str]:
    """Return the public properties of a class that are defined in mixtura."""
    return _own(module, name, lambda m: isinstance(m, property | cached_property))


def _own(module: str, name: str, wanted) -> list[str]:
    bases = getattr(import_module(module), name).__mro__
    ours = [base for base in bases if base.__module__.split(".")[0] == "mixtura"]
    return sorted(
        {
            key
            for base in ours
            for key, member in vars(base).items()
            if wanted(member) and not key.startswith("_")
        }
    )
