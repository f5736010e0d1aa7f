"""Activation functions, by name or class. Where a formula needs a source it is named; all are element by element but the softmaxes.

Examples
--------
>>> import chainrule as cr
>>> cr.Dense(64, "relu")
Dense(64, 'relu')
>>> cr.Dense(64, cr.activations.LeakyReLU(alpha=0.2))
Dense(64, LeakyReLU(alpha=0.2))
"""

from typing import ClassVar

from chainrule import validation
from chainrule.names import Configured, resolve

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "ActivationFunction",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ActivationFunction(Configured):
    """Base of the activation functions: the native operation's name and its parameter."""

    name: ClassVar[str]
    alpha: float | None = None


class Linear(ActivationFunction):
    """f(x) = x."""

    name = "linear"


class ReLU(ActivationFunction):
    """f(x) = max(x, 0); the derivative at exactly 0 is 0."""

    name = "relu"


class LeakyReLU(ActivationFunction):
    """f(x) = x for x > 0, else alpha x.

    Parameters
    ----------
    alpha : float, default 0.01
        The slope for negative x.
    """

    name = "leaky_relu"
    _fields = ("alpha",)

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = validation.real(alpha, "LeakyReLU", "alpha")


class ELU(ActivationFunction):
    """f(x) = x for x > 0, else alpha (exp(x) - 1) (Clevert, Unterthiner, Hochreiter 2015).

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit for x to minus infinity.
    """

    name = "elu"
    _fields = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = validation.real(alpha, "ELU", "alpha", least=0)


class SELU(ActivationFunction):
    """f(x) = 1.0507 x for x > 0, else 1.0507 * 1.67326 (exp(x) - 1) (Klambauer et al. 2017)."""

    name = "selu"


class GELU(ActivationFunction):
    """f(x) = x Phi(x), with the normal distribution function Phi (Hendrycks, Gimpel 2016)."""

    name = "gelu"


class SiLU(ActivationFunction):
    """f(x) = x sigmoid(x), also called swish (Elfwing, Uchibe, Doya 2017)."""

    name = "silu"


class Sigmoid(ActivationFunction):
    """f(x) = 1 / (1 + exp(-x))."""

    name = "sigmoid"


class Tanh(ActivationFunction):
    """f(x) = tanh(x)."""

    name = "tanh"


class Softplus(ActivationFunction):
    """f(x) = log(1 + exp(x))."""

    name = "softplus"


class Mish(ActivationFunction):
    """f(x) = x tanh(log(1 + exp(x))) (Misra 2019)."""

    name = "mish"


class Softmax(ActivationFunction):
    """Row by row, f(x)_i = exp(x_i) / sum_j exp(x_j).

    Classifiers trained with `cross_entropy` need none: the loss takes logits.
    """

    name = "softmax"


class LogSoftmax(ActivationFunction):
    """Row by row, f(x)_i = x_i - log sum_j exp(x_j)."""

    name = "log_softmax"


_TABLE: dict[str, type[ActivationFunction]] = {
    function.name: function
    for function in (
        Linear,
        ReLU,
        LeakyReLU,
        ELU,
        SELU,
        GELU,
        SiLU,
        Sigmoid,
        Tanh,
        Softplus,
        Mish,
        Softmax,
        LogSoftmax,
    )
}


def activation(given: object) -> ActivationFunction:
    """Return the activation that a name, a class or an instance stands for; None is linear."""
    return resolve("activation", "linear" if given is None else given, ActivationFunction, _TABLE)
