"""Rows A1 to A4, C9, E4 and E5 with the transforms alone: networks as composite functions, and the work of each mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

RNG = np.random.default_rng(23)
Layer = Callable[[Any, Any], Any]

# Any differentiable functions, each with parameters of a dimension of its own.
FUNCTIONS: list[Layer] = [
    lambda x, a: np.tanh(np.reshape(a[:12], (4, 3)) @ x + a[12:]),  # dense, 3 -> 4
    lambda x, a: np.stack([a[0] * x[0] * x[1], np.sum(x) + a[1], np.exp(a[2] * x[3]), x[2], np.sin(x[0])]),  # 4 -> 5
    lambda x, a: x * np.exp(-a * a),  # one gain for all, 5 -> 5
    lambda x, a: np.cumsum(x)[1:4:2] ** 2 / np.sum(a * a),  # 5 -> 2
]
PARAMETERS = [16, 3, 1, 6]
POINT = RNG.standard_normal(3)
VALUES = [0.5 * RNG.standard_normal(size) for size in PARAMETERS]


def net(x: Any, *parameters: Any) -> Any:
    for f, a in zip(FUNCTIONS, parameters, strict=False):
        x = f(x, a)
    return x


def jacobians(depth: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The M and the O of each of the first layers, at the values that flow through them."""
    x, inner, outer = POINT, [], []
    for f, a in zip(FUNCTIONS[:depth], VALUES, strict=False):
        m, o = cr.jacobian(f, (0, 1))(x, a)
        inner.append(m)
        outer.append(o)
        x = f(x, a)
    return inner, outer


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_A1_a_net_of_any_layers_is_a_composite_function(depth: int) -> None:
    cr.check_grads(net, (POINT, *VALUES[:depth]), order=2, atol=1e-5, rtol=1e-5)


def test_A2_A3_the_shapes_of_the_jacobians_of_layers() -> None:
    inner, outer = jacobians(4)
    assert [m.shape for m in inner] == [(4, 3), (5, 4), (5, 5), (2, 5)]
    assert [o.shape for o in outer] == [(4, 16), (5, 3), (5, 1), (2, 6)]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_A4_the_product_of_jacobians(depth: int, mode: Any) -> None:
    inner, outer = jacobians(depth)
    whole = cr.jacobian(net, tuple(range(1, depth + 1)), mode=mode)(POINT, *VALUES[:depth])
    for layer in range(depth):
        product = outer[layer]
        for m in inner[layer + 1 :]:  # depth - layer - 1 factors, each from the left
            product = m @ product
        np.testing.assert_allclose(whole[layer], product, rtol=1e-12, atol=1e-14)


def test_C9_jacobians_of_an_affine_map_and_an_activation() -> None:
    w, b, x, u = RNG.standard_normal((4, 3)), RNG.standard_normal(4), RNG.standard_normal(3), RNG.standard_normal(4)
    of_x, of_b = cr.jacobian(lambda x, b: w @ x + b, (0, 1))(x, b)
    np.testing.assert_array_equal(of_x, w)
    np.testing.assert_array_equal(of_b, np.eye(4))
    np.testing.assert_allclose(cr.jacobian(np.tanh)(u), np.diag(1 - np.tanh(u) ** 2), rtol=1e-14)
    h = np.tanh(w @ x + b)
    np.testing.assert_array_equal(cr.jacobian(lambda u: u @ h)(u), h)


def test_C9_a_scorer_in_all_its_inputs() -> None:
    w, b, x, u = 0.4 * RNG.standard_normal((4, 3)), RNG.standard_normal(4), RNG.standard_normal(3), RNG.standard_normal(4)

    def score(u: Any, w: Any, x: Any, b: Any) -> Any:
        return u @ np.tanh(w @ x + b)

    of_u, of_w, of_x, of_b = cr.grad(score, (0, 1, 2, 3))(u, w, x, b)
    h = np.tanh(w @ x + b)
    delta = u * (1 - h * h)
    np.testing.assert_allclose(of_u, h, rtol=1e-14)
    np.testing.assert_allclose(of_w, np.outer(delta, x), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(of_x, w.T @ delta, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(of_b, delta, rtol=1e-13, atol=1e-15)


def test_E4_what_no_wanted_derivative_depends_on_is_not_visited() -> None:
    def visited(wanted: int) -> int:
        """The nodes that a backward phase of ten layers adds for the wanted input of the sixth."""
        graph = _core.Graph("float64")
        x = graph.input("x", (3,))
        weights = [graph.input(f"w{layer}", (3,)) for layer in range(10)]
        y = x
        for w in weights:
            y = graph.apply("sin", [graph.apply("multiply", [y, w])])
        before = len(graph)
        graph.reverse([y], [y], [[x, *weights][wanted]])
        return len(graph) - before

    # A layer costs cos, its product with the cotangent, and a product with the weight, or with the layer's input in the last one.
    assert [visited(layer) for layer in (10, 6, 1, 0)] == [3, 15, 30, 30]


@pytest.mark.parametrize(("inputs", "outputs", "phases"), [(20, 3, "reverse"), (3, 20, "forward"), (1, 1, "reverse")])
def test_E5_the_mode_of_fewer_phases_is_chosen(monkeypatch: pytest.MonkeyPatch, inputs: int, outputs: int, phases: str) -> None:
    w = RNG.standard_normal((outputs, inputs))
    counts = {"forward": 0, "reverse": 0}

    def counted(mode: str, run: Any, *arguments: Any) -> Any:
        counts[mode] += 1
        return run(*arguments)

    for mode in counts:
        monkeypatch.setattr(_core, mode, partial(counted, mode, getattr(_core, mode)))
    jacobian = cr.jacobian(lambda x: np.tanh(w @ x))(0.1 * np.ones(inputs))
    assert jacobian.shape == (outputs, inputs)
    other = "forward" if phases == "reverse" else "reverse"
    assert counts == {phases: min(inputs, outputs), other: 0}
