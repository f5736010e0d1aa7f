"""Fits that are interrupted and go on: the same bits as without interruption."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.hooks import CallbackList


class Broken(Exception):
    pass


class BreakAfter(cr.Callback):
    """Ends a fit with an exception after so many updates in all."""

    def __init__(self, updates):
        self.updates = updates
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.updates:
            raise Broken


def make(dtype="float32"):
    return cr.Sequential([cr.Dense(12, "tanh"), cr.Dropout(0.2), cr.Dense(3)], seed=5, dtype=dtype)


def fit(model, blobs, optimizer, callbacks=(), **more):
    x, y = blobs
    settings = {
        "epochs": 6,
        "loss": "cross_entropy",
        "metrics": ["accuracy"],
        "validation_split": 0.2,
        "verbose": 0,
        "batch_size": 32,
    }
    return model.fit(x, y, optimizer=optimizer, callbacks=callbacks, **{**settings, **more})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


OPTIMIZERS = [lambda: cr.SGD(0.1, momentum=0.9), lambda: cr.Adam(0.01), lambda: "adamw"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make_optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("every", "broken_after"), [("epoch", 20), (1, 20), (5, 20), (8, 16), (3, 47)])
def test_an_interrupted_fit_goes_on_bit_for_bit(path, blobs, fingerprint, make_optimizer, dtype, every, broken_after):
    """8 steps an epoch: from an epoch's end, from within epochs, at the last step of one and in the last one."""
    whole = make(dtype)
    expected = fit(whole, blobs, make_optimizer())
    with pytest.raises(Broken):
        fit(make(dtype), blobs, make_optimizer(), [cr.Checkpoint(path, every=every), BreakAfter(broken_after)])
    resumed = make(dtype)
    history = fit(resumed, blobs, make_optimizer(), resume_from=path)
    assert fingerprint(resumed) == fingerprint(whole)
    assert history.history == expected.history
    assert list(history.history) == list(expected.history)
    assert resumed.history is history
    # And it goes on from there as the whole one does.
    for model in (whole, resumed):
        fit(model, blobs, model.optimizer, epochs=2, shuffle=False)
    assert fingerprint(resumed) == fingerprint(whole)


def test_metrics_of_all_rows_and_penalties_go_on_in_the_middle_of_an_epoch(path, rng, fingerprint):
    x = rng.normal(size=(120, 3))
    y = {"a": (x[:, 0] > 0).astype(int), "b": x[:, :2] + rng.normal(size=(120, 2))}

    def train(**more):
        source = cr.Input(3)
        h = cr.Dense(7, "tanh", l1=1e-3, l2=1e-2)(source)
        model = cr.Model(source, {"a": cr.Dense(2)(h), "b": cr.Dense(2, l2=1e-3)(h)}, seed=2)
        metrics = {"a": ["auc", "f1", "accuracy"], "b": ["r2", "rmse"]}
        settings = {"epochs": 3, "batch_size": 16, "metrics": metrics, "loss": ["cross_entropy", "mse"], "verbose": 0}
        history = model.fit(x, y, **settings, **more)
        return fingerprint(model), history.history

    expected = train()
    with pytest.raises(Broken):
        train(callbacks=[cr.Checkpoint(path, every=5), BreakAfter(12)])
    assert train(resume_from=path) == expected


@pytest.mark.parametrize("callbacks", [[], [cr.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]])
def test_many_interruptions(path, blobs, fingerprint, callbacks):
    """With and without callbacks by step, which take other ways through the loop."""
    whole = make()
    expected = fit(whole, blobs, cr.Adam(0.01))
    resume = {}
    for _ in range(20):
        model = make()
        try:
            history = fit(model, blobs, cr.Adam(0.01), [cr.Checkpoint(path, every=3), BreakAfter(5)], **resume)
            break
        except Broken:
            resume = {"resume_from": path}
    else:
        history = fit(model, blobs, cr.Adam(0.01), callbacks, **resume)
    assert history.history == expected.history
    assert fingerprint(model) == fingerprint(whole)


def test_logs_of_a_resumed_epoch_count_from_its_beginning(path, blobs):
    def logs_from(**more):
        seen = {}
        take = cr.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.update({len(seen): (batch, dict(logs))}))
        fit(make(), blobs, "adam", [take], epochs=2, **more)
        return list(seen.values())

    whole = logs_from()
    with pytest.raises(Broken):
        fit(make(), blobs, "adam", [cr.Checkpoint(path, every=11), BreakAfter(11)])
    assert logs_from(resume_from=path) == whole[11:]


def test_callbacks_go_on_too(path, blobs, fingerprint):
    def callbacks():
        return [
            cr.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
            cr.EarlyStopping("val_loss", patience=2, min_delta=0.03, restore_best_weights=True),
        ]

    whole, of_whole = make(), callbacks()
    expected = fit(whole, blobs, cr.Adam(0.02), of_whole, epochs=30)
    assert 3 < len(expected) < 30  # it stopped by itself
    assert whole.optimizer.lr < 0.02
    for broken_after in range(12, 8 * len(expected), 8):
        with pytest.raises(Broken):
            fit(make(), blobs, cr.Adam(0.02), [*callbacks(), cr.Checkpoint(path), BreakAfter(broken_after)], epochs=30)
        resumed, of_resumed = make(), callbacks()
        optimizer = cr.Adam(0.02)
        history = fit(resumed, blobs, optimizer, of_resumed, epochs=30, resume_from=path)
        assert history.history == expected.history
        assert optimizer.lr == whole.optimizer.lr
        assert fingerprint(resumed) == fingerprint(whole)
        assert (of_resumed[1].best, of_resumed[1].best_epoch) == (of_whole[1].best, of_whole[1].best_epoch)


@pytest.mark.parametrize(
    "watching",
    [
        lambda: cr.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
        lambda: cr.EarlyStopping("val_loss", patience=1, min_delta=0.1, restore_best_weights=True),
    ],
)
def test_a_checkpoint_in_front_of_other_callbacks_holds_what_they_made_of_its_epoch(path, blobs, fingerprint, watching):
    whole = make()
    expected = fit(whole, blobs, cr.Adam(0.02), watching(), epochs=9)
    for broken_after in range(12, 8 * len(expected), 8):
        with pytest.raises(Broken):
            fit(make(), blobs, cr.Adam(0.02), [cr.Checkpoint(path), BreakAfter(broken_after), watching()], epochs=9)
        resumed = make()
        assert fit(resumed, blobs, cr.Adam(0.02), watching(), epochs=9, resume_from=path).history == expected.history
        assert fingerprint(resumed) == fingerprint(whole)


def test_the_order_of_callbacks_beside_checkpoints(path):
    class Kept(cr.Callback):
        def state(self):
            return {"number": 1}

    class Upload(cr.Callback):
        """What follows a checkpoint finds the epoch's file there."""

    first, last, best, upload, kept = Upload(), cr.Checkpoint(path), cr.Checkpoint(path, save_best_only=True), Upload(), Kept()
    assert CallbackList([first, last, upload, best, kept])._callbacks == [first, kept, best, last, upload]
    assert CallbackList([kept, upload])._callbacks == [kept, upload]


@pytest.mark.parametrize("every", ["epoch", 5])
def test_a_plateau_goes_on_bit_for_bit(path, blobs, fingerprint, every):
    def optimizer():
        return cr.Adam(cr.schedules.plateau(0.02, factor=0.5, patience=1, min_delta=0.05))

    whole, resumed, own = make(), make(), optimizer()
    expected = fit(whole, blobs, own, epochs=9)
    assert own.lr(0) < 0.02
    with pytest.raises(Broken):
        fit(make(), blobs, optimizer(), [cr.Checkpoint(path, every=every), BreakAfter(53)], epochs=9)
    assert fit(resumed, blobs, optimizer(), epochs=9, resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)
    # A model that was saved and loaded goes on with the learning rate, and the memory, that it had; also after it is saved again.
    whole.save(path)
    cr.load(path).save(path)
    loaded = cr.load(path)
    assert loaded.optimizer.lr(0) == own.lr(0)
    for model in (whole, loaded):
        fit(model, blobs, model.optimizer, epochs=4, shuffle=False)
    assert fingerprint(loaded) == fingerprint(whole)
    assert loaded.optimizer.lr(0) == own.lr(0)


def test_a_finished_fit_can_be_lengthened(path, blobs, fingerprint):
    whole = make()
    expected = fit(whole, blobs, "adam", epochs=5)
    short = make()
    fit(short, blobs, "adam", epochs=3)
    short.save(path)
    again = make()
    assert fit(again, blobs, "adam", epochs=2, resume_from=path).epoch == [0, 1, 2]  # nothing left to do
    assert fingerprint(again) == fingerprint(short)
    assert fit(again, blobs, "adam", epochs=5, resume_from=path).history == expected.history
    assert fingerprint(again) == fingerprint(whole)


def test_a_model_saved_after_an_interruption_goes_on(path, blobs, fingerprint):
    """As after Ctrl-C: nothing was saved meanwhile, but the model is still there."""
    whole, broken, resumed = make(), make(), make()
    expected = fit(whole, blobs, cr.Adam(0.01))
    with pytest.raises(Broken):
        fit(broken, blobs, cr.Adam(0.01), [BreakAfter(21)])
    broken.save(path)
    assert fit(resumed, blobs, cr.Adam(0.01), resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)
    # Into the model that broke, with the optimizer that it has.
    assert fit(broken, blobs, broken.optimizer, resume_from=path).history == expected.history
    assert fingerprint(broken) == fingerprint(whole)


def test_a_users_loss_goes_on(path, blobs, fingerprint):
    def squares(prediction, target):
        return np.mean(np.square(prediction - target), axis=1)

    def run(model, **more):
        return model.fit(blobs[0], np.eye(3)[blobs[1]], loss=squares, verbose=0, **more)

    whole = make()
    run(whole, epochs=4)
    with pytest.raises(Broken):
        run(make(), epochs=4, callbacks=[cr.Checkpoint(path, every=7), BreakAfter(24)])
    resumed = make()
    run(resumed, epochs=4, resume_from=path)
    assert fingerprint(resumed) == fingerprint(whole)


def test_levenberg_marquardt_goes_on(path, fingerprint):
    x = np.linspace(-2, 2, 40)[:, None]

    def run(model, epochs, **more):
        return model.fit(x, np.sin(x), epochs=epochs, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0, **more)

    def net():
        return cr.Sequential([cr.Dense(6, "tanh"), cr.Dense(1)])

    whole, resumed = net(), net()
    expected = run(whole, 12)
    run(net(), 5, callbacks=[cr.Checkpoint(path)])
    assert run(resumed, 12, resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)


def test_lbfgs_goes_on_from_the_parameters_of_the_file(path):
    x = np.linspace(-2, 2, 40)[:, None]

    def run(epochs, **more):
        model = cr.Sequential([cr.Dense(6, "tanh"), cr.Dense(1)], dtype="float64")
        return model, model.fit(x, np.sin(x), epochs=epochs, loss="mse", optimizer=cr.LBFGS(), verbose=0, **more)

    _, begun = run(4, callbacks=cr.Checkpoint(path))
    at_the_file = cr.load(path).evaluate(x, np.sin(x))["loss"]
    assert at_the_file < begun.history["loss"][-1]
    model, history = run(9, resume_from=path)
    assert history.history["loss"][:4] == begun.history["loss"]
    assert history.history["loss"][4] == pytest.approx(at_the_file, rel=1e-12)
    assert model.evaluate(x, np.sin(x))["loss"] < at_the_file


def test_after_kill_9(path, blobs, fingerprint):
    """The process dies without a word; another one goes on."""
    code = f"""
import os, signal
import numpy as np
import chainrule as cr
x, y = np.load({str(path) + ".x.npy"!r}), np.load({str(path) + ".y.npy"!r})
class Die(cr.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen == 20:
            os.kill(os.getpid(), signal.SIGKILL)
model = cr.Sequential([cr.Dense(12, "tanh"), cr.Dropout(0.2), cr.Dense(3)], seed=5)
model.fit(x, y, epochs=6, loss="cross_entropy", metrics=["accuracy"], validation_split=0.2, optimizer=cr.Adam(0.01), batch_size=32,
          callbacks=[cr.Checkpoint({str(path)!r}, every=5), Die()], verbose=0)
"""
    for name, array in zip("xy", blobs, strict=True):
        np.save(f"{path}.{name}.npy", array)
    died = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr
    whole, resumed = make(), make()
    expected = fit(whole, blobs, cr.Adam(0.01))
    assert fit(resumed, blobs, cr.Adam(0.01), resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": lambda: cr.Sequential([cr.Dense(11, "tanh"), cr.Dropout(0.2), cr.Dense(3)], seed=5)},
            r"layers\[0\].units = 12, got 11",
        ),
        ({"model": lambda: cr.Sequential([cr.Dense(12, "tanh"), cr.Dense(3)], seed=5)}, "expected 3 architecture.layers, got 2"),
        (
            {"model": lambda: cr.Sequential([cr.Dense(12, "relu"), cr.Dropout(0.2), cr.Dense(3)], seed=5)},
            "activation = 'tanh', got 'relu'",
        ),
        (
            {"model": lambda: cr.Sequential([cr.Dense(12, "tanh"), cr.Dropout(0.2), cr.Dense(3)], seed=6)},
            "architecture.seed = 5, got 6",
        ),
        ({"model": lambda: make("float64")}, "architecture.dtype = 'float32', got 'float64'"),
        ({"optimizer": cr.SGD()}, "optimizer.class = 'Adam', got 'SGD'"),
        ({"optimizer": cr.Adam(beta1=0.8)}, "optimizer.beta1 = the default, got 0.8"),
        ({"batch_size": 16}, "fit.batch_size = 32, got 16"),
        ({"shuffle": False}, "fit.shuffle = True, got False"),
        ({"validation_split": 0.5}, "fit.rows = 240, got 150"),
        ({"metrics": []}, r"expected 1 heads\[0\].metrics, got 0"),
        ({"loss": "sigmoid_nll"}, r"heads\[0\].loss = 'cross_entropy', got 'sigmoid_nll'"),
    ],
)
def test_another_fit_is_refused_and_changes_nothing(path, blobs, fingerprint, change, message):
    fit(make(), blobs, cr.Adam(), [cr.Checkpoint(path)], epochs=1)
    more = dict(change)
    model = more.pop("model", make)()
    model.build(6)
    before = fingerprint(model)
    with pytest.raises(ValueError, match=f"is of another fit: .*{message}"):
        fit(model, blobs, more.pop("optimizer", cr.Adam()), resume_from=path, **more)
    assert fingerprint(model) == before
    fit(model, blobs, cr.Adam(), epochs=1)


def test_files_without_a_fit_are_refused(path, tmp_path, blobs):
    with pytest.raises(FileNotFoundError, match="fit: No such file"):
        fit(make(), blobs, "adam", resume_from=tmp_path / "none")
    make().build(6).save(path)
    with pytest.raises(ValueError, match="without a fit in it"):
        fit(make(), blobs, "adam", resume_from=path)
    fit(make(), blobs, "adam", [cr.Checkpoint(path, include_optimizer=False)])
    with pytest.raises(ValueError, match="without a fit in it"):
        fit(make(), blobs, "adam", resume_from=path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(cr.CorruptFileError, match="fit: "):
        fit(make(), blobs, "adam", resume_from=path)


def test_best_only(path, blobs, fingerprint):
    saved = cr.Checkpoint(path, monitor="val_accuracy", save_best_only=True)
    seen = {}
    model = make()
    take = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.setdefault(logs["val_accuracy"], fingerprint(model)))
    history = fit(model, blobs, cr.Adam(0.02), [saved, take])
    best = max(history.history["val_accuracy"])
    assert saved.best == best
    assert fingerprint(cr.load(path)) == seen[best]


def test_fields_and_keep(tmp_path, blobs, capsys):
    saved = cr.callbacks.Checkpoint(tmp_path / "net-{epoch:02d}-{step}-{loss:.2f}.safetensors", keep=2, verbose=1)
    history = fit(make(), blobs, "adam", [saved], epochs=4)
    expected = [f"net-{e:02d}-{8 * e}-{history.history['loss'][e - 1]:.2f}.safetensors" for e in (3, 4)]
    assert [Path(name).name for name in saved.files] == expected
    assert sorted(entry.name for entry in tmp_path.iterdir()) == expected
    assert capsys.readouterr().out.count("Checkpoint: saved") == 4
    with pytest.raises(ValueError, match=r"expected fields of filepath among \['accuracy', 'epoch',"):
        fit(make(), blobs, "adam", [cr.Checkpoint(tmp_path / "{no_such}")])


def test_steps_run_natively_between_epoch_checkpoints(path):
    """A checkpoint by epoch does not ask to be called at each step."""
    assert not CallbackList([cr.Checkpoint(path)]).wants("on_train_batch_begin", "on_train_batch_end")
    assert CallbackList([cr.Checkpoint(path, every=2)]).wants("on_train_batch_end")


def test_step_checkpoints_at_an_epochs_end_come_after_its_callbacks(path, blobs, fingerprint):
    """8 steps an epoch: the checkpoint after the 16th holds what ReduceLROnPlateau did after epoch 2."""

    def callbacks():
        return [cr.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)]

    whole, resumed = make(), make()
    optimizer = cr.Adam(0.01)
    fit(whole, blobs, cr.Adam(0.01), callbacks())
    with pytest.raises(Broken):
        fit(make(), blobs, cr.Adam(0.01), [*callbacks(), cr.Checkpoint(path, every=16), BreakAfter(20)])
    fit(resumed, blobs, optimizer, callbacks(), resume_from=path)
    assert optimizer.lr == whole.optimizer.lr < 0.01
    assert fingerprint(resumed) == fingerprint(whole)


def test_a_model_that_another_thread_trains_is_not_saved(path, blobs):
    model = make()
    model.build(6)
    begun, saved = threading.Event(), threading.Event()
    wait = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: (begun.set(), saved.wait(60)))
    thread = threading.Thread(target=fit, args=(model, blobs, "adam", [wait]))
    thread.start()
    assert begun.wait(60)
    with pytest.raises(cr.ChainruleError, match="save: expected a model that no other thread trains"):
        model.save(path)
    saved.set()
    thread.join()
    model.save(path)
    assert cr.load(path).history.history == model.history.history


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0}, ValueError, "expected every as an integer of at least 1"),
        ({"every": "step"}, TypeError, "expected every as an integer"),
        ({"keep": 0}, ValueError, "expected keep"),
        ({"mode": "best"}, ValueError, "expected mode"),
        ({"save_best_only": 1}, TypeError, "expected save_best_only to be True or False"),
        ({"every": 3, "save_best_only": True}, ValueError, "expected every='epoch'"),
    ],
)
def test_arguments(arguments, error, message):
    with pytest.raises(error, match=f"Checkpoint: {message}"):
        cr.Checkpoint("net", **arguments)


def test_state_of_the_native_trainer_is_checked(blobs):
    model = make()
    fit(model, blobs, "adam", epochs=1)
    trainer = model._sessions.last.trainer
    state = trainer.state()
    trainer.set_state(**state)
    for change, message in [
        ({"step": 3}, "expected a step below 0, got 3"),
        ({"losses": [0.0, 0.0]}, "expected the sums of 1 losses, got 2"),
        ({"metrics": [0.0, 0.0]}, "expected the sums of 1 metrics, got 2"),
        ({"collected": [[2, 1, 0.0, 0.0, 0.0, 0, 0, 0]]}, "expected what these metrics collect"),
        ({"numbers": {**state["numbers"], "beta1_power": 1.0, "x": 1.0}}, "expected 4 numbers, got 5"),
        ({"numbers": {"beta1_power": 1.0, "x": 1.0}}, "expected beta2_power, got none"),
        ({"arrays": {**state["arrays"], "x": np.ones(3, np.float32)}}, "expected 8 arrays, got 9"),
        (
            {"arrays": {**state["arrays"], "first.0.bias": np.ones(3, np.float32)}},
            r"first.0.bias of shape \(12,\) and type float32",
        ),
        ({"arrays": {**state["arrays"], "first.0.bias": np.ones(12)}}, "got .* and float64"),
    ]:
        with pytest.raises(ValueError, match=message):
            trainer.set_state(**{**state, **change})


@pytest.mark.parametrize("accumulate", [1, 3])
def test_schedules_averages_and_gathered_gradients_go_on(path, blobs, fingerprint, accumulate):
    def optimizer():
        return cr.RMSprop(cr.schedules.cosine(0.01, steps=40), momentum=0.5, clipnorm=1.0, accumulate=accumulate, ema=0.9)

    whole = make()
    expected = fit(whole, blobs, optimizer())
    with pytest.raises(Broken):
        fit(make(), blobs, optimizer(), [cr.Checkpoint(path, every=5), BreakAfter(17)])
    resumed = make()
    assert fit(resumed, blobs, optimizer(), resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)
    averages = whole.ema_parameters()
    assert all(np.array_equal(averages[name], value) for name, value in resumed.ema_parameters().items())
