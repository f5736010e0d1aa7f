"""Rows A1 to A4, C4, C9, D2, D3, E5, F1 and F2: Jacobians of layers and of functions in their structure, and their products.

Each test carries the id of its row of the mathematics that chainrule makes executable. Brute force is the judge: central differences,
or a Jacobian of the whole function element by element.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, operators

RNG = np.random.default_rng(5)
STEP = 1e-6  # errors of central differences in float64: about STEP**2 and eps / STEP = 2e-10, times third derivatives and values


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    """The Jacobian by central differences, of shape (elements of f, elements of x)."""
    x = np.asarray(x, dtype=float)
    columns = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = STEP
        step = step.reshape(x.shape)
        columns.append((np.ravel(f(x + step)) - np.ravel(f(x - step))) / (2 * STEP))
    return np.stack(columns, axis=1)


def model(*layers: Any, features: int = 4, scale: float = 1.0) -> cr.Sequential:
    made = cr.Sequential([cr.Input(features, scale=scale), *layers], seed=3, dtype="float64")
    made.set_parameters({name: RNG.normal(size=value.shape) * 0.7 for name, value in made.parameters().items()})
    return made


def moved(net: cr.Sequential, name: str, x: Any) -> Callable[[Any], Any]:
    """The output as a function of one parameter."""

    def output(value: Any) -> Any:
        before = net.parameters()
        net.set_parameters({name: value})
        result = net.predict(x[None])[0]
        net.set_parameters(before)
        return result

    return output


def brute(net: cr.Sequential, prefix: str, x: Any) -> Any:
    """The Jacobian of the output in all parameters of a layer by central differences."""
    parameters = net.parameters()
    parts = [differences(moved(net, name, x), parameters[name]) for name in parameters if name.split(".")[0] == prefix]
    return np.concatenate(parts, axis=1)


NETS: dict[str, Callable[[], cr.Sequential]] = {
    "one layer": lambda: model(cr.Dense(3, "tanh")),
    "four widths": lambda: model(cr.Dense(7, "gelu"), cr.Dense(2, "sigmoid"), cr.Dense(5, "softplus"), cr.Dense(3)),
    "softmaxes": lambda: model(cr.Dense(5, "softmax"), cr.Activation("log_softmax"), cr.Dense(4, "softmax")),
    "all layers": lambda: model(
        cr.Activation("silu"), cr.Dense(6, use_bias=False), cr.Dropout(0.5), cr.Dense(3, "elu", name="last"), scale=0.25
    ),
}
EACH_NET = pytest.mark.parametrize("make", NETS.values(), ids=list(NETS))


def prefixes(net: cr.Sequential) -> list[str]:
    return [layer.name or str(i) for i, layer in enumerate(net.layers)]


@EACH_NET
def test_A1_A2_each_layer_in_its_input(make: Callable[[], cr.Sequential]) -> None:
    net = make()
    x = RNG.normal(size=4)
    m = net.jacobians(x).M
    assert len(m) == len(net.layers)
    whole = operators.Chain(m[::-1]).dense()
    np.testing.assert_allclose(whole, differences(lambda x: net.predict(x[None])[0], x), atol=1e-8)


def test_A1_layers_of_any_kind_and_unrelated_dimensions() -> None:
    layers: list[tuple[Any, Any]] = [
        (lambda x, a: np.concatenate([np.sin(a * x), x[:1] * x[1:2]]), RNG.normal(size=3)),
        (lambda x, a: np.cumsum(x) * a, np.array(0.7)),
        (lambda x, a: np.exp(x @ a), RNG.normal(size=(4, 2))),
    ]

    def net(parameters: Any) -> Any:
        x: Any = np.array([0.3, -0.8, 0.5])
        for (f, _), a in zip(layers, parameters, strict=True):
            x = f(x, a)
        return x

    parameters = [a for _, a in layers]
    x: Any = np.array([0.3, -0.8, 0.5])
    ms, os = [], []
    for f, a in layers:
        ms.append(operators.jacobian(f, 0)(x, a))
        os.append(operators.jacobian(f, 1)(x, a))
        x = f(x, a)
    expected = cr.jacobian(net)(parameters)
    for layer in range(3):
        product = operators.Chain([*ms[:layer:-1], os[layer]])
        np.testing.assert_allclose(product.dense(), np.reshape(expected[layer], (2, -1)), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", _core.activation_names())
def test_A2_A3_every_activation(activation: str) -> None:
    net = model(cr.Dense(3, activation))
    x = RNG.normal(size=4)
    jacobians = net.jacobians(x)
    assert jacobians.M[0].shape == (3, 4)
    assert jacobians.O[0].shape == (3, 15)
    np.testing.assert_allclose(jacobians.M[0].dense(), differences(lambda x: net.predict(x[None])[0], x), atol=1e-8)
    np.testing.assert_allclose(jacobians.O[0].dense(), brute(net, "0", x), atol=1e-8)


@EACH_NET
def test_A3_A4_the_output_in_the_parameters_of_each_layer(make: Callable[[], cr.Sequential]) -> None:
    net = make()
    x = RNG.normal(size=4)
    jacobians = net.jacobians(x)
    count = len(net.layers)
    for layer, prefix in enumerate(prefixes(net)):
        assert len(jacobians.chain(layer).factors) == (count - layer - 1) + 1
        product = jacobians.product(layer)
        if jacobians.O[layer].shape[1] == 0:
            assert product.shape == (net.predict(x[None]).shape[1], 0)
        else:
            np.testing.assert_allclose(product.dense(), brute(net, prefix, x), atol=1e-8)


def test_A4_equals_reverse_and_forward_mode_and_holds_after_training() -> None:
    net = cr.Sequential([cr.Dense(6, "tanh"), cr.Dense(2, "sigmoid")], dtype="float64")
    rows = RNG.normal(size=(20, 3))
    net.fit(rows, rows[:, :2] ** 2, epochs=3, loss="mse", verbose=0)
    p, x = net.parameters(), rows[0]

    def output(w: Any, b: Any) -> Any:
        return 1 / (1 + np.exp(-(np.tanh(x @ w + b) @ p["1.kernel"] + p["1.bias"])))

    product = net.jacobians(x).product(0).dense()
    for mode in ("forward", "reverse"):
        w, b = cr.jacobian(output, (0, 1), mode)(p["0.kernel"], p["0.bias"])
        np.testing.assert_allclose(product, np.concatenate([w.reshape(2, -1), b], axis=1), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("f", [np.add, np.subtract, np.multiply, np.divide, np.maximum])
def test_C4_element_wise_operators_are_represented_as_diagonal(f: Any) -> None:
    w, x = RNG.normal(size=6), RNG.normal(size=6)
    for argnum in (0, 1):
        jacobian = operators.jacobian(f, argnum)(w, x)
        assert isinstance(jacobian, (operators.Diagonal, operators.Identity))
        np.testing.assert_allclose(jacobian.dense(), cr.jacobian(f, argnum)(w, x), rtol=1e-14, atol=0)


def test_C9_the_parts_of_a_scorer() -> None:
    w, b, u, x = RNG.normal(size=(3, 4)), RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=4)
    z = w @ x + b
    slope = operators.jacobian(np.tanh)(z)
    assert isinstance(slope, operators.Diagonal)
    np.testing.assert_allclose(slope.diagonal, 1 - np.tanh(z) ** 2, rtol=1e-13)
    np.testing.assert_array_equal(operators.jacobian(lambda x: w @ x + b)(x).dense(), w)
    assert isinstance(operators.jacobian(lambda b: w @ x + b)(b), operators.Identity)
    np.testing.assert_array_equal(operators.jacobian(lambda u: u @ x[:3])(u).dense(), x[None, :3])

    def scorer(u: Any, w: Any, x: Any, b: Any) -> Any:
        return u @ np.tanh(w @ x + b)

    arguments = (u, w, x, b)
    for argnum, argument in enumerate(arguments):

        def alone(value: Any, argnum: int = argnum) -> Any:
            return scorer(*arguments[:argnum], value, *arguments[argnum + 1 :])

        jacobian = operators.jacobian(scorer, argnum)(*arguments)
        np.testing.assert_allclose(jacobian.dense(), differences(alone, argument), atol=1e-8)


def test_D2_the_matrix_form_of_each_layer() -> None:
    net = model(cr.Dense(5, "sigmoid"), cr.Dense(3, "sigmoid"), cr.Dense(2, "sigmoid"))
    p = net.parameters()
    rows, targets = RNG.normal(size=(6, 4)), RNG.uniform(size=(6, 2))
    xs = [rows]
    for i in range(3):
        xs.append(1 / (1 + np.exp(-(xs[-1] @ p[f"{i}.kernel"] + p[f"{i}.bias"]))))
    of_x = xs[-1] - targets  # of 1/2 sum (y - t)^2
    # Reverse mode by the product of each sample's Jacobian: the sum over samples of O^T of the residuals.
    samples = [net.jacobians(x) for x in rows]
    residuals = of_x
    for i in reversed(range(3)):
        of_z = of_x * xs[i + 1] * (1 - xs[i + 1])
        expected = np.concatenate([(xs[i].T @ of_z).ravel(), of_z.sum(axis=0)])
        got = sum(sample.product(i).T @ residual for sample, residual in zip(samples, residuals, strict=True))
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-14)
        of_x = of_z @ p[f"{i}.kernel"].T


def test_D2_a_training_step_takes_the_same_gradients() -> None:
    net = model(cr.Dense(5, "tanh"), cr.Dense(2))
    before, rows, targets = net.parameters(), RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    residuals = net.predict(rows) - targets
    net.train_on_batch(rows, targets, loss="half_mse", optimizer=cr.SGD(1.0))
    moved_by = {name: before[name] - value for name, value in net.parameters().items()}
    net.set_parameters(before)
    for layer in range(2):
        gradient = sum(net.jacobians(x).product(layer).T @ r for x, r in zip(rows, residuals, strict=True)) / len(rows)
        step = np.concatenate([moved_by[f"{layer}.kernel"].ravel(), moved_by[f"{layer}.bias"]])
        np.testing.assert_allclose(step, gradient, rtol=1e-10, atol=1e-13)


def test_D3_a_weight_matrix_is_represented_as_a_kronecker_product() -> None:
    x, w = RNG.normal(size=4), RNG.normal(size=(4, 3))
    for jacobian in (operators.jacobian(lambda w: x @ w)(w), model(cr.Dense(3, use_bias=False)).jacobians(x).O[0]):
        assert isinstance(jacobian, operators.Kronecker)
        np.testing.assert_array_equal(jacobian.left.dense(), x[None])
        assert isinstance(jacobian.right, operators.Identity)
        np.testing.assert_array_equal(jacobian.dense(), cr.jacobian(lambda w: x @ w)(w).reshape(3, 12))


def test_D3_vec_of_a_product_and_of_an_outer_product() -> None:
    a, b, c = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5))
    columns = (operators.Kronecker(c.T, a) @ b.ravel(order="F")).reshape((2, 5), order="F")
    np.testing.assert_allclose(columns, a @ b @ c, rtol=1e-12)
    x, y = RNG.normal(size=3), RNG.normal(size=4)
    outer = operators.Kronecker(x[:, None], operators.Identity(4)) @ y
    np.testing.assert_allclose(outer, np.outer(y, x).ravel(order="F"), rtol=1e-15)


def counted(monkeypatch: pytest.MonkeyPatch, f: Any, x: Any) -> dict[str, int]:
    """The passes that jacobian(f) makes at x in each mode."""
    passes = {"forward": 0, "reverse": 0}
    for mode in passes:
        core = getattr(_core, mode)

        def counting(*args: Any, core: Any = core, mode: str = mode) -> Any:
            passes[mode] += 1
            return core(*args)

        monkeypatch.setattr(_core, mode, counting)
    cr.jacobian(f)(x)
    monkeypatch.undo()
    return passes


def test_E5_the_mode_with_the_fewer_passes_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = RNG.normal(size=(3, 40)), RNG.normal(size=(40, 3))
    assert counted(monkeypatch, lambda x: np.tanh(few @ x), np.ones(40)) == {"forward": 0, "reverse": 3}
    assert counted(monkeypatch, lambda x: np.tanh(many @ x), np.ones(3)) == {"forward": 3, "reverse": 0}


def test_E5_F2_a_narrow_waist_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide = RNG.normal(size=(3, 400)) / 20, RNG.normal(size=(400, 3))

    def f(x: Any) -> Any:
        return np.sin(wide @ np.tanh(narrow @ np.cos(x)))

    assert counted(monkeypatch, f, np.ones(400)) == {"forward": 3, "reverse": 3}


def test_F1_structures_survive_products() -> None:
    d, e = operators.Diagonal([2.0, 3.0]), operators.Diagonal([5.0, 7.0])
    np.testing.assert_array_equal((d @ e).diagonal, [10, 21])
    low = operators.LowRank([[1.0], [2.0]], [[3.0], [4.0]])
    product = operators.Dense([[1.0, 1.0], [0.0, 1.0]]) @ low
    assert isinstance(product, operators.LowRank)
    np.testing.assert_array_equal(product.dense(), [[9, 12], [6, 8]])


def test_F2_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    sizes = [30, 35, 15, 5, 10, 20, 25]  # the example of Cormen, Leiserson, Rivest, Stein: 15125 multiplications
    chain = operators.Chain([operators.Dense(RNG.normal(size=shape)) for shape in itertools.pairwise(sizes)])
    plan = chain.plan()
    assert plan.work == 2 * 15125
    assert plan.order("ABCDEF") == "(A (B C)) ((D E) F)"
    np.testing.assert_allclose(chain.dense(), np.linalg.multi_dot([f.dense() for f in chain.factors]), rtol=1e-10, atol=1e-9)


def test_F2_explain_prints_chain_plan_and_both_modes(capsys: pytest.CaptureFixture[str]) -> None:
    model(cr.Dense(8, "tanh"), cr.Dense(2), cr.Dense(6)).jacobians(np.ones(4)).explain()
    text = capsys.readouterr().out
    assert "M[2]     Dense(6, 2)" in text
    assert "O[0]     Kronecker((8, 40): Dense(1, 5) (x) Diagonal(8, 8))" in text
    assert "order    M[2] (M[1] O[0]): 208 FLOPs" in text
    assert "forward " in text
    assert "reverse " in text
