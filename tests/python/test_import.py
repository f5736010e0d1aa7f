"""Importing the package is light: NumPy and the standard library only."""

import re

import chainrule as cr

CODE = """
import sys
import numpy
before = set(sys.modules)
import chainrule
print(*sorted(name.split(".")[0] for name in set(sys.modules) - before))
"""


def test_imports_nothing_but_numpy(run_python):
    added = set(run_python(CODE).split())
    known = set(run_python("import sys; print(*sys.stdlib_module_names)").split())
    assert added - known <= {"chainrule", "numpy"}
    assert not added & {"matplotlib", "tqdm", "asyncio", "multiprocessing", "unittest", "difflib", "csv", "dataclasses", "pathlib"}


def test_public_names_exist_and_are_documented():
    for name in cr.__all__:
        thing = getattr(cr, name)
        assert isinstance(thing, str) or thing.__doc__, name


def test_packages_within_are_there_without_an_import_of_their_own(run_python):
    """Each in a process of its own, where nothing has imported it yet."""
    for name in ("numpy", "operators", "schedules", "sklearn", "tabular"):
        assert run_python(f"import chainrule; print(chainrule.{name}.__name__)").split() == [f"chainrule.{name}"]


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", cr.__version__)
