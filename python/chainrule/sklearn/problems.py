"""What an estimator minimises: a loss on the network's last values, and the function that makes predictions of these."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import losses
from chainrule.losses import BinaryCrossEntropy, CrossEntropy, HalfMSE, Loss
from chainrule.validation import Array

# scikit-learn's names where they differ from chainrule's.
_NAMES = {"absolute_error": "mae"}


class Problem(NamedTuple):
    """A loss, and how it is counted.

    Attributes
    ----------
    loss : Loss
        Of a row.
    out_activation : str
        Makes predictions of the network's last values, of which the loss is.
    reported : float
        Factor of the loss in what is reported.
    gradient : float
        Factor of the loss in what is minimised.
    """

    loss: Loss
    out_activation: str
    reported: float = 1.0
    gradient: float = 1.0


def poisson_deviance(prediction: Any, target: Any) -> Any:
    """Half the Poisson deviance of a row, sum_j exp(p_j) - t_j p_j + c_j; target has the columns t and then c (`poisson_target`)."""
    outputs = prediction.shape[1]
    return np.sum(np.exp(prediction) - target[:, :outputs] * prediction + target[:, outputs:], axis=1)


def poisson_target(y: Array) -> Array:
    """Return y with the columns that make the deviance of a perfect prediction 0: y log y - y."""
    if y.min() < 0:
        raise ValueError(f"MLPRegressor: expected y of at least 0 for loss='poisson', got {y.min():g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = np.where(y > 0, y * np.log(y), 0) - y
    return np.hstack([y, constant])


def regression(given: object, outputs: int) -> Problem:
    """Return the problem of a regressor's `loss`.

    scikit-learn reports the squared error as half its mean over rows and outputs, and descends half its sum over outputs.
    """
    if isinstance(given, str) and given == "squared_error":
        return Problem(HalfMSE(), "identity", reported=1 / outputs)
    if isinstance(given, str) and given == "poisson":
        return Problem(losses.loss(poisson_deviance), "exp")
    return Problem(_named(given, outputs), "identity")


def classification(given: object, kind: str, outputs: int) -> Problem:
    """Return the problem of a classifier's `loss` for labels of `kind`: "binary", "multiclass" or "multilabel-indicator".

    Log-loss sums over labels where the native binary cross-entropy takes their mean.
    """
    activation = "softmax" if kind == "multiclass" else "logistic"
    if given is not None and given != "log_loss":
        return Problem(_named(given, outputs), activation)
    if kind == "multiclass":
        return Problem(CrossEntropy(), activation)
    return Problem(BinaryCrossEntropy(), activation, reported=outputs, gradient=outputs)


def _named(given: object, outputs: int) -> Loss:
    loss = losses.loss(_NAMES.get(given, given) if isinstance(given, str) else given)
    if outputs == 1 and isinstance(loss, CrossEntropy):  # of one output it is 0, whatever the output
        raise ValueError(f"expected a loss of one output, such as 'log_loss' for two classes, got {loss!r}, which compares several")
    return loss


def _softmax(z: Array) -> Array:
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def _logistic(z: Array) -> Array:
    from scipy.special import expit

    result: Array = expit(z, out=z)
    return result


# In place, by scikit-learn's names.
OUT_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "exp": lambda z: np.exp(z, out=z),
    "logistic": _logistic,
    "softmax": _softmax,
}
