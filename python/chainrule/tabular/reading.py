"""Tables from files: CSV and its relatives through the csv module, Parquet through what is installed.

Text files are read by the csv module whatever else is installed, so that a file means the same everywhere; a million rows of ten columns
take a few seconds, which training does not notice. Errors name file, line and column.
"""

import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from chainrule.names import unknown
from chainrule.tabular.cells import Column, as_number, from_array, from_text
from chainrule.validation import Array

__all__ = ["Table", "read_table"]

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_SEPARATORS = ",;\t|"
_SNIFFED_LINES = 50
# A cell of text may be long; a file that is one cell is no table.
_LONGEST_CELL = 1 << 24


class Table:
    """Columns of equal length by name.

    Attributes
    ----------
    columns : dict of str to Column
        In the order of the file.
    source : str
        What errors call it.
    lines : list of int or None
        The line on which each row begins, for errors; None where rows have none.
    """

    def __init__(self, columns: dict[str, Column], source: str, lines: Sequence[int] | None = None) -> None:
        self.columns = columns
        self.source = source
        self.lines = lines

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str | int) -> str:
        """Return the name of a column that is given by name or by position, from 1 or from -1 backwards."""
        names = list(self.columns)
        if isinstance(name, str) and name in self.columns:
            return name
        try:
            position = int(name)
        except ValueError:
            raise ValueError(f"{self.source}: {unknown('column', str(name), names)}") from None
        if position == 0 or abs(position) > len(names):
            raise ValueError(
                f"{self.source}: expected a column's name, or its position from 1 to {len(names)} or from -1, got {name}"
            )
        return names[position - 1 if position > 0 else position]

    def place(self, row: int, column: str) -> str:
        """Return where a cell is, for errors and notes."""
        line = f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"
        return f"{self.source}, {line}, column {column!r}"


def read_table(
    source: object, *, target: str | int | None = None, header: bool | None = None, as_text: Collection[str] = ()
) -> Table:
    """Read a table from a file, or take it from columns in memory.

    Parameters
    ----------
    source : path-like, mapping of str to sequence, data frame, or Table
        A text file with separators (``.csv``, ``.tsv``, ``.txt``, ``.data``, gzipped or not: the separator is found by looking), a
        Parquet file, or columns of equal length, as a pandas or polars frame has them.
    target : str or int, optional
        A column that is looked for: a first line that has it is a header.
    header : bool, optional
        Whether the first line has names. Left out: it has, unless one of its cells is a number.

    as_text : collection of str
        Columns of text files that stay text though all their cells are numbers: "01234" is another category than "1234".

    Returns
    -------
    Table
        Columns without a header are called "column_1", "column_2", ...

    Raises
    ------
    ValueError
        For what is no table, naming file, line and column.
    OSError
        As the system says.
    ImportError
        For Parquet where nothing that reads it is installed.
    """
    if isinstance(source, Table):
        return source
    if not isinstance(source, str | os.PathLike):
        return _from_memory(source)
    path = Path(source)
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return _from_frame(_parquet(path), str(path))
    return _from_text(path, _text(path, start), target, header, as_text)


def _from_text(path: Path, text: str, target: str | int | None, header: bool | None, as_text: Collection[str]) -> Table:
    separator = "\t" if ".tsv" in path.suffixes else _separator(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    width = 0
    for line, cells in _records(path, text, separator):
        if not rows:
            width = len(cells)
        elif len(cells) != width:
            raise ValueError(f"{path}, line {line}: expected {width} cells, as in line {lines[0]}, got {len(cells)}")
        rows.append(cells)
        lines.append(line)
    if not rows:
        raise ValueError(f"{path}: expected a table, got a file without one")
    if header is None:
        first = [cell.strip() for cell in rows[0]]
        numbers = [cell.replace(",", ".") if separator == ";" else cell for cell in first]
        header = str(target) in first or not any(as_number(cell) is not None for cell in numbers)
    names = _names(path, lines[0], rows[0]) if header else [f"column_{i + 1}" for i in range(width)]
    if header:
        del rows[0], lines[0]
    if not rows:
        raise ValueError(f"{path}: expected rows below the header, got none")
    # Columns one at a time: the strings of a large file take more memory than its numbers.
    columns: dict[str, Column] = {}
    for i, name in enumerate(names):
        cells = [row[i] for row in rows]
        if separator == ";" and name not in as_text and _has_decimal_commas(cells):
            cells = [cell.replace(",", ".") for cell in cells]
        columns[name] = from_text(cells, name in as_text)
    return Table(columns, str(path), lines)


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Give the lines that have cells, each with the number of the line on which it begins."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    begin = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}, line {begin}: expected cells between {separator!r}, got {error}") from None
    finally:
        csv.field_size_limit(limit)


def _separator(text: str) -> str:
    """Return the separator that cuts the first lines into the most cells, the same number in each; else a comma."""
    sample = "".join(text[: 1 << 16].splitlines(keepends=True)[:_SNIFFED_LINES])
    best, cells = ",", 1
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            widths = [len(row) for row in reader if row]
        except csv.Error:
            continue
        # The last one may be cut off.
        widths = widths[:-1] if len(widths) > 1 and len(text) > len(sample) else widths
        if widths and min(widths) == max(widths) > cells:
            best, cells = separator, widths[0]
    return best


def _has_decimal_commas(cells: Sequence[str]) -> bool:
    """Say whether the cells are numbers as much of Europe writes them, where semicolons stand between cells."""
    words = {cell.strip() for cell in cells if "," in cell}
    return bool(words) and all(re.fullmatch(r"[-+]?\d+,\d+", word) for word in words)


def _names(path: Path, line: int, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(cells)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(
                f"{path}, line {line}: expected each column's name once, got {name!r} for columns {names.index(name) + 1} and {i + 1}"
            )
    return names


def _text(path: Path, start: bytes) -> str:
    try:
        data = gzip.decompress(path.read_bytes()) if start.startswith(_GZIP) else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: expected a whole gzip file, got one that is damaged: {error}") from None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: expected text in UTF-8, got the byte 0x{data[error.start]:02x}; "
            "convert the file, for instance with iconv -f WINDOWS-1252 -t UTF-8"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: expected text, got a zero byte")
    return text


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


def _from_memory(source: object) -> Table:
    if not hasattr(source, "keys") and not hasattr(source, "columns"):
        raise TypeError(f"table: expected a file's name, a dict of columns or a data frame, got {type(source).__name__}")
    return _from_frame(source, "table")


def _from_frame(frame: Any, source: str) -> Table:
    names = (
        list(frame.column_names)
        if hasattr(frame, "column_names")
        else list(frame.columns if hasattr(frame, "columns") else frame.keys())
    )
    columns: dict[str, Column] = {}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{source}: expected columns' names as strings, got {name!r}")
        if name in columns:
            raise ValueError(f"{source}: expected each column's name once, got {name!r} twice")
        columns[name] = from_array(_values(frame[name]), f"{source}, column {name!r}")
    if not columns:
        raise ValueError(f"{source}: expected columns, got none")
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ValueError(
                f"{source}: expected columns of equal length, got {lengths[first]} rows of {first!r} and {length} of {name!r}"
            )
    return Table(columns, source)


def _values(column: Any) -> "Array | Sequence[object]":
    """Return what NumPy, or failing it Python, has of a column of any library."""
    if hasattr(column, "to_numpy"):
        try:
            array: Array = column.to_numpy()
        except (TypeError, ValueError):  # pyarrow's chunks of some types
            return list(column.to_pylist())
        return array
    return column  # type: ignore[no-any-return]  # checked by from_array
