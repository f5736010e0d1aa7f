"""Levenberg-Marquardt: what it finds, how fit drives it, what it refuses."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.least_squares import cholesky_solver


@pytest.fixture
def sine():
    x = np.linspace(-np.pi, np.pi, 60)[:, None]
    return x, np.sin(x)


def net(seed=0, outputs=1, **more):
    return cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(outputs)], seed=seed, **more)


def fit(model, x, y, epochs=10, **more):
    return model.fit(x, y, epochs=epochs, **{"loss": "mse", "optimizer": "levenberg_marquardt", "verbose": 0, **more})


@pytest.mark.parametrize("size", [1, 5, 64, 65, 200])
def test_the_solver(rng, size):
    a = rng.normal(size=(size, size + 3))
    a = a @ a.T + np.eye(size)
    b = rng.normal(size=size)
    solve = cholesky_solver(a)
    np.testing.assert_allclose(a @ solve(b), b, rtol=1e-9, atol=1e-9)
    with pytest.raises(np.linalg.LinAlgError):
        cholesky_solver(a - 1e6 * np.eye(size))


def test_a_linear_model_gets_the_least_squares_solution(rng):
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    weight = rng.uniform(0.5, 2, 50)
    model = cr.Sequential([cr.Dense(2)], dtype="float64")
    history = fit(model, x, y, epochs=50, sample_weight=weight)
    root = np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * np.hstack([x, np.ones((50, 1))]), root * y)[0]
    np.testing.assert_allclose(model.parameters()["0.kernel"], expected[:4], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(model.parameters()["0.bias"], expected[4], rtol=1e-9, atol=1e-10)
    assert len(history) < 50  # the gradient is 0: it ends early


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_step_lowers_the_loss(sine, dtype):
    model = net(dtype=dtype)
    losses = fit(model, *sine, epochs=30).history["loss"]
    assert len(losses) == 30
    assert (np.diff(losses) < 0).all()
    assert model.evaluate(*sine)["loss"] < losses[-1]


def test_half_mse_is_the_same_problem(rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    one, other = net(outputs=2, dtype="float64"), net(outputs=2, dtype="float64")
    fit(one, x, y)
    fit(other, x, y, loss="half_mse")
    for name, value in one.parameters().items():
        np.testing.assert_array_equal(other.parameters()[name], value)


def test_blocks_of_rows_are_the_same_problem(sine, monkeypatch):
    whole, parts = net(dtype="float64"), net(dtype="float64")
    fit(whole, *sine, epochs=3)
    monkeypatch.setattr("chainrule.least_squares._BLOCK_ELEMENTS", 7 * 25)  # 7 rows of 25 parameters
    fit(parts, *sine, epochs=3)
    for name, value in whole.parameters().items():
        np.testing.assert_allclose(parts.parameters()[name], value, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_fits_are_one(sine, fingerprint, dtype):
    one, two = net(dtype=dtype), net(dtype=dtype)
    fit(one, *sine, epochs=10)
    optimizer = cr.LevenbergMarquardt()
    first = fit(two, *sine, epochs=4, optimizer=optimizer)
    second = fit(two, *sine, epochs=6, optimizer=optimizer)
    assert fingerprint(one) == fingerprint(two)
    assert first.history["loss"] + second.history["loss"] == one.history.history["loss"]


def test_parameters_set_between_fits_are_taken_over(sine):
    model, optimizer = net(), cr.LevenbergMarquardt()
    start = fit(model, *sine, epochs=3, optimizer=optimizer).history["loss"][0]
    model.set_parameters(net().build(1).parameters())
    assert fit(model, *sine, epochs=1, optimizer=optimizer).history["loss"] == [start]


def test_validation_metrics_and_callbacks(sine):
    x, y = sine
    seen = []
    note = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, dict(logs))))
    history = fit(net(), x, y, epochs=4, metrics=["mae"], validation_data=(x[::2], y[::2]), callbacks=[note]).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert [logs["val_mae"] for _, logs in seen] == history["val_mae"]
    assert history["val_loss"][-1] < history["val_loss"][0]


def test_early_stopping_and_batch_callbacks(sine):
    class Stop(cr.Callback):
        def on_train_batch_end(self, step, logs):
            self.model.stop_training = logs["loss"] < 0.1

    assert len(fit(net(), *sine, epochs=50, callbacks=[Stop()])) < 50


def test_train_on_batch(sine):
    model = net()
    losses = [model.train_on_batch(*sine, loss="mse", optimizer="levenberg_marquardt")["loss"] for _ in range(5)]
    assert (np.diff(losses) < 0).all()
    assert "Levenberg-Marquardt: 25 parameters" in model.explain_plan()
    assert "after 5 steps" in model.explain_plan()


def test_a_perfect_model_stays(sine):
    x, _ = sine
    model = net()
    y = model.build(1).predict(x)
    before = model.parameters()
    assert len(fit(model, x, y, epochs=9, optimizer=cr.LevenbergMarquardt(tolerance=1e-6))) == 1
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_fit_ends_where_no_damping_allowed_finds_a_step(sine):
    model = net(dtype="float64")
    history = fit(model, *sine, epochs=500, optimizer=cr.LevenbergMarquardt(damping=1e-6, max_damping=1e-6))
    assert len(history) < 500
    assert model.stop_training
    assert model.evaluate(*sine)["loss"] == history.history["loss"][-1]


def test_divergence_leaves_the_parameters(sine):
    model = net().build(1)
    huge = {"1.kernel": np.full((8, 1), 3e38), "1.bias": np.full(1, 3e38)}
    model.set_parameters(huge)
    with pytest.raises(cr.TrainingDiverged, match="at step 0") as caught:
        fit(model, *sine)
    assert caught.value.step == 0
    assert caught.value.layer == "LevenbergMarquardt"
    np.testing.assert_array_equal(model.parameters()["1.kernel"], np.full((8, 1), 3e38, np.float32))


def test_interrupts_leave_a_usable_model(sine):
    class Interrupt(cr.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    model = net()
    with pytest.raises(KeyboardInterrupt):
        fit(model, *sine, callbacks=[Interrupt()])
    assert len(model.history) == 3
    assert model.evaluate(*sine)["loss"] < model.history.history["loss"][-1]
    fit(model, *sine)


def test_what_it_refuses(sine):
    x, y = sine
    with pytest.raises(ValueError, match="expected the loss 'mse' or 'half_mse', a sum of squares, got 'huber'"):
        fit(net(), x, y, loss="huber")
    with pytest.raises(ValueError, match="expected all 60 rows in one batch for LevenbergMarquardt, got batch_size=32"):
        fit(net(), x, y, batch_size=32)
    fit(net(), x, y, epochs=1, batch_size=60)
    with pytest.raises(ValueError, match="expected layers that train as they predict"):
        fit(cr.Sequential([cr.Dense(3), cr.Dropout(0.5), cr.Dense(1)]), x, y)
    with pytest.raises(ValueError, match="expected at most 5000 parameters, whose J\\^T J is dense, got 6001; use Adam"):
        fit(cr.Sequential([cr.Dense(2000, "tanh"), cr.Dense(1)]), x, y)
    with pytest.raises(ValueError, match="fit: expected finite values in x, got nan at row 1"):
        fit(net(), np.where(np.arange(60)[:, None] == 1, np.nan, x), y)
    with pytest.raises(ValueError, match="expected no learning rate"):
        cr.LevenbergMarquardt().lr = 0.1


@pytest.mark.parametrize(
    "bad", [{"damping": 0}, {"increase": 1}, {"decrease": 1}, {"max_damping": 1e-13}, {"tolerance": -1}, {"damping": 1e11}]
)
def test_settings_are_checked(bad):
    with pytest.raises(ValueError, match=f"LevenbergMarquardt: expected {next(iter(bad))} as a finite number"):
        cr.LevenbergMarquardt(**bad)
