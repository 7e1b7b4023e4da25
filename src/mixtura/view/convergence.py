"""How a fit climbs: its log-likelihood, iteration by iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura._errors import InputError
from mixtura.algorithms.em import FitResult, Step
from mixtura.estimators.k_means import KMeansStep
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import grid_of, several_axes, whole_ticks
from mixtura.view.frame import Frame
from mixtura.view.palette import DASHES, NONE_COLOUR, colours

TOTAL, PER_ROW = "log-likelihood (nats)", "log-likelihood per row (nats)"
BOUND = "lower bound (nats)"  # of ratings, from the start on
SHIFT = "shift of the centres (squared units)"
#: What is left of each of them is called.
GAPS = {
    TOTAL: "still to gain\n(nats)",
    BOUND: "still to gain\n(nats)",
    PER_ROW: "still to gain\n(nats per row)",
    SHIFT: "shift\n(squared units)",
}
#: Starts that are drawn in colours of their own; more are grey.
TOLD_APART = 8


def convergence_table(fit: Any) -> Frame:
    """Return what a fit has reached after each iteration.

    Parameters
    ----------
    fit : FitResult, fitted estimator or sequence of Step or KMeansStep
        The outcome of ``run_em``; an estimator that keeps ``lower_bounds_``; or the steps that a
        ``callback`` has collected, of any number of starts.

    Returns
    -------
    Frame
        ``restart``, ``iteration`` (0 is the start), ``value`` (log-likelihood in nats, or the
        shift of the centres of k-means) and ``gap``, what is left to the last value of that
        start.

    Raises
    ------
    InputError
        If the fit keeps no trace.

    Examples
    --------
    >>> from mixtura import Mixture, run_em
    >>> from mixtura.view.convergence import convergence_table
    >>> start = Mixture([0.5, 0.5], [[6.0], [7.0]], [1.0, 4.0], "spherical")
    >>> table = convergence_table(run_em([[-1.0], [0.0], [4.0], [5.0], [6.0]], start, max_iter=2))
    >>> table["iteration"].tolist(), float(table["gap"][-1])
    ([0, 1, 2], 0.0)
    """
    restarts, iterations, values, _ = trace_of(fit)
    last = {restart: values[restarts == restart][-1] for restart in np.unique(restarts)}
    final = np.array([last[restart] for restart in restarts])
    gap = values if is_k_means(fit) else final - values
    return Frame({"restart": restarts, "iteration": iterations, "value": values, "gap": gap})


def trace_of(fit: Any) -> tuple[Any, Any, FloatArray, str]:
    """Return restarts, iterations and values (n,) of a fit, and what the values are."""
    if isinstance(fit, FitResult):
        values, first, what = fit.log_likelihoods, 0, TOTAL
    elif len(getattr(fit, "lower_bounds_", ())):
        values = np.asarray(fit.lower_bounds_, dtype=np.float64)
        first = int(fit.n_iter_) + 1 - len(values)
        what = BOUND if first == 0 else PER_ROW
    elif isinstance(fit, list | tuple) and fit and isinstance(fit[0], Step | KMeansStep):
        name, what = ("shift", SHIFT) if is_k_means(fit) else ("log_likelihood", TOTAL)
        ordered = sorted(fit, key=lambda step: (step.restart, step.iteration))
        told = [(step.restart, step.iteration, getattr(step, name)) for step in ordered]
        restarts, iterations, found = map(np.array, zip(*told, strict=True))
        return restarts, iterations, found, what
    else:
        raise InputError(
            f"{type(fit).__name__} keeps no trace of its iterations: give what run_em returns, a "
            "fitted GaussianMixture, or the steps that a callback has collected "
            "(steps = []; callback=steps.append)."
        )
    return np.zeros(len(values), dtype=int), first + np.arange(len(values)), values, what


def is_k_means(fit: Any) -> bool:
    """Return whether a trace is one of k-means, whose steps tell how far the centres moved."""
    return isinstance(fit, list | tuple) and bool(fit) and isinstance(fit[0], KMeansStep)


class ConvergenceDisplay:
    """The log-likelihood of a fit after each iteration, and its gap to the last one.

    Parameters
    ----------
    frame : Frame
        What ``convergence_table`` returns.
    quantity : str, default='log-likelihood (nats)'
        What the values are.

    Attributes
    ----------
    ax_ : ndarray of matplotlib axes
        Those drawn on: of the values, and of the gaps where there are two.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import ConvergenceDisplay
    >>> model = GaussianMixture(3, random_state=0).fit(load_iris().data)
    >>> display = ConvergenceDisplay.from_estimator(model)
    >>> display.ax_[1].get_yscale()
    'log'
    """

    def __init__(self, frame: Frame, *, quantity: str = TOTAL) -> None:
        self.frame = frame
        self.quantity = quantity

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any = None, *, ax: Any = None) -> ConvergenceDisplay:
        """Draw the trace of a fit.

        Parameters
        ----------
        estimator : FitResult, fitted estimator or sequence of Step or KMeansStep
            As ``convergence_table`` takes it.
        X : ignored
            Present by convention.
        ax : matplotlib axes or two of them, optional
            As ``plot`` takes them.

        Returns
        -------
        ConvergenceDisplay
            The display, drawn.
        """
        return cls(convergence_table(estimator), quantity=trace_of(estimator)[3]).plot(ax)

    def plot(self, ax: Any = None) -> ConvergenceDisplay:
        """Draw the values and, on a second axes, the gaps on a logarithmic scale, if there are any.

        Parameters
        ----------
        ax : matplotlib axes or two of them, optional
            One takes the values alone; a new figure with two by default.

        Returns
        -------
        ConvergenceDisplay
            This display.
        """
        told = 1 + bool((self.frame["gap"] > 0).any())  # one iteration leaves no gap
        if ax is None:
            ax = grid_of(told, 1, cell=(6.0, 2.4), sharex=True)[1]
        self.ax_ = several_axes(ax, 1, 2)
        for empty in self.ax_[told:]:
            empty.set_axis_off()
        self.ax_ = self.ax_[:told]
        self.figure_ = self.ax_[0].figure
        restarts = np.unique(self.frame["restart"])
        for place, restart in enumerate(restarts):
            own = self.frame["restart"] == restart
            style = line_style(place, len(restarts))
            x, value, gap = (self.frame[name][own] for name in ("iteration", "value", "gap"))
            self.ax_[0].plot(x, value, label=f"start {restart}", **style)
            if len(self.ax_) > 1:
                self.ax_[1].plot(x[gap > 0], gap[gap > 0], **style)
        self._name_axes(len(restarts))
        return self

    def _name_axes(self, n_restarts: int) -> None:
        """Name what is on the axes."""
        top, bottom = self.ax_[0], self.ax_[-1]
        top.set(title="Convergence", ylabel=self.quantity.replace(" (", "\n("))
        top.ticklabel_format(axis="y", useOffset=False)
        bottom.set_xlabel("iteration")
        whole_ticks(bottom.xaxis)
        if 1 < n_restarts <= TOLD_APART:
            top.legend(fontsize=8)
        if bottom is not top:
            bottom.set(yscale="log", ylabel=GAPS[self.quantity])


def line_style(place: int, n: int) -> dict[str, Any]:
    """Return how the line of a start is drawn; many are thin and alike."""
    if n > TOLD_APART:
        return {"color": NONE_COLOUR, "linewidth": 0.7}
    style = {"color": colours(n)[place], "linestyle": DASHES[place % len(DASHES)]}
    return {**style, "marker": "o", "markersize": 2.5, "linewidth": 1.2}
