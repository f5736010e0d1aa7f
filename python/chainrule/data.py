"""The data of a fit: arrays checked against each other and the model, split, weighted; views, never copies."""

from collections.abc import Callable
from typing import NamedTuple

from chainrule import _core, validation
from chainrule.losses import Loss
from chainrule.targets import Targets, targets, weights, with_class_weight
from chainrule.validation import Array

Rows = tuple[Array, Array, Array | None]
# Checks x against the model, under the name of the operation and of the argument; returns it with the number of the model's outputs.
Accept = Callable[[object, str, str], tuple[Array, int]]


class FitData(NamedTuple):
    """What `fit` trains on and validates with."""

    x: Array
    y: Targets
    weight: Array | None
    validation: Rows | None


def labelled_rows(
    accept: Accept, x: object, y: object, sample_weight: object, loss: Loss, operation: str, prefix: str = ""
) -> tuple[Array, Targets, Array | None]:
    """Check one set of rows with their targets and weights; there must be at least one. Whether x is finite is not looked at."""
    rows, outputs = accept(x, operation, f"{prefix}x")
    validation.require_rows(rows, operation, f"{prefix}x")
    y_checked = targets(y, operation, f"{prefix}y", loss, outputs, len(rows))
    return rows, y_checked, weights(sample_weight, operation, f"{prefix}sample_weight", len(rows))


def fit_data(
    accept: Accept,
    x: object,
    y: object,
    loss: Loss,
    *,
    sample_weight: object,
    class_weight: object,
    validation_data: object,
    validation_split: float,
) -> FitData:
    """Check everything and take the validation rows off: the last fraction, before any shuffling.

    The training rows' features are looked at for NaN and infinity when their batch is read, in the first epoch: here it would be one
    more pass over memory, or over a file.
    """
    split = validation.real(validation_split, "fit", "validation_split", least=0, below=1)
    if split > 0 and validation_data is not None:
        raise ValueError("fit: expected either validation_data or validation_split, got both")
    rows, y_checked, weight = labelled_rows(accept, x, y, sample_weight, loss, "fit")
    held_out = None
    if validation_data is not None:
        held_out = _validation_rows(accept, validation_data, loss, y_checked.labels)
    elif split > 0:
        # As Keras rounds, but for what binary fractions miss: 0.9 of 10 rows leaves 1 row, not 0.9999999999999998.
        keep = int(len(rows) * (1 - split) + 1e-9)
        if not 0 < keep < len(rows):
            raise ValueError(f"fit: expected validation_split to leave rows on both sides, got {split:g} of {len(rows)} rows")
        held_out = (rows[keep:], y_checked.values[keep:], None if weight is None else weight[keep:])
        _core.require_finite(rows, "fit", "x", keep)
        rows, weight = rows[:keep], None if weight is None else weight[:keep]
        y_checked = Targets(y_checked.values[:keep], y_checked.labels)
    return FitData(rows, y_checked, with_class_weight(class_weight, y_checked, weight), held_out)


def _validation_rows(accept: Accept, given: object, loss: Loss, labels: bool) -> Rows:
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise TypeError(f"fit: expected validation_data as (x, y) or (x, y, sample_weight), got {type(given).__name__}")
    x, y, sample_weight = given if len(given) == 3 else (*given, None)
    rows, y_checked, weight = labelled_rows(accept, x, y, sample_weight, loss, "fit", "validation ")
    _core.require_finite(rows, "fit", "validation x")
    if y_checked.labels != labels:
        kinds = ("integer labels", "values") if labels else ("values", "integer labels")
        raise ValueError(f"fit: expected validation y as {kinds[0]}, like y, got {kinds[1]}")
    return rows, y_checked.values, weight
