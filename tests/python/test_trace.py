"""Graphs of functions: names, containers, cotangents, tables and errors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(3)


def names(nodes: Any) -> list[str]:
    return [node.name for node in nodes]


def test_inputs_have_the_parameters_names() -> None:
    graph = cr.trace(lambda weight, bias, *rest: weight * bias + rest[0] - rest[1], 1.0, 2.0, 3.0, 4.0)
    assert names(graph.inputs) == ["weight", "bias", "rest[0]", "rest[1]"]
    assert names(graph.outputs) == ["y"]
    assert repr(graph) == "Graph(7 nodes, inputs weight, bias, rest[0], rest[1], outputs y)"


def test_a_function_without_a_signature_has_numbered_inputs() -> None:
    class Product:
        __signature__ = "none"

        def __call__(self, *args: Any) -> Any:
            return args[0] * args[1]

    assert names(cr.trace(Product(), 1.0, 2.0).inputs) == ["x0", "x1"]


def test_a_variables_own_name_wins_and_names_are_distinct() -> None:
    graph = cr.trace(lambda x, y: x * y, 2.0, cr.variable(3.0, name="x"))
    assert names(graph.inputs) == ["x", "x_2"]
    assert names(cr.trace(lambda y: y * y, 2.0).outputs) == ["f"]


def test_containers_give_their_leaves_names() -> None:
    Pair = namedtuple("Pair", "left right")

    def f(p: Any, q: Any) -> Any:
        return {"a": p[0] * p[1]["w"], "b": q.left @ q.right}

    graph = cr.trace(f, (1.0, {"w": 2.0}), Pair(np.ones(3), np.ones(3)))
    assert names(graph.inputs) == ["p[0]", "p[1]['w']", "q.left", "q.right"]
    assert names(graph.outputs) == ["y['a']", "y['b']"]


def test_names_stay_apart_from_numbers() -> None:
    graph = cr.trace(lambda v2, x: np.exp(v2 * x), 1.0, 2.0)
    assert names(graph.nodes) == ["v2", "x", "v2_2", "y"]
    assert graph["v2_2"].formula == "v2 * x"


def test_values_and_derivatives_are_those_of_the_function() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.sum(np.tanh(x @ w) ** 2)

    x, w = RNG.standard_normal((5, 3)), RNG.standard_normal((3, 2))
    graph = cr.trace(f, x, w)
    assert float(graph.outputs[0].value) == pytest.approx(f(x, w), rel=1e-14)
    for node, expected in zip(graph.inputs, cr.grad(f, (0, 1))(x, w), strict=True):
        np.testing.assert_allclose(node.derivative, expected, rtol=1e-14)
    assert not graph.inputs[0].value.flags.writeable


def test_a_result_of_several_numbers_counts_each_once_or_by_its_cotangent() -> None:
    x, u = RNG.standard_normal(4), RNG.standard_normal(4)
    np.testing.assert_allclose(cr.trace(np.sin, x).inputs[0].derivative, np.cos(x), rtol=1e-14)
    weighted = cr.trace(np.sin, x, cotangent=u)
    np.testing.assert_allclose(weighted.inputs[0].derivative, u * np.cos(x), rtol=1e-14)
    assert "derivatives of sum(cotangent * y)" in weighted.table()
    two = cr.trace(lambda x: (x[0] * 2, x[1] * 3), x, cotangent=(5.0, 7.0))
    np.testing.assert_allclose(two.inputs[0].derivative, [10, 21, 0, 0], rtol=1e-14)


def test_what_nothing_flows_back_to_has_no_derivative() -> None:
    graph = cr.trace(lambda x, unused: x * 2.0, 1.0, 5.0)
    assert graph["unused"].derivative is None
    assert graph.count_paths("unused") == 0
    assert list(graph.paths("unused")) == []
    assert names(graph.visited("unused")) == []


def test_a_result_that_depends_on_nothing_is_a_constant() -> None:
    graph = cr.trace(lambda x: 3.0, 1.0)
    assert graph.outputs[0].operation == "constant"
    assert graph["x"].derivative is None


def test_an_input_may_be_the_result() -> None:
    x = RNG.standard_normal(3)
    graph = cr.trace(lambda x: x, x)
    (path,) = graph.paths("x", "x")
    np.testing.assert_array_equal(path.product, np.eye(3))
    np.testing.assert_array_equal(graph["x"].derivative, np.ones(3))


def test_float32_stays_float32() -> None:
    graph = cr.trace(lambda x: x * np.sum(x), np.ones(3, np.float32))
    assert {node.value.dtype.name for node in graph.nodes} == {"float32"}
    assert next(graph.paths("x")).product.dtype == np.float32


def test_a_trace_inside_a_gradient_shows_the_values() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(cr.trace(lambda t: t**3, x))
        return x * x

    assert cr.grad(f)(2.0) == 4.0
    assert float(seen[0].outputs[0].value) == 8.0
    assert float(seen[0].inputs[0].derivative) == 12.0


@pytest.mark.parametrize(
    ("f", "point", "formula"),
    [
        (lambda x: x**3, 2.0, "x ** 3"),
        (lambda x: 1 - x, 2.0, "1 - x"),
        (lambda x: x * -2.5, 2.0, "x * (-2.5)"),
        (lambda x: x[1, 0], np.ones((2, 3)), "x[1, 0]"),
        (lambda x: np.sum(x, axis=1), np.ones((2, 3)), "sum(x, axis=1)"),
        (lambda x: np.mean(x), np.ones((2, 3)), "mean(x)"),
        (lambda x: np.arctan2(x, 2.0), 1.0, "arctan2(x, 2)"),
    ],
)
def test_formulas_are_as_one_would_write_them(f: Any, point: Any, formula: str) -> None:
    assert cr.trace(f, point).outputs[0].formula == formula


def test_the_table_has_both_phases_with_large_arrays_in_short() -> None:
    text = cr.trace(lambda x: np.sum(x * x), RNG.standard_normal((300, 40))).table()
    forward, backward = text.split("\n\n")
    assert [line.split()[0] for line in forward.splitlines()[2:]] == ["x", "v1", "y"]
    assert [line.split()[0] for line in backward.splitlines()[2:]] == ["y", "v1", "x"]
    assert max(map(len, text.splitlines())) < 110


def test_errors_name_what_was_expected() -> None:
    graph = cr.trace(lambda x: (x * 2.0, x + np.ones(3)), np.ones(3))
    with pytest.raises(ValueError, match="expected an argument"):
        cr.trace(lambda: 1.0)
    with pytest.raises(TypeError, match="trace: expected real numbers"):
        cr.trace(lambda x: x, "text")
    with pytest.raises(ValueError, match=r"cotangent of shape \(3,\), got \(2,\)"):
        cr.trace(np.sin, np.ones(3), cotangent=np.ones(2))
    with pytest.raises(ValueError, match="expected a target, since there are 2 outputs"):
        graph.count_paths("x")
    with pytest.raises(ValueError, match="unknown node 'xx': did you mean 'x'"):
        graph.count_paths("xx", 0)
    with pytest.raises(IndexError, match="expected an output from -2 below 2, got 2"):
        graph.count_paths("x", 2)
    with pytest.raises(ValueError, match="got the constant"):
        graph.count_paths(next(node for node in graph.nodes if node.operation == "constant"), 0)
    with pytest.raises(ValueError, match="of another"):
        graph.visited(cr.trace(np.sin, 1.0).inputs[0])
