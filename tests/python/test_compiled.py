"""Compiled functions: the interpreter's values bit for bit, on what was recorded and on other values; errors that name what is baked in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from jax_cases import CASES as FUNCTIONS
from numpy.typing import NDArray
from operation_cases import CASES, Case

import chainrule as cr
from chainrule import _core

Array = NDArray[Any]


def compare(graph: _core.Graph, inputs: list[int], wanted: list[int], feeds: dict[int, Array]) -> None:
    """Run the same nodes by the interpreter and compiled, twice: the second run finds the buffers used."""
    program = _core.compile(graph, inputs, wanted)
    for _ in range(2):
        for found, expected in zip(program(*(feeds[i] for i in inputs)), graph.evaluate(wanted, feeds), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert np.shape(found) == expected.shape


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_operation_and_its_derivatives(case: Case, dtype: str) -> None:
    graph = _core.Graph(dtype)
    feeds: dict[int, Array] = {}
    nodes = []
    for number, array in enumerate(case.arrays):
        if array.dtype == np.int64:
            nodes.append(graph.constant(array))
            continue
        nodes.append(graph.input(f"x{number}", array.shape))
        feeds[nodes[-1]] = np.asarray(array, dtype)
    y = graph.apply(case.operation, nodes, **case.attributes)
    u = graph.constant(np.asarray(np.random.default_rng(1).uniform(0.5, 1.5, graph.shape(y)), dtype))
    wrt = [node for number, node in enumerate(nodes) if number not in case.fixed and node in feeds]
    gradients = [node for node in graph.reverse([y], [u], wrt) if node >= 0]
    seeds = [graph.constant(np.ones(graph.shape(node), dtype)) for node in gradients]
    second = [node for node in graph.reverse(gradients, seeds, wrt) if node >= 0]
    compare(graph, list(feeds), [y, *gradients, *second], feeds)


ELEMENTWISE = ["add", "subtract", "multiply", "maximum", "sin", "tanh", "square", "negate", "sigmoid"]


@pytest.mark.parametrize("seed", range(60))
def test_graphs_made_at_random(seed: int) -> None:
    """Values used far apart, several times, by operations of other shapes; blocks that end in the middle."""
    rng = np.random.default_rng(seed)
    graph = _core.Graph("float64")
    n = int(rng.choice([1, 3, 512, 700, 1500]))
    shapes = [(), (n,), (2, n), (2, 1)]
    inputs = [graph.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    feeds = {node: np.asarray(rng.uniform(-1, 1, graph.shape(node))) for node in inputs}
    nodes = [*inputs, graph.constant(np.array(0.5))]
    for _ in range(40):
        kind = rng.integers(10)
        a, b = (int(nodes[i]) for i in rng.integers(len(nodes), size=2))
        if kind == 0:
            nodes.append(graph.apply("sum", [a], axes=list(range(len(graph.shape(a))))[: int(rng.integers(1, 3))]))
        elif kind == 1:
            nodes.append(graph.apply("reshape", [a], shape=(int(np.prod(graph.shape(a))),)))
        else:
            name = str(rng.choice(ELEMENTWISE))
            binary = name in ELEMENTWISE[:4]
            try:
                nodes.append(graph.apply(name, [a, b] if binary else [a]))
            except ValueError:  # shapes that do not broadcast
                continue
    outputs = [int(node) for node in rng.choice(nodes, 3)]
    compare(graph, inputs, outputs, feeds)
    total = graph.apply("sum", [outputs[0]])
    gradients = graph.reverse([total], [graph.constant(np.array(1.0))], inputs)
    compare(graph, inputs, [node for node in gradients if node >= 0], feeds)


def test_only_what_is_needed_is_evaluated() -> None:
    graph = _core.Graph("float64")
    x, unused = graph.input("x", (3,)), graph.input("unused", (3,))
    dear = graph.apply("exp", [unused])
    y = graph.apply("sin", [x])
    facts = _core.compiled_facts(_core.compile(graph, [x, unused], [y]))
    assert facts["evaluated"] == [y]
    assert dear not in facts["evaluated"]


def test_memory_is_used_again() -> None:
    graph = _core.Graph("float64")
    x = node = graph.input("x", (1000, 100))
    for _ in range(50):
        node = graph.apply("sin", [graph.apply("transpose", [node], axes=(1, 0))])
    facts = _core.compiled_facts(_core.compile(graph, [x], [node]))
    assert facts["buffer_bytes"] <= 3 * 8 * 1000 * 100


def test_operations_by_element_are_one_pass() -> None:
    graph = _core.Graph("float64")
    x = node = graph.input("x", (1000,))
    for _ in range(50):
        node = graph.apply("sin", [graph.apply("multiply", [node, x])])
    facts = _core.compiled_facts(_core.compile(graph, [x], [node]))
    assert facts["steps"] == 1
    assert facts["buffer_bytes"] == 8 * 1000


def scalar(x: Any) -> Any:
    return np.log(np.sin(x**3) ** 2) * x + np.exp(-x) * np.tanh(x)


def network(p: dict[str, Any], x: Any) -> Any:
    return np.sum(np.tanh(x @ p["w"] + p["b"]) ** 2) / x.shape[0]


def test_derivatives_compile_and_have_the_same_bits() -> None:
    for x in (1.3, 0.4):
        assert cr.compile(scalar)(x) == scalar(cr.variable(x)).value
        for function in (cr.grad(scalar), cr.grad(cr.grad(scalar)), cr.value_and_grad(scalar)):
            assert cr.compile(function)(x) == function(x)


def test_containers_and_later_values() -> None:
    rng = np.random.default_rng(0)
    function = cr.value_and_grad(network)
    compiled = cr.compile(function)
    for _ in range(3):
        p, x = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}, rng.normal(size=(5, 3))
        (value, gradient), (expected, of_p) = compiled(p, x), function(p, x)
        assert value == expected
        np.testing.assert_array_equal(gradient["w"], of_p["w"])
        np.testing.assert_array_equal(gradient["b"], of_p["b"])
    assert repr(compiled) == "Compiled(network, 1 signature)"


def test_lists_and_tuples_are_made_and_taken_natively() -> None:
    def f(x: Any, y: Any) -> Any:
        return [x[0] * y[0][1], (x[1] - 1, 3, None)], {"sum": np.sum(y[1])}

    compiled = cr.compile(f)
    x, y = [0.5, 2.0], ([1.0, 3.0], np.arange(3.0))
    for _ in range(2):
        assert compiled(x, y) == f(x, y)
    first = compiled(x, y)
    first[0].append(1)
    assert compiled(x, y) == f(x, y)
    assert "1 signature)" in repr(compiled)
    # Made in another way, they are another signature, whatever the numbers.
    assert compiled((0.5, 2.0), y) == f(x, y)
    assert compiled([0.5, 2.0, 1.0], y) == f(x, y)
    assert "3 signatures" in repr(compiled)
    gradient = cr.compile(cr.grad(lambda w: np.tanh(w[0] * w[1]) + w[2]))
    np.testing.assert_allclose(
        gradient([0.3, 0.4, 0.5]), cr.grad(lambda w: np.tanh(w[0] * w[1]) + w[2])([0.3, 0.4, 0.5]), rtol=1e-15
    )


def test_shapes_and_types_are_compiled_anew() -> None:
    compiled = cr.compile(lambda x, n=2: np.sum(x**n))
    x = np.array([1.0, 2.0])
    assert compiled(x) == 5
    assert compiled(np.array([1.0, 2.0, 3.0])) == 14
    assert compiled(x, 3) == 9
    assert compiled(x, n=3) == 9
    assert compiled(x.astype(np.float32)).dtype == np.float32
    assert compiled(x) == 5
    assert "5 signatures" in compiled.explain()


def test_arrays_of_any_strides() -> None:
    compiled = cr.compile(lambda x: x * 2.0)
    x = np.arange(12.0).reshape(3, 4)
    for view in (x, x.T.copy().T, x[::-1], x[:, ::-1]):
        np.testing.assert_array_equal(compiled(view), 2 * view)


def test_results_are_arrays_of_their_own() -> None:
    compiled = cr.compile(lambda x: (x, x.reshape(2, 1)))
    x = np.array([1.0, 2.0])
    first = compiled(x)
    second = compiled(x + 1)
    np.testing.assert_array_equal(first[0], x)
    np.testing.assert_array_equal(first[1].ravel(), x)
    np.testing.assert_array_equal(second[0], x + 1)


def test_constants_and_functions_without_numbers() -> None:
    assert cr.compile(lambda x: 3.0)(1.0) == 3.0
    assert cr.compile(lambda n: n + 1)(1) == 2
    assert cr.compile(lambda x: (x, None, 2))(1.5) == (1.5, None, 2)


def test_a_compiled_function_is_differentiated_as_the_function() -> None:
    compiled = cr.compile(scalar)
    assert cr.grad(compiled)(1.3) == cr.grad(scalar)(1.3)
    assert compiled.grad(1.3) == cr.grad(scalar)(1.3)
    assert cr.compile(lambda x: compiled(x) * 2.0)(1.3) == 2 * compiled(1.3)


def piecewise(x: Any) -> Any:
    inner = (x > -1) & ~(x >= 1) | (x == 3)
    other = np.select([x < -2, np.logical_or(x <= -1.5, np.isnan(x))], [x**2, np.sin(x)], 0.5)
    return np.where(inner, np.exp(x), other) + np.nan_to_num(x) + np.where(x != 2, 0.0, 1.0)


def test_conditions_are_recorded() -> None:
    compiled = cr.compile(piecewise)
    compiled(np.zeros(8))  # recorded on other values
    x = np.array([-3.0, -2.0, -1.7, -1.0, 0.0, 2.0, 3.0, np.nan])
    np.testing.assert_array_equal(compiled(x), piecewise(x))
    np.testing.assert_array_equal(compiled(x[::-1].copy()), piecewise(x)[::-1])
    slope = cr.compile(cr.elementwise_grad(piecewise))
    slope(np.zeros(7))
    np.testing.assert_array_equal(slope(x[:7]), cr.elementwise_grad(piecewise)(x[:7]))


BAKED: dict[str, Callable[[Any], Any]] = {
    "a condition (if, while, and, or) on": lambda x: x if x > 0 else -x,
    "float() of": lambda x: x * float(x),
    "int() of": lambda x: x * int(x),
    "the value of": lambda x: x * x.value,
}


@pytest.mark.parametrize("what", BAKED)
def test_what_would_be_baked_in_is_named(what: str) -> None:
    with pytest.raises(TypeError, match="compile: expected a function whose course does not depend on values") as error:
        cr.compile(BAKED[what])(2.0)
    assert what in str(error.value)
    assert not _core.is_tracing()


def test_functions_that_read_values_are_refused() -> None:
    for function in (np.sort, np.argmax, lambda x: x[np.argsort(x)]):
        with pytest.raises(TypeError, match="compile: expected a function whose course"):
            cr.compile(function)(np.array([2.0, 1.0]))


REFUSED = {"sort", "median"}  # the order of the values fixes what moves where


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - REFUSED))
def test_functions_of_numpy_on_other_values(name: str) -> None:
    function, arrays = FUNCTIONS[name]
    compiled = cr.compile(partial(function, np))
    compiled(*arrays)
    other = [0.97 * array for array in arrays]
    recorded = function(np, *map(cr.variable, other)).value
    np.testing.assert_array_equal(compiled(*map(np.asarray, other)), recorded)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_functions_that_look_at_the_order_of_values_are_refused(name: str) -> None:
    function, arrays = FUNCTIONS[name]
    with pytest.raises(TypeError, match="compile: expected a function whose course"):
        cr.compile(partial(function, np))(*arrays)


def test_shapes_and_types_are_no_values() -> None:
    def f(x: Any) -> Any:
        assert (np.shape(x), np.ndim(x), np.size(x), np.result_type(x)) == ((3,), 1, 3, np.float64)
        return x + np.zeros_like(x) + np.ones_like(x)

    np.testing.assert_array_equal(cr.compile(f)(np.arange(3.0)), np.arange(3.0) + 1)


def test_derivatives_in_what_a_function_closes_over() -> None:
    assert cr.grad(lambda w: cr.compile(lambda x: x * w)(3.0))(2.0) == 3

    def with_kept(w: Any) -> Any:
        inner = cr.compile(lambda x: x * w * w)
        return inner(3.0) + inner(1.0)

    assert cr.grad(with_kept)(2.0) == 16
    assert cr.compile(cr.grad(with_kept))(2.0) == 16


class Pair(NamedTuple):
    a: float
    b: float


def test_named_tuples_are_containers() -> None:
    compiled = cr.compile(lambda p: p.a * p.b)
    assert compiled(Pair(1.0, 2.0)) == 2
    assert compiled(Pair(2.0, 2.0)) == 4
    assert "1 signature" in repr(compiled)


def test_errors() -> None:
    with pytest.raises(TypeError, match="compile: expected numbers, arrays and hashable arguments, got a set"):
        cr.compile(lambda x, s: x)(1.0, {1})
    with pytest.raises(ValueError, match="matmul"):
        cr.compile(lambda x: x @ x)(np.ones((2, 3)))
    graph = _core.Graph("float64")
    x, y = graph.input("x", (2,)), graph.input("y", (2,))
    both = graph.apply("add", [x, y])
    with pytest.raises(ValueError, match="compile: expected y among the inputs"):
        _core.compile(graph, [x], [both])
    rows = _core.Graph("float64")
    with pytest.raises(ValueError, match="compile: expected fixed shapes"):
        _core.compile(rows, [rows.input("x", (-1, 2))], [0])


def test_an_error_while_running_leaves_the_program_usable() -> None:
    compiled = cr.compile(np.linalg.cholesky)
    good, bad = np.eye(2) * 4, -np.eye(2)
    np.testing.assert_array_equal(compiled(good), np.eye(2) * 2)
    with pytest.raises(ValueError, match="cholesky"):
        compiled(bad)
    np.testing.assert_array_equal(compiled(good), np.eye(2) * 2)
