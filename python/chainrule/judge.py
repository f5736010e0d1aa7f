"""The functions among the metrics: called on targets and predictions in Python, beside what is counted natively."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from chainrule.data import LabelledRows, Rows
from chainrule.history import History
from chainrule.metrics import functions
from chainrule.sessions import Goal, log_keys, prefixes
from chainrule.sparse import Features
from chainrule.validation import Array

Predict = Callable[[list[Features]], list[Array]]


def called(goal: Goal, y: Sequence[Array], predict: Callable[[], list[Array]]) -> dict[str, float]:
    """Return the values of the functions among the metrics; without one nothing is predicted."""
    if not any(functions(head.metrics) for head in goal):
        return {}
    predictions = predict()
    return {
        prefix + function.name: function(target, prediction)
        for head, prefix, target, prediction in zip(goal, prefixes(goal), y, predictions, strict=True)
        for function in functions(head.metrics)
    }


def in_order(goal: Goal, logs: Mapping[str, float]) -> dict[str, float]:
    """Return the logs with the losses first and the metrics as they were asked for, then those of the validation."""
    return {key: logs[key] for key in log_keys(goal) if key in logs}


def require_no_functions(goal: Goal) -> None:
    """Raise ValueError where a fit that has no rows as a whole, neither training nor validation data, is to call functions on them."""
    for head in goal:
        for function in functions(head.metrics):
            raise ValueError(
                f"fit: expected validation_data for the metric {function.name}, a function, which is not called on an iterable of "
                "batches, got none"
            )


class Judge:
    """Adds epochs to the history with what the functions among a fit's metrics say of them; false where there are none.

    Parameters
    ----------
    goal : Goal
        The heads with their metrics.
    predict : callable
        From an array for each input to one for each output.
    training : LabelledRows or None
        The training data, where it is there as a whole.
    held_out : tuple or None
        The validation data.
    """

    def __init__(self, goal: Goal, predict: Predict, training: LabelledRows | None, held_out: Rows | None) -> None:
        self._goal = goal
        self._names = [
            prefix + function.name
            for head, prefix in zip(goal, prefixes(goal), strict=True)
            for function in functions(head.metrics)
        ]
        self._predict = predict
        self._rows: dict[str, tuple[list[Features], list[Array]]] = {}
        if training is not None:
            self._rows[""] = (training.x, training.values)
        if held_out is not None:
            self._rows["val_"] = held_out[:2]

    def __bool__(self) -> bool:
        return bool(self._names)

    def record(self, epochs: Mapping[str, Array], history: History) -> None:
        """Extend the history by columns, of one epoch where there are functions; a function that raises leaves NaN for what it owes."""
        if not self:
            history.extend(epochs)
            return
        owed = [prefix + name for prefix in self._rows for name in self._names]
        logs = {name: float(values[0]) for name, values in epochs.items()} | dict.fromkeys(owed, math.nan)
        try:
            for prefix, (x, y) in self._rows.items():
                logs |= {prefix + name: value for name, value in called(self._goal, y, partial(self._predict, x)).items()}
        finally:
            history.extend({name: np.array([value]) for name, value in in_order(self._goal, logs).items()})
