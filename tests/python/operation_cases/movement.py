"""Operations that pick, repeat, sum or reorder elements."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .case import SAMPLES, Array, Case, Shape, away_from_zero, broadcast_shapes, generator, rows_of, shapes


def some_axes(rng: np.random.Generator, shape: Shape, allowed: list[int]) -> tuple[int, ...]:
    """None (which stands for all) where all are allowed, every third time; else some of those allowed, counted from either end."""
    if len(allowed) == len(shape) and rng.random() < 0.35:
        return ()
    chosen = [axis for axis in allowed if rng.random() < 0.6] or allowed[:1]
    return tuple(axis - len(shape) if rng.random() < 0.3 else axis for axis in chosen)


def reduction_cases() -> Iterator[Case]:
    for name, function in (("sum", np.sum), ("mean", np.mean), ("max", np.max), ("min", np.min)):
        rng = generator(name)
        for number, shape in enumerate(shapes(name, count=2 * SAMPLES)):
            allowed = [axis for axis, size in enumerate(shape) if size or name == "sum"]
            if shape and not allowed:
                continue
            axes, keepdims = some_axes(rng, shape, allowed) if shape else (), number % 3 == 0
            formula = lambda x, f=function, a=axes, k=keepdims: f(x, axis=a or None, keepdims=k)  # noqa: E731
            yield Case(name, [away_from_zero(shape, "x")], formula, {"axes": axes, "keepdims": keepdims}, rows_of(number, shape))


def cumsum_cases() -> Iterator[Case]:
    for number, shape in enumerate(shapes("cumsum", (1, 3))):
        axis, turned = number % (2 * len(shape)) - len(shape), number % 3 == 0
        formula = lambda x, a=axis, t=turned: np.flip(np.flip(x, a).cumsum(a), a) if t else x.cumsum(a)  # noqa: E731
        rows = rows_of(number, shape) if axis % len(shape) else ()
        yield Case("cumsum", [away_from_zero(shape, "x")], formula, {"axes": (axis,), "reversed": turned}, rows)


def put_back(g: Array, index: Array, like: Array) -> Array:
    flat = np.zeros(like.size)
    np.add.at(flat, index.ravel(), g.ravel())
    return flat.reshape(like.shape)


def indexing_cases() -> Iterator[Case]:
    of_index = shapes("index", (0, 2))
    for number, (shape, index) in enumerate(zip(shapes("gather"), of_index, strict=True)):
        x = away_from_zero(shape, "x")
        wanted = index if x.size else (0, *index[1:])
        picked = generator("picked", number).integers(0, max(x.size, 1), wanted)
        yield Case("gather", [x, picked], lambda x, i: x.ravel()[i], fixed=(1,))
        yield Case("scatter_like", [away_from_zero(wanted, "g"), picked, x], put_back, fixed=(1, 2))
    rng = generator("concatenate")
    for number in range(SAMPLES):
        drawn = shapes(f"parts {number}", (0, 2), 4)
        parts = [away_from_zero(drawn[place], place) for place in rng.permutation(4)[: 1 + number % 4]]
        yield Case("concatenate", parts, lambda *parts: np.concatenate([part.ravel() for part in parts]))
    for number, (condition, left, right) in enumerate(broadcast_shapes("where", 3)):
        chosen = generator("chosen", number).integers(0, 2, condition)
        a, b = away_from_zero(left, "a"), away_from_zero(right, "b")
        kind = np.int64 if number % 2 else np.float64
        formula = lambda c, a, b: np.where(c != 0, a, b)  # noqa: E731
        yield Case("where", [chosen.astype(kind), a, b], formula, rows=rows_of(number // 2, condition, left, right), fixed=(0,))


def unbroadcast(x: Array, like: Array) -> Array:
    lead = x.ndim - like.ndim
    axes = tuple(i for i in range(x.ndim) if i < lead or (like.shape[i - lead] == 1 and x.shape[i] != 1))
    return x.sum(axis=axes, keepdims=True).reshape(like.shape)


def broadcasting_cases() -> Iterator[Case]:
    for number, pair in enumerate(broadcast_shapes("like", count=2 * SAMPLES)):
        narrow, wide = sorted(pair, key=lambda shape: (len(shape), math.prod(shape) if 0 not in shape else 99))
        if np.broadcast_shapes(narrow, wide) != wide:
            narrow, wide = wide, narrow
        x, y = away_from_zero(narrow, "x"), away_from_zero(wide, "y")
        share = x.size / max(y.size, 1)
        rows = rows_of(number, narrow, wide)
        yield Case("broadcast_like", [x, y], lambda x, y: np.broadcast_to(x, y.shape), {}, rows, (1,))
        if y.size or not x.size:  # there is no mean of nothing
            yield Case("spread_like", [x, y], lambda x, y, s=share: np.broadcast_to(x * s, y.shape), {}, rows, (1,))
        yield Case("sum_like", [y, x], unbroadcast, {}, tuple(1 - i for i in rows), (1,))


def layout_cases() -> Iterator[Case]:
    rng = generator("layout")
    for number, shape in enumerate(shapes("layout")):
        x = away_from_zero(shape, "x")
        rows = rows_of(number, shape)
        axes = () if number % 4 == 0 and not rows else tuple(int(axis) for axis in rng.permutation(range(len(rows), len(shape))))
        axes = (0, *axes) if rows else axes
        yield Case("transpose", [x], lambda x, a=axes: np.transpose(x, a or None), {"axes": axes}, rows)
        rest = [int(size) for size in rng.permutation(shape[len(rows) :])]
        if len(rest) > 1 and rng.random() < 0.5:
            rest = [math.prod(rest)]
        rest.insert(int(rng.integers(len(rest) + 1)), 1)
        first = shape[:1] if rows else ()
        formula = lambda x, to=(*first, *rest): x.reshape(to)  # noqa: E731
        yield Case("reshape", [x], formula, {"shape": (-1, *rest) if rows else tuple(rest)}, rows)


CASES = [*reduction_cases(), *cumsum_cases(), *indexing_cases(), *broadcasting_cases(), *layout_cases()]
