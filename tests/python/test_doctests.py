"""The examples in the docstrings run, and print the same under NumPy 1 and 2: no scalar of NumPy's is shown as it is."""

import doctest
import importlib
import pkgutil

import pytest

import chainrule

FOUND = [module.name for module in pkgutil.walk_packages(chainrule.__path__, "chainrule.")]
# Benchmarks have no examples, and need the libraries that they measure.
OTHERS = ("chainrule._core", "chainrule.__main__", "chainrule.benchmarks")
MODULES = ["chainrule", *[name for name in FOUND if not name.startswith(OTHERS)]]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def examples():
    finder = doctest.DocTestFinder()
    for name in MODULES:
        for test in finder.find(importlib.import_module(name)):
            yield from test.examples


def test_there_are_examples():
    assert sum(1 for _ in examples()) > 50


def test_no_example_shows_a_scalar_as_only_numpy_2_does():
    assert [example.source for example in examples() if "np." in example.want] == []
