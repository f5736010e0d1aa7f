"""Activations, with the operation that takes a cotangent back through each; softmax and its like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from .case import Array, Case, away_from_zero, rows_of, shapes

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x: Array) -> Array:
    return np.log(softmax(x))


def normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def normal_pdf(x: Array) -> Array:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def mish_slope(x: Array) -> Array:
    t = np.tanh(softplus(x))
    return t + x * sigmoid(x) * (1 - t * t)


# name: f(x), the slope as a function of what is saved, whether that is y
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array], bool]] = {
    "linear": (lambda x: x, np.ones_like, True),
    "relu": (lambda x: np.maximum(x, 0), lambda y: 1.0 * (y > 0), True),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda y: np.where(y > 0, 1, 0.01), True),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda y: np.where(y > 0, 1, y + 1), True),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
        lambda y: np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA),
        True,
    ),
    "gelu": (lambda x: x * normal_cdf(x), lambda x: normal_cdf(x) + x * normal_pdf(x), False),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))), False),
    "sigmoid": (sigmoid, lambda y: y * (1 - y), True),
    "tanh": (np.tanh, lambda y: 1 - y * y, True),
    "softplus": (softplus, sigmoid, False),
    "mish": (lambda x: x * np.tanh(softplus(x)), mish_slope, False),
}


def activation_cases() -> Iterator[Case]:
    for name, (function, slope, from_y) in ACTIVATIONS.items():
        for number, shape in enumerate(shapes(name)):
            x, g = away_from_zero(shape, "x"), away_from_zero(shape, "g")
            saved = np.asarray(function(x)) if from_y else x
            saved = np.where(saved == 0, x, saved)  # relu's slope jumps at 0; below it is the same everywhere
            yield Case(name, [x], function, {}, rows_of(number, shape))
            formula = lambda g, s, slope=slope: g * slope(s)  # noqa: E731
            yield Case(f"{name}_backward", [g, saved], formula, {}, rows_of(number, shape, shape))
    yield Case("leaky_relu", [away_from_zero((9,), "x")], lambda x: np.where(x > 0, x, 0.3 * x), {"alpha": 0.3})
    yield Case("elu", [away_from_zero((9,), "x")], lambda x: np.where(x > 0, x, 0.3 * np.expm1(x)), {"alpha": 0.3})


def softmax_cases() -> Iterator[Case]:
    for number, shape in enumerate(shape for shape in shapes("softmax", (1, 3), 40) if shape[-1]):
        x, g = away_from_zero(shape, "x"), away_from_zero(shape, "g")
        rows = rows_of(number, shape) if len(shape) > 1 else ()
        both = (0, 1) if rows else ()
        yield Case("softmax", [x], softmax, {}, rows)
        yield Case("log_softmax", [x], log_softmax, {}, rows)
        yield Case("softmax_backward", [g, x], lambda g, y: y * (g - (g * y).sum(axis=-1, keepdims=True)), {}, both)
        yield Case("log_softmax_backward", [g, x], lambda g, y: g - np.exp(y) * g.sum(axis=-1, keepdims=True), {}, both)


CASES = [*activation_cases(), *softmax_cases()]
