"""Every public name is documented in full, and its examples run."""

from __future__ import annotations

import doctest
import inspect
import operator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import mixtura
import mixtura.view

#: Packages whose names are public.
PACKAGES = (mixtura, mixtura.view)
#: numpydoc's checks that docstrings here need not pass.
IGNORED = {
    "GL01",  # summaries begin on the line of the opening quotes
    "ES01",  # a summary may say it all
    "SA01",  # See Also only where it helps
    "EX01",  # asked of the names in mixtura.__all__ alone, below
}


def public_names() -> list[str]:
    """Return the names in ``__all__`` and the public members that mixtura defines."""
    names = []
    for name in exported():
        value = operator.attrgetter(name)(mixtura)
        if inspect.isclass(value) or inspect.isroutine(value):
            names.append(f"mixtura.{name}")
        if inspect.isclass(value):
            names.extend(f"mixtura.{name}.{member}" for member in own_members(value))
    return names


def exported() -> list[str]:
    """Return the names in ``__all__`` of the packages, from mixtura on."""
    prefixes = {
        package: package.__name__.removeprefix("mixtura").lstrip(".") for package in PACKAGES
    }
    return [f"{prefixes[p]}.{name}".lstrip(".") for p in PACKAGES for name in p.__all__]


def own_members(cls: type) -> list[str]:
    """Return the public methods and properties of a class that are defined in mixtura."""
    bases = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "mixtura"]
    return sorted(
        {
            name
            for base in bases
            for name, member in vars(base).items()
            if is_code(member) and not name.startswith("_")
        }
    )


def is_code(member: Any) -> bool:
    """Return whether a class attribute is a method or a property."""
    kinds = (property, cached_property, classmethod, staticmethod)
    return isinstance(member, kinds) or inspect.isfunction(member)


@pytest.mark.parametrize("name", public_names())
def test_docstring_is_complete(name: str) -> None:
    ignored = IGNORED | {"PR01"} if fields_are_attributes(name) else IGNORED
    assert [error for error in validate(name)["errors"] if error[0] not in ignored] == []


def fields_are_attributes(name: str) -> bool:
    """Return whether a class is made by mixtura alone, so that its fields are no parameters.

    That holds for enums, and for dataclasses that describe every field as an attribute.
    """
    value = operator.attrgetter(name.removeprefix("mixtura."))(mixtura)
    if not inspect.isclass(value):
        return False
    attributes = {entry.name for entry in NumpyDocString(inspect.getdoc(value))["Attributes"]}
    is_record = is_dataclass(value) and {field.name for field in fields(value)} <= attributes
    return is_record or issubclass(value, Enum)


@pytest.mark.parametrize("name", exported())
def test_examples_run(name: str) -> None:
    value = operator.attrgetter(name)(mixtura)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        pytest.skip("a constant has no docstring")
    examples = [
        test
        for test in doctest.DocTestFinder(recurse=True).find(value, name, globs={})
        if test.examples
    ]
    assert examples or not needs_example(value), f"mixtura.{name} shows no example of its use"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in examples:
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def needs_example(value: Any) -> bool:
    """Return whether a public name must show an example: all but errors and enums must."""
    return not (inspect.isclass(value) and issubclass(value, Exception | Enum))
