"""Callbacks, with Keras' method names: objects that a fit tells how it goes on.

Only methods that a callback overrides cost anything: without any `on_epoch_*` a fit runs through many epochs natively, and without
any `on_train_batch_*` through whole ones. A callback stops the fit by setting ``self.model.stop_training = True``.

Examples
--------
>>> import numpy as np
>>> import chainrule as cr
>>> class Shout(cr.Callback):
...     def on_epoch_end(self, epoch, logs=None):
...         print(f"EPOCH {epoch}: {sorted(logs)}")
>>> x = np.eye(4)
>>> history = cr.Sequential([cr.Dense(1)]).fit(x, x[:, 0], epochs=2, loss="mse", callbacks=[Shout()], verbose=0)
EPOCH 0: ['loss']
EPOCH 1: ['loss']
"""

import math
from collections.abc import Callable, Mapping
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, Literal

from chainrule import validation
from chainrule.errors import TrainingDiverged
from chainrule.metrics import more_is_better

if TYPE_CHECKING:
    from chainrule.model import Trainable
    from chainrule.validation import Array

__all__ = ["CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "LambdaCallback", "ReduceLROnPlateau", "TerminateOnNaN"]

Logs = Mapping[str, float]


class Callback:
    """Base of the callbacks: every method does nothing.

    Attributes
    ----------
    model : Sequential or Model
        The model that is fitted.
    params : dict
        "epochs", "steps" (of an epoch) and "verbose".
    """

    model: "Trainable"
    params: dict[str, Any]

    def set_model(self, model: "Trainable") -> None:
        """Receive the model, before anything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive "epochs", "steps" and "verbose"."""
        self.params = params

    def state(self) -> dict[str, object]:
        """Return what files of a fit hold of this callback: numbers and arrays by name, nothing for most."""
        return {}

    def set_state(self, state: dict[str, object]) -> None:
        """Receive what `state` returned, after `on_train_begin` of a fit that goes on from a file."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Act before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Act after the last epoch; not called when the fit ends with an exception."""

    def on_train_error(self, error: BaseException) -> None:
        """Act when the fit ends with this exception, Ctrl-C among them, which is raised afterwards."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Act before epoch number `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Act after an epoch and its validation; `logs` holds its loss and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act before step number `batch` of an epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act after a step; `logs` holds loss and metrics of the epoch so far. After the last step, validation is already done."""


class LambdaCallback(Callback):
    """A callback from functions.

    Parameters
    ----------
    on_train_begin, on_train_end : callable, optional
        Called with (logs).
    on_epoch_begin, on_epoch_end : callable, optional
        Called with (epoch, logs).
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with (batch, logs).

    Examples
    --------
    >>> import chainrule as cr
    >>> log = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
    ) -> None:
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in functions.items():
            if function is not None:
                if not callable(function):
                    raise TypeError(f"LambdaCallback: expected {name} as a function, got {function!r}")
                setattr(self, name, function)


class _Best:
    """The best value so far of one of an epoch's numbers."""

    def __init__(self, operation: str, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{operation}: expected mode 'auto', 'min' or 'max', got {mode!r}")
        self._operation = operation
        self._monitor = monitor
        self._sign = 1.0 if mode == "max" or (mode == "auto" and more_is_better(monitor)) else -1.0
        self._min_delta = abs(validation.real(min_delta, operation, "min_delta"))
        self.value = math.nan

    def start(self, value: float = math.nan) -> None:
        self.value = value

    def read(self, logs: Logs | None) -> float:
        logs = logs or {}
        if self._monitor not in logs:
            hint = "; give fit validation_data or validation_split" if self._monitor.startswith("val_") else ""
            raise ValueError(f"{self._operation}: expected monitor to be one of {sorted(logs)}, got {self._monitor!r}{hint}")
        return logs[self._monitor]

    def improves(self, value: float) -> bool:
        """Say whether `value` is better than the best by more than min_delta, and remember it if so."""
        if not math.isnan(self.value) and not self.beats(value, self.value):
            return False
        self.value = value
        return True

    def beats(self, value: float, other: float) -> bool:
        """Say whether `value` is better than `other` by more than min_delta."""
        return self._sign * (value - other) > self._min_delta


class EarlyStopping(Callback):
    """Stops when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The number to watch.
    min_delta : float, default 0
        The least change that counts as an improvement.
    patience : int, default 0
        Epochs without improvement before training stops.
    verbose : int, default 0
        1 prints when it stops.
    mode : {"auto", "min", "max"}, default "auto"
        Whether less or more is better; "auto" asks `chainrule.metrics.more_is_better`: less of losses and errors.
    baseline : float, optional
        Epochs that are not better than this count as ones without improvement.
    restore_best_weights : bool, default False
        Whether the model gets the parameters of its best epoch back at the end, also where the baseline was never reached.
    start_from_epoch : int, default 0
        Epochs before it starts to watch.

    Attributes
    ----------
    stopped_epoch : int
        The epoch after which it stopped; 0 where it did not.
    best : float
        The best value.
    best_epoch : int
        Its epoch.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Literal["auto", "min", "max"] = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self._best = _Best("EarlyStopping", monitor, mode, min_delta)
        self.patience = validation.integer(patience, "EarlyStopping", "patience", 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else validation.real(baseline, "EarlyStopping", "baseline")
        self.restore_best_weights = validation.flag(restore_best_weights, "EarlyStopping", "restore_best_weights")
        self.start_from_epoch = validation.integer(start_from_epoch, "EarlyStopping", "start_from_epoch", 0)
        self._begin()

    def _begin(self) -> None:
        self.stopped_epoch = 0
        self.best_epoch = 0
        self._waited = 0
        self._parameters: dict[str, Array] | None = None
        self._best.start()

    @property
    def best(self) -> float:
        """The best value."""
        return self._best.value

    def state(self) -> dict[str, object]:
        """Return the best epoch, its parameters where they are restored, and how long it was waited."""
        parameters = {f"parameters/{name}": value for name, value in (self._parameters or {}).items()}
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited, **parameters}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on waiting."""
        self._best.start(float(state["best"]))
        self.best_epoch, self._waited = int(state["best_epoch"]), int(state["waited"])
        prefix = "parameters/"
        self._parameters = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)} or None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, remember, stop."""
        value = self._best.read(logs)
        if epoch < self.start_from_epoch:
            return
        self._waited += 1
        if self._best.improves(value):
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._parameters = self.model.parameters()
            if self.baseline is None or self._best.beats(value, self.baseline):
                self._waited = 0
                return
        if self._waited >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Give the best parameters back."""
        if self._parameters is not None:
            self.model.set_parameters(self._parameters)
            self._parameters = None
        if self.verbose and self.stopped_epoch:
            restored = ", whose parameters the model has again" if self.restore_best_weights else ""
            print(f"EarlyStopping: stopped after epoch {self.stopped_epoch + 1}, best epoch {self.best_epoch + 1}{restored}")


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The number to watch.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Epochs without improvement before it acts.
    verbose : int, default 0
        1 prints when it acts.
    mode : {"auto", "min", "max"}, default "auto"
        As for `EarlyStopping`.
    min_delta : float, default 1e-4
        The least change that counts as an improvement.
    cooldown : int, default 0
        Epochs after a change before it watches again.
    min_lr : float, default 0
        The learning rate goes no lower.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Literal["auto", "min", "max"] = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        operation = "ReduceLROnPlateau"
        self._best = _Best(operation, monitor, mode, min_delta)
        self.factor = validation.real(factor, operation, "factor", above=0, below=1)
        self.patience = validation.integer(patience, operation, "patience", 0)
        self.verbose = verbose
        self.cooldown = validation.integer(cooldown, operation, "cooldown", 0)
        self.min_lr = validation.real(min_lr, operation, "min_lr", least=0)
        self._waited = self._resting = 0

    def state(self) -> dict[str, object]:
        """Return the best value, and how long it was waited and rested."""
        return {"best": self._best.value, "waited": self._waited, "resting": self._resting}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on waiting."""
        self._best.start(float(state["best"]))
        self._waited, self._resting = int(state["waited"]), int(state["resting"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._best.start()
        self._waited = self._resting = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, wait, reduce."""
        better = self._best.improves(self._best.read(logs))
        if self._resting > 0:
            self._resting -= 1
            self._waited = 0
        if better:
            self._waited = 0
            return
        if self._resting > 0:
            return
        self._waited += 1
        lr = self._lr()
        if self._waited >= self.patience and lr > self.min_lr:
            lr = max(lr * self.factor, self.min_lr)
            self._set_lr(lr)
            self._resting = self.cooldown
            self._waited = 0
            if self.verbose:
                print(f"ReduceLROnPlateau: learning rate {lr:g} after epoch {epoch + 1}")

    def _lr(self) -> float:
        optimizer = self.model.optimizer
        assert optimizer is not None  # it trains
        if not isinstance(optimizer.lr, float):
            raise TypeError(f"ReduceLROnPlateau: expected a learning rate that is a number, got the schedule {optimizer.lr!r}")
        return optimizer.lr

    def _set_lr(self, lr: float) -> None:
        assert self.model.optimizer is not None
        self.model.optimizer.lr = lr


class TerminateOnNaN(Callback):
    """Ends a fit quietly when the loss becomes NaN or infinite, where without it `TrainingDiverged` is raised.

    The parameters stay as they were before the step that failed.

    Attributes
    ----------
    error : TrainingDiverged or None
        What ended the last fit.
    """

    def __init__(self) -> None:
        self.error: TrainingDiverged | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self.error = None

    def on_training_diverged(self, error: TrainingDiverged) -> None:
        """Take the error: the fit ends without raising it."""
        self.error = error
        print(f"TerminateOnNaN: {error}")


class CSVLogger(Callback):
    """Appends a line per epoch to a CSV file: its number and its losses and metrics.

    A line is in the file before the next epoch begins. Numbers have all their digits.

    Parameters
    ----------
    filename : path-like
        The file.
    separator : str, default ","
        Between columns.
    append : bool, default False
        Whether to go on in a file that exists; otherwise each fit starts it anew.

    Raises
    ------
    ValueError
        In the first epoch, where a file to go on in has other columns.
    """

    def __init__(self, filename: "str | PathLike[str]", separator: str = ",", append: bool = False) -> None:
        self.filename = filename
        self.separator = separator
        self.append = validation.flag(append, "CSVLogger", "append")
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the file."""
        self._columns = []
        if not self.append:
            with self._open("w"):
                pass

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch, and before the first the header."""
        import csv  # only this callback needs it

        row = {"epoch": epoch, **(logs or {})}
        with self._open("a+") as file:
            if not self._columns:
                file.seek(0)
                self._columns = next(csv.reader(file, delimiter=self.separator), [])
            writer = csv.DictWriter(file, self._columns or list(row), delimiter=self.separator)
            if not self._columns:
                self._columns = list(row)
                writer.writeheader()
            if set(self._columns) != set(row):
                columns = ", ".join(self._columns)
                raise ValueError(f"CSVLogger: expected the columns of {self.filename}, {columns}, got {', '.join(row)}")
            writer.writerow(row)

    def _open(self, mode: str) -> IO[str]:
        from pathlib import Path  # takes longer to import than all of chainrule

        return Path(self.filename).open(mode, encoding="utf-8", newline="")


from chainrule.checkpoint import Checkpoint  # noqa: E402  # made from the classes above
