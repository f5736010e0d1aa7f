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

from os import PathLike
from typing import IO

from chainrule import validation
from chainrule.callback_base import Callback, LambdaCallback, Logs
from chainrule.checkpoint import Checkpoint
from chainrule.errors import TrainingDiverged
from chainrule.monitors import EarlyStopping, ReduceLROnPlateau

__all__ = ["CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "LambdaCallback", "ReduceLROnPlateau", "TerminateOnNaN"]


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
