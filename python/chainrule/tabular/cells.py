"""What is in cells: numbers, text, or nothing. The only place that knows how missing values are written.

A column is an array of float64, in which NaN is missing, or an array of objects, each a string or None.
"""

import math
from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import TypeAlias

import numpy as np

from chainrule.validation import Array

__all__ = [
    "EXACT",
    "LARGEST",
    "MISSING",
    "Column",
    "as_number",
    "from_array",
    "from_text",
    "is_numeric",
    "missing",
    "number_text",
    "present",
    "texts",
]

Column: TypeAlias = Array

# Beside the empty cell; without regard to case. "none" is not among them: it is a word that answers a question.
MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "nil", "?", "-", "."})

# Numbers that are learned from are no larger: their squares are finite.
LARGEST = 1e150

_TRUE, _FALSE = "true", "false"
_WANTED = "expected numbers, strings, booleans, dates or times"

# From here on some whole numbers are no float64.
EXACT = 2.0**53


def as_number(text: str) -> float | None:
    """Return the number that a cell is, or None; NaN for a missing one is None too."""
    if "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def from_text(cells: Sequence[str], keep_text: bool = False) -> Column:
    """Return a column of cells as a file has them: numbers where all that are not missing are some and text is not wanted.

    Whole numbers that a float64 would round stay text: as classes they would become one.
    """
    if not keep_text:
        try:
            # What a file of measurements has. Each different text is looked at once below: that is for words, and for gaps.
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
        else:
            if "_" not in "".join(cells) and _exact(cells, values):  # 1_000 is a number of Python's, not of tables
                return values
    words: dict[str, str | None] = {}
    for cell in set(cells):
        word = cell.strip()
        words[cell] = None if word.casefold() in MISSING else word
    numbers = {cell: as_number(word) for cell, word in words.items() if word is not None}
    if not keep_text and None not in numbers.values():
        found = {cell: math.nan if (number := numbers.get(cell)) is None else number for cell in words}
        values = np.array([found[cell] for cell in cells], np.float64)
        if _exact(cells, values):
            return values
    return _objects([words[cell] for cell in cells])


def from_array(values: "Array | Sequence[object]", where: str) -> Column:
    """Return a column of values in memory: numbers, strings, booleans, dates, and None.

    Raises
    ------
    TypeError, ValueError
        For values of another kind, or more than one dimension.
    """
    array = values if isinstance(values, np.ndarray) else _objects(list(values))
    if array.ndim != 1:
        raise ValueError(f"{where}: expected one dimension, got shape {array.shape}")
    if array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) > EXACT:
        return from_text(list(map(str, array.tolist())))
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype.kind == "m":
        seconds: Column = array / np.timedelta64(1, "s")
        return seconds
    if array.dtype.kind == "b":
        return _objects([_TRUE if value else _FALSE for value in array.tolist()])
    if array.dtype.kind == "M":
        return _objects([None if text == "NaT" else text for text in np.datetime_as_string(array, unit="s").tolist()])
    if array.dtype.kind not in "OUST":
        raise TypeError(f"{where}: {_WANTED}, got {array.dtype.name}")
    return _from_objects(array.tolist(), where)


def _from_objects(cells: Sequence[object], where: str) -> Column:
    texts: list[str] = []
    for row, cell in enumerate(cells):
        if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
            texts.append("")
        elif isinstance(cell, bool | np.bool_):
            texts.append(_TRUE if cell else _FALSE)
        elif isinstance(cell, timedelta | np.timedelta64):
            texts.append(number_text(float(np.timedelta64(cell) / np.timedelta64(1, "s"))))
        elif isinstance(cell, int | np.integer):
            texts.append(str(cell))
        elif isinstance(cell, float | np.floating):
            texts.append(number_text(float(cell)))
        elif isinstance(cell, date | time):
            texts.append(cell.isoformat())
        elif isinstance(cell, str):
            texts.append(cell)
        elif type(cell).__name__ == "Decimal":
            texts.append(str(cell))
        else:
            raise TypeError(f"{where}: {_WANTED}, got {type(cell).__name__} in row {row + 1}")
    return from_text(texts)


def _exact(cells: Sequence[str], values: Array) -> bool:
    """Say whether each whole number that is written in full is the float64 that was made of it."""
    for i in np.flatnonzero(np.abs(values) >= EXACT).tolist():
        digits = cells[i].strip().lstrip("+-")
        if digits.isdigit() and f"{abs(values[i]):.0f}" != digits.lstrip("0"):
            return False
    return True


def number_text(number: float) -> str:
    """Return a number as a file would have it: whole ones without a point."""
    return str(int(number)) if number.is_integer() else repr(number)


def texts(column: Column) -> list[str | None]:
    """Return what is in the cells as text."""
    if is_numeric(column):
        return [number_text(number) if math.isfinite(number) else None for number in column.tolist()]
    return column.tolist()  # type: ignore[no-any-return]  # an array of objects


def is_numeric(column: Column) -> bool:
    """Say whether a column has numbers."""
    return column.dtype.kind == "f"


def present(column: Column) -> Array:
    """Return where a column has a finite number or a text."""
    if is_numeric(column):
        return np.isfinite(column)
    return np.array([cell is not None for cell in column.tolist()], bool)


def missing(column: Column) -> Array:
    """Return where a column has nothing."""
    return ~present(column)


def _objects(cells: Sequence[object]) -> Column:
    column = np.empty(len(cells), object)
    column[:] = cells
    return column
