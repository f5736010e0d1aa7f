"""Embedding: rows of a table for the numbers in columns.

Examples
--------
>>> import chainrule as cr
>>> cr.Sequential([cr.Embedding(7, 3, columns=[0]), cr.Dense(1)]).build(5)
Sequential([Embedding(7, 3, columns=[0]), Dense(1)], dtype='float32', 5 -> 1, 29 parameters)
"""

from collections.abc import Iterable, Sequence

from chainrule import validation
from chainrule._core import Graph
from chainrule.initializers import initializer
from chainrule.layers import Layer, ParameterSpec, Place

__all__ = ["Embedding"]

# Whole numbers up to this are exact in float32, in which a batch is gathered.
_MOST_ROWS = 1 << 24


class Embedding(Layer):
    """Replaces whole numbers 0, ..., n - 1 by the rows of a trained table of shape (n, dim).

    Parameters
    ----------
    n : int
        Rows of the table: how many different numbers there are; at most 2^24.
    dim : int
        Columns of the table.
    columns : sequence of int, optional
        Which columns of the input hold the numbers; the others pass, in their order, in front of what is looked up. Left out: all.
    table_init : str or Initializer or array or callable, default "random_uniform"
        Initial values of the table. See `chainrule.initializers`.
    name : str, optional
        See `Layer`.

    Raises
    ------
    TypeError, ValueError
        For sizes that are no table, or columns given twice.
    IndexError
        While training or predicting, for a number that is not whole or not in the table. The batch that holds it changes nothing.
        In a `fit` the steps before that batch have been taken, and where the validation data hold it the whole first epoch has.

    Notes
    -----
    Input (rows, c), output (rows, others + dim times the number of `columns`); parameter "<layer>.table". The gradient of a row of the
    table is the sum of what comes back to the places where it was looked up, in the order of the batch's rows. Numbers may stand
    among values: an integer column of a float matrix. Several columns share the table; for a table each, call one layer on each
    column and `concatenate` (see `chainrule.values`).

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(2), cr.Embedding(3, 2, columns=[1], table_init=[[0, 1], [2, 3], [4, 5]])])
    >>> model.predict(np.array([[0.5, 2], [0.25, 0]]))
    array([[0.5 , 4.  , 5.  ],
           [0.25, 0.  , 1.  ]], dtype=float32)
    """

    def __init__(
        self,
        n: int,
        dim: int,
        columns: Iterable[int] | None = None,
        *,
        table_init: object = "random_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.n = validation.integer(n, "Embedding", "n", 1, _MOST_ROWS)
        self.dim = validation.integer(dim, "Embedding", "dim", 1)
        self.columns = None if columns is None else _checked_columns(columns)
        self.table_init = initializer(table_init)

    def outputs(self, features: int) -> int:
        """Return the number of columns that pass and that are looked up."""
        numbers = len(self._numbers(features))
        return features - numbers + numbers * self.dim

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return the table."""
        return (ParameterSpec("table", (self.n, self.dim), self.table_init),)

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the look-up, and where only some columns hold numbers the way around it."""
        (node,) = nodes
        features = graph.shape(node)[1]
        numbers = self._numbers(features)
        table = graph.parameter(f"{place.prefix}.table", (self.n, self.dim))

        def taken(columns: Sequence[int]) -> list[int]:
            """Return nodes of runs of consecutive columns."""
            runs: list[list[int]] = []
            for column in columns:
                if runs and column == runs[-1][1]:
                    runs[-1][1] += 1
                else:
                    runs.append([column, column + 1])
            return [graph.apply("slice_columns", [node], shape=tuple(run), name=place.label) for run in runs]

        def joined(parts: list[int]) -> int:
            return parts[0] if len(parts) == 1 else graph.apply("join_columns", parts, name=place.label)

        if list(numbers) == list(range(features)):
            return graph.apply("embedding", [node, table], name=place.label)
        looked_up = graph.apply("embedding", [joined(taken(numbers)), table], name=place.label)
        others = taken([column for column in range(features) if column not in numbers])
        return joined([*others, looked_up])

    def _numbers(self, features: int) -> Sequence[int]:
        """Return the columns that hold numbers, for an input of `features` columns."""
        if self.columns is None:
            return range(features)
        for column in self.columns:
            if column >= features:
                raise ValueError(f"Embedding: expected columns below {features}, the number of features, got {column}")
        return self.columns

    def _arguments(self) -> list[str]:
        columns = [] if self.columns is None else [f"columns={list(self.columns)}"]
        return [str(self.n), str(self.dim), *columns]


def _checked_columns(given: Iterable[int]) -> tuple[int, ...]:
    try:
        columns = tuple(given)
    except TypeError:
        raise TypeError(f"Embedding: expected columns as a sequence of integers, got {given!r}") from None
    checked = tuple(validation.integer(column, "Embedding", "a column", 0) for column in columns)
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"Embedding: expected one column or more, each once, got {list(checked)}")
    return checked
