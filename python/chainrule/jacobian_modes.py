"""Jacobians by passes: a tangent for each column, a backward phase for each row, or both to and from a narrow waist.

Where all that leads from x to y passes through one value w, ``dy/dx = dy/dw dw/dx``: reverse mode from w and forward mode to y take a
pass for each element of w. No plan of passes takes fewer than the narrowest such value has elements, so one cut there is as good as any
number of cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from chainrule import _core
from chainrule.calls import Recorder

Mode = Literal["auto", "forward", "reverse"]

# Of work in FLOPs as the core estimates it, roughly 2000 a microsecond (AVX2, Nov 2026). A pass takes about 4 us beside its nodes; where
# both modes have the same estimate a tangent was 0.85 to 1.04 times a backward phase in nine functions, so phases count 1.1. That a
# product's multiply-adds are 5 times faster than the nodes' is assumed, not measured.
_PASS = 8000.0
_BACKWARD = 1.1
_MULTIPLY_ADD = 0.4
# Estimating takes up to 0.7 of a pass: of so many it is a twentieth.
_WORTH_ESTIMATING = 16
# A cut has to promise this much: estimates err, and it shall never lose.
_WORTH_CUTTING = 2.0


def jacobians(recorder: Recorder, y: Any, inputs: list[Any], mode: Mode) -> list[Any]:
    """Return the Jacobian of a variable in each input, of shape ``y.shape + x.shape``."""
    if mode == "forward":
        return _by_columns(recorder, y, inputs)
    if mode == "reverse":
        return _by_rows(recorder, y, inputs)
    columns, rows = sum(x.size for x in inputs), y.size
    if min(columns, rows) < _WORTH_ESTIMATING:
        return (_by_columns if columns < rows else _by_rows)(recorder, y, inputs)
    waist, forward, reverse = _core.jacobian_work(inputs, y)
    by_columns = columns * (forward + _PASS)
    by_rows = rows * (reverse + _PASS) * _BACKWARD
    if waist is not None and waist.size:
        cut = waist.size * (max(forward, reverse) + 2 * _PASS + _MULTIPLY_ADD * rows * columns)
        if cut * _WORTH_CUTTING < min(by_columns, by_rows):
            return _through(recorder, y, waist, inputs)
    return (_by_columns if by_columns < by_rows else _by_rows)(recorder, y, inputs)


def _unit(shape: tuple[int, ...], position: int) -> Any:
    unit = np.zeros(shape)
    unit.reshape(-1)[position] = 1
    return unit


def _by_rows(recorder: Recorder, y: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the Jacobian of y in each input, a backward phase for each element of y."""
    rows: list[list[Any]] = [[] for _ in inputs]
    for position in range(y.size):
        found = _core.reverse([y], [recorder.seed(_unit(y.shape, position), y)], inputs)
        for row, derivative, x in zip(rows, found, inputs, strict=True):
            row.append(recorder.derivative(derivative, x))
    return [
        np.reshape(np.stack(row), y.shape + x.shape) if row else np.zeros(y.shape + x.shape)
        for row, x in zip(rows, inputs, strict=True)
    ]


def _by_columns(recorder: Recorder, y: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the Jacobian of y in each input, a tangent for each element of the inputs."""
    jacobians = []
    for x in inputs:
        columns = []
        for position in range(x.size):
            (tangent,) = _core.forward([x], [recorder.seed(_unit(x.shape, position), x)], [y])
            columns.append(recorder.derivative(tangent, y))
        jacobians.append(np.reshape(np.stack(columns, axis=-1), y.shape + x.shape) if columns else np.zeros(y.shape + x.shape))
    return jacobians


def _through(recorder: Recorder, y: Any, waist: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the Jacobian of y in each input as the product of those from and to a value that everything passes through."""
    (after,) = _by_columns(recorder, y, [waist])
    after = np.reshape(after, (y.size, waist.size))
    return [
        np.reshape(after @ np.reshape(before, (waist.size, x.size)), y.shape + x.shape)
        for before, x in zip(_by_rows(recorder, waist, inputs), inputs, strict=True)
    ]
