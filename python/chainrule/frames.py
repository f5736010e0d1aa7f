"""Frames of pandas and polars: their columns as a matrix, and the columns' names.

Neither package is imported: a frame is known by what it has.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.validation import Array

# The names of types of numbers, pandas' own, pyarrow's and polars' in small letters; pandas' sparse ones name what is in them.
_NUMBER = re.compile(r"(sparse\[)?(u?int\d+|float\d*|double|halffloat|bool|boolean|decimal\d*)\b")


def is_frame(value: object) -> bool:
    """Say whether a value is a frame with named columns."""
    # The columns last: a frame that is still to be computed, which has no `to_numpy`, warns when it is asked for them.
    return (
        hasattr(value, "to_numpy") and hasattr(value, "shape") and hasattr(value, "columns") and not isinstance(value, np.ndarray)
    )


def column_names(frame: Any, operation: str, name: str) -> list[str]:
    """Return the names of the columns; a name that stands twice names none."""
    names = [str(column) for column in frame.columns]
    if len(set(names)) < len(names):
        twice = next(column for i, column in enumerate(names) if column in names[:i])
        raise ValueError(f"{operation}: expected {name} with columns of different names, got {twice!r} twice")
    return names


def matrix_of(frame: Any, names: Sequence[str] | None, operation: str, name: str) -> Array:
    """Return the columns as a matrix: those that `names` asks for, in their order; all where it is None.

    Columns of one type of numbers are read in place where the frame keeps them together; others become float64, missing values NaN.
    """
    if names is not None:
        frame = _selected(frame, names, operation, name)
    texts = [str(column) for column, kind in zip(frame.columns, _kinds(frame), strict=True) if not _NUMBER.match(kind)]
    if texts:
        listed = ", ".join(map(repr, texts[:5])) + (", ..." if len(texts) > 5 else "")
        raise TypeError(f"{operation}: expected {name} with columns of numbers, got others in {listed}; encode them as numbers")
    array = np.asarray(frame.to_numpy())
    if array.dtype != object:
        return array
    if hasattr(frame, "iloc"):  # of pandas, whose sign for what is missing is no number to NumPy
        array = frame.to_numpy(np.float64, na_value=np.nan)
    return array.astype(np.float64, copy=False)


def _selected(frame: Any, names: Sequence[str], operation: str, name: str) -> Any:
    own = column_names(frame, operation, name)
    if own == list(names):
        return frame
    missing = [wanted for wanted in names if wanted not in own]
    if missing:
        listed = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(f"{operation}: expected {name} with the columns that the model was trained on, got none called {listed}")
    by_name = dict(zip(own, frame.columns, strict=True))
    return frame[[by_name[wanted] for wanted in names]]


def _kinds(frame: Any) -> list[str]:
    return [str(kind).lower() for kind in frame.dtypes]
