"""Frames of pandas and polars: their columns as a matrix, and the columns' names.

Neither package is imported: a frame is known by what it has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.validation import Array


def is_frame(value: object) -> bool:
    """Say whether a value is a frame with named columns."""
    return (
        hasattr(value, "columns") and hasattr(value, "to_numpy") and hasattr(value, "shape") and not isinstance(value, np.ndarray)
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

    Columns of one type of numbers are read in place where the frame keeps them together; others become float64.
    """
    if names is not None:
        frame = _selected(frame, names, operation, name)
    texts = [str(column) for column, kind in zip(frame.columns, _kinds(frame), strict=True) if not _is_number(kind)]
    if texts:
        listed = ", ".join(map(repr, texts[:5])) + (", ..." if len(texts) > 5 else "")
        raise TypeError(f"{operation}: expected {name} with columns of numbers, got others in {listed}; encode them as numbers")
    array = frame.to_numpy()
    return array.astype(np.float64) if array.dtype == object else np.asarray(array)


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


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "bool", "decimal"))
