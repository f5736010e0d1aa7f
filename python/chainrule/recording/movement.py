"""Functions that move elements, change shapes and choose among values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import _core
from chainrule.recording.core import (
    FUNCTIONS,
    Function,
    arranged,
    gather,
    identity,
    implements,
    is_variable,
    joined,
    joins,
    moves,
    named,
    normalized,
    places,
    plain,
    positions,
    record,
    shape_of,
)

for _function in named("swapaxes moveaxis rollaxis diagonal flip fliplr flipud rot90 roll repeat tile take resize delete"):
    FUNCTIONS[_function] = moves(_function)
for _function in named("split array_split hsplit vsplit dsplit unstack"):
    FUNCTIONS[_function] = moves(_function)
for _function in named("diag diagflat tril triu"):
    FUNCTIONS[_function] = places(_function)
for _function in named("concatenate concat stack vstack hstack dstack column_stack block row_stack"):
    if _function not in FUNCTIONS:
        FUNCTIONS[_function] = joins(_function)


@implements(np.reshape)
def reshape(x: Any, *args: Any, **keywords: Any) -> Any:
    """np.reshape; order="C" is a change of the shape alone."""
    if not is_variable(x):
        return np.reshape(x, *args, **keywords)
    shape: Any = args[0] if args else keywords.get("shape", keywords.get("newshape"))
    if keywords.get("order", args[1] if len(args) > 1 else "C") != "C":
        return gather(x, np.reshape(positions(x), *args, **keywords))
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if -1 in shape:
        shape = np.empty(x.shape, dtype=np.bool_).reshape(shape).shape
    return record("reshape", x, shape=shape)


@implements(np.ravel)
def ravel(x: Any, order: str = "C") -> Any:
    """np.ravel."""
    return reshape(x, (-1,), order=order)


@implements(np.transpose, *named("permute_dims"))
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """np.transpose."""
    rank = len(x.shape)
    if rank < 2:
        return identity(x)
    return record("transpose", x, axes=range(rank)[::-1] if axes is None else normalized(axes, rank))


swapaxes = FUNCTIONS[np.swapaxes]


@implements(*named("matrix_transpose"), *([np.linalg.matrix_transpose] if hasattr(np.linalg, "matrix_transpose") else []))
def matrix_transpose(x: Any) -> Any:
    """Exchange the last two axes."""
    return np.swapaxes(x, -1, -2)


@implements(np.expand_dims)
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """np.expand_dims."""
    return reshape(x, np.expand_dims(np.empty(x.shape, np.bool_), axis).shape)


@implements(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    return reshape(x, np.squeeze(np.empty(x.shape, np.bool_), axis).shape)


def _at_least(rank: int, function: Function) -> Function:
    def promoted(*arrays: Any) -> Any:
        results = [reshape(x, function(np.empty(shape_of(x), np.bool_)).shape) if len(shape_of(x)) < rank else x for x in arrays]
        return results[0] if len(results) == 1 else results

    return promoted


FUNCTIONS[np.atleast_1d] = _at_least(1, np.atleast_1d)
FUNCTIONS[np.atleast_2d] = _at_least(2, np.atleast_2d)
FUNCTIONS[np.atleast_3d] = _at_least(3, np.atleast_3d)


@implements(np.broadcast_to)
def broadcast_to(x: Any, shape: int | Sequence[int], subok: bool = False) -> Any:
    """np.broadcast_to."""
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    np.broadcast_to(np.empty(x.shape, np.bool_), shape)  # NumPy's own error
    return record("broadcast_like", x, np.empty(shape))


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    """np.broadcast_arrays."""
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(broadcast_to(x, shape) if is_variable(x) else np.broadcast_to(x, shape) for x in arrays)


@implements(np.append)
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """np.append."""
    if axis is None:
        return joined([x, values])
    return np.concatenate([x, values], axis=axis)


@implements(np.insert)
def insert(x: Any, where: Any, values: Any, axis: int | None = None) -> Any:
    """np.insert."""
    return arranged(lambda parts: np.insert(parts[0], where, parts[1], axis=axis), [x, values])


@implements(np.meshgrid)
def meshgrid(*arrays: Any, **keywords: Any) -> Any:
    """np.meshgrid."""
    moved = np.meshgrid(*(positions(x).ravel() for x in arrays), **keywords)
    kind: Any = type(moved)  # a list before NumPy 2
    return kind(gather(x, index) if is_variable(x) else np.ravel(x)[index] for x, index in zip(arrays, moved, strict=True))


@implements(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int | None) -> Any:
    """np.take_along_axis."""
    return gather(x, np.take_along_axis(positions(x), indices, axis))


@implements(np.compress)
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """np.compress."""
    return gather(x, np.compress(plain(condition), positions(x), axis=axis))


@implements(np.extract)
def extract(condition: Any, x: Any) -> Any:
    """np.extract."""
    return gather(x, np.extract(plain(condition), positions(x)))


@implements(np.sort)
def sort(x: Any, axis: int | None = -1, kind: str | None = None, order: Any = None, *, stable: bool | None = None) -> Any:
    """np.sort: equal elements keep their order."""
    if axis is None:
        x, axis = ravel(x), -1
    if not x.shape:
        raise ValueError("sort: expected one dimension or more, got a number")
    return take_along_axis(x, np.argsort(x.value, axis=axis, kind="stable"), axis)


@implements(np.partition)
def partition(x: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """np.partition."""
    if axis is None:
        x, axis = ravel(x), -1
    return take_along_axis(x, np.argpartition(x.value, kth, axis=axis), axis)


@implements(np.pad)
def pad(x: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    """np.pad in the modes that repeat elements or constants."""
    if mode == "constant":
        fill = plain(keywords.get("constant_values", 0))
        inside = np.pad(positions(x, 1), pad_width)
        around = np.pad(np.zeros(x.shape), pad_width, constant_values=fill)
        return gather(joined([0.0, x]), inside) + around
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise TypeError(f"pad: expected mode constant, edge, reflect, symmetric or wrap for variables, got {mode!r}")
    if keywords.get("reflect_type", "even") != "even":
        raise TypeError("pad: expected reflect_type 'even' for variables, got 'odd'")
    return gather(x, np.pad(positions(x), pad_width, mode=mode, **keywords))


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """np.where; of one argument, of its value."""
    if not choices:
        return np.where(plain(condition))
    if is_variable(condition) and _core.is_tracing():
        return record("where", condition, *choices)
    condition = np.asarray(plain(condition)).astype(np.bool_)
    return _core.record("where", (condition, *choices), index=0)


@implements(np.select)
def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    """np.select."""
    if len(conditions) != len(choices):
        raise ValueError(f"select: expected as many choices as conditions, {len(conditions)}, got {len(choices)}")
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result


@implements(np.choose)
def choose(index: Any, choices: Sequence[Any], mode: Any = "raise") -> Any:
    """np.choose."""
    index = np.asarray(plain(index))
    shape = np.broadcast_shapes(index.shape, *map(shape_of, choices))
    stacked = np.stack([broadcast_to(c, shape) if is_variable(c) else np.broadcast_to(c, shape) for c in choices])
    return gather(stacked, np.choose(index, list(positions(stacked)), mode=mode))


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    """np.clip."""
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """np.nan_to_num: the replaced elements are constants."""
    largest = np.finfo(x.dtype).max
    finite = np.where(np.isnan(x), nan, x)
    finite = np.where(np.equal(x, np.inf), largest if posinf is None else posinf, finite)
    return np.where(np.equal(x, -np.inf), -largest if neginf is None else neginf, finite)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """np.angle of real numbers, which does not change where it has a derivative."""
    return np.where(np.less(z, 0), 180.0 if deg else np.pi, 0.0)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """np.sinc, which has every derivative at 0 as well."""
    return record("sinc", x)


for _function in named("real copy real_if_close asarray_chkfinite ascontiguousarray"):
    FUNCTIONS[_function] = lambda x, *args, **keywords: identity(x)
FUNCTIONS[np.imag] = lambda x: np.zeros(x.shape)
FUNCTIONS[np.fix] = lambda x: record("trunc", x)
for _function in named("round around round_"):
    FUNCTIONS[_function] = lambda x, decimals=0: record("rint", x * 10.0**decimals) / 10.0**decimals
