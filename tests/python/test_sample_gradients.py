"""Gradients of each sample and the Jacobian of the outputs, against variables, training steps and themselves on other teams."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core


@pytest.fixture
def forced_threads():
    yield _core.override_threads
    _core.override_threads(0)


def net(sizes, activation="tanh", **more):
    hidden = [cr.Dense(size, activation) for size in sizes[1:-1]]
    return cr.Sequential([cr.Input(sizes[0]), *hidden, cr.Dense(sizes[-1])], **more)


def apply(parameters, x):
    values = list(parameters)
    for kernel, bias in zip(values[:-2:2], values[1:-2:2], strict=True):
        x = np.tanh(x @ kernel + bias)
    return x @ values[-2] + values[-1]


def test_names_shapes_and_type(rng):
    model = net([5, 4, 3])
    gradients = model.per_sample_gradients(rng.normal(size=(7, 5)), rng.integers(0, 3, 7), loss="cross_entropy")
    parameters = model.parameters()
    assert list(gradients) == list(parameters)
    assert {name: g.shape for name, g in gradients.items()} == {name: (7, *p.shape) for name, p in parameters.items()}
    assert {g.dtype for g in gradients.values()} == {np.dtype("float32")}


@pytest.mark.parametrize("sizes", [[3, 2], [1, 20, 1], [5, 17, 33, 4]])
def test_against_variables(rng, sizes):
    model = net(sizes, dtype="float64")
    x, y = rng.normal(size=(9, sizes[0])), rng.normal(size=(9, sizes[-1]))
    gradients = model.per_sample_gradients(x, y, loss="mse")
    of_loss = cr.grad(lambda p, x, y: np.mean((apply(p, x) - y) ** 2))
    jacobian = model.residual_jacobian(x).reshape(9, sizes[-1], -1)
    of_outputs = cr.jacobian(lambda p, x: apply(p, x))
    parameters = list(model.parameters().values())
    for i in range(9):
        for got, expected in zip(gradients.values(), of_loss(parameters, x[i], y[i]), strict=True):
            np.testing.assert_allclose(got[i], expected, rtol=1e-11, atol=1e-14)
        flat = [part.reshape(sizes[-1], -1) for part in of_outputs(parameters, x[i])]
        np.testing.assert_allclose(jacobian[i], np.concatenate(flat, axis=1), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    "loss",
    [
        "half_mse",
        "mae",
        "huber",
        "log_cosh",
        "quantile",
        "poisson",
        "hinge",
        "cross_entropy",
        "binary_cross_entropy",
        "sigmoid_nll",
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_their_mean_is_what_a_step_follows(rng, loss, dtype):
    model = net([6, 8, 3], "gelu", dtype=dtype)
    x = rng.normal(size=(300, 6))
    y = rng.integers(0, 3, 300) if loss in ("cross_entropy", "sigmoid_nll", "hinge") else rng.uniform(size=(300, 3))
    gradients = model.per_sample_gradients(x, y, loss=loss)
    before = model.parameters()
    model.train_on_batch(x, y, loss=loss, optimizer=cr.SGD(1.0))
    # The step rounds w - g, and the sums of 300 rows differ in their order.
    tolerance = 300 * np.finfo(dtype).eps
    for name, after in model.parameters().items():
        np.testing.assert_allclose(before[name] - after, gradients[name].mean(axis=0), rtol=tolerance, atol=tolerance)


def test_the_same_bits_for_any_team_and_any_batch(rng, forced_threads):
    model = net([20, 40, 2])
    x, y = rng.normal(size=(130, 20)).astype(np.float32), rng.normal(size=(130, 2))
    forced_threads(1)
    expected, jacobian = model.per_sample_gradients(x, y, loss="mse"), model.residual_jacobian(x)
    forced_threads(3)
    np.testing.assert_array_equal(model.residual_jacobian(x), jacobian)
    again = model.per_sample_gradients(x, y, loss="mse")
    alone = model.per_sample_gradients(x[97:98], y[97:98], loss="mse")
    for name, value in expected.items():
        np.testing.assert_array_equal(again[name], value)
        np.testing.assert_array_equal(alone[name][0], value[97])


def test_what_x_may_be(rng):
    model = cr.Sequential([cr.Input(4, scale=1 / 255), cr.Dense(3, "relu"), cr.Dense(2)])
    x = rng.integers(0, 256, (10, 8)).astype(np.uint8)[::2, ::-2]
    x.flags.writeable = False
    expected = model.residual_jacobian(np.ascontiguousarray(x))
    np.testing.assert_array_equal(model.residual_jacobian(x), expected)
    np.testing.assert_array_equal(model.residual_jacobian(x.astype(np.float64)), expected)
    assert model.residual_jacobian(x[:0]).shape == (0, 4 * 3 + 3 + 3 * 2 + 2)


def test_layers_without_parameters_and_dropout(rng):
    layers = [cr.Dense(5, use_bias=False), cr.Activation("softplus"), cr.Dropout(0.5), cr.Dense(2), cr.Activation("softmax")]
    model = cr.Sequential(layers, dtype="float64").build(3)
    w, v, b = model.parameters().values()

    def f(w, v, b, x):
        z = np.log1p(np.exp(x @ w)) @ v + b
        return np.exp(z) / np.sum(np.exp(z))

    x = rng.normal(size=(4, 3))
    got = model.residual_jacobian(x).reshape(4, 2, -1)
    for i in range(4):
        expected = [part.reshape(2, -1) for part in cr.jacobian(f, (0, 1, 2))(w, v, b, x[i])]
        np.testing.assert_allclose(got[i], np.concatenate(expected, axis=1), rtol=1e-9, atol=1e-12)


def test_the_loss_of_the_last_training(rng):
    model = net([2, 3, 1])
    x, y = rng.normal(size=(8, 2)), rng.normal(size=8)
    with pytest.raises(ValueError, match="per_sample_gradients: expected a loss"):
        model.per_sample_gradients(x, y)
    model.fit(x, y, loss=cr.losses.Huber(0.5), verbose=0)
    expected = model.per_sample_gradients(x, y, loss=cr.losses.Huber(0.5))
    other = model.per_sample_gradients(x, y, loss="huber")
    for name, value in model.per_sample_gradients(x, y).items():
        np.testing.assert_array_equal(value, expected[name])
    assert not np.array_equal(other["0.kernel"], expected["0.kernel"])


def test_they_follow_the_parameters(rng):
    model = net([2, 3, 1])
    x = rng.normal(size=(4, 2))
    before = model.residual_jacobian(x)
    model.set_parameters({"1.kernel": np.zeros((3, 1))})
    after = model.residual_jacobian(x)
    assert before[:, :9].all()
    assert not after[:, :9].any()


def test_errors(rng):
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    unbuilt = cr.Sequential([cr.Dense(3)])
    with pytest.raises(cr.ChainruleError, match="per_sample_gradients: expected a built model"):
        unbuilt.per_sample_gradients(x, y, loss="mse")
    with pytest.raises(cr.ChainruleError, match="residual_jacobian: expected a built model"):
        unbuilt.residual_jacobian(x)
    model = net([2, 4, 3])
    with pytest.raises(ValueError, match="expected input with 2 features"):
        model.residual_jacobian(rng.normal(size=(5, 3)))
    with pytest.raises(ValueError, match="expected y with 5 rows"):
        model.per_sample_gradients(x, y[:4], loss="mse")
    with pytest.raises(ValueError, match="expected labels from 0 to 2"):
        model.per_sample_gradients(x, np.full(5, 3), loss="cross_entropy")
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="got nan at row 3, column 1"):
        model.residual_jacobian(x)
    with pytest.raises(ValueError, match="got nan at row 3, column 1"):
        model.per_sample_gradients(x, y, loss="mse")


def test_errors_name_the_operation() -> None:
    model = cr.Sequential([cr.Input(2), cr.Dense(1)])
    x = np.array([[1.0, np.nan]])
    with pytest.raises(ValueError, match="per_sample_gradients: expected finite values in x"):
        model.per_sample_gradients(x, np.array([1.0]), loss="mse")
    with pytest.raises(ValueError, match="residual_jacobian: expected finite values in x"):
        model.residual_jacobian(x)
