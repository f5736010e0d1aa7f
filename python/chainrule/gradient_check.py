"""Derivatives against differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import trees
from chainrule.calls import Function
from chainrule.transforms import jvp, vjp

__all__ = ["check_grads"]


def _dot(left: Any, right: Any) -> float:
    pairs = zip(trees.leaves(left), trees.leaves(right), strict=True)
    return float(sum(np.sum(np.asarray(a) * np.asarray(b)) for a, b in pairs))


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    eps: float | None = None,
    seed: int = 0,
) -> None:
    """Check derivatives against central differences along random directions.

    Parameters
    ----------
    f : callable
    args : sequence
        The point: its arguments, all of them differentiated in.
    order : int
        Derivatives of derivatives are checked up to this order.
    modes : sequence of {"fwd", "rev"}
        Forward mode, reverse mode or both.
    atol, rtol : float
        Differences are accepted up to ``atol + rtol * size``, with size the larger of both results.
    eps : float, optional
        The step of the differences; by default the cube root of the type's precision, where truncation and rounding are alike.
    seed : int
        Of the directions.

    Raises
    ------
    AssertionError
        Where they differ: the mode, the order and both numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.check_grads(np.tanh, (np.array([0.1, -2.0]),), order=3)
    """
    for mode in modes:
        if mode not in ("fwd", "rev"):
            raise ValueError(f"check_grads: expected modes 'fwd' and 'rev', got {mode!r}")
    rng = np.random.default_rng(seed)
    args = tuple(trees.mapped(lambda x: np.asarray(x, dtype=np.result_type(np.asarray(x), np.float32)), tuple(args)))
    single = any(x.dtype == np.float32 for x in trees.leaves(args))
    step = eps if eps is not None else float(np.finfo(np.float32 if single else np.float64).eps) ** (1 / 3)

    def random_like(tree: Any) -> Any:
        return trees.mapped(lambda x: rng.standard_normal(np.shape(x)).astype(np.asarray(x).dtype), tree)

    def moved(by: float, direction: Any) -> Any:
        return trees.mapped(lambda x, d: x + by * d, args, direction)

    def compare(mode: str, level: int, got: float, expected: float) -> None:
        size = max(abs(got), abs(expected))
        if not abs(got - expected) <= atol + rtol * size * (1 if not single else 1e3):
            raise AssertionError(f"check_grads: order {level}, mode {mode}: expected {expected!r} by differences, got {got!r}")

    def check(g: Function, level: int, path: str) -> None:
        direction = random_like(args)
        value = g(*args)
        weights = random_like(value)
        up, down = g(*moved(step, direction)), g(*moved(-step, direction))
        expected = (_dot(weights, up) - _dot(weights, down)) / (2 * step)
        if "fwd" in modes:
            compare(f"{path}fwd", level, _dot(weights, jvp(g, args, direction)[1]), expected)
            if level < order:
                check(lambda *point: jvp(g, point, direction)[1], level + 1, f"{path}fwd of ")
        if "rev" in modes:
            pulled = vjp(g, *args)[1](weights)
            compare(f"{path}rev", level, _dot(pulled, direction), expected)
            if level < order:
                check(lambda *point: vjp(g, *point)[1](weights), level + 1, f"{path}rev of ")

    check(f, 1, "")
