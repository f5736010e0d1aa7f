"""Rows C6, E2, E4 and E7: paths of a graph, what a backward phase visits, and values beside derivatives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

RNG = np.random.default_rng(5)


def test_C6_the_edges_and_paths_of_a_variable_used_more_than_once() -> None:
    x = 0.7
    graph = cr.trace(lambda x: x * np.exp(x * x), x)
    paths = list(graph.paths("x", "y"))
    assert len(paths) == graph.count_paths("x", "y") == 3
    e = np.exp(x * x)
    edges = sorted(tuple(float(edge) for edge in path.edges) for path in paths)
    np.testing.assert_allclose(edges[0], (x, e, x), rtol=1e-14)  # x -> x * x -> exp -> y, by the first factor
    np.testing.assert_allclose(edges[1], (x, e, x), rtol=1e-14)  # and by the second
    np.testing.assert_allclose(edges[2], (e,), rtol=1e-14)
    np.testing.assert_allclose(sorted(path.product for path in paths), sorted([x * e * x, x * e * x, e]), rtol=1e-14)
    assert sum(path.product for path in paths) == pytest.approx(e * (2 * x * x + 1), rel=1e-14)


def diamonds(count: int) -> Any:
    def ladder(a: Any) -> Any:
        for _ in range(count):
            a = np.sin(a) * np.cos(a)
        return a

    return ladder


def test_E2_four_paths_as_a_sum_and_as_a_product_of_two_sums() -> None:
    graph = cr.trace(diamonds(2), 0.4)
    c = graph["v3"]
    products = [path.product for path in graph.paths("a")]
    assert len(products) == 4
    lower = [path.product for path in graph.paths(c)]
    upper = [path.product for path in graph.paths("a", c)]
    assert len(lower) == len(upper) == 2
    expected = cr.grad(diamonds(2))(0.4)
    assert sum(products) == pytest.approx(expected, rel=1e-13)
    assert sum(lower) * sum(upper) == pytest.approx(expected, rel=1e-13)


def test_E2_a_ladder_of_sixty_diamonds_has_its_paths_counted_and_begun() -> None:
    graph = cr.trace(diamonds(60), 0.4)
    assert graph.count_paths("a") == 2**60
    assert graph.inputs[0].derivative == pytest.approx(cr.grad(diamonds(60))(0.4), rel=1e-12)
    first = list(itertools.islice(graph.paths("a"), 5))
    assert [len(path) for path in first] == [120] * 5
    assert len({tuple(node.number for node in path.nodes) for path in first}) == 5
    assert len(graph.visited("a")) == 1 + 3 * 60


def test_E2_the_products_of_paths_between_arrays_sum_to_the_jacobian() -> None:
    w, b = RNG.standard_normal((3, 2)), RNG.standard_normal(2)

    def f(x: Any) -> Any:
        h = np.tanh(x @ w + b)
        return h * np.sum(h) + np.sin(h) @ w.T @ w

    x = RNG.standard_normal((4, 3))
    graph = cr.trace(f, x)
    total = sum(path.product for path in graph.paths("x"))
    assert np.shape(total) == (4, 2, 4, 3)
    # The products and sums of the same terms in another order.
    np.testing.assert_allclose(total, cr.jacobian(f)(x), rtol=1e-12, atol=1e-14)


def test_E2_a_chain_of_thousands_of_nodes_is_one_path() -> None:
    def chain(x: Any) -> Any:
        for _ in range(5000):
            x = np.sin(x)
        return x

    graph = cr.trace(chain, 0.5)
    (path,) = graph.paths("x")
    assert len(path.nodes) == 5001
    assert path.product == pytest.approx(float(graph.inputs[0].derivative), rel=1e-11)


def added_by_reverse(wrt: list[int]) -> int:
    """How many nodes the native reverse mode adds for sin(x)'s and cos(w)'s chains, added; two for each sine or cosine it visits."""
    graph = _core.Graph("float64")
    x, w = graph.input("x", ()), graph.input("w", ())
    shared = graph.apply("sin", [x])
    left = graph.apply("sin", [graph.apply("sin", [shared])])
    right = graph.apply("sin", [graph.apply("sin", [graph.apply("sin", [w])])])
    y = graph.apply("add", [graph.apply("add", [left, right]), graph.apply("sin", [shared])])
    one = graph.constant(np.array(1.0))
    before = len(graph)
    graph.reverse([y], [one], [[x, w][i] for i in wrt])
    return len(graph) - before


def branches(x: Any, w: Any) -> Any:
    shared = np.sin(x)
    return np.sin(np.sin(shared)) + np.sin(np.sin(np.sin(w))) + np.sin(shared)


@pytest.mark.parametrize(("wrt", "sines", "sums"), [([0], 4, 1), ([1], 3, 0), ([0, 1], 7, 1)])
def test_E4_only_what_wanted_derivatives_depend_on_is_visited(wrt: list[int], sines: int, sums: int) -> None:
    graph = cr.trace(branches, 0.3, 0.9)
    visited = graph.visited(wrt)
    assert len({node.number for node in visited}) == len(visited)
    assert sum(node.operation == "sin" for node in visited) == sines
    # Each sine's rule is a cosine and a product; what comes to `shared` from two sides is added.
    assert added_by_reverse(wrt) == 2 * sines + sums


def test_E4_the_order_is_that_of_the_backward_phase() -> None:
    graph = cr.trace(branches, 0.3, 0.9)
    numbers = [node.number for node in graph.visited(["x", graph.inputs[1]])]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers == [node.number for node in graph.nodes[::-1] if node.derivative is not None]


def test_E7_the_point_stands_beside_the_derivative() -> None:
    x = 2.0
    graph = cr.trace(lambda x: np.log(np.sin(x**3) ** 2), x)
    s, c = np.sin(x**3), np.cos(x**3)
    np.testing.assert_allclose([node.value for node in graph.nodes], [x, x**3, s, s * s, np.log(s * s)], rtol=1e-14)
    of_square = 1 / s**2
    expected = [6 * x**2 * c / s, 2 * c / s, 2 * s * of_square, of_square, 1]
    np.testing.assert_allclose([node.derivative for node in graph.nodes], expected, rtol=1e-13)
    text = graph.table()
    for node in graph.nodes:
        assert f"{float(node.value):.4g}" in text
        assert f"{float(node.derivative):.4g}" in text
