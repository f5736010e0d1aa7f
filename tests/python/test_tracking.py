"""TensorBoard, MLflow and Optuna: what a fit tells them. MLflow is too large to be installed for tests: a stand-in takes the calls
of MLflow's client, and where MLflow is installed it takes them itself.
"""

import importlib.util
import sys
import types

import numpy as np
import optuna
import pytest
from tensorboardX.proto.event_pb2 import Event

import chainrule as cr


def data():
    x = np.random.default_rng(0).normal(size=(40, 3))
    return x, x.sum(axis=1)


def fit(callback, epochs=3, **more):
    model = cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(1)])
    options = {"loss": "mse", "optimizer": cr.Adam(0.01), "metrics": ["mae"], "validation_split": 0.25, "batch_size": 10, **more}
    model.fit(*data(), epochs=epochs, callbacks=[callback], verbose=0, **options)
    return model


class Fail(cr.Callback):
    def __init__(self, epoch, error):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("kind", ["TensorBoard", "MLflow", "OptunaPruning"])
def test_without_the_package_it_says_what_to_install(kind, monkeypatch):
    package = {"TensorBoard": "tensorboardX", "MLflow": "mlflow", "OptunaPruning": "optuna"}[kind]
    trial = [optuna.trial.FixedTrial({})] if kind == "OptunaPruning" else []
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{kind}: expected {package} to be installed; pip install 'chainrule\[tracking\]'"):
        getattr(cr, kind)(*trial)


def events(folder):
    """The events of all files in a folder: a record is its length, 4 bytes of check, the event, 4 bytes of check."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            length = int.from_bytes(content[:8], "little")
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def scalars(folder):
    """{tag: {step: value}}."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def by_epoch(values):
    return dict(enumerate(np.float32(values).tolist()))


def test_tensorboard(tmp_path):
    history = fit(cr.TensorBoard(tmp_path)).history.history
    assert scalars(tmp_path / "train") == {
        "epoch_loss": by_epoch(history["loss"]),
        "epoch_mae": by_epoch(history["mae"]),
        "epoch_learning_rate": by_epoch([0.01] * 3),
    }
    assert scalars(tmp_path / "validation") == {
        "epoch_loss": by_epoch(history["val_loss"]),
        "epoch_mae": by_epoch(history["val_mae"]),
    }


def test_tensorboard_has_an_epoch_at_its_end(tmp_path):
    seen = []
    board = cr.TensorBoard(tmp_path)
    look = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(scalars(tmp_path / "train")["epoch_loss"])))
    model = cr.Sequential([cr.Dense(1)])
    with pytest.raises(ZeroDivisionError):
        model.fit(*data(), epochs=9, loss="mse", callbacks=[board, look, Fail(2, ZeroDivisionError())], verbose=0)
    assert seen == [1, 2, 3]
    assert board._files == {}  # closed


def test_tensorboard_by_step_and_with_histograms(tmp_path):
    fit(cr.TensorBoard(tmp_path / "all", update_freq="batch"), epochs=2)
    found = scalars(tmp_path / "all" / "train")
    assert list(found["batch_loss"]) == list(found["batch_mae"]) == [0, 1, 2, 3, 4, 5]
    assert found["batch_loss"][2] == found["epoch_loss"][0]
    fit(cr.TensorBoard(tmp_path / "some", update_freq=4, histogram_freq=2), epochs=3)
    assert list(scalars(tmp_path / "some" / "train")["batch_loss"]) == [0, 4, 8]
    histograms = [
        (e.step, v.tag, v.histo.num) for e in events(tmp_path / "some" / "train") for v in e.summary.value if v.HasField("histo")
    ]
    sizes = {"0.kernel": 12, "0.bias": 4, "1.kernel": 4, "1.bias": 1}
    assert histograms == [(step, name, size) for step in (0, 2) for name, size in sizes.items()]
    with pytest.raises(TypeError, match="TensorBoard: expected update_freq as an integer, got 'often'"):
        cr.TensorBoard(tmp_path, update_freq="often")


class Store:
    """A stand-in for the module mlflow: what the callback uses of it, and a record of it."""

    def __init__(self):
        self.params, self.metrics, self.ended = {}, {}, []
        self._active = None
        self.module = types.ModuleType("mlflow")
        self.module.entities = types.SimpleNamespace(Param=lambda *a: a, Metric=lambda *a: a)
        self.module.MlflowClient = lambda: self
        self.module.active_run = lambda: self._active
        self.module.start_run = self.start_run
        self.module.end_run = self.end_run

    def start_run(self):
        self._active = types.SimpleNamespace(info=types.SimpleNamespace(run_id="new"))
        return self._active

    def end_run(self, status):
        self.ended.append((self._active.info.run_id, status))
        self._active = None

    def log_batch(self, run_id, metrics=(), params=()):
        self.params.setdefault(run_id, {}).update(params)
        for name, value, _, step in metrics:
            self.metrics.setdefault(run_id, {}).setdefault(name, {})[step] = value


@pytest.fixture
def mlflow_calls(monkeypatch):
    store = Store()
    monkeypatch.setitem(sys.modules, "mlflow", store.module)
    return store


def test_mlflow_with_a_run_of_its_own(mlflow_calls):
    history = fit(cr.MLflow()).history.history
    expected = {name: dict(enumerate(values)) for name, values in history.items()}
    assert mlflow_calls.metrics == {"new": {**expected, "learning_rate": dict.fromkeys(range(3), 0.01)}}
    params = mlflow_calls.params["new"]
    assert params["optimizer"] == "Adam"
    assert float(params["optimizer_lr"]) == 0.01
    assert (params["epochs"], params["steps"], params["parameter_count"], params["dtype"]) == ("3", "3", "21", "float32")
    assert params["layers"] == "Dense(4, 'tanh'), Dense(1)"
    assert mlflow_calls.ended == [("new", "FINISHED")]


def test_mlflow_with_the_active_run_and_with_one_given(mlflow_calls):
    mlflow_calls.start_run()
    fit(cr.MLflow(every=2, log_params=False), epochs=5)
    fit(cr.MLflow("given", every=10), epochs=2)
    assert list(mlflow_calls.metrics["new"]["loss"]) == [1, 3, 4]
    assert mlflow_calls.params["new"] == {}
    assert list(mlflow_calls.metrics["given"]["loss"]) == [1]
    assert mlflow_calls.ended == []


@pytest.mark.parametrize(("error", "status"), [(ZeroDivisionError(), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_mlflow_ends_its_run_after_an_error(mlflow_calls, error, status):
    model = cr.Sequential([cr.Dense(1)])
    with pytest.raises(type(error)):
        model.fit(*data(), epochs=9, loss="mse", callbacks=[cr.MLflow(every=5), Fail(2, error)], verbose=0)
    assert list(mlflow_calls.metrics["new"]["loss"]) == [2]
    assert mlflow_calls.ended == [("new", status)]


if importlib.util.find_spec("mlflow"):

    @pytest.mark.filterwarnings("ignore")  # MLflow's own
    def test_mlflow_itself(tmp_path, monkeypatch):
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes ten seconds to make
        import mlflow

        mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
        history = fit(cr.MLflow()).history.history
        (run,) = mlflow.search_runs(output_format="list")
        assert run.info.status == "FINISHED"
        assert run.data.params["optimizer"] == "Adam"
        assert run.data.metrics["val_loss"] == history["val_loss"][-1]
        steps = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
        assert [(m.step, m.value) for m in steps] == list(enumerate(history["loss"]))


def test_optuna_prunes():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    models = []

    def objective(trial):
        lr = trial.suggest_categorical("lr", [0.05, 1e-6])
        models.append(fit(cr.OptunaPruning(trial), epochs=10, optimizer=cr.Adam(lr)))
        return models[-1].history.history["val_loss"][-1]

    study = optuna.create_study(
        sampler=optuna.samplers.GridSampler({"lr": [0.05, 1e-6]}, seed=0),
        pruner=optuna.pruners.ThresholdPruner(upper=0.9, n_warmup_steps=5),
    )
    study.optimize(objective, n_trials=2)
    good, bad = sorted(study.trials, key=lambda trial: -trial.params["lr"])
    assert good.state == optuna.trial.TrialState.COMPLETE
    assert list(good.intermediate_values.values()) == models[0].history.history["val_loss"]
    assert bad.state == optuna.trial.TrialState.PRUNED
    assert max(bad.intermediate_values) == 5
    assert len(models) == 1


def test_optuna_reports_at_an_interval_and_checks():
    trial = optuna.create_study().ask()
    fit(cr.OptunaPruning(trial, "mae", interval=2), epochs=5)
    assert list(trial.study.trials[0].intermediate_values) == [1, 3]
    with pytest.raises(
        ValueError, match=r"OptunaPruning: expected monitor to be one of .*, got 'val_loss'; give fit validation_data"
    ):
        fit(cr.OptunaPruning(trial), validation_split=0)
    with pytest.raises(TypeError, match="OptunaPruning: expected a trial of Optuna, got 3"):
        cr.OptunaPruning(3)
