"""What scikit-learn does after each epoch: keep the curves, look for improvement, lower the learning rate, stop."""

from collections.abc import Callable

from chainrule.callback_base import Callback, Logs
from chainrule.sklearn.parameters import Estimator
from chainrule.sklearn.solvers import Solver

# The validation score of the model as it is; may be NaN.
Score = Callable[[], float]


class Watch(Callback):
    """Writes an estimator's fitted attributes epoch by epoch and ends its fit.

    Parameters
    ----------
    estimator : Estimator
        With `n_iter_` 0.
    solver : Solver
        What trains.
    rows : int
        Samples of an epoch.
    score : callable, optional
        What must improve; without it the loss.
    """

    def __init__(self, estimator: Estimator, solver: Solver, rows: int, score: Score | None) -> None:
        self._estimator = estimator
        self._solver = solver
        self._rows = rows
        self._score = score
        self.converged = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the epoch's numbers and decide."""
        logs = logs or {}
        estimator = self._estimator
        self.record(logs["objective"])
        if "val_loss" in logs:
            estimator.validation_loss_curve_.append(self._solver.problem.reported * logs["val_loss"])
        if self._score is None:
            self._compare_loss()
        else:
            self._compare_score(self._score())
        self._solver.epoch_ends(estimator.t_)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self._give_up()

    def record(self, loss: float) -> None:
        """Count an epoch with this loss."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += self._rows
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        self._say(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    def _compare_loss(self) -> None:
        estimator = self._estimator
        loss, best = estimator.loss_, estimator.best_loss_
        assert best is not None
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if loss > best - estimator.tol else 0
        estimator.best_loss_ = min(loss, best)

    def _compare_score(self, score: float) -> None:
        estimator = self._estimator
        best = estimator.best_validation_score_
        assert best is not None
        assert estimator.validation_scores_ is not None
        estimator.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if score < best + estimator.tol else 0
        if score > best:
            estimator.best_validation_score_ = score
            estimator._best_parameters = self.model.parameters()

    def _give_up(self) -> None:
        """Stop, unless the solver has something left to try."""
        estimator = self._estimator
        what = "Training loss" if self._score is None else "Validation score"
        text = f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
        if self._solver.goes_on():
            self._say(f"{text} Setting learning rate to {self._solver.lr:f}")
            estimator._no_improvement_count = 0
        else:
            self._say(f"{text} Stopping.")
            self.converged = True
            self.model.stop_training = True

    def _say(self, text: str) -> None:
        if self._estimator.verbose:
            print(text)
