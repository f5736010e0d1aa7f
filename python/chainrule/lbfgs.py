"""L-BFGS behind the interface of the native trainer, so that `fit` drives it like any other optimizer.

SciPy's minimiser calls the function that it minimises; `fit` calls a trainer for some epochs at a time. The two meet as coroutines do:
SciPy runs in a thread of its own, which is always at rest but for the moments in which `fit` waits for it. Everything else, the
network's evaluation included, happens in the thread that called `fit`.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np

from chainrule import _core
from chainrule.building import Built
from chainrule.data import require_finite
from chainrule.errors import TrainingDiverged
from chainrule.layers import Dropout, Layer
from chainrule.normalization import BatchNorm
from chainrule.optimizers import LBFGS
from chainrule.sparse import Features
from chainrule.validation import Array

Bound = tuple[list[Features], list[Array], Array | None]

# Where the loss falls by less than this fraction of itself, rounding has won (scikit-learn's number for its own L-BFGS).
_LEAST_FALL = 64 * float(np.finfo(np.float64).eps)


def require_lbfgs(layers: Sequence[Layer]) -> Callable[..., Any]:
    """Return SciPy's `minimize`; raise ImportError where it is missing, ValueError for layers with randomness."""
    for layer in layers:
        if isinstance(layer, Dropout | BatchNorm):
            raise ValueError(f"LBFGS: expected layers that train as they predict, got {layer!r}")
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise ImportError("LBFGS: expected SciPy to be installed; pip install 'chainrule[lbfgs]'") from error
    function: Callable[..., Any] = minimize
    return function


class _Wanted(NamedTuple):
    """SciPy asks for loss and gradient at a point."""

    point: Array


class _Moved(NamedTuple):
    """An iteration has come to a point."""

    point: Array


class _Ended(NamedTuple):
    """No further step: converged, or an error."""

    error: BaseException | None


class _Abandoned(Exception):
    """The fit is over: it ends SciPy's thread."""


class _Minimiser:
    """SciPy's minimiser as a coroutine: `advance` says what it wants next."""

    def __init__(self, minimize: Callable[..., Any], start: Array, settings: LBFGS) -> None:
        self._minimize, self._start, self._settings = minimize, start, settings
        self._wishes: queue.SimpleQueue[_Wanted | _Moved | _Ended] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[float, Array] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="chainrule-lbfgs", daemon=True)
        self._ended: _Ended | None = None

    def advance(self, answer: tuple[float, Array] | None = None) -> _Wanted | _Moved | _Ended:
        """Give the answer to the last wish (loss and gradient for a point, nothing for an iteration) and return the next one."""
        if self._thread.ident is None:
            self._thread.start()
        elif self._ended is None:
            self._answers.put((0.0, self._start) if answer is None else answer)
        wish = self._ended or self._wishes.get()
        if isinstance(wish, _Ended):
            self._ended = wish
        return wish

    def abandon(self) -> None:
        """End it."""
        if self._thread.ident is not None:
            self._answers.put(None)
            self._thread.join()

    def _ask(self, wish: _Wanted | _Moved) -> tuple[float, Array]:
        self._wishes.put(wish)
        answer = self._answers.get()
        if answer is None:
            raise _Abandoned
        return answer

    def _run(self) -> None:
        def evaluate(point: Array) -> tuple[float, Array]:
            return self._ask(_Wanted(point.copy()))

        def move(point: Array) -> None:
            self._ask(_Moved(point.copy()))

        error: BaseException | None = None
        try:
            self._minimize(
                evaluate,
                self._start,
                method="L-BFGS-B",
                jac=True,
                callback=move,
                options={
                    "maxcor": self._settings.history,
                    "gtol": self._settings.tolerance,
                    "ftol": _LEAST_FALL,
                    "maxiter": 2**31 - 1,
                    "maxfun": 2**31 - 1,
                },
            )
        except _Abandoned:
            return
        except BaseException as caught:  # raised again where `fit` is
            error = caught
        self._wishes.put(_Ended(error))


class LBFGSTrainer:
    """One problem: what `_core.Trainer` is for the other optimizers. Every epoch is one iteration on all rows.

    Loss and gradient come from a network of float64 beside the model's own, which is given the parameters of each iteration.
    """

    lr = 1.0
    step = 0
    steps_per_epoch = 1

    def __init__(
        self,
        native: _core.Trainer,
        network: _core.Network,
        gradients: _core.Trainer,
        minimize: Callable[..., Any],
        built: Built,
        optimizer: LBFGS,
        metrics: bool,
    ) -> None:
        self._native = native  # it evaluates the model's own network
        self._network, self._gradients = network, gradients  # in float64
        self._minimize = minimize
        self._built = built
        self._optimizer = optimizer
        self._metrics = metrics
        self._trained = [name for name in built.shapes if name in built.trained]
        self._minimiser: _Minimiser | None = None
        self._bound: tuple[Bound, Bound | None] | None = None
        self._history: list[dict[str, float]] = []
        self._loss: float | None = None  # at the minimiser's last point
        self._evaluations = 0
        self._first = 0
        self.epoch = 0
        self.iterations = 0

    def set_groups(self, frozen: Sequence[str], factors: Mapping[str, float]) -> None:
        """Leave the frozen parameters out of the problem; a factor of a learning rate has no meaning for it."""
        if factors:
            raise ValueError(
                f"LBFGS: expected layers with lr_scale 1, since it has no learning rate, got factors for {', '.join(factors)}"
            )
        self._gradients.set_groups(frozen, {})
        self._trained = [name for name in self._built.shapes if name in self._built.trained and name not in frozen]

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
        require_finite(x, "fit", "x")
        self._bound = ((x, y, sample_weight), validation)
        self._history = []
        self._first = self.epoch

    def unbind(self) -> None:
        """Let go of the data and of the steps remembered."""
        if self._minimiser is not None:
            self._minimiser.abandon()
        self._minimiser = self._bound = None

    def run(self, until_epoch: int, until_step: int, seconds: float) -> str:
        """Train until an epoch, or for about so many seconds, or until no step helps any more ("converged")."""
        assert self._bound is not None
        training, held_out = self._bound
        if self._minimiser is None:
            self._begin()  # not in `bind`, after which a fit that is resumed sets the parameters of its file
        end = time.monotonic() + seconds
        while self.epoch < until_epoch:
            logs = self._native.evaluate(*training) if self._metrics else {}
            loss, moved = self._iterate(*training)
            logs = {**logs, "loss": loss} if logs else {"loss": loss}
            if held_out is not None:
                logs |= {f"val_{name}": value for name, value in self._native.evaluate(*held_out).items()}
            self._history.append(logs)
            self.epoch += 1
            most = self._optimizer.max_iterations
            if not moved or (most is not None and self.epoch - self._first >= most):
                return "converged"
            if time.monotonic() >= end:
                break
        return "epoch" if self.epoch >= until_epoch else "time"

    def history(self, first: int = 0) -> Mapping[str, Array]:
        """Return the epochs since `bind`, from number `first` on, by name."""
        chosen = self._history[first:]
        return {name: np.array([logs[name] for logs in chosen]) for name in (chosen[0] if chosen else ())}

    def running(self) -> dict[str, float]:
        """Return nothing: an epoch is one iteration."""
        return {}

    def train_on_batch(self, x: list[Features], y: list[Array], sample_weight: Array | None) -> NoReturn:
        """Refuse: one iteration alone knows no curvature."""
        raise ValueError("train_on_batch: expected an optimizer of single steps, got LBFGS; use fit")

    def evaluate(self, x: list[Features], y: list[Array], sample_weight: Array | None) -> dict[str, float]:
        """Return loss and metrics."""
        return self._native.evaluate(x, y, sample_weight)

    def state(self) -> "_core.TrainerState":
        """Return what training holds beside the model's parameters: the steps that SciPy remembers end with a fit."""
        place = {"epoch": self.epoch, "step": 0, "iterations": self.iterations}
        sums = {"rows": 0, "losses": [], "weight": 0.0, "metrics": [], "penalty": 0.0, "collected": []}
        return cast("_core.TrainerState", {**place, **sums, "numbers": {}, "arrays": {}})

    def set_state(self, *, epoch: int, iterations: int, **others: object) -> None:
        """Go on from a state of a trainer like this one."""
        self.epoch, self.iterations = epoch, iterations

    def ema_parameters(self) -> dict[str, Array]:
        """Return none."""
        return {}

    def explain(self) -> str:
        """Return in words what a step is."""
        count = sum(int(np.prod(self._built.shapes[name])) for name in self._trained)
        return (
            f"L-BFGS: {count} parameters, loss and gradient of all rows in float64, steps by SciPy; "
            f"{self._evaluations} evaluations in {self.iterations} iterations\n{self._gradients.explain()}"
        )

    def _begin(self) -> None:
        own = self._built.network
        self._network.set_parameters({name: own.parameter(name) for name in self._built.shapes})
        start = np.concatenate([self._network.parameter(name).ravel() for name in self._trained])
        self._minimiser = _Minimiser(self._minimize, start, self._optimizer)
        self._loss = None

    def _iterate(self, x: list[Features], y: list[Array], sample_weight: Array | None) -> tuple[float, bool]:
        """Let the minimiser come to its next point; return the loss before, and whether there was such a point."""
        assert self._minimiser is not None
        before = self._loss
        evaluated = loss = None
        wish = self._minimiser.advance()
        while isinstance(wish, _Wanted):
            evaluated = wish.point
            loss, gradient = self._evaluate(evaluated, x, y, sample_weight)
            before = loss if before is None else before
            wish = self._minimiser.advance((loss, gradient))
        if isinstance(wish, _Ended) and wish.error is not None:
            raise wish.error
        assert before is not None  # the first thing that it wants is the loss at the start
        if isinstance(wish, _Ended):
            return before, False
        if evaluated is None or loss is None or not np.array_equal(evaluated, wish.point):
            loss, _ = self._evaluate(wish.point, x, y, sample_weight)
        self._built.network.set_parameters(self._parts(wish.point))
        self._loss = loss
        self.iterations += 1
        return before, True

    def _evaluate(self, point: Array, x: list[Features], y: list[Array], sample_weight: Array | None) -> tuple[float, Array]:
        self._network.set_parameters(self._parts(point))
        self._evaluations += 1
        try:
            loss, gradients = self._gradients.loss_and_gradients(x, y, sample_weight)
        except TrainingDiverged as found:
            error = TrainingDiverged(
                f"training diverged: the loss is NaN or infinite at step {self.iterations}, first in {found.layer}"
            )
            error.step, error.layer = self.iterations, found.layer
            raise error from None
        return loss, np.concatenate([gradients[name].ravel() for name in self._trained])

    def _parts(self, point: Array) -> dict[str, Array]:
        values, begin = {}, 0
        for name in self._trained:
            shape = self._built.shapes[name]
            end = begin + int(np.prod(shape))
            values[name] = point[begin:end].reshape(shape)
            begin = end
        return values
