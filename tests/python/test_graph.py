"""The graph itself: shape rules and their error texts, what differentiation adds, what evaluation needs, rows of MATH.md."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from chainrule import _core

# The products and sums of a formula in another order.
ROUNDING = {"rtol": 1e-13, "atol": 1e-14}


class Builder:
    """A float64 graph with short names for what the tests need."""

    def __init__(self) -> None:
        self.graph = _core.Graph("float64")
        self.feeds: dict[int, np.ndarray] = {}

    def variable(self, value: Any) -> int:
        array = np.array(value, dtype=float)
        node = self.graph.input(f"x{len(self.feeds)}", array.shape)
        self.feeds[node] = array
        return node

    def constant(self, value: Any) -> int:
        return self.graph.constant(np.array(value, dtype=float))

    def __call__(self, operation: str, *inputs: int, **attributes: Any) -> int:
        return self.graph.apply(operation, list(inputs), **attributes)

    def grad(self, y: int, *wrt: int) -> list[int]:
        return self.graph.reverse([y], [self.constant(np.ones(self.graph.shape(y)))], list(wrt))

    def values(self, *nodes: int) -> list[np.ndarray]:
        return self.graph.evaluate(list(nodes), self.feeds)

    def operations(self) -> list[str]:
        return [self.graph.operation(node) for node in range(len(self.graph))]


@pytest.fixture
def build() -> Builder:
    return Builder()


# --- shapes and errors ------------------------------------------------------------------------------------------------------------

F, L = "float64", "int64"
REFUSED: list[tuple[str, list[tuple[tuple[int, ...], str]], dict[str, Any], type[Exception], str]] = [
    ("add", [((2,), F)], {}, ValueError, "add: expected 2 inputs, got 1"),
    ("add", [((2,), F), ((3,), F)], {}, ValueError, r"add: expected shapes that broadcast, got \(2,\) and \(3,\)"),
    ("add", [((-1, 3), F), ((4, 3), F)], {}, ValueError, r"got \(rows, 3\) and \(4, 3\)"),
    ("add", [((-1,), F), ((-1, 1), F)], {}, ValueError, r"expected a result with rows as the first dimension only, got shape"),
    ("multiply", [((2,), F), ((2,), L)], {}, TypeError, "multiply: expected float32 or float64, got int64"),
    ("exp", [((2,), L)], {}, TypeError, "exp: expected float32 or float64, got int64"),
    ("matmul", [((2,), F), ((2, 3), F)], {}, ValueError, r"matmul: expected two matrices, got shape \(2,\)"),
    ("matmul", [((-1, 64), F), ((10, 3), F)], {}, ValueError, r"got \(rows, 64\) and \(10, 3\)"),
    ("matmul", [((4, 3), F), ((3, 2), F)], {"transpose_b": True}, ValueError, r"and \(3, 2\) transposed"),
    ("matmul", [((-1, 3), F), ((-1, 3), F)], {"transpose_b": True}, ValueError, "rows as the first dimension only"),
    ("sum", [((2, 3), F)], {"axes": (2,)}, ValueError, "sum: expected axes of an array of rank 2, got 2"),
    ("sum", [((2, 3), F)], {"axes": (1, -1)}, ValueError, "sum: expected each axis once"),
    ("mean", [((), F)], {"axes": (0,)}, ValueError, "mean: expected axes of an array of rank 0, got 0"),
    ("reshape", [((2, 3), F)], {"shape": (4,)}, ValueError, r"reshape: expected a shape of the size of \(2, 3\), got \(4,\)"),
    ("reshape", [((-1, 3), F)], {"shape": (3,)}, ValueError, r"size of \(rows, 3\)"),
    ("reshape", [((6,), F)], {"shape": (2, -1)}, ValueError, "reshape: expected sizes of 0 or more after leading rows"),
    ("transpose", [((2, 3), F)], {"axes": (0, 0)}, ValueError, "transpose: expected each of 2 axes once"),
    ("transpose", [((2, 3), F)], {"axes": (1,)}, ValueError, "transpose: expected each of 2 axes once"),
    ("transpose", [((-1, 3), F)], {}, ValueError, "transpose: expected a result with rows as the first dimension only"),
    ("broadcast_like", [((2,), F), ((3,), F)], {}, ValueError, "broadcast_like: expected shapes that broadcast"),
    ("broadcast_like", [((2, 3), F), ((3,), F)], {}, ValueError, r"expected a shape that broadcasts to \(3,\), got \(2, 3\)"),
    ("sum_like", [((3,), F), ((2, 3), F)], {}, ValueError, r"expected a shape that broadcasts to \(3,\), got \(2, 3\)"),
    ("softmax", [((), F)], {}, ValueError, "softmax: expected a last axis of features"),
    ("log_softmax", [((-1,), F)], {}, ValueError, r"expected a last axis of features, got \(rows,\)"),
    ("softmax_backward", [((2, 3), F), ((3,), F)], {}, ValueError, "softmax_backward: expected two equal shapes"),
    ("relu_backward", [((2, 3), F), ((3,), F)], {}, ValueError, "relu_backward: expected two equal shapes"),
    ("mse", [((3,), F), ((3,), F)], {}, ValueError, r"mse: expected a prediction of shape \(rows, features\), got \(3,\)"),
    ("mse", [((-1, 3), F), ((-1, 2), F)], {}, ValueError, r"expected a target of float64 values of shape \(rows, 3\), got float64"),
    ("mse", [((-1, 3), F), ((-1,), L)], {}, ValueError, r"got int64 of shape \(rows,\)"),
    ("cross_entropy", [((-1, 3), F), ((-1, 3), L)], {}, ValueError, r"int64 labels of shape \(rows,\) or float64 values"),
    ("cross_entropy_backward", [((3,), F), ((-1, 3), F), ((-1,), L)], {}, ValueError, r"expected a cotangent of shape \(rows,\)"),
    ("one_hot_like", [((-1,), F), ((-1, 3), F)], {}, TypeError, "one_hot_like: expected int64 labels, got float64"),
    ("one_hot_like", [((4,), L), ((-1, 3), F)], {}, ValueError, r"expected labels of shape \(rows,\), got \(4,\)"),
    ("dropout_mask", [((-1, 3), F)], {"alpha": 1.0}, ValueError, "dropout_mask: expected a probability from 0 below 1, got 1"),
    ("dropout_mask", [((-1, 3), F)], {"alpha": float("nan")}, ValueError, "expected a probability"),
    ("dropout_mask", [((3,), F)], {}, ValueError, r"dropout_mask: expected shape \(rows, features\), got \(3,\)"),
    ("no_such", [], {}, ValueError, "graph: expected the name of an operation, got 'no_such'"),
]


@pytest.mark.parametrize(("operation", "inputs", "attributes", "error", "message"), REFUSED)
def test_refused(operation: str, inputs: list[Any], attributes: dict[str, Any], error: type[Exception], message: str) -> None:
    graph = _core.Graph("float64")
    nodes = [graph.input(f"x{i}", shape, dtype) for i, (shape, dtype) in enumerate(inputs)]
    with pytest.raises(error, match=message):
        graph.apply(operation, nodes, **attributes)
    assert len(graph) == len(nodes)


def test_names_are_unique_and_shapes_checked() -> None:
    graph = _core.Graph("float32")
    graph.input("x", (-1, 3))
    with pytest.raises(ValueError, match="expected unique names, got 'x' twice"):
        graph.parameter("x", (3,))
    with pytest.raises(ValueError, match="expected a name"):
        graph.input("", (3,))
    with pytest.raises(ValueError, match=r"parameter w: .* got shape \(rows, 3\)"):
        graph.parameter("w", (-1, 3))
    with pytest.raises(ValueError, match=r"input z: .* got shape \(3, rows\)"):
        graph.input("z", (3, -1))
    with pytest.raises(TypeError, match="input z: expected float32 or int64, got float64"):
        graph.input("z", (3,), "float64")
    with pytest.raises(TypeError, match="constant: expected float32 or int64, got float64"):
        graph.constant(np.zeros(3))
    with pytest.raises(TypeError, match="expected an array of float32, float64 or int64, got complex128"):
        graph.constant(np.zeros(3, complex))
    with pytest.raises(IndexError, match="expected a node from 0 below 1, got 1"):
        graph.apply("relu", [1])
    with pytest.raises(IndexError):
        graph.shape(-1)
    with pytest.raises(TypeError):
        _core.Graph("int64")
    assert len(graph) == 1


def test_evaluate_refuses_wrong_values(build: Builder) -> None:
    graph = build.graph
    x, w, labels = graph.input("x", (-1, 3)), graph.parameter("w", (3, 2)), graph.input("labels", (-1,), "int64")
    y = build("cross_entropy", build("matmul", x, w), labels)
    good = {x: np.ones((4, 3)), w: np.ones((3, 2)), labels: np.array([0, 1, 0, 1])}
    (value,) = graph.evaluate([y], good)
    np.testing.assert_allclose(value, np.full(4, np.log(2)), **ROUNDING)
    for feeds, error, message in [
        ({x: good[x], w: good[w]}, ValueError, "evaluate: expected a value for labels, got none"),
        ({**good, x: np.ones((4, 3), np.float32)}, TypeError, "expected float64 for x, got float32"),
        ({**good, x: np.ones((4, 3), ">f8")}, TypeError, "expected an array of float32, float64 or int64, got >f8"),
        ({**good, x: object()}, TypeError, "expected an array of float32, float64 or int64, got object"),
        ({**good, x: np.ones((4, 2))}, ValueError, r"expected shape \(rows, 3\) for x, got \(4, 2\)"),
        ({**good, x: np.ones((5, 3))}, ValueError, "expected 5 rows for labels as for the others, got 4"),
        ({**good, y: np.ones(4)}, ValueError, "expected values for inputs and parameters"),
        ({**good, labels: np.array([0, 1, 2, 0])}, ValueError, "expected labels from 0 below 2, got 2 in row 2"),
        ({**good, labels: np.array([0, -1, 1, 0])}, ValueError, "got -1 in row 1"),
        ({**good, 99: np.ones(4)}, IndexError, "got 99"),
    ]:
        with pytest.raises(error, match=message):
            graph.evaluate([y], feeds)


def test_strided_and_read_only_arrays_are_taken_and_never_changed(build: Builder) -> None:
    x = build.graph.input("x", (-1, 3))
    base = np.arange(24.0).reshape(4, 6)
    view = base[::-1, ::2]
    view.flags.writeable = False
    before = base.copy()
    doubled, same = build.graph.evaluate([build("add", x, x), x], {x: view})
    np.testing.assert_array_equal(doubled, 2 * view)
    same[:] = -1
    np.testing.assert_array_equal(base, before)


def test_dropout_mask_keeps_its_share_and_its_seed(build: Builder) -> None:
    x = build.variable(np.ones((200, 50)))
    mask, again, other = build.values(*(build("dropout_mask", x, alpha=0.25, key=key) for key in (3, 3, 4)))
    np.testing.assert_array_equal(mask, again)
    assert (mask != other).any()
    assert set(np.unique(mask)) == {0, 1 / 0.75}
    # Five standard deviations of the share kept among 10000 draws.
    assert abs((mask > 0).mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / mask.size)


# --- what differentiation adds ----------------------------------------------------------------------------------------------------


def test_a_dense_layer_differentiates_into_what_the_planner_fuses(build: Builder) -> None:
    graph = build.graph
    x, w, b = graph.input("x", (-1, 4)), graph.parameter("w", (4, 3)), graph.parameter("b", (3,))
    seed = graph.input("seed", (-1, 3))
    y = build("relu", build("add", build("matmul", x, w), b))
    before = len(graph)
    gx, gw, gb = graph.reverse([y], [seed], [x, w, b])
    assert sorted(build.operations()[before:]) == ["matmul", "matmul", "relu_backward", "sum"]
    delta = graph.inputs_of(gb)[0]
    assert graph.inputs_of(delta) == [seed, y]
    assert graph.operation(gb) == "sum"
    assert graph.inputs_of(gw) == [x, delta]
    assert graph.inputs_of(gx) == [delta, w]
    assert [graph.shape(node) for node in (gx, gw, gb)] == [(-1, 4), (4, 3), (3,)]


def test_nodes_that_no_wanted_derivative_depends_on_are_not_visited(build: Builder) -> None:
    graph = build.graph
    x = build.variable(np.ones(3))
    left = right = x
    for _ in range(10):
        left, right = build("tanh", left), build("sigmoid", right)
    y = build("multiply", left, right)
    before = len(graph)
    (g,) = build.grad(y, left)
    assert build.operations()[before:] == ["constant", "multiply"]  # the cotangent given, and its product with `right`
    before = len(graph)
    assert graph.reverse([right], [graph.constant(np.ones(3))], [left]) == [-1]
    assert graph.forward([left], [graph.constant(np.ones(3))], [right]) == [-1]
    assert build.operations()[before:] == ["constant", "constant"]
    assert build.values(g)[0].shape == (3,)


def test_evaluation_needs_values_only_for_what_is_wanted(build: Builder) -> None:
    x, unused = build.variable(2.0), build.graph.input("unused", (7,))
    build("exp", unused)
    assert build.values(build("multiply", x, x))[0] == 4
    assert build.graph.evaluate([], {}) == []


def test_wrong_seeds_are_refused(build: Builder) -> None:
    x, labels = build.variable(np.ones(3)), build.graph.input("labels", (3,), "int64")
    y = build("exp", x)
    with pytest.raises(ValueError, match=r"reverse: expected a cotangent of shape \(3,\) and type float64, got \(\) and float64"):
        build.graph.reverse([y], [build.constant(1.0)], [x])
    with pytest.raises(ValueError, match="forward: expected 1 tangents, got 0"):
        build.graph.forward([x], [], [y])
    with pytest.raises(TypeError, match="reverse: expected a variable of type float64, got int64"):
        build.graph.reverse([y], [x], [labels])


def test_a_chain_of_5000_differentiates_twice(build: Builder) -> None:
    x = y = build.variable(0.3)
    for _ in range(5000):
        y = build("scale", build("tanh", y), alpha=1.0001)
    (g,) = build.grad(y, x)
    (h,) = build.grad(g, x)
    (t,) = build.graph.forward([x], [build.constant(1.0)], [g])
    gradient, second, again = build.values(g, h, t)
    a, slope, curve = 0.3, 1.0, 0.0
    for _ in range(5000):
        u = np.tanh(a)
        first = 1.0001 * (1 - u * u)
        a, slope, curve = 1.0001 * u, first * slope, 1.0001 * -2 * u * (1 - u * u) * slope * slope + first * curve
    # 5000 factors, each off by a few ulp.
    np.testing.assert_allclose(gradient, slope, rtol=1e-11)
    np.testing.assert_allclose([second, again], [curve, curve], rtol=1e-9)


def test_e2_a_ladder_of_60_diamonds_is_linear_work(build: Builder) -> None:
    x = a = build.variable(1.0)
    for _ in range(60):
        a = build("add", build("scale", a, alpha=0.5), build("scale", a, alpha=0.75))
    before = len(build.graph)
    (g,) = build.grad(a, x)
    assert len(build.graph) - before <= 1 + 3 * 60
    assert build.values(g)[0] == pytest.approx(1.25**60, rel=1e-13)


def test_an_input_given_twice_counts_once_in_each_place(build: Builder) -> None:
    rng = np.random.default_rng(3)
    x = build.variable(rng.normal(size=(2, 4)))
    y = build("softmax_backward", x, x)  # x (x - sum x^2)
    (g,) = build.grad(y, x)
    value = build.feeds[x]
    expected = 2 * value - (value**2).sum(axis=1, keepdims=True) - 2 * value * value.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(build.values(g)[0], expected, **ROUNDING)


def test_variables_may_depend_on_each_other(build: Builder) -> None:
    """Reverse mode gives totals; forward mode moves a variable by its inputs and by its own tangent."""
    x = build.variable(3.0)
    y = build("multiply", x, x)
    z = build("multiply", y, x)
    gx, gy = build.grad(z, x, y)
    (t,) = build.graph.forward([x, y], [build.constant(2.0), build.constant(5.0)], [z])
    assert [float(v) for v in build.values(gx, gy, t)] == [27, 3, 2 * 27 + 5 * 3]


@pytest.mark.parametrize("swap", [False, True])
def test_c11_the_derivative_of_max_at_zero_is_zero(build: Builder, swap: bool) -> None:
    z = build.variable([-1.0, 0.0, 2.0])
    zero = build.constant(0.0)
    for y in (build("relu", z), build("maximum", zero, z) if swap else build("maximum", z, zero)):
        np.testing.assert_array_equal(build.values(*build.grad(y, z))[0], [0, 0, 1])


def test_equal_operands_of_maximum_share_the_derivative(build: Builder) -> None:
    a, b = build.variable([1.0, 2.0]), build.variable([1.0, 0.0])
    ga, gb = build.values(*build.grad(build("maximum", a, b), a, b))
    np.testing.assert_array_equal(ga, [0.5, 1])
    np.testing.assert_array_equal(gb, [0.5, 0])


def test_nodes_may_be_added_while_another_thread_evaluates(build: Builder) -> None:
    x = build.variable(np.ones((64, 64)))
    y = x
    for _ in range(50):
        y = build("tanh", build("matmul", y, x))
    expected = build.values(y)[0]
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.extend(build.values(y) for _ in range(5))) for _ in range(2)]
    for thread in threads:
        thread.start()
    node = y
    while any(thread.is_alive() for thread in threads):
        node = build("negate", node)
    for thread in threads:
        thread.join()
    assert len(results) == 10
    for (result,) in results:
        np.testing.assert_array_equal(result, expected)


# --- rows of MATH.md that these operations can say --------------------------------------------------------------------------------


def test_b7_gradients_of_three_functions(build: Builder) -> None:
    x, y = build.variable(0.7), build.variable(-1.3)
    second = build("multiply", x, build("exp", y))
    square = build("add", build("power", x, alpha=2), build("scale", build("multiply", x, y), alpha=3))
    third = build("add", build("add", square, build("scale", y, alpha=-5)), build.constant(2.0))
    for f, expected in [
        (build("add", x, y), (1, 1)),
        (second, (np.exp(-1.3), 0.7 * np.exp(-1.3))),
        (third, (2 * 0.7 + 3 * -1.3, 3 * 0.7 - 5)),
    ]:
        np.testing.assert_allclose(build.values(*build.grad(f, x, y)), expected, **ROUNDING)


def test_c1_scalar_rules(build: Builder) -> None:
    x, v = build.variable(1.7), 1.7
    power = lambda base, alpha: build("power", base, alpha=alpha)  # noqa: E731
    three_x = build("scale", x, alpha=3)
    inner = build("add", power(x, 2), build.constant(9.0))
    s = 1 / (1 + np.exp(-v))
    for f, expected in [
        (build("add", power(x, 4), three_x), 4 * v**3 + 3),
        (build("add", build("multiply", power(x, 3), x), three_x), 4 * v**3 + 3),
        (build("log", power(x, 2)), 2 / v),
        (build("scale", power(inner, 3), alpha=2), 12 * v * (v * v + 9) ** 2),
        (build("sigmoid", x), s * (1 - s)),
    ]:
        np.testing.assert_allclose(build.values(*build.grad(f, x))[0], expected, **ROUNDING)


def test_c6_a_variable_used_more_than_once(build: Builder) -> None:
    x, v = build.variable(0.9), 0.9
    y = build("multiply", x, build("exp", build("multiply", x, x)))
    np.testing.assert_allclose(build.values(*build.grad(y, x))[0], np.exp(v * v) * (2 * v * v + 1), **ROUNDING)


def test_d1_d2_the_2_2_1_sigmoid_network(build: Builder) -> None:
    """All nine partial derivatives, by the scalar equations of D1 and the matrix form of D2."""
    rng = np.random.default_rng(11)
    x, w1, b1, w2, b2, y = (rng.normal(size=shape) for shape in [(1, 2), (2, 2), (2,), (2, 1), (1,), (1, 1)])
    nodes = [build.variable(value) for value in (x, w1, b1, w2, b2, y)]
    hidden = build("sigmoid", build("add", build("matmul", nodes[0], nodes[1]), nodes[2]))
    output = build("sigmoid", build("add", build("matmul", hidden, nodes[3]), nodes[4]))
    loss = build("half_mse", output, nodes[5])
    got = build.values(*build.grad(loss, *nodes[1:5]))
    a = 1 / (1 + np.exp(-(x @ w1 + b1)))
    a2 = 1 / (1 + np.exp(-(a @ w2 + b2)))
    delta2 = (a2 - y) * a2 * (1 - a2)
    delta1 = delta2 @ w2.T * a * (1 - a)
    for value, expected in zip(got, [x.T @ delta1, delta1.sum(axis=0), a.T @ delta2, delta2.sum(axis=0)], strict=True):
        np.testing.assert_allclose(value, expected, **ROUNDING)


def test_one_operation_alone_tells_its_operands_apart() -> None:
    graph = _core.Graph("float64")
    x = graph.input("x", ())
    y = graph.apply("subtract", [x, x])
    one, operands, result = graph.alone(y)
    seed = one.constant(np.array(1.0))
    found = one.reverse([result], [seed], operands)
    assert [float(value) for value in one.evaluate(found, {operands[0]: np.array(2.0), operands[1]: np.array(2.0)})] == [1.0, -1.0]
    with pytest.raises(ValueError, match="alone: expected a node with an operation, got node 0"):
        graph.alone(x)


def test_attributes_are_those_that_say_something() -> None:
    graph = _core.Graph("float64")
    x = graph.input("x", (2, 3))
    assert graph.attributes(graph.apply("sum", [x], axes=[1], keepdims=True)) == {"axes": [1], "keepdims": True}
    assert graph.attributes(graph.apply("power", [x], alpha=3.0)) == {"alpha": 3.0}
    assert graph.attributes(graph.apply("exp", [x])) == {}
