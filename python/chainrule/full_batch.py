"""The optimizers that take all rows at once: what they are called and how they are set. Their steps are made in modules of their own.

Examples
--------
>>> import chainrule as cr
>>> cr.LBFGS(tolerance=1e-8)
LBFGS(max_iterations=None, tolerance=1e-08, history=10)
"""

from typing import TYPE_CHECKING, Any

from chainrule import validation
from chainrule.optimizer_base import Optimizer

if TYPE_CHECKING:
    from chainrule.callbacks import Callback
    from chainrule.schedules import Schedule


class FullBatch(Optimizer):
    """Base of the optimizers whose steps are made from all rows, and have a length of their own."""

    clipnorm = None
    accumulate = 1
    ema = None

    @property
    def lr(self) -> float:
        """Always 1: steps have a length of their own."""
        return 1.0

    @lr.setter
    def lr(self, value: "float | Schedule") -> None:
        raise ValueError(
            f"{type(self).__name__}: expected no learning rate, since its steps have their own length, got lr={value!r}"
        )

    def batch_size(self, given: int | None, rows: int) -> int:
        """Return all rows; fewer are refused."""
        if given is not None and given < rows:
            raise ValueError(
                f"fit: expected all {rows} rows in one batch for {type(self).__name__}, got batch_size={given}; leave it out"
            )
        return rows

    def hand_lr(self, trainer: Any, batches: int = 1) -> None:
        """Do nothing: there is no learning rate."""

    def callbacks(self) -> "list[Callback]":
        """Return none."""
        return []


class LevenbergMarquardt(FullBatch):
    """Levenberg-Marquardt for small regression nets: damped Gauss-Newton steps on all rows at once (Levenberg 1944, Marquardt 1963).

    With the residuals r = prediction - target of all rows, weighted by sqrt(weight / sum of weights), and their Jacobian J in the
    parameters, a step is d + e / 2 of

        (J^T J + damping D) d = -J^T r,    D = diag(J^T J), at least 1/10 of its largest element,
        (J^T J + damping D) e = -J^T r'',  the second derivative of r along d: geodesic acceleration (Transtrum, Sethna 2012),

    with r'' from differences over the first tenth of d.

    Gain is the fall of |r|^2 over the fall that the linear model promises. A step that raises |r|^2, or whose e is longer than
    3/4 of d, is not taken: damping grows by `increase` and the step is tried again. After a step, damping shrinks by `decrease`
    where gain is above 1/4, else it grows. The first step is turned aside by a random tenth of its length (keyed by the model's
    seed), since Gauss-Newton does not leave the symmetries of a start. Each epoch of a fit is one step; the fit ends early when
    the loss's gradient is within `tolerance`, or when no damping up to `max_damping` finds a step.

    Needs the loss "mse" or "half_mse", no dropout, all rows in one batch, and at most 5000 parameters: J^T J is dense. All of it
    is done in float64, also for a model of float32, which is given the rounded parameters. J is made in blocks of rows. Products
    and Cholesky factors are NumPy's: the last bits depend on NumPy's BLAS and its threads.

    Parameters
    ----------
    damping : float, default 1e-3
        At the start; above 0.
    increase : float, default 2
        Above 1.
    decrease : float, default 0.1
        Above 0 and below 1.
    min_damping, max_damping : float, default 1e-12 and 1e10
        Bounds; above 0.
    tolerance : float, default 1e-12
        For the largest element of the gradient of the mean loss; at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.linspace(-3, 3, 100)[:, None]
    >>> model = cr.Sequential([cr.Dense(20, "tanh"), cr.Dense(1)], dtype="float64")
    >>> history = model.fit(x, np.sin(x), epochs=100, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)
    >>> model.evaluate(x, np.sin(x))["loss"] < 1e-8
    True
    """

    name = "levenberg_marquardt"
    _fields = ("damping", "increase", "decrease", "min_damping", "max_damping", "tolerance")

    def __init__(
        self,
        damping: float = 1e-3,
        increase: float = 2.0,
        decrease: float = 0.1,
        min_damping: float = 1e-12,
        max_damping: float = 1e10,
        tolerance: float = 1e-12,
    ) -> None:
        operation = type(self).__name__
        self.min_damping = validation.real(min_damping, operation, "min_damping", above=0)
        self.max_damping = validation.real(max_damping, operation, "max_damping", least=self.min_damping)
        self.damping = validation.real(damping, operation, "damping", least=self.min_damping, most=self.max_damping)
        self.increase = validation.real(increase, operation, "increase", above=1)
        self.decrease = validation.real(decrease, operation, "decrease", above=0, below=1)
        self.tolerance = validation.real(tolerance, operation, "tolerance", least=0)


class LBFGS(FullBatch):
    """L-BFGS on all rows at once, through SciPy's L-BFGS-B without bounds (Byrd, Lu, Nocedal, Zhu 1995).

    A quasi-Newton method: the curvature is estimated from the last `history` steps, and a line search finds the length of each.
    For smooth nets of any size on data of moderate size it needs far fewer passes over the data than stochastic descent; it has no
    use for noise. Each epoch of a fit is one iteration, of one evaluation of loss and gradient or a few; the loss in the history is
    that before the iteration. The fit ends early when the largest element of the gradient is within `tolerance`, or when
    no step lowers the loss any more.

    Loss and gradient are computed natively in float64, also for a model of float32, which is given the rounded parameters after each
    iteration; rows are taken in blocks, so that memory does not grow with them. What SciPy does between them depends in its
    last bits on its BLAS. Each fit begins with an empty history of steps.

    Needs SciPy (``pip install 'chainrule[lbfgs]'``), all rows in one batch, and no dropout.

    Parameters
    ----------
    max_iterations : int, optional
        Iterations after which a fit ends even where more epochs were asked for.
    tolerance : float, default 1e-6
        For the largest element of the gradient of the mean loss; at least 0.
    history : int, default 10
        Steps that the estimate of the curvature is made from (SciPy's `maxcor`); at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.linspace(-3, 3, 100)[:, None]
    >>> model = cr.Sequential([cr.Dense(20, "tanh"), cr.Dense(1)], dtype="float64")
    >>> history = model.fit(x, np.sin(x), epochs=300, loss="mse", optimizer=cr.LBFGS(), verbose=0)
    >>> model.evaluate(x, np.sin(x))["loss"] < 1e-4
    True
    """

    name = "lbfgs"
    _fields = ("max_iterations", "tolerance", "history")

    def __init__(self, max_iterations: int | None = None, tolerance: float = 1e-6, history: int = 10) -> None:
        self.max_iterations = None if max_iterations is None else validation.integer(max_iterations, "LBFGS", "max_iterations", 1)
        self.tolerance = validation.real(tolerance, "LBFGS", "tolerance", least=0)
        self.history = validation.integer(history, "LBFGS", "history", 1)
