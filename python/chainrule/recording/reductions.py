"""Functions that sum up, and others over axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.recording.core import Axes, along, axes_of, identity, implements, named, normalized, plain, record, shape_of
from chainrule.recording.movement import ravel, reshape, sort, transpose


def _kept(keepdims: Any) -> bool:
    return keepdims is not np._NoValue and bool(keepdims)


def _reduced(operation: str, x: Any, axis: Axes, keepdims: Any) -> Any:
    axes = axes_of(axis, len(x.shape))
    if not axes and x.shape:  # no axis at all
        return identity(x)
    return record(operation, x, axes=axes, keepdims=_kept(keepdims))


def _refuse_where(name: str, where: Any, initial: Any = np._NoValue) -> None:
    if where not in (np._NoValue, True) or initial is not np._NoValue:
        raise TypeError(f"{name}: expected neither where nor initial on variables")


@implements(np.sum)
def sum_(x: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True) -> Any:
    """np.sum."""
    _refuse_where("sum", where, initial)
    return _reduced("sum", x, axis, keepdims)


@implements(np.mean)
def mean(x: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """np.mean."""
    _refuse_where("mean", where)
    return _reduced("mean", x, axis, keepdims)


@implements(*named("max amax"))
def max_(x: Any, axis: Axes = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True) -> Any:
    """np.max: equal elements share the derivative."""
    _refuse_where("max", where, initial)
    return _reduced("max", x, axis, keepdims)


@implements(*named("min amin"))
def min_(x: Any, axis: Axes = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True) -> Any:
    """np.min: equal elements share the derivative."""
    _refuse_where("min", where, initial)
    return _reduced("min", x, axis, keepdims)


@implements(*named("prod product"))
def prod(x: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True) -> Any:
    """np.prod, by products of halves: exact where elements are 0 as well."""
    _refuse_where("prod", where, initial)
    shape = x.shape
    axes = axes_of(axis, len(shape))
    kept = [i for i in range(len(shape)) if i not in axes]
    outer = tuple(shape[i] for i in kept)
    x = reshape(transpose(x, (*kept, *axes)) if len(shape) > 1 else x, (*outer, math.prod(shape[i] for i in axes)))
    if x.shape[-1] == 0:
        return np.ones(outer)
    while (count := x.shape[-1]) > 1:
        half = count // 2
        folded = x[..., :half] * x[..., half : 2 * half]
        x = np.concatenate([folded, x[..., 2 * half :]], axis=-1) if count % 2 else folded
    return reshape(x, tuple(1 if i in axes else shape[i] for i in range(len(shape))) if _kept(keepdims) else outer)


@implements(np.var)
def var(x: Any, axis: Axes = None, dtype: Any = None, ddof: float = 0, keepdims: Any = False, **keywords: Any) -> Any:
    """np.var."""
    ddof = keywords.pop("correction", ddof)
    _refuse_where("var", keywords.pop("where", True))
    squares = record("square", x - mean(x, axis, keepdims=True))
    count = math.prod(x.shape[i] for i in axes_of(axis, len(x.shape)))
    return sum_(squares, axis, keepdims=keepdims) / max(count - ddof, 0)


@implements(np.std)
def std(x: Any, axis: Axes = None, dtype: Any = None, ddof: float = 0, keepdims: Any = False, **keywords: Any) -> Any:
    """np.std."""
    squared = var(x, axis, ddof=ddof, keepdims=keepdims, **keywords)
    # Of one element it is always 0, as the variance is, though the root of that has no derivative.
    is_one = x.size == squared.size and ddof == 0 and not keywords
    return squared if is_one else np.sqrt(squared)


@implements(np.average)
def average(x: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """np.average."""
    if weights is None:
        result, total = mean(x, axis, keepdims=keepdims), float(math.prod(shape_of(x)[i] for i in axes_of(axis, len(shape_of(x)))))
    else:
        if shape_of(weights) != shape_of(x):
            (along,) = axes_of(axis, len(shape_of(x)))
            weights = np.reshape(weights, tuple(-1 if i == along else 1 for i in range(len(shape_of(x)))))
        total = np.sum(np.multiply(weights, np.ones(shape_of(x))), axis=axis, keepdims=_kept(keepdims))
        result = np.sum(np.multiply(x, weights), axis=axis, keepdims=_kept(keepdims)) / total
    return (result, total) if returned else result


@implements(np.ptp)
def ptp(x: Any, axis: Axes = None, keepdims: Any = False) -> Any:
    """np.ptp."""
    return max_(x, axis, keepdims) - min_(x, axis, keepdims)


@implements(np.median)
def median(x: Any, axis: Axes = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """np.median: the mean of the two in the middle."""
    axes = axes_of(axis, len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in axes]
    outer = tuple(x.shape[i] for i in kept)
    shape = tuple(1 if i in axes else x.shape[i] for i in range(len(x.shape))) if _kept(keepdims) else outer
    flat = sort(reshape(transpose(x, (*kept, *axes)) if len(x.shape) > 1 else x, (*outer, -1)))
    count = flat.shape[-1]
    return reshape(mean(flat[..., (count - 1) // 2 : count // 2 + 1], axis=-1), shape)


@implements(np.cumsum, *named("cumulative_sum"))
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """np.cumsum."""
    if axis is None:
        x, axis = ravel(x), 0
    return record("cumsum", x, axes=axes_of(axis, len(x.shape)))


@implements(np.cumprod, *named("cumulative_prod"))
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """np.cumprod, by products of parts twice as long each time."""
    if axis is None:
        x, axis = ravel(x), 0
    (axis,) = axes_of(axis, len(x.shape))
    count, step = x.shape[axis], 1
    while step < count:
        later = along(x, axis, slice(step, None)) * along(x, axis, slice(0, count - step))
        x = np.concatenate([along(x, axis, slice(0, step)), later], axis=axis)
        step *= 2
    return x


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Axes = None, edge_order: Any = 1) -> Any:
    """np.gradient, with respect to f: weights of neighbours, which NumPy itself gives."""
    axes = range(len(shape_of(f))) if axis is None else normalized(axis, len(shape_of(f)))
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: expected one spacing, or one for each of {len(axes)} axes, got {len(spacings)}")
    slopes = tuple(_slope(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(f: Any, spacing: Any, axis: int, edge_order: Any) -> Any:
    size = shape_of(f)[axis]
    # Of three neighbours each is alone in one of three sets, and the slope of a set is its neighbour's weight.
    weights = [np.gradient((np.arange(size) % 3 == k).astype(float), spacing, edge_order=edge_order) for k in range(3)]
    first = np.clip(np.arange(size) - 1, 0, max(size - 3, 0))
    slope: Any = 0.0
    for at in (first + offset for offset in range(min(3, size))):
        weight = np.choose(at % 3, weights).reshape((-1,) + (1,) * (len(shape_of(f)) - axis - 1))
        slope = slope + weight * np.take(f, at, axis=axis)
    return slope


@implements(np.diff)
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """np.diff."""
    (axis,) = axes_of(axis, len(shape_of(x)))
    ends = [
        np.reshape(end, [1 if i == axis else shape_of(x)[i] for i in range(len(shape_of(x)))]) if np.size(plain(end)) == 1 else end
        for end in (prepend, append)
        if end is not np._NoValue
    ]
    if ends:
        x = np.concatenate(
            [*ends[: 1 if prepend is not np._NoValue else 0], x, *ends[1 if prepend is not np._NoValue else 0 :]], axis
        )
    for _ in range(n):
        x = along(x, axis, slice(1, None)) - along(x, axis, slice(None, -1))
    return x


@implements(*named("trapezoid trapz"))
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """np.trapezoid."""
    (axis,) = axes_of(axis, len(shape_of(y)))
    if x is None:
        width: Any = dx
    else:
        width = np.diff(x, axis=axis if len(shape_of(x)) > 1 else 0)
        if len(shape_of(x)) == 1:
            width = np.reshape(width, [-1 if i == axis else 1 for i in range(len(shape_of(y)))])
    return np.sum(width * (along(y, axis, slice(1, None)) + along(y, axis, slice(None, -1))) * 0.5, axis=axis)
