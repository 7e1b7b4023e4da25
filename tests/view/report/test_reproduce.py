"""Settings, versions and commands."""

from __future__ import annotations

import numpy as np

from mixtura import GaussianMixture, SemiSupervisedMixture
from mixtura.view.report import reproduce
from mixtura.view.report.study import study_of


def test_lines_of_python_are_valid_and_name_what_was_set(rows) -> None:
    model = GaussianMixture(2, covariance_type="VVI", random_state=3).fit(rows)
    text = reproduce.lines(study_of(model, rows), model, "it's.csv", None)
    compile(text, "lines", "exec")
    assert "GaussianMixture(covariance_type='VVI', n_components=2, random_state=3).fit(X)" in text
    assert "pd.read_csv(\"it's.csv\")[['x0', 'x1']]" in text


def test_tables_that_pandas_would_read_otherwise_are_not_read(rows) -> None:
    model = GaussianMixture().fit(rows)
    text = reproduce.lines(study_of(model, rows), model, "t.npy", None)
    compile(text, "lines", "exec")
    assert "X = ..." in text


def test_models_of_files_are_loaded(rows) -> None:
    model = GaussianMixture().fit(rows)
    text = reproduce.lines(study_of(model, rows), model, "t.csv", "m'.mixtura")
    compile(text, "lines", "exec")
    assert 'model = load("m\'.mixtura")' in text
    assert ".fit(" not in text
    alone = reproduce.lines(study_of(model), model, None, "m.mixtura")
    assert alone.endswith("write_report('report.html', model)")


def test_weights_and_labels_are_asked_for(rows) -> None:
    model = SemiSupervisedMixture(random_state=0).fit(rows, [0, None, 1, *[None] * 5])
    text = reproduce.lines(study_of(model, rows, np.full(8, 2.0)), model, None, None)
    compile(text, "lines", "exec")
    assert ".fit(X, y, sample_weight=w)" in text
    assert text.endswith("write_report('report.html', model, X, sample_weight=w)")
    assert "y = ..." not in reproduce.lines(study_of(model, rows), model, None, "m.mixtura")


def test_arrays_are_named_by_their_type() -> None:
    model = GaussianMixture(init_params=np.zeros((100, 4)))
    assert reproduce.changed(model) == ["init_params=<ndarray>"]
    assert reproduce.setting(1e-6) == "1e-06"
    assert reproduce.setting(2.0) == "2.0"


def test_settings_versions_and_the_command_are_there(rows) -> None:
    model = GaussianMixture().fit(rows)
    section = reproduce.section(study_of(model, rows), model, None, None, "mixtura report t.csv")
    command, _, note, settings, versions = section.blocks
    assert command.text == "mixtura report t.csv"
    assert "random_state is None" in note.text
    assert ["n_components", "1"] in settings.rows
    assert {"mixtura", "Python", "numpy"} <= {row[0] for row in versions.rows}


def test_a_mixture_has_no_settings(study, mixture) -> None:
    assert [block.kind for block in reproduce.section(study, mixture, None, None, None).blocks] == [
        "grid"
    ]


def test_labels_to_compare_with_are_asked_for(rows) -> None:
    model = GaussianMixture().fit(rows)
    text = reproduce.lines(study_of(model, rows), model, "t.csv", None, "it's")
    compile(text, "lines", "exec")
    assert text.endswith("write_report('report.html', model, X, labels=labels)")
