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

from typing import ClassVar

from chainrule import validation
from chainrule.names import Configured, resolve

__all__ = ["MAE", "MSE", "BinaryCrossEntropy", "CrossEntropy", "HalfMSE", "Huber", "Loss", "SigmoidNLL", "loss"]


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
    """

    name: ClassVar[str]
    alpha: float = 0.0
    from_logits: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False


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


_TABLE: dict[str, type[Loss]] = {
    kind.name: kind for kind in (MSE, HalfMSE, MAE, Huber, CrossEntropy, BinaryCrossEntropy, SigmoidNLL)
}


def loss(given: object) -> Loss:
    """Return the loss that a name, a class or an instance stands for."""
    return resolve("loss", given, Loss, _TABLE)
