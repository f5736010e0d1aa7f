"""What all operators share: products with operators and arrays, transposes, and the names that SciPy asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.operators.sketch import Sketch

Array = NDArray[Any]
Times = Callable[["Operator", "Operator"], "Operator"]


def array_of(values: Any, rank: int, name: str) -> Any:
    """Return an array of real numbers of a rank, in floating point; a sketch of one as it is."""
    if isinstance(values, Sketch):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}")
    if array.ndim != rank:
        raise ValueError(f"{name}: expected an array of {rank} dimensions, got shape {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


class Operator:
    """A matrix in its structure.

    ``A @ B`` keeps a structure where the product has one and is a `Chain` otherwise; ``A @ x`` and ``x @ A`` with arrays of one or two
    dimensions are arrays. ``scipy.sparse.linalg.aslinearoperator(A)`` takes an operator as it is.
    """

    __array_ufunc__ = None  # NumPy leaves array @ operator to the operator

    shape: tuple[int, int]
    _is_lazy: ClassVar[bool] = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        raise NotImplementedError

    @property
    def T(self) -> Operator:  # noqa: N802
        """The transpose, of the same structure."""
        raise NotImplementedError

    def dense(self) -> Array:
        """Return the matrix as an array of its own."""
        raise NotImplementedError

    def matvec(self, x: ArrayLike) -> Array:
        """Return ``A x`` for a vector of shape (columns,) or (columns, 1), in the same shape."""
        return self._applied(np.asarray(x), "matvec")

    def rmatvec(self, x: ArrayLike) -> Array:
        """Return ``A^T x`` for a vector of shape (rows,) or (rows, 1), in the same shape."""
        return self.T._applied(np.asarray(x), "rmatvec")

    def matmat(self, x: ArrayLike) -> Array:
        """Return ``A X`` for a matrix of shape (columns, k)."""
        return self._applied(np.asarray(x), "matmat")

    def rmatmat(self, x: ArrayLike) -> Array:
        """Return ``A^T X`` for a matrix of shape (rows, k)."""
        return self.T._applied(np.asarray(x), "rmatmat")

    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, Operator):
            return self._applied(np.asarray(other), "matmul")
        require_fitting(self, other)
        product = structured(self, other, Operator.__matmul__)
        return lazy(self, other) if product is None else product

    def __rmatmul__(self, other: ArrayLike) -> Array:
        product: Array = self.T._applied(np.asarray(other).T, "matmul").T
        return product

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.dense().astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape[0]}, {self.shape[1]})"

    def _applied(self, x: Array, operation: str) -> Array:
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ValueError(f"{operation}: expected {self.shape[1]} elements, or rows of a matrix, got shape {x.shape}")
        columns = x[:, None] if x.ndim == 1 else x
        result = self._times(columns)
        if np.may_share_memory(result, columns):  # the identity's
            result = result.copy()
        return result.reshape(self.shape[0]) if x.ndim == 1 else result  # type: ignore[no-any-return]

    # --- what the structures define; arrays may be sketches ------------------------------------------------------------------------

    def _mapped(self, function: Callable[[Any], Any]) -> Operator:
        """Return the operator with function(array) in the place of each of its arrays."""
        raise NotImplementedError

    def _times(self, x: Any) -> Any:
        """Return the product with a matrix."""
        raise NotImplementedError

    def _matrix(self) -> Any:
        """Return the matrix, perhaps not as an array of its own."""
        return self.dense()

    def _plain(self) -> Operator:
        """Return the operator itself; a chain, multiplied out."""
        return self

    def _product(self, right: Operator, times: Times) -> Operator | None:
        """Return self @ right where it has a structure, else None; `times` multiplies parts of the two."""
        return None

    def _product_after(self, left: Operator, times: Times) -> Operator | None:
        """Return left @ self where it has a structure, else None."""
        return None


def structured(left: Operator, right: Operator, times: Times) -> Operator | None:
    """Return the product where it has a structure, else None."""
    product = left._product(right, times)
    return right._product_after(left, times) if product is None else product


def require_fitting(left: Operator, right: Operator) -> None:
    """Raise ValueError for shapes that do not multiply."""
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matmul: expected an operator with {left.shape[1]} rows, got {right!r}")


def lazy(left: Operator, right: Operator) -> Operator:
    """Return the product, not multiplied out."""
    from chainrule.operators.chain import Chain  # which is an Operator itself

    return Chain([left, right])
