"""The loop of `fit` around the native trainer: it gives the trainer as much to do at once as callbacks and progress display allow."""

from typing import TYPE_CHECKING, NamedTuple

from chainrule import validation
from chainrule.errors import TrainingDiverged
from chainrule.history import History
from chainrule.hooks import CallbackList, CallbackStates
from chainrule.judge import Judge
from chainrule.progress import Progress
from chainrule.sessions import Session
from chainrule.spans import span

if TYPE_CHECKING:
    from chainrule.model import Trainable


class FitPlace(NamedTuple):
    """What a fit was called with that its place in the epochs depends on; `first`: the trainer's epoch when it began."""

    first: int
    rows: int
    batch_size: int
    shuffle: bool
    validation: bool


class FitLoop:
    """One call of fit, after everything is checked and bound."""

    def __init__(
        self,
        model: "Trainable",
        session: Session,
        epochs: int,
        callbacks: CallbackList,
        progress: Progress,
        history: History,
        judge: Judge,
        first: int,
        callback_states: CallbackStates,
    ) -> None:
        self._model = model
        self._trainer = session.trainer
        self._optimizer = session.choice.optimizer
        self._epochs = epochs
        self._callbacks = callbacks
        self._progress = progress
        self._history = history
        self._judge = judge
        self._callback_states = callback_states
        self._first = first
        self._done = self._before = session.trainer.epoch - first  # epochs done, and those of them before this call

    def run(self) -> None:
        """Train until the last epoch, or until somebody sets `model.stop_training`."""
        try:
            with span("Python: fit"):
                self._run()
        except BaseException as error:
            try:
                self._collect()
            finally:
                self._callbacks.call("on_train_error", error)
            raise

    def _run(self) -> None:
        self._callbacks.call("on_train_begin", {})
        self._callbacks.restore(self._callback_states)
        steps = self._callbacks.wants("on_train_batch_begin", "on_train_batch_end")
        stop_each_epoch = steps or self._callbacks.wants("on_epoch_begin", "on_epoch_end") or bool(self._judge)
        try:
            while self._done < self._epochs and not self._model.stop_training:
                if stop_each_epoch:
                    self._one_epoch(steps)
                else:
                    self._advance(self._progress.next_stop(self._done))
        except TrainingDiverged as error:
            self._collect()
            if not self._callbacks.forgives(error):
                raise
        self._callbacks.call("on_train_end", self._history.last())

    def _one_epoch(self, steps: bool) -> None:
        epoch = self._done
        self._callbacks.call("on_epoch_begin", epoch, {})
        if steps:
            while self._done == epoch:
                self._one_step(epoch)
                if self._model.stop_training and self._done == epoch:
                    return  # half an epoch has no place in the history
        else:
            self._advance(epoch + 1)
        if self._done > epoch:
            self._callbacks.call("on_epoch_end", epoch, self._history.last())

    def _one_step(self, epoch: int) -> None:
        step = self._trainer.step
        self._callbacks.call("on_train_batch_begin", step, {})
        self._advance(epoch + 1, step + 1)
        logs = self._history.last() if self._done > epoch else self._trainer.running()
        self._callbacks.call("on_train_batch_end", step, logs)

    def _advance(self, until_epoch: int, until_step: int = 0) -> None:
        """Train natively until `until_epoch` epochs are done, or `until_step` steps of the one under way."""
        reason = "time"
        while reason == "time" and not self._model.stop_training:
            epochs = self._first + until_epoch - self._trainer.epoch
            until = until_step or epochs * self._trainer.steps_per_epoch
            self._optimizer.hand_lr(self._trainer, until - self._trainer.step)
            with validation.named("fit"):
                reason = self._trainer.run(self._first + until_epoch, until_step, self._progress.slice_seconds)
            self._collect()
            if reason == "converged":
                self._model.stop_training = True
            with span("Python: progress"):
                self._progress.update(self._done, self._trainer.step, self._history.last(), self._trainer.running)

    def _collect(self) -> None:
        if self._trainer.epoch > self._first + self._done:
            epochs = self._trainer.history(self._done - self._before)
            self._done = self._trainer.epoch - self._first
            self._judge.record(epochs, self._history)
