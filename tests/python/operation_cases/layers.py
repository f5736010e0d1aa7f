"""Operations that layers are made of: normalisation, columns, embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import SAMPLES, Array, Case, Shape, away_from_zero, generator, positive

# Far enough from 0 for central differences where a row or a column has one element, and so no variance.
EPSILON = 0.3


def matrices(seed: str, least_columns: int = 0) -> list[Shape]:
    """Of no rows (or no columns), of one element, of odd sizes and any, in turn."""
    rng = generator(seed)
    found: list[Shape] = []
    for number in range(SAMPLES):
        odd = [int(size) for size in rng.choice((3, 5, 7), 2)]
        any_size = [int(size) for size in rng.choice((1, 2, 4, 17), 2)]
        empty = (0, odd[1]) if number % 8 or least_columns else (odd[0], 0)
        found.append((empty, (1, 1), tuple(odd), tuple(any_size))[number % 4])
    return found


def standardized(x: Array, axis: int) -> tuple[Array, Array]:
    """u = (x - m) r, and r."""
    if x.size == 0:
        return x, np.ones_like(x)
    inverse = 1 / np.sqrt(x.var(axis=axis, keepdims=True) + EPSILON)
    return (x - x.mean(axis=axis, keepdims=True)) * inverse, inverse


def jacobian_times(g: Array, x: Array, axis: int) -> Array:
    if x.size == 0:
        return g
    u, inverse = standardized(x, axis)
    return inverse * (g - g.mean(axis=axis, keepdims=True) - u * (g * u).mean(axis=axis, keepdims=True))


def normalization_cases() -> Iterator[Case]:
    alpha = {"alpha": EPSILON}
    for number, shape in enumerate(matrices("normalization")):
        rows = (0,) if number % 2 else ()
        x, g = away_from_zero(shape, number), away_from_zero(shape, "g")
        mean, variance = away_from_zero(shape[1:], "mean"), positive(shape[1:], "variance")
        running = {**alpha, "momentum": 0.1}
        yield Case("standardize", [x], lambda x: standardized(x, 1)[0], alpha, rows)
        yield Case("standardize_backward", [g, x], lambda g, x: jacobian_times(g, x, 1), alpha, rows and (0, 1))
        yield Case("standardize_batch", [x, mean, variance], lambda x, m, v: standardized(x, 0)[0], running, rows, (1, 2))
        yield Case("standardize_batch_backward", [g, x], lambda g, x: jacobian_times(g, x, 0), alpha, rows and (0, 1))
        by_column = [x, mean, variance]
        yield Case("standardize_columns", by_column, lambda x, m, v: (x - m) / np.sqrt(v + EPSILON), alpha, rows, (1, 2))
        yield Case("standardize_columns_backward", [g, variance], lambda g, v: g / np.sqrt(v + EPSILON), alpha, rows, (1,))


def placed(x: Array, begin: int, columns: int) -> Array:
    return np.pad(x, ((0, 0), (begin, columns - begin - x.shape[1])))


def column_cases() -> Iterator[Case]:
    rng = generator("columns")
    for number, shape in enumerate(matrices("columns", 1)):
        rows = (0,) if number % 2 else ()
        x = away_from_zero(shape, number)
        begin = int(rng.integers(shape[1]))
        end = int(rng.integers(begin, shape[1])) + 1
        sliced = lambda x, b=begin, e=end: x[:, b:e]  # noqa: E731
        yield Case("slice_columns", [x], sliced, {"shape": (begin, end)}, rows)
        before, columns = number % 3, shape[1] + number % 3 + number % 2
        place = lambda x, b=before, c=columns: placed(x, b, c)  # noqa: E731
        yield Case("place_columns", [x], place, {"shape": (before, columns)}, rows)
        parts = [x, *(away_from_zero((shape[0], 1 + 8 * i), i) for i in range(number % 3))]
        joined = lambda *parts: np.concatenate(parts, axis=1)  # noqa: E731
        yield Case("join_columns", parts, joined, {}, rows and tuple(range(len(parts))))


def looked_up(x: Array, table: Array) -> Array:
    return table[x.astype(int)].reshape(len(x), x.shape[1] * table.shape[1])


def added_up(g: Array, x: Array, table: Array) -> Array:
    total = np.zeros(table.shape)
    np.add.at(total, x.astype(int).ravel(), g.reshape(-1, table.shape[1]))
    return total


def embedding_cases() -> Iterator[Case]:
    for number, (shape, of_table) in enumerate(zip(matrices("numbers"), matrices("table", 1), strict=True)):
        table = away_from_zero((max(of_table[0], 1), of_table[1]), "table")
        x = generator("x", number).integers(0, len(table), shape).astype(float)
        rows = (0,) if number % 2 else ()
        g = away_from_zero((shape[0], shape[1] * table.shape[1]), "g")
        yield Case("embedding", [x, table], looked_up, {}, rows, (0,))
        yield Case("embedding_gradient", [g, x, table], added_up, {}, rows and (0, 1), (1, 2))


CASES = [*normalization_cases(), *column_cases(), *embedding_cases()]
