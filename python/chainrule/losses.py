"""Losses, by name or class: the loss of a row; training minimises the mean over the rows of a batch.

Prediction p and target t of a row have `outputs` columns j. Losses "from logits" take the last layer's values before any softmax or
sigmoid, and stay finite for all finite logits.

Examples
--------
>>> import chainrule as cr
>>> cr.losses.Huber(delta=0.5)
Huber(delta=0.5)
>>> cr.losses.loss("cross_entropy")
CrossEntropy(label_smoothing=0.0)
"""

from collections.abc import Callable
from typing import Any, ClassVar

from chainrule import validation
from chainrule._core import RowFunction
from chainrule.names import Configured, resolve

__all__ = ["MAE", "MSE", "BinaryCrossEntropy", "CrossEntropy", "Function", "HalfMSE", "Huber", "Loss", "SigmoidNLL", "loss"]


class Loss(Configured):
    """Base of the losses.

    Attributes
    ----------
    name : str
        The native loss.
    alpha : float
        Its parameter, 0 where it has none.
    from_logits : bool
        Whether predictions are logits.
    takes_labels : bool
        Whether targets may be class indices.
    any_targets : bool
        Whether targets may have another number of columns than predictions.
    """

    name: str
    alpha: float = 0.0
    from_logits: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    any_targets: ClassVar[bool] = False

    def operation(self, outputs: int, targets: int, dtype: str) -> str | RowFunction:
        """Return the native operation for predictions and targets of so many columns."""
        return self.name


class MSE(Loss):
    """Mean squared error: mean_j (p_j - t_j)^2."""

    name = "mse"


class HalfMSE(Loss):
    """Half the squared error: 1/2 sum_j (p_j - t_j)^2."""

    name = "half_mse"


class MAE(Loss):
    """Mean absolute error: mean_j |p_j - t_j|."""

    name = "mae"


class Huber(Loss):
    """Huber's loss: mean_j of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = p_j - t_j (Huber 1964).

    Parameters
    ----------
    delta : float, default 1.0
        Where the square turns into a line; above 0.
    """

    name = "huber"
    _fields = ("delta",)

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = self.alpha = validation.real(delta, "Huber", "delta", above=0)


class CrossEntropy(Loss):
    """Cross-entropy from logits: -sum_j t_j log softmax(p)_j; for an integer label k, -log softmax(p)_k.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        s in [0, 1): targets become (1 - s) t_j + s / outputs (Szegedy et al. 2015).
    """

    name = "cross_entropy"
    from_logits = True
    takes_labels = True
    _fields = ("label_smoothing",)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = self.alpha = validation.real(label_smoothing, "CrossEntropy", "label_smoothing", least=0, below=1)


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy from logits: mean_j of -t_j log s_j - (1 - t_j) log(1 - s_j), with s = sigmoid(p) and t in [0, 1]."""

    name = "binary_cross_entropy"
    from_logits = True


class SigmoidNLL(Loss):
    """Negative log of one sigmoid output: -log sigmoid(p_k) for the true class k; with values, -sum_j t_j log sigmoid(p_j)."""

    name = "sigmoid_nll"
    from_logits = True
    takes_labels = True


class Function(Loss):
    """A function of prediction and target, made of NumPy's functions.

    Parameters
    ----------
    function : callable
        Of the prediction (rows, outputs) and the target (rows, any number of columns); returns the losses of the rows, of shape
        (rows,), or their mean. It is recorded when a training begins and then runs natively, with its derivative; what it closes
        over is a constant.

    Raises
    ------
    TypeError, ValueError
        When the training begins, for a function whose course depends on values (``np.where`` chooses), that has no derivative, or
        that is no mean over rows.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> def log_cosh(prediction, target):
    ...     return np.mean(np.log(np.cosh(prediction - target)))
    >>> model = cr.Sequential([cr.Input(1), cr.Dense(1)])
    >>> _ = model.fit(np.ones((8, 1)), np.ones(8), loss=log_cosh, verbose=0)
    """

    any_targets = True
    _fields = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        from chainrule.functions import RowOperations  # derivatives are loaded on first use

        self.function = function
        self._operations = RowOperations(function, "loss")
        self.name = self._operations.name

    def operation(self, outputs: int, targets: int, dtype: str) -> RowFunction:
        """Return the recorded function for predictions and targets of so many columns."""
        return self._operations.operation((outputs, targets), dtype)

    def __repr__(self) -> str:
        return f"Function({self.name})"


_TABLE: dict[str, type[Loss]] = {
    kind.name: kind for kind in (MSE, HalfMSE, MAE, Huber, CrossEntropy, BinaryCrossEntropy, SigmoidNLL)
}


def loss(given: object) -> Loss:
    """Return the loss that a name, a class, an instance or a function stands for."""
    if callable(given) and not isinstance(given, type):
        return Function(given)
    return resolve("loss", given, Loss, _TABLE)
