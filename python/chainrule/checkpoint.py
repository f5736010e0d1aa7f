"""`Checkpoint`: a fit that writes itself down as it goes."""

import os
from os import PathLike
from typing import Literal

from chainrule import validation
from chainrule.callback_base import Callback, Logs
from chainrule.monitors import Best

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Saves the model while it is fitted, so that ``fit(..., resume_from=path)`` goes on from there, bit for bit.

    Parameters
    ----------
    filepath : path-like
        The file. It may hold fields: ``{epoch}`` (from 1), ``{step}`` (updates so far) and the numbers of the logs, as in
        ``"net-{epoch:03d}-{val_loss:.3f}.safetensors"``; without fields every checkpoint replaces the last one. Its folder exists.
    monitor : str, optional
        The number that `save_best_only` watches; left out: "val_loss".
    save_best_only : bool, default False
        Whether only epochs are saved that are better than all before.
    mode : {"auto", "min", "max"}, default "auto"
        As for `EarlyStopping`.
    every : "epoch" or int, default "epoch"
        When to save: after each epoch, or after each so many steps, within epochs too.
    keep : int, optional
        How many of the files that this fit has written stay, the newest ones; left out: all. For a `filepath` with fields.
    include_optimizer : bool, default True
        Without the optimizer the files are smaller, and no fit can go on from them.
    verbose : int, default 0
        1 prints each file's name.

    Attributes
    ----------
    best : float
        The best value so far.
    files : list of str
        The files that are kept, the newest last.

    Notes
    -----
    A file is complete before it takes the place of the one before: after a crash at any point the last complete one is there.
    The state of other callbacks is in the file, too: those that have one are called before it after each epoch, wherever it stands in
    `callbacks`. Others are called in their order: those that change the model after an epoch stand in front of it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> def make():
    ...     return cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/net.safetensors"
    ...     _ = make().fit(x, x**2, epochs=3, loss="mse", callbacks=[cr.callbacks.Checkpoint(path)], verbose=0)
    ...     resumed = make()
    ...     history = resumed.fit(x, x**2, epochs=5, loss="mse", resume_from=path, verbose=0)
    >>> history.epoch
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        filepath: "str | PathLike[str]",
        *,
        monitor: str | None = None,
        save_best_only: bool = False,
        mode: Literal["auto", "min", "max"] = "auto",
        every: Literal["epoch"] | int = "epoch",
        keep: int | None = None,
        include_optimizer: bool = True,
        verbose: int = 0,
    ) -> None:
        self.filepath = os.fspath(filepath)
        self.save_best_only = validation.flag(save_best_only, "Checkpoint", "save_best_only")
        self.include_optimizer = validation.flag(include_optimizer, "Checkpoint", "include_optimizer")
        self.every = every if every == "epoch" else validation.integer(every, "Checkpoint", "every", 1)
        self.keep = None if keep is None else validation.integer(keep, "Checkpoint", "keep", 1)
        self.verbose = verbose
        self.files: list[str] = []
        self._best = Best("Checkpoint", monitor or "val_loss", mode, 0.0)
        self._epoch = 0
        self._is_due = False
        if every != "epoch" and save_best_only:
            raise ValueError("Checkpoint: expected every='epoch' for save_best_only=True, whose number is an epoch's")
        if every != "epoch":  # a fit whose callbacks take no notice of steps runs through them natively
            setattr(self, "on_train_batch_end", self._after_step)  # noqa: B010  # mypy takes methods for constants

    @property
    def best(self) -> float:
        """The best value so far."""
        return self._best.value

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self._best.start()
        self._is_due = False
        self.files = []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take note of the epoch's number."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save where it is time to."""
        if self.every == "epoch":
            self._is_due = not self.save_best_only or self._best.improves(self._best.read(logs))
        if self._is_due:
            self._save(epoch, logs or {})

    def state(self) -> dict[str, object]:
        """Return the best value."""
        return {"best": self._best.value}

    def set_state(self, state: dict[str, object]) -> None:
        """Take the best value of a fit that goes on."""
        self._best.start(float(state["best"]))  # type: ignore[arg-type]  # a file's; TypeError is the answer to anything else

    def _after_step(self, batch: int, logs: Logs | None = None) -> None:
        assert isinstance(self.every, int)
        self._is_due = self.model._updates() % self.every == 0
        # After an epoch's last step other callbacks have yet to see its end, and would not see it in a fit that goes on from there.
        steps = self.params["steps"]  # None where nobody knows
        if self._is_due and (steps is None or batch + 1 < steps):
            self._save(self._epoch, logs or {})

    def _save(self, epoch: int, logs: Logs) -> None:
        try:
            path = self.filepath.format(**{**logs, "epoch": epoch + 1, "step": self.model._updates()})
        except (KeyError, IndexError, ValueError) as error:
            known = sorted({"epoch", "step", *logs})
            raise ValueError(f"Checkpoint: expected fields of filepath among {known}, got {self.filepath!r}: {error!r}") from None
        self._is_due = False
        self.model.save(path, include_optimizer=self.include_optimizer)
        if self.verbose:
            print(f"Checkpoint: saved {path}")
        self.files = [*(name for name in self.files if name != path), path]
        from pathlib import Path  # takes longer to import than all of chainrule

        while self.keep is not None and len(self.files) > self.keep:
            Path(self.files.pop(0)).unlink(missing_ok=True)
