"""Callbacks: what is called when, and what the ones that come with the package do."""

import csv

import numpy as np
import pytest

import chainrule as cr


class Recorder(cr.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_train_end(self, logs=None):
        self.calls.append("train end")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} end {sorted(logs)}")

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs=None):
        assert "loss" in logs
        self.calls.append(f"batch {batch} end")


def model_and_data():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    return cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(1)]), x, x[:, 0]


def fit(callbacks, epochs=2, lr=0.05, **more):
    model, x, y = model_and_data()
    model.fit(x, y, epochs=epochs, batch_size=10, loss="mse", optimizer=cr.SGD(lr), callbacks=callbacks, verbose=0, **more)
    return model


def test_order_of_calls():
    recorder = Recorder()
    model = fit([recorder], validation_split=0.25)
    epoch = ["batch 0 begin", "batch 0 end", "batch 1 begin", "batch 1 end"]
    assert recorder.calls == [
        "train begin",
        "epoch 0 begin",
        *epoch,
        "epoch 0 end ['loss', 'val_loss']",
        "epoch 1 begin",
        *epoch,
        "epoch 1 end ['loss', 'val_loss']",
        "train end",
    ]
    assert recorder.model is model
    assert recorder.params == {"epochs": 2, "steps": 2, "verbose": 0}


def test_no_callbacks_may_be_none(blobs):
    x, y = blobs
    assert len(cr.Sequential([cr.Dense(3)]).fit(x, y, loss="cross_entropy", callbacks=None, verbose=0)) == 1


def test_logs_are_the_history():
    seen = []
    model = fit(cr.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs)), epochs=4, metrics=["mae"])
    assert [log["loss"] for log in seen] == model.history.history["loss"]
    assert [log["mae"] for log in seen] == model.history.history["mae"]


def test_batch_logs_are_the_mean_so_far():
    model, x, y = model_and_data()
    seen = []
    callback = cr.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    other = cr.Sequential(model_and_data()[0].layers)
    losses = [other.train_on_batch(x[i : i + 10], y[i : i + 10], loss="mse", optimizer="adam")["loss"] for i in (0, 10)]
    model.fit(x, y, batch_size=10, loss="mse", shuffle=False, callbacks=[callback], verbose=0)
    assert seen == pytest.approx([losses[0], sum(losses) / 2], rel=1e-12)


def test_stop_training_at_an_epoch():
    def stop(epoch, logs):
        callback.model.stop_training = epoch == 2

    callback = cr.LambdaCallback(on_epoch_end=stop)
    assert len(fit([callback], epochs=10).history.history["loss"]) == 3


def test_stop_training_at_a_step():
    callback = cr.LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(callback.model, "stop_training", True))
    ends = []
    model = fit([callback, cr.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(epoch))], epochs=10)
    assert model.history.epoch == []
    assert ends == []
    model.fit(*model_and_data()[1:], epochs=2, verbose=0)
    assert model.history.epoch == [0, 1]


def test_an_exception_in_a_callback_comes_out():
    def fail(epoch, logs):
        raise ZeroDivisionError

    model, x, y = model_and_data()
    with pytest.raises(ZeroDivisionError):
        model.fit(x, y, epochs=5, loss="mse", callbacks=[cr.LambdaCallback(on_epoch_end=fail)], verbose=0)
    assert model.history.epoch == [0]
    model.fit(x, y, epochs=2, verbose=0)


def test_any_object_with_the_methods_will_do():
    class Foreign:
        ends = 0

        def set_model(self, model):
            self.model = model

        def set_params(self, params):
            self.params = params

        def on_epoch_end(self, epoch, logs=None):
            self.ends += 1

    foreign = Foreign()
    fit([foreign], epochs=3)
    assert foreign.ends == 3


def scripted(callback, values, model=None):
    """Lets a callback see these values of "loss", and returns the epoch after which it stopped, or None."""
    model = model or cr.Sequential([cr.Input(1), cr.Dense(1)])
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    stopped = None
    for epoch, value in enumerate(values):
        model.set_parameters({"0.bias": [float(epoch)]})
        callback.on_epoch_end(epoch, {"loss": value, "accuracy": value})
        if model.stop_training:
            stopped = epoch
            break
    callback.on_train_end()
    return stopped


@pytest.mark.parametrize(
    ("settings", "values", "stopped"),
    [
        ({}, [3, 2, 1], None),
        ({}, [3, 2, 2, 1], 2),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], 5),
        ({"patience": 1, "min_delta": 0.5}, [3, 2, 1.6, 1], 2),
        ({"mode": "max"}, [1, 2, 3, 2], 3),
        ({"monitor": "accuracy"}, [1, 2, 3, 2], 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 0.5], 1),
        ({"baseline": 1.0, "patience": 2}, [3, 0.5, 0.4, 0.45, 0.45], 4),
        ({"baseline": 1.0}, [3, 2], 1),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 3, 5], 5),
    ],
)
def test_early_stopping(settings, values, stopped):
    assert scripted(cr.EarlyStopping(**{"monitor": "loss", **settings}), values) == stopped


def test_early_stopping_restores_the_best():
    model = cr.Sequential([cr.Input(1), cr.Dense(1)])
    callback = cr.EarlyStopping("loss", patience=2, restore_best_weights=True)
    assert scripted(callback, [3, 1, 2, 2], model) == 3
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (1, 1, 3)
    assert model.parameters()["0.bias"] == 1


def test_early_stopping_restores_the_best_below_the_baseline():
    model = cr.Sequential([cr.Input(1), cr.Dense(1)])
    callback = cr.EarlyStopping("loss", patience=3, baseline=0.1, restore_best_weights=True)
    assert scripted(callback, [3, 2, 4], model) == 2
    assert (callback.best, callback.best_epoch) == (2, 1)
    assert model.parameters()["0.bias"] == 1


def test_early_stopping_in_a_fit(blobs):
    x, y = blobs
    model = cr.Sequential([cr.Dense(50, "relu"), cr.Dense(3)])
    callback = cr.EarlyStopping(patience=3, restore_best_weights=True)
    history = model.fit(
        x, y, epochs=500, loss="cross_entropy", optimizer=cr.Adam(0.03), validation_split=0.3, callbacks=[callback], verbose=0
    )
    losses = history.history["val_loss"]
    assert len(losses) < 500
    assert callback.best == min(losses)
    assert model.evaluate(x[210:], y[210:])["loss"] == pytest.approx(min(losses), rel=1e-12)


def test_reduce_lr_on_plateau():
    model = fit([cr.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=10.0)], epochs=9)
    assert model.optimizer.lr == pytest.approx(0.05 * 0.5**4)
    model = fit([cr.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=10.0, min_lr=0.02)], epochs=9)
    assert model.optimizer.lr == pytest.approx(0.02)
    model = fit([cr.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0, cooldown=2)], epochs=8)
    assert model.optimizer.lr == pytest.approx(0.05 * 0.5**4)


def test_learning_rate_scheduler(capsys):
    seen = []
    schedule = cr.LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch % 2 else lr, verbose=1)
    record = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(schedule.model.optimizer.lr))
    model = fit([schedule, record], epochs=4)
    assert seen == [0.05, 0.025, 0.025, 0.0125]
    assert "LearningRateScheduler: learning rate 0.0125 for epoch 4" in capsys.readouterr().out
    halves = cr.Sequential(model_and_data()[0].layers)
    optimizer = cr.SGD(0.05)
    for lr in seen:  # the rates do act: the same as fits with them
        optimizer.lr = lr
        halves.fit(*model_and_data()[1:], batch_size=10, loss="mse", optimizer=optimizer, verbose=0)
    for name, value in halves.parameters().items():
        np.testing.assert_array_equal(value, model.parameters()[name])
    with pytest.raises(
        TypeError, match=r"LearningRateScheduler: expected schedule as a function of epoch and learning rate, got 0.1"
    ):
        cr.LearningRateScheduler(0.1)
    with pytest.raises(
        ValueError, match="LearningRateScheduler: expected the learning rate as a finite number of at least 0, got -1"
    ):
        fit([cr.LearningRateScheduler(lambda epoch, lr: -1)])


def test_on_train_error_is_called_with_the_error_and_the_history():
    class Watch(cr.Callback):
        seen = None

        def on_train_error(self, error):
            self.seen = (error, len(self.model.history))

    def fail(epoch, logs):
        if epoch == 2:
            raise ZeroDivisionError

    watch = Watch()
    with pytest.raises(ZeroDivisionError) as caught:
        fit([cr.LambdaCallback(on_epoch_end=fail), watch], epochs=5)
    assert watch.seen == (caught.value, 3)
    diverging = Watch()
    with pytest.raises(cr.TrainingDiverged) as caught:
        fit([diverging], epochs=100, lr=1e20)
    assert diverging.seen[0] is caught.value
    forgiven = Watch()
    fit([forgiven, cr.TerminateOnNaN()], epochs=100, lr=1e20)
    assert forgiven.seen is None


def test_terminate_on_nan(capsys):
    callback = cr.TerminateOnNaN()
    model = fit([callback], epochs=100, lr=1e20)
    assert isinstance(callback.error, cr.TrainingDiverged)
    assert len(model.history.epoch) < 100
    assert "TerminateOnNaN" in capsys.readouterr().out
    with pytest.raises(cr.TrainingDiverged):
        fit([], epochs=100, lr=1e20)


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    model = fit([cr.CSVLogger(path)], epochs=3, metrics=["mae"])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["loss"]) for row in rows] == model.history.history["loss"]
    assert [float(row["mae"]) for row in rows] == model.history.history["mae"]
    fit([cr.CSVLogger(path, append=True)], epochs=2, metrics=["mae"])
    assert len(list(csv.DictReader(path.read_text().splitlines()))) == 5
    with pytest.raises(
        ValueError, match=r"CSVLogger: expected the columns of .*log.csv, epoch, loss, mae, got epoch, loss, val_loss"
    ):
        fit([cr.CSVLogger(path, append=True)], validation_split=0.25)
    assert len(path.read_text().splitlines()) == 6
    fit([cr.CSVLogger(tmp_path / "new.csv", append=True)], epochs=2)
    assert len((tmp_path / "new.csv").read_text().splitlines()) == 3
    fit([cr.CSVLogger(path, separator=";")], epochs=1)
    assert path.read_text().startswith("epoch;loss")
