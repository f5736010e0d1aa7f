"""The functions among the metrics: called on targets and predictions in Python, beside what is counted natively."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from chainrule.data import LabelledRows, Rows
from chainrule.metrics import functions
from chainrule.sessions import Goal
from chainrule.sparse import Features
from chainrule.validation import Array

Predict = Callable[[list[Features]], list[Array]]


def prefixes(goal: Goal) -> list[str]:
    """Return what the names of each head's loss and metrics begin with."""
    return [""] if len(goal) == 1 else [f"{head.name}_" for head in goal]


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
    own = prefixes(goal)
    keys = ["loss", *(f"{prefix}loss" for prefix in own if prefix)]
    keys += [prefix + metric.name for head, prefix in zip(goal, own, strict=True) for metric in head.metrics]
    return {key: logs[key] for part in ("", "val_") for key in (part + name for name in keys) if key in logs}


class Judge:
    """Calls the functions among a fit's metrics at the end of each epoch; false where there are none.

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
        self._predict = predict
        self._rows: dict[str, tuple[list[Features], list[Array]]] = {}
        if training is not None:
            self._rows[""] = (training.x, training.values)
        if held_out is not None:
            self._rows["val_"] = held_out[:2]

    def __bool__(self) -> bool:
        return any(functions(head.metrics) for head in self._goal)

    def __call__(self, epoch: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return the epoch's columns, of one row, with the functions' values."""
        if not self:
            return epoch
        logs = {name: float(values[0]) for name, values in epoch.items()}
        for prefix, (x, y) in self._rows.items():
            logs |= {prefix + name: value for name, value in called(self._goal, y, partial(self._predict, x)).items()}
        return {name: np.array([value]) for name, value in in_order(self._goal, logs).items()}
