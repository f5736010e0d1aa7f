"""Functions given in Python as operations of a network: recorded once, differentiated, and run natively, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import _core
from chainrule.calls import Recorder, tracing
from chainrule.recording import is_variable
from chainrule.validation import Array

Function = Callable[..., Any]
_FEW, _MANY = _core.FEW_ROWS, _core.MANY_ROWS


class Recorded(NamedTuple):
    """A function's graph on some number of rows."""

    graph: _core.Graph
    inputs: list[int]
    output: int

    def value(self, arrays: Sequence[Array]) -> Array:
        """Return the value for arrays of that many rows."""
        return self.graph.evaluate([self.output], dict(zip(self.inputs, arrays, strict=True)))[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.graph.shape(self.output)

    def depends_on(self, argument: int) -> bool:
        """Whether the value depends on an argument."""
        nodes = {self.output}
        for node in range(self.output, -1, -1):
            if node in nodes:
                nodes.update(self.graph.inputs_of(node))
        return self.inputs[argument] in nodes


class RowOperations:
    """A function of arrays of rows, as native operations: one for each combination of widths and type.

    Parameters
    ----------
    function : callable
        Of arrays (rows, columns), made of NumPy's functions, in which each row of the result depends on the same rows of the
        arguments alone.
    role : str
        What it serves as: "activation" (giving (rows, columns); of one array, or of others beside it) or "loss" (of two arrays,
        giving (rows,) or the mean over the rows).
    """

    def __init__(self, function: Function, role: str) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function
        self._role = role
        self._made: dict[tuple[tuple[int, ...], str], _core.RowFunction] = {}

    def operation(self, columns: tuple[int, ...], dtype: str) -> _core.RowFunction:
        """Return the operation on arrays of so many columns, recorded when first asked for.

        Raises
        ------
        TypeError
            Where the result is no variable, or where the function's course depends on values.
        ValueError
            For a result of another shape, and where rows depend on each other.
        """
        made = self._made.get((columns, dtype))
        if made is None:
            few, many = (self._recorded(columns, dtype, rows) for rows in (_FEW, _MANY))
            self._check_rows(few, many, columns, dtype)
            made = self._made[columns, dtype] = _core.RowFunction(f"function {self.name}", few, many)
        return made

    @property
    def _what(self) -> str:
        return f"{self._role} {self.name}"

    def _recorded(self, columns: tuple[int, ...], dtype: str, rows: int) -> Recorded:
        with Recorder(self._what) as recorder:
            inputs = [recorder.fresh(np.full((rows, n), 0.5, dtype)) for n in columns]
            with tracing():
                y = self._function(*inputs)
                if not is_variable(y):
                    raise TypeError(f"{self._what}: expected a result made from the arguments with NumPy's functions, got {y!r}")
                if self._role == "loss" and y.shape == (rows, 1):
                    y = np.reshape(y, (rows,))
            graph, of_inputs, (output,) = _core.extract(inputs, [""] * len(inputs), [y])
        recorded = Recorded(graph, of_inputs, output)
        if not recorded.depends_on(0):
            raise ValueError(
                f"{self._what}: expected a result that depends on the {'prediction' if self._role == 'loss' else 'input'}"
            )
        if self._role == "activation":
            if len(recorded.shape) != 2 or recorded.shape[0] != rows:
                raise ValueError(
                    f"{self._what}: expected a result of shape ({rows}, columns) for {rows} rows, got {recorded.shape}"
                )
            return recorded
        if recorded.shape == ():
            return self._by_row(recorded, columns, dtype, rows)
        if recorded.shape != (rows,):
            raise ValueError(
                f"{self._what}: expected a number, the mean over all rows, or the losses of the rows, of shape ({rows},) for {rows} "
                f"rows, got {recorded.shape}: np.mean(..., axis=1) makes a row's loss of its columns'"
            )
        return recorded

    def _by_row(self, whole: Recorded, columns: tuple[int, ...], dtype: str, rows: int) -> Recorded:
        """Return the losses of the rows, whose mean a number is."""
        try:
            apart = _without_mean(whole, dtype, rows)
        except ValueError:
            apart = whole
        rng = np.random.default_rng(0)
        arrays = [rng.random((rows, n)).astype(dtype) for n in columns]
        is_mean = apart.shape == (rows,) and np.allclose(
            np.mean(apart.value(arrays)), whole.value(arrays), rtol=1e-4, equal_nan=True
        )
        if not is_mean:
            raise ValueError(f"{self._what}: expected a number that is the mean over the rows of a loss, or the losses of the rows")
        return apart

    def _check_rows(self, few: Recorded, many: Recorded, columns: tuple[int, ...], dtype: str) -> None:
        rng = np.random.default_rng(0)
        for draw in (rng.standard_normal, rng.random):
            arrays = [draw((_MANY, n)).astype(dtype) for n in columns]
            some = rng.permutation(_MANY)[:_FEW]
            if not np.array_equal(few.value([x[some] for x in arrays]), many.value(arrays)[some], equal_nan=True):
                raise ValueError(
                    f"{self._what}: expected a function of each row by itself, got one whose rows depend on each other or on their number"
                )


def _without_mean(whole: Recorded, dtype: str, rows: int) -> Recorded:
    """Return the graph with means and sums over rows taken over each row's elements only: a sum counts as that of equal rows."""
    graph, number = _core.Graph(dtype), {}
    for node in range(len(whole.graph)):
        operation = whole.graph.operation(node)
        shape = whole.graph.shape(node)
        if operation == "input":
            number[node] = graph.input(whole.graph.name(node), shape)
            continue
        if operation == "constant":
            number[node] = graph.constant(whole.graph.evaluate([node], {})[0])
            continue
        operands = whole.graph.inputs_of(node)
        attributes = whole.graph.attributes(node)
        of = whole.graph.shape(operands[0])
        axes = [axis % len(of) for axis in attributes.get("axes", ())] or list(range(len(of)))
        if operation not in ("mean", "sum") or of[:1] != (rows,) or 0 not in axes:
            number[node] = graph.apply(operation, [number[n] for n in operands], **attributes)
            continue
        y = number[operands[0]]
        if len(axes) > 1:
            y = graph.apply(operation, [y], axes=[axis for axis in axes if axis != 0])
        if operation == "sum":
            y = graph.apply("multiply", [y, graph.constant(np.array(rows, dtype))])
        number[node] = y
    return Recorded(graph, [number[n] for n in whole.inputs], number[whole.output])
