"""Targets and weights, checked against the loss and the number of outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import _core, validation
from chainrule.losses import Loss
from chainrule.validation import Array


class Targets(NamedTuple):
    """Class indices of shape (rows,) where `labels`, else values of shape (rows, outputs), or of another width for a loss that takes it."""

    values: Array
    labels: bool


def targets(y: object, operation: str, name: str, loss: Loss, outputs: int, rows: int) -> Targets:
    """Check y: integers of shape (rows,) are classes to a loss that takes them; everything else is values."""
    array = validation.numeric(y, operation, name)
    if array.ndim == 0 or array.shape[0] != rows:
        raise ValueError(f"{operation}: expected {name} with {rows} rows, as many as x has, got shape {array.shape}")
    if loss.labels_for(outputs) and (array.ndim == 1 or (array.shape[1:] == (1,) and outputs > 1)):
        return Targets(_labels(array.reshape(rows), operation, name, loss, outputs), labels=True)
    if array.ndim == 1 and (outputs == 1 or loss.any_targets):
        array = array[:, None]
    if array.shape != (rows, outputs) and not (loss.any_targets and array.ndim == 2 and array.shape[1] > 0):
        hint = ""
        if array.ndim == 1 and not validation.is_float(array):
            hint = "; for class labels use the loss 'cross_entropy'"
        raise ValueError(
            f"{operation}: expected {name} of shape ({rows}, {outputs}) for {loss.name}, got shape {array.shape}{hint}"
        )
    _core.require_finite(array, operation, name)
    if loss.target_range is not None and rows > 0:
        _require_range(array, operation, name, loss.name, *loss.target_range)
    return Targets(array, labels=False)


def _require_range(array: Array, operation: str, name: str, loss: str, least: float, greatest: float) -> None:
    low, high = array.min(), array.max()
    if low < least or high > greatest:
        wanted = f"of at least {least:g}" if np.isinf(greatest) else f"from {least:g} to {greatest:g}"
        raise ValueError(f"{operation}: expected {name} {wanted} for {loss}, got {low:g} to {high:g}")


def _labels(array: Array, operation: str, name: str, loss: Loss, outputs: int) -> Array:
    if validation.is_float(array):
        raise TypeError(
            f"{operation}: expected {name} as integer labels (rows,) or values (rows, {outputs}) for {loss.name}, "
            f"got {array.dtype} of shape {array.shape}; convert labels with {name}.astype(int)"
        )
    if array.shape[0] > 0:
        least, most = _core.label_range(array)
        if least < 0 or most >= outputs:
            bad = least if least < 0 else most
            row = int(np.argmax(array == bad))
            hint = "; for two classes in one output use the loss 'binary_cross_entropy'" if outputs == 1 else ""
            raise ValueError(f"{operation}: expected labels from 0 to {outputs - 1} in {name}, got {bad} at row {row}{hint}")
    return array


def weights(sample_weight: object, operation: str, name: str, rows: int) -> Array | None:
    """Check sample weights: shape (rows,), finite, not negative."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Mapping):
        raise TypeError(f"{operation}: expected {name} of shape ({rows},), for all outputs the same, got a dict; see loss_weights")
    array = validation.numeric(sample_weight, operation, name)
    if array.shape != (rows,):
        raise ValueError(f"{operation}: expected {name} of shape ({rows},), got shape {array.shape}")
    _core.require_finite(array, operation, name)
    if rows > 0 and array.min() < 0:
        raise ValueError(f"{operation}: expected {name} of at least 0, got {array.min():g} at row {int(array.argmin())}")
    return array


def require_weight(weight: Array | None, operation: str, name: str) -> None:
    """Raise ValueError where all rows weigh nothing: a mean over them is none."""
    if weight is not None and not weight.any():
        raise ValueError(f"{operation}: expected {name} with a positive sum, got 0")


def with_class_weight(class_weight: object, y: Sequence[Targets], sample_weight: Array | None) -> Array | None:
    """Multiply the weights of the rows by those of their classes; a class that is not named counts 1."""
    if class_weight is None:
        return sample_weight
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"fit: expected class_weight as a dict from class to weight, got {class_weight!r}")
    if len(y) > 1:
        raise ValueError(f"fit: expected class_weight for a model of one output, got one of {len(y)}; use sample_weight")
    classes = _classes(y[0])
    factors = np.ones(len(classes))
    for label, weight in class_weight.items():
        least = -1 if (classes == -1).any() else 0  # of the hinge loss
        index = validation.integer(label, "fit", "a class of class_weight", least)
        factors[classes == index] = validation.real(weight, "fit", f"class_weight[{index}]", least=0)
    return factors if sample_weight is None else factors * sample_weight


def _classes(y: Targets) -> Any:
    if y.labels:
        return y.values
    return y.values[:, 0] if y.values.shape[1] == 1 else y.values.argmax(axis=1)
