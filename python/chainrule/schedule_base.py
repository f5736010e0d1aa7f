"""The base of the schedules: a learning rate as a function of the position in a training."""

from os import PathLike
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from chainrule import validation
from chainrule.callback_base import Callback
from chainrule.names import Configured
from chainrule.pictures import new_figure, saved
from chainrule.validation import Array

Unit = Literal["step", "epoch"]


class Position(Protocol):
    """Where a training is: what a trainer says of itself."""

    @property
    def iterations(self) -> int:
        """Batches so far."""

    @property
    def epoch(self) -> int:
        """Epochs so far."""

    @property
    def step(self) -> int:
        """Batches of the epoch under way."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches of each epoch."""


class Schedule(Configured):
    """Base of the schedules: the learning rate as a function of the position t.

    Attributes
    ----------
    unit : {"step", "epoch"}
        What a position counts: updates, or epochs.
    """

    unit: Unit = "step"
    _length = 100  # positions worth drawing
    _name: ClassVar[str]  # as users call it, where that is not the class's name

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        raise NotImplementedError

    def __call__(self, t: int) -> float:
        """Return the learning rate at position t."""
        return float(self.at(np.array([validation.integer(t, type(self).__name__, "t", 0)]))[0])

    def coming(self, trainer: Position, accumulate: int, batches: int) -> Array:
        """Return the learning rates of a trainer's coming batches, of which `accumulate` make one update."""
        ahead = np.arange(batches)
        if self.unit == "epoch":
            t = trainer.epoch + (trainer.step + ahead) // max(trainer.steps_per_epoch, 1)
        else:
            t = (trainer.iterations + ahead) // accumulate
        return self.at(t)

    def callbacks(self) -> list[Callback]:
        """Return what the schedule wants called during a fit."""
        return []

    def plot(self, path: "str | PathLike[str] | None" = None, steps: int | None = None) -> Any:
        """Draw the learning rate.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture.
        steps : int, optional
            The number of positions; left out, as many as show it all.

        Returns
        -------
        matplotlib.figure.Figure
            Not shown: in a notebook it displays itself, elsewhere save it.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        count = self._length + 1 if steps is None else validation.integer(steps, "Schedule.plot", "steps", 1)
        t = np.unique(np.linspace(0, count - 1, min(count, 2000)).astype(np.int64))
        figure = new_figure("Schedule.plot", 5, 3.5)
        axes = figure.add_subplot()
        axes.plot(t, self.at(t), drawstyle="steps-post")
        axes.set_xlabel("update" if self.unit == "step" else "epoch")
        axes.set_ylabel("learning rate")
        axes.set_title(repr(self), fontsize="small")
        return saved(figure, path)

    def __repr__(self) -> str:
        name = type(self).__name__
        return super().__repr__().replace(name, vars(type(self)).get("_name", name), 1)


def checked_lr(value: object, operation: str) -> float:
    """Return a learning rate."""
    return validation.real(value, operation, "lr", least=0)


def checked_unit(value: object, operation: str) -> Unit:
    """Return a unit."""
    if value == "step":
        return "step"
    if value == "epoch":
        return "epoch"
    raise ValueError(f"{operation}: expected unit 'step' or 'epoch', got {value!r}")
