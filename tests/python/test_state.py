"""Parameters in and out, initial values, names."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr


def make(seed=0, **more):
    return cr.Sequential([cr.Input(5), cr.Dense(4, "relu", name="first"), cr.Dropout(0.5), cr.Dense(3)], seed=seed, **more)


def test_names_and_shapes():
    shapes = {name: value.shape for name, value in make().parameters().items()}
    assert shapes == {"first.kernel": (5, 4), "first.bias": (4,), "2.kernel": (4, 3), "2.bias": (3,)}
    shapes = {name: value.shape for name, value in make().state_dict().items()}
    assert shapes == {"first.weight": (4, 5), "first.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trips(rng, dtype):
    one, other = make(1, dtype=dtype), make(2, dtype=dtype)
    x = rng.normal(size=(10, 5))
    assert not np.array_equal(one(x), other(x))
    other.set_parameters(one.parameters())
    np.testing.assert_array_equal(one(x), other(x))
    other = make(3, dtype=dtype)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(x), other(x))
    assert {value.dtype for value in one.parameters().values()} == {np.dtype(dtype)}


def test_parameters_are_copies():
    model = make()
    for value in model.parameters().values():
        value[...] = 7
    assert not any((value == 7).any() for value in model.parameters().values())
    given = np.ones((5, 4))
    model.set_parameters({"first.kernel": given})
    given[...] = 7
    assert (model.parameters()["first.kernel"] == 1).all()


def test_predict_equals_numpy(rng):
    model = make(dtype="float64")
    model.set_parameters({name: rng.normal(size=value.shape) for name, value in model.parameters().items()})
    w = model.parameters()
    x = rng.normal(size=(33, 5))
    expected = np.maximum(x @ w["first.kernel"] + w["first.bias"], 0) @ w["2.kernel"] + w["2.bias"]
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-13, atol=1e-13)


def test_setting_parameters_between_fits(blobs):
    x, y = blobs
    model = cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(3)])
    model.fit(x, y, loss="cross_entropy", verbose=0)
    zeros = {name: np.zeros_like(value) for name, value in model.parameters().items()}
    model.set_parameters(zeros)
    assert model.evaluate(x, y)["loss"] == pytest.approx(np.log(3), rel=1e-6)
    model.fit(x, y, verbose=0)
    assert model.parameters()["1.bias"].any()


@pytest.mark.parametrize(
    ("name", "fan", "scale", "uniform"),
    [
        ("glorot_uniform", 200, 1, True),
        ("glorot_normal", 200, 1, False),
        ("he_uniform", 300, 2, True),
        ("he_normal", 300, 2, False),
        ("lecun_uniform", 300, 1, True),
        ("lecun_normal", 300, 1, False),
    ],
)
def test_initial_variance(name, fan, scale, uniform):
    model = cr.Sequential([cr.Input(300), cr.Dense(100, kernel_init=name)], dtype="float64")
    values = model.parameters()["0.kernel"]
    # 30,000 draws: the mean's standard deviation is sigma / 173, the variance's 0.8 % of it.
    assert abs(values.mean()) < 4 * values.std() / 173
    assert values.var() == pytest.approx(scale / fan, rel=0.04)
    assert (np.abs(values).max() <= np.sqrt(3 * scale / fan)) == uniform


def test_other_initial_values():
    kernel = np.arange(6.0).reshape(3, 2)
    model = cr.Sequential(
        [
            cr.Input(3),
            cr.Dense(2, kernel_init=kernel, bias_init="ones"),
            cr.Dense(2, kernel_init=lambda shape: np.full(shape, 5.0), bias_init=[1, 2]),
            cr.Dense(1, kernel_init="zeros", bias_init=cr.initializers.Constant(0.5)),
        ]
    )
    values = model.parameters()
    np.testing.assert_array_equal(values["0.kernel"], kernel)
    np.testing.assert_array_equal(values["0.bias"], [1, 1])
    np.testing.assert_array_equal(values["1.kernel"], [[5, 5], [5, 5]])
    np.testing.assert_array_equal(values["1.bias"], [1, 2])
    np.testing.assert_array_equal(values["2.kernel"], [[0], [0]])
    np.testing.assert_array_equal(values["2.bias"], [0.5])


def test_layers_of_equal_shape_begin_differently():
    values = cr.Sequential([cr.Input(4), cr.Dense(4), cr.Dense(4)]).parameters()
    assert not np.array_equal(values["0.kernel"], values["1.kernel"])


def test_float32_begins_as_float64_rounded():
    single, double = make().parameters(), make(dtype="float64").parameters()
    for name, value in double.items():
        np.testing.assert_array_equal(single[name], value.astype(np.float32))


def test_models_are_pickled_and_copied():
    x = np.random.default_rng(0).normal(size=(30, 5))
    y = (x[:, :3] > 0).astype(float)
    layers = [cr.Input(5, scale=0.5), cr.Dense(4, "relu", name="first"), cr.Dropout(0.5), np.sin, cr.Dense(3)]
    model = cr.Sequential(layers, seed=3, dtype="float64")
    model.fit(x, y, loss="mse", verbose=0)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other(x), model(x))
        assert repr(other) == repr(model)
        assert other.seed == 3
        one, two = (m.train_on_batch(x, y, loss=cr.losses.MSE(), optimizer=cr.SGD(0.1)) for m in (copy.deepcopy(model), other))
        assert one == two
        np.testing.assert_array_equal(other(x), other(x))
    changed = copy.deepcopy(model)
    changed.set_parameters({"first.bias": np.ones(4)})
    assert not np.array_equal(changed(x), model(x))


def test_a_model_without_parameters_and_custom_functions_are_pickled():
    model = pickle.loads(pickle.dumps(cr.Sequential([cr.Dense(2)], seed=5)))
    assert repr(model) == "Sequential([Dense(2)], dtype='float32', input unknown)"
    np.testing.assert_array_equal(
        model.build(3).parameters()["0.kernel"], cr.Sequential([cr.Dense(2)], seed=5).build(3).parameters()["0.kernel"]
    )
    assert pickle.loads(pickle.dumps(cr.losses.Function(np.hypot))) == cr.losses.Function(np.hypot)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(cr.Sequential([cr.Input(1), lambda x: x + 1]))
