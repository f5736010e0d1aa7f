"""One or more cases for every operation of the graph: inputs, attributes, and the formula in NumPy that its value must have.

`test_gradients.py` runs them all; an operation without a case fails there. Inputs keep away from kinks, where derivatives jump.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


@dataclass(frozen=True)
class Case:
    operation: str
    arrays: list[Array]
    formula: Callable[..., Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ()  # inputs whose first dimension is declared as rows
    fixed: tuple[int, ...] = ()  # inputs that are there for their shape or as labels: not differentiated

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, array.shape)) or "scalar" for array in self.arrays)
        extra = "-".join(f"{key}={value}".replace(" ", "") for key, value in self.attributes.items())
        return "-".join(filter(None, [self.operation, shapes, extra, "rows" if self.rows else ""]))


def _rng(*words: object) -> np.random.Generator:
    return np.random.default_rng([sum(str(word).encode()) for word in words])


def away_from_zero(shape: tuple[int, ...], seed: object) -> Array:
    """Of both signs, of a size from 0.2 to 2."""
    rng = _rng(seed, shape)
    return rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def positive(shape: tuple[int, ...], seed: object) -> Array:
    return _rng(seed, shape).uniform(0.3, 2.0, shape)


def apart(x: Array, seed: object, shape: tuple[int, ...] | None = None) -> Array:
    """Values that differ from those of x by 0.2 at least (for broadcast shapes: beyond the range of x)."""
    if shape is None:
        return x + away_from_zero(x.shape, seed)
    return np.where(_rng(seed).random(shape) < 0.5, 2.5, -2.5) + 0.1 * away_from_zero(shape, seed)


# --- formulas ---------------------------------------------------------------------------------------------------------------------

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


def one_hot(labels: Array, like: Array) -> Array:
    return np.eye(like.shape[1])[labels]


def as_values(target: Array, prediction: Array) -> Array:
    return one_hot(target, prediction) if target.dtype == np.int64 else target


def huber(p: Array, t: Array, delta: float) -> Array:
    d = abs(p - t)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean(axis=1)


def smoothed(t: Array, alpha: float) -> Array:
    return (1 - alpha) * t + alpha / t.shape[1]


# name: l(p, t, alpha), its gradient in p
LOSSES: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "mse": (lambda p, t, a: ((p - t) ** 2).mean(axis=1), lambda p, t, a: 2 * (p - t) / p.shape[1]),
    "half_mse": (lambda p, t, a: 0.5 * ((p - t) ** 2).sum(axis=1), lambda p, t, a: p - t),
    "mae": (lambda p, t, a: abs(p - t).mean(axis=1), lambda p, t, a: np.sign(p - t) / p.shape[1]),
    "huber": (huber, lambda p, t, a: np.clip(p - t, -a, a) / p.shape[1]),
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
TAKES_LABELS = {"cross_entropy", "sigmoid_nll"}
ALPHAS = {"huber": [1.0, 0.7], "cross_entropy": [0.0, 0.1]}

# --- cases ------------------------------------------------------------------------------------------------------------------------

SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (3, 5), (2, 1, 3), (0, 3)]
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 5), (3, 5)),
    ((3, 5), (5,)),
    ((5,), (3, 5)),
    ((3, 1), (1, 5)),
    ((), (4,)),
    ((1,), (1,)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
]
BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "exceeds": lambda a, b: 1.0 * (a > b),
    "equals": lambda a, b: 1.0 * (a == b),
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "fmod": np.fmod,
    "remainder": np.remainder,
    "copysign": np.copysign,
    "heaviside": np.heaviside,
    "fmax": np.fmax,
    "fmin": np.fmin,
}


def binary_cases() -> Iterator[Case]:
    for name, formula in BINARY.items():
        for left, right in PAIRS:
            a = away_from_zero(left, "a")
            b = apart(a, "b") if left == right else apart(a, "b", right)
            rows = tuple(i for i, shape in enumerate((left, right)) if shape == (3, 5))
            yield Case(name, [a, b], formula, rows=rows)
    for left, right in PAIRS:
        yield Case("pow", [positive(left, "a"), away_from_zero(right, "b")], np.power)
    zeros = np.array([0.0, 0.0, 1.5])
    yield Case("pow", [zeros, np.array([3.0, 4.0, 0.0])], np.power, fixed=(1,))
    yield Case("pow", [zeros, np.array([3.0, 4.0, 0.0])], np.power, fixed=(0,))


# Away from kinks, jumps and the ends of their domains.
ELEMENTARY: dict[str, tuple[Callable[[Array], Array], float, float]] = {  # of a x + b, x of both signs and of a size from 0.2 to 2
    "sin": (np.sin, 1, 0),
    "cos": (np.cos, 1, 0),
    "tan": (np.tan, 0.4, 0),
    "arcsin": (np.arcsin, 0.4, 0),
    "arccos": (np.arccos, 0.4, 0),
    "arctan": (np.arctan, 1, 0),
    "sinh": (np.sinh, 1, 0),
    "cosh": (np.cosh, 1, 0),
    "arcsinh": (np.arcsinh, 1, 0),
    "arccosh": (np.arccosh, 0.4, 2),
    "arctanh": (np.arctanh, 0.4, 0),
    "exp2": (np.exp2, 1, 0),
    "expm1": (np.expm1, 1, 0),
    "log2": (np.log2, 0.4, 1.2),
    "log10": (np.log10, 0.4, 1.2),
    "log1p": (np.log1p, 0.4, 0),
    "cbrt": (np.cbrt, 1, 0),
    "square": (np.square, 1, 0),
    "reciprocal": (np.reciprocal, 1, 0),
    "absolute": (np.absolute, 1, 0),
    "sign": (np.sign, 1, 0),
    "floor": (np.floor, 1, 0),
    "ceil": (np.ceil, 1, 0),
    "trunc": (np.trunc, 1, 0),
    "rint": (np.rint, 1, 0),
    "sinc": (np.sinc, 1, 0),
}


def elementary_cases() -> Iterator[Case]:
    for name, (function, scale, shift) in ELEMENTARY.items():
        for shape in SHAPES:
            rows = (0,) if shape == (3, 5) else ()
            yield Case(name, [scale * away_from_zero(shape, "x") + shift], function, rows=rows)
    # Up to the third derivative, at 0 and where the series gives way to the recurrence.
    yield Case("sinc", [np.array([0.0, 1e-9, 0.31, 0.32, 0.63, 0.64, 0.95, 0.96, 40.3])], np.sinc)


def unary_cases() -> Iterator[Case]:
    for shape in SHAPES:
        x, p = away_from_zero(shape, "x"), positive(shape, "p")
        rows = (0,) if shape == (3, 5) else ()
        yield Case("negate", [x], np.negative, rows=rows)
        yield Case("scale", [x], lambda x: -2.5 * x, {"alpha": -2.5}, rows)
        yield Case("exp", [x], np.exp, rows=rows)
        yield Case("log", [p], np.log, rows=rows)
        yield Case("sqrt", [p], np.sqrt, rows=rows)
        for alpha in (0.0, 1.0, 2.0, 3.0, -1.0, -2.0):
            yield Case("power", [x], lambda x, alpha=alpha: x**alpha, {"alpha": alpha}, rows)
        for alpha in (0.5, 2.7, -1.3):
            yield Case("power", [p], lambda x, alpha=alpha: x**alpha, {"alpha": alpha}, rows)


def matmul_cases() -> Iterator[Case]:
    for m, k, n in [(3, 5, 2), (1, 1, 1), (17, 9, 33), (4, 0, 3)]:
        for ta in (False, True):
            for tb in (False, True):
                a = away_from_zero((k, m) if ta else (m, k), "a")
                b = away_from_zero((n, k) if tb else (k, n), "b")
                attributes = {"transpose_a": ta, "transpose_b": tb}
                rows = ((0, 1) if ta else (0,)) if not (ta and tb) else ()
                formula = lambda a, b, ta=ta, tb=tb: (a.T if ta else a) @ (b.T if tb else b)  # noqa: E731
                yield Case("matmul", [a, b], formula, attributes, rows)

    for left, right in [((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 1)), ((1, 2, 3, 4), (3, 1, 4, 2)), ((0, 2, 3), (3, 2))]:
        a, b = away_from_zero(left, "a"), away_from_zero(right, "b")
        yield Case("matmul", [a, b], np.matmul)
        swapped = [a.swapaxes(-1, -2).copy(), b.swapaxes(-1, -2).copy()]
        formula = lambda a, b: a.swapaxes(-1, -2) @ b.swapaxes(-1, -2)  # noqa: E731
        yield Case("matmul", swapped, formula, {"transpose_a": True, "transpose_b": True})


def reduction_cases() -> Iterator[Case]:
    for axis, turned in [(0, False), (1, True), (-1, False)]:
        formula = lambda x, a=axis, t=turned: np.flip(np.flip(x, a).cumsum(a), a) if t else x.cumsum(a)  # noqa: E731
        for shape in [(3, 5), (2, 3, 4), (0, 3)]:
            yield Case("cumsum", [away_from_zero(shape, "x")], formula, {"axes": (axis,), "reversed": turned})
    for name, function in (("sum", np.sum), ("mean", np.mean), ("max", np.max), ("min", np.min)):
        matrices = [((3, 5), axes) for axes in ((0,), (1,), (-1,), ())]
        for shape, axes in [((), ()), ((4,), ()), ((2, 1, 3), (0, 2)), *matrices]:
            for keepdims in (False, True):
                formula = lambda x, f=function, a=axes, k=keepdims: f(x, axis=a or None, keepdims=k)  # noqa: E731
                rows = (0,) if shape == (3, 5) else ()
                yield Case(name, [away_from_zero(shape, "x")], formula, {"axes": axes, "keepdims": keepdims}, rows)


def invertible(shape: tuple[int, ...], seed: object) -> Array:
    return 0.5 * away_from_zero(shape, seed) + 2 * np.eye(shape[-1])


def linear_algebra_cases() -> Iterator[Case]:
    for shape in [(1, 1), (3, 3), (2, 3, 3), (0, 2, 2)]:
        a = invertible(shape, "a")
        yield Case("inverse", [a], np.linalg.inv)
        yield Case("determinant", [a], np.linalg.det)
        yield Case("log_absolute_determinant", [-a], lambda a: np.linalg.slogdet(a)[1])
        yield Case("determinant_sign", [-a], lambda a: np.linalg.slogdet(a)[0])
        yield Case("solve", [a, away_from_zero((*shape[:-1], 2), "b")], np.linalg.solve)
        symmetric = a @ a.swapaxes(-1, -2)
        yield Case("cholesky", [symmetric], lambda a: np.linalg.cholesky((a + a.swapaxes(-1, -2)) / 2))
    yield Case("solve", [invertible((3, 3), "a"), away_from_zero((2, 3, 1), "b")], np.linalg.solve)
    yield Case("solve", [invertible((2, 3, 3), "a"), away_from_zero((3, 4), "b")], np.linalg.solve)
    yield Case("inverse", [np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [2.0, 1.0, 0.0]])], np.linalg.inv)  # rows change places


def put_back(g: Array, index: Array, like: Array) -> Array:
    flat = np.zeros(like.size)
    np.add.at(flat, index.ravel(), g.ravel())
    return flat.reshape(like.shape)


def indexing_cases() -> Iterator[Case]:
    for shape, index in [((3, 5), (4,)), ((7,), (2, 3)), ((), (3,)), ((2, 2), ()), ((4,), (0,))]:
        x = away_from_zero(shape, "x")
        picked = _rng("index").integers(0, x.size, index)
        yield Case("gather", [x, picked], lambda x, i: x.ravel()[i], fixed=(1,))
        yield Case("scatter_like", [away_from_zero(index, "g"), picked, x], put_back, fixed=(1, 2))
    parts = [away_from_zero(shape, "part") for shape in [(3,), (2, 2), (), (0,)]]
    yield Case("concatenate", parts, lambda *parts: np.concatenate([part.ravel() for part in parts]))
    yield Case("concatenate", parts[:1], lambda part: part)
    for shapes in [((3, 5), (3, 5), (3, 5)), ((5,), (3, 1), ()), ((), (2,), (3, 1)), ((0, 3), (3,), (0, 3))]:
        chosen = _rng("chosen").integers(0, 2, shapes[0])
        a, b = away_from_zero(shapes[1], "a"), away_from_zero(shapes[2], "b")
        for condition in (chosen, chosen.astype(float)):
            yield Case("where", [condition, a, b], lambda c, a, b: np.where(c != 0, a, b), fixed=(0,))


def unbroadcast(x: Array, like: Array) -> Array:
    lead = x.ndim - like.ndim
    axes = tuple(i for i in range(x.ndim) if i < lead or (like.shape[i - lead] == 1 and x.shape[i] != 1))
    return x.sum(axis=axes, keepdims=True).reshape(like.shape)


def shape_cases() -> Iterator[Case]:
    for narrow, wide in [((), (3, 5)), ((5,), (3, 5)), ((3, 1), (3, 5)), ((1, 5), (3, 5)), ((3, 5), (3, 5)), ((4, 1), (2, 4, 3))]:
        x, y = away_from_zero(narrow, "x"), away_from_zero(wide, "y")
        rows = tuple(i for i, shape in enumerate((narrow, wide)) if len(shape) == 2 and shape[0] == 3)
        yield Case("broadcast_like", [x, y], lambda x, y: np.broadcast_to(x, y.shape), {}, rows, (1,))
        yield Case("spread_like", [x, y], lambda x, y: np.broadcast_to(x * (x.size / y.size), y.shape), {}, rows, (1,))
        swapped = tuple(1 - i for i in rows)
        yield Case("sum_like", [y, x], unbroadcast, {}, swapped, (1,))
    for shape, to in [((6,), (2, 3)), ((2, 3), ()), ((), (1, 1)), ((2, 3), (3, 2))]:
        if math.prod(shape) == math.prod(to):
            yield Case("reshape", [away_from_zero(shape, "x")], lambda x, to=to: x.reshape(to), {"shape": to})
    yield Case("reshape", [away_from_zero((3, 4), "x")], lambda x: x.reshape(3, 2, 2), {"shape": (-1, 2, 2)}, (0,))
    yield Case("reshape", [away_from_zero((3,), "x")], lambda x: x.reshape(3, 1), {"shape": (-1, 1)}, (0,))
    for shape, axes in [((3, 5), ()), ((2, 3, 4), (1, 2, 0)), ((2, 3, 4), (0, 2, 1)), ((), ()), ((4,), (0,))]:
        formula = lambda x, a=axes: np.transpose(x, a or None)  # noqa: E731
        yield Case("transpose", [away_from_zero(shape, "x")], formula, {"axes": axes})
    yield Case("transpose", [away_from_zero((3, 2, 4), "x")], lambda x: x.transpose(0, 2, 1), {"axes": (0, 2, 1)}, (0,))


def other_cases() -> Iterator[Case]:
    labels = np.array([2, 0, 1, 2])
    yield Case("one_hot_like", [labels, away_from_zero((4, 3), "x")], one_hot, {}, (0, 1), (0,))
    yield Case("dropout_mask", [away_from_zero((4, 3), "x")], np.ones_like, {"alpha": 0.0}, (0,))
    for shape in [(3, 5), (1, 1), (4,), (2, 3, 17), (0, 3)]:
        x, g = away_from_zero(shape, "x"), away_from_zero(shape, "g")
        rows = (0,) if shape == (3, 5) else ()
        both = (0, 1) if rows else ()
        yield Case("softmax", [x], softmax, {}, rows)
        yield Case("log_softmax", [x], log_softmax, {}, rows)
        yield Case("softmax_backward", [g, x], lambda g, y: y * (g - (g * y).sum(axis=-1, keepdims=True)), {}, both)
        yield Case("log_softmax_backward", [g, x], lambda g, y: g - np.exp(y) * g.sum(axis=-1, keepdims=True), {}, both)


def activation_cases() -> Iterator[Case]:
    for name, (function, slope, from_y) in ACTIVATIONS.items():
        for shape in [(), (1,), (35,), (3, 5)]:
            x, g = away_from_zero(shape, "x"), away_from_zero(shape, "g")
            rows = (0,) if shape == (3, 5) else ()
            saved = np.asarray(function(x)) if from_y else x
            saved = np.where(saved == 0, x, saved)  # relu's slope jumps at 0; below it is the same everywhere
            yield Case(name, [x], function, {}, rows)
            yield Case(f"{name}_backward", [g, saved], lambda g, s, slope=slope: g * slope(s), {}, (0, 1) if rows else ())
    yield Case("leaky_relu", [away_from_zero((9,), "x")], lambda x: np.where(x > 0, x, 0.3 * x), {"alpha": 0.3})
    yield Case("elu", [away_from_zero((9,), "x")], lambda x: np.where(x > 0, x, 0.3 * np.expm1(x)), {"alpha": 0.3})


def loss_cases() -> Iterator[Case]:
    for name, (loss, gradient) in LOSSES.items():
        for alpha in ALPHAS.get(name, [0.0]):
            attributes = {"alpha": alpha} if name in ALPHAS else {}
            for m, n in [(4, 3), (1, 1), (2, 19)]:
                p = away_from_zero((m, n), "p")
                # Distances from 0.2 to 0.6 or from 1.2 to 2: away from Huber's corners at 0.7 and 1 as well.
                d = away_from_zero((m, n), "d")
                t = p + np.sign(d) * np.where(abs(d) < 1, 0.2 + 0.4 * abs(d), 1.2 + 0.4 * (abs(d) - 1))
                targets = [t] + ([_rng("label").integers(0, n, m)] if name in TAKES_LABELS else [])
                for target in targets:
                    fixed = target.dtype == np.int64
                    value = lambda p, t, f=loss, a=alpha: f(p, as_values(t, p), a)  # noqa: E731
                    pull = lambda g, p, t, f=gradient, a=alpha: g[:, None] * f(p, as_values(t, p), a)  # noqa: E731
                    yield Case(name, [p, target], value, attributes, (0, 1), (1,) if fixed else ())
                    g = away_from_zero((m,), "g")
                    yield Case(f"{name}_backward", [g, p, target], pull, attributes, (0, 1, 2), (2,) if fixed else ())


CASES: list[Case] = [
    *binary_cases(),
    *unary_cases(),
    *elementary_cases(),
    *matmul_cases(),
    *reduction_cases(),
    *linear_algebra_cases(),
    *indexing_cases(),
    *shape_cases(),
    *other_cases(),
    *activation_cases(),
    *loss_cases(),
]
