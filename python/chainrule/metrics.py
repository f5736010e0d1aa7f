"""Metrics, by name, class or function: counted beside the loss, from the same predictions.

============================== ====================================================================================================
``"accuracy"``                 the share of rows whose largest prediction is the true class; with one output, whose prediction lies
                               on the target's side of the loss's threshold (0 for logits and the hinge loss, else 1/2)
``"top_3"``, ``TopK(3)``       the share of rows whose true class is among the 3 largest predictions; any number will do
``"mse"``, ``"mae"``           the mean over rows and columns of the squared and of the absolute error
``"rmse"``                     the square root of "mse"
``"r2"``                       1 - sum (y - p)^2 / sum (y - mean y)^2, the mean over columns
``"auc"``                      the area under the ROC curve, for two classes
``"precision"``, ``"recall"``, of class 1 where there are two classes, else the mean over classes; of 0 / 0 they make 0
``"f1"``
============================== ====================================================================================================

The class of a row of values is its largest column, of equal ones the first: where a row may have several labels
("binary_cross_entropy" of several outputs), metrics of classes mean nothing, and a function such as ``lambda y, p: ((p > 0) ==
y).mean()`` serves. Integer labels serve all but "mse", "mae", "rmse" and "r2". Metrics take no notice of weights. In a fit those of
the training data are of the epoch's own predictions, made while parameters change; "r2", "auc", "precision", "recall" and "f1" are
of all the epoch's rows together, not means over batches ("auc" keeps 8 bytes for each row until then). All have the same bits for
any number of threads. Of a fit on an iterable of batches those of the training data are means over its batches, each by its rows,
"r2", "rmse", "auc", "precision", "recall" and "f1" too; those of the validation data are of all its rows.

A function f(y_true, y_pred) -> float is called at the end of each epoch on predictions for the training data, which costs a `predict`
over all of it, and for the validation data; of a fit on an iterable of batches for the validation data alone. Its name is its key in
the history.

Examples
--------
>>> import numpy as np
>>> import chainrule as cr
>>> def worst(y_true, y_pred):
...     return np.abs(y_true - y_pred).max()
>>> model = cr.Sequential([cr.Input(1), cr.Dense(1, kernel_init="ones")])
>>> model.evaluate([[1.0], [2.0], [3.0], [4.0]], [0.0, 2.0, 2.0, 4.0], loss="mse", metrics=["r2", "mae", worst])
{'loss': 0.5, 'r2': 0.75, 'mae': 0.5, 'worst': 1.0}
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from chainrule import validation
from chainrule.names import Configured, unknown
from chainrule.validation import Array

__all__ = [
    "AUC",
    "F1",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "Accuracy",
    "Function",
    "Metric",
    "Precision",
    "Recall",
    "TopK",
    "metrics",
    "more_is_better",
]


class Metric(Configured):
    """Base of the metrics.

    Attributes
    ----------
    name : str
        The key in histories and results.
    native : str
        The native metric.
    k : int
        Its parameter, 0 where it has none.
    takes_labels : bool
        Whether targets may be class indices.
    increases : bool
        Whether more is better.
    """

    name: str
    native: str
    k: int = 0
    takes_labels: ClassVar[bool] = True
    increases: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "native" not in cls.__dict__ and "name" in cls.__dict__:
            cls.native = cls.name


class Accuracy(Metric):
    """The share of rows whose class is predicted."""

    name = "accuracy"


class TopK(Metric):
    """The share of rows whose true class is among the k largest predictions; of equal ones the columns further left come first.

    Parameters
    ----------
    k : int, default 5
        From 1 to the number of outputs.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.metrics.TopK(3).name
    'top_3'
    """

    native = "top_k"
    _fields = ("k",)

    def __init__(self, k: int = 5) -> None:
        self.k = validation.integer(k, "TopK", "k", 1)
        self.name = f"top_{self.k}"


class MSE(Metric):
    """The mean squared error over rows and columns."""

    name = "mse"
    takes_labels = False
    increases = False


class MAE(Metric):
    """The mean absolute error over rows and columns."""

    name = "mae"
    takes_labels = False
    increases = False


class RMSE(Metric):
    """The square root of the mean squared error over rows and columns."""

    name = "rmse"
    takes_labels = False
    increases = False


class R2(Metric):
    """The coefficient of determination, 1 - sum (y - p)^2 / sum (y - mean y)^2, the mean over columns.

    As scikit-learn's ``r2_score``: a constant column counts 1 where it is predicted exactly and else 0; NaN for a single row.
    """

    name = "r2"
    takes_labels = False


class AUC(Metric):
    """The area under the ROC curve: the share of pairs of a row of class 1 and one of class 0 that are ordered right, ties half.

    As scikit-learn's ``roc_auc_score``, for one output, or two: then rows are ordered by the second, of logits by the second less
    the first. NaN where all rows are of one class.
    """

    name = "auc"


class Precision(Metric):
    """The share of rows predicted to be of a class that are: of class 1 where there are two, else the mean over classes ("macro")."""

    name = "precision"


class Recall(Metric):
    """The share of rows of a class that are predicted to be: of class 1 where there are two, else the mean over classes ("macro")."""

    name = "recall"


class F1(Metric):
    """2 precision recall / (precision + recall): of class 1 where there are two, else the mean over classes ("macro")."""

    name = "f1"


class Function(Metric):
    """A function of targets and predictions, called in Python.

    Parameters
    ----------
    function : callable
        f(y_true, y_pred) -> float. Targets are integer labels (rows,) or values of the shape of the predictions, (rows, outputs).

    Raises
    ------
    TypeError
        For a function without a name or, when it is called, a result that is no number.
    """

    native = ""
    _fields = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        name = getattr(function, "__name__", None)
        if not isinstance(name, str):
            raise TypeError(f"metrics: expected a function with a __name__, got {function!r}")
        self.function = function
        self.name = name

    def __call__(self, y_true: Array, y_pred: Array) -> float:
        """Return the function's value as a float."""
        value = self.function(y_true, y_pred)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(f"metrics: expected a number from {self.name}, got {value!r}") from None

    def __repr__(self) -> str:
        return f"Function({self.name})"


_TABLE: dict[str, type[Metric]] = {kind.name: kind for kind in (Accuracy, MSE, MAE, RMSE, R2, AUC, Precision, Recall, F1)}


def _metric(given: object) -> Metric:
    if isinstance(given, Metric):
        return given
    if isinstance(given, str):
        if given in _TABLE:
            return _TABLE[given]()
        if given == "top_k":
            return TopK()
        if given.startswith("top_") and given[4:].isdecimal():
            return TopK(int(given[4:]))
        raise unknown("metric", given, [*_TABLE, "top_k"])
    if isinstance(given, type) and issubclass(given, Metric) and given not in (Metric, Function):
        return given()
    if callable(given) and not isinstance(given, type):
        return Function(given)
    raise TypeError(f"metrics: expected names, such as ['accuracy'], classes or functions, got {given!r}")


def metrics(given: object) -> tuple[Metric, ...]:
    """Return the metrics that a name, a class, an instance, a function or a sequence of them stands for.

    Raises
    ------
    TypeError, ValueError
        For a name that is unknown or given twice, and for anything else.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.metrics.metrics(["accuracy", "top_3", cr.metrics.AUC])
    (Accuracy(), TopK(k=3), AUC())
    """
    if isinstance(given, str | Metric | type) or not isinstance(given, Iterable):
        if not (isinstance(given, str | Metric | type) or callable(given)):
            raise TypeError(f"metrics: expected names, such as ['accuracy'], classes or functions, got {given!r}")
        given = (given,)
    found = tuple(map(_metric, given))
    names = [metric.name for metric in found]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f"metrics: expected each name once, got {name!r} twice")
        if name == "loss" or name.startswith("val_"):
            raise ValueError(f"metrics: expected names other than 'loss' and 'val_...', got {name!r}")
    return found


def more_is_better(name: str) -> bool:
    """Say whether a greater value of the loss or metric of this name in a history, of any output, is better.

    Examples
    --------
    >>> from chainrule.metrics import more_is_better
    >>> more_is_better("val_auc"), more_is_better("val_price_r2"), more_is_better("val_loss")
    (True, True, False)
    """
    if name.endswith("accuracy"):
        return True
    stem, _, last = f"_{name}".rpartition("_")  # in front of it, "val" and the name of an output
    return (last.isdecimal() and stem.endswith("_top")) or (last in _TABLE and _TABLE[last].increases)


def natives(chosen: Sequence[Metric]) -> list[tuple[str, str, int]]:
    """Return key, native metric and parameter of those that are counted natively."""
    return [(metric.name, metric.native, metric.k) for metric in chosen if not isinstance(metric, Function)]


def functions(chosen: Sequence[Metric]) -> list[Function]:
    """Return those that are called in Python."""
    return [metric for metric in chosen if isinstance(metric, Function)]
