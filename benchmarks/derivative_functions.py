"""Functions to differentiate, each written once over the names that NumPy, autograd, JAX and PyTorch share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Function = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A function of one argument: a float, an array or a list of floats. `make(xp)` gives it over a namespace of functions.

    With a `direction` the product of its matrix of second derivatives with that is measured, else its gradient. Other arrays that
    the function uses are `constants`, to be handed to `make` as the library's own.
    """

    name: str
    make: Callable[..., Function]
    argument: Any
    constants: tuple[Any, ...] = ()
    direction: Any = None


def chain(xp: Any) -> Function:
    """A polynomial, and elementary functions of it: 17 operations on one number."""

    def f(x: Any) -> Any:
        y = x * 2.0 + 1.0
        y = xp.sin(y) * x - y * y / 3.0
        return xp.exp(-y * y) + xp.log(x * x + 1.0) * xp.tanh(y)

    return f


def logistic(xp: Any, x: Any, t: Any) -> Function:
    """The logistic loss of a linear model with labels -1 and 1."""

    def f(w: Any) -> Any:
        return xp.sum(xp.log(1.0 + xp.exp(-t * (x @ w))))

    return f


def net(xp: Any) -> Function:
    """Half the squared error of a sigmoid net 2-2-1, number by number."""

    def sigmoid(z: Any) -> Any:
        return 1.0 / (1.0 + xp.exp(-z))

    def f(w: Any) -> Any:
        a, b = 0.35, 0.9
        h = sigmoid(w[0] * a + w[1] * b + w[2])
        k = sigmoid(w[3] * a + w[4] * b + w[5])
        error = sigmoid(w[6] * h + w[7] * k + w[8]) - 0.5
        return 0.5 * error * error

    return f


def recurrent(xp: Any, inputs: Any) -> Function:
    """A hundred steps of three units; the derivative is in their weights."""

    steps = list(inputs)

    def f(w: Any) -> Any:
        h = steps[0]
        for x in steps:
            h = xp.tanh(w @ h + x)
        return xp.sum(h * h)

    return f


def curved(xp: Any) -> Function:
    """A function of five numbers that is curved in all of them."""

    def f(x: Any) -> Any:
        return xp.sum(x * x * x) + xp.sum(xp.sin(x)) * xp.sum(xp.exp(x))

    return f


def cases() -> list[Case]:
    random = np.random.default_rng(0)
    made = [Case("scalar chain", chain, 0.7)]
    for rows in (1, 10, 100):
        x, t = random.normal(size=(rows, 5)), np.sign(random.normal(size=rows))
        made.append(Case(f"logistic loss, {rows}", logistic, random.normal(size=5), (x, t)))
    made.append(Case("net 2-2-1 in scalars", net, [float(w) for w in random.normal(size=9)]))
    made.append(Case("recurrent, 100 steps", recurrent, 0.5 * random.normal(size=(3, 3)), (0.1 * random.normal(size=(100, 3)),)))
    made.append(Case("hessian times vector", curved, 0.3 * random.normal(size=5), direction=random.normal(size=5)))
    return made
