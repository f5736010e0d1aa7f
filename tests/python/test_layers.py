"""Layers beyond the dense one, and models that are no row of layers: values, gradients, bits, errors."""

import hashlib

import numpy as np
import pytest

import chainrule as cr
import chainrule.numpy as cnp
from chainrule import _core

EPSILON = 1e-5


def standardized(x, axis):
    d = x - cnp.mean(x, axis=axis, keepdims=True)
    return d / cnp.sqrt(cnp.mean(d * d, axis=axis, keepdims=True) + EPSILON)


def dense(p, name, x):
    return x @ p[f"{name}.kernel"] + p[f"{name}.bias"]


def affine(p, name, x):
    return x * p[f"{name}.scale"] + p[f"{name}.shift"]


def layer_norm(p, x):
    return dense(p, "2", cnp.tanh(affine(p, "1", standardized(dense(p, "0", x), 1))))


def batch_norm(p, x):
    return dense(p, "2", cnp.tanh(affine(p, "1", standardized(dense(p, "0", x), 0))))


def residual(p, x):
    y = cnp.tanh(dense(p, "0", x))
    y = y + dense(p, "1.1", affine(p, "1.0", standardized(y, 1)))
    return dense(p, "2", y)


def embedding(p, x):
    index = np.asarray(x[:, [3, 1]]).astype(int)
    rows = cnp.concatenate([p["0.table"][index[:, 0]], p["0.table"][index[:, 1]]], axis=1)
    return dense(p, "1", cnp.concatenate([x[:, [0, 2]], rows], axis=1))


def gated(x, slope, shift):
    return cnp.where(x > 0, x, slope * x) * cnp.exp(-cnp.abs(shift))


def lambda_layer(p, x):
    y = gated(dense(p, "0", x), p["1.slope"], p["1.shift"])
    return dense(p, "2", y)


CASES = {
    "lambda": (
        lambda: [cr.Dense(7), cr.Lambda(gated, {"slope": 0.25, "shift": np.arange(7.0) / 3 + 0.1}), cr.Dense(2)],
        lambda_layer,
    ),
    "layer norm": (lambda: [cr.Dense(7), cr.LayerNorm(), cr.Activation("tanh"), cr.Dense(2)], layer_norm),
    "batch norm": (lambda: [cr.Dense(19), cr.BatchNorm(), cr.Activation("tanh"), cr.Dense(2)], batch_norm),
    "residual": (lambda: [cr.Dense(7, "tanh"), cr.Residual(cr.LayerNorm(), cr.Dense(7)), cr.Dense(2)], residual),
    "embedding": (lambda: [cr.Embedding(5, 3, columns=[3, 1]), cr.Dense(2)], embedding),
}


@pytest.fixture
def data(rng):
    x = rng.normal(size=(23, 4))
    x[:, [1, 3]] = rng.integers(0, 5, (23, 2))
    return x, rng.normal(size=(23, 2))


@pytest.mark.parametrize("case", CASES)
def test_a_step_descends_the_gradient(data, case):
    x, y = data
    layers, formula = CASES[case]
    model = cr.Sequential([cr.Input(4), *layers()], dtype="float64", seed=2)
    names = {name: value for name, value in model.parameters().items() if "running" not in name}
    renamed = {"3.kernel": "2.kernel", "3.bias": "2.bias"} if "norm" in case else {}
    p = {renamed.get(name, name): value for name, value in names.items()}

    def loss(p):
        return cnp.mean((formula(p, x) - y) ** 2)

    value, gradient = cr.value_and_grad(loss)(p)
    got = model.train_on_batch(x, y, loss="mse", optimizer=cr.SGD(1.0))["loss"]
    assert got == pytest.approx(float(value), rel=1e-12)
    after = model.parameters()
    for name, before in names.items():
        np.testing.assert_allclose(before - after[name], gradient[renamed.get(name, name)], rtol=1e-9, atol=1e-12, err_msg=name)


def test_batch_norm_remembers_as_pytorch_does(rng):
    x = rng.normal(size=(10, 3)) * 2 + 5
    model = cr.Sequential([cr.Input(3), cr.BatchNorm(momentum=0.25), cr.Dense(1)], dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for rows in (x[:6], x[6:], x[:1]):
        model.train_on_batch(rows, np.zeros(len(rows)), loss="mse", optimizer="sgd")
        mean = 0.75 * mean + 0.25 * rows.mean(axis=0)
        if len(rows) > 1:
            variance = 0.75 * variance + 0.25 * rows.var(axis=0, ddof=1)
    p = model.parameters()
    np.testing.assert_allclose(p["0.running_mean"], mean, rtol=1e-14)
    np.testing.assert_allclose(p["0.running_var"], variance, rtol=1e-14)
    u = (x - mean) / np.sqrt(variance + EPSILON) * p["0.scale"] + p["0.shift"]
    np.testing.assert_allclose(model.predict(x), u @ p["1.kernel"] + p["1.bias"], rtol=1e-13)
    before = model.parameters()
    model.evaluate(x, np.zeros(10))
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())


def test_statistics_stay_where_a_step_fails(rng):
    x = rng.normal(size=(8, 3))
    model = cr.Sequential([cr.Input(3), cr.BatchNorm(), cr.Dense(1)])
    before = model.parameters()
    with pytest.raises(cr.TrainingDiverged):
        model.train_on_batch(x, np.full(8, 1e30), loss="mse", optimizer="sgd")
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())


# --- several inputs and outputs ---------------------------------------------------------------------------------------------------


def two_headed(seed=0, dtype="float64"):
    numbers, kind = cr.Input(3, name="numbers"), cr.Input(2, name="kind")
    h = cr.concatenate([numbers, cr.Embedding(4, 3, name="table")(kind)])
    h = cr.Dense(9, "tanh", name="hidden")(h)
    gate = cr.Dense(9, "sigmoid", name="gate")(h)
    h = h * gate + cr.Dense(9, name="other")(numbers)
    outputs = {"price": cr.Dense(1, name="a")(h), "sold": cr.Dense(3, name="b")(h[:, 2:7])}
    return cr.Model([numbers, kind], outputs, seed=seed, dtype=dtype)


@pytest.fixture
def tables(rng):
    x = {"numbers": rng.normal(size=(31, 3)), "kind": rng.integers(0, 4, (31, 2))}
    return x, {"price": rng.normal(size=31), "sold": rng.integers(0, 3, 31)}


def test_two_heads_descend_the_weighted_sum(tables):
    x, y = tables
    model = two_headed()
    p = model.parameters()

    def forward(p):
        rows = cnp.concatenate([p["table.table"][x["kind"][:, 0]], p["table.table"][x["kind"][:, 1]]], axis=1)
        h = cnp.tanh(dense(p, "hidden", cnp.concatenate([x["numbers"], rows], axis=1)))
        h = h / (1 + cnp.exp(-dense(p, "gate", h))) + dense(p, "other", x["numbers"])
        return dense(p, "a", h), dense(p, "b", h[:, 2:7])

    def losses(p):
        price, logits = forward(p)
        logits = logits - cnp.max(logits, axis=1, keepdims=True)
        chosen = logits[np.arange(31), y["sold"]] - cnp.log(cnp.sum(cnp.exp(logits), axis=1))
        return cnp.mean((price[:, 0] - y["price"]) ** 2), -cnp.mean(chosen)

    weights = {"price": 0.5, "sold": 2.0}
    value, gradient = cr.value_and_grad(lambda p: 0.5 * losses(p)[0] + 2.0 * losses(p)[1])(p)
    for got, expected in zip(model.predict(x), forward(p), strict=True):
        np.testing.assert_allclose(got, np.asarray(expected), rtol=1e-12, atol=1e-13)
    settings = {"loss": {"price": "mse", "sold": "cross_entropy"}, "loss_weights": weights, "metrics": {"sold": "accuracy"}}
    logs = model.train_on_batch(x, y, optimizer=cr.SGD(1.0), **settings)
    assert list(logs) == ["loss", "price_loss", "sold_loss", "sold_accuracy"]
    assert logs["loss"] == pytest.approx(float(value), rel=1e-12)
    assert [logs["price_loss"], logs["sold_loss"]] == pytest.approx([float(part) for part in losses(p)], rel=1e-12)
    assert logs["sold_accuracy"] == np.mean(np.argmax(np.asarray(forward(p)[1]), axis=1) == y["sold"])
    for name, after in model.parameters().items():
        np.testing.assert_allclose(p[name] - after, gradient[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_data_by_list_or_dict_and_a_held_out_part(tables):
    x, y = tables
    lists = ([x["numbers"], x["kind"]], [y["price"], y["sold"]])
    found = []
    for one, other in (tables, lists):
        model = two_headed()
        history = model.fit(
            one, other, epochs=3, loss=["mse", "cross_entropy"], validation_split=0.3, sample_weight=np.ones(31), verbose=0
        )
        found.append((history.history, [part.tobytes() for part in model.predict(one)]))
    assert found[0] == found[1]
    assert list(found[0][0]) == ["loss", "price_loss", "sold_loss", "val_loss", "val_price_loss", "val_sold_loss"]
    assert model.evaluate(*lists)["loss"] == pytest.approx(
        sum(model.evaluate(*lists)[f"{n}_loss"] for n in ("price", "sold")), rel=1e-12
    )


def test_metrics_by_list_or_dict(tables):
    """A list of lists goes by the outputs' order, as losses do; names alone are for all outputs."""
    x, y = tables
    found = []
    for metrics in ({"price": ["r2", "mae"], "sold": ["accuracy"]}, [["r2", "mae"], ["accuracy"]], (("r2", "mae"), "accuracy")):
        model = two_headed()
        found.append(model.fit(x, y, loss=["mse", "cross_entropy"], metrics=metrics, verbose=0).history)
    assert list(found[0])[3:] == ["price_r2", "price_mae", "sold_accuracy"]
    assert found[0] == found[1] == found[2]
    with pytest.raises(ValueError, match=r"fit: expected 2 in metrics, one for each output, got 1"):
        two_headed().fit(x, y, loss=["mse", "cross_entropy"], metrics=[["r2"]], verbose=0)


def test_a_given_loss_has_weights_of_one(tables):
    x, y = tables
    two = ["mse", "cross_entropy"]

    def total(logs, price, sold):
        return price * logs["price_loss"] + sold * logs["sold_loss"]

    model = two_headed()
    model.fit(x, y, loss=two, loss_weights=[0.5, 3], verbose=0)
    for loss, weights in ((None, (0.5, 3)), (two, (1, 1))):
        logs = model.evaluate(x, y, loss=loss)
        assert logs["loss"] == pytest.approx(total(logs, *weights), rel=1e-12)
        value, _ = model.loss_and_gradients(x, y, loss=loss)
        assert value == pytest.approx(logs["loss"], rel=1e-12)
    logs = model.fit(x, y, verbose=0).last()
    assert logs["loss"] == pytest.approx(total(logs, 0.5, 3), rel=1e-12)
    for logs in (model.fit(x, y, loss=two, verbose=0).last(), model.train_on_batch(x, y)):
        assert logs["loss"] == pytest.approx(total(logs, 1, 1), rel=1e-12)


@pytest.mark.parametrize(
    ("outputs", "metrics", "twice"),
    [
        (["val", "a"], (), "val_loss"),
        (["a", "val_a"], (), "val_a_loss"),
        (["a", "a_b"], {"a": lambda: "b_loss"}, "a_b_loss"),
        (["a", "a_b"], {"a": lambda: "b_mse", "a_b": lambda: "mse"}, "a_b_mse"),
    ],
)
def test_names_that_collide_in_logs(outputs, metrics, twice):
    def function(name):
        def found(y_true, y_pred):
            return 0.0

        found.__name__ = name
        return found

    source = cr.Input(3)
    model = cr.Model(source, {name: cr.Dense(1)(source) for name in outputs})
    before = model.parameters()
    chosen = {head: [function(make())] for head, make in metrics.items()} if metrics else ()
    with pytest.raises(
        ValueError, match=rf"fit: expected outputs and metrics whose names differ .*, got '{twice}' twice; rename one"
    ):
        model.fit(np.ones((4, 3)), [np.ones(4)] * 2, loss="mse", metrics=chosen, verbose=0)
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())
    assert model.optimizer is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_for_any_number_of_threads(rng, dtype):
    x = rng.normal(size=(203, 12))
    x[:, [3, 7]] = rng.integers(0, 200, (203, 2))
    y = {"a": rng.normal(size=(203, 3)), "b": rng.integers(0, 4, 203)}

    def digest():
        source = cr.Input(12)
        h = cr.Dense(67)(cr.Embedding(200, 5, columns=[7, 3])(source))
        h = cr.Activation("relu")(cr.BatchNorm()(h))
        h = cr.Residual(cr.LayerNorm(), cr.Dense(67, "gelu"), cr.Dropout(0.2), cr.Dense(67))(h)
        h = cr.Lambda(gated, {"slope": 0.1, "shift": "he_normal"})(h)
        h = cr.concatenate([h, cr.BatchNorm()(cr.Dense(130, "tanh")(source))])
        model = cr.Model(source, {"a": cr.Dense(3)(h), "b": cr.Dense(4)(h[:, 5:])}, seed=1, dtype=dtype)
        history = model.fit(x, y, epochs=2, batch_size=48, loss=["mse", "cross_entropy"], optimizer="adam", verbose=0)
        total = hashlib.sha256(repr(history.history).encode())
        for value in (*model.parameters().values(), *model.predict(x)):
            total.update(value.tobytes())
        return total.hexdigest()

    found = {}
    try:
        for schedule in ("rows", "columns"):
            for threads in (1, 2, 3, 7):
                _core.override_threads(threads)
                _core.override_schedule(schedule)
                found[threads, schedule] = digest()
    finally:
        _core.override_threads(0)
        _core.override_schedule(None)
    assert len(set(found.values())) == 1, found


# --- errors -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [5, -1, 0.5])
def test_numbers_outside_of_the_table(data, bad):
    x, y = data
    model = cr.Sequential([cr.Input(4), cr.Embedding(5, 3, columns=[1]), cr.Dense(2)])
    before = model.parameters()
    wrong = x.copy()
    wrong[7, 1] = bad
    for call in (
        lambda: model.fit(wrong, y, loss="mse", batch_size=23, verbose=0),
        lambda: model.train_on_batch(wrong, y, loss="mse"),
        lambda: model.evaluate(wrong, y, loss="mse"),
        lambda: model.predict(wrong),
    ):
        with pytest.raises(IndexError, match="expected whole numbers from 0 below an embedding's size"):
            call()
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())
    assert model.fit(x, y, loss="mse", verbose=0).history["loss"]


def test_structures_that_make_no_sense():
    x = cr.Input(3)
    h = cr.Dense(4)(x)
    shared = cr.Dense(2)
    for call, error, text in (
        (lambda: cr.Model(x, cr.add([shared(h), shared(h)])), ValueError, "each layer object once"),
        (lambda: cr.Model([x, cr.Input(2)], h), ValueError, "got 'input_1', which no layer takes"),
        (lambda: cr.Model(cr.Input(3), h), ValueError, "which no layer takes|expected all inputs"),
        (lambda: cr.Model(h, h), TypeError, "expected inputs of type Input"),
        (lambda: cr.Model(x, [h, h]), ValueError, "each once"),
        (lambda: cr.Model(x, []), ValueError, "at least one of outputs"),
        (lambda: cr.add([x, h]), ValueError, "values of equal width, got 3 and 4"),
        (lambda: cr.add([]), TypeError, "one value or more, got 0"),
        (lambda: cr.Dense(2)(np.ones((2, 3))), TypeError, "expected a value, such as Input"),
        (lambda: cr.Dense(2)(x, h), TypeError, "expected one value, got 2"),
        (lambda: h[:, 4], ValueError, "at most 3"),
        (lambda: h[1:3], TypeError, "value\\[:, begin:end\\]"),
        (lambda: h[:, ::2], ValueError, "with step 1"),
        (lambda: cr.Residual(), ValueError, "at least one layer"),
        (lambda: cr.Sequential([cr.Input(3), cr.Residual(cr.Dense(4))]), ValueError, "equal width, got 3 and 4"),
        (lambda: cr.Residual(cr.Dense(4))(x), ValueError, "that give 3 features"),
        (lambda: cr.Embedding(5, 2, columns=[1, 1]), ValueError, "each once"),
        (lambda: cr.Sequential([cr.Input(2), cr.Embedding(5, 2, columns=[2])]), ValueError, "columns below 2"),
        (lambda: cr.LayerNorm(0), ValueError, "epsilon as a finite number above 0"),
        (lambda: cr.BatchNorm(1.5), ValueError, "momentum"),
    ):
        with pytest.raises(error, match=text):
            call()


def test_data_that_does_not_fit_a_model_of_several_inputs(tables):
    x, y = tables
    model = two_headed()
    losses = {"price": "mse", "sold": "cross_entropy"}
    for one, other, error, text in (
        ({"numbers": x["numbers"]}, y, ValueError, "none for kind"),
        ({**x, "more": 1}, y, ValueError, "got 'more'"),
        ([x["numbers"]], y, ValueError, "expected 2 in x"),
        (x["numbers"], y, TypeError, "expected x as a list or dict of 2"),
        ({**x, "kind": x["kind"][:9]}, y, ValueError, r"expected x\['kind'\] with 31 rows, got 9"),
        ({**x, "numbers": np.ones((31, 4))}, y, ValueError, "expected input with 3 features, got shape"),
        (x, {"price": y["price"]}, ValueError, "none for sold"),
        (x, {**y, "sold": y["sold"] + 1}, ValueError, "expected labels from 0 to 2"),
    ):
        with pytest.raises(error, match=text):
            model.fit(one, other, loss=losses, verbose=0)
    with pytest.raises(ValueError, match="class_weight for a model of one output"):
        model.fit(x, y, loss=losses, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="one input and one output"):
        model.fit(x, {**y, "sold": np.ones((31, 3))}, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)


def test_deep_models_need_no_deep_stack():
    x = h = cr.Input(2)
    for _ in range(3000):
        h = cr.add([h, x])
    assert cr.Model(x, h).predict([[1.0, 2.0]]).tolist() == [[3001.0, 6002.0]]


def test_names_and_positions_of_parameters():
    class Block(cr.layers.Composite):
        def __init__(self, name=None):
            super().__init__(name)
            self.first, self.second = cr.Dense(3, name="first"), cr.Dense(3)

        def call(self, x):
            return self.second(self.first(x)) + x

    model = cr.Sequential([cr.Input(3), Block(name="block"), Block(), cr.Dense(1)])
    assert [name for name in model.parameters() if name.endswith("kernel")] == [
        *("block.first.kernel", "block.1.kernel", "1.first.kernel", "1.1.kernel", "2.kernel"),
    ]
