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


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_np, name)


def __dir__() -> list[str]:
    return sorted({*dir(_np), *(name for name in globals() if not name.startswith("_"))} - {"annotations", "Any"})
