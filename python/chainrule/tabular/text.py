"""Text files with cells between separators: CSV and its relatives, gzipped or not. Errors name file and line.

A file means the same whatever is installed: the csv module says what, and `plain` reads what it surely would read alike.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from chainrule.tabular import plain
from chainrule.tabular.cells import MISSING, Column, as_number, from_text, is_numeric

__all__ = ["Text", "read"]

_GZIP = b"\x1f\x8b"
_SEPARATORS = ",;\t|"
_SNIFFED_LINES = 50
# A cell of text may be long; a file that is one cell is no table.
_LONGEST_CELL = 1 << 24
# Rows that are strings at a time, which are soon forgotten: 200,000 rows of 20 columns take 1.9 s, with 1024 2.8, with 4096 4.1
# (AMD EPYC, November 2026). As many are looked at for a header.
_ROWS = 256
_POINT, _COMMA = (re.compile(rf"[-+]?\d*[{mark}]\d+(?:[eE][-+]?\d+)?") for mark in (".", ","))

Block: TypeAlias = tuple[list[int], list[tuple[str, ...]]]


class Text(NamedTuple):
    """What is in a file.

    Attributes
    ----------
    columns : dict of str to Column
        Those wanted.
    names : list of str
        Of all columns.
    lines : list of int
        On which each row begins.
    """

    columns: dict[str, Column]
    names: list[str]
    lines: list[int]


class _File(NamedTuple):
    """A file's content; `lines` decodes it, as often as asked."""

    path: Path
    data: bytes
    encoding: str

    def lines(self) -> Iterator[str]:
        """Give the lines with their ends."""
        return io.TextIOWrapper(io.BytesIO(self.data), self.encoding, newline="")


def read(
    path: Path,
    header: bool | None,
    known: Collection[str],
    wanted: Callable[[Sequence[str]], Collection[str]],
    as_text: Collection[str],
) -> Text:
    """Read a file.

    Parameters
    ----------
    path : Path
        The file.
    header : bool or None
        Whether the first line has the columns' names; None decides by the cells.
    known : collection of str
        Names that columns are known to have.
    wanted : function
        Given the names of all columns, returns those of the columns to make.
    as_text : collection of str
        Columns that stay text.

    Raises
    ------
    ValueError
        For what is no table, naming file and line.
    OSError
        As the system says.
    """
    file = _opened(path)
    separator = "\t" if ".tsv" in path.suffixes else _separator(file)
    numbers, first = next(_blocks(file, separator), ([], []))
    if not numbers:
        raise ValueError(f"{path}: expected a table, got a file without one")
    names = [f"column_{i + 1}" for i in range(len(first))]
    named = _has_header(first, separator, known, names) if header is None else header
    if named:
        names = _names(path, numbers[0], [column[0] for column in first])
    chosen = wanted(names)
    if file.encoding != "utf-16" and numbers[:2] == [1, 2]:  # a line has the header, the next one is a row
        found = plain.read(
            file.data,
            file.data.index(b"\n") + 1 if named else len(codecs.BOM_UTF8) * file.data.startswith(codecs.BOM_UTF8),
            separator,
            len(names),
            {i: name in as_text for i, name in enumerate(names) if name in chosen},
            lambda cells, keep: _column(cells, separator, keep),
        )
        if found is not None:
            return Text({names[i]: column for i, column in found[0].items()}, names, list(range(1 + named, 1 + named + found[1])))
    parts: dict[int, list[Column]] = {i: [] for i, name in enumerate(names) if name in chosen}
    # Columns that blocks do not tell: numbers in some and text in others, or perhaps decimal commas.
    whole: dict[int, list[str]] = {}
    lines: list[int] = []
    for numbers, block in _blocks(file, separator, skip=named):
        lines += numbers
        for i in parts.keys() - whole.keys():
            part = from_text(block[i], names[i] in as_text)
            if is_numeric(part) != is_numeric((parts[i] or [part])[0]) or (separator == ";" and "," in "".join(block[i])):
                parts[i], whole[i] = [], []
            else:
                parts[i].append(part)
    if not lines:
        raise ValueError(f"{path}: expected rows below the header, got none")
    for _, block in _blocks(file, separator, skip=named) if whole else ():
        for i, cells in whole.items():
            cells += block[i]
    columns = {}
    for i, name in enumerate(names):
        if i in whole:
            columns[name] = _column(whole.pop(i), separator, name in as_text)
        elif i in parts:
            columns[name] = np.concatenate(parts.pop(i))
    return Text(columns, names, lines)


def _blocks(file: _File, separator: str, *, skip: bool = False) -> Iterator[Block]:
    """Give the rows, but for the first if wanted, some at a time: the lines on which they begin, and the columns' cells."""
    records = islice(_records(file, separator), int(skip), None)
    while block := list(islice(records, _ROWS)):
        yield [line for line, _ in block], list(zip(*(cells for _, cells in block), strict=True))


def _records(file: _File, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Give the lines that have cells, as many each, with the number of the line on which it begins."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    last = ""

    def seen(line: str) -> str:
        nonlocal last
        last = line
        return line

    reader = csv.reader(map(seen, file.lines()), delimiter=separator, skipinitialspace=True, strict=True)
    begin, first, width = 1, 0, 0
    try:
        for cells in reader:
            # A cell of quotes with nothing between them is one, a blank line is none.
            if _has_cells(cells) or last.strip():
                first, width = first or begin, width or len(cells)
                if len(cells) != width:
                    raise ValueError(f"{file.path}, line {begin}: expected {width} cells, as in line {first}, got {len(cells)}")
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{file.path}, line {begin}: expected cells between {separator!r}, got {error}") from None
    finally:
        csv.field_size_limit(limit)


def _has_cells(cells: Sequence[str]) -> bool:
    return len(cells) > 1 or any(cell.strip() for cell in cells)


def _separator(file: _File) -> str:
    """Return the separator that cuts the first lines into the most cells, the same number in each; else a comma."""
    lines = list(islice(file.lines(), _SNIFFED_LINES + 1))
    best, cells = ",", 1
    for separator in _SEPARATORS:
        try:
            rows = list(csv.reader(lines[:_SNIFFED_LINES], delimiter=separator, skipinitialspace=True))
        except csv.Error:
            continue
        widths = [len(row) for row in rows if _has_cells(row)]
        # The last one may be cut off.
        widths = widths[:-1] if len(widths) > 1 and len(lines) > _SNIFFED_LINES else widths
        if widths and min(widths) == max(widths) > cells:
            best, cells = separator, widths[0]
    return best


def _has_header(columns: Sequence[Sequence[str]], separator: str, known: Collection[str], unnamed: Sequence[str]) -> bool:
    """Say whether the first line has names: those that are known; or a word above numbers, or no number.

    Both, where the names that are known are those of a table without a header.
    """
    first = [column[0].strip() for column in columns]
    if known and set(known) <= set(first):
        return True
    numbers = [_is_number(cell, separator) for cell in first]
    words = [not number and cell.casefold() not in MISSING for number, cell in zip(numbers, first, strict=True)]
    above = any(word and _are_numbers(column[1:], separator) for word, column in zip(words, columns, strict=True))
    if known and set(known) <= set(unnamed):
        return above and not any(numbers)
    return above or not any(numbers)


def _is_number(cell: str, separator: str) -> bool:
    return as_number(cell.replace(",", ".") if separator == ";" else cell) is not None


def _are_numbers(cells: Sequence[str], separator: str) -> bool:
    """Say whether cells are numbers, or missing, but not all missing."""
    known = {word for cell in cells if (word := cell.strip()).casefold() not in MISSING}
    return bool(known) and all(_is_number(word, separator) for word in known)


def _column(cells: list[str], separator: str, keep_text: bool) -> Column:
    return from_text(_with_points(cells) if separator == ";" and not keep_text else cells, keep_text)


def _with_points(cells: list[str]) -> list[str]:
    """Return cells with decimal points where all are numbers as much of Europe writes them, or have no comma, and none has a point."""
    words = {cell.strip() for cell in cells}
    commas = {word for word in words if "," in word}
    if not all(map(_COMMA.fullmatch, commas)) or any(map(_POINT.fullmatch, words)):
        return cells
    return [cell.replace(",", ".") for cell in cells]


def _names(path: Path, line: int, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(cells)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(
                f"{path}, line {line}: expected each column's name once, got {name!r} for columns {names.index(name) + 1} and {i + 1}"
            )
    return names


def _opened(path: Path) -> _File:
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if data.startswith(_GZIP) else data
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
    return _File(path, data, encoding)
