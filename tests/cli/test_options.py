"""Options as values."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pyarrow as pa
import pytest
import typer

from mixtura._errors import InputError, TableError
from mixtura.cli.options import (
    check_choice,
    finite,
    in_flags,
    names_in,
    naming,
    number_or_auto,
)
from mixtura.io.table import Table


@pytest.mark.parametrize(
    ("option", "names"),
    [
        (None, None),
        ("", []),
        ("a", ["a"]),
        ("a,b c, d ,", ["a", "b c", "d"]),
        ('"a,b",c', ["a,b", "c"]),
        ('x, "a, b"', ["x", "a, b"]),
    ],
)
def test_names(option: str | None, names: list[str] | None) -> None:
    assert names_in(option) == names


def test_numbers_or_auto() -> None:
    assert number_or_auto("auto", "--tol") == "auto"
    assert number_or_auto("1e-3", "--tol") == 0.001
    assert number_or_auto("0", "--tol") == 0.0


@pytest.mark.parametrize("option", ["small", "-1", "nan", "inf", ""])
def test_what_is_neither(option: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        number_or_auto(option, "--tol")
    assert raised.value.param_hint == "--tol"
    assert str(raised.value) == f"'{option}' is neither a number of at least 0 nor 'auto'."


def test_finite_numbers() -> None:
    assert finite(0.5) == 0.5
    for value in (math.inf, math.nan):
        with pytest.raises(typer.BadParameter, match=f"{value} is not a finite number"):
            finite(value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (([], None, None), "it names no column."),
        ((["a", "b"], ["b"], None), "--columns and --drop both name column 'b'."),
        ((["a", "b"], ["b", "a"], None), "--columns and --drop both name columns 'a', 'b'."),
        ((["a"], None, "a"), "--columns and --weights both name column 'a'."),
        ((None, ["a"], "a"), "--drop and --weights both name column 'a'."),
    ],
)
def test_options_that_name_nothing_or_one_column(options: Any, words: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        check_choice(*options)
    assert str(raised.value) == words


def test_choices_that_agree() -> None:
    check_choice(["a"], ["b"], "c")
    check_choice(None, None, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("n_components=300 is more than", "-k 300 is more than"),
        ("n_clusters=300 is more than", "-k 300 is more than"),
        ("Raise max_iter, or raise tol.", "Raise --max-iter, or raise --tol."),
        ("a covariance_type or n_init", "a --covariance or --n-init"),
        ("sample_weight is zero", "--weights is zero"),
        ("covariance_types: 'E', or prior='conjugate'", "--structures: 'E', or --prior"),
        ("a floor (reg_covar, or min_variance in run_em).", "a floor (--reg-covar)."),
        ("(reg_covar in GaussianMixture, min_variance in m_step and run_em)", "(--reg-covar)"),
        ("column 'tol' in tol.csv, a_tol and atoll", "column 'tol' in tol.csv, a_tol and atoll"),
    ],
)
def test_parameters_are_called_as_the_options(text: str, shown: str) -> None:
    assert in_flags(text) == shown


def test_errors_name_the_table_and_the_column() -> None:
    source = Table("t.csv", pa.table({"a": [1], "b": [2]}))
    with pytest.raises(TableError) as raised, naming(source, ["a", "b"]):
        raise InputError("column 1 holds large numbers; raise n_init.")
    assert str(raised.value) == "t.csv: column 'b' holds large numbers; raise --n-init."
    with pytest.raises(TableError, match=r"^as it is\.$"), naming(source, ["a", "b"]):
        raise TableError("as it is.")


def test_warnings_name_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda text, *_, **__: shown.append(str(text)))
        with naming(Table("t", pa.table({})), ["a", "b", "c"]):
            warnings.warn("Constant: column 0, 2. Flat: column 1.", UserWarning, stacklevel=1)
        warnings.warn("column 0", UserWarning, stacklevel=1)
    assert shown == ["Constant: columns 'a', 'c'. Flat: column 'b'.", "column 0"]
