"""How good predictions are, and what simple ones would have been."""

import numpy as np

from chainrule.tabular.features import categories_of, numbers_of
from chainrule.tabular.preprocessing import Preprocessing
from chainrule.tabular.target import Target
from chainrule.validation import Array

__all__ = ["MAIN", "auc", "baselines", "linear_columns", "scores"]

# The score that decides, by task; more of it is better.
MAIN = {"classification": "accuracy", "regression": "r2"}

_BLOCK = 1 << 13
_MOST_WORDS = 50
_RIDGE = 1e-6


def scores(target: Target, truth: Array, predicted: Array) -> dict[str, float]:
    """Return scores by name.

    Parameters
    ----------
    target : Target
        The task.
    truth : array of shape (rows,)
        Class numbers, or numbers.
    predicted : array
        Probabilities of shape (rows, classes), or numbers of shape (rows,).

    Returns
    -------
    dict
        "accuracy", "cross_entropy", and of two classes "auc"; or "r2", "rmse" and "mae", in the target's units.
    """
    if target.task == "regression":
        error = predicted - truth
        spread = float(((truth - truth.mean()) ** 2).sum())
        squares = float((error**2).sum())
        r2 = 1 - squares / spread if spread > 0 else float(squares == 0)
        return {"r2": r2, "rmse": float(np.sqrt((error**2).mean())), "mae": float(np.abs(error).mean())}
    chosen = predicted[np.arange(len(truth)), truth]
    found = {
        "accuracy": float((predicted.argmax(axis=1) == truth).mean()),
        "cross_entropy": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
    }
    if len(target.classes) == 2 and 0 < truth.sum() < len(truth):
        found["auc"] = auc(truth == 1, predicted[:, 1])
    return found


def auc(positive: Array, score: Array) -> float:
    """Return the probability that a positive row's score is above a negative one's, equal ones counting one half (Mann, Whitney 1947).

    Examples
    --------
    >>> import numpy as np
    >>> auc(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2
    positives, negatives = int(positive.sum()), int((~positive).sum())
    return float((rank[place][positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def baselines(
    preprocessing: Preprocessing, target: Target, training: tuple[Array, Array], test: tuple[Array, Array]
) -> dict[str, dict[str, float]]:
    """Return the test scores of the constant that fits best and of a linear model by least squares.

    Parameters
    ----------
    preprocessing : Preprocessing
        What made x.
    target : Target
        The task.
    training, test : tuple of array
        x, and class numbers or numbers.
    """
    (x, y), (test_x, test_y) = training, test
    if target.task == "classification":
        frequencies = np.bincount(y, minlength=len(target.classes)) / len(y)
        constant = np.tile(frequencies, (len(test_y), 1))
        wanted = np.eye(len(target.classes))[y]
        name = "most frequent class"
    else:
        constant = np.full(len(test_y), y.mean())
        wanted = y[:, None]
        name = "mean"
    found = {name: scores(target, test_y, constant)}
    weights = _least_squares(preprocessing, x, wanted)
    linear = np.concatenate([_design(preprocessing, block) @ weights for block in _blocks(test_x)])
    if target.task == "classification":
        # Least squares gives no probabilities: only what depends on their order counts.
        result = scores(target, test_y, linear)
        del result["cross_entropy"]
        found["linear, least squares"] = result
    else:
        found["linear, least squares"] = scores(target, test_y, linear[:, 0])
    return found


def _least_squares(preprocessing: Preprocessing, x: Array, wanted: Array) -> Array:
    """Return the weights from the normal equations, with a ridge that only columns that depend on one another feel."""
    gram: Array | float = 0.0
    moment: Array | float = 0.0
    for begin in range(0, len(x), _BLOCK):
        design = _design(preprocessing, x[begin : begin + _BLOCK])
        gram = gram + design.T @ design
        moment = moment + design.T @ wanted[begin : begin + _BLOCK]
    gram = np.asarray(gram)
    return np.linalg.solve(gram + _RIDGE * len(x) * np.eye(len(gram)), np.asarray(moment))


def linear_columns(preprocessing: Preprocessing) -> Array:
    """Return the columns of the matrix that are no pieces of a piecewise linear feature."""
    columns, begin = [], 0
    for number in numbers_of(preprocessing.features):
        pieces = max(len(number.edges) - 1, 0)
        columns += [begin, *range(begin + 1 + pieces, begin + number.width)]
        begin += number.width
    return np.array(columns, np.int64)


def _design(preprocessing: Preprocessing, x: Array) -> Array:
    """Return the linear model's matrix: ones, numbers, and a column for each of the most frequent words."""
    parts = [np.ones((len(x), 1)), x[:, linear_columns(preprocessing)].astype(np.float64)]
    for i, category in enumerate(categories_of(preprocessing.features)):
        codes = x[:, preprocessing.numbers + i].astype(np.int64)
        parts.append((codes[:, None] == np.arange(min(category.size, _MOST_WORDS + 2))).astype(np.float64))
    return np.concatenate(parts, axis=1)


def _blocks(x: Array) -> list[Array]:
    return [x[begin : begin + _BLOCK] for begin in range(0, len(x), _BLOCK)]
