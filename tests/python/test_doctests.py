"""The examples in the documentation run."""

import doctest
import importlib
import pkgutil

import pytest

import chainrule

MODULES = [
    name.removeprefix("chainrule.")
    for _, name, _ in pkgutil.walk_packages(chainrule.__path__, "chainrule.")
    if name not in ("chainrule._core", "chainrule.__main__")
]


@pytest.mark.parametrize("name", ["chainrule", *[f"chainrule.{name}" for name in MODULES]])
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = sum(
        len(test.examples)
        for name in MODULES
        for test in finder.find(importlib.import_module(f"chainrule.{name}"))
        if test.examples
    )
    assert examples > 50
