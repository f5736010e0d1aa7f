"""Arrays as short texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 4, 4


def number(x: Any, digits: int = 4) -> str:
    """Return a number with a few digits."""
    return str(x) if isinstance(x, (int, np.integer)) else f"{float(x):.{digits}g}"


def shortened(text: str, room: int) -> str:
    """Return the text, cut where it is longer than room."""
    return text if len(text) <= room else text[: room - 1] + "…"


def one_line(array: NDArray[Any], room: int = 48) -> str:
    """Return an array on one line, as NumPy prints it, with the middle left out where it is long."""
    if array.ndim == 0:
        return number(array[()])
    text = ""
    for edge in (2, 1):
        text = np.array2string(
            array, threshold=8, edgeitems=edge, max_line_width=10**9, formatter={"float_kind": number, "int_kind": str}
        )
        text = " ".join(text.split()).replace("[ ", "[")
        if len(text) <= room:
            break
    return shortened(text, room)


def _numbers(row: NDArray[Any]) -> list[str]:
    if row.size <= COLUMNS:
        return [number(x, 3) for x in row]
    return [*(number(x, 3) for x in row[: COLUMNS - 2]), "…", number(row[-1], 3)]


def grid(array: NDArray[Any]) -> list[str]:
    """Return the corner of an array as lines with columns below each other."""
    if array.ndim == 0:
        return [number(array[()])]
    if array.size == 0:
        return ["empty"]
    rows = array.reshape(-1, array.shape[-1])
    fits = len(rows) <= ROWS
    shown = [_numbers(row) for row in (rows if fits else rows[: ROWS - 1])]
    widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))]
    lines = [" ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in shown]
    return lines if fits else [*lines, "…".rjust(widths[0])]


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as in 3×4."""
    return f"vector of {shape[0]}" if len(shape) == 1 else "×".join(map(str, shape))
