"""Optimizers: what they are called and how they are set. The state (momentum, moments) lives natively, with the model.

Notation: parameter w, gradient g of the batch's mean loss, step t from 1. `weight_decay` acts on every parameter.

Examples
--------
>>> import chainrule as cr
>>> cr.SGD(0.1, momentum=0.9)
SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
"""

from typing import ClassVar

from chainrule import validation
from chainrule.names import Configured, resolve

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "optimizer"]


class Optimizer(Configured):
    """Base of the optimizers. Equal only to itself: a model continues the state of the object that it used last.

    Attributes
    ----------
    lr : float
        The learning rate; may be set at any time, also by callbacks during a fit.
    """

    name: ClassVar[str]
    __hash__ = object.__hash__

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = validation.real(value, type(self).__name__, "lr", least=0)

    def settings(self) -> dict[str, float]:
        """Return the fields as numbers, as the native trainer takes them."""
        return {field: float(getattr(self, field)) for field in self._fields}


class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum v + g + weight_decay w; w -= lr v.

    With Nesterov's momentum w -= lr (g + weight_decay w + momentum v), with the new v (Sutskever et al. 2013, as PyTorch does it).

    Parameters
    ----------
    lr : float, default 0.01
        The learning rate, at least 0.
    momentum : float, default 0
        In [0, 1).
    nesterov : bool, default False
        Needs a momentum above 0.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    """

    name = "sgd"
    _fields = ("lr", "momentum", "nesterov", "weight_decay")

    def __init__(self, lr: float = 0.01, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> None:
        super().__init__(lr)
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
    lr : float, default 0.001
        The learning rate, at least 0.
    beta1, beta2 : float, default 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        Factor of the L2 term, at least 0.
    """

    name = "adam"
    _fields = ("lr", "beta1", "beta2", "epsilon", "weight_decay")

    def __init__(
        self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr)
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
    """

    name = "adamw"

    def __init__(
        self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.01
    ) -> None:
        super().__init__(lr, beta1, beta2, epsilon, weight_decay)


_TABLE: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def optimizer(given: object) -> Optimizer:
    """Return the optimizer that a name, a class or an instance stands for."""
    return resolve("optimizer", given, Optimizer, _TABLE)
