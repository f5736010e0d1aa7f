"""Functions of numpy.linalg."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.recording.core import axes_of, implements, normalized, record, shape_of
from chainrule.recording.movement import reshape
from chainrule.recording.reductions import max_, min_, sum_


def _square(name: str, x: Any) -> None:
    if len(shape_of(x)) < 2 or shape_of(x)[-1] != shape_of(x)[-2]:
        raise np.linalg.LinAlgError(f"{name}: expected square matrices, got shape {shape_of(x)}")


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """np.linalg.inv."""
    _square("inv", a)
    return record("inverse", a)


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """np.linalg.det."""
    _square("det", a)
    return record("determinant", a)


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """np.linalg.slogdet."""
    _square("slogdet", a)
    result = record("determinant_sign", a), record("log_absolute_determinant", a)
    kind = type(np.linalg.slogdet(np.eye(1)))
    return result if kind is tuple else kind(*result)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve."""
    _square("solve", a)
    if len(shape_of(b)) == 1:
        y = record("solve", a, np.reshape(b, (-1, 1)))
        return reshape(y, y.shape[:-1])
    return record("solve", a, b)


@implements(np.linalg.cholesky)
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """np.linalg.cholesky, of the symmetric part of a."""
    _square("cholesky", a)
    lower = record("cholesky", a)
    return np.swapaxes(lower, -1, -2) if upper else lower


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """np.linalg.matrix_power."""
    _square("matrix_power", a)
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    if n < 0:
        a, n = inv(a), -n
    result = None
    while n:
        if n & 1:
            result = a if result is None else np.matmul(result, a)
        n >>= 1
        a = np.matmul(a, a) if n else a
    return result


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """np.linalg.multi_dot, from the left."""
    return functools.reduce(np.dot, arrays)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002
    """np.linalg.norm of vectors, and the matrix norms fro, 1, -1, inf and -inf."""
    rank = len(x.shape)
    axes = axes_of(axis, rank) if not isinstance(axis, tuple) else normalized(axis, rank)
    if ord is None or (len(axes) == 1 and ord == 2) or (len(axes) == 2 and ord == "fro"):
        return np.sqrt(sum_(record("square", x), axes, keepdims=keepdims))
    if len(axes) == 1:
        if ord == math.inf:
            return max_(np.abs(x), axes, keepdims)
        if ord == -math.inf:
            return min_(np.abs(x), axes, keepdims)
        if ord == 1:
            return sum_(np.abs(x), axes, keepdims=keepdims)
        if isinstance(ord, (int, float)) and ord != 0:
            return sum_(np.abs(x) ** ord, axes, keepdims=keepdims) ** (1.0 / ord)
    elif len(axes) == 2 and ord in (1, -1, math.inf, -math.inf):
        summed, over = axes if ord in (1, -1) else axes[::-1]
        sums = sum_(np.abs(x), summed, keepdims=True)
        best = (max_ if ord > 0 else min_)(sums, over, True)
        return best if keepdims else np.squeeze(best, axes)
    raise TypeError(f"linalg.norm: expected an order with a derivative here, got {ord!r} for {len(axes)} axes")
