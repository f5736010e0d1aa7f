"""Operations that work element by element, but for activations: of two inputs, of one, and elementary functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .case import SAMPLES, Array, Case, apart, away_from_zero, broadcast_shapes, positive, rows_of, shapes

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
        for number, (left, right) in enumerate(broadcast_shapes(name)):
            a = away_from_zero(left, "a")
            yield Case(name, [a, apart(a, right, "b")], formula, rows=rows_of(number, left, right))
    for number, (left, right) in enumerate(broadcast_shapes("pow")):
        yield Case("pow", [positive(left, "a"), away_from_zero(right, "b")], np.power, rows=rows_of(number, left, right))
    zeros = np.array([0.0, 0.0, 1.5])
    yield Case("pow", [zeros, np.array([3.0, 4.0, 0.0])], np.power, fixed=(1,))
    yield Case("pow", [zeros, np.array([3.0, 4.0, 0.0])], np.power, fixed=(0,))
    # Where the first is zero, the second is the value.
    yield Case("heaviside", [np.array([0.0, -1.0, 0.0]), np.array([0.3, 0.5, -2.0])], np.heaviside, fixed=(0,))


POWERS = {  # alpha: where it is defined
    **dict.fromkeys((0.0, 1.0, 2.0, 3.0, -1.0, -2.0), away_from_zero),
    **dict.fromkeys((0.5, 2.7, -1.3), positive),
}


def unary_cases() -> Iterator[Case]:
    for name, formula, values, attributes in [
        ("negate", np.negative, away_from_zero, {}),
        ("scale", lambda x: -2.5 * x, away_from_zero, {"alpha": -2.5}),
        ("exp", np.exp, away_from_zero, {}),
        ("log", np.log, positive, {}),
        ("sqrt", np.sqrt, positive, {}),
    ]:
        for number, shape in enumerate(shapes(name)):
            yield Case(name, [values(shape, "x")], formula, attributes, rows_of(number, shape))
    drawn = shapes("power", count=2 * SAMPLES)
    for number, shape in enumerate(drawn):
        alpha, values = list(POWERS.items())[number % len(POWERS)]
        formula = lambda x, alpha=alpha: x**alpha  # noqa: E731
        yield Case("power", [values(shape, "x")], formula, {"alpha": alpha}, rows_of(number, shape))


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
        for number, shape in enumerate(shapes(name)):
            yield Case(name, [scale * away_from_zero(shape, "x") + shift], function, rows=rows_of(number, shape))
    # Up to the third derivative, at 0 and where the series gives way to the recurrence.
    yield Case("sinc", [np.array([0.0, 1e-9, 0.31, 0.32, 0.63, 0.64, 0.95, 0.96, 40.3])], np.sinc)


CASES = [*binary_cases(), *unary_cases(), *elementary_cases()]
