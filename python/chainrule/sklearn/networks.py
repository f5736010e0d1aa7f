"""The network of an estimator."""

from typing import Any

from chainrule import Activation, BatchNorm, Dense, Dropout, Input, Sequential
from chainrule.sklearn.parameters import Estimator, activations, dropouts

# scikit-learn's names where they differ from chainrule's.
_NAMES = {"identity": "linear", "logistic": "sigmoid"}


def structure(estimator: Estimator) -> tuple[Any, ...]:
    """Return what a network has beside the sizes of its layers, by the estimator's parameters."""
    hidden = len(estimator.coefs_) - 1
    return activations(estimator, hidden), dropouts(estimator, hidden), bool(estimator.batch_norm)


def network(estimator: Estimator) -> Sequential:
    """Return the network for an estimator's `coefs_`, which it does not have yet: "dense_<i>.kernel" is coefs_[i], "norm_<i>" follows."""
    widths = [value.shape[1] for value in estimator.coefs_]
    hidden = len(widths) - 1
    stack: list[Any] = [Input(estimator.coefs_[0].shape[0])]
    functions, rates, normalised = structure(estimator)
    for i, (function, p) in enumerate(zip(functions, rates, strict=True)):
        named = _NAMES.get(function, function) if isinstance(function, str) else function
        if normalised:
            stack += [Dense(widths[i], name=f"dense_{i}"), BatchNorm(name=f"norm_{i}"), Activation(named)]
        else:
            stack.append(Dense(widths[i], named, name=f"dense_{i}"))
        if p > 0:
            stack.append(Dropout(p))
    stack.append(Dense(widths[-1], name=f"dense_{hidden}"))
    return Sequential(stack, seed=getattr(estimator, "_seed", 0), dtype=estimator.coefs_[0].dtype)
