"""Labels of any kind as names and numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError


class Coded(NamedTuple):
    """Labels: their names, in order, and the place of each row's (n,) among them, -1 if missing."""

    names: tuple[Any, ...]
    codes: NDArray[np.intp]

    def of(self, rows: NDArray[Any]) -> Coded:
        """Return the labels of some rows, with the names that occur in them."""
        codes = self.codes[rows]
        used, places = np.unique(codes, return_inverse=True)
        return Coded(tuple(self.names[code] for code in used), places)


def coded(name: str, labels: ArrayLike) -> Coded:
    """Return labels of any type; None, NaN and their like are missing. ``name`` is for errors."""
    array = as_vector(name, labels)
    if array.dtype.kind == "O":
        return coded_objects(name, array)
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)
    codes = np.full(len(array), -1)
    names, codes[~missing] = np.unique(array[~missing], return_inverse=True)
    return Coded(tuple(names.tolist()), codes)


def as_vector(name: str, labels: ArrayLike) -> NDArray[Any]:
    """Return labels as an array (n,), of objects unless all are numbers or all are text."""
    if isinstance(labels, list | tuple):  # NumPy turns NaN among text into text
        array = np.empty(len(labels), dtype=object)
        array[:] = labels
    else:
        array = np.asarray(labels)
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}; it must hold one label for each row.")
    return array if array.dtype.kind in "biufUS" else array.astype(object)


def coded_objects(name: str, array: NDArray[Any]) -> Coded:
    """Return labels that are objects, sorted where they can be, else by type and text."""
    values = [None if is_absent(value) else value for value in array]
    try:
        known = dict.fromkeys(value for value in values if value is not None)
    except TypeError:
        raise InputError(f"{name} must hold one label for each row, not lists.") from None
    try:
        names = sorted(known)
    except TypeError:
        names = sorted(known, key=lambda value: (type(value).__name__, str(value)))
    places = {None: -1, **{value: place for place, value in enumerate(names)}}
    return Coded(tuple(names), np.array([places[value] for value in values], dtype=np.intp))


def is_absent(value: Any) -> bool:
    """Return whether a label is None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
