"""The groups of one column."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from mixtura import GaussianMixture, KMeans, Mixture
from mixtura.view.density import density_tables
from mixtura.view.report.density import bars, density, lines
from mixtura.view.report.study import study_of


def test_bars_hold_all_rows_and_lines_all_components() -> None:
    mixture = Mixture([0.25, 0.75], [[0.0], [5.0]], [1.0, 1.0], "spherical")
    rows = np.array([[0.0], [1.0], [5.0], [np.nan]])
    study = study_of(mixture, rows)
    (drawn,) = bars(study, rows[:3, 0], ~np.isnan(rows[:, 0]))
    assert sum(drawn["customdata"]) == 3.0
    curves, _ = density_tables(study.subject, 0, (0.0, 5.0))
    total, first, second = lines(study, curves)
    np.testing.assert_allclose(np.add(first["y"], second["y"]), total["y"])
    area = np.trapezoid(first["y"], first["x"])
    assert 0.24 < area < 0.2501


def test_names_are_escaped_for_plotly() -> None:
    frame = pd.DataFrame({"<b>v</b>": [0.0, 1.0, 2.0]})
    html = density(study_of(GaussianMixture(1).fit(frame), frame)).html
    assert "<b>" not in re.sub(r"\\u003c", "", html)
    assert (
        "&lt;b&gt;v&lt;/b&gt;" in html or "&amp;lt;b" in json.dumps(html) or "\\u0026lt;b" in html
    )


def test_without_rows_there_are_no_bars_and_clusters_have_centres() -> None:
    mixture = Mixture([1.0], [[0.0]], [1.0], "spherical")
    alone = study_of(mixture)
    assert bars(alone, np.empty(0), np.empty(0, dtype=bool)) == []
    assert '"bar"' not in density(alone).html
    rows = np.array([[0.0], [1.0], [9.0]])
    clusters = study_of(KMeans(2, random_state=0).fit(rows), rows)
    centres = lines(clusters, density_tables(clusters.subject, 0, (0.0, 9.0))[0])
    assert sorted(trace["x"][0] for trace in centres) == [0.5, 9.0]
