"""Schedules of the learning rate, given to an optimizer in place of a number.

A position t counts updates from 0, or with ``unit="epoch"`` epochs; a fit that goes on with the same optimizer object goes on in its
schedule. The native trainer is given the numbers ahead, so that a schedule costs no return to Python in each step. They are made from
IEEE operations alone, and so are the same on every machine.

Examples
--------
>>> import chainrule as cr
>>> optimizer = cr.Adam(cr.schedules.cosine(0.1, steps=1000))
>>> optimizer.lr
cosine(lr=0.1, steps=1000, least=0.0, unit='step')
>>> [round(optimizer.lr(t), 6) for t in (0, 500, 1000, 2000)]
[0.1, 0.05, 0.0, 0.0]
"""

import math
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule import validation
from chainrule.callbacks import Callback, Logs, ReduceLROnPlateau
from chainrule.names import Configured
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule._core import Trainer

__all__ = ["Schedule", "constant", "cosine", "exponential", "one_cycle", "plateau", "step", "warmup"]

Unit = Literal["step", "epoch"]


class Schedule(Configured):
    """Base of the schedules: the learning rate as a function of the position t.

    Attributes
    ----------
    unit : {"step", "epoch"}
        What a position counts: updates, or epochs.
    """

    unit: Unit = "step"
    _length = 100  # positions worth drawing

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        raise NotImplementedError

    def __call__(self, t: int) -> float:
        """Return the learning rate at position t."""
        return float(self.at(np.array([validation.integer(t, type(self).__name__, "t", 0)]))[0])

    def coming(self, trainer: "Trainer", accumulate: int, batches: int) -> Array:
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
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("Schedule.plot: expected matplotlib to be installed; pip install 'chainrule[plot]'") from error
        count = self._length + 1 if steps is None else validation.integer(steps, "Schedule.plot", "steps", 1)
        t = np.unique(np.linspace(0, count - 1, min(count, 2000)).astype(np.int64))
        figure = Figure(figsize=(5, 3.5), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(t, self.at(t), drawstyle="steps-post")
        axes.set_xlabel("update" if self.unit == "step" else "epoch")
        axes.set_ylabel("learning rate")
        axes.set_title(repr(self), fontsize="small")
        if path is not None:
            figure.savefig(path)
        return figure

    def __repr__(self) -> str:
        name = type(self).__name__
        return super().__repr__().replace(name, _NAMES.get(name, name), 1)


class Constant(Schedule):
    """The same learning rate always.

    Parameters
    ----------
    lr : float
        At least 0.
    """

    _fields = ("lr",)

    def __init__(self, lr: float) -> None:
        self.lr = _lr(lr, "constant")

    def at(self, t: Array) -> Array:
        """Return `lr`."""
        return np.full(t.shape, self.lr)


class Step(Schedule):
    """lr factor^floor(t / every): PyTorch's `StepLR`.

    Parameters
    ----------
    lr : float
        At the start; at least 0.
    every : int
        Positions between two steps.
    factor : float, default 0.1
        Above 0.
    unit : {"step", "epoch"}, default "step"
        See `Schedule`.
    """

    _fields = ("lr", "every", "factor", "unit")

    def __init__(self, lr: float, every: int, factor: float = 0.1, unit: Unit = "step") -> None:
        self.lr = _lr(lr, "step")
        self.every = validation.integer(every, "step", "every", 1)
        self.factor = validation.real(factor, "step", "factor", above=0)
        self.unit = _unit(unit, "step")
        self._length = 5 * self.every

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        return self.lr * _powers(self.factor, t // self.every)


class Exponential(Schedule):
    """lr factor^t: PyTorch's `ExponentialLR`.

    Parameters
    ----------
    lr : float
        At the start; at least 0.
    factor : float
        Above 0.
    unit : {"step", "epoch"}, default "step"
        See `Schedule`.
    """

    _fields = ("lr", "factor", "unit")

    def __init__(self, lr: float, factor: float, unit: Unit = "step") -> None:
        self.lr = _lr(lr, "exponential")
        self.factor = validation.real(factor, "exponential", "factor", above=0)
        self.unit = _unit(unit, "exponential")

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        return self.lr * _powers(self.factor, t)


class Cosine(Schedule):
    """least + (lr - least) (1 + cos(pi t / steps)) / 2, then `least`: PyTorch's `CosineAnnealingLR` to its T_max, Keras' `CosineDecay`.

    Parameters
    ----------
    lr : float
        At the start; at least 0.
    steps : int
        Positions until the end.
    least : float, default 0
        At the end (PyTorch's `eta_min`); at least 0.
    unit : {"step", "epoch"}, default "step"
        See `Schedule`.

    Notes
    -----
    Loshchilov, Hutter 2017, without restarts.
    """

    _fields = ("lr", "steps", "least", "unit")

    def __init__(self, lr: float, steps: int, least: float = 0.0, unit: Unit = "step") -> None:
        self.lr = _lr(lr, "cosine")
        self.steps = self._length = validation.integer(steps, "cosine", "steps", 1)
        self.least = validation.real(least, "cosine", "least", least=0)
        self.unit = _unit(unit, "cosine")

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        return _from_to(self.lr, self.least, np.minimum(t, self.steps) / self.steps, "cos")


class OneCycle(Schedule):
    """Up from lr / div_factor to lr in the first `pct_start` of the steps, then down to lr / div_factor / final_div_factor.

    PyTorch's `OneCycleLR` (Smith, Topin 2018) of two phases: the top is at t = pct_start steps - 1, the end at t = steps - 1, where the
    learning rate stays. The momentum is left alone.

    Parameters
    ----------
    lr : float
        At the top (PyTorch's `max_lr`); at least 0.
    steps : int
        Positions in all.
    pct_start : float, default 0.3
        In [0, 1].
    div_factor, final_div_factor : float, default 25 and 1e4
        Above 0.
    anneal : {"cos", "linear"}, default "cos"
        The shape of both phases.
    unit : {"step", "epoch"}, default "step"
        See `Schedule`.
    """

    _fields = ("lr", "steps", "pct_start", "div_factor", "final_div_factor", "anneal", "unit")

    def __init__(
        self,
        lr: float,
        steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal: Literal["cos", "linear"] = "cos",
        unit: Unit = "step",
    ) -> None:
        self.lr = _lr(lr, "one_cycle")
        self.steps = self._length = validation.integer(steps, "one_cycle", "steps", 2)
        self.pct_start = validation.real(pct_start, "one_cycle", "pct_start", least=0, most=1)
        self.div_factor = validation.real(div_factor, "one_cycle", "div_factor", above=0)
        self.final_div_factor = validation.real(final_div_factor, "one_cycle", "final_div_factor", above=0)
        if anneal not in ("cos", "linear"):
            raise ValueError(f"one_cycle: expected anneal 'cos' or 'linear', got {anneal!r}")
        self.anneal = anneal
        self.unit = _unit(unit, "one_cycle")

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        start, last = self.lr / self.div_factor, self.steps - 1
        top = max(self.pct_start * self.steps - 1, 0.0)
        t = np.minimum(t, last)
        rising = _from_to(start, self.lr, t / top if top > 0 else np.ones(t.shape), self.anneal)
        part = (t - top) / (last - top) if last > top else np.zeros(t.shape)
        falling = _from_to(self.lr, start / self.final_div_factor, np.maximum(part, 0.0), self.anneal)
        return np.where(t <= top, rising, falling)


class Warmup(Schedule):
    """In the first `steps` the first learning rate of `after` times a factor that grows evenly from `start` to 1, then `after` from 0 on.

    PyTorch's ``SequentialLR([LinearLR(start_factor=start, total_iters=steps), after], [steps])``.

    Parameters
    ----------
    after : float or Schedule
        What follows; any but a plateau.
    steps : int
        Positions of the warm-up, in the unit of `after`.
    start : float, default 1/3
        The first factor, in [0, 1].
    unit : {"step", "epoch"}, optional
        Where `after` is a number; "step" where it is left out.

    Examples
    --------
    >>> import chainrule as cr
    >>> schedule = cr.schedules.warmup(cr.schedules.cosine(0.1, steps=900), steps=100, start=0)
    >>> [round(schedule(t), 4) for t in (0, 50, 100, 1000)]
    [0.0, 0.05, 0.1, 0.0]
    """

    _fields = ("after", "steps", "start", "unit")

    def __init__(self, after: float | Schedule, steps: int, start: float = 1 / 3, unit: Unit | None = None) -> None:
        if isinstance(after, Plateau):
            raise TypeError("warmup: expected after as a number or a schedule of the position alone, got a plateau")
        if isinstance(after, Schedule):
            if unit not in (None, after.unit):
                raise ValueError(f"warmup: expected the unit of what follows, {after.unit!r}, got {unit!r}")
            unit = after.unit
        else:
            after = Constant(after)
        self.after: Schedule = after
        self.steps = validation.integer(steps, "warmup", "steps", 1)
        self.start = validation.real(start, "warmup", "start", least=0, most=1)
        self.unit = _unit(unit or "step", "warmup")
        self._length = self.steps + after._length

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        factor = self.start + (1.0 - self.start) * (np.minimum(t, self.steps) / self.steps)
        return np.where(t < self.steps, self.after(0) * factor, self.after.at(np.maximum(t - self.steps, 0)))


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
        Whether less or more is better; "auto" wants more accuracy and less of everything else.
    min_delta : float, default 1e-4
        The least change that counts as an improvement.
    cooldown : int, default 0
        Epochs after a change before it watches again.
    least : float, default 0
        The learning rate goes no lower.
    """

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
        self.lr = self.current = _lr(lr, "plateau")
        self.monitor, self.mode = monitor, mode
        self._watch = _Watch(self, factor, patience, monitor, mode, min_delta, cooldown, least)
        self.factor, self.patience, self.cooldown = self._watch.factor, self._watch.patience, self._watch.cooldown
        self.min_delta, self.least = min_delta, self._watch.min_lr

    def at(self, t: Array) -> Array:
        """Return the learning rate in force: it does not depend on the position."""
        return np.full(t.shape, self.current)

    def coming(self, trainer: "Trainer", accumulate: int, batches: int) -> Array:
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


constant = Constant
step = Step
exponential = Exponential
cosine = Cosine
one_cycle = OneCycle
warmup = Warmup
plateau = Plateau
_NAMES = {kind.__name__: name for name, kind in globals().items() if name in __all__ and name != "Schedule"}


def _lr(value: object, operation: str) -> float:
    return validation.real(value, operation, "lr", least=0)


def _unit(value: object, operation: str) -> Unit:
    if value == "step":
        return "step"
    if value == "epoch":
        return "epoch"
    raise ValueError(f"{operation}: expected unit 'step' or 'epoch', got {value!r}")


def _from_to(start: float, end: float, part: Array, shape: str) -> Array:
    """Return the way from start to end, of which a part in [0, 1] is done: even, or by half a cosine."""
    if shape == "linear":
        return start + (end - start) * part
    return np.where(part < 1, end + (start - end) * (0.5 * (1.0 + _cosine(part))), end)


def _cosine(t: Array) -> Array:
    """Return cos(pi t) for t in [0, 1], as sin(pi (1/2 - t)) by its series to x^21: libraries differ in the last bits."""
    x = math.pi * (0.5 - t)
    square = x * x
    total = np.zeros_like(x)
    for power in range(21, 1, -2):
        total = (total + 1.0) * -square / (power * (power - 1))
    return x * (1.0 + total)


def _powers(base: float, exponents: Array) -> Array:
    """Return base^n for integers n of at least 0, by squaring."""
    result = np.ones(exponents.shape)
    with np.errstate(over="ignore", under="ignore"):
        while exponents.any():
            result = np.where(exponents & 1, result * base, result)
            base *= base
            exponents = exponents >> 1
    return result
