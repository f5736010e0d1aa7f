"""What NumPy's ufuncs and their methods record."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.recording.conditions import condition
from chainrule.recording.core import OF_VALUES, Axes, Function, identity, is_variable, plain, record, shape_of
from chainrule.recording.movement import reshape
from chainrule.recording.reductions import cumprod, cumsum, max_, min_, prod, sum_

# Those that are one operation of the graph, and functions that are one on a single argument.
OPERATIONS: dict[Any, str] = {
    np.sum: "sum",
    np.mean: "mean",
    np.max: "max",
    np.min: "min",
    np.matmul: "matmul",
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.negative: "negate",
    np.exp: "exp",
    np.log: "log",
    np.sqrt: "sqrt",
    np.tanh: "tanh",
    np.fabs: "absolute",
    np.maximum: "maximum",
    np.minimum: "minimum",
    **{
        getattr(np, name): name
        for name in [
            "sin",
            "cos",
            "tan",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "arcsinh",
            "arccosh",
            "arctanh",
            "exp2",
            "expm1",
            "log2",
            "log10",
            "log1p",
            "cbrt",
            "square",
            "reciprocal",
            "absolute",
            "sign",
            "floor",
            "ceil",
            "trunc",
            "rint",
            "arctan2",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "fmod",
            "remainder",
            "copysign",
            "heaviside",
            "fmax",
            "fmin",
        ]
    },
}


def power(a: Any, b: Any) -> Any:
    """Return a ** b, by an operation of its own where b is one number."""
    if is_variable(b) or np.ndim(b) != 0:
        return record("pow", a, b)
    exponent = float(b)
    return record("square", a) if exponent == 2 else record("power", a, alpha=exponent)


def _floor_divide(a: Any, b: Any) -> Any:
    return record("floor", np.divide(a, b))


def _modf(x: Any) -> tuple[Any, Any]:
    whole = record("trunc", x)
    return x - whole, whole


UFUNCS: dict[np.ufunc, Function] = {
    np.power: power,
    np.float_power: power,
    np.floor_divide: _floor_divide,
    np.divmod: lambda a, b: (_floor_divide(a, b), record("remainder", a, b)),
    np.modf: _modf,
    np.positive: identity,
    np.conjugate: identity,
    np.deg2rad: lambda x: record("scale", x, alpha=math.pi / 180),
    np.radians: lambda x: record("scale", x, alpha=math.pi / 180),
    np.rad2deg: lambda x: record("scale", x, alpha=180 / math.pi),
    np.degrees: lambda x: record("scale", x, alpha=180 / math.pi),
    np.ldexp: lambda x, n: np.multiply(x, 2.0 ** np.asarray(plain(n))),
}
_STACKED: dict[str, Function] = {
    "vecdot": lambda a, b: np.sum(np.multiply(a, b), axis=-1),
    "matvec": lambda a, b: np.matmul(a, np.expand_dims(b, -1))[..., 0],
    "vecmat": lambda a, b: np.matmul(np.expand_dims(a, -2), b)[..., 0, :],
}
# NumPy has had them since 2.0 and 2.2.
UFUNCS.update({getattr(np, name): rule for name, rule in _STACKED.items() if hasattr(np, name)})


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what `ufunc` or one of its methods records."""
    if keywords.pop("out", None) is not None:
        raise TypeError(f"{ufunc.__name__}: expected no out, got one: variables do not change")
    if method == "__call__":
        if ufunc in OF_VALUES:
            return condition(ufunc, inputs, keywords)
        keywords.pop("dtype", None)
        if keywords:
            raise TypeError(f"{ufunc.__name__}: expected no {', '.join(keywords)} on variables")
        operation = OPERATIONS.get(ufunc)
        if operation is not None:  # with a dtype, which says nothing here: NumPy's other calls do not come this way
            return ufunc(*inputs)
        rule = UFUNCS.get(ufunc)
        if rule is not None:
            return rule(*inputs)
    elif method == "reduce" and ufunc in REDUCTIONS:
        return _reduce(REDUCTIONS[ufunc], *inputs, **keywords)
    elif method == "accumulate" and ufunc in ACCUMULATIONS:
        return ACCUMULATIONS[ufunc](*inputs, **keywords)
    elif method == "outer" and len(inputs) == 2:
        a, b = inputs
        return ufunc(reshape(a, shape_of(a) + (1,) * len(shape_of(b))), b)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    raise TypeError(f"{name}: expected a function with a derivative of variables, got one without")


def _reduce(function: Function, x: Any, axis: Axes = 0, dtype: Any = None, keepdims: bool = False) -> Any:
    return function(x, axis=axis, keepdims=keepdims)


REDUCTIONS: dict[np.ufunc, Function] = {np.add: sum_, np.multiply: prod, np.maximum: max_, np.minimum: min_}
ACCUMULATIONS: dict[np.ufunc, Function] = {
    np.add: lambda x, axis=0, dtype=None: cumsum(x, axis),
    np.multiply: lambda x, axis=0, dtype=None: cumprod(x, axis),
}
