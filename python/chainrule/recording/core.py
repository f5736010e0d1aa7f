"""What NumPy's functions record when a variable is among their arguments.

Three ways cover nearly all of them: an operation of the graph (``np.sin``), other functions put together (``np.var``), and elements
moved about. For the last, NumPy itself says what goes where: the function is applied to arrays of positions instead of values, and one
gather takes the values from there (``np.roll``, ``np.stack``, ``x[key]``).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import _core

try:
    from numpy.lib.array_utils import normalize_axis_tuple
except ImportError:  # NumPy 1
    from numpy.core.numeric import normalize_axis_tuple  # type: ignore[no-redef]

Function = Callable[..., Any]
_Variable = _core.Variable
Axes = int | Sequence[int] | None


def is_variable(x: object) -> bool:
    """Whether x is a variable."""
    return isinstance(x, _Variable)


def record(operation: str, *operands: Any, **attributes: Any) -> Any:
    """Apply an operation of the graph."""
    return _core.record(operation, operands, **attributes)


def plain(x: Any, value_of: Callable[[Any], Any] = operator.attrgetter("value")) -> Any:
    """Return x with the values of variables, or what else is made of them, in their places, inside tuples, lists and dicts too."""
    if is_variable(x):
        return value_of(x)
    if type(x) in (tuple, list):
        return type(x)(plain(item, value_of) for item in x)
    if type(x) is dict:
        return {key: plain(item, value_of) for key, item in x.items()}
    return x


def _zeros(x: Any) -> Any:
    return np.zeros(x.shape, x.dtype)[()]


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a variable, a number, an array, or what NumPy would make an array of."""
    return x.shape if hasattr(x, "shape") else np.shape(plain(x))


def normalized(axis: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Return the axes meant, from 0, in their order; NumPy's error for others."""
    return tuple(normalize_axis_tuple(axis, rank))


def along(x: Any, axis: int, part: slice) -> Any:
    """Return a part of x along one axis."""
    return x[tuple([slice(None)] * axis + [part])]


def axes_of(axis: Axes, rank: int) -> tuple[int, ...]:
    """Return the axes meant, ascending from 0; all of them for None."""
    return tuple(range(rank)) if axis is None else tuple(sorted(normalized(axis, rank)))


# --- elements moved about ---------------------------------------------------------------------------------------------------------


def positions(x: Any, first: int = 0) -> NDArray[np.int64]:
    """Return an array of the shape of x that counts its elements."""
    shape = shape_of(x)
    return np.arange(first, first + math.prod(shape), dtype=np.int64).reshape(shape)


def identity(x: Any) -> Any:
    """Return a variable of its own with the value of x."""
    return record("reshape", x, shape=x.shape)


def gather(x: Any, index: Any) -> Any:
    """Return x at the positions `index`, in row-major order."""
    return _core.record("gather", (x, np.asarray(index, dtype=np.int64, order="C")), index=1)


def gathered(x: Any, moved: Any) -> Any:
    """Return x at arrays of positions, in a list or tuple as they are."""
    if isinstance(moved, (list, tuple)):
        return type(moved)(gathered(x, part) for part in moved)
    return gather(x, moved)


def joined(operands: Sequence[Any]) -> Any:
    """Return the elements of all operands in one dimension."""
    return _core.record("concatenate", tuple(operands))


def moves(function: Function) -> Function:
    """Make NumPy's function of one array, which only moves elements, record that on a variable."""

    @functools.wraps(function)
    def moving(x: Any, *args: Any, **keywords: Any) -> Any:
        return gathered(x, function(positions(x), *args, **keywords))

    return moving


def places(function: Function) -> Function:
    """Make NumPy's function of one array, which moves elements and fills up with zeros, record that on a variable."""

    @functools.wraps(function)
    def placing(x: Any, *args: Any, **keywords: Any) -> Any:
        return gathered(joined([0.0, x]), function(positions(x, 1), *args, **keywords))

    return placing


def arranged(function: Function, nested: Any, *args: Any, **keywords: Any) -> Any:
    """Apply NumPy's function of a nested sequence of arrays, which only moves their elements."""
    operands: list[Any] = []
    count = 0

    def number(item: Any) -> Any:
        nonlocal count
        if isinstance(item, (list, tuple)):
            return [number(part) for part in item]
        operands.append(item)
        index = positions(item, count)
        count += index.size
        return index

    index = function(number(nested), *args, **keywords)
    return gathered(joined(operands), index)


def joins(function: Function) -> Function:
    """Make NumPy's function of a sequence of arrays record on variables."""

    @functools.wraps(function)
    def joining(arrays: Iterable[Any], *args: Any, **keywords: Any) -> Any:
        return arranged(function, list(arrays), *args, **keywords)

    return joining


def subscript(x: Any, key: Any) -> Any:
    """x[key] for every key that NumPy takes."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(is_variable(part) for part in parts):
        raise TypeError("indexing: expected integers, slices and arrays, got a variable, in which there is no derivative")
    return gather(x, positions(x)[key])


# --- functions --------------------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[Function, Function] = {}

# Of values, not recorded: their results are not real numbers, or do not change where they have a derivative.
OF_VALUES: set[Function] = {
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    np.equal,
    np.not_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
    np.isnan,
    np.isinf,
    np.isfinite,
    np.signbit,
}


# Of shapes and types alone: in a function that is being compiled too, where values cannot be had.
OF_SHAPES: set[Function] = set()


def implements(*functions: Function) -> Callable[[Function], Function]:
    """Say that the decorated function is what `functions` record."""

    def register(rule: Function) -> Function:
        for function in functions:
            FUNCTIONS[function] = rule
        return rule

    return register


def call_function(function: Function, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a function of NumPy's records."""
    rule = FUNCTIONS.get(function)
    if rule is not None:
        if keywords.get("out") is not None:
            raise TypeError(f"{function.__name__}: expected no out, got one: variables do not change")
        keywords.pop("out", None)
        return rule(*args, **keywords)
    if function in OF_SHAPES:
        return function(*plain(args, _zeros), **plain(keywords, _zeros))
    if function in OF_VALUES:
        return function(*plain(args), **plain(keywords))
    module = function.__module__.replace("numpy.", "").replace("numpy", "")
    name = f"{module}.{function.__name__}" if module and "." not in module else function.__name__
    raise TypeError(f"{name}: expected a function with a derivative of variables, got one without")


def named(names: str) -> Iterable[Function]:
    """Return those of NumPy's functions that this NumPy has; names with spaces between them."""
    return [getattr(np, name) for name in names.split() if hasattr(np, name)]


OF_VALUES.update(
    named(
        "argmax argmin argsort argwhere nonzero flatnonzero count_nonzero searchsorted digitize allclose isclose array_equal "
        "array_equiv any all isposinf isneginf isreal iscomplex argpartition lexsort histogram bincount unique array_repr array_str "
        "array2string min_scalar_type save savetxt"
    )
)
OF_SHAPES.update(named("iscomplexobj isrealobj shape size ndim result_type can_cast zeros_like ones_like empty_like"))
