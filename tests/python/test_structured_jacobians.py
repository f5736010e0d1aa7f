"""Jacobians of functions and models: modes, waists, structures, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, operators

RNG = np.random.default_rng(21)
NARROW, WIDE = RNG.normal(size=(2, 40)) / 6, RNG.normal(size=(30, 2))


def hourglass(x: Any, y: Any = 0.0) -> Any:
    """40 inputs, a waist of 2, 30 outputs."""
    return np.sin(WIDE @ np.tanh(NARROW @ np.cos(x + y)))


def waist_of(f: Any, x: Any) -> Any:
    v = cr.variable(x)
    return _core.jacobian_work([v], f(v))[0]


def test_auto_equals_both_modes_through_a_waist() -> None:
    x = RNG.normal(size=40)
    auto = cr.jacobian(hourglass)(x)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(auto, cr.jacobian(hourglass, mode=mode)(x), rtol=1e-12, atol=1e-15)


def test_auto_in_several_arguments_and_shapes() -> None:
    x, y = RNG.normal(size=(8, 5)), RNG.normal(size=(5,))

    def f(x: Any, y: Any) -> Any:
        return np.reshape(hourglass(np.ravel(x + y)), (6, 5))

    for got, expected in zip(cr.jacobian(f, (0, 1))(x, y), cr.jacobian(f, (0, 1), "reverse")(x, y), strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


def test_auto_composes() -> None:
    x = RNG.normal(size=40)

    def square(x: Any, mode: Any) -> Any:
        return np.sum(cr.jacobian(hourglass, mode=mode)(x) ** 2)

    got = cr.grad(lambda x: square(x, "auto"))(x)
    np.testing.assert_allclose(got, cr.grad(lambda x: square(x, "reverse"))(x), rtol=1e-10, atol=1e-13)
    _, along = cr.jvp(cr.grad(lambda x: square(x, "auto")), (x,), (np.ones(40),))
    _, expected = cr.jvp(cr.grad(lambda x: square(x, "forward")), (x,), (np.ones(40),))
    np.testing.assert_allclose(along, expected, rtol=1e-9, atol=1e-12)


def test_float32_stays() -> None:
    assert cr.jacobian(hourglass)(np.ones(40, np.float32)).dtype == np.float32


def test_the_narrowest_value_that_everything_passes_through() -> None:
    x = RNG.normal(size=40)
    assert waist_of(hourglass, x).shape in ((2,), (2, 1))
    assert waist_of(lambda x: hourglass(x) + x[0], x) is None
    assert waist_of(np.sin, x) is None


def test_waists_are_those_without_which_nothing_is_reached() -> None:
    for _ in range(50):
        x = cr.variable(0.5)
        nodes = [x]
        for _ in range(12):
            near = nodes[-3:]
            a, b = near[RNG.integers(len(near))], near[RNG.integers(len(near))]
            nodes.append(np.sin(a) + b if RNG.integers(2) else np.cos(a))
        y = nodes[-1]
        graph, (source,), (output,) = _core.extract([x], [""], [y])

        def reached_without(node: int, graph: Any = graph, source: int = source, output: int = output) -> bool:
            reached = {source} - {node}
            for other in range(source, output + 1):
                if other != node and reached.intersection(graph.inputs_of(other)):
                    reached.add(other)
            return output in reached

        expected = [n for n in range(source + 1, output) if graph.operation(n) != "constant" and not reached_without(n)]
        assert len(_core.waists([x], y)) == len(expected)


LONG = """
import numpy as np
import chainrule as cr
from chainrule import _core
x = y = cr.variable(np.ones(20))
for _ in range(200_000):
    y = y * 0.9999
print(len(_core.waists([x], y)))
"""


def test_long_functions_are_no_recursion(run_python: Any) -> None:
    assert run_python(LONG).split() == ["199999"]  # in a process of its own: the tape would remember how long it was


FUNCTIONS: list[tuple[Any, tuple[int, ...], Any]] = [
    (lambda x: x, (3,), operators.Identity),
    (lambda x: x.reshape(6) + 1, (2, 3), operators.Identity),
    (lambda x: x + x, (3,), operators.Diagonal),
    (lambda x: np.sin(x) * x, (2, 3), operators.Diagonal),
    (lambda x: np.sin(x).ravel() * np.arange(6.0), (2, 3), operators.Diagonal),
    (lambda x: x * np.ones((3, 1)), (3,), operators.Dense),
    (lambda x: x.T, (2, 3), operators.Dense),
    (lambda x: x @ np.arange(6.0).reshape(3, 2), (2, 3), operators.Kronecker),
    (lambda x: np.arange(6.0).reshape(2, 3) @ x, (3, 4), operators.Kronecker),
    (lambda x: np.arange(6.0).reshape(2, 3) @ x, (3,), operators.Dense),
    (lambda x: x @ x, (3, 3), operators.Dense),
    (lambda x: (x @ x) @ (x @ x), (2, 2), operators.Dense),
    (lambda x: np.arange(6.0).reshape(3, 2), (3,), operators.Dense),
    (lambda x: np.sum(x * x), (4,), operators.Dense),
    (cr.grad(lambda x: np.sum(np.tanh(x @ np.ones((3, 2))))), (2, 3), operators.Chain),
    (hourglass, (40,), operators.Chain),
]


@pytest.mark.parametrize(("f", "shape", "structure"), FUNCTIONS)
def test_structured_jacobians_of_functions(f: Any, shape: tuple[int, ...], structure: type) -> None:
    x = RNG.normal(size=shape)
    got = operators.jacobian(f)(x)
    assert type(got) is structure
    np.testing.assert_allclose(got.dense(), cr.jacobian(f, mode="reverse")(x).reshape(got.shape), rtol=1e-12, atol=1e-14)


def test_structured_jacobians_of_what_depends_on_other_variables_only() -> None:
    other = cr.variable(np.ones(3))
    jacobian = operators.jacobian(lambda x: other * 2)(np.ones(2))
    np.testing.assert_array_equal(jacobian.dense(), np.zeros((3, 2)))


def test_structured_jacobians_refuse_variables_and_containers() -> None:
    with pytest.raises(TypeError, match="expected a plain array, got a variable"):
        cr.grad(lambda x: np.sum(operators.jacobian(np.sin)(x).dense()))(np.ones(2))
    with pytest.raises(TypeError, match="expected one array as argument and one as result"):
        operators.jacobian(lambda x: (x, x))(np.ones(2))


def test_jacobians_of_a_model_in_its_own_type() -> None:
    jacobians = cr.Sequential([cr.Input(3), cr.Dense(4, "relu"), cr.Dense(2, "softmax")]).jacobians([1, 2, 3])
    for operator in [*jacobians.M, *jacobians.O, jacobians.product(0)]:
        assert operator.dtype == np.float32


class Skip(cr.Layer):
    """x W1 + tanh(x W2): no single line of operations."""

    def parameters(self, features: int) -> Any:
        return cr.Dense(features).parameters(features)[:1] + tuple(
            spec._replace(name="other") for spec in cr.Dense(features).parameters(features)[:1]
        )

    def add_to(self, graph: Any, nodes: tuple[int, ...], place: Any, training: bool) -> int:
        (node,) = nodes
        size = graph.shape(node)[1]
        kernel, other = (graph.parameter(f"{place.prefix}.{name}", (size, size)) for name in ("kernel", "other"))
        curved = graph.apply("tanh", [graph.apply("matmul", [node, other])])
        return graph.apply("add", [graph.apply("matmul", [node, kernel]), curved])


def test_layers_without_a_known_structure_are_dense() -> None:
    net = cr.Sequential([cr.Input(3), Skip(), cr.Dense(2, "tanh")], dtype="float64")
    p, x = net.parameters(), RNG.normal(size=3)
    jacobians = net.jacobians(x)

    def layer(x: Any, w: Any, v: Any) -> Any:
        return x @ w + np.tanh(x @ v)

    m, of_w, of_v = cr.jacobian(layer, (0, 1, 2))(x, p["0.kernel"], p["0.other"])
    np.testing.assert_allclose(jacobians.M[0].dense(), m, rtol=1e-12)
    np.testing.assert_allclose(jacobians.O[0].dense(), np.concatenate([of_w.reshape(3, 9), of_v.reshape(3, 9)], 1), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda net: net.jacobians(np.ones((1, 3))),
            ValueError,
            "jacobians: expected one sample x of shape (features,), got shape (1, 3)",
        ),
        (lambda net: net.jacobians(np.ones(4)), ValueError, "expected input with 3 features"),
        (lambda net: net.jacobians([1, np.nan, 2]), ValueError, "jacobians"),
        (lambda net: net.jacobians(["a", "b", "c"]), TypeError, "jacobians: expected x of float32"),
        (lambda net: net.jacobians(np.ones(3)).product(2), IndexError, "product: expected a layer from -2 below 2, got 2"),
        (lambda net: net.jacobians(np.ones(3)).chain(0.5), TypeError, "chain: expected layer as an integer, got 0.5"),
        (lambda net: cr.Sequential([cr.Dense(2)]).jacobians(np.ones(3)), cr.ChainruleError, "jacobians: expected a built model"),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call(cr.Sequential([cr.Input(3), cr.Dense(4), cr.Dense(2)]))
    assert text in str(caught.value)
