"""Optimizers: PyTorch's trajectories, stored; clipping, accumulation, averages, frozen layers; the same bits for any number of threads."""

import numpy as np
import pytest
import trajectories

import chainrule as cr
from chainrule import _core

STORED = np.load(trajectories.DATA / "trajectories.npz")
OPTIONS = {"clipnorm": 0.05, "accumulate": 3, "ema": 0.9}


def net(seed=0, **more):
    return cr.Sequential([cr.Dense(9, "tanh", name="hidden"), cr.Dense(3, name="last")], seed=seed, **more)


@pytest.mark.parametrize("name", trajectories.CASES)
def test_stored_trajectory(name):
    """100 batches in float64. Both sides round at 1e-16 per operation; 1e-10 is the contract."""
    np.testing.assert_allclose(trajectories.ours(trajectories.CASES[name]), STORED[name], rtol=0, atol=1e-10)


def test_stored_trajectories_differ():
    ends = {STORED[name][-1].tobytes() for name in trajectories.CASES}
    assert len(ends) == len(trajectories.CASES) == len(STORED.files)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("how", [cr.SGD, cr.Adam, cr.RMSprop, cr.Adagrad, cr.Lion])
def test_threads(rng, fingerprint, how, dtype):
    x, y = rng.normal(size=(203, 37)), rng.integers(0, 11, 203)
    found = set()
    try:
        for threads, schedule in ((1, "rows"), (2, "rows"), (3, "rows"), (3, "columns")):
            _core.override_threads(threads)
            _core.override_schedule(schedule)
            model = cr.Sequential([cr.Dense(133, "relu"), cr.Dropout(0.2), cr.Dense(70, "tanh"), cr.Dense(11)], dtype=dtype)
            optimizer = how(cr.schedules.cosine(0.01, 9), **OPTIONS)
            model.fit(x, y, epochs=3, batch_size=30, loss="cross_entropy", optimizer=optimizer, verbose=0)
            averages = b"".join(value.tobytes() for value in model.ema_parameters().values())
            found.add((fingerprint(model), averages))
    finally:
        _core.override_threads(0)
        _core.override_schedule(None)
    assert len(found) == 1


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_gradients_through_memory_are_the_same_bits(blobs, fingerprint, batch_size):
    x, y = blobs
    found = set()
    for more in ({}, {"clipnorm": 1e30}, {"ema": 0.5}):
        model = net()
        model.fit(x[:70], y[:70], epochs=2, batch_size=batch_size, loss="cross_entropy", optimizer=cr.Adam(0.01, **more), verbose=0)
        found.add(fingerprint(model))
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipnorm_is_the_length_of_a_step(rng, dtype):
    x, y = 10 * rng.normal(size=(50, 4)), 100 * rng.normal(size=(50, 3))
    model = net(dtype=dtype).build(4)
    before = model.parameters()
    model.train_on_batch(x, y, loss="mse", optimizer=cr.SGD(1.0, clipnorm=0.25))
    moved = [(model.parameters()[name] - value).astype(float) for name, value in before.items()]
    assert np.sqrt(sum((move**2).sum() for move in moved)) == pytest.approx(0.25, rel=1e-4 if dtype == "float32" else 1e-12)
    _, gradients = model.loss_and_gradients(x, y)
    assert np.sqrt(sum((g.astype(float) ** 2).sum() for g in gradients.values())) > 10


def test_a_gradient_that_overflows_is_refused():
    model = net().build(4)
    model.set_parameters({"hidden.kernel": np.zeros((4, 9)), "last.kernel": np.ones((9, 3))})
    x = np.full((2, 4), 3e38)
    before = model.parameters()
    optimizer = cr.SGD(0.1, clipnorm=1.0, accumulate=2)
    model.train_on_batch(x / 1e38, np.zeros((2, 3)), loss="mse", optimizer=optimizer)
    with pytest.raises(cr.TrainingDiverged):
        model.train_on_batch(x, np.full((2, 3), 1e9), optimizer=optimizer)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    for _ in range(2):  # what was summed is forgotten
        model.train_on_batch(x / 1e38, np.ones((2, 3)), optimizer=optimizer)
    assert all(np.isfinite(value).all() for value in model.parameters().values())
    assert not np.array_equal(model.parameters()["last.bias"], before["last.bias"])


def test_accumulation_of_equal_batches_is_one_large_batch(rng):
    x, y = rng.normal(size=(40, 4)), rng.normal(size=(40, 3))
    large, small = net(dtype="float64"), net(dtype="float64")
    large.fit(x, y, epochs=5, batch_size=20, loss="mse", optimizer=cr.Adam(0.01), shuffle=False, verbose=0)
    small.fit(x, y, epochs=5, batch_size=5, loss="mse", optimizer=cr.Adam(0.01, accumulate=4), shuffle=False, verbose=0)
    for name, value in large.parameters().items():
        np.testing.assert_allclose(small.parameters()[name], value, rtol=0, atol=1e-13)


def test_accumulation_goes_on_over_epochs_and_fits(blobs, fingerprint):
    x, y = blobs

    def trained(*parts):
        model, optimizer = net(), cr.SGD(0.1, accumulate=4, ema=0.8, clipnorm=1.0)
        for epochs in parts:
            model.fit(x, y, epochs=epochs, batch_size=100, loss="cross_entropy", optimizer=optimizer, verbose=0)
        return fingerprint(model)

    assert trained(3) == trained(1, 2) == trained(1, 1, 1)
    assert trained(1) == fingerprint(net().build(6))  # three batches of four: no update yet


def test_use_ema_swaps_and_gives_back(blobs, fingerprint):
    x, y = blobs
    model = net()
    model.fit(x, y, epochs=2, loss="cross_entropy", optimizer=cr.Adam(0.05, ema=0.9), verbose=0)
    own, averages = fingerprint(model), model.ema_parameters()

    def use_and_fail():
        with model.use_ema():
            for name, value in model.parameters().items():
                np.testing.assert_array_equal(value, averages[name])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    assert fingerprint(model) == own
    np.testing.assert_array_equal(model.ema_parameters()["last.bias"], averages["last.bias"])
    assert not np.array_equal(averages["last.bias"], model.parameters()["last.bias"])


def test_no_averages_without_ema(blobs):
    model = net()
    with pytest.raises(cr.ChainruleError, match="ema_parameters: expected a model trained by an optimizer with ema"):
        model.ema_parameters()
    model.fit(*blobs, loss="cross_entropy", verbose=0)
    with pytest.raises(cr.ChainruleError, match="ema_parameters"), model.use_ema():
        pass


def test_layers_frozen_and_thawed_between_fits(rng):
    """Against momentum by hand, from `loss_and_gradients`: a frozen layer rests, and the others' velocities go on."""
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    model, optimizer = net(dtype="float64").build(4), cr.SGD(0.1, momentum=0.9)
    twin = net(dtype="float64").build(4)
    velocity = {name: np.zeros_like(value) for name, value in twin.parameters().items()}
    for trainable in (True, False, True):
        hidden = model.layers[0]
        hidden.trainable = trainable
        model.fit(x, y, epochs=4, batch_size=20, loss="mse", optimizer=optimizer, verbose=0)
        for _ in range(4):
            _, gradients = twin.loss_and_gradients(x, y, loss="mse")
            values = twin.parameters()
            for name, gradient in gradients.items():
                if trainable or not name.startswith("hidden"):
                    velocity[name] = 0.9 * velocity[name] + gradient
                    values[name] -= 0.1 * velocity[name]
            twin.set_parameters(values)
    for name, value in twin.parameters().items():
        np.testing.assert_allclose(model.parameters()[name], value, rtol=0, atol=1e-13)


def test_a_frozen_layer_costs_no_gradient(blobs):
    model = net()
    model.build(6)
    before = model.parameters()
    model.layers[0].trainable = False
    model.fit(*blobs, loss="cross_entropy", optimizer=cr.Adam(0.1, ema=0.5), verbose=0)
    plan = model.explain_plan()
    assert "weight_gradient+update       last.kernel" in plan
    assert "hidden.kernel" not in plan.split("parameter phase")[1]
    for name in ("hidden.kernel", "hidden.bias"):
        np.testing.assert_array_equal(model.parameters()[name], before[name])
        np.testing.assert_array_equal(model.ema_parameters()[name], before[name])
    assert not np.array_equal(model.parameters()["last.kernel"], before["last.kernel"])


def test_explain_names_what_is_kept(blobs):
    model = net()
    model.fit(*blobs, loss="cross_entropy", optimizer=cr.Adam(clipnorm=1.0, accumulate=2), verbose=0)
    assert "one from the mean of 2 batches, after a barrier, for their norm of at most 1" in model.explain_plan()


@pytest.mark.parametrize(
    ("set_up", "message"),
    [
        (lambda a, b: setattr(a, "trainable", 0), "Dense: expected trainable to be True or False, got 0"),
        (lambda a, b: setattr(a, "lr_scale", "fast"), "Dense: expected lr_scale as a number, got 'fast'"),
        (lambda a, b: setattr(b, "lr_scale", -1), "Dense: expected lr_scale as a finite number of at least 0, got -1"),
        (
            lambda a, b: [setattr(layer, "trainable", False) for layer in (a, b)],
            "fit: expected at least one layer with parameters to be trainable, got none",
        ),
    ],
)
def test_bad_groups(blobs, set_up, message):
    model = net()
    set_up(*model.layers)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(*blobs, loss="cross_entropy", verbose=0)
    model.layers[0].trainable = model.layers[1].trainable = True
    model.layers[0].lr_scale = model.layers[1].lr_scale = 1.0
    assert len(model.fit(*blobs, loss="cross_entropy", verbose=0)) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.SGD(clipnorm=0), "SGD: expected clipnorm as a finite number above 0, got 0"),
        (lambda: cr.Adam(clipnorm=-1), "Adam: expected clipnorm"),
        (lambda: cr.Adam(accumulate=0), "Adam: expected accumulate as an integer of at least 1, got 0"),
        (lambda: cr.AdamW(accumulate=1.5), "AdamW: expected accumulate as an integer, got 1.5"),
        (lambda: cr.Lion(ema=1), "Lion: expected ema as a finite number above 0 below 1, got 1"),
        (lambda: cr.Lion(beta1=1), "Lion: expected beta1"),
        (lambda: cr.RMSprop(alpha=1), "RMSprop: expected alpha"),
        (lambda: cr.RMSprop(epsilon=0), "RMSprop: expected epsilon"),
        (lambda: cr.RMSprop(centered=1), "RMSprop: expected centered to be True or False, got 1"),
        (lambda: cr.Adagrad(lr_decay=-1), "Adagrad: expected lr_decay"),
        (lambda: cr.Adagrad(initial_accumulator=-1), "Adagrad: expected initial_accumulator"),
        (lambda: cr.SGD("fast"), "SGD: expected lr as a number, got 'fast'"),
        (lambda: cr.SGD(lambda step: 0.1), "SGD: expected lr as a number"),
        (lambda: cr.LBFGS(history=0), "LBFGS: expected history"),
        (lambda: cr.LBFGS(tolerance=-1), "LBFGS: expected tolerance"),
        (lambda: cr.LBFGS(max_iterations=0), "LBFGS: expected max_iterations"),
        (lambda: setattr(cr.LBFGS(), "lr", 0.1), "LBFGS: expected no learning rate"),
        (lambda: cr.LevenbergMarquardt(clipnorm=1), "clipnorm"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "lbfgs", "levenberg_marquardt"])
def test_names(rng, name):
    x = rng.normal(size=(30, 4))
    model = cr.Sequential([cr.Dense(1)])
    losses = model.fit(x, x[:, 0], epochs=5, loss="mse", optimizer=name, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.optimizer.name == name


def test_descriptions():
    assert repr(cr.Lion(clipnorm=1, ema=0.99)) == "Lion(lr=0.0001, beta1=0.9, beta2=0.99, weight_decay=0.0, clipnorm=1.0, ema=0.99)"
    assert repr(cr.SGD(accumulate=4)).endswith("weight_decay=0.0, accumulate=4)")


def test_loss_and_gradients(rng):
    x, y, weight = rng.normal(size=(1500, 4)), rng.normal(size=(1500, 3)), rng.uniform(0.5, 2, 1500)
    model = net(dtype="float64").build(4)
    value, gradients = model.loss_and_gradients(x, y, loss="mse", sample_weight=weight)
    assert value == pytest.approx(model.evaluate(x, y, loss="mse", sample_weight=weight)["loss"], rel=1e-13)
    each = model.per_sample_gradients(x, y, loss="mse")
    assert list(gradients) == list(model.parameters())
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, np.tensordot(weight / weight.sum(), each[name], 1), rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="loss_and_gradients: expected finite values in x, got nan at row 1, column 2"):
        model.loss_and_gradients(np.where(np.arange(8).reshape(2, 4) == 6, np.nan, 1.0), y[:2], loss="mse")
    with pytest.raises(cr.ChainruleError, match="loss_and_gradients: expected a built model"):
        net().loss_and_gradients(x, y, loss="mse")
