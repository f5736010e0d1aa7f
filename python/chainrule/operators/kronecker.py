"""Kronecker products: the structure of Jacobians in a weight matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.operators.base import Array, Operator, Times
from chainrule.operators.structures import Dense


class Kronecker(Operator):
    """A Kronecker product, ``A (x) B``, the matrix of blocks ``A[i, j] B``.

    Of ``z = x W`` with W (in, out) in C order the Jacobian in W is ``x (x) I``; with b after it, that of ``z = x W + b`` is
    ``(x, 1) (x) I``.

    Parameters
    ----------
    left, right : Operator or array_like of two dimensions
        A and B; a chain is multiplied out.

    Notes
    -----
    ``(A (x) B) vec(X) = vec(A X B^T)`` with vec in C order; ``(A (x) B)(C (x) D) = AC (x) BD``; with a single row a also
    ``X (a (x) B) = a (x) X B``.

    Examples
    --------
    >>> from chainrule.operators import Identity, Kronecker
    >>> Kronecker([[3.0, 1.0]], Identity(2)).dense()
    array([[3., 0., 1., 0.],
           [0., 3., 0., 1.]])
    """

    def __init__(self, left: Operator | ArrayLike, right: Operator | ArrayLike) -> None:
        self.left = left._plain() if isinstance(left, Operator) else Dense(left)
        self.right = right._plain() if isinstance(right, Operator) else Dense(right)
        (p, q), (r, s) = self.left.shape, self.right.shape
        self.shape = (p * r, q * s)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return np.result_type(self.left.dtype, self.right.dtype)

    @property
    def T(self) -> Kronecker:  # noqa: N802
        """The transpose, ``A^T (x) B^T``."""
        return Kronecker(self.left.T, self.right.T)

    def dense(self) -> Array:
        """Return ``np.kron(A, B)``."""
        return np.kron(self.left._matrix(), self.right._matrix())

    def __repr__(self) -> str:
        return f"Kronecker({self.shape}: {self.left!r} (x) {self.right!r})"

    def _mapped(self, function: Callable[[Any], Any]) -> Kronecker:
        return Kronecker(self.left._mapped(function), self.right._mapped(function))

    def _times(self, x: Any) -> Any:
        (p, q), (r, s), columns = self.left.shape, self.right.shape, x.shape[1]
        if p * q * s + p * r * s <= q * r * s + p * q * r:  # multiply-adds for a column
            y = self.left._times(x.reshape(q, s * columns))
            y = y.reshape(p, s, columns).transpose(1, 0, 2).reshape(s, p * columns)
            y = self.right._times(y).reshape(r, p, columns).transpose(1, 0, 2)
        else:
            y = self.right._times(x.reshape(q, s, columns).transpose(1, 0, 2).reshape(s, q * columns))
            y = y.reshape(r, q, columns).transpose(1, 0, 2).reshape(q, r * columns)
            y = self.left._times(y)
        return y.reshape(p * r, columns)

    def _product(self, right: Operator, times: Times) -> Operator | None:
        if isinstance(right, Kronecker) and self.left.shape[1] == right.left.shape[0]:
            return Kronecker(times(self.left, right.left), times(self.right, right.right))
        return _of(self.left, times(self.right, right)) if self.left.shape[1] == 1 else None

    def _product_after(self, left: Operator, times: Times) -> Operator | None:
        return _of(self.left, times(left, self.right)) if self.left.shape[0] == 1 else None


def _of(left: Operator, right: Operator) -> Kronecker | None:
    """Return the Kronecker product, unless a part of it is a chain: then the whole is better left as one, to be planned."""
    return None if left._is_lazy or right._is_lazy else Kronecker(left, right)
