"""The structures of one matrix: identity, diagonal, dense, low rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule import validation
from chainrule.operators.base import Array, Operator, Times, array_of


class Identity(Operator):
    """The identity matrix I.

    Parameters
    ----------
    size : int
        Rows and columns.
    dtype : {"float64", "float32"}

    Examples
    --------
    >>> from chainrule.operators import Diagonal, Identity
    >>> Identity(2) @ Diagonal([1.0, 2.0])
    Diagonal(2, 2)
    """

    def __init__(self, size: int, dtype: DTypeLike = "float64") -> None:
        size = validation.integer(size, "Identity", "size", 0)
        self.shape = (size, size)
        self._dtype = np.dtype(dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._dtype

    @property
    def T(self) -> Identity:  # noqa: N802
        """The operator itself."""
        return self

    def dense(self) -> Array:
        """Return ``np.eye(size)``."""
        return np.eye(self.shape[0], dtype=self.dtype)

    def _mapped(self, function: Callable[[Any], Any]) -> Identity:
        return self

    def _times(self, x: Any) -> Any:
        return x

    def _product(self, right: Operator, times: Times) -> Operator:
        return right

    def _product_after(self, left: Operator, times: Times) -> Operator:
        return left


class Diagonal(Operator):
    """A diagonal matrix, ``diag(d)``: the Jacobian of what works element by element.

    Parameters
    ----------
    diagonal : array_like of shape (n,)
        d; not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.operators import Diagonal
    >>> Diagonal([1.0, 2.0]) @ np.array([3.0, 4.0])
    array([3., 8.])
    """

    def __init__(self, diagonal: ArrayLike) -> None:
        self.diagonal = array_of(diagonal, 1, "Diagonal")
        self.shape = (self.diagonal.shape[0], self.diagonal.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.diagonal.dtype  # type: ignore[no-any-return]

    @property
    def T(self) -> Diagonal:  # noqa: N802
        """The operator itself."""
        return self

    def dense(self) -> Array:
        """Return ``np.diag(d)``."""
        return np.diag(self.diagonal)

    def _mapped(self, function: Callable[[Any], Any]) -> Diagonal:
        return Diagonal(function(self.diagonal))

    def _times(self, x: Any) -> Any:
        return (x.T * self.diagonal).T

    def _product(self, right: Operator, times: Times) -> Operator | None:
        if isinstance(right, Diagonal):
            return Diagonal(self.diagonal * right.diagonal)
        return Dense(self._times(right.matrix)) if isinstance(right, Dense) else None

    def _product_after(self, left: Operator, times: Times) -> Operator | None:
        return Dense(left.matrix * self.diagonal) if isinstance(left, Dense) else None


class Dense(Operator):
    """A matrix without structure.

    Parameters
    ----------
    matrix : array_like of shape (m, n)
        Not copied.

    Examples
    --------
    >>> from chainrule.operators import Dense
    >>> Dense([[1.0, 2.0], [3.0, 4.0]]) @ [1.0, 1.0]
    array([3., 7.])
    """

    def __init__(self, matrix: ArrayLike) -> None:
        self.matrix = array_of(matrix, 2, "Dense")
        self.shape = self.matrix.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.matrix.dtype  # type: ignore[no-any-return]

    @property
    def T(self) -> Dense:  # noqa: N802
        """The transpose, which shares the elements."""
        return Dense(self.matrix.T)

    def dense(self) -> Array:
        """Return a copy of the matrix."""
        return np.array(self.matrix, order="C")

    def _mapped(self, function: Callable[[Any], Any]) -> Dense:
        return Dense(function(self.matrix))

    def _times(self, x: Any) -> Any:
        return self.matrix @ x

    def _matrix(self) -> Any:
        return self.matrix


class LowRank(Operator):
    """A matrix of low rank, ``U V^T``, or with a diagonal, ``diag(d) + U V^T``: of softmax p the Jacobian is ``diag(p) - p p^T``.

    Parameters
    ----------
    u, v : array_like of shape (m, rank) and (n, rank)
        Not copied.
    diagonal : array_like of shape (n,), optional
        d, for a square matrix.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> from chainrule.operators import LowRank
    >>> LowRank([[0.5], [0.5]], [[-0.5], [-0.5]], diagonal=[0.5, 0.5]).dense()
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """

    def __init__(self, u: ArrayLike, v: ArrayLike, diagonal: ArrayLike | None = None) -> None:
        self.u, self.v = array_of(u, 2, "LowRank"), array_of(v, 2, "LowRank")
        self.diagonal = None if diagonal is None else array_of(diagonal, 1, "LowRank")
        self.shape = (self.u.shape[0], self.v.shape[0])
        if self.u.shape[1] != self.v.shape[1]:
            raise ValueError(f"LowRank: expected as many columns in u as in v, got shapes {self.u.shape} and {self.v.shape}")
        if self.diagonal is not None and self.shape != 2 * self.diagonal.shape:
            raise ValueError(f"LowRank: expected a diagonal of a matrix of shape {self.shape}, got shape {self.diagonal.shape}")

    @property
    def rank(self) -> int:
        """The columns of U and V."""
        return int(self.u.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return np.result_type(self.u, self.v, *([] if self.diagonal is None else [self.diagonal]))

    @property
    def T(self) -> LowRank:  # noqa: N802
        """The transpose, ``diag(d) + V U^T``, which shares the elements."""
        return LowRank(self.v, self.u, self.diagonal)

    def dense(self) -> Array:
        """Return ``diag(d) + U V^T``."""
        product: Array = self.u @ self.v.T
        return product if self.diagonal is None else product + np.diag(self.diagonal)

    def __repr__(self) -> str:
        diagonal = "" if self.diagonal is None else " + diagonal"
        return f"LowRank({self.shape[0]}, {self.shape[1]}, rank {self.rank}{diagonal})"

    def _mapped(self, function: Callable[[Any], Any]) -> LowRank:
        return LowRank(function(self.u), function(self.v), None if self.diagonal is None else function(self.diagonal))

    def _times(self, x: Any) -> Any:
        product = self.u @ (self.v.T @ x)
        return product if self.diagonal is None else product + (x.T * self.diagonal).T

    def _product(self, right: Operator, times: Times) -> Operator | None:
        if isinstance(right, LowRank) and right.diagonal is None and right.rank < self.rank:
            return None  # the smaller rank stays
        product = self.T._product_after(right.T, times)
        return None if product is None else product.T

    def _product_after(self, left: Operator, times: Times) -> Operator | None:
        if isinstance(left, Diagonal):
            diagonal = None if self.diagonal is None else left.diagonal * self.diagonal
            return LowRank(left._times(self.u), self.v, diagonal)
        stays_low = self.diagonal is None and self.rank < min(left.shape[0], self.shape[1])
        return LowRank(left._times(self.u), self.v) if stays_low else None
