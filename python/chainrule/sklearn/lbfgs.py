"""scikit-learn's lbfgs: SciPy's L-BFGS-B on the loss of all rows and its gradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import Sequential, TrainingDiverged
from chainrule.sklearn.problems import Problem
from chainrule.validation import Array

OnIteration = Callable[[float], bool]


class Rows(NamedTuple):
    """What is fitted: features, targets, weights."""

    x: Any
    y: Array
    weight: Array | None


class _Packing:
    """The model's parameters as one vector of float64."""

    def __init__(self, model: Sequential) -> None:
        self._dtype = model.dtype
        self._places: dict[str, tuple[slice, tuple[int, ...]]] = {}
        self._size = 0
        for name, value in model.parameters().items():
            self._places[name] = (slice(self._size, self._size + value.size), value.shape)
            self._size += value.size

    def pack(self, values: dict[str, Array]) -> Array:
        packed = np.empty(self._size)
        for name, (part, _) in self._places.items():
            packed[part] = values[name].ravel()
        return packed

    def unpack(self, packed: Array) -> dict[str, Array]:
        return {name: packed[part].reshape(shape).astype(self._dtype) for name, (part, shape) in self._places.items()}


def minimise(
    model: Sequential,
    rows: Rows,
    problem: Problem,
    alpha: float,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    on_iteration: OnIteration,
    watched: bool,
) -> Any:
    """Train the model; return SciPy's result, whose `fun` is the loss as it is reported.

    `on_iteration` takes that loss after each iteration, the model being up to date where it is `watched`, and says whether to stop.
    Minimised is gradient * loss + alpha / 2 |coefs|^2 / (total weight), with the factor `gradient` of the problem.
    """
    from scipy.optimize import minimize

    packing = _Packing(model)
    decay = alpha / (rows.x.shape[0] if rows.weight is None else rows.weight.sum())
    factor = problem.gradient
    last = {"reported": np.inf}

    def value_and_gradient(packed: Array) -> tuple[float, Array]:
        values = packing.unpack(packed)
        try:
            model.set_parameters(values)
            loss, gradients = model.loss_and_gradients(rows.x, rows.y, loss=problem.loss, sample_weight=rows.weight)
        except TrainingDiverged:
            return np.inf, np.zeros_like(packed)
        penalty = 0.0
        for name, value in values.items():
            gradients[name] = factor * gradients[name]
            if value.ndim == 2:
                penalty += 0.5 * decay * float(np.vdot(value, value))
                gradients[name] += np.asarray(decay, value.dtype) * value
        last["reported"] = problem.reported * loss + penalty
        return factor * loss + penalty, packing.pack(gradients)

    def after_iteration(packed: Array) -> None:
        if watched:
            model.set_parameters(packing.unpack(packed))
        if on_iteration(last["reported"]):
            raise StopIteration

    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    start = packing.pack(model.parameters())
    result = minimize(value_and_gradient, start, method="L-BFGS-B", jac=True, options=options, callback=after_iteration)
    if np.isfinite(result.x).all():
        model.set_parameters(packing.unpack(result.x))
        value_and_gradient(result.x)
        result.fun = last["reported"]
    return result
