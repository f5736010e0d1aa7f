"""Tables from files and from memory: Parquet through what is installed, text by `chainrule.tabular.text`. Errors name file and column."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.names import unknown
from chainrule.tabular import text
from chainrule.tabular.cells import EXACT, Column, from_array
from chainrule.validation import Array

__all__ = ["Table", "read_table"]

_PARQUET = b"PAR1"


class Table:
    """Columns of equal length by name.

    Attributes
    ----------
    columns : dict of str to Column
        Those that were read, in the order of the file.
    names : list of str
        Of all columns of the file.
    source : str
        What errors call it.
    lines : list of int or None
        The line on which each row begins, for errors; None where rows have none.
    """

    def __init__(
        self, columns: dict[str, Column], source: str, lines: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> None:
        self.columns = columns
        self.names = list(columns if names is None else names)
        self.source = source
        self.lines = lines

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str | int) -> str:
        """Return the name of a column that is given by name or by position, from 1 or from -1 backwards."""
        return _column(self.names, name, self.source)

    def place(self, row: int, column: str) -> str:
        """Return where a cell is, for errors and notes."""
        line = f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"
        return f"{self.source}, {line}, column {column!r}"


def read_table(
    source: object,
    *,
    target: str | int | None = None,
    header: bool | None = None,
    as_text: Collection[str] = (),
    drop: Collection[str | int] = (),
    only: Collection[str] | None = None,
) -> Table:
    """Read a table from a file, or take it from columns in memory.

    Parameters
    ----------
    source : path-like, mapping of str to sequence, data frame, or Table
        A text file with separators (``.csv``, ``.tsv``, ``.txt``, ``.data``, gzipped or not: the separator is found by looking), a
        Parquet file, or columns of equal length, as a pandas or polars frame has them.
    target : str or int, optional
        A column that is looked for, by name or by position: a first line that has the name is a header.
    header : bool, optional
        Whether the first line has names. Left out: it has, unless one of its cells is a number; even then if another is a word above
        numbers, or if it has the names that are looked for.
    as_text : collection of str
        Columns of text files that stay text though all their cells are numbers: "01234" is another category than "1234".
    drop : collection of str or int
        Columns that are not read, by name or by position: they may hold anything.
    only : collection of str, optional
        The columns to read, of those that there are, and the names that are looked for. Left out: all.

    Returns
    -------
    Table
        Columns without a header are called "column_1", "column_2", ...; positions count all columns of the file.

    Raises
    ------
    ValueError
        For what is no table, naming file, line and column.
    OSError
        As the system says.
    ImportError
        For Parquet where nothing that reads it is installed.
    TypeError
        For columns of a Parquet file or of a frame that hold other things than numbers, strings, booleans, dates or times.
    """
    if isinstance(source, Table):
        return source
    if not isinstance(source, str | os.PathLike):
        if hasattr(source, "collect") or not (hasattr(source, "keys") or hasattr(source, "columns")):
            advice = "; call its collect()" if hasattr(source, "collect") else ""
            raise TypeError(
                f"table: expected a file's name, a dict of columns or a data frame, got {type(source).__name__}{advice}"
            )
        return _from_frame(source, "table", drop, only)
    path = Path(source)
    with path.open("rb") as file:
        start = file.read(len(_PARQUET))
    if start == _PARQUET:
        return _from_frame(_parquet(path), str(path), drop, only)
    known = _looked_for(target) if only is None else only
    columns, names, lines = text.read(path, header, known, lambda names: _wanted(names, str(path), drop, only), as_text)
    return Table(columns, str(path), lines, names)


def _looked_for(target: str | int | None) -> list[str]:
    """Return a target that is a name: a position says nothing about the header."""
    return [target] if isinstance(target, str) and re.fullmatch(r"\s*[-+]?\d+\s*", target) is None else []


def _wanted(names: Sequence[str], source: str, drop: Collection[str | int], only: Collection[str] | None) -> set[str]:
    """Return the names of the columns to read."""
    return set(names if only is None else only) - {_column(names, one, source) for one in drop}


def _column(names: Sequence[str], name: str | int, source: str) -> str:
    """Return the name of a column that is given by name or by position."""
    if isinstance(name, str) and name in names:
        return name
    try:
        position = int(name)
    except ValueError:
        raise ValueError(f"{source}: {unknown('column', str(name), names)}") from None
    if position == 0 or abs(position) > len(names):
        raise ValueError(f"{source}: expected a column's name, or its position from 1 to {len(names)} or from -1, got {name}")
    return names[position - 1 if position > 0 else position]


def _parquet(path: Path) -> Any:
    """Return the file's columns by the first of three libraries that is installed."""
    try:
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path)
    except ImportError:
        pass
    except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of these
        raise ValueError(f"{path}: expected a Parquet file: {error}") from None
    try:
        import polars
    except ImportError:
        raise ImportError(f"{path}: expected pyarrow or polars to be installed; pip install 'chainrule[tables]'") from None
    try:
        return polars.read_parquet(path)
    except (OSError, ValueError, polars.exceptions.PolarsError) as error:
        raise ValueError(f"{path}: expected a Parquet file: {error}") from None


def _from_frame(frame: Any, source: str, drop: Collection[str | int], only: Collection[str] | None) -> Table:
    names = (
        list(frame.column_names)
        if hasattr(frame, "column_names")
        else list(frame.columns if hasattr(frame, "columns") else frame.keys())
    )
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"{source}: expected columns' names as strings, got {name!r}")
        if name in names[:i]:
            raise ValueError(f"{source}: expected each column's name once, got {name!r} twice")
    if not names:
        raise ValueError(f"{source}: expected columns, got none")
    wanted = _wanted(names, source, drop, only)
    columns = {name: from_array(_values(frame[name]), f"{source}, column {name!r}") for name in names if name in wanted}
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths), "")
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ValueError(
                f"{source}: expected columns of equal length, got {lengths[first]} rows of {first!r} and {length} of {name!r}"
            )
    return Table(columns, source, names=names)


def _values(column: Any) -> "Array | Sequence[object]":
    """Return what NumPy, or failing it Python, has of a column of any library."""
    if not hasattr(column, "to_numpy"):
        return column  # type: ignore[no-any-return]  # checked by from_array
    to_list = getattr(column, "to_pylist", None) or getattr(column, "to_list", None)
    try:
        array: Array = column.to_numpy()
    except (TypeError, ValueError):  # pyarrow's chunks of some types
        if to_list is None:
            raise
        return list(to_list())
    # Whole numbers with gaps have become floats; large ones are rounded then.
    rounded = array.dtype.kind == "f" and bool((np.abs(array) >= EXACT).any())
    return list(to_list()) if rounded and to_list is not None else array
