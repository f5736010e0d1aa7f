"""scikit-learn's lbfgs: SciPy's L-BFGS-B on the loss of all rows and its gradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import Sequential, TrainingDiverged
from chainrule.building import make_graph
from chainrule.sklearn.problems import Problem
from chainrule.validation import Array

OnIteration = Callable[[float], bool]


class Rows(NamedTuple):
    """What is fitted: features, targets, weights."""

    x: Array
    y: Array
    weight: Array | None


def full_batch(model: Sequential, rows: Rows, problem: Problem) -> Callable[[dict[str, Array]], tuple[float, dict[str, Array]]]:
    """Return the function from parameters to the mean loss of all rows and its gradient, by the parameters' names."""
    native = getattr(model, "loss_and_gradients", None)
    if native is None:
        return GraphBatch(model, rows, problem)

    def evaluate(values: dict[str, Array]) -> tuple[float, dict[str, Array]]:
        model.set_parameters(values)
        loss, gradients = native(rows.x, rows.y, loss=problem.loss, sample_weight=rows.weight)
        return loss, gradients

    return evaluate


class GraphBatch:
    """The same by interpreting the graph, for a `Sequential` without `loss_and_gradients`."""

    def __init__(self, model: Sequential, rows: Rows, problem: Problem) -> None:
        built = model.build(rows.x.shape[1])._ready("fit")
        labels = rows.y.ndim == 1
        loss = problem.loss
        with_loss = make_graph(model._structure, built.features, model.dtype, training=False)
        graph = self._graph = with_loss.graph
        target = graph.input("target", (-1,), "int64") if labels else graph.input("target", (-1, rows.y.shape[1]))
        operation = loss.operation(built.outputs[0], 1 if labels else rows.y.shape[1], model.dtype)
        self._loss = graph.apply(operation, [with_loss.outputs[0], target], alpha=loss.alpha)
        seed = graph.input("seed", (-1,))
        named = {graph.name(node): node for node in range(len(graph)) if graph.operation(node) == "parameter"}
        self._parameters = {name: named[name] for name in built.shapes}
        self._gradients = graph.reverse([self._loss], [seed], list(self._parameters.values()))
        weight = np.ones(len(rows.x)) if rows.weight is None else rows.weight
        self._share = weight / weight.sum()
        self._feeds = {
            with_loss.inputs[0]: np.ascontiguousarray(rows.x, model.dtype),
            target: np.ascontiguousarray(rows.y, np.int64 if labels else model.dtype),
            seed: np.ascontiguousarray(self._share, model.dtype),
        }

    def __call__(self, parameters: dict[str, Array]) -> tuple[float, dict[str, Array]]:
        """Return loss and gradient at the parameters."""
        feeds = self._feeds | {self._parameters[name]: value for name, value in parameters.items()}
        loss, *gradients = self._graph.evaluate([self._loss, *self._gradients], feeds)
        return float(self._share @ loss.astype(np.float64)), dict(zip(self._parameters, gradients, strict=True))


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

    batch, packing = full_batch(model, rows, problem), _Packing(model)
    decay = alpha / (len(rows.x) if rows.weight is None else rows.weight.sum())
    factor = problem.gradient
    last = {"reported": np.inf}

    def value_and_gradient(packed: Array) -> tuple[float, Array]:
        values = packing.unpack(packed)
        try:
            loss, gradients = batch(values)
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
