"""The checks of one case of an operation: its value against NumPy, its derivatives against central differences and each other."""

from __future__ import annotations

import numpy as np
from operation_cases import Array, Case

from chainrule import _core

# Truncation (step squared) and rounding (epsilon / step) meet near the cube root of epsilon; what is left is about 1e-10 of them.
STEP = 6e-6
DIFFERENCES = {"rtol": 2e-7, "atol": 2e-8}
# The same products and sums in another order.
ROUNDING = {"rtol": 1e-10, "atol": 1e-11}


class Problem:
    """s = sum(u * y) for one operation y of the case's inputs, with nodes for directions v (tangents of the inputs)."""

    def __init__(self, case: Case, dtype: str = "float64") -> None:
        self.graph = graph = _core.Graph(dtype)
        self.feeds: dict[int, Array] = {}
        self.inputs: list[int] = []
        for number, array in enumerate(case.arrays):
            shape = (-1, *array.shape[1:]) if number in case.rows else array.shape
            kind = "int64" if array.dtype == np.int64 else dtype
            self.inputs.append(graph.input(f"x{number}", shape, kind))
            self.feeds[self.inputs[-1]] = np.array(array, dtype=kind)
        self.y = graph.apply(case.operation, self.inputs, **case.attributes)
        self.wrt = [node for number, node in enumerate(self.inputs) if number not in case.fixed]
        (self.value,) = graph.evaluate([self.y], self.feeds)
        rng = np.random.default_rng(7)
        self.u = self.feed("u", self.y, rng.uniform(0.5, 1.5, self.value.shape))
        self.v = [self.feed(f"v{node}", node, rng.uniform(-1, 1, self.feeds[node].shape)) for node in self.wrt]

    def feed(self, name: str, like: int, array: Array) -> int:
        node = self.graph.input(name, self.graph.shape(like))
        self.feeds[node] = array.astype(self.value.dtype)
        return node

    def evaluate(self, nodes: list[int], likes: list[int], feeds: dict[int, Array] | None = None) -> list[Array]:
        """The nodes' values; a derivative of -1 is zero in the shape of its like."""
        feeds = self.feeds if feeds is None else feeds
        values = iter(self.graph.evaluate([node for node in nodes if node >= 0], feeds))
        return [next(values) if node >= 0 else np.zeros_like(feeds[like]) for node, like in zip(nodes, likes, strict=True)]

    def gradient(self, outputs: list[int], cotangents: list[int]) -> list[int]:
        kept = [(output, cotangent) for output, cotangent in zip(outputs, cotangents, strict=True) if output >= 0]
        return self.graph.reverse([output for output, _ in kept], [cotangent for _, cotangent in kept], self.wrt)

    def tangent(self, outputs: list[int]) -> list[int]:
        kept = iter(self.graph.forward(self.wrt, self.v, [output for output in outputs if output >= 0]))
        return [next(kept) if output >= 0 else -1 for output in outputs]

    def along_v(self, nodes: list[int], likes: list[int]) -> list[Array]:
        """The derivative of the nodes' values along v by central differences."""
        moved = []
        for sign in (1, -1):
            feeds = dict(self.feeds)
            for node, v in zip(self.wrt, self.v, strict=True):
                feeds[node] = feeds[node] + sign * STEP * feeds[v]
            moved.append(self.evaluate(nodes, likes, feeds))
        return [(up - down) / (2 * STEP) for up, down in zip(*moved, strict=True)]

    def dot(self, left: list[Array], right: list[Array]) -> float:
        return float(sum(np.sum(a * b) for a, b in zip(left, right, strict=True)))

    def directions(self) -> list[Array]:
        return [self.feeds[v] for v in self.v]


def check_value(case: Case, dtype: str, tolerance: float) -> None:
    problem = Problem(case, dtype)
    fed = [problem.feeds[node] for node in problem.inputs]
    expected = np.asarray(case.formula(*(array.astype(np.promote_types(array.dtype, np.int64)) for array in fed)))
    assert problem.value.shape == expected.shape
    assert problem.value.dtype == dtype
    np.testing.assert_allclose(problem.value, expected, rtol=tolerance, atol=tolerance)


def check_reverse(case: Case) -> None:
    problem = Problem(case)
    gradients = problem.evaluate(problem.gradient([problem.y], [problem.u]), problem.wrt)
    for node, gradient in zip(problem.wrt, gradients, strict=True):
        x = problem.feeds[node]
        assert gradient.shape == x.shape
        expected = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[index] += sign * STEP
                (y,) = problem.graph.evaluate([problem.y], {**problem.feeds, node: moved})
                ends.append(np.sum(y * problem.feeds[problem.u]))
            expected[index] = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(gradient, expected, **DIFFERENCES)


def check_forward(case: Case) -> None:
    """<u, J v> = <J^T u, v>."""
    problem = Problem(case)
    (jv,) = problem.evaluate(problem.tangent([problem.y]), [problem.u])
    assert jv.shape == problem.value.shape
    jtu = problem.evaluate(problem.gradient([problem.y], [problem.u]), problem.wrt)
    left, right = problem.dot([problem.feeds[problem.u]], [jv]), problem.dot(jtu, problem.directions())
    np.testing.assert_allclose(left, right, **ROUNDING)


def check_second_order(case: Case) -> None:
    """H v of s four ways: differences of the gradient, and each mode over each other."""
    problem = Problem(case)
    gradients = problem.gradient([problem.y], [problem.u])
    expected = problem.along_v(gradients, problem.wrt)
    reverse_over_reverse = problem.evaluate(problem.gradient(gradients, problem.v), problem.wrt)
    forward_over_reverse = problem.evaluate(problem.tangent(gradients), problem.wrt)
    tangent = problem.tangent([problem.y])
    reverse_over_forward = problem.evaluate(problem.gradient(tangent, [problem.u]), problem.wrt)
    for one in (reverse_over_reverse, forward_over_reverse, reverse_over_forward):
        for value, difference in zip(one, expected, strict=True):
            np.testing.assert_allclose(value, difference, **DIFFERENCES)
    (twice,) = problem.evaluate(problem.tangent(tangent), [problem.u])
    np.testing.assert_allclose(
        problem.dot([problem.feeds[problem.u]], [twice]), problem.dot(expected, problem.directions()), **DIFFERENCES
    )


def check_third_order(case: Case) -> None:
    """The gradient of v^T H v against differences of H v: the rules of the rules."""
    problem = Problem(case)
    products = problem.gradient(problem.gradient([problem.y], [problem.u]), problem.v)
    expected = problem.along_v(products, problem.wrt)
    third = problem.evaluate(problem.gradient(products, problem.v), problem.wrt)
    for value, difference in zip(third, expected, strict=True):
        np.testing.assert_allclose(value, difference, **DIFFERENCES)


DERIVATIVE_CHECKS = [check_reverse, check_forward, check_second_order, check_third_order]
