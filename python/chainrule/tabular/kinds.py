"""What each column is: number, boolean, date, category, or nothing to learn from.

Only rows to train on are looked at: the kinds, like everything else that is learned, know nothing of the test rows.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import NamedTuple

import numpy as np

from chainrule.tabular.cells import Column, as_number, is_numeric, present
from chainrule.tabular.reading import Table
from chainrule.validation import Array

__all__ = ["BOOLEANS", "DATE_FORMATS", "Kind", "are_flags", "booleans", "dates", "flags", "kind_of", "numbers", "unread"]

BOOLEANS: dict[str, float] = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0}

# A column of text whose cells are numbers but for so few is one of numbers, the others being missing.
_STRAY_SHARE = 0.02
# Text with more different values than this, and hardly a value twice, names rows instead of describing them.
_TEXT_VALUES = 100
_TEXT_SHARE = 0.5
# Fewer rows than this may be numbered 1, 2, 3, ... for another reason than to name them.
_NUMBERED_ROWS = 50
# Categories: at most so many, each in so many rows; the rest share one place.
_MOST_CATEGORIES = 1000
_LEAST_ROWS = 3

# Tried in this order: in 01/02/2003 the month is first, as long as every cell is a date then.
DATE_FORMATS = (
    "iso",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%Y%m%dT%H%M%S",
)
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?")


class Kind(NamedTuple):
    """What a column is, and what is to be said about it.

    Attributes
    ----------
    name : {"number", "boolean", "date", "category", "dropped"}
        What it is taken for.
    note : str
        Empty, or why it is dropped, or what was done to it.
    date_format : str
        Of `DATE_FORMATS`; empty for other kinds.
    values : tuple of str
        Of a category: those with a place of their own, the most frequent first.
    """

    name: str
    note: str = ""
    date_format: str = ""
    values: tuple[str, ...] = ()


def kind_of(table: Table, name: str, rows: Array) -> Kind:
    """Return what a column of a table is, by its cells in `rows`.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.tabular.reading import read_table
    >>> table = read_table({"when": ["2024-01-31", "2024-02-01", None], "yes": ["no", "yes", "no"], "same": [1, 1, 1]})
    >>> [kind_of(table, name, np.arange(3)).name for name in table.columns]
    ['date', 'boolean', 'dropped']
    """
    column = table.columns[name]
    cells = column[rows]
    known = cells[present(cells)]
    if len(known) == 0:
        return Kind("dropped", "empty")
    if is_numeric(column):
        return _number(table, name, rows)
    counts = Counter(known.tolist())
    if len(counts) == 1 and len(known) == len(cells):
        return Kind("dropped", f"constant: {next(iter(counts))!r} in every row")
    words = {value.casefold() for value in counts} - {"0", "1"}
    if words and words <= BOOLEANS.keys():
        return Kind("boolean")
    for date_format in DATE_FORMATS:
        if all(_date(value, date_format) is not None for value in counts):
            return Kind("date", date_format=date_format)
    strays = int(np.isnan(numbers(known)).sum())
    if strays <= _STRAY_SHARE * len(known) and len(known) - strays > 1:
        return _number(table, name, rows)
    return _category(counts, len(known))


def _number(table: Table, name: str, rows: Array) -> Kind:
    """Return what a column of numbers, but for a few cells, is."""
    cells = table.columns[name][rows]
    values = numbers(cells)
    known = values[~np.isnan(values)]
    low, high = float(known.min()), float(known.max())
    if low == high:
        return Kind("dropped", f"constant: {low:g} in every row that has a number")
    if bool((known == np.floor(known)).all()) and len(known) >= _NUMBERED_ROWS:
        if _is_name_of_rows(name) and len(set(cells[~np.isnan(values)].tolist())) == len(known):
            return Kind("dropped", "an identifier: a whole number of its own in every row")
        # A table of one such column and a target is a curve.
        if len(table.names) > 2 and bool((np.diff(numbers(table.columns[name])) == 1).all()):
            return Kind("dropped", "an identifier: the rows are numbered by it")
    return Kind("number", unread(table, name, rows, flags(cells) if are_flags(known) else values, "number"))


def unread(table: Table, name: str, rows: Array, values: Array, kind: str) -> str:
    """Return what is to be said of the cells of `rows` that are not missing, but are in `values`; nothing where there are none."""
    cells = table.columns[name][rows]
    lost = np.flatnonzero(np.isnan(values) & (~np.isnan(cells) if is_numeric(cells) else present(cells)))
    if len(lost) == 0:
        return ""
    (first,) = cells[lost[:1]].tolist()
    what = f"{len(lost):,} cells are no {kind}s and count" if len(lost) > 1 else f"1 cell is no {kind} and counts"
    return f"{what} as missing, the first is {first!r} ({table.place(int(rows[lost[0]]), name)})"


def _is_name_of_rows(name: str) -> bool:
    return re.fullmatch(r"(.*[_ ])?(id|key|index|uid|uuid|number|no)|unnamed: 0|.*[a-z](Id|ID)", name, re.IGNORECASE) is not None


def _category(counts: Counter[str], rows: int) -> Kind:
    if len(counts) > _TEXT_VALUES and len(counts) > _TEXT_SHARE * rows:
        own = "a text of its own in every row" if len(counts) == rows else f"{len(counts):,} different texts in {rows:,} rows"
        return Kind("dropped", f"an identifier or free text: {own}")
    # By number of rows, then by name: the order in the file must not matter.
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    kept = [value for value in ordered[:_MOST_CATEGORIES] if counts[value] >= _LEAST_ROWS]
    if not kept:
        return Kind("dropped", f"no text in {_LEAST_ROWS} rows or more")
    rest = rows - sum(counts[value] for value in kept)
    rare = f"{len(counts) - len(kept)} of {len(counts)} values, {rest:,} of {rows:,} rows"
    note = f"rare values share one place ({rare})" if rest else ""
    return Kind("category", note, values=tuple(kept))


def numbers(column: Column) -> Array:
    """Return a column's numbers; NaN for everything else, infinities too."""
    if is_numeric(column):
        return np.where(np.isfinite(column), column, np.nan)
    return _each(column, as_number)


def are_flags(values: Array) -> bool:
    """Say whether numbers are 0 and 1 and no others: such a column may say true and false elsewhere."""
    return set(np.unique(values).tolist()) == {0.0, 1.0}


def flags(column: Column) -> Array:
    """Return 1 for yes, 0 for no, and else what `numbers` does."""
    return numbers(column) if is_numeric(column) else _each(column, lambda cell: BOOLEANS.get(cell.casefold(), as_number(cell)))


def booleans(column: Column) -> Array:
    """Return 1 for yes, 0 for no, a number from 0 to 1 as it is, NaN for everything else."""
    values = flags(column)
    return np.where((values >= 0) & (values <= 1), values, np.nan)


def dates(column: Column, date_format: str) -> Array:
    """Return seconds since 1970 in UTC; NaN for what is no date."""
    if is_numeric(column):
        return np.full(len(column), np.nan)
    return _each(column, lambda cell: _date(cell, date_format))


def _each(column: Column, function: Callable[[str], float | None]) -> Array:
    cells = column.tolist()
    values: Mapping[str | None, float | None] = {cell: None if cell is None else function(cell) for cell in set(cells)}
    return np.array([math.nan if (value := values[cell]) is None or math.isinf(value) else value for cell in cells], np.float64)


def _date(text: str, date_format: str) -> float | None:
    try:
        if date_format != "iso":
            return datetime.strptime(text, date_format).replace(tzinfo=timezone.utc).timestamp()
        match = _ISO.fullmatch(text)
        if match is None:
            return None
        day, time, zone = match.groups()
        moment = datetime.fromisoformat(f"{day} {time or '00:00'}")
        if zone in (None, "Z"):
            return moment.replace(tzinfo=timezone.utc).timestamp()
        sign = -1 if zone[0] == "-" else 1
        return moment.replace(tzinfo=timezone.utc).timestamp() - sign * (3600 * int(zone[1:3]) + 60 * int(zone[-2:]))
    except (ValueError, OverflowError):
        return None
