"""The network of an estimator."""

from typing import Any

from chainrule import Activation, BatchNorm, Dense, Dropout, Input, Sequential
from chainrule.sklearn.parameters import Estimator, activations, dropouts

# scikit-learn's names where they differ from chainrule's.
_NAMES = {"identity": "linear", "logistic": "sigmoid"}


def network(estimator: Estimator) -> Sequential:
    """Return the network for an estimator's `coefs_`, which it does not have yet: "dense_<i>.kernel" is coefs_[i]."""
    widths = [value.shape[1] for value in estimator.coefs_]
    hidden = len(widths) - 1
    stack: list[Any] = [Input(estimator.coefs_[0].shape[0])]
    for i, (function, p) in enumerate(zip(activations(estimator, hidden), dropouts(estimator, hidden), strict=True)):
        named = _NAMES.get(function, function) if isinstance(function, str) else function
        if estimator.batch_norm:
            stack += [Dense(widths[i], name=f"dense_{i}"), BatchNorm(), Activation(named)]
        else:
            stack.append(Dense(widths[i], named, name=f"dense_{i}"))
        if p > 0:
            stack.append(Dropout(p))
    stack.append(Dense(widths[-1], name=f"dense_{hidden}"))
    return Sequential(stack, seed=getattr(estimator, "_seed", 0), dtype=estimator.coefs_[0].dtype)
