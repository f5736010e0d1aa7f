"""The parameters of an estimator: their types, and the checks of their values when it is fitted."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule import validation
from chainrule.callbacks import Callback


class Estimator(Protocol):
    """What the parts of an estimator read of it."""

    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: Any
    batch_norm: bool
    callbacks: Iterable[Callback] | Callback

    coefs_: list[Any]
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float]
    _no_improvement_count: int
    _best_parameters: dict[str, Any]


_REALS: dict[str, dict[str, float]] = {
    "alpha": {"least": 0},
    "learning_rate_init": {"above": 0},
    "power_t": {"least": 0},
    "tol": {"least": 0},
    "momentum": {"least": 0, "most": 1},
    "validation_fraction": {"least": 0, "below": 1},
    "beta_1": {"least": 0, "below": 1},
    "beta_2": {"least": 0, "below": 1},
    "epsilon": {"above": 0},
}
_INTEGERS = ("max_iter", "max_fun")
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "batch_norm")
_CHOICES = {"solver": ("lbfgs", "sgd", "adam"), "learning_rate": ("constant", "invscaling", "adaptive")}


def check(estimator: Estimator) -> None:
    """Raise TypeError or ValueError for a parameter that cannot be meant."""
    kind = type(estimator).__name__
    for name, bounds in _REALS.items():
        validation.real(getattr(estimator, name), kind, name, **bounds)
    for name in _INTEGERS:
        validation.integer(getattr(estimator, name), kind, name, 1)
    for name in _FLAGS:
        validation.flag(getattr(estimator, name), kind, name)
    for name, choices in _CHOICES.items():
        value = getattr(estimator, name)
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{kind}: expected {name} as one of {', '.join(map(repr, choices))}, got {value!r}")
    if not (isinstance(estimator.batch_size, str) and estimator.batch_size == "auto"):
        validation.integer(estimator.batch_size, kind, "batch_size", 1)
    patience = estimator.n_iter_no_change
    if not (isinstance(patience, float) and np.isposinf(patience)):
        validation.integer(patience, kind, "n_iter_no_change", 1)
    hidden = hidden_sizes(estimator)
    activations(estimator, len(hidden))
    rates = dropouts(estimator, len(hidden))
    if estimator.solver == "lbfgs" and (any(rates) or estimator.batch_norm):
        raise ValueError(f"{kind}: expected solver='sgd' or 'adam' with dropout or batch_norm, got 'lbfgs'")


def hidden_sizes(estimator: Estimator) -> list[int]:
    """Return the widths of the hidden layers."""
    given = estimator.hidden_layer_sizes
    sizes = list(given) if isinstance(given, Iterable) else [given]
    return [validation.integer(size, type(estimator).__name__, "hidden_layer_sizes > 0", 1) for size in sizes]


def expect_known_sizes(estimator: Estimator, outputs: int) -> None:
    """Raise ValueError for layers that the parameters of the last fit do not have."""
    known, sizes = [value.shape[1] for value in estimator.coefs_], [*hidden_sizes(estimator), outputs]
    if sizes != known:
        kind = type(estimator).__name__
        raise ValueError(f"{kind}: expected layers of {known} units, as in the last fit, which is to go on, got {sizes}")


def activations(estimator: Estimator, hidden: int) -> list[Any]:
    """Return the activation of each hidden layer."""
    return _by_layer(estimator, "activation", hidden)


def dropouts(estimator: Estimator, hidden: int) -> list[float]:
    """Return the probability of dropout after each hidden layer."""
    kind = type(estimator).__name__
    return [validation.real(p, kind, "dropout", least=0, below=1) for p in _by_layer(estimator, "dropout", hidden)]


def _by_layer(estimator: Estimator, name: str, hidden: int) -> list[Any]:
    given = getattr(estimator, name)
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        return [given] * hidden
    if len(given) != hidden:
        raise ValueError(
            f"{type(estimator).__name__}: expected {name} with one element for each of {hidden} hidden layers, got {len(given)}"
        )
    return list(given)
