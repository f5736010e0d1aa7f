"""Large plain text files, read by pyarrow where it is installed: the same columns as by way of the csv module, several times as fast.

Plain is what both cut into the same cells: UTF-8, no quotes, no blank lines, two columns or more, the same number of cells in each line.
What is not plain, or not certain, is left to the csv module, a file as a whole; and to `cells.from_text`, a column at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.tabular.cells import EXACT, MISSING, Column

__all__ = ["read"]

# Below, importing pyarrow takes longer than the csv module.
_LEAST_BYTES = 1 << 22
# As is usual; of a column that spells otherwise `cells.from_text` makes the same.
_SPELLED = sorted({"NaN", *MISSING, *map(str.upper, MISSING), *map(str.title, MISSING)})


def read(
    data: bytes, begin: int, separator: str, width: int, as_text: Mapping[int, bool], column: Callable[[list[str], bool], Column]
) -> tuple[dict[int, Column], int] | None:
    """Return columns by their places, and the number of rows, each of which is a line; None for what is not plain.

    Parameters
    ----------
    data : bytes
        The file: valid UTF-8 without zero bytes.
    begin : int
        Where the first row does.
    separator : str
        Between cells.
    width : int
        The number of columns.
    as_text : mapping of int to bool
        The places of the columns to make, and whether they stay text.
    column : function
        Makes a column of cells, given whether it stays text: of each cell the same, whichever others there are, but for the dtype.
    """
    if len(data) < _LEAST_BYTES or width < 2 or data.find(b'"', begin) >= 0 or data.count(b"\r") != data.count(b"\r\n"):
        return None
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        return None
    names = [str(i) for i in range(width)]
    rows = data.count(b"\n", begin) + (not data.endswith(b"\n"))
    columns: dict[int, Column] = {}
    try:
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(begin)),
            csv.ReadOptions(use_threads=False, column_names=names),
            csv.ParseOptions(delimiter=separator, quote_char=False, double_quote=False),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=[names[i] for i in as_text]),
        )
        if table.num_rows != rows:
            return None
        for i, keep in as_text.items():
            cells = table[names[i]]
            found = None if keep else _numbers(cells)
            if found is None:
                encoded = cells.combine_chunks().dictionary_encode()
                found = column(encoded.dictionary.to_pylist(), keep)[encoded.indices.to_numpy()]
            columns[i] = found
    except pa.ArrowException:  # a line that is another's length, one longer than a block, more text than a column holds
        return None
    return columns, rows


def _numbers(cells: Any) -> Column | None:
    """Return the float64 of cells that are all finite numbers or missing; None where another way of reading them might say otherwise."""
    import pyarrow as pa
    from pyarrow import compute

    absent = compute.is_in(cells, value_set=pa.array(_SPELLED))
    try:
        numbers = compute.cast(compute.if_else(absent, pa.scalar(None, pa.string()), cells), pa.float64())
    except pa.ArrowInvalid:
        return None
    values: Column = numbers.to_numpy()
    known = values[~absent.to_numpy()]
    return values if bool((np.abs(known) < EXACT).all()) else None  # not for NaN, infinity, or a whole number that was rounded
