"""Levenberg-Marquardt behind the interface of the native trainer, so that `fit` drives it like any other optimizer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from chainrule import _core
from chainrule.building import Built, make_graph
from chainrule.errors import TrainingDiverged
from chainrule.layers import Dropout, Layer
from chainrule.losses import MSE, HalfMSE, Loss
from chainrule.normalization import BatchNorm
from chainrule.optimizers import LevenbergMarquardt
from chainrule.sparse import Features, dense
from chainrule.structure import Structure
from chainrule.validation import Array

# J^T J of so many parameters takes 200 MB, and its damped copy and factor as much each.
MOST_PARAMETERS = 5000

# Elements of J in one block of rows: 32 MB.
_BLOCK_ELEMENTS = 1 << 22

# Rows of the triangular factor that are solved for together.
_SOLVE_BLOCK = 64

# A 1-20-1 net's fit of a noiseless sine (five sets of x, eight seeds, float64, 2026-11) is below 1e-8 after 19 to 69 steps with these
# numbers; with a least scale of 1/1000 after up to 89. Without the bend most are not within 100 steps. Without the turn none is on
# x symmetric to 0: a net whose biases are zero stays an odd function, and the error at 1e-5.
_LEAST_SCALE = 0.1  # of D, as a fraction of its largest element
_PROBE = 0.1  # how far along a step the second derivative is measured
_MOST_BEND = 0.75  # the longest bend that a step may have, as a fraction of its length
_TURN = 0.1  # what is added to the first step at random, as a fraction of its root mean square
_LEAST_GAIN = 0.25

Bound = tuple[list[Features], list[Array], Array | None]


class Rows(NamedTuple):
    """What a step is made on. `root`: square roots of the rows' weights, of shape (rows, 1), whose squares sum to one."""

    x: Array
    y: Array
    root: Array


class Linear(NamedTuple):
    """The problem at a point: parameters p, weighted residuals r, a = J^T J, g = J^T r, scales D."""

    p: Array
    r: Array
    a: Array
    g: Array
    scales: Array

    def length(self, move: Array) -> float:
        """Return the length of a move in the scales of the parameters."""
        return float(np.sqrt(self.scales @ np.square(move)))


def require_least_squares(losses: Sequence[Loss], layers: Sequence[Layer], built: Built) -> None:
    """Raise ValueError where a model and its loss are no dense least-squares problem."""
    if len(built.features) != 1 or len(built.outputs) != 1:
        raise ValueError(
            f"LevenbergMarquardt: expected a model of one input and one output, got {len(built.features)} and {len(built.outputs)}"
        )
    (loss,) = losses
    if not isinstance(loss, MSE | HalfMSE):
        raise ValueError(f"LevenbergMarquardt: expected the loss 'mse' or 'half_mse', a sum of squares, got {loss.name!r}")
    for layer in layers:
        if isinstance(layer, Dropout | BatchNorm):
            raise ValueError(f"LevenbergMarquardt: expected layers that train as they predict, got {layer!r}")
        if layer.penalties():
            raise ValueError(f"LevenbergMarquardt: expected layers without l1 or l2, got {layer!r}")
    count = built.parameter_count
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"LevenbergMarquardt: expected at most {MOST_PARAMETERS} parameters, whose J^T J is dense, got {count}; use Adam"
        )


def cholesky_solver(a: Array) -> Callable[[Array], Array]:
    """Return the function b -> x that solves a x = b; numpy.linalg.LinAlgError where `a` is not positive definite.

    NumPy has no triangular solve: rows are taken in blocks, for each of which a small general one serves.
    """
    factor = np.linalg.cholesky(a)
    blocks = [slice(begin, min(begin + _SOLVE_BLOCK, len(a))) for begin in range(0, len(a), _SOLVE_BLOCK)]

    def solve(b: Array) -> Array:
        x: Array = b.copy()
        for rows in blocks:
            x[rows] = np.linalg.solve(factor[rows, rows], x[rows] - factor[rows, : rows.start] @ x[: rows.start])
        for rows in reversed(blocks):
            x[rows] = np.linalg.solve(factor[rows, rows].T, x[rows] - factor[rows.stop :, rows].T @ x[rows.stop :])
        return x

    return solve


def _rows(x: list[Features], y: list[Array], sample_weight: Array | None, operation: str) -> Rows:
    (given,), (y_rows,) = x, y
    x_rows = dense(given, operation)
    _core.require_finite(x_rows, operation, "x")
    weight = np.ones(len(x_rows)) if sample_weight is None else sample_weight.astype(np.float64)
    return Rows(x_rows, y_rows, np.sqrt(weight / weight.sum())[:, None])


class LeastSquaresTrainer:
    """One problem with its damping: what `_core.Trainer` is for the other optimizers. Every epoch is one step on all rows.

    Steps are made on a network of float64 beside the model's own, which is given the parameters of each step that is taken.
    """

    lr = 1.0
    step = 0
    steps_per_epoch = 1

    def __init__(
        self,
        native: _core.Trainer,
        built: Built,
        structure: Structure,
        loss: Loss,
        optimizer: LevenbergMarquardt,
        seed: int,
    ) -> None:
        self._native = native  # it evaluates
        self._built = built
        self._optimizer = optimizer
        self._seed = seed
        graph = make_graph(structure, built.features, "float64", training=False)
        self._network = _core.Network(graph.graph, graph.inputs, graph.outputs)
        (self._scale,) = structure.scales
        (self._outputs,) = built.outputs
        self._jacobian = _core.RowGradients(self._network)
        # The gradient of the mean loss, over J^T r.
        self._slope = 2.0 / self._outputs if isinstance(loss, MSE) else 1.0
        self._damping = optimizer.damping
        self._iterations = 0
        self._bound: tuple[Rows, Bound, Bound | None] | None = None
        self._history: list[dict[str, float]] = []
        self.epoch = 0

    def set_groups(self, frozen: Sequence[str], factors: Mapping[str, float]) -> None:
        """Refuse both: J is made of all parameters, and there is no learning rate."""
        if frozen or factors:
            names = ", ".join([*frozen, *factors])
            raise ValueError(f"LevenbergMarquardt: expected every layer trainable and of lr_scale 1, got others for {names}")

    def ema_parameters(self) -> dict[str, Array]:
        """Return none."""
        return {}

    def bind(
        self,
        x: list[Features],
        y: list[Array],
        sample_weight: Array | None,
        *,
        batch_size: int,
        shuffle: bool,
        validation: Bound | None = None,
    ) -> None:
        """Set the data; all rows make the batch, in their own order."""
        self._bound = (_rows(x, y, sample_weight, "fit"), (x, y, sample_weight), validation)
        self._history = []

    def unbind(self) -> None:
        """Let go of the data."""
        self._bound = None

    @property
    def iterations(self) -> int:
        """Steps taken."""
        return self._iterations

    def state(self) -> "_core.TrainerState":
        """Return what training holds beside the model's parameters: its damping, and the parameters in float64."""
        arrays = {f"precise.{name}": value for name, value in self._parameters(self._network).items()}
        numbers = {"damping": self._damping}
        place = {"epoch": self.epoch, "step": 0, "iterations": self._iterations}
        sums = {"rows": 0, "losses": [], "weight": 0.0, "metrics": [], "penalty": 0.0, "collected": []}
        return cast("_core.TrainerState", {**place, **sums, "numbers": numbers, "arrays": arrays})

    def set_state(
        self,
        *,
        epoch: int,
        step: int,
        iterations: int,
        rows: int,
        losses: Sequence[float],
        weight: float,
        metrics: Sequence[float],
        penalty: float,
        collected: Sequence[Array],
        numbers: Mapping[str, float],
        arrays: Mapping[str, Array],
    ) -> None:
        """Go on from a state of a trainer like this one, all or nothing."""
        damping = float(numbers["damping"])
        self._network.set_parameters({name: arrays[f"precise.{name}"] for name in self._built.shapes})
        self._damping, self.epoch, self._iterations = damping, epoch, iterations

    def run(self, until_epoch: int, until_step: int, seconds: float) -> str:
        """Train until an epoch, or for about so many seconds, or until no step helps any more ("converged")."""
        assert self._bound is not None
        rows, training, held_out = self._bound
        end = time.monotonic() + seconds
        while self.epoch < until_epoch:
            logs = self._native.evaluate(*training)
            moved = self._step(rows, logs["loss"])
            if held_out is not None:
                logs |= {f"val_{name}": value for name, value in self._native.evaluate(*held_out).items()}
            self._history.append(logs)
            self.epoch += 1
            if not moved:
                return "converged"
            if time.monotonic() >= end:
                break
        return "epoch" if self.epoch >= until_epoch else "time"

    def history(self, first: int = 0) -> Mapping[str, Array]:
        """Return the epochs since `bind`, from number `first` on, by name."""
        chosen = self._history[first:]
        return {name: np.array([logs[name] for logs in chosen]) for name in (chosen[0] if chosen else ())}

    def running(self) -> dict[str, float]:
        """Return nothing: an epoch is one step."""
        return {}

    def train_on_batch(self, x: list[Features], y: list[Array], sample_weight: Array | None) -> dict[str, float]:
        """Make one step on these rows; return loss and metrics before it."""
        rows = _rows(x, y, sample_weight, "train_on_batch")
        logs = self._native.evaluate(x, y, sample_weight)
        self._step(rows, logs["loss"])
        return logs

    def evaluate(self, x: list[Features], y: list[Array], sample_weight: Array | None) -> dict[str, float]:
        """Return loss and metrics."""
        return self._native.evaluate(x, y, sample_weight)

    def explain(self) -> str:
        """Return in words what a step is."""
        return (
            f"Levenberg-Marquardt: {self._built.parameter_count} parameters, J in float64 in blocks of {self._block_rows()} rows, "
            f"Cholesky factors of J^T J by NumPy; damping {self._damping:g} after {self._iterations} steps"
        )

    def _step(self, rows: Rows, loss: float) -> bool:
        """Lower the sum of squares by one step; say whether there was one. All or nothing."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is not taken
            problem = self._linearised(rows)
            if not np.isfinite([loss, problem.r @ problem.r, np.trace(problem.a), problem.g.sum()]).all():
                raise self._diverged()
            if self._slope * np.abs(problem.g).max() <= self._optimizer.tolerance:
                return False
            while not self._try(rows, problem):
                if self._damping >= self._optimizer.max_damping:
                    return False
                self._damp(self._optimizer.increase)
        self._built.network.set_parameters(self._parameters(self._network))
        self._iterations += 1
        return True

    def _linearised(self, rows: Rows) -> Linear:
        self._follow()
        p = np.concatenate([value.ravel() for value in self._parameters(self._network).values()])
        r = self._residuals(rows)
        a, g = np.zeros((len(p), len(p))), np.zeros(len(p))
        for part, jacobian in self._jacobians(rows):
            a += jacobian.T @ jacobian
            g += jacobian.T @ r[part]
        scales = np.diag(a)
        return Linear(p, r, a, g, np.maximum(scales, _LEAST_SCALE * scales.max()))

    def _try(self, rows: Rows, problem: Linear) -> bool:
        """Go where the damping in force leads, and say whether that is better."""
        damped = problem.a.copy()
        np.fill_diagonal(damped, np.diag(damped) + self._damping * problem.scales)
        try:
            solve = cholesky_solver(damped)
            move = solve(-problem.g)
        except np.linalg.LinAlgError:
            return False
        bend = -solve(self._bending(rows, problem, move))
        if not problem.length(bend) <= _MOST_BEND * problem.length(move):
            return False
        after = problem.p + move + 0.5 * bend
        if self._iterations == 0:
            key = len(self._built.shapes)  # after those of the parameters' initial values
            turn = _core.random_normal(move.shape, 0, 1, seed=self._seed, key=key)
            after += _TURN * np.sqrt(np.mean(np.square(move))) * turn
        self._set(after)
        r = self._residuals(rows)
        fall = problem.r @ problem.r - r @ r
        if not fall > 0:
            return False
        gain = fall / (move @ (self._damping * problem.scales * move - problem.g))
        self._damp(self._optimizer.decrease if gain > _LEAST_GAIN else self._optimizer.increase)
        return True

    def _bending(self, rows: Rows, problem: Linear, move: Array) -> Array:
        """Return J^T times the second derivative of the residuals along the move."""
        self._set(problem.p + _PROBE * move)
        slope = (self._residuals(rows) - problem.r) / _PROBE
        self._set(problem.p)
        total = np.zeros_like(problem.p)
        for part, jacobian in self._jacobians(rows):
            total += jacobian.T @ (2 / _PROBE * (slope[part] - jacobian @ move))
        return total

    def _damp(self, factor: float) -> None:
        self._damping = min(max(self._damping * factor, self._optimizer.min_damping), self._optimizer.max_damping)

    def _residuals(self, rows: Rows) -> Array:
        """Return the weighted residuals, of shape (rows * outputs,)."""
        weighted: Array = rows.root * (self._network.predict(rows.x, self._scale) - rows.y)
        return weighted.ravel()

    def _block_rows(self) -> int:
        return max(_BLOCK_ELEMENTS // (self._outputs * self._built.parameter_count), 1)

    def _jacobians(self, rows: Rows) -> Iterator[tuple[slice, Array]]:
        """Yield the Jacobian of the weighted residuals in blocks, each with its part of the residuals."""
        outputs, count = self._outputs, self._block_rows()
        for begin in range(0, len(rows.x), count):
            root = np.repeat(rows.root[begin : begin + count], outputs, axis=0)
            jacobian = root * self._jacobian.run(rows.x[begin : begin + count], None, self._scale)
            yield slice(begin * outputs, begin * outputs + len(jacobian)), jacobian

    def _parameters(self, network: _core.Network) -> dict[str, Array]:
        return {name: network.parameter(name) for name in self._built.shapes}

    def _follow(self) -> None:
        """Take over the model's parameters, unless they are the rounded ones of the last step."""
        theirs, ours = self._parameters(self._built.network), self._parameters(self._network)
        if any(not np.array_equal(theirs[name], ours[name].astype(theirs[name].dtype)) for name in theirs):
            self._network.set_parameters(theirs)

    def _set(self, p: Array) -> None:
        values, begin = {}, 0
        for name, shape in self._built.shapes.items():
            end = begin + int(np.prod(shape))
            values[name] = p[begin:end].reshape(shape)
            begin = end
        self._network.set_parameters(values)

    def _diverged(self) -> TrainingDiverged:
        error = TrainingDiverged(f"training diverged: the loss or its derivatives are NaN or infinite at step {self._iterations}")
        error.step, error.layer = self._iterations, "LevenbergMarquardt"
        return error
