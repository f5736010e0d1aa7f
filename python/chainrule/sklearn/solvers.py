"""scikit-learn's sgd and adam: the native optimizers with its penalty, its learning rates and where it puts epsilon and rates."""

from chainrule.optimizers import SGD, Adam, Optimizer
from chainrule.sklearn.parameters import Estimator
from chainrule.sklearn.problems import Problem

# Below it an adaptive learning rate counts as converged.
_LEAST_RATE = 1e-6


class Solver(Optimizer):
    """An optimizer that adds scikit-learn's penalty, alpha / 2 |coefs|^2 / (the batch's total weight), and reports the whole."""

    in_files = False
    alpha: float
    problem: Problem

    @property
    def learning_rate(self) -> float:
        """The learning rate, as scikit-learn calls it."""
        assert isinstance(self.lr, float)
        return self.lr

    def settings(self) -> dict[str, float]:
        """Return the fields as numbers, with those of the objective."""
        objective = {"shared_l2": self.alpha, "reported_scale": self.problem.reported, "loss_scale": self.problem.gradient}
        return {**super().settings(), **objective}

    def epoch_ends(self, samples: int) -> None:
        """Set the learning rate after so many samples."""

    def goes_on(self) -> bool:
        """Say whether a lower learning rate is left, having set it, when nothing improves."""
        return False


class SGDSolver(Solver, SGD):
    """v = momentum v - lr g; w += v, or with Nesterov's momentum w += momentum v - lr g with the new v."""

    def __init__(self, estimator: Estimator, problem: Problem) -> None:
        Optimizer.__init__(self, estimator.learning_rate_init)
        self.momentum = float(estimator.momentum)  # scikit-learn takes 1, too
        self.nesterov = bool(estimator.nesterovs_momentum and self.momentum > 0)
        self.weight_decay = 0.0
        self.alpha = float(estimator.alpha)
        self.problem = problem
        self._schedule = estimator.learning_rate
        self._first, self._power = float(estimator.learning_rate_init), float(estimator.power_t)

    def settings(self) -> dict[str, float]:
        """Return the fields as numbers: a new learning rate does not act on the velocity gathered."""
        return {**super().settings(), "lr_in_velocity": 1.0}

    def epoch_ends(self, samples: int) -> None:
        """Lower an "invscaling" learning rate."""
        if self._schedule == "invscaling":
            self.lr = self._first / (samples + 1) ** self._power

    def goes_on(self) -> bool:
        """Divide an "adaptive" learning rate by 5."""
        if self._schedule != "adaptive" or self.learning_rate <= _LEAST_RATE:
            return False
        self.lr = self.learning_rate / 5.0
        return True


class AdamSolver(Solver, Adam):
    """w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)."""

    def __init__(self, estimator: Estimator, problem: Problem) -> None:
        Adam.__init__(self, estimator.learning_rate_init, estimator.beta_1, estimator.beta_2, estimator.epsilon)
        self.alpha = float(estimator.alpha)
        self.problem = problem

    def settings(self) -> dict[str, float]:
        """Return the fields as numbers: epsilon is added before the bias of v is corrected."""
        return {**super().settings(), "epsilon_hat": 1.0}


def make_solver(estimator: Estimator, problem: Problem) -> Solver:
    """Return the stochastic solver that the estimator names."""
    return (SGDSolver if estimator.solver == "sgd" else AdamSolver)(estimator, problem)
