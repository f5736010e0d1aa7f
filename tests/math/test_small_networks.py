"""Rows B1, B2, C10, F4 and F5: nets with their gradients by hand, gradients of each sample, Levenberg-Marquardt.

Each test carries the id of its row of the mathematics that chainrule makes executable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(17)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


# f and f'
HIDDEN: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    (np.sin, np.cos),
    (lambda z: z / np.sqrt(1 + z * z), lambda z: (1 + z * z) ** -1.5),
]


def by_hand(w1: Any, w2: Any, x: Any, y: Any, f: Any, slope: Any) -> tuple[Any, Any]:
    """B2 with kernels (in, out): dE/dW1_ji = -1/N sum (y - y_hat) W2_i f'(z_i) x_j, dE/dW2_i = -1/N sum (y - y_hat) a_i."""
    z = x @ w1
    error = y - f(z) @ w2
    n = len(x)
    return -np.einsum("s,i,si,sj->ji", error, w2, slope(z), x) / n, -error @ f(z) / n


@pytest.mark.parametrize(("f", "slope"), HIDDEN)
def test_B1_B2_one_hidden_layer_with_any_function(f: Any, slope: Any) -> None:
    w1, w2 = RNG.standard_normal((3, 5)), RNG.standard_normal(5)
    x, y = RNG.standard_normal((20, 3)), RNG.standard_normal(20)

    def cost(w1: Any, w2: Any) -> Any:
        return np.sum((y - f(x @ w1) @ w2) ** 2) / (2 * len(y))

    of_w1, of_w2 = cr.grad(cost, (0, 1))(w1, w2)
    expected = by_hand(w1, w2, x, y, f, slope)
    np.testing.assert_allclose(of_w1, expected[0], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(of_w2, expected[1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("activation", "functions"), [("sigmoid", HIDDEN[0]), ("tanh", HIDDEN[1])])
def test_B1_B2_one_hidden_layer_as_a_model(activation: str, functions: Any) -> None:
    x, y = RNG.standard_normal((20, 3)), RNG.standard_normal(20)
    model = cr.Sequential(
        [cr.Input(3), cr.Dense(5, activation, use_bias=False), cr.Dense(1, use_bias=False)], seed=2, dtype="float64"
    )
    w1, w2 = model.parameters().values()
    np.testing.assert_allclose(model.predict(x), functions[0](x @ w1) @ w2, rtol=1e-13)
    gradients = model.per_sample_gradients(x, y, loss="half_mse")
    expected = by_hand(w1, w2[:, 0], x, y, *functions)
    np.testing.assert_allclose(gradients["0.kernel"].mean(axis=0), expected[0], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(gradients["1.kernel"].mean(axis=0)[:, 0], expected[1], rtol=1e-11, atol=1e-14)


def test_C10_an_mlp_whose_cost_is_the_log_of_one_output() -> None:
    x, k, lr = RNG.standard_normal(4), 1, 0.3
    model = cr.Sequential([cr.Input(4), cr.Dense(6, "sigmoid"), cr.Dense(3)], seed=3, dtype="float64")
    w1, b1, w2, b2 = model.parameters().values()

    def cost(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return -np.log(sigmoid(sigmoid(x @ w1 + b1) @ w2 + b2)[k])

    u2 = sigmoid(x @ w1 + b1)
    u4 = sigmoid(u2 @ w2 + b2)
    of_u4 = np.zeros(3)
    of_u4[k] = -1 / u4[k]
    np.testing.assert_allclose(cr.grad(lambda u: -np.log(u[k]))(u4), of_u4, rtol=1e-15)
    of_u3 = of_u4 @ np.diag(u4 * (1 - u4))
    of_u1 = of_u3 @ w2.T @ np.diag(u2 * (1 - u2))
    expected = [np.outer(x, of_u1), of_u1, np.outer(u2, of_u3), of_u3]

    recorded = cr.grad(cost, (0, 1, 2, 3))(w1, b1, w2, b2)
    native = model.per_sample_gradients(x[None, :], np.array([k]), loss="sigmoid_nll")
    for of_variables, of_model, by_rule in zip(recorded, native.values(), expected, strict=True):
        np.testing.assert_allclose(of_variables, by_rule, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(of_model[0], by_rule, rtol=1e-12, atol=1e-15)

    logs = model.train_on_batch(x[None, :], np.array([k]), loss="sigmoid_nll", optimizer=cr.SGD(lr))
    assert logs["loss"] == pytest.approx(cost(w1, b1, w2, b2), rel=1e-13)
    for before, after, by_rule in zip((w1, b1, w2, b2), model.parameters().values(), expected, strict=True):
        np.testing.assert_allclose(after, before - lr * by_rule, rtol=1e-12, atol=1e-15)


def test_F4_gradients_of_each_sample_and_the_jacobian_of_residuals() -> None:
    x, y = RNG.standard_normal((11, 3)), RNG.standard_normal((11, 2))
    model = cr.Sequential([cr.Input(3), cr.Dense(4, "softplus"), cr.Dense(2)], dtype="float64")
    parameters = list(model.parameters().values())

    def residuals(parameters: Any) -> Any:
        w1, b1, w2, b2 = parameters
        return np.log1p(np.exp(x @ w1 + b1)) @ w2 + b2 - y

    jacobian = model.residual_jacobian(x)
    expected = [part.reshape(22, -1) for part in cr.jacobian(residuals)(parameters)]
    np.testing.assert_allclose(jacobian, np.concatenate(expected, axis=1), rtol=1e-11, atol=1e-14)
    gradients = model.per_sample_gradients(x, y, loss="half_mse")
    flat = np.concatenate([value.reshape(11, -1) for value in gradients.values()], axis=1)
    pulled = np.einsum("so,sop->sp", residuals(parameters), jacobian.reshape(11, 2, -1))
    np.testing.assert_allclose(flat, pulled, rtol=1e-11, atol=1e-14)
    step = RNG.standard_normal(flat.shape[1])

    def remainder(size: float) -> float:
        moved, begin = [], 0
        for value in parameters:
            moved.append(value + size * step[begin : begin + value.size].reshape(value.shape))
            begin += value.size
        return float(np.linalg.norm((residuals(moved) - residuals(parameters)).ravel() - size * jacobian @ step))

    assert remainder(1e-3) / remainder(5e-4) == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ends", [(-np.pi, np.pi), (0, 2 * np.pi)])
def test_F5_levenberg_marquardt_fits_a_sine(ends: tuple[float, float], dtype: str, seed: int) -> None:
    x = np.linspace(*ends, 100)[:, None]
    y = np.sin(x)
    model = cr.Sequential([cr.Dense(20, "tanh"), cr.Dense(1)], seed=seed, dtype=dtype)
    history = model.fit(x, y, epochs=100, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)
    assert len(history) <= 100
    assert np.mean((model.predict(x) - y) ** 2) < 1e-8


def test_F5_a_step_is_damped_gauss_newton_and_half_its_bend() -> None:
    x, y = RNG.standard_normal((30, 2)), RNG.standard_normal((30, 1))
    model = cr.Sequential([cr.Input(2), cr.Dense(3, "tanh"), cr.Dense(1)], seed=1, dtype="float64")
    optimizer = cr.LevenbergMarquardt(damping=0.5, min_damping=0.5, max_damping=0.5)
    model.train_on_batch(x, y, loss="mse", optimizer=optimizer)  # the first step is turned aside
    shapes = {name: value.shape for name, value in model.parameters().items()}

    def point() -> Any:
        return np.concatenate([value.ravel() for value in model.parameters().values()])

    def residuals(p: Any) -> Any:
        parts = np.split(p, np.cumsum([np.prod(shape) for shape in shapes.values()])[:-1])
        w1, b1, w2, b2 = (part.reshape(shape) for part, shape in zip(parts, shapes.values(), strict=True))
        return (np.tanh(x @ w1 + b1) @ w2 + b2 - y)[:, 0]

    before, j = point(), model.residual_jacobian(x)
    model.train_on_batch(x, y)
    step = point() - before
    a = j.T @ j
    damped = a + 0.5 * np.diag(np.maximum(np.diag(a), 0.1 * np.diag(a).max()))
    gauss_newton = np.linalg.solve(damped, -j.T @ residuals(before))
    ahead = residuals(before + 0.1 * gauss_newton)  # the second derivative along the step, from its first tenth
    second = 2 / 0.1 * ((ahead - residuals(before)) / 0.1 - j @ gauss_newton)
    bend = np.linalg.solve(damped, -j.T @ second)
    np.testing.assert_allclose(step, gauss_newton + 0.5 * bend, rtol=1e-8, atol=1e-10)
