"""Losses of rows, by values and by labels, with the operation that takes a cotangent back through each; one-hot labels, dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .activations import log_softmax, sigmoid, softmax, softplus
from .case import Array, Case, Shape, away_from_zero, generator, shapes


def one_hot(labels: Array, like: Array) -> Array:
    return np.eye(like.shape[1])[labels]


def as_values(target: Array, prediction: Array) -> Array:
    return one_hot(target, prediction) if target.dtype == np.int64 else target


def huber(p: Array, t: Array, delta: float) -> Array:
    d = abs(p - t)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean(axis=1)


def quantile(p: Array, t: Array, q: float) -> Array:
    return np.maximum(q * (t - p), (q - 1) * (t - p)).mean(axis=1)


def side(t: Array) -> Array:
    return np.where(t > 0, 1.0, -1.0)


def margins(p: Array, t: Array) -> tuple[Array, Array]:
    """Of one-hot rows: each row's 1 + max p_j - p_k, and where the largest of the others stands."""
    others = np.where(t == 1, -np.inf, p)
    margin = 1 + others.max(axis=1) - (t * p).sum(axis=1)
    return np.maximum(margin, 0), (others == others.max(axis=1, keepdims=True)) & np.isfinite(others)


def multiclass_hinge_gradient(p: Array, t: Array) -> Array:
    loss, best = margins(p, t)
    return np.where(loss[:, None] > 0, best - t, 0.0)


def smoothed(t: Array, alpha: float) -> Array:
    return (1 - alpha) * t + alpha / t.shape[1]


# name: l(p, t, alpha), its gradient in p
LOSSES: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "mse": (lambda p, t, a: ((p - t) ** 2).mean(axis=1), lambda p, t, a: 2 * (p - t) / p.shape[1]),
    "half_mse": (lambda p, t, a: 0.5 * ((p - t) ** 2).sum(axis=1), lambda p, t, a: p - t),
    "mae": (lambda p, t, a: abs(p - t).mean(axis=1), lambda p, t, a: np.sign(p - t) / p.shape[1]),
    "huber": (huber, lambda p, t, a: np.clip(p - t, -a, a) / p.shape[1]),
    "log_cosh": (lambda p, t, a: np.log(np.cosh(p - t)).mean(axis=1), lambda p, t, a: np.tanh(p - t) / p.shape[1]),
    "quantile": (quantile, lambda p, t, a: ((p > t) - a) / p.shape[1]),
    "poisson": (lambda p, t, a: (np.exp(p) - t * p).mean(axis=1), lambda p, t, a: (np.exp(p) - t) / p.shape[1]),
    "hinge": (
        lambda p, t, a: np.maximum(0, 1 - side(t) * p).mean(axis=1),
        lambda p, t, a: np.where(side(t) * p < 1, -side(t), 0.0) / p.shape[1],
    ),
    "multiclass_hinge": (lambda p, t, a: margins(p, t)[0], lambda p, t, a: multiclass_hinge_gradient(p, t)),
    "cross_entropy": (
        lambda p, t, a: -(smoothed(t, a) * log_softmax(p)).sum(axis=1),
        lambda p, t, a: softmax(p) * smoothed(t, a).sum(axis=1, keepdims=True) - smoothed(t, a),
    ),
    "binary_cross_entropy": (
        lambda p, t, a: (softplus(p) - p * t).mean(axis=1),
        lambda p, t, a: (sigmoid(p) - t) / p.shape[1],
    ),
    "sigmoid_nll": (lambda p, t, a: (t * softplus(-p)).sum(axis=1), lambda p, t, a: -t * sigmoid(-p)),
}
TAKES_LABELS = {"cross_entropy", "sigmoid_nll", "multiclass_hinge"}
LABELS_ONLY = {"multiclass_hinge"}
ALPHAS = {"huber": [1.0, 0.7], "quantile": [0.5, 0.9], "cross_entropy": [0.0, 0.1]}


def tables(seed: str) -> list[Shape]:
    """Shapes (rows, columns) with a column or more."""
    return [shape for shape in shapes(seed, (2, 2), 40) if shape[1]]


def at_distance(p: Array) -> Array:
    """Targets from 0.2 to 0.6 or from 1.2 to 1.6 away: not at 0, and not at Huber's corners 0.7 and 1."""
    d = away_from_zero(p.shape, "d")
    return p + np.sign(d) * np.where(abs(d) < 1, 0.2 + 0.4 * abs(d), 1.2 + 0.4 * (abs(d) - 1))


def loss_cases() -> Iterator[Case]:
    for name, (loss, gradient) in LOSSES.items():
        for number, (m, n) in enumerate(tables(name)):
            alphas = ALPHAS.get(name, [0.0])
            alpha = alphas[number // 2 % len(alphas)]
            attributes = {"alpha": alpha} if name in ALPHAS else {}
            p, g = away_from_zero((m, n), "p"), away_from_zero((m,), "g")
            value = lambda p, t, f=loss, a=alpha: f(p, as_values(t, p), a)  # noqa: E731
            pull = lambda g, p, t, f=gradient, a=alpha: g[:, None] * f(p, as_values(t, p), a)  # noqa: E731
            targets = [] if name in LABELS_ONLY else [at_distance(p)]
            targets += [generator("label", m, n).integers(0, n, m)] if name in TAKES_LABELS else []
            for target in targets:
                fixed = target.dtype == np.int64
                yield Case(name, [p, target], value, attributes, (0, 1) if number % 2 else (), (1,) if fixed else ())
                yield Case(
                    f"{name}_backward", [g, p, target], pull, attributes, (0, 1, 2) if number % 2 else (), (2,) if fixed else ()
                )


def other_cases() -> Iterator[Case]:
    for number, (m, n) in enumerate(tables("one hot")):
        labels = generator("label", m, n).integers(0, n, m)
        yield Case("one_hot_like", [labels, away_from_zero((m, n), "x")], one_hot, {}, (0, 1) if number % 2 else (), (0,))
    for number, shape in enumerate(shapes("dropout mask", (2, 2))):
        rows = (0,) if number % 2 else ()
        yield Case("dropout_mask", [away_from_zero(shape, "x")], np.ones_like, {"alpha": 0.0}, rows)


CASES = [*loss_cases(), *other_cases()]
