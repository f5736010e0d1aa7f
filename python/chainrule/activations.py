"""Activation functions, by name or class. Where a formula needs a source it is named; all are element by element but the softmaxes.

Examples
--------
>>> import chainrule as cr
>>> cr.Dense(64, "relu")
Dense(64, 'relu')
>>> cr.Dense(64, cr.activations.LeakyReLU(alpha=0.2))
Dense(64, LeakyReLU(alpha=0.2))
"""

from collections.abc import Callable
from typing import Any

from chainrule import validation
from chainrule._core import RowFunction
from chainrule.names import Configured, resolve

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "ActivationFunction",
    "Function",
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

    name: str
    alpha: float | None = None

    def operation(self, columns: int, dtype: str) -> str | RowFunction:
        """Return the native operation on so many columns."""
        return self.name

    def outputs(self, columns: int) -> int:
        """Return the number of columns that come out when so many come in."""
        return columns


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


# The fixed point of mean 0 and variance 1 (Klambauer et al. 2017, equation 14).
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


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


class Function(ActivationFunction):
    """A function of arrays (rows, columns), made of NumPy's functions; the number of columns may change.

    Parameters
    ----------
    function : callable
        Each row of its result depends on the same row of its argument alone. It is recorded when a model is built and then runs
        natively, with its derivative; what it closes over is a constant.

    Raises
    ------
    TypeError, ValueError
        When the model is built, for a function whose course depends on values (``np.where`` chooses), that has no derivative, or in
        which rows depend on each other.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(2), cr.Dense(8, np.sin), lambda x: x[:, :4] * x[:, 4:], cr.Dense(1)])
    >>> model.predict(np.zeros((1, 2)))
    array([[0.]], dtype=float32)
    """

    _fields = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        from chainrule.functions import RowOperations  # derivatives are loaded on first use

        self.function = function
        self._operations = RowOperations(function, "activation")
        self.name = self._operations.name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.function,)

    def operation(self, columns: int, dtype: str) -> RowFunction:
        """Return the recorded function on so many columns."""
        return self._operations.operation((columns,), dtype)

    def outputs(self, columns: int) -> int:
        """Return the number of columns of the function's value."""
        return self.operation(columns, "float32").columns

    def __repr__(self) -> str:
        return f"Function({self.name})"


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
    """Return the activation that a name, a class, an instance or a function stands for; None is linear."""
    if callable(given) and not isinstance(given, type):
        return Function(given)
    return resolve("activation", "linear" if given is None else given, ActivationFunction, _TABLE)
