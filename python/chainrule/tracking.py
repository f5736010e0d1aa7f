"""Callbacks that tell other packages how a fit goes: TensorBoard, MLflow, Optuna. Each imports its package when it is made.

``pip install 'chainrule[tracking]'`` installs all three.
"""

import importlib
import time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chainrule import validation
from chainrule.callback_base import Callback, Logs
from chainrule.monitors import Best

if TYPE_CHECKING:
    from chainrule.model import Trainable

__all__ = ["MLflow", "OptunaPruning", "TensorBoard"]

_HISTOGRAM_BINS = 30


def _package(name: str, operation: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{operation}: expected {name} to be installed; pip install 'chainrule[tracking]'") from error


def _learning_rate(model: "Trainable") -> float:
    """Return the one of the last step: what the optimizer has may change from step to step."""
    session = model._sessions.last
    assert session is not None  # a fit has one
    return float(session.trainer.lr)


class TensorBoard(Callback):
    """Writes event files that ``tensorboard --logdir`` shows, through tensorboardX.

    As Keras does it: runs "train" and "validation" inside `log_dir`, with "epoch_loss", "epoch_<metric>" and "epoch_learning_rate" by
    epoch, from 0. What an epoch wrote can be read at its end.

    Parameters
    ----------
    log_dir : path-like, default "logs"
        One for each fit, such as "logs/wide-net".
    histogram_freq : int, default 0
        Epochs between histograms of all parameters; 0: none.
    update_freq : "epoch", "batch" or int, default "epoch"
        "batch" or a number of steps: between writing also "batch_loss" and "batch_<metric>", means over the epoch so far, by step.
        Then a fit returns to Python after each step.

    Raises
    ------
    ImportError
        Without tensorboardX.

    Examples
    --------
    >>> import chainrule as cr
    >>> board = cr.TensorBoard("logs/first")  # doctest: +SKIP
    """

    def __init__(
        self,
        log_dir: "str | PathLike[str]" = "logs",
        histogram_freq: int = 0,
        update_freq: Literal["epoch", "batch"] | int = "epoch",
    ) -> None:
        self.log_dir = log_dir
        self.histogram_freq = validation.integer(histogram_freq, "TensorBoard", "histogram_freq", 0)
        self.update_freq = update_freq
        if update_freq != "epoch":
            self._steps = 1 if update_freq == "batch" else validation.integer(update_freq, "TensorBoard", "update_freq", 1)
            setattr(self, "on_train_batch_end", self._on_train_batch_end)  # noqa: B010  # a fit asks whether it is there
        self._package = _package("tensorboardX", "TensorBoard")
        self._files: dict[str, Any] = {}
        self._step = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count steps from 0."""
        self._step = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch."""
        training = {f"epoch_{name}": value for name, value in (logs or {}).items() if not name.startswith("val_")}
        validation = {f"epoch_{name[4:]}": value for name, value in (logs or {}).items() if name.startswith("val_")}
        training["epoch_learning_rate"] = _learning_rate(self.model)
        self._write("train", epoch, _scalars(training))
        if validation:
            self._write("validation", epoch, _scalars(validation))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for name, parameter in self.model.parameters().items():
                self._write("train", epoch, self._package.summary.histogram(name, parameter, _HISTOGRAM_BINS))
        for file in self._files.values():
            file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def on_train_error(self, error: BaseException) -> None:
        """Close the files."""
        self.on_train_end()

    def _on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._step % self._steps == 0:
            means = {f"batch_{name}": value for name, value in (logs or {}).items() if not name.startswith("val_")}
            self._write("train", self._step, _scalars(means))
        self._step += 1

    def _write(self, run: str, step: int, summary: Any) -> None:
        """Append an event to the run's file, at once: tensorboardX's SummaryWriter hands it to a thread, and its flush does not wait."""
        if run not in self._files:
            folder = Path(self.log_dir) / run
            folder.mkdir(parents=True, exist_ok=True)
            # tensorboardX names files by the second.
            writer = self._package.event_file_writer.EventsWriter
            self._files[run] = writer(str(folder / "events"), filename_suffix=f".{time.time_ns()}")
        event = self._package.proto.event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
        self._files[run].write_event(event)


def _scalars(values: dict[str, float]) -> Any:
    """Return what protobuf takes for a Summary of numbers."""
    return {"value": [{"tag": name, "simple_value": value} for name, value in values.items()]}


class MLflow(Callback):
    """Logs to a run of MLflow: settings of the fit as parameters; losses, metrics and learning rate by epoch, from 0.

    The run is the one given, or the active one, or a new one that ends with the fit: "FINISHED", or "FAILED" after an exception and
    "KILLED" after Ctrl-C. Parameters are "epochs", "steps" (of an epoch), "optimizer" with "optimizer_<setting>", "layers",
    "parameter_count" and "dtype".

    Parameters
    ----------
    run_id : str, optional
        The run to log to.
    every : int, default 1
        Epochs between two that are logged; the last is always. Each takes MLflow milliseconds.
    log_params : bool, default True
        Whether to log the parameters; MLflow refuses other values for those that a run has.

    Raises
    ------
    ImportError
        Without mlflow (or mlflow-skinny).

    Examples
    --------
    >>> import chainrule as cr
    >>> flow = cr.MLflow(every=10)  # doctest: +SKIP
    """

    def __init__(self, run_id: str | None = None, every: int = 1, log_params: bool = True) -> None:
        self.run_id = run_id
        self.every = validation.integer(every, "MLflow", "every", 1)
        self.log_params = validation.flag(log_params, "MLflow", "log_params")
        self._mlflow = _package("mlflow", "MLflow")
        self._run = ""
        self._own = False
        self._late: tuple[int, dict[str, float]] | None = None  # the last epoch, where it is not logged yet

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Find or start the run; log the parameters."""
        active = self._mlflow.active_run()
        self._own = self.run_id is None and active is None
        if self.run_id is not None:
            self._run = self.run_id
        else:
            self._run = (self._mlflow.start_run() if active is None else active).info.run_id
        self._late = None
        if self.log_params:
            parameters = [self._mlflow.entities.Param(name, str(value)) for name, value in self._settings().items()]
            self._client().log_batch(self._run, params=parameters)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Log the epoch."""
        self._late = (epoch, {**(logs or {}), "learning_rate": _learning_rate(self.model)})
        if (epoch + 1) % self.every == 0:
            self._log()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Log the last epoch; end a run of its own."""
        self._end("FINISHED")

    def on_train_error(self, error: BaseException) -> None:
        """Log the last epoch; end a run of its own."""
        self._end("FAILED" if isinstance(error, Exception) else "KILLED")

    def _settings(self) -> dict[str, object]:
        model, optimizer = self.model, self.model.optimizer
        found: dict[str, object] = {
            "epochs": self.params["epochs"],
            "steps": self.params["steps"],
            "layers": ", ".join(map(repr, model.layers)),
            "parameter_count": sum(value.size for value in model.parameters().values()),
            "dtype": model.dtype,
        }
        if optimizer is not None:
            settings = {f"optimizer_{name}": value for name, value in optimizer.settings().items()}
            found |= {"optimizer": type(optimizer).__name__, **settings}
        return found

    def _log(self) -> None:
        if self._late is None:
            return
        epoch, values = self._late
        self._late = None
        now = int(time.time() * 1000)
        metrics = [self._mlflow.entities.Metric(name, value, now, epoch) for name, value in values.items()]
        self._client().log_batch(self._run, metrics=metrics)

    def _end(self, status: str) -> None:
        self._log()
        if self._own:
            self._own = False
            self._mlflow.end_run(status)

    def _client(self) -> Any:
        return self._mlflow.MlflowClient()


class OptunaPruning(Callback):
    """Reports a number of each epoch to a trial of Optuna, and ends the fit with ``optuna.TrialPruned`` where the study gives it up.

    Parameters
    ----------
    trial : optuna.trial.Trial
        What the objective is called with.
    monitor : str, default "val_loss"
        The number: what the objective returns, for instance.
    interval : int, default 1
        Epochs between two reports.

    Raises
    ------
    ImportError
        Without optuna.
    TypeError
        For anything but a trial.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> import optuna  # doctest: +SKIP
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> def objective(trial):
    ...     model = cr.Sequential([cr.Dense(trial.suggest_int("units", 2, 64, log=True), "tanh"), cr.Dense(1)])
    ...     history = model.fit(x, x.prod(axis=1), epochs=50, loss="mse", optimizer=cr.Adam(trial.suggest_float("lr", 1e-4, 0.1, log=True)),
    ...                         validation_split=0.25, callbacks=[cr.OptunaPruning(trial)], verbose=0)
    ...     return min(history.history["val_loss"])
    >>> optuna.create_study().optimize(objective, n_trials=20)  # doctest: +SKIP
    """

    def __init__(self, trial: Any, monitor: str = "val_loss", interval: int = 1) -> None:
        for method in ("report", "should_prune"):
            if not callable(getattr(trial, method, None)):
                raise TypeError(f"OptunaPruning: expected a trial of Optuna, got {trial!r}")
        self.trial = trial
        self.monitor = monitor
        self._monitored = Best("OptunaPruning", monitor, "auto", 0.0)
        self.interval = validation.integer(interval, "OptunaPruning", "interval", 1)
        self._pruned: type[Exception] = _package("optuna", "OptunaPruning").TrialPruned

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Report, and ask."""
        if (epoch + 1) % self.interval != 0:
            return
        value = self._monitored.read(logs)
        self.trial.report(value, epoch)
        if self.trial.should_prune():
            raise self._pruned(f"OptunaPruning: pruned after epoch {epoch + 1}, {self.monitor} {value:g}")
