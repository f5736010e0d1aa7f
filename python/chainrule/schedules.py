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
from typing import Literal

import numpy as np

from chainrule import validation
from chainrule.plateau import Plateau
from chainrule.schedule_base import Schedule, Unit, checked_lr, checked_unit
from chainrule.validation import Array

__all__ = ["Schedule", "constant", "cosine", "exponential", "one_cycle", "plateau", "step", "warmup"]


class Constant(Schedule):
    """The same learning rate always.

    Parameters
    ----------
    lr : float
        At least 0.
    """

    _name = "constant"
    _fields = ("lr",)

    def __init__(self, lr: float) -> None:
        self.lr = checked_lr(lr, "constant")

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

    _name = "step"
    _fields = ("lr", "every", "factor", "unit")

    def __init__(self, lr: float, every: int, factor: float = 0.1, unit: Unit = "step") -> None:
        self.lr = checked_lr(lr, "step")
        self.every = validation.integer(every, "step", "every", 1)
        self.factor = validation.real(factor, "step", "factor", above=0)
        self.unit = checked_unit(unit, "step")
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

    _name = "exponential"
    _fields = ("lr", "factor", "unit")

    def __init__(self, lr: float, factor: float, unit: Unit = "step") -> None:
        self.lr = checked_lr(lr, "exponential")
        self.factor = validation.real(factor, "exponential", "factor", above=0)
        self.unit = checked_unit(unit, "exponential")

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

    _name = "cosine"
    _fields = ("lr", "steps", "least", "unit")

    def __init__(self, lr: float, steps: int, least: float = 0.0, unit: Unit = "step") -> None:
        self.lr = checked_lr(lr, "cosine")
        self.steps = self._length = validation.integer(steps, "cosine", "steps", 1)
        self.least = validation.real(least, "cosine", "least", least=0)
        self.unit = checked_unit(unit, "cosine")

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

    _name = "one_cycle"
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
        self.lr = checked_lr(lr, "one_cycle")
        self.steps = self._length = validation.integer(steps, "one_cycle", "steps", 2)
        self.pct_start = validation.real(pct_start, "one_cycle", "pct_start", least=0, most=1)
        self.div_factor = validation.real(div_factor, "one_cycle", "div_factor", above=0)
        self.final_div_factor = validation.real(final_div_factor, "one_cycle", "final_div_factor", above=0)
        if anneal not in ("cos", "linear"):
            raise ValueError(f"one_cycle: expected anneal 'cos' or 'linear', got {anneal!r}")
        self.anneal = anneal
        self.unit = checked_unit(unit, "one_cycle")

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

    _name = "warmup"
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
        self.unit = checked_unit(unit or "step", "warmup")
        self._length = self.steps + after._length

    def at(self, t: Array) -> Array:
        """Return the learning rates at an array of positions."""
        factor = self.start + (1.0 - self.start) * (np.minimum(t, self.steps) / self.steps)
        return np.where(t < self.steps, self.after(0) * factor, self.after.at(np.maximum(t - self.steps, 0)))


constant = Constant
step = Step
exponential = Exponential
cosine = Cosine
one_cycle = OneCycle
warmup = Warmup
plateau = Plateau


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
