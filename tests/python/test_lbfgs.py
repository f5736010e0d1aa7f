"""L-BFGS: what it finds, beside SciPy on the same function; how fit drives it; what it refuses."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from scipy.optimize import minimize

import chainrule as cr


@pytest.fixture
def sine():
    x = np.linspace(-np.pi, np.pi, 60)[:, None]
    return x, np.sin(x)


def net(outputs=1, **more):
    return cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(outputs)], **more)


def fit(model, x, y, epochs=10, **more):
    return model.fit(x, y, epochs=epochs, **{"loss": "mse", "optimizer": "lbfgs", "verbose": 0, **more})


def threads_of_scipy():
    return [thread for thread in threading.enumerate() if thread.name == "chainrule-lbfgs"]


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert threads_of_scipy() == []


def test_a_linear_model_gets_the_least_squares_solution(rng):
    x, y, weight = rng.normal(size=(50, 4)), rng.normal(size=(50, 2)), rng.uniform(0.5, 2, 50)
    model = cr.Sequential([cr.Dense(2)], dtype="float64")
    history = fit(model, x, y, epochs=200, sample_weight=weight, optimizer=cr.LBFGS(tolerance=1e-10))
    root = np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * np.hstack([x, np.ones((50, 1))]), root * y, rcond=None)[0]
    np.testing.assert_allclose(model.parameters()["0.kernel"], expected[:4], rtol=0, atol=1e-7)
    np.testing.assert_allclose(model.parameters()["0.bias"], expected[4], rtol=0, atol=1e-7)
    assert len(history) < 200  # it ends early


def test_logistic_regression_is_at_its_optimum(blobs):
    x, y = blobs
    model = cr.Sequential([cr.Dense(3)], dtype="float64")
    fit(model, x, y, epochs=500, loss="cross_entropy", optimizer=cr.LBFGS(tolerance=1e-9))
    _, gradients = model.loss_and_gradients(x, y)
    assert max(np.abs(gradient).max() for gradient in gradients.values()) < 1e-6


def test_iterations_are_scipys(sine):
    """The same function minimised by SciPy alone, with NumPy's gradient: the same points, but for rounding."""
    x, y = sine
    model = net(dtype="float64").build(1)
    start = model.parameters()

    def parts(p):
        return p[:8].reshape(1, 8), p[8:16], p[16:24].reshape(8, 1), p[24:]

    def function(p):
        w1, b1, w2, b2 = parts(p)
        h = np.tanh(x @ w1 + b1)
        residual = h @ w2 + b2 - y
        g = 2 * residual / len(x)
        gh = (g @ w2.T) * (1 - h * h)
        return (residual**2).mean(), np.concatenate([(x.T @ gh).ravel(), gh.sum(0), (h.T @ g).ravel(), g.sum(0)])

    points = [np.concatenate([value.ravel() for value in start.values()])]
    minimize(function, points[0], jac=True, method="L-BFGS-B", callback=lambda p: points.append(p.copy()), options={"maxiter": 15})
    losses = fit(model, x, y, epochs=15).history["loss"]
    np.testing.assert_allclose(losses, [function(point)[0] for point in points[:15]], rtol=1e-7)
    found = np.concatenate([value.ravel() for value in model.parameters().values()])
    np.testing.assert_allclose(found, points[15], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_fewer_passes_than_adam(sine, dtype):
    one, other = net(dtype=dtype), net(dtype=dtype)
    losses = fit(one, *sine, epochs=150).history["loss"]
    fit(other, *sine, epochs=150, optimizer=cr.Adam(0.01), batch_size=60)
    assert (np.diff(losses) <= 0).all()
    assert one.evaluate(*sine)["loss"] < 1e-3 < other.evaluate(*sine)["loss"]
    assert one.evaluate(*sine)["loss"] == pytest.approx(losses[-1], rel=0.2)


def test_max_iterations_and_history_size(sine):
    model = net()
    assert len(fit(model, *sine, epochs=50, optimizer=cr.LBFGS(max_iterations=7, history=3))) == 7
    assert model.stop_training
    assert "7 iterations" in model.explain_plan()
    assert "L-BFGS: 25 parameters" in model.explain_plan()


def test_how_it_is_watched_does_not_matter(sine, fingerprint):
    found = set()
    for callbacks in (
        [],
        [cr.LambdaCallback(on_epoch_end=lambda *_: None)],
        [cr.LambdaCallback(on_train_batch_end=lambda *_: None)],
    ):
        model = net()
        history = fit(model, *sine, epochs=20, callbacks=callbacks)
        found.add((fingerprint(model), tuple(history.history["loss"])))
    assert len(found) == 1


def test_validation_metrics_and_early_stopping(sine):
    x, y = sine
    stop = cr.EarlyStopping("loss", min_delta=1e-3, patience=3, restore_best_weights=True)
    model = net()
    history = fit(model, x, y, epochs=500, metrics=["mae"], validation_data=(x[::2], y[::2]), callbacks=[stop])
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert stop.stopped_epoch == len(history) - 1 < 499


def test_it_goes_on_and_takes_over_parameters_that_were_set(sine):
    model, optimizer = net(dtype="float64"), cr.LBFGS()
    first = fit(model, *sine, epochs=5, optimizer=optimizer).history["loss"]
    second = fit(model, *sine, epochs=5, optimizer=optimizer).history["loss"]
    assert second[0] < first[-1]
    assert second[0] == pytest.approx(model.evaluate(*sine)["loss"], rel=100)
    model.set_parameters(net(dtype="float64").build(1).parameters())
    assert fit(model, *sine, epochs=1, optimizer=optimizer).history["loss"] == first[:1]


def test_frozen_layers(sine):
    model = net().build(1)
    model.layers[0].trainable = False
    before = model.parameters()
    fit(model, *sine, epochs=30)
    np.testing.assert_array_equal(model.parameters()["0.kernel"], before["0.kernel"])
    assert not np.array_equal(model.parameters()["1.kernel"], before["1.kernel"])
    assert "L-BFGS: 9 parameters" in model.explain_plan()
    model.layers[1].lr_scale = 2
    with pytest.raises(ValueError, match="LBFGS: expected layers with lr_scale 1"):
        fit(model, *sine)


def test_a_perfect_model_stays(sine):
    x, _ = sine
    model = net(dtype="float64").build(1)
    before = model.parameters()
    assert len(fit(model, x, model.predict(x), epochs=9)) == 1
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_divergence_leaves_the_parameters(sine):
    x, y = sine
    model = net(dtype="float64").build(1)
    model.set_parameters({"1.bias": [1e200]})
    before = model.parameters()
    with pytest.raises(cr.TrainingDiverged, match="at step 0") as caught:
        fit(model, x, y)
    assert caught.value.step == 0
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_an_exception_of_a_callback_ends_the_fit(sine):
    def fail(epoch, logs):
        if epoch == 2:
            raise RuntimeError("enough")

    model = net()
    with pytest.raises(RuntimeError, match="enough"):
        fit(model, *sine, epochs=50, callbacks=[cr.LambdaCallback(on_epoch_end=fail)])
    assert len(model.history) == 3
    assert len(fit(model, *sine, epochs=2)) == 2


def test_ctrl_c(rng):
    x = rng.normal(size=(200_000, 20))
    model = cr.Sequential([cr.Dense(64, "tanh"), cr.Dense(64, "tanh"), cr.Dense(1)])
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fit(model, x, np.sin(x.sum(1)), epochs=10_000, optimizer=cr.LBFGS(tolerance=0))
    assert time.monotonic() - begin < 20
    assert np.isfinite(model.predict(x[:10])).all()


def test_refusals(sine, monkeypatch):
    x, y = sine
    with pytest.raises(ValueError, match="fit: expected all 60 rows in one batch for LBFGS, got batch_size=10"):
        fit(net(), x, y, batch_size=10)
    with pytest.raises(ValueError, match="LBFGS: expected layers that train as they predict, got Dropout"):
        fit(cr.Sequential([cr.Dense(3), cr.Dropout(0.5), cr.Dense(1)]), x, y)
    with pytest.raises(ValueError, match="train_on_batch: expected an optimizer of single steps, got LBFGS"):
        net().train_on_batch(x, y, loss="mse", optimizer="lbfgs")
    with pytest.raises(ValueError, match="fit: expected finite values in x, got nan at row 3"):
        fit(net(), np.where(np.arange(60)[:, None] == 3, np.nan, x), y)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"LBFGS: expected SciPy to be installed; pip install 'chainrule\[lbfgs\]'"):
        fit(net(), x, y)


def test_a_trace_keeps_the_first_and_the_last_evaluations(tmp_path):
    x = np.random.default_rng(0).normal(size=(200, 4))
    model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], dtype="float64")
    with cr.profile(trace_steps=2) as prof:
        model.fit(x, np.tanh(x[:, 0] * x[:, 1]), epochs=20, loss="mse", optimizer=cr.LBFGS(), verbose=0)
    prof.export_chrome_trace(tmp_path / "trace.json")
    losses = [event for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if event["name"] == "mse loss"]
    (calls,) = [row.calls for row in prof.rows() if row.name == "mse"]
    assert calls > len({event["ts"] for event in losses if event["tid"] == 0}) == 4
