"""Callbacks that watch one number of each epoch, and act when it no longer improves."""

import math
from typing import TYPE_CHECKING, Any, Literal

from chainrule import validation
from chainrule.callback_base import Callback, Logs
from chainrule.metrics import more_is_better

if TYPE_CHECKING:
    from chainrule.validation import Array


class Best:
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
        """Begin anew, or go on from a value."""
        self.value = value

    def read(self, logs: Logs | None) -> float:
        """Return the number that is watched; ValueError where there is none."""
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
        self._best = Best("EarlyStopping", monitor, mode, min_delta)
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
        self._best = Best(operation, monitor, mode, min_delta)
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
