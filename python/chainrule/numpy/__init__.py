"""NumPy's names, for variables and arrays alike.

Functions of NumPy's record on variables by themselves; what this module adds are the functions that make arrays, which NumPy does not
ask variables about: ``array``, ``full`` and ``linspace`` of variables.

Examples
--------
>>> import chainrule as cr
>>> import chainrule.numpy as cnp
>>> float(cr.grad(lambda x: cnp.sum(cnp.array([x, x**2]) * cnp.arange(1.0, 3.0)))(3.0))
13.0
"""

from __future__ import annotations

import functools as _functools
from typing import Any

import numpy as _np

from chainrule import recording as _recording
from chainrule.recording import is_variable as _is_variable


def _has_variable(nested: Any) -> bool:
    if isinstance(nested, (list, tuple)):
        return any(_has_variable(part) for part in nested)
    return _is_variable(nested)


def array(object: Any, *args: Any, **keywords: Any) -> Any:  # noqa: A002
    """Return np.array, of nested lists with variables among the elements as well."""
    if _is_variable(object):
        return object
    if not _has_variable(object):
        return _np.array(object, *args, **keywords)
    return _recording.arranged(_np.array, object)


def asarray(object: Any, *args: Any, **keywords: Any) -> Any:  # noqa: A002
    """Return np.asarray, of nested lists with variables among the elements as well."""
    return array(object) if _has_variable(object) else _np.asarray(object, *args, **keywords)


def full(shape: Any, fill_value: Any, *args: Any, **keywords: Any) -> Any:
    """Return np.full, with a variable as the value as well."""
    return _np.broadcast_to(fill_value, shape) if _is_variable(fill_value) else _np.full(shape, fill_value, *args, **keywords)


def full_like(a: Any, fill_value: Any, *args: Any, **keywords: Any) -> Any:
    """Return np.full_like, with a variable as the value as well."""
    return full(_recording.shape_of(a), fill_value, *args, **keywords)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *args: Any, **keywords: Any) -> Any:
    """Return np.linspace, with variables as the ends as well."""
    if not (_is_variable(start) or _is_variable(stop)):
        return _np.linspace(start, stop, num, endpoint, *args, **keywords)
    rank = max(len(_recording.shape_of(start)), len(_recording.shape_of(stop)))
    share = _np.linspace(0.0, 1.0, num, endpoint).reshape((-1,) + (1,) * rank)
    return start * (1 - share) + stop * share


class _Joined:
    """np.r_ and np.c_, of variables too."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not _has_variable(parts):
            return self._of[key]
        orders = [part for part in parts if isinstance(part, str)]
        arrays = [_np.r_[part] if isinstance(part, slice) else part for part in parts if not isinstance(part, str)]
        return _recording.arranged(lambda places: self._of[tuple(orders) + tuple(places)], arrays)


r_ = _Joined(_np.r_)
c_ = _Joined(_np.c_)

# Those that take sequences of arrays: what a list of variables is to them they see for themselves.
_OF_SEQUENCES = {
    *("concatenate", "concat", "stack", "vstack", "hstack", "dstack", "column_stack", "row_stack", "block", "broadcast_arrays"),
    *("select", "choose", "meshgrid", "einsum", "multi_dot", "piecewise", "ix_"),
}


@_functools.cache
def _of_arrays(function: Any) -> Any:
    """Return a function of NumPy's that takes lists and tuples with variables in them as arrays, as it takes those of numbers."""

    @_functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        args = tuple(array(arg) if isinstance(arg, (list, tuple)) and _has_variable(arg) else arg for arg in args)
        return function(*args, **keywords)

    return call


class _Names:
    """A module of NumPy's, whose functions take lists with variables among the elements."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        is_function = callable(found) and not isinstance(found, (type, _np.ufunc)) and name not in _OF_SEQUENCES
        return _of_arrays(found) if is_function else found

    def __dir__(self) -> list[str]:
        return dir(self._module)


linalg = _Names(_np.linalg)
_names = _Names(_np)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_names, name)


def __dir__() -> list[str]:
    return sorted({*dir(_np), *(name for name in globals() if not name.startswith("_"))} - {"annotations", "Any"})
