"""Variables: numbers and arrays that record what NumPy does to them."""

from __future__ import annotations

import math
import weakref
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule import _core, recording

__all__ = ["Variable", "variable"]


class Variable(_core.Variable):
    """A real number or array of any rank that records what is done to it, for derivatives in it.

    Operators and NumPy's functions work as on an array and give variables: ``np.sin(x) @ w + 1``. Comparisons and functions whose
    results are not real numbers (``x > 0``, ``np.argmax(x)``) give what they give for the value. A variable never changes.

    Made by :func:`variable`, by functions of variables, and inside the functions that :func:`chainrule.grad` and the others call.
    """

    __slots__ = ()

    name: str | None = None
    """What the variable was called when it was made; None for results."""
    grad: Any = None
    """What ``backward`` has added up; None before, and always for results."""

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def T(self) -> Variable:  # noqa: N802
        """The transpose."""
        return recording.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Variable:  # noqa: N802
        """The last two axes exchanged."""
        return recording.matrix_transpose(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"variable({np.array2string(np.asarray(self.value), separator=', ', prefix='variable(')}{name})"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __iter__(self) -> Any:
        if not self.shape:
            raise TypeError("iteration over a variable without dimensions")
        return (self[i] for i in range(self.shape[0]))

    # Of conditions in a function that is being compiled, where they are variables.
    def __and__(self, other: Any) -> Any:
        return np.logical_and(self, other) if _core.is_tracing() else NotImplemented

    def __or__(self, other: Any) -> Any:
        return np.logical_or(self, other) if _core.is_tracing() else NotImplemented

    def __xor__(self, other: Any) -> Any:
        return np.logical_xor(self, other) if _core.is_tracing() else NotImplemented

    def __invert__(self) -> Any:
        if not _core.is_tracing():
            raise TypeError("bad operand type for unary ~: 'Variable'")
        return np.logical_not(self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("variable: expected no assignment to elements, got one: variables do not change; np.where makes a new one")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError("variable: expected x.value for a plain array, got a conversion that would lose the derivatives")

    def item(self) -> float:
        """Return the value of a variable of one element as a Python number."""
        return float(np.asarray(self.value).item())

    def backward(self, cotangent: ArrayLike | None = None) -> None:
        """Add the derivatives of this result to `grad` of every variable that it depends on.

        Parameters
        ----------
        cotangent : array_like, optional
            What each element of the result counts for, of its shape; not needed for a result of one element, which counts 1.

        Raises
        ------
        ValueError
            For a result of several elements without a cotangent, and for a cotangent of another shape.

        Notes
        -----
        Reverse mode: ``grad[i] += sum over j of cotangent[j] * d result[j] / d x[i]``.

        Examples
        --------
        >>> import chainrule as cr
        >>> x = cr.variable([1.0, 2.0, 3.0])
        >>> (x * x).sum().backward()
        >>> x.grad
        array([2., 4., 6.])
        """
        if cotangent is None:
            if self.size != 1:
                raise ValueError(f"backward: expected a cotangent for a result of shape {self.shape}, got none")
            cotangent = np.ones(self.shape)
        seed = _core.variable(np.asarray(cotangent), self.dtype.name)
        if seed.shape != self.shape:
            raise ValueError(f"backward: expected a cotangent of shape {self.shape}, got {seed.shape}")
        leaves = [leaf for leaf in Leaf.alive() if leaf.dtype == self.dtype]
        for leaf, gradient in zip(leaves, _core.reverse([self], [seed], leaves), strict=True):
            if gradient is not None:
                leaf.grad = gradient.value if leaf.grad is None else leaf.grad + gradient.value

    def sum(self, axis: Any = None, keepdims: bool = False) -> Variable:
        """Sum over axes; all of them for None."""
        return recording.sum_(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Variable:
        """Mean over axes; over all of them for None."""
        return recording.mean(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def prod(self, axis: Any = None, keepdims: bool = False) -> Variable:
        """Multiply over axes; over all of them for None."""
        return recording.prod(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self, axis: Any = None, keepdims: bool = False) -> Variable:
        """Return the largest over axes; over all of them for None."""
        return recording.max_(self, axis, keepdims)  # type: ignore[no-any-return]

    def min(self, axis: Any = None, keepdims: bool = False) -> Variable:
        """Return the smallest over axes; over all of them for None."""
        return recording.min_(self, axis, keepdims)  # type: ignore[no-any-return]

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Variable:
        """Return the variance over axes; over all of them for None."""
        return recording.var(self, axis, ddof=ddof, keepdims=keepdims)  # type: ignore[no-any-return]

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Variable:
        """Return the standard deviation over axes; over all of them for None."""
        return recording.std(self, axis, ddof=ddof, keepdims=keepdims)  # type: ignore[no-any-return]

    def cumsum(self, axis: int | None = None) -> Variable:
        """Return the running sum along an axis; of the elements in a row for None."""
        return recording.cumsum(self, axis)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: str = "C") -> Variable:
        """Return the same elements in another shape."""
        target = shape[0] if len(shape) == 1 else shape
        return recording.reshape(self, target, order=order)  # type: ignore[no-any-return]

    def ravel(self) -> Variable:
        """Return the elements in one dimension."""
        return recording.reshape(self, (-1,))  # type: ignore[no-any-return]

    flatten = ravel

    def transpose(self, *axes: Any) -> Variable:
        """Return the axes in another order; reversed where none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return recording.transpose(self, order)  # type: ignore[no-any-return]

    def swapaxes(self, a: int, b: int) -> Variable:
        """Exchange two axes."""
        return recording.swapaxes(self, a, b)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None) -> Variable:
        """Leave out axes of size 1."""
        return recording.squeeze(self, axis)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Variable:
        """Return np.dot(self, other)."""
        return recording.dot(self, other)  # type: ignore[no-any-return]

    def clip(self, low: Any = None, high: Any = None) -> Variable:
        """Return np.clip(self, low, high)."""
        return recording.clip(self, low, high)  # type: ignore[no-any-return]

    def astype(self, dtype: DTypeLike) -> Variable:
        """Return the variable itself for its own type; another one is refused."""
        if np.dtype(dtype) != self.dtype:
            raise TypeError(f"astype: expected {self.dtype}, the variable's own type, got {np.dtype(dtype)}")
        return self

    def copy(self) -> Variable:
        """Return the variable itself, which never changes."""
        return self

    def argmax(self, axis: int | None = None) -> Any:
        """Return np.argmax of the value."""
        return np.argmax(self.value, axis)

    def argmin(self, axis: int | None = None) -> Any:
        """Return np.argmin of the value."""
        return np.argmin(self.value, axis)

    __hash__ = object.__hash__


class Leaf(Variable):
    """A variable that was made from a value, and collects derivatives in `grad`."""

    __slots__ = ("__weakref__", "grad", "name")

    _all: ClassVar[weakref.WeakSet[Leaf]] = weakref.WeakSet()

    @classmethod
    def alive(cls) -> list[Leaf]:
        """Return those that somebody still holds."""
        return list(cls._all)


def variable(value: ArrayLike | Variable, name: str | None = None, dtype: DTypeLike = "float64") -> Variable:
    """Make a variable, which records what NumPy does to it.

    Parameters
    ----------
    value : array_like
        A real number or an array of any rank; it is copied.
    name : str, optional
        What it is called in pictures and tables.
    dtype : {"float64", "float32"}
        The type of the value and of everything computed from it; variables of two types do not mix.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError
        For a value that is not made of real numbers, and for another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = cr.variable(2.0)
    >>> y = np.log(np.sin(x**3) ** 2)
    >>> y.backward()
    >>> bool(np.isclose(x.grad, 6 * 2.0**2 * np.cos(8) / np.sin(8)))
    True
    """
    if isinstance(value, Variable):
        value = value.value
    made = _core.variable(np.asarray(value), np.dtype(dtype).name, Leaf)
    assert isinstance(made, Leaf)
    made.name, made.grad = name, None
    Leaf._all.add(made)
    return made


_core.set_variable_class(Variable)
_core.set_numpy_rules(recording.call_ufunc, recording.call_function, recording.subscript, recording.OPERATIONS)
