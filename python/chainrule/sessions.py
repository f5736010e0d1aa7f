"""Training sessions: one loss, one optimizer with its native state, and metrics; when one goes on and when a new one begins."""

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chainrule import _core, losses
from chainrule.activations import Sigmoid, Softmax
from chainrule.building import Built, make_graph
from chainrule.layers import Layer
from chainrule.losses import Loss
from chainrule.metrics import metric_names
from chainrule.optimizers import SGD, LevenbergMarquardt, Optimizer, optimizer
from chainrule.targets import Targets

if TYPE_CHECKING:
    from chainrule.least_squares import LeastSquaresTrainer

# The side of it that a single output lies on is its class: for logits sigmoid(0) = 1/2.
_LOGIT_THRESHOLD = 0.0
_VALUE_THRESHOLD = 0.5


class Goal(NamedTuple):
    """What is minimised and counted: a loss, metrics, and whether targets are class labels."""

    loss: Loss
    metrics: tuple[str, ...]
    labels: bool
    target_columns: int


class Choice(NamedTuple):
    """An optimizer, and the name that it was given by, where it was."""

    optimizer: Optimizer
    given_as: str | None


class Session(NamedTuple):
    """A trainer with what it was made from."""

    goal: Goal
    choice: Choice
    trainer: "_core.Trainer | LeastSquaresTrainer"


class Sessions:
    """The last training session of a model, and the last one only for evaluation."""

    def __init__(self, layers: Sequence[Layer], dtype: str, seed: int) -> None:
        self._layers = layers
        self._dtype = dtype
        self._seed = seed
        self._evaluating: Session | None = None
        self.last: Session | None = None

    def loss(self, given: object, operation: str) -> Loss:
        """Return the loss given, or the last one for None."""
        if given is not None:
            return losses.loss(given)
        if self.last is None:
            raise ValueError(f"{operation}: expected a loss, such as loss='mse', for a model not trained before, got None")
        return self.last.goal.loss

    def goal(self, operation: str, loss: Loss, metrics: Iterable[str] | str | None, y: Targets) -> Goal:
        """Return the goal; metrics None are the last ones. Only accuracy is defined for class labels."""
        if metrics is None:
            metrics = () if self.last is None else self.last.goal.metrics
        names = metric_names(metrics)
        for name in names:
            if y.labels and name != "accuracy":
                raise ValueError(f"{operation}: expected the metric 'accuracy' for integer labels, got {name!r}")
        return Goal(loss, names, y.labels, 1 if y.labels else y.values.shape[1])

    def new_optimizer(self, given: object) -> Choice:
        """Return what is given to a fit: the same object as last time goes on, a name begins anew."""
        return Choice(optimizer(given), _name_of(given))

    def next_optimizer(self, given: object) -> Choice:
        """Return what is given to a step: None, and the name that the last one was given by, go on too."""
        name = _name_of(given)
        if self.last is not None and (given is None or (name is not None and name == self.last.choice.given_as)):
            return self.last.choice
        return self.new_optimizer("adam" if given is None else given)

    def for_training(self, built: Built, goal: Goal, choice: Choice) -> Session:
        """Return the last session for the same goal and optimizer object, else a new one."""
        last = self.last
        if last is None or last.choice.optimizer is not choice.optimizer or last.goal != goal:
            if not built.shapes:
                raise ValueError("fit: expected a model with parameters to train, got none")
            self._warn_of_double_activation(goal.loss)
            last = self.last = self._make(built, goal, choice, training=True)
        return last

    def for_evaluation(self, built: Built, goal: Goal) -> Session:
        """Return a session that serves for evaluation: the last training's, where its goal is the same."""
        for session in (self.last, self._evaluating):
            if session is not None and session.goal == goal:
                return session
        self._warn_of_double_activation(goal.loss)
        self._evaluating = self._make(built, goal, Choice(SGD(), None), training=False)
        return self._evaluating

    def _make(self, built: Built, goal: Goal, choice: Choice, *, training: bool) -> Session:
        if isinstance(choice.optimizer, LevenbergMarquardt):
            from chainrule.least_squares import LeastSquaresTrainer, require_least_squares  # few fits need it

            require_least_squares(goal.loss, self._layers, built)
            native = self._native(built, goal, SGD(), training=False)
            trainer = LeastSquaresTrainer(native, built, self._layers, goal.loss, choice.optimizer, self._seed)
            return Session(goal, choice, trainer)
        return Session(goal, choice, self._native(built, goal, choice.optimizer, training=training))

    def _native(self, built: Built, goal: Goal, optimizer: Optimizer, *, training: bool) -> _core.Trainer:
        graph = make_graph(self._layers, built.features, self._dtype, training=training)
        return _core.Trainer(
            built.network,
            graph.graph,
            graph.input,
            graph.output,
            loss=goal.loss.operation(built.outputs, goal.target_columns, self._dtype),
            alpha=goal.loss.alpha,
            labels=goal.labels,
            optimizer=optimizer.name,
            settings=optimizer.settings(),
            metrics=list(goal.metrics),
            threshold=_LOGIT_THRESHOLD if goal.loss.from_logits else _VALUE_THRESHOLD,
            seed=self._seed,
        )

    def _warn_of_double_activation(self, loss: Loss) -> None:
        """Warn where the last layer already does what a loss from logits does itself."""
        function = getattr(self._layers[-1], "activation", None)
        if loss.from_logits and isinstance(function, Softmax | Sigmoid):
            warnings.warn(
                f"{loss.name} takes logits, but the last layer ends in {function.name}: it would be applied twice; leave it out",
                UserWarning,
                stacklevel=4,  # the caller of fit, train_on_batch or evaluate
            )


def _name_of(given: object) -> str | None:
    """Return the name that an optimizer is given by, or None for an instance."""
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given.name
    return given if isinstance(given, str) else None
