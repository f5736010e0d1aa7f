"""Functions over NumPy's names, written for whichever module has them, and what JAX makes of them.

Run as a program it writes JAX's values and derivatives in float64 to a file: in a process of its own, since JAX starts threads and keeps
its precision for good.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

Function = Callable[..., Any]

_rng = numpy.random.default_rng(29)
A, B = _rng.standard_normal((2, 3, 4))
V, W = _rng.standard_normal(5), _rng.standard_normal(3)
STACK = _rng.standard_normal((2, 3, 3))
SQUARE = 0.4 * _rng.standard_normal((3, 3)) + 2 * numpy.eye(3)
POSITIVE, INSIDE = _rng.uniform(0.3, 2, (2, 5)), _rng.uniform(-0.8, 0.8, 5)
ONE, NONE = numpy.array(0.7), numpy.zeros((0, 3))
LAYERS = tuple(
    array for m, n in ((4, 6), (6, 5), (5, 2)) for array in (0.5 * _rng.standard_normal((m, n)), _rng.standard_normal(n))
)


def ufunc(name: str) -> Function:
    return lambda np, *arrays: getattr(np, name)(*arrays)


def net(np: Any, x: Any, *layers: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = layers
    hidden = np.maximum(np.tanh(x @ w1 + b1) @ w2 + b2, 0.1)
    return hidden @ w3 + b3


def cross_entropy(np: Any, x: Any, *layers: Any) -> Any:
    z = net(np, x, *layers)
    shifted = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - shifted[numpy.arange(3), numpy.array([0, 1, 1])])


def attention(np: Any, x: Any, w: Any) -> Any:
    scores = np.einsum("id,de,je->ij", x, w, x) / 2
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True) @ x


def normal_likelihood(np: Any, mean: Any, root: Any) -> Any:
    covariance = root @ root.T + np.eye(3)
    d = mean - np.asarray(W)
    return 0.5 * (np.dot(d, np.linalg.solve(covariance, d)) + np.linalg.slogdet(covariance)[1])


def recurrence(np: Any, x: Any, w: Any) -> Any:
    state = x[0]
    for step in range(1, 3):
        state = np.tanh(w[:, :3] @ state[:3]) * np.cumsum(x[step][:3])
    return state


def rosenbrock(np: Any, x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


CASES: dict[str, tuple[Function, tuple[numpy.ndarray, ...]]] = {
    **{
        name: (ufunc(name), (V,))
        for name in (
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
            "arctan",
            "exp",
            "exp2",
            "expm1",
            "square",
            "abs",
            "sinc",
        )
    },
    **{name: (ufunc(name), (POSITIVE,)) for name in ("log", "log2", "log10", "log1p", "sqrt", "cbrt", "reciprocal")},
    **{name: (ufunc(name), (INSIDE,)) for name in ("arcsin", "arccos", "arctanh")},
    **{
        name: (ufunc(name), (A, B[:1]))
        for name in ("add", "multiply", "divide", "maximum", "minimum", "arctan2", "hypot", "logaddexp")
    },
    "arccosh": (lambda np, x: np.arccosh(1 + x), (POSITIVE,)),
    "logaddexp2": (ufunc("logaddexp2"), (V, POSITIVE)),
    "power": (lambda np, x, y: x**y, (POSITIVE, V)),
    "copysign": (ufunc("copysign"), (POSITIVE, V)),
    "a number": (lambda np, x: np.sin(x) * x, (ONE,)),
    "zero-size": (lambda np, x: np.sum(np.exp(x), axis=0), (NONE,)),
    "sum": (lambda np, x: np.sum(x * x, axis=(0, 2)), (STACK,)),
    "mean": (lambda np, x: np.mean(np.exp(x), axis=-1, keepdims=True), (A,)),
    "prod": (lambda np, x: np.prod(x, axis=1), (A,)),
    "var": (lambda np, x: np.var(x, axis=0), (A,)),
    "std": (lambda np, x: np.std(x, axis=1), (A,)),
    "max": (lambda np, x: np.max(x**2, axis=0), (A,)),
    "min": (lambda np, x: np.min(x), (A,)),
    "median": (lambda np, x: np.median(x, axis=1), (A,)),
    "cumsum": (lambda np, x: np.cumsum(np.sin(x), axis=1), (A,)),
    "cumprod": (lambda np, x: np.cumprod(x), (V,)),
    "diff": (lambda np, x: np.diff(x**3), (V,)),
    "sort": (lambda np, x: np.sort(np.sin(x), axis=1), (A,)),
    "clip": (lambda np, x: np.clip(x, -0.5, 0.6) * x, (A,)),
    "where": (lambda np, x, y: np.where(x > 0, x * y, np.exp(y)), (A, B)),
    "index": (lambda np, x: x[1:, ::-2] * x[0, [0, 3]], (A,)),
    "picked twice": (lambda np, x: x[numpy.array([0, 2, 0]), numpy.array([1, 3, 1])] ** 2, (A,)),
    "take": (lambda np, x: np.take(x, numpy.array([2, 0, 2]), axis=1), (A,)),
    "pad": (lambda np, x: np.pad(x, ((1, 0), (0, 2))) ** 2, (A,)),
    "roll": (lambda np, x: np.roll(x, 2, axis=1) * x, (A,)),
    "tile": (lambda np, x: np.tile(x, (2, 2)) ** 2, (A,)),
    "repeat": (lambda np, x: np.repeat(x, 3) ** 3, (V,)),
    "stack": (lambda np, x, y: np.stack([x * y, x]), (A, B)),
    "concatenate": (lambda np, x, y: np.concatenate([x, y * y]), (A, B)),
    "transposes": (lambda np, x: np.swapaxes(np.transpose(x, (2, 0, 1)), 0, 1) ** 2, (STACK,)),
    "triangles": (lambda np, x: np.tril(x) @ np.triu(x), (SQUARE,)),
    "diagonals": (lambda np, x: np.diag(np.diagonal(x) ** 2), (SQUARE,)),
    "matmul": (lambda np, x, y: x @ y, (STACK, SQUARE)),
    "dot": (lambda np, x, y: np.dot(x, y.T), (A, B)),
    "outer": (lambda np, x, y: np.outer(x, y), (V, W)),
    "tensordot": (lambda np, x, y: np.tensordot(x, y, ((1, 2), (0, 1))), (STACK, SQUARE)),
    "kron": (lambda np, x, y: np.kron(x, y), (SQUARE, A)),
    "cross": (lambda np, x, y: np.cross(x.T, y.T), (A, B)),
    "trace": (lambda np, x: np.trace(x @ x), (SQUARE,)),
    "convolve": (lambda np, x, y: np.convolve(x, y), (V, W)),
    "einsum": (lambda np, x, y: np.einsum("ij,kj,i->ik", x, y, W), (A, B)),
    "einsum of stacks": (lambda np, x: np.einsum("bij,bkj->bik", x, x), (STACK,)),
    "inv": (lambda np, x: np.linalg.inv(x), (SQUARE,)),
    "det": (lambda np, x: np.linalg.det(x), (SQUARE,)),
    "slogdet": (lambda np, x: np.linalg.slogdet(x)[1], (SQUARE,)),
    "solve": (lambda np, x, y: np.linalg.solve(x, y), (SQUARE, W)),
    "cholesky": (lambda np, x: np.linalg.cholesky(x @ x.T), (SQUARE,)),
    "norm": (lambda np, x: np.linalg.norm(x, axis=1), (A,)),
    "net": (net, (A, *LAYERS)),
    "cross-entropy of a net": (cross_entropy, (A, *LAYERS)),
    "attention": (attention, (A, 0.5 * _rng.standard_normal((4, 4)))),
    "likelihood": (normal_likelihood, (V[:3], SQUARE)),
    "recurrence": (recurrence, (A, SQUARE)),
    "Rosenbrock": (rosenbrock, (V,)),
}


def direction(arrays: tuple[numpy.ndarray, ...], seed: int) -> tuple[numpy.ndarray, ...]:
    rng = numpy.random.default_rng(seed)
    return tuple(rng.uniform(0.5, 1.5, array.shape) for array in arrays)


def derivatives(library: Any, np: Any, name: str) -> dict[str, list[Any]]:
    """Value, forward mode, reverse mode, and the Hessian in the first argument of the weighted sum of the results.

    The library has jvp, vjp, grad and hessian as functions, with the same signatures.
    """
    function, arrays = CASES[name]
    f = partial(function, np)
    value, moved = library.jvp(f, arrays, direction(arrays, 1))
    (weights,) = direction((value,), 2)

    def weighted(*arguments: Any) -> Any:
        return np.sum(f(*arguments) * weights)

    return {
        "value": [value],
        "jvp": [moved],
        "vjp": list(library.vjp(f, *arrays)[1](weights)),
        "grad": list(library.grad(weighted, tuple(range(len(arrays))))(*arrays)),
        "hessian": [library.hessian(weighted)(*arrays)],
    }


def main(path: str) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays: dict[str, Any] = {}
    for name in CASES:
        # Compiled as a whole: a tenth of the time that its operations take one by one.
        for kind, results in jax.jit(partial(derivatives, jax, jax.numpy, name))().items():
            arrays.update({f"{name}/{kind}/{i}": numpy.asarray(result) for i, result in enumerate(results)})
    numpy.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
