"""Optimizers: what they are called and how they are set. The state (momentum, moments) lives natively, with the model.

Notation: parameter w, gradient g of the batch's mean loss, step t from 1. `weight_decay` acts on every parameter. `lr` is a number or
one of `chainrule.schedules`; `Layer.lr_scale` multiplies it for a layer's parameters.

Examples
--------
>>> import chainrule as cr
>>> cr.SGD(0.1, momentum=0.9)
SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chainrule import validation
from chainrule.full_batch import LBFGS, LevenbergMarquardt
from chainrule.names import resolve
from chainrule.optimizer_base import Optimizer

if TYPE_CHECKING:
    from chainrule.schedules import Schedule

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "LevenbergMarquardt", "Lion", "Optimizer", "RMSprop", "optimizer"]


class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum v + g + weight_decay w; w -= lr v.

    With Nesterov's momentum w -= lr (g + weight_decay w + momentum v), with the new v (Sutskever et al. 2013, as PyTorch does it).

    Parameters
    ----------
    lr : float or Schedule, default 0.01
        The learning rate, at least 0.
    momentum : float, default 0
        In [0, 1).
    nesterov : bool, default False
        Needs a momentum above 0.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "sgd"
    _fields = ("lr", "momentum", "nesterov", "weight_decay")

    def __init__(
        self,
        lr: "float | Schedule" = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, clipnorm, accumulate, ema)
        self.momentum = validation.real(momentum, "SGD", "momentum", least=0, below=1)
        self.nesterov = validation.flag(nesterov, "SGD", "nesterov")
        self.weight_decay = validation.real(weight_decay, "SGD", "weight_decay", least=0)
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD: expected a momentum above 0 for nesterov=True, got 0")


class Adam(Optimizer):
    """Adam (Kingma, Ba 2015): w -= lr m^ / (sqrt(v^) + epsilon).

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t), where weight_decay w
    is first added to g.

    Parameters
    ----------
    lr : float or Schedule, default 0.001
        The learning rate, at least 0.
    beta1, beta2 : float, default 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "adam"
    _fields = ("lr", "beta1", "beta2", "epsilon", "weight_decay")

    def __init__(
        self,
        lr: "float | Schedule" = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, clipnorm, accumulate, ema)
        operation = type(self).__name__
        self.beta1 = validation.real(beta1, operation, "beta1", least=0, below=1)
        self.beta2 = validation.real(beta2, operation, "beta2", least=0, below=1)
        self.epsilon = validation.real(epsilon, operation, "epsilon", above=0)
        self.weight_decay = validation.real(weight_decay, operation, "weight_decay", least=0)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019): w is first multiplied by 1 - lr weight_decay.

    Parameters
    ----------
    lr, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay : float, default 0.01
        At least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "adamw"

    def __init__(
        self,
        lr: "float | Schedule" = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, beta1, beta2, epsilon, weight_decay, clipnorm=clipnorm, accumulate=accumulate, ema=ema)


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012): w -= lr g / (sqrt(v) + epsilon), with v = alpha v + (1 - alpha) g^2, as PyTorch does it.

    With `centered`, v - m^2 takes v's place, with the mean m = alpha m + (1 - alpha) g (Graves 2013). With a momentum, u = momentum u +
    g / (sqrt(v) + epsilon) and w -= lr u. `weight_decay` w is first added to g.

    Parameters
    ----------
    lr : float or Schedule, default 0.01
        The learning rate, at least 0.
    alpha : float, default 0.99
        In [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    momentum : float, default 0
        In [0, 1).
    centered : bool, default False
        Whether the square of the mean is taken off.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "rmsprop"
    _fields = ("lr", "alpha", "epsilon", "momentum", "centered", "weight_decay")

    def __init__(
        self,
        lr: "float | Schedule" = 0.01,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, clipnorm, accumulate, ema)
        self.alpha = validation.real(alpha, "RMSprop", "alpha", least=0, below=1)
        self.epsilon = validation.real(epsilon, "RMSprop", "epsilon", above=0)
        self.momentum = validation.real(momentum, "RMSprop", "momentum", least=0, below=1)
        self.centered = validation.flag(centered, "RMSprop", "centered")
        self.weight_decay = validation.real(weight_decay, "RMSprop", "weight_decay", least=0)


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011): w -= lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + epsilon), with v += g^2, as PyTorch does it.

    `weight_decay` w is first added to g.

    Parameters
    ----------
    lr : float or Schedule, default 0.01
        The learning rate, at least 0.
    lr_decay : float, default 0
        At least 0.
    epsilon : float, default 1e-10
        Above 0.
    initial_accumulator : float, default 0
        v at the start (PyTorch's `initial_accumulator_value`), at least 0.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "adagrad"
    _fields = ("lr", "lr_decay", "epsilon", "initial_accumulator", "weight_decay")

    def __init__(
        self,
        lr: "float | Schedule" = 0.01,
        lr_decay: float = 0.0,
        epsilon: float = 1e-10,
        initial_accumulator: float = 0.0,
        weight_decay: float = 0.0,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, clipnorm, accumulate, ema)
        self.lr_decay = validation.real(lr_decay, "Adagrad", "lr_decay", least=0)
        self.epsilon = validation.real(epsilon, "Adagrad", "epsilon", above=0)
        self.initial_accumulator = validation.real(initial_accumulator, "Adagrad", "initial_accumulator", least=0)
        self.weight_decay = validation.real(weight_decay, "Adagrad", "weight_decay", least=0)


class Lion(Optimizer):
    """Lion (Chen et al. 2023): w -= lr sign(beta1 m + (1 - beta1) g), then m = beta2 m + (1 - beta2) g.

    Weight decay is decoupled: w is first multiplied by 1 - lr weight_decay. Every step has the length lr in each element: a learning
    rate of a third to a tenth of Adam's is usual, and a weight decay as many times larger.

    Parameters
    ----------
    lr : float or Schedule, default 1e-4
        The learning rate, at least 0.
    beta1, beta2 : float, default 0.9 and 0.99
        In [0, 1).
    weight_decay : float, default 0
        At least 0.
    clipnorm, accumulate, ema
        See `Optimizer`.
    """

    name = "lion"
    _fields = ("lr", "beta1", "beta2", "weight_decay")

    def __init__(
        self,
        lr: "float | Schedule" = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        *,
        clipnorm: float | None = None,
        accumulate: int = 1,
        ema: float | None = None,
    ) -> None:
        super().__init__(lr, clipnorm, accumulate, ema)
        self.beta1 = validation.real(beta1, "Lion", "beta1", least=0, below=1)
        self.beta2 = validation.real(beta2, "Lion", "beta2", least=0, below=1)
        self.weight_decay = validation.real(weight_decay, "Lion", "weight_decay", least=0)


_TABLE: dict[str, Callable[[], Optimizer]] = {
    kind.name: kind for kind in (SGD, Adam, AdamW, RMSprop, Adagrad, Lion, LBFGS, LevenbergMarquardt)
}


def optimizer(given: object) -> Optimizer:
    """Return the optimizer that a name, a class or an instance stands for."""
    return resolve("optimizer", given, Optimizer, _TABLE)
