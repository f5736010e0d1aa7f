"""Sparse rows: SciPy's CSR matrices and arrays as batches take them, without importing SciPy."""

from typing import Any, TypeAlias

from chainrule import _core, validation
from chainrule.validation import Array


class SparseRows:
    """The arrays of a CSR matrix, each row's columns ascending and named once. A slice of the rows is a view."""

    __slots__ = ("data", "indices", "indptr", "shape")

    def __init__(self, data: Array, indices: Array, indptr: Array, columns: int) -> None:
        self.data = data
        self.indices = indices
        self.indptr = indptr
        self.shape = (max(len(indptr) - 1, 0), columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> "SparseRows":
        begin, end, _ = part.indices(len(self))
        return SparseRows(self.data, self.indices, self.indptr[begin : max(begin, end) + 1], self.shape[1])


# What one input of a model takes.
Features: TypeAlias = Array | SparseRows


def features(value: object, operation: str, name: str) -> Features:
    """Return `value` as a numeric array of shape (rows, features), or as sparse rows where it is a CSR matrix.

    A matrix that names a column twice in a row, or columns out of order, is put in order as a copy: the caller's stays as it is.
    """
    given: Any = value
    form = getattr(given, "format", None)
    if not isinstance(form, str) or not hasattr(given, "tocsr"):
        return validation.matrix(value, operation, name)
    if form != "csr":
        raise TypeError(
            f"{operation}: expected {name} as an array or a CSR matrix, got {type(value).__name__}; convert it with {name}.tocsr()"
        )
    if len(given.shape) != 2:
        raise ValueError(f"{operation}: expected {name} of 2 dimensions (rows, features), got shape {given.shape}")
    if given.shape[1] == 0:
        raise ValueError(f"{operation}: expected {name} with at least one feature, got shape {given.shape}")
    rows = SparseRows(validation.numeric(given.data, operation, name), given.indices, given.indptr, given.shape[1])
    if rows.shape != tuple(given.shape):
        raise ValueError(f"{operation}: expected {name} with {given.shape[0] + 1} offsets, got {len(given.indptr)}")
    if _core.is_canonical(rows, operation, name):
        return rows
    # The matrix may remember of itself that it is in order: one of copies of its arrays does not.
    arrays = (given.data.copy(), given.indices.copy(), given.indptr.copy())
    ordered = type(given)(arrays, shape=given.shape)
    ordered.sum_duplicates()
    return SparseRows(validation.numeric(ordered.data, operation, name), ordered.indices, ordered.indptr, given.shape[1])


def dense(x: Features, operation: str) -> Array:
    """Return x, which may not be sparse."""
    if isinstance(x, SparseRows):
        raise TypeError(f"{operation}: expected x as a dense array, got sparse rows; convert it with x.toarray()")
    return x
