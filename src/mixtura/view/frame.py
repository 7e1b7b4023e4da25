"""Tables of what is drawn: columns of equal length, of plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError, MissingDependencyError


class Frame(dict[str, NDArray[Any]]):
    """Columns by name, all of the same length.

    Parameters
    ----------
    columns : mapping of str to array-like of shape (n,)
        The columns.

    Raises
    ------
    InputError
        If the lengths differ.

    Examples
    --------
    >>> from mixtura.view import Frame
    >>> frame = Frame({"component": [0, 1], "weight": [0.25, 0.75]})
    >>> len(frame["weight"]), frame.n_rows
    (2, 2)
    """

    def __init__(self, columns: Mapping[str, ArrayLike]) -> None:
        super().__init__({name: np.asarray(values) for name, values in columns.items()})
        lengths = {name: values.shape[:1] for name, values in self.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"columns must be of one length; they have {lengths}.")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return next((len(values) for values in self.values()), 0)

    def to_frame(self) -> Any:
        """Return the columns as a ``pandas.DataFrame``.

        Returns
        -------
        pandas.DataFrame
            The columns.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError(
                "to_frame needs pandas: python -m pip install pandas"
            ) from None
        return pd.DataFrame(dict(self))
