"""The schedule that watches how a training goes."""

from typing import Any, Literal

import numpy as np

from chainrule.callback_base import Callback, Logs
from chainrule.monitors import ReduceLROnPlateau
from chainrule.schedule_base import Position, Schedule, checked_lr
from chainrule.validation import Array


class Plateau(Schedule):
    """Multiplied by `factor` when an epoch's number has not improved for `patience` epochs: what `ReduceLROnPlateau` does in callbacks.

    For `fit`; `train_on_batch` knows no epochs. A fit that goes on remembers the best value so far. One object serves one optimizer.

    Parameters
    ----------
    lr : float
        At the start; at least 0.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Epochs without improvement before it acts.
    monitor : str, optional
        The number to watch; left out, "val_loss" where there is validation data, else "loss".
    mode : {"auto", "min", "max"}, default "auto"
        As for `EarlyStopping`.
    min_delta : float, default 1e-4
        The least change that counts as an improvement.
    cooldown : int, default 0
        Epochs after a change before it watches again.
    least : float, default 0
        The learning rate goes no lower.
    """

    _name = "plateau"
    _fields = ("lr", "factor", "patience", "monitor", "mode", "min_delta", "cooldown", "least")
    unit = "epoch"

    def __init__(
        self,
        lr: float,
        factor: float = 0.1,
        patience: int = 10,
        monitor: str | None = None,
        mode: Literal["auto", "min", "max"] = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        least: float = 0.0,
    ) -> None:
        self.lr = self.current = checked_lr(lr, "plateau")
        self.monitor, self.mode = monitor, mode
        self._watch = _Watch(self, factor, patience, monitor, mode, min_delta, cooldown, least)
        self.factor, self.patience, self.cooldown = self._watch.factor, self._watch.patience, self._watch.cooldown
        self.min_delta, self.least = min_delta, self._watch.min_lr

    def at(self, t: Array) -> Array:
        """Return the learning rate in force: it does not depend on the position."""
        return np.full(t.shape, self.current)

    def coming(self, trainer: Position, accumulate: int, batches: int) -> Array:
        """Return the learning rate in force; begin anew with a trainer that is new."""
        if trainer.iterations == 0:
            self.current = self.lr
            self._watch.forget()
        return super().coming(trainer, accumulate, batches)

    def callbacks(self) -> list[Callback]:
        """Return what watches the epochs."""
        return [self._watch]


class _Watch(ReduceLROnPlateau):
    """`ReduceLROnPlateau` whose learning rate is a schedule's, and which one fit hands on to the next."""

    def __init__(
        self,
        schedule: Plateau,
        factor: float,
        patience: int,
        monitor: str | None,
        mode: Literal["auto", "min", "max"],
        min_delta: float,
        cooldown: int,
        least: float,
    ) -> None:
        super().__init__(monitor or "val_loss", factor, patience, 0, mode, min_delta, cooldown, least)
        self._schedule = schedule
        self._any_loss = monitor is None

    def state(self) -> dict[str, object]:
        """Return the learning rate in force, too."""
        return {**super().state(), "lr": self._schedule.current}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on waiting, with that learning rate."""
        super().set_state(state)
        self._schedule.current = checked_lr(state["lr"], "plateau")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Remember an earlier fit."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, wait, reduce."""
        if self._any_loss and logs is not None and "val_loss" not in logs:
            logs = {"val_loss": logs["loss"]}
        super().on_epoch_end(epoch, logs)

    def _lr(self) -> float:
        return self._schedule.current

    def _set_lr(self, lr: float) -> None:
        self._schedule.current = lr
