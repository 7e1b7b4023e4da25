"""Which model a search has chosen: criteria over structures and numbers of components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura._errors import InputError
from mixtura.selection.choosing import CRITERIA, NEAR
from mixtura.view.canvas import axes_of, inks, label, whole_ticks
from mixtura.view.frame import Frame
from mixtura.view.heat import heat_map
from mixtura.view.palette import HUES, colours, dash, marker

KINDS = ("lines", "heat")


def criteria_table(search: Any, criterion: str | None = None) -> Frame:
    """Return a criterion of every model of a search.

    Parameters
    ----------
    search : MixtureSearch or sequence of dict
        A fitted search, or its ``table_``, or the ``models`` that ``mixtura select --json`` prints.
    criterion : {'bic', 'aic', 'aicc', 'icl', 'sabic', 'nec'}, optional
        Which; that of the search by default, and ``'bic'`` where only a table is given.

    Returns
    -------
    Frame
        ``covariance_type``, ``n_components``, ``value`` (the less the better; NaN where the model
        is degenerate), ``excess`` over the best, ``best`` and ``near``, whether the data hardly
        tell the model from the best: at most 6 more, which NEC, a ratio, does not know.

    Raises
    ------
    InputError
        If the criterion is not known, the search has not been fitted, or no model has a value.
    """
    criterion = criterion or getattr(search, "criterion", "bic")
    if criterion not in CRITERIA:
        raise InputError(f"criterion={criterion!r} is not one of {', '.join(CRITERIA)}.")
    rows = search if isinstance(search, Sequence) else getattr(search, "table_", None)
    if rows is None:
        raise InputError(f"{type(search).__name__} has no table_ of models: fit a MixtureSearch.")
    try:
        told = [np.nan if row["degenerate"] else row[criterion] for row in rows]
        names = [str(row["covariance_type"]) for row in rows]
        sizes = [int(row["n_components"]) for row in rows]
    except (KeyError, TypeError):
        raise InputError(
            "search holds a model that is not as MixtureSearch.table_ has it."
        ) from None
    values = np.array(told, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        raise InputError(f"no model has a finite {criterion}: there is nothing to compare.")
    excess = values - np.nanmin(values)
    near = np.full(len(values), False) if criterion == "nec" else excess <= NEAR
    best = np.arange(len(values)) == np.nanargmin(values)
    found = {"value": values, "excess": excess, "best": best, "near": near}
    return Frame({"covariance_type": names, "n_components": sizes, **found})


class CriteriaDisplay:
    """A criterion of the models of a search: a line for each structure, or a heat map.

    The best model has a star, and those that the data hardly tell from it are in the band (of
    lines) or in bold (in the heat map). Degenerate models are left out.

    Parameters
    ----------
    frame : Frame
        What ``criteria_table`` returns.
    criterion : str, default='bic'
        Which criterion that is.

    Attributes
    ----------
    ax_ : matplotlib axes
        Those drawn on.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import MixtureSearch
    >>> from mixtura.view import CriteriaDisplay
    >>> search = MixtureSearch([1, 2, 3], covariance_types=["EEE", "VVV"], random_state=0)
    >>> display = CriteriaDisplay.from_estimator(search.fit(load_iris().data))
    >>> [line.get_label() for line in display.ax_.get_lines()[:2]]
    ['EEE', 'VVV']
    """

    def __init__(self, frame: Frame, *, criterion: str = "bic") -> None:
        self.frame = frame
        self.criterion = criterion

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        criterion: str | None = None,
        kind: str = "lines",
        ax: Any = None,
    ) -> CriteriaDisplay:
        """Draw the criteria of a fitted search.

        Parameters
        ----------
        estimator : MixtureSearch or sequence of dict
            As ``criteria_table`` takes it.
        X : ignored
            Present by convention.
        criterion : str, optional
            As ``criteria_table`` takes it.
        kind : {'lines', 'heat'}, default='lines'
            As ``plot`` takes it.
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        CriteriaDisplay
            The display, drawn.
        """
        which = str(criterion or getattr(estimator, "criterion", "bic"))
        return cls(criteria_table(estimator, which), criterion=which).plot(ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str = "lines") -> CriteriaDisplay:
        """Draw lines over the number of components, or a heat map with numbers.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.
        kind : {'lines', 'heat'}, default='lines'
            How.

        Returns
        -------
        CriteriaDisplay
            This display.

        Raises
        ------
        InputError
            If ``kind`` is neither.
        """
        if kind not in KINDS:
            raise InputError(f"kind={kind!r} is not one of {', '.join(KINDS)}.")
        self.ax_ = axes_of(ax, size=(7.0, 4.4))
        self.figure_ = self.ax_.figure
        title = "AICc" if self.criterion == "aicc" else self.criterion.upper()
        (self._heat if kind == "heat" else self._lines)(title)
        best = int(np.argmax(self.frame["best"]))
        name, k = self.frame["covariance_type"][best], self.frame["n_components"][best]
        self.ax_.set_title(f"Least {title}: {label(name)}, {k} component{'s' if k > 1 else ''}")
        return self

    def _lines(self, title: str) -> None:
        """Draw a line for each structure."""
        frame = self.frame
        names = list(dict.fromkeys(frame["covariance_type"].tolist()))
        for place, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
            own = np.flatnonzero(frame["covariance_type"] == name)
            own = own[np.argsort(frame["n_components"][own])]
            points = frame["n_components"][own], frame["value"][own]
            style = {"linestyle": dash(place), "marker": marker(place), "markersize": 4}
            self.ax_.plot(*points, color=colour, label=label(name), linewidth=1.2, **style)
        best = int(np.argmax(frame["best"]))
        least = frame["value"][best]
        if self.criterion != "nec":
            band = {"color": HUES[0], "alpha": 0.25, "linewidth": 0}
            self.ax_.axhspan(least, least + NEAR, label=f"best + {NEAR:g}", **band)
        star = {
            "color": inks(self.ax_)[0],
            "markersize": 13,
            "markerfacecolor": "none",
            "linestyle": "none",
        }
        self.ax_.plot(frame["n_components"][best], least, marker="*", label="best", **star)
        unit = "" if self.criterion == "nec" else ", less is better"
        self.ax_.set(xlabel="number of components", ylabel=f"{title}{unit}")
        whole_ticks(self.ax_.xaxis)
        self.ax_.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)

    def _heat(self, title: str) -> None:
        """Draw a cell for each model, the darker the better."""
        frame = self.frame
        names = list(dict.fromkeys(frame["covariance_type"].tolist()))
        sizes = np.unique(frame["n_components"])
        values = np.full((len(names), len(sizes)), np.nan)
        texts = np.full(values.shape, "–", dtype=object)
        rows = [names.index(name) for name in frame["covariance_type"]]
        places = rows, np.searchsorted(sizes, frame["n_components"])
        values[places] = -np.sqrt(frame["excess"])  # near the best, small differences show
        form = "{:.3g}" if self.criterion == "nec" else "{:.0f}"
        told = zip(frame["value"], frame["best"], frame["near"], strict=True)
        texts[places] = [
            "–" if np.isnan(value) else form.format(value) + ("*" if best else "+" if near else "")
            for value, best, near in told
        ]
        limits = (min(float(np.nanmin(values)), -1e-9), 0.0)
        heat_map(self.ax_, values, rows=names, columns=sizes.tolist(), limits=limits, texts=texts)
        self.ax_.set(
            xlabel=f"number of components ({title}; * least, + at most {NEAR:g} more, – no fit)",
            ylabel="structure",
        )
