"""Conditions on values: comparisons and what logic makes of them.

They have no derivative, and are worked out on the values at once; but in a function that is being compiled they are recorded, as 1
and 0, since other values will come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import _core
from chainrule.recording.core import Function, is_variable, plain, record


def _truth(x: Any) -> Any:
    return 1.0 - record("equals", x, 0.0) if is_variable(x) else np.asarray(x, bool).astype(float)


CONDITIONS: dict[np.ufunc, Function] = {
    np.greater: lambda a, b: record("exceeds", a, b, alpha=0.0),
    np.greater_equal: lambda a, b: record("exceeds", a, b, alpha=1.0),
    np.less: lambda a, b: record("exceeds", b, a, alpha=0.0),
    np.less_equal: lambda a, b: record("exceeds", b, a, alpha=1.0),
    np.equal: lambda a, b: record("equals", a, b),
    np.not_equal: lambda a, b: 1.0 - record("equals", a, b),
    np.logical_and: lambda a, b: np.multiply(_truth(a), _truth(b)),
    np.logical_or: lambda a, b: np.maximum(_truth(a), _truth(b)),
    np.logical_xor: lambda a, b: np.abs(np.subtract(_truth(a), _truth(b))),
    np.logical_not: lambda x: record("equals", x, 0.0),
    np.isnan: lambda x: 1.0 - record("equals", x, x),
    np.isinf: lambda x: record("equals", np.abs(x), np.inf),
    np.isfinite: lambda x: record("equals", x - x, 0.0),
}


def condition(ufunc: np.ufunc, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a ufunc says of values, or record it."""
    if _core.is_tracing() and ufunc in CONDITIONS:
        return CONDITIONS[ufunc](*inputs)
    return ufunc(*plain(inputs), **keywords)
