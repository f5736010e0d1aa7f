"""Products of matrices, inverses, solutions, determinants and factors, of matrices and of stacks of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .case import SAMPLES, Array, Case, Shape, away_from_zero, broadcast_shapes, generator, shapes


def turned(a: Array, turn: bool) -> Array:
    return a.swapaxes(-1, -2).copy() if turn else a


def matmul_cases() -> Iterator[Case]:
    sizes = [*shapes("matmul", (3, 3), 2 * SAMPLES), (17, 9, 33), (4, 0, 3)]
    for number, (m, k, n) in enumerate(sizes):
        for ta, tb in [(False, False), (True, True), (number % 2 == 0, number % 2 == 1)]:
            a, b = turned(away_from_zero((m, k), "a"), ta), turned(away_from_zero((k, n), "b"), tb)
            attributes = {"transpose_a": ta, "transpose_b": tb}
            rows = ((0, 1) if ta else (0,)) if not (ta and tb) else ()
            formula = lambda a, b, ta=ta, tb=tb: turned(a, ta) @ turned(b, tb)  # noqa: E731
            yield Case("matmul", [a, b], formula, attributes, rows)
    for number, (left, right) in enumerate(broadcast_shapes("stacks", ranks=(1, 2))):
        m, k, n = (int(size) for size in generator("stacks", number).integers(1, 5, 3))
        ta, tb = number % 2 == 1, number % 3 == 1
        a, b = turned(away_from_zero((*left, m, k), "a"), ta), turned(away_from_zero((*right, k, n), "b"), tb)
        formula = lambda a, b, ta=ta, tb=tb: turned(a, ta) @ turned(b, tb)  # noqa: E731
        yield Case("matmul", [a, b], formula, {"transpose_a": ta, "transpose_b": tb})


def invertible(shape: Shape, seed: object) -> Array:
    return away_from_zero(shape, seed) / shape[-1] + 2 * np.eye(shape[-1])


def solution(a: Array, b: Array) -> Array:
    """NumPy 1 takes a matrix for a stack of vectors where a has one dimension more."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.linalg.solve(a, np.broadcast_to(b, (*stack, *b.shape[-2:])))


def linear_algebra_cases() -> Iterator[Case]:
    for number, (left, right) in enumerate(broadcast_shapes("stacked", ranks=(0, 2))):
        largest = 5 if math.prod(left) <= 12 else 2  # differences of a sum of many determinants are mostly rounding
        n, columns = (int(size) for size in generator("square", number).integers((1, 0), (largest + 1, 4)))
        a = invertible((*left, n, n), "a")
        yield Case("inverse", [a], np.linalg.inv)
        yield Case("determinant", [a], np.linalg.det)
        yield Case("log_absolute_determinant", [-a], lambda a: np.linalg.slogdet(a)[1])
        yield Case("determinant_sign", [-a], lambda a: np.linalg.slogdet(a)[0])
        yield Case("cholesky", [a @ a.swapaxes(-1, -2)], lambda a: np.linalg.cholesky((a + a.swapaxes(-1, -2)) / 2))
        yield Case("solve", [a, away_from_zero((*right, n, columns), "b")], solution)
    yield Case("inverse", [np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [2.0, 1.0, 0.0]])], np.linalg.inv)  # rows change places


CASES = [*matmul_cases(), *linear_algebra_cases()]
