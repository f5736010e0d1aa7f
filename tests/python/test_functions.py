"""Functions given in Python as losses, activations and layers: the values of NumPy, the bits of any team, and what is refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core
from chainrule.functions import RowOperations

SHARE = 1 / 3


def mean_square(prediction, target):
    return np.mean((prediction - target) ** 2)


def squares(prediction, target):
    return np.mean((prediction - target) ** 2, axis=1)


def cross_entropy(logits, target):
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(shifted), axis=1)) - np.sum(target * shifted, axis=1)


def swish(x):
    return x / (1 + np.exp(-x))


def gated(x):
    return x[:, ::2] * np.tanh(x[:, 1::2])


def normalised(x):
    return (x - np.mean(x, axis=1, keepdims=True)) / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-3)


@pytest.fixture
def forced():
    yield
    _core.override_threads(0)
    _core.override_schedule(None)


def trained(layers, x, y, loss, dtype, **more):
    model = cr.Sequential([cr.Input(x.shape[1]), *layers], dtype=dtype, seed=3)
    history = model.fit(x, y, loss=loss, verbose=0, **{"epochs": 3, "optimizer": cr.SGD(0.05), **more})
    return model, history.history


@pytest.mark.parametrize(
    ("function", "name"),
    [(mean_square, "mse"), (squares, "mse"), (lambda p, t: np.mean(np.abs(p - t)), "mae"), (cross_entropy, "cross_entropy")],
)
@pytest.mark.parametrize("outputs", [1, 3, 17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_are_the_native_ones(rng, function, name, outputs, dtype):
    x, y = rng.normal(size=(150, 5)), rng.dirichlet(np.ones(outputs), 150)
    weight = rng.uniform(size=150)
    results = [
        trained(
            [cr.Dense(9, "tanh"), cr.Dense(outputs)], x, y, loss, dtype, sample_weight=weight, validation_split=0.2, metrics=["mae"]
        )
        for loss in (function, name)
    ]
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    for key in results[0][1]:
        np.testing.assert_allclose(results[0][1][key], results[1][1][key], rtol=tolerance, atol=tolerance)
    for got, expected in zip(results[0][0].parameters().values(), results[1][0].parameters().values(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64, 65, 73, 150])
@pytest.mark.parametrize("function", [np.sin, swish, gated, normalised, lambda x: np.maximum(x, 0.3 * x) ** 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_numpys(rng, rows, function, dtype):
    model = cr.Sequential([cr.Input(6), cr.Dense(22), function], dtype=dtype)
    x = rng.normal(size=(rows, 6)).astype(dtype)
    z = cr.Sequential([cr.Input(6), cr.Dense(22)], dtype=dtype).predict(x)
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(model.predict(x), function(z), rtol=tolerance, atol=tolerance)
    assert np.array_equal(model.predict(x), np.concatenate([model.predict(row[None]) for row in x]))


@pytest.mark.parametrize(
    ("function", "name"), [(np.tanh, "tanh"), (lambda x: x * np.where(x > 0, 1.0, 0.01), "leaky_relu"), (swish, "silu")]
)
def test_activations_are_the_native_ones(rng, function, name):
    x, y = rng.normal(size=(100, 4)), rng.normal(size=(100, 2))
    one, other = (trained([cr.Dense(19, f), cr.Dense(7, f), cr.Dense(2)], x, y, "mse", "float64")[0] for f in (function, name))
    for got, expected in zip(one.parameters().values(), other.parameters().values(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("function", [swish, gated, normalised])
def test_gradients_against_variables(rng, function):
    model = cr.Sequential([cr.Input(3), cr.Dense(8, function), cr.Dense(2)], dtype="float64")
    x, y = rng.normal(size=(70, 3)), rng.normal(size=(70, 2))
    gradients = model.per_sample_gradients(x, y, loss=mean_square)

    def loss(parameters, x, y):
        w0, b0, w1, b1 = parameters
        return np.mean((function(x[None] @ w0 + b0) @ w1 + b1 - y) ** 2)

    for i in (0, 33, 69):
        for got, expected in zip(gradients.values(), cr.grad(loss)(list(model.parameters().values()), x[i], y[i]), strict=True):
            np.testing.assert_allclose(got[i], expected, rtol=1e-10, atol=1e-13)


def test_jacobians_of_a_model_with_functions(rng):
    model = cr.Sequential([cr.Input(3), cr.Dense(6, swish), gated, cr.Dense(2)], dtype="float64")
    x = rng.normal(size=3)
    w0, b0, w1, b1 = model.parameters().values()
    expected = cr.jacobian(lambda x: gated(swish(x[None] @ w0 + b0))[0] @ w1 + b1)(x)
    jacobians = model.jacobians(x)
    product = np.eye(3)
    for m in jacobians.M:
        product = m.dense() @ product
    np.testing.assert_allclose(product, expected, rtol=1e-11)


@pytest.mark.parametrize("layers", [[swish, normalised], [gated, np.sin]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_bits_for_any_team(rng, forced, layers, dtype):
    x, y = rng.normal(size=(300, 5)), rng.normal(size=(300, 4))
    results = []
    for threads, schedule in [(1, "rows"), (2, "rows"), (3, "rows"), (7, "rows"), (2, "columns"), (3, "columns")]:
        _core.override_threads(threads)
        _core.override_schedule(schedule)
        built = [cr.Dense(70), layers[0], cr.Dropout(0.2), cr.Dense(34, layers[1]), cr.Dense(4)]
        model, history = trained(built, x, y, squares, dtype, batch_size=100, validation_split=0.1)
        results.append((history, {name: value.tobytes() for name, value in model.parameters().items()}))
    assert all(result == results[0] for result in results[1:])


def test_targets_of_another_width(rng):
    def gaussian(prediction, target):
        mean, log_variance = prediction[:, 0], prediction[:, 1]
        return 0.5 * (log_variance + (target[:, 0] - mean) ** 2 * np.exp(-log_variance))

    x = rng.normal(size=(400, 1))
    y = x[:, 0] + rng.normal(0, np.where(x[:, 0] > 0, 1.0, 0.1))
    model = cr.Sequential([cr.Input(1), cr.Dense(32, "tanh"), cr.Dense(2)], seed=1)
    model.fit(x, y, loss=gaussian, epochs=60, optimizer=cr.Adam(0.01), verbose=0)
    spread = np.exp(model.predict(np.array([[-1.0], [1.0]]))[:, 1] / 2)
    assert spread[0] < 0.3 < 0.6 < spread[1]
    assert model.evaluate(x, y)["loss"] == pytest.approx(np.mean(gaussian(model.predict(x), y[:, None])), rel=1e-4)
    with pytest.raises(ValueError, match="expected none for targets of another width"):
        model.fit(x, y, loss=gaussian, metrics=["mae"], verbose=0)


def test_a_fit_with_the_same_function_goes_on(rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    optimizer = cr.Adam(0.01)
    once, parts = (cr.Sequential([cr.Input(3), cr.Dense(4, swish), cr.Dense(1)], seed=2) for _ in range(2))
    once.fit(x, y, loss=mean_square, optimizer=optimizer, epochs=4, verbose=0)
    again = cr.Adam(0.01)
    for _ in range(2):
        parts.fit(x, y, loss=mean_square, optimizer=again, epochs=2, verbose=0)
    assert np.array_equal(once.predict(x), parts.predict(x))
    assert once.train_on_batch(x, y, optimizer=optimizer)["loss"] == pytest.approx(
        np.mean((parts.predict(x)[:, 0] - y) ** 2), rel=1e-5
    )


def test_functions_see_what_they_close_over(rng):
    weights = rng.uniform(0.5, 2, size=3)
    model = cr.Sequential([cr.Input(2), cr.Dense(3)], dtype="float64")
    x, y = rng.normal(size=(20, 2)), rng.normal(size=(20, 3))
    got = model.evaluate(x, y, loss=lambda p, t: np.mean(weights * (p - t) ** 2))["loss"]
    assert got == pytest.approx(np.mean(weights * (model.predict(x) - y) ** 2), rel=1e-12)


def test_names_are_theirs():
    model = cr.Sequential([cr.Input(2), cr.Dense(4, swish), gated, cr.Dense(1)])
    assert "Dense(4, swish), Activation(gated)" in repr(model)
    model.fit(np.ones((4, 2)), np.ones(4), loss=mean_square, verbose=0)
    plan = model.explain_plan()
    assert "function swish_backward" in plan
    assert "function mean_square" in plan


def test_a_function_that_is_called_like_a_native_one_is_not_taken_for_it(rng):
    def relu(x):
        return np.tanh(x)

    x = rng.normal(size=(9, 4))
    model = cr.Sequential([cr.Input(4), cr.Dense(5, relu)])
    np.testing.assert_allclose(
        model.predict(x), np.tanh(cr.Sequential([cr.Input(4), cr.Dense(5)]).predict(x)), rtol=1e-5, atol=1e-6
    )


def test_divergence_names_the_function(rng):
    model = cr.Sequential([cr.Input(2), cr.Dense(3, bias_init="ones"), lambda x: np.log(x - 1e6), cr.Dense(1)])
    with pytest.raises(cr.TrainingDiverged, match="activation_1"):
        model.fit(rng.normal(size=(8, 2)), np.ones(8), loss="mse", verbose=0)


def fit(loss="mse", activation="tanh"):
    model = cr.Sequential([cr.Input(2), cr.Dense(4, activation), cr.Dense(2)])
    model.fit(np.ones((8, 2)), np.ones((8, 2)), loss=loss, verbose=0)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (lambda p, t: np.sum((p - t) ** 2), ValueError, "rows depend on each other or on their number"),
        (lambda p, t: np.sqrt(np.mean((p - t) ** 2)), ValueError, "the mean over the rows"),
        (lambda p, t: (p - t) ** 2, ValueError, r"np\.mean\(\.\.\., axis=1\)"),
        (lambda p, t: np.mean((p - np.mean(p, axis=0)) * t), ValueError, "mean over the rows|rows depend"),
        (lambda p, t: np.mean(t**2), ValueError, "depends on the prediction"),
        (lambda p, t: 1.0, TypeError, "with NumPy's functions"),
        (lambda p, t: np.mean(p - t) if np.mean(p) > 0 else np.mean(t - p), TypeError, "condition"),
        (lambda p: np.mean(p), TypeError, "argument"),
    ],
)
def test_refused_losses(loss, error, words):
    with pytest.raises(error, match=words):
        fit(loss=loss)


@pytest.mark.parametrize(
    ("activation", "error", "words"),
    [
        (lambda x: x - np.mean(x), ValueError, "rows depend on each other"),
        (lambda x: x * (1 / x.shape[0]), ValueError, "on their number"),
        (lambda x: x[::-1], ValueError, "rows depend on each other"),
        (lambda x: np.cumsum(x, axis=0), ValueError, "rows depend on each other"),
        (lambda x: np.sum(x, axis=1), ValueError, r"of shape \(8, columns\)"),
        (lambda x: x.T, ValueError, r"of shape \(8, columns\)"),
        (lambda x: np.ones((len(x), 3)), TypeError, "with NumPy's functions"),
        (lambda x: x if x[0, 0] > 0 else -x, TypeError, "condition"),
        (lambda x: np.fft.fft(x), TypeError, "fft"),
    ],
)
def test_refused_activations(activation, error, words):
    with pytest.raises(error, match=words):
        fit(activation=activation)


def test_constants_of_the_shape_of_a_batch(rng):
    slopes = rng.uniform(size=22)
    model = cr.Sequential([cr.Input(6), cr.Dense(22), lambda x: x * np.tile(slopes, (x.shape[0], 1))], dtype="float64")
    x = rng.normal(size=(150, 6))
    z = cr.Sequential([cr.Input(6), cr.Dense(22)], dtype="float64").predict(x)
    np.testing.assert_allclose(model.predict(x), z * slopes, rtol=1e-14)


def test_a_function_by_element_is_seen_as_one():
    assert RowOperations(swish, "activation").operation((5,), "float32").by_element
    assert not RowOperations(gated, "activation").operation((6,), "float32").by_element
    assert not RowOperations(lambda x: x * np.arange(1.0, 4.0), "activation").operation((3,), "float64").by_element
