"""Rows A5, B3 to B7, C1 to C8, C11 to C13, D1, D3, E1 to E3, E6 and F3: calculus that variables and transforms do as they are.

Each test carries the id of its row of the mathematics that chainrule makes executable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(11)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_A5_a_chain_of_four_scalar_layers() -> None:
    def net(a: Any) -> list[Any]:
        x = [1.3]
        for weight, f in zip(a, (np.sin, np.tanh, np.exp, np.cos), strict=True):
            x.append(f(weight * x[-1]))
        return x

    a = [0.5, -0.7, 0.9, 1.1]
    x = net(a)
    slopes = [np.cos(a[0] * x[0]), 1 - x[2] ** 2, x[3], -np.sin(a[3] * x[3])]
    outer = [slopes[i] * x[i] for i in range(4)]  # d f(i+1) / d a(i)
    inner = [slopes[i] * a[i] for i in range(4)]  # d f(i+1) / d x(i)
    expected = [outer[i] * np.prod(inner[i + 1 :]) for i in range(4)]
    np.testing.assert_allclose(cr.grad(lambda a: net(a)[-1])(a), expected, rtol=1e-14)


def test_B3_the_first_order_approximation_is_a_jvp() -> None:
    def f(x: Any) -> Any:
        return np.sin(x[0]) * x[1] ** 2

    x0, step = np.array([0.4, 1.5]), np.array([1e-4, -2e-4])
    value, slope = cr.jvp(f, (x0,), (step,))
    assert slope == pytest.approx(cr.grad(f)(x0) @ step, rel=1e-14)
    assert abs(f(x0 + step) - (value + slope)) < 1e-7


def test_B4_the_chain_rule_along_a_curve_and_through_a_map() -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 * x[1] + np.exp(x[2])

    def curve(t: Any) -> Any:
        return np.stack([np.cos(t), t**3, np.sin(t)])

    t = 0.8
    assert cr.grad(lambda t: f(curve(t)))(t) == pytest.approx(cr.grad(f)(curve(t)) @ cr.jacobian(curve)(t), rel=1e-13)
    m = RNG.standard_normal((3, 4))

    def through(u: Any) -> Any:
        return np.tanh(m @ u)

    u = RNG.standard_normal(4)
    np.testing.assert_allclose(cr.grad(lambda u: f(through(u)))(u), cr.grad(f)(through(u)) @ cr.jacobian(through)(u), rtol=1e-13)


def test_B5_a_linear_map() -> None:
    a = RNG.standard_normal((3, 4))
    y = RNG.standard_normal(4)
    np.testing.assert_array_equal(cr.jacobian(lambda y: a @ y)(y), a)
    of_x = cr.grad(lambda x: np.sum(np.sin(x)))(a @ y)
    np.testing.assert_allclose(cr.grad(lambda y: np.sum(np.sin(a @ y)))(y), a.T @ of_x, rtol=1e-13)


def test_B6_the_kronecker_delta() -> None:
    w = RNG.standard_normal((2, 3))
    jacobian = cr.jacobian(lambda w: w)(w)
    assert jacobian.shape == (2, 3, 2, 3)
    np.testing.assert_array_equal(jacobian.reshape(6, 6), np.eye(6))


def test_B7_three_gradients() -> None:
    x, y = 1.7, -0.6
    assert cr.grad(lambda x, y: x + y, (0, 1))(x, y) == (1, 1)
    np.testing.assert_allclose(cr.grad(lambda x, y: x * np.exp(y), (0, 1))(x, y), (np.exp(y), x * np.exp(y)), rtol=1e-15)
    np.testing.assert_allclose(
        cr.grad(lambda x, y: x**2 + 3 * x * y - 5 * y + 2, (0, 1))(x, y), (2 * x + 3 * y, 3 * x - 5), rtol=1e-14
    )


C1: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda x: 99 + 0 * x, lambda x: 0),
    (lambda x: 3 * x, lambda x: 3),
    (lambda x: x**3, lambda x: 3 * x**2),
    (lambda x: x**2 + x**3, lambda x: 2 * x + 3 * x**2),
    (lambda x: x**2 - x**3, lambda x: 2 * x - 3 * x**2),
    (lambda x: x**2 * x, lambda x: x**2 + x * 2 * x),
    (lambda x: x**4 + 3 * x, lambda x: 4 * x**3 + 3),
    (lambda x: (x**3) * x + 3 * x, lambda x: 4 * x**3 + 3),
    (lambda x: np.log(x**2), lambda x: 2 / x),
    (lambda x: 2 * (x**2 + 9) ** 3, lambda x: 12 * x * (x**2 + 9) ** 2),
    (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
]


@pytest.mark.parametrize(("f", "derivative"), C1)
def test_C1_scalar_rules(f: Callable[[Any], Any], derivative: Callable[[Any], Any]) -> None:
    for x in RNG.uniform(0.3, 2.0, 26):
        assert cr.grad(f)(x) == pytest.approx(derivative(x), rel=1e-13)


def test_C2_gradient_and_jacobian_of_two_functions() -> None:
    x, y = 1.5, -2.0
    both = cr.jacobian(lambda v: np.stack([3 * v[0] ** 2 * (2 * v[1] + 7), 4 * v[0] + v[1] ** 2]))(np.array([x, y]))
    np.testing.assert_allclose(both, [[6 * x * (2 * y + 7), 6 * x**2], [4, 2 * y]], rtol=1e-15)


def test_C3_the_identity() -> None:
    np.testing.assert_array_equal(cr.jacobian(lambda x: x)(RNG.standard_normal(5)), np.eye(5))


@pytest.mark.parametrize(
    ("f", "of_w", "of_x"),
    [
        (np.add, lambda w, x: np.ones_like(w), lambda w, x: np.ones_like(w)),
        (np.subtract, lambda w, x: np.ones_like(w), lambda w, x: -np.ones_like(w)),
        (np.multiply, lambda w, x: x, lambda w, x: w),
        (np.divide, lambda w, x: 1 / x, lambda w, x: -w / x**2),
        (np.maximum, lambda w, x: 1.0 * (w > x), lambda w, x: 1.0 * (x > w)),
    ],
)
def test_C4_jacobians_of_element_wise_operators_are_diagonal(f: Any, of_w: Any, of_x: Any) -> None:
    w, x = RNG.standard_normal(6), RNG.standard_normal(6)
    got = cr.jacobian(f, (0, 1))(w, x)
    np.testing.assert_allclose(got[0], np.diag(of_w(w, x)), rtol=1e-14, atol=0)
    np.testing.assert_allclose(got[1], np.diag(of_x(w, x)), rtol=1e-14, atol=0)


def test_C5_a_chain_through_intermediates() -> None:
    for x in RNG.uniform(0.5, 1.3, 26):
        expected = 6 * x**2 * np.cos(x**3) / np.sin(x**3)
        assert cr.grad(lambda x: np.log(np.sin(x**3) ** 2))(x) == pytest.approx(expected, rel=1e-12)


def test_C6_a_variable_used_more_than_once() -> None:
    for x in RNG.uniform(-1.0, 1.0, 26):
        assert cr.grad(lambda x: x * np.exp(x * x))(x) == pytest.approx(np.exp(x**2) * (2 * x**2 + 1), rel=1e-13)


def test_C7_the_total_derivative() -> None:
    x = 0.7

    def f(u: Any, v: Any) -> Any:
        return u**2 * np.sin(v)

    of_u, of_v = cr.grad(f, (0, 1))(np.exp(x), x**3)
    total = of_u * cr.grad(np.exp)(x) + of_v * cr.grad(lambda x: x**3)(x)
    assert cr.grad(lambda x: f(np.exp(x), x**3))(x) == pytest.approx(total, rel=1e-14)


def test_C8_the_vector_chain_rule() -> None:
    def f(g: Any) -> Any:
        return np.stack([np.log(g[0]), np.sin(g[1])])

    def g(x: Any) -> Any:
        return np.stack([x**2, 3 * x])

    x = 1.2
    of_f, of_g = cr.jacobian(f)(g(x)), cr.jacobian(g)(x)
    np.testing.assert_allclose(of_f, np.diag([1 / x**2, np.cos(3 * x)]), rtol=1e-14)
    np.testing.assert_allclose(of_g, [2 * x, 3], rtol=1e-15)
    np.testing.assert_allclose(of_f @ of_g, [2 / x, 3 * np.cos(3 * x)], rtol=1e-14)
    np.testing.assert_allclose(cr.jacobian(lambda x: f(g(x)))(x), of_f @ of_g, rtol=1e-14)


def neuron(w: Any, b: Any, x: Any) -> Any:
    return np.maximum(0, np.dot(w, x) + b)


@pytest.mark.parametrize("b", [5.0, -5.0])
def test_C11_one_relu_neuron(b: float) -> None:
    w, x = RNG.standard_normal(3), RNG.uniform(-0.5, 0.5, 3)
    of_w, of_b = cr.grad(neuron, (0, 1))(w, b, x)
    np.testing.assert_array_equal(of_w, x if b > 0 else np.zeros(3))
    assert of_b == (1 if b > 0 else 0)


def test_C11_at_exactly_zero() -> None:
    of_w, of_b = cr.grad(neuron, (0, 1))(np.array([1.0, 2.0]), -5.0, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(of_w, [0, 0])
    assert of_b == 0


def test_C12_the_cost_of_a_neuron() -> None:
    xs, ys = RNG.standard_normal((20, 3)), RNG.standard_normal(20)
    w, b = RNG.standard_normal(3), 0.3

    def cost(w: Any, b: Any) -> Any:
        return np.mean((ys - np.maximum(0, xs @ w + b)) ** 2)

    z = xs @ w + b
    error = np.where(z > 0, z - ys, 0)
    of_w, of_b = cr.grad(cost, (0, 1))(w, b)
    np.testing.assert_allclose(of_w, 2 * error @ xs / 20, rtol=1e-13)
    assert of_b == pytest.approx(2 * error.mean(), rel=1e-13)


def test_C13_sums_products_and_broadcasting() -> None:
    w, x = RNG.standard_normal(4), RNG.standard_normal(4)
    np.testing.assert_array_equal(cr.grad(lambda w: np.sum(w * x))(w), x)
    np.testing.assert_array_equal(cr.grad(lambda w: np.dot(w, x))(w), x)
    assert cr.grad(lambda s: np.sum(s * x))(2.0) == pytest.approx(x.sum(), rel=1e-14)
    np.testing.assert_array_equal(cr.jacobian(lambda x: np.maximum(0, x))(x), np.diag(1.0 * (x > 0)))
    assert cr.grad(lambda s: np.sum(np.maximum(s, x)))(0.1) == np.sum(x < 0.1)


def test_D1_the_two_two_one_network() -> None:
    w, b, x, y = RNG.standard_normal(6), RNG.standard_normal(3), RNG.standard_normal(2), 0.4

    def loss(w: Any, b: Any) -> Any:
        a0 = sigmoid(w[0] * x[0] + w[1] * x[1] + b[0])
        a1 = sigmoid(w[2] * x[0] + w[3] * x[1] + b[1])
        return 0.5 * (y - sigmoid(w[4] * a0 + w[5] * a1 + b[2])) ** 2

    a0, a1 = sigmoid(w[0] * x[0] + w[1] * x[1] + b[0]), sigmoid(w[2] * x[0] + w[3] * x[1] + b[1])
    a2 = sigmoid(w[4] * a0 + w[5] * a1 + b[2])
    d2 = (a2 - y) * a2 * (1 - a2)
    d0, d1 = d2 * w[4] * a0 * (1 - a0), d2 * w[5] * a1 * (1 - a1)
    of_w, of_b = cr.grad(loss, (0, 1))(w, b)
    np.testing.assert_allclose(of_w, [d0 * x[0], d0 * x[1], d1 * x[0], d1 * x[1], d2 * a0, d2 * a1], rtol=1e-12)
    np.testing.assert_allclose(of_b, [d0, d1, d2], rtol=1e-12)


def test_D3_vec_and_kronecker() -> None:
    def vec(a: Any) -> Any:  # columns below each other
        return np.ravel(a.T)

    a, b, c = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 4)), RNG.standard_normal((4, 5))
    np.testing.assert_allclose(cr.jacobian(lambda v: vec(a @ np.reshape(v, (4, 3)).T @ c))(vec(b)), np.kron(c.T, a), rtol=1e-12)
    x, y = RNG.standard_normal(3), RNG.standard_normal(2)
    np.testing.assert_allclose(np.kron(x[:, None], np.eye(2)) @ y, vec(np.outer(y, x)), rtol=1e-15)
    w = RNG.standard_normal((2, 3))
    np.testing.assert_array_equal(cr.jacobian(lambda v: np.reshape(v, (3, 2)).T @ x)(vec(w)), np.kron(x[None, :], np.eye(2)))


def test_E1_what_comes_back_is_summed() -> None:
    def f(x: Any) -> Any:
        u = np.sin(x)
        return u * u + np.exp(u) + 3 * u

    x = 0.4
    assert cr.grad(f)(x) == pytest.approx((2 * np.sin(x) + np.exp(np.sin(x)) + 3) * np.cos(x), rel=1e-14)


def test_E2_two_to_the_sixtieth_paths_in_linear_work() -> None:
    def ladder(x: Any) -> Any:
        for _ in range(60):
            x = 0.5 * x + 0.5 * x
        return x

    begin = time.perf_counter()
    assert cr.grad(ladder)(1.0) == 1
    assert time.perf_counter() - begin < 1


def test_E2_four_paths() -> None:
    def graph(a: Any) -> Any:
        c = (a**2) * (3 * a)
        return np.sin(c) + c**2

    a = 0.9
    c = 3 * a**3
    assert cr.grad(graph)(a) == pytest.approx((2 * a * 3 * a + 3 * a**2) * (np.cos(c) + 2 * c), rel=1e-13)


def test_E3_jacobians_of_tensors() -> None:
    x = RNG.standard_normal((2, 3))
    y = RNG.standard_normal((4, 1, 2))
    jacobian = cr.jacobian(lambda x, y: {"p": y @ x, "q": (np.sin(x), y)}, (0, 1))(x, y)
    assert jacobian["p"][0].shape == (4, 1, 3, 2, 3)
    assert jacobian["p"][1].shape == (4, 1, 3, 4, 1, 2)
    assert jacobian["q"][0][1].shape == (2, 3, 4, 1, 2)
    assert not jacobian["q"][0][1].any()


def test_E6_halving_the_step_divides_the_remainder_by_four() -> None:
    def h(x: Any) -> Any:
        return np.tanh(x[0]) * np.exp(x[1])

    x, direction = np.array([0.3, -0.5]), np.array([0.6, 0.8])

    def remainder(step: float) -> float:
        value, slope = cr.jvp(h, (x,), (step * direction,))
        return float(abs(h(x + step * direction) - value - slope))

    for step in (1e-2, 5e-3, 2.5e-3):
        assert remainder(step) / remainder(step / 2) == pytest.approx(4, rel=0.02)


def test_F3_higher_orders() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * np.roll(x, 1) ** 3)

    x, v = RNG.standard_normal(4), RNG.standard_normal(4)
    hessian = cr.hessian(f)(x)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cr.hvp(f)(x, v), hessian @ v, rtol=1e-12)
    np.testing.assert_allclose(cr.jacobian(cr.grad(f), mode="reverse")(x), hessian, rtol=1e-12, atol=1e-14)
    fifth = cr.grad(cr.grad(cr.grad(cr.grad(cr.grad(lambda x: np.exp(2 * x))))))
    assert fifth(0.1) == pytest.approx(32 * np.exp(0.2), rel=1e-13)
