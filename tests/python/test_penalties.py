"""l1 and l2 of Dense: the numbers of NumPy, every path of the update, threads, what is reported."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

BOUND = {"float64": 1e-12, "float32": 2e-5}


def net(dtype="float64", l1=0.01, l2=0.02, **more):
    return cr.Sequential([cr.Dense(7, "tanh", l1=l1, l2=l2), cr.Dense(2, l2=0.5 * l2)], dtype=dtype, **more).build(5)


def penalty_of(parameters, l1=0.01, l2=0.02):
    first, second = (parameters[name].astype(np.float64) for name in ("0.kernel", "1.kernel"))
    return l1 * abs(first).sum() + l2 * (first**2).sum() + 0.5 * l2 * (second**2).sum()


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("rows", [1, 2, 40])
def test_a_step_has_the_penalty_and_its_derivative(rows, dtype, rng):
    x, y = rng.normal(size=(rows, 5)), rng.normal(size=(rows, 2))
    penalised, plain = net(dtype), net(dtype, 0.0, 0.0)
    before = plain.parameters()
    before["0.kernel"][1, 2] = 0.0  # where |w| has no derivative, it is 0
    for model in (penalised, plain):
        model.set_parameters(before)
    reported = penalised.train_on_batch(x, y, loss="mse", optimizer=cr.SGD(0.1))["loss"]
    expected = plain.train_on_batch(x, y, loss="mse", optimizer=cr.SGD(0.1))["loss"] + penalty_of(before)
    assert reported == pytest.approx(expected, rel=BOUND[dtype])
    after = plain.parameters()
    after["0.kernel"] -= 0.1 * (0.01 * np.sign(before["0.kernel"]) + 0.04 * before["0.kernel"])
    after["1.kernel"] -= 0.1 * 0.02 * before["1.kernel"]
    for name, value in penalised.parameters().items():
        np.testing.assert_allclose(value, after[name], rtol=0, atol=BOUND[dtype], err_msg=name)


@pytest.mark.parametrize("how", [lambda: cr.SGD(0.05, momentum=0.9), cr.Adam, lambda: cr.AdamW(weight_decay=0.1)])
def test_optimizers_take_it_as_a_part_of_the_loss(how, rng):
    """The same loss from rows: those of sqrt(90 l2) W = 0 beside the data, whose mean over 34 rows is stretched to one over 30."""
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 3))
    stretch = np.sqrt(34 / 30)
    more_x = stretch * np.concatenate([x, np.sqrt(90 * 0.05) * np.eye(4)])
    more_y = stretch * np.concatenate([y, np.zeros((4, 3))])
    models = [cr.Sequential([cr.Dense(3, use_bias=False, l2=l2)], dtype="float64").build(4) for l2 in (0.05, 0.0)]
    first, second = how(), how()
    for _ in range(20):
        models[0].train_on_batch(x, y, loss="mse", optimizer=first)
        models[1].train_on_batch(more_x, more_y, loss="mse", optimizer=second)
    np.testing.assert_allclose(models[0].parameters()["0.kernel"], models[1].parameters()["0.kernel"], rtol=0, atol=1e-12)


def test_what_fit_and_evaluate_report(blobs):
    x, y = blobs
    model = cr.Sequential([cr.Dense(8, "relu", l1=1e-3, l2=1e-3), cr.Dense(3)], dtype="float64").build(6)
    plain = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(3)], dtype="float64").build(6)
    kernel = model.parameters()["0.kernel"]
    penalty = 1e-3 * (abs(kernel).sum() + (kernel**2).sum())
    still = {"loss": "cross_entropy", "optimizer": cr.SGD(0.0), "batch_size": 70, "validation_data": (x[:50], y[:50]), "verbose": 0}
    with_penalty, without = model.fit(x, y, **still).history, plain.fit(x, y, **still).history
    for name in ("loss", "val_loss"):
        assert with_penalty[name][0] == pytest.approx(without[name][0] + penalty, rel=1e-13)
    assert model.evaluate(x[:50], y[:50]) == {"loss": with_penalty["val_loss"][0]}
    weight = np.linspace(0, 1, 300)
    assert model.evaluate(x, y, sample_weight=weight)["loss"] == pytest.approx(
        plain.evaluate(x, y, sample_weight=weight)["loss"] + penalty, rel=1e-13
    )


@pytest.mark.parametrize("batch_size", [1, 100])
@pytest.mark.parametrize("dtype", BOUND)
def test_the_same_bits_for_any_number_of_threads(dtype, batch_size, fingerprint, rng):
    x, y = rng.normal(size=(300, 30)), rng.normal(size=(300, 3))
    found = set()
    try:
        for threads in (1, 2, 3):
            _core.override_threads(threads)
            model = cr.Sequential(
                [cr.Dense(170, "relu", l1=1e-4), cr.Dense(131, "tanh", l2=1e-3), cr.Dense(3, l1=1e-5)], dtype=dtype
            )
            history = model.fit(x, y, epochs=2, batch_size=batch_size, loss="mse", validation_split=0.2, verbose=0)
            found.add((fingerprint(model), repr(history.history)))
    finally:
        _core.override_threads(0)
    assert len(found) == 1


def test_l1_makes_weights_vanish(rng):
    x = rng.normal(size=(200, 6))
    y = x[:, :2].sum(axis=1)
    model = cr.Sequential([cr.Dense(1, l1=0.05)])
    model.fit(x, y, epochs=60, loss="mse", optimizer=cr.SGD(0.02), verbose=0)
    kernel = model.parameters()["0.kernel"].ravel()
    assert (kernel[:2] > 0.8).all()
    assert (abs(kernel[2:]) < 2e-3).all()


def test_description_and_errors(rng):
    assert repr(cr.Dense(3, "relu", l1=0.5, l2=1e-4)) == "Dense(3, 'relu', l1=0.5, l2=0.0001)"
    assert cr.Dense(3).penalties() == {}
    for name in ("l1", "l2"):
        with pytest.raises(ValueError, match=rf"Dense: expected {name} as a finite number of at least 0, got -1"):
            cr.Dense(3, **{name: -1})
    with pytest.raises(ValueError, match=r"LevenbergMarquardt: expected layers without l1 or l2, got Dense\(1, l2=0.1\)"):
        cr.Sequential([cr.Dense(1, l2=0.1)]).fit(np.eye(3), np.ones(3), loss="mse", optimizer="levenberg_marquardt", verbose=0)
