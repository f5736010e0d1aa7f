"""Training sessions: one loss, one optimizer with its native state, and metrics; when one goes on and when a new one begins."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chainrule import _core, losses, validation
from chainrule.activations import Sigmoid, Softmax
from chainrule.building import Built, make_graph
from chainrule.data import by_name
from chainrule.groups import groups
from chainrule.losses import Loss
from chainrule.metrics import Function, Metric, metrics, natives
from chainrule.optimizers import LBFGS, SGD, LevenbergMarquardt, Optimizer, optimizer
from chainrule.structure import Structure
from chainrule.targets import Targets

if TYPE_CHECKING:
    from chainrule.lbfgs import LBFGSTrainer
    from chainrule.least_squares import LeastSquaresTrainer


class Head(NamedTuple):
    """What is minimised and counted at one output: a loss, its weight in the sum, metrics, and what its targets are."""

    name: str
    loss: Loss
    weight: float
    metrics: tuple[Metric, ...]
    labels: bool
    target_columns: int


Goal = tuple[Head, ...]


def prefixes(goal: Goal) -> list[str]:
    """Return what the names of each head's loss and metrics begin with."""
    return [""] if len(goal) == 1 else [f"{head.name}_" for head in goal]


def log_keys(goal: Goal) -> list[str]:
    """Return the names in logs and histories: the losses first, the metrics as they were asked for, then those of the validation."""
    own = prefixes(goal)
    keys = ["loss", *(f"{prefix}loss" for prefix in own if prefix)]
    keys += [prefix + metric.name for head, prefix in zip(goal, own, strict=True) for metric in head.metrics]
    return [part + key for part in ("", "val_") for key in keys]


class Terms(NamedTuple):
    """What is minimised: the losses of the outputs, and their weights in the sum."""

    losses: list[Loss]
    weights: list[float]


class Choice(NamedTuple):
    """An optimizer, and the name that it was given by, where it was."""

    optimizer: Optimizer
    given_as: str | None


class Session(NamedTuple):
    """A trainer with what it was made from."""

    goal: Goal
    choice: Choice
    trainer: "_core.Trainer | LeastSquaresTrainer | LBFGSTrainer"


class Sessions:
    """The last training session of a model, the last one only for evaluation, and the last source of gradients."""

    def __init__(self, structure: Structure, dtype: str, seed: int) -> None:
        self._structure = structure
        self._names = list(structure.outputs)
        self._dtype = dtype
        self._seed = seed
        self._evaluating: Session | None = None
        self._gradients: tuple[Goal, _core.Trainer] | None = None
        self.last: Session | None = None

    def terms(self, given: object, weights: object, operation: str) -> Terms:
        """Return the losses given, one for each output (a single one serves for all), or the last ones for None.

        Weights None are the last ones where the losses are, else 1.
        """
        if given is None:
            if self.last is None:
                raise ValueError(f"{operation}: expected a loss, such as loss='mse', for a model not trained before, got None")
            chosen, factors = [head.loss for head in self.last.goal], [head.weight for head in self.last.goal]
        else:
            one_each = isinstance(given, list | tuple | Mapping)
            each = by_name(given, self._names, operation, "loss", "output") if one_each else [given] * len(self._names)
            chosen, factors = [losses.loss(one) for one in each], [1.0] * len(each)
        if weights is not None:
            of_outputs = by_name(weights, self._names, operation, "loss_weights", "output")
            factors = [validation.real(weight, operation, "a loss weight", least=0) for weight in of_outputs]
        return Terms(chosen, factors)

    def goal(self, operation: str, terms: Terms, counted: object, y: Sequence[Targets]) -> Goal:
        """Return the goal; metrics None are the last ones. Those of differences are not defined for class labels."""
        last = None if self.last is None else self.last.goal
        of_heads = self._metrics(counted, operation) if counted is not None or last is None else [head.metrics for head in last]
        heads = []
        for name, loss, weight, own, target in zip(self._names, *terms, of_heads, y, strict=True):
            for metric in own:
                if target.labels and not metric.takes_labels:
                    raise ValueError(
                        f"{operation}: expected metrics of classes, such as 'accuracy', for integer labels, got {metric.name!r}"
                    )
            heads.append(Head(name, loss, weight, own, target.labels, 1 if target.labels else target.values.shape[1]))
        goal = tuple(heads)
        keys = log_keys(goal)
        if len(set(keys)) < len(keys):
            twice = next(key for i, key in enumerate(keys) if key in keys[:i])
            raise ValueError(
                f"{operation}: expected outputs and metrics whose names differ in the logs, got {twice!r} twice; rename one of them"
            )
        return goal

    def _metrics(self, given: object, operation: str) -> list[tuple[Metric, ...]]:
        """Return the metrics of each output; what is not given by output is counted at all."""
        if isinstance(given, Mapping):
            for name in given:
                if name not in self._names:
                    known = ", ".join(map(repr, self._names))
                    raise ValueError(f"{operation}: expected metrics by the outputs {known}, got {name!r}")
            return [metrics(given.get(name, ())) for name in self._names]
        if len(self._names) > 1 and isinstance(given, list | tuple) and any(isinstance(one, list | tuple) for one in given):
            return [metrics(one) for one in by_name(given, self._names, operation, "metrics", "output")]
        return [metrics(() if given is None else given) for _ in self._names]

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
        """Return the last session for the same optimizer object and goal, but for functions among the metrics; else a new one."""
        last = self.last
        if last is None or last.choice.optimizer is not choice.optimizer or not _serves(last.goal, goal):
            if not built.trained:
                raise ValueError("fit: expected a model with parameters to train, got none")
            self._warn_of_double_activation(goal)
            last = self._make(built, goal, choice, training=True)
        last = last._replace(goal=goal)
        last.trainer.set_groups(*groups(self._structure, built))
        self.last = last
        return last

    def restore(self, built: Built, goal: Goal, choice: Choice) -> Session:
        """Begin a session that a file describes, whose user has been warned before."""
        self.last = self._make(built, goal, choice, training=True)
        return self.last

    def for_evaluation(self, built: Built, goal: Goal) -> Session:
        """Return a session that serves for evaluation: the last training's, where its goal is the same."""
        for session in (self.last, self._evaluating):
            if session is not None and _serves(session.goal, goal):
                return session
        self._warn_of_double_activation(goal)
        self._evaluating = self._make(built, goal, Choice(SGD(), None), training=False)
        return self._evaluating

    def for_gradients(self, built: Built, goal: Goal) -> _core.Trainer:
        """Return a trainer that gives the loss and its gradients, without dropout."""
        if self._gradients is None or self._gradients[0] != goal:
            self._gradients = (goal, self._native(built, goal, SGD(), training=False))
        return self._gradients[1]

    def _make(self, built: Built, goal: Goal, choice: Choice, *, training: bool) -> Session:
        if isinstance(choice.optimizer, LevenbergMarquardt):
            from chainrule.least_squares import LeastSquaresTrainer, require_least_squares  # few fits need it

            require_least_squares([head.loss for head in goal], self._structure.layers, built)
            native = self._native(built, goal, SGD(), training=False)
            trainer = LeastSquaresTrainer(native, built, self._structure, goal[0].loss, choice.optimizer, self._seed)
            return Session(goal, choice, trainer)
        if isinstance(choice.optimizer, LBFGS):
            from chainrule.lbfgs import LBFGSTrainer, require_lbfgs

            minimize = require_lbfgs(self._structure.layers)
            native = self._native(built, goal, SGD(), training=False)
            graph = make_graph(self._structure, built.features, "float64", training=False)
            wide = built._replace(network=_core.Network(graph.graph, graph.inputs, graph.outputs))
            gradients = self._native(wide, goal, SGD(), training=False, dtype="float64")
            return Session(
                goal,
                choice,
                LBFGSTrainer(
                    native, wide.network, gradients, minimize, built, choice.optimizer, any(natives(head.metrics) for head in goal)
                ),
            )
        return Session(goal, choice, self._native(built, goal, choice.optimizer, training=training))

    def _native(self, built: Built, goal: Goal, optimizer: Optimizer, *, training: bool, dtype: str | None = None) -> _core.Trainer:
        dtype = dtype or self._dtype
        graph = make_graph(self._structure, built.features, dtype, training=training)
        return _core.Trainer(
            built.network,
            graph.graph,
            graph.inputs,
            graph.outputs,
            heads=[self._head(head, outputs, dtype) for head, outputs in zip(goal, built.outputs, strict=True)],
            optimizer=optimizer.name,
            settings=optimizer.settings(),
            scales=self._structure.scales,
            seed=self._seed,
            penalties=self._structure.penalties(),
        )

    def _head(self, head: Head, outputs: int, dtype: str) -> _core.Head:
        return _core.Head(
            head.loss.operation(outputs, head.target_columns, dtype),
            alpha=head.loss.alpha,
            weight=head.weight,
            labels=head.labels,
            metrics=natives(head.metrics),
            threshold=head.loss.threshold,
            name=head.name if len(self._names) > 1 else "",
        )

    def _warn_of_double_activation(self, goal: Goal) -> None:
        """Warn where the last layer already does what a loss from logits does itself."""
        for head, number in zip(goal, self._structure.outputs.values(), strict=True):
            position = number - len(self._structure.inputs)
            function = getattr(self._structure.calls[position].layer, "activation", None) if position >= 0 else None
            if head.loss.from_logits and isinstance(function, Softmax | Sigmoid):
                warnings.warn(
                    f"{head.loss.name} takes logits, but the last layer ends in {function.name}: it would be applied twice; leave it out",
                    UserWarning,
                    stacklevel=4,  # the caller of fit, train_on_batch or evaluate
                )


def _serves(made_for: Goal, goal: Goal) -> bool:
    """Say whether a trainer made for one goal serves for another: of functions among the metrics it knows nothing."""

    def counted(one: Goal) -> Goal:
        return tuple(head._replace(metrics=tuple(m for m in head.metrics if not isinstance(m, Function))) for head in one)

    return made_for == goal or counted(made_for) == counted(goal)


def _name_of(given: object) -> str | None:
    """Return the name that an optimizer is given by, or None for an instance."""
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given.name
    return given if isinstance(given, str) else None
