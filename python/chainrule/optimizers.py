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

__all__ = ["SGD", "Adam", "AdamW", "LevenbergMarquardt", "Optimizer", "optimizer"]

DEFAULT_BATCH_SIZE = 32


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

    def batch_size(self, given: int | None, rows: int) -> int:
        """Return the rows of a step of `fit`, where `batch_size` was given or left out."""
        return DEFAULT_BATCH_SIZE if given is None else given

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


class LevenbergMarquardt(Optimizer):
    """Levenberg-Marquardt for small regression nets: damped Gauss-Newton steps on all rows at once (Levenberg 1944, Marquardt 1963).

    With the residuals r = prediction - target of all rows, weighted by sqrt(weight / sum of weights), and their Jacobian J in the
    parameters, a step is d + e / 2 of

        (J^T J + damping D) d = -J^T r,    D = diag(J^T J), at least 1/10 of its largest element,
        (J^T J + damping D) e = -J^T r'',  the second derivative of r along d: geodesic acceleration (Transtrum, Sethna 2012),

    with r'' from differences over the first tenth of d.

    Gain is the fall of |r|^2 over the fall that the linear model promises. A step that raises |r|^2, or whose e is longer than
    3/4 of d, is not taken: damping grows by `increase` and the step is tried again. After a step, damping shrinks by `decrease`
    where gain is above 1/4, else it grows. The first step is turned aside by a random tenth of its length (keyed by the model's
    seed), since Gauss-Newton does not leave the symmetries of a start. Each epoch of a fit is one step; the fit ends early when
    the loss's gradient is within `tolerance`, or when no damping up to `max_damping` finds a step.

    Needs the loss "mse" or "half_mse", no dropout, all rows in one batch, and at most 5000 parameters: J^T J is dense. All of it
    is done in float64, also for a model of float32, which is given the rounded parameters. J is made in blocks of rows. Products
    and Cholesky factors are NumPy's: the last bits depend on NumPy's BLAS and its threads.

    Parameters
    ----------
    damping : float, default 1e-3
        At the start; above 0.
    increase : float, default 2
        Above 1.
    decrease : float, default 0.1
        Above 0 and below 1.
    min_damping, max_damping : float, default 1e-12 and 1e10
        Bounds; above 0.
    tolerance : float, default 1e-12
        For the largest element of the gradient of the mean loss; at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.linspace(-3, 3, 100)[:, None]
    >>> model = cr.Sequential([cr.Dense(20, "tanh"), cr.Dense(1)], dtype="float64")
    >>> history = model.fit(x, np.sin(x), epochs=100, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)
    >>> model.evaluate(x, np.sin(x))["loss"] < 1e-8
    True
    """

    name = "levenberg_marquardt"
    _fields = ("damping", "increase", "decrease", "min_damping", "max_damping", "tolerance")

    def __init__(
        self,
        damping: float = 1e-3,
        increase: float = 2.0,
        decrease: float = 0.1,
        min_damping: float = 1e-12,
        max_damping: float = 1e10,
        tolerance: float = 1e-12,
    ) -> None:
        operation = type(self).__name__
        self.min_damping = validation.real(min_damping, operation, "min_damping", above=0)
        self.max_damping = validation.real(max_damping, operation, "max_damping", least=self.min_damping)
        self.damping = validation.real(damping, operation, "damping", least=self.min_damping, most=self.max_damping)
        self.increase = validation.real(increase, operation, "increase", above=1)
        self.decrease = validation.real(decrease, operation, "decrease", above=0, below=1)
        self.tolerance = validation.real(tolerance, operation, "tolerance", least=0)

    @property
    def lr(self) -> float:
        """Always 1: damping shortens steps."""
        return 1.0

    @lr.setter
    def lr(self, value: float) -> None:
        raise ValueError(f"LevenbergMarquardt: expected no learning rate, since damping takes its place, got lr={value!r}")

    def batch_size(self, given: int | None, rows: int) -> int:
        """Return all rows; fewer are refused."""
        if given is not None and given < rows:
            raise ValueError(
                f"fit: expected all {rows} rows in one batch for LevenbergMarquardt, got batch_size={given}; leave it out"
            )
        return rows


_TABLE: dict[str, type[SGD] | type[Adam] | type[LevenbergMarquardt]] = {
    kind.name: kind for kind in (SGD, Adam, AdamW, LevenbergMarquardt)
}


def optimizer(given: object) -> Optimizer:
    """Return the optimizer that a name, a class or an instance stands for."""
    return resolve("optimizer", given, Optimizer, _TABLE)
