"""A callback that sets the learning rate by a function."""

from collections.abc import Callable

from chainrule import validation
from chainrule.callback_base import Callback, Logs

__all__ = ["LearningRateScheduler"]


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to what a function says.

    Parameters
    ----------
    schedule : callable
        Called with the epoch's number, from 0, and the learning rate so far; returns the new one.
    verbose : int, default 0
        1 prints each learning rate.

    Raises
    ------
    TypeError
        For a schedule that is no function; and in a fit whose optimizer's learning rate is not a number.
    ValueError
        In a fit, for a learning rate that is negative, NaN or infinite.

    Examples
    --------
    >>> import chainrule as cr
    >>> halve = cr.LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch % 10 == 9 else lr)
    """

    def __init__(self, schedule: Callable[[int, float], float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: expected schedule as a function of epoch and learning rate, got {schedule!r}")
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Ask and set."""
        optimizer = self.model.optimizer
        assert optimizer is not None  # a fit has one
        lr = validation.real(optimizer.lr, "LearningRateScheduler", "the optimizer's lr")
        optimizer.lr = validation.real(self.schedule(epoch, lr), "LearningRateScheduler", "the learning rate", least=0)
        if self.verbose:
            print(f"LearningRateScheduler: learning rate {optimizer.lr:g} for epoch {epoch + 1}")
