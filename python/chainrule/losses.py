"""Losses, by name or class: the loss of a row; training minimises the mean over the rows of a batch.

Prediction p and target t of a row have `outputs` columns j. Losses "from logits" take the last layer's values before any softmax or
sigmoid, and stay finite for all finite logits.

Each has the formula of its namesake elsewhere: "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy" of PyTorch's ``MSELoss``,
``L1Loss``, ``HuberLoss``, ``CrossEntropyLoss``, ``BCEWithLogitsLoss``; "log_cosh" and "hinge" of Keras' ``LogCosh`` and ``Hinge``;
"quantile" of scikit-learn's ``mean_pinball_loss``; "poisson" of PyTorch's ``PoissonNLLLoss()``; "hinge" on labels of scikit-learn's
``hinge_loss``.

Examples
--------
>>> import chainrule as cr
>>> cr.losses.Huber(delta=0.5)
Huber(delta=0.5)
>>> cr.losses.loss("cross_entropy")
CrossEntropy(label_smoothing=0.0)
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

from chainrule import validation
from chainrule._core import RowFunction
from chainrule.names import Configured, resolve

__all__ = [
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Function",
    "HalfMSE",
    "Hinge",
    "Huber",
    "LogCosh",
    "Loss",
    "Poisson",
    "Quantile",
    "SigmoidNLL",
    "loss",
]


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
    target_range : tuple of float, optional
        Least and greatest value of a target; None where all are welcome.
    threshold : float
        The side of it that a single prediction lies on is its class.
    """

    name: str
    alpha: float = 0.0
    from_logits: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    any_targets: ClassVar[bool] = False
    target_range: ClassVar[tuple[float, float] | None] = None
    threshold: ClassVar[float] = 0.5

    def labels_for(self, outputs: int) -> bool:
        """Say whether targets of shape (rows,) are class indices where there are so many outputs."""
        return self.takes_labels

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


class LogCosh(Loss):
    """The logarithm of the hyperbolic cosine: mean_j log cosh(p_j - t_j): d^2 / 2 near d = 0, |d| - log 2 far away, and never an overflow.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(1), cr.Dense(1, kernel_init="ones")])
    >>> round(model.evaluate([[1000.0]], [0.0], loss="log_cosh")["loss"], 3)
    999.307
    """

    name = "log_cosh"


class Quantile(Loss):
    """The quantile or pinball loss: mean_j max(q d, (q - 1) d) with d = t_j - p_j (Koenker, Bassett 1978).

    Its minimum over a constant p is the q-quantile of t. The derivative at d = 0 is 0.

    Parameters
    ----------
    q : float, default 0.5
        In (0, 1); 0.9 wants nine targets of ten below the prediction, 0.5 is half the absolute error.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> y = np.arange(101.0)
    >>> model = cr.Sequential([cr.Dense(1)])
    >>> loss = cr.losses.Quantile(0.9)
    >>> _ = model.fit(np.ones((101, 1)), y, epochs=400, batch_size=101, loss=loss, optimizer=cr.SGD(20.0), shuffle=False, verbose=0)
    >>> bool(abs(model.predict([[1.0]])[0, 0] - 90) < 10)
    True
    """

    name = "quantile"
    _fields = ("q",)

    def __init__(self, q: float = 0.5) -> None:
        self.q = self.alpha = validation.real(q, "Quantile", "q", above=0, below=1)


class Poisson(Loss):
    """Negative log-likelihood of counts whose rate is e^p, without the term of t alone: mean_j (e^(p_j) - t_j p_j).

    The prediction is the *logarithm* of the rate, as in PyTorch's ``PoissonNLLLoss(log_input=True)`` and scikit-learn's Poisson
    regression; the model predicts rates as ``np.exp(model.predict(x))``. (Keras' ``Poisson`` takes rates.) Targets are at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> counts = np.array([0, 1, 2, 5])
    >>> model = cr.Sequential([cr.Dense(1)])
    >>> _ = model.fit(np.ones((4, 1)), counts, epochs=500, loss="poisson", optimizer=cr.SGD(0.05), verbose=0)
    >>> np.exp(model.predict([[1.0]])).round(2)
    array([[2.]], dtype=float32)
    """

    name = "poisson"
    target_range = (0.0, math.inf)


class Hinge(Loss):
    """The hinge loss of support vector machines, on values of a decision function: its sign, or largest column, is the class.

    For values: mean_j max(0, 1 - s_j p_j) with s_j = 1 where t_j > 0 and else -1, so that targets are in {-1, 1} or, as in Keras, in
    {0, 1}; with one output integer labels 0 and 1 are such values. For integer labels k and several outputs, that of Crammer and
    Singer (2001): max(0, 1 + max_(j != k) p_j - p_k), as scikit-learn's ``hinge_loss`` has it; equal columns share the derivative.
    Derivatives at the kinks are 0.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(1), cr.Dense(1, kernel_init="ones")])
    >>> model.evaluate([[0.25], [3.0]], [1, 1], loss="hinge", metrics=["accuracy"])
    {'loss': 0.375, 'accuracy': 1.0}
    """

    name = "hinge"
    takes_labels = True
    target_range = (-1.0, 1.0)
    threshold = 0.0

    def labels_for(self, outputs: int) -> bool:
        """Say whether targets of shape (rows,) are class indices where there are so many outputs."""
        return outputs > 1

    def operation(self, outputs: int, targets: int, dtype: str) -> str:
        """Return the native operation for predictions and targets of so many columns."""
        return self.name if targets == outputs else "multiclass_hinge"


class CrossEntropy(Loss):
    """Cross-entropy from logits: -sum_j t_j log softmax(p)_j; for an integer label k, -log softmax(p)_k.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        s in [0, 1): targets become (1 - s) t_j + s / outputs (Szegedy et al. 2015).
    """

    name = "cross_entropy"
    from_logits = True
    threshold = 0.0
    takes_labels = True
    _fields = ("label_smoothing",)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = self.alpha = validation.real(label_smoothing, "CrossEntropy", "label_smoothing", least=0, below=1)


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy from logits: mean_j of -t_j log s_j - (1 - t_j) log(1 - s_j), with s = sigmoid(p) and t in [0, 1]."""

    name = "binary_cross_entropy"
    from_logits = True
    target_range = (0.0, 1.0)
    threshold = 0.0


class SigmoidNLL(Loss):
    """Negative log of one sigmoid output: -log sigmoid(p_k) for the true class k; with values, -sum_j t_j log sigmoid(p_j)."""

    name = "sigmoid_nll"
    from_logits = True
    threshold = 0.0
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
    >>> def cauchy(prediction, target):
    ...     return np.mean(np.log1p((prediction - target) ** 2))
    >>> model = cr.Sequential([cr.Input(1), cr.Dense(1)])
    >>> _ = model.fit(np.ones((8, 1)), np.ones(8), loss=cauchy, verbose=0)
    """

    any_targets = True
    _fields = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        from chainrule.functions import RowOperations  # derivatives are loaded on first use

        self.function = function
        self._operations = RowOperations(function, "loss")
        self.name = self._operations.name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.function,)

    def operation(self, outputs: int, targets: int, dtype: str) -> RowFunction:
        """Return the recorded function for predictions and targets of so many columns."""
        return self._operations.operation((outputs, targets), dtype)

    def __repr__(self) -> str:
        return f"Function({self.name})"


_TABLE: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (MSE, HalfMSE, MAE, Huber, LogCosh, Quantile, Poisson, Hinge, CrossEntropy, BinaryCrossEntropy, SigmoidNLL)
}


def loss(given: object) -> Loss:
    """Return the loss that a name, a class, an instance or a function stands for."""
    if callable(given) and not isinstance(given, type):
        return Function(given)
    return resolve("loss", given, Loss, _TABLE)
