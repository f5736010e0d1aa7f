"""The losses from the outside: numbers of PyTorch and scikit-learn, far and near arguments, targets, weights, training."""

import numpy as np
import pytest

import chainrule as cr
import peers

PEER = peers.stored()["losses"]
ULP = {"float64": 1e-13, "float32": 2e-6}


def identity(columns, dtype="float64"):
    """A model whose predictions are its inputs."""
    return cr.Sequential([cr.Input(columns), cr.Dense(columns, kernel_init=np.eye(columns))], dtype=dtype)


def loss_of(p, t, loss, dtype="float64", **more):
    p = np.asarray(p, dtype=np.float64)
    return identity(p.shape[1], dtype).evaluate(p, t, loss=loss, **more)["loss"]


@pytest.mark.parametrize("dtype", ULP)
def test_peers_agree(dtype):
    p, t = peers.values(3, 7919), peers.values(3, 104729)
    cases = {
        "log_cosh": (p, t, "log_cosh"),
        "quantile 0.5": (p, t, "quantile"),
        "quantile 0.9": (p, t, cr.losses.Quantile(0.9)),
        "poisson": (p, np.floor(abs(t)), "poisson"),
        "hinge": (p[:, :1], peers.labels(2), "hinge"),
        "multiclass_hinge": (p, peers.labels(3), "hinge"),
    }
    assert set(cases) == set(PEER)
    for name, (prediction, target, loss) in cases.items():
        assert loss_of(prediction, target, loss, dtype) == pytest.approx(PEER[name], rel=ULP[dtype]), name


@pytest.mark.parametrize("dtype", ULP)
@pytest.mark.parametrize("d", [0.0, 1e-15, 1e-8, -1e-4, 0.1, 0.875, 0.88, -1.0, 3.0, 30.0, -300.0, 1e4, 3e18, -1e30])
def test_log_cosh_is_accurate_near_zero_and_far_away(d, dtype):
    a = abs(float(np.dtype(dtype).type(d)))
    exact = np.log1p(np.expm1(-a) ** 2 / (2 * np.exp(-a))) if a < 1 else a - np.log(2) + np.log1p(np.exp(-2 * a))
    # The few last places are the formula's in NumPy.
    assert loss_of([[d]], [[0.0]], "log_cosh", dtype) == pytest.approx(exact, rel={"float64": 5e-16, "float32": 1e-7}[dtype])


def test_quantile_finds_the_quantile():
    y = np.arange(1000.0)
    model = cr.Sequential([cr.Dense(1)], dtype="float64")
    model.fit(np.ones((1000, 1)), y, epochs=300, batch_size=1000, loss=cr.losses.Quantile(0.8), optimizer=cr.SGD(10.0), verbose=0)
    assert model.predict([[1.0]])[0, 0] == pytest.approx(800, abs=10)


def test_poisson_finds_the_rate(rng):
    y = rng.poisson(3.0, 500)
    model = cr.Sequential([cr.Dense(1)], dtype="float64")
    model.fit(np.ones((500, 1)), y, epochs=200, batch_size=500, loss="poisson", optimizer=cr.SGD(0.1), verbose=0)
    assert np.exp(model.predict([[1.0]])[0, 0]) == pytest.approx(y.mean(), rel=1e-6)


def test_hinge_takes_both_notations_of_two_classes(rng):
    p = rng.normal(size=(40, 1))
    zero_one = rng.integers(0, 2, 40)
    found = {loss_of(p, y, "hinge") for y in (zero_one, 2 * zero_one - 1, zero_one > 0, zero_one.astype(float)[:, None])}
    assert len(found) == 1
    one_hot = np.eye(3)[rng.integers(0, 3, 40)]
    q = rng.normal(size=(40, 3))
    assert loss_of(q, one_hot, "hinge") == pytest.approx(np.maximum(0, 1 - (2 * one_hot - 1) * q).mean(), rel=1e-14)


def test_hinge_separates_classes(blobs):
    x, y = blobs
    model = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(3)])
    history = model.fit(x, y, epochs=40, loss="hinge", metrics=["accuracy"], validation_split=0.2, verbose=0).history
    assert history["val_accuracy"][-1] > 0.9
    binary = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(1)])
    history = binary.fit(x, np.where(y == 0, 1, -1), epochs=40, loss="hinge", metrics=["accuracy"], verbose=0).history
    assert history["accuracy"][-1] > 0.9


def test_equal_columns_share_the_hinge_derivative():
    model = cr.Sequential([cr.Input(1), cr.Dense(4, kernel_init="zeros")], dtype="float64")
    assert model.train_on_batch([[1.0]], [2], loss="hinge", optimizer=cr.SGD(1.0)) == {"loss": 1.0}
    np.testing.assert_allclose(model.parameters()["0.bias"], [-1 / 3, -1 / 3, 1, -1 / 3], rtol=1e-15)


@pytest.mark.parametrize("loss", ["log_cosh", "quantile", "poisson", "hinge"])
def test_sample_weights_repeat_rows(loss, rng):
    p, t = rng.normal(size=(12, 2)), rng.integers(0, 2, (12, 2))
    count = rng.integers(1, 4, 12)
    weighted = loss_of(p, t, loss, sample_weight=count)
    assert weighted == pytest.approx(loss_of(np.repeat(p, count, axis=0), np.repeat(t, count, axis=0), loss), rel=1e-13)


@pytest.mark.parametrize("positive", [1, 2])
def test_class_weight_of_the_hinge(positive, fingerprint, rng):
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    models = []
    for classes, weight in ((y, {0: 0.5, 1: positive}), (2 * y - 1, {-1: 0.5, 1: positive})):
        models.append(cr.Sequential([cr.Dense(1)]))
        models[-1].fit(x, classes, epochs=3, loss="hinge", class_weight=weight, verbose=0)
    models.append(cr.Sequential([cr.Dense(1)]))
    models[-1].fit(x, y, epochs=3, loss="hinge", sample_weight=np.where(y, positive, 0.5), verbose=0)
    assert len(set(map(fingerprint, models))) == 1


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        ("poisson", [1.0, -1.0], ValueError, r"expected y of at least 0 for poisson, got -1 to 1"),
        ("hinge", [0.0, 2.0], ValueError, r"expected y from -1 to 1 for hinge, got 0 to 2"),
        ("binary_cross_entropy", [0.0, 2.0], ValueError, r"expected y from 0 to 1 for binary_cross_entropy, got 0 to 2"),
        ("log_cos", [0.0, 2.0], ValueError, r"unknown loss 'log_cos': did you mean 'log_cosh'\?"),
    ],
)
def test_errors(loss, y, error, message):
    with pytest.raises(error, match=message):
        identity(1).evaluate(np.zeros((2, 1)), y, loss=loss)


def test_errors_of_several_outputs():
    with pytest.raises(ValueError, match=r"expected labels from 0 to 2 in y, got 3 at row 1"):
        identity(3).evaluate(np.zeros((2, 3)), [0, 3], loss="hinge")
    with pytest.raises(TypeError, match=r"expected y as integer labels"):
        identity(3).evaluate(np.zeros((2, 3)), [0.0, 1.0], loss="hinge")


@pytest.mark.parametrize("q", [0, 1, -0.5, 1.5, float("nan")])
def test_quantile_lies_inside(q):
    with pytest.raises(ValueError, match=r"Quantile: expected q as a finite number above 0 below 1"):
        cr.losses.Quantile(q)
