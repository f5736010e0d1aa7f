"""Checks of what callers pass. Every text says: operation, what was expected, what came.

Arrays pass straight through when the native core can read them (any strides, read-only, memory-mapped); nothing here copies one,
except that lists become arrays.
"""

import contextlib
import operator
import re
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

# As numpy.typing.NDArray[Any], whose import would take a millisecond.
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

# The element types that the core reads, by NumPy's one-letter codes: float32, float64, bool and the integers of 8 to 64 bits.
_READABLE = frozenset("fd?bBhHiIlLqQ")
_FLOATS = frozenset("fd")

# What one operation of the core may be called by another for, where it meets values that no check before could see.
_INNER = re.compile(r"(predict|evaluate|loss_and_gradients):")


@contextlib.contextmanager
def named(operation: str) -> Iterator[None]:
    """Let errors of the core about values name the operation that the user has called."""
    try:
        yield
    except (IndexError, ValueError) as error:
        if type(error) in (IndexError, ValueError) and _INNER.match(str(error)):
            raise type(error)(_INNER.sub(f"{operation}:", str(error), count=1)) from None
        raise


def integer(value: object, operation: str, name: str, least: int, most: int | None = None) -> int:
    """Return `value` as an int in [least, most]; bools and floats are refused."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # TypeError is the answer for everything else
    except TypeError:
        raise TypeError(f"{operation}: expected {name} as an integer, got {value!r}") from None
    if number < least or (most is not None and number > most):
        bounds = f"of at least {least}" if most is None or number < least else f"of at most {most}"
        raise ValueError(f"{operation}: expected {name} as an integer {bounds}, got {number}")
    return number


def real(
    value: object,
    operation: str,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float inside the bounds given."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise TypeError(f"{operation}: expected {name} as a number, got {value!r}")
    try:
        number = float(value)  # type: ignore[arg-type]  # TypeError is the answer for what is no number
    except (TypeError, ValueError):
        raise TypeError(f"{operation}: expected {name} as a number, got {value!r}") from None
    bounds = []
    good = np.isfinite(number)
    if least is not None:
        bounds.append(f"of at least {least:g}")
        good = good and number >= least
    if above is not None:
        bounds.append(f"above {above:g}")
        good = good and number > above
    if most is not None:
        bounds.append(f"of at most {most:g}")
        good = good and number <= most
    if below is not None:
        bounds.append(f"below {below:g}")
        good = good and number < below
    if not good:
        raise ValueError(f"{operation}: expected {name} as a finite number{''.join(' ' + b for b in bounds)}, got {number:g}")
    return number


def flag(value: object, operation: str, name: str) -> bool:
    """Return `value` as a bool; anything but True and False is refused."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{operation}: expected {name} to be True or False, got {value!r}")
    return bool(value)


def word(value: object, operation: str, name: str) -> str | None:
    """Return a name that may stand in names of parameters, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{operation}: expected {name} as a string, got {value!r}")
    if not value.isidentifier():
        raise ValueError(f"{operation}: expected {name} to be a word such as 'hidden_1', got {value!r}")
    return value


def numeric(value: object, operation: str, name: str) -> Array:
    """Return `value` as an array of a type that the core reads; bool becomes a uint8 view."""
    array = value if type(value) is np.ndarray else _converted(value, operation, name)
    dtype = array.dtype
    if dtype.char not in _READABLE or not dtype.isnative:
        raise TypeError(_unreadable(array, operation, name))
    return array.view(np.uint8) if dtype.char == "?" else array


def is_float(array: Array) -> bool:
    """Say whether the elements are floating-point numbers."""
    return array.dtype.char in _FLOATS


def matrix(value: object, operation: str, name: str = "x") -> Array:
    """Return `value` as a numeric array of shape (rows, features)."""
    array = numeric(value, operation, name)
    if array.ndim != 2:
        raise ValueError(
            f"{operation}: expected {name} of 2 dimensions (rows, features), got shape {array.shape}; {_reshaping(array, name)}"
        )
    if array.shape[1] == 0:
        raise ValueError(f"{operation}: expected {name} with at least one feature, got shape {array.shape}")
    return array


def require_rows(shape: tuple[int, ...], operation: str, name: str = "x") -> None:
    """Raise ValueError where there is no row."""
    if shape[0] == 0:
        raise ValueError(f"{operation}: expected {name} with at least one row, got shape {shape}")


def _reshaping(array: Array, name: str) -> str:
    if array.ndim == 1:
        return f"one sample is {name}[None, :], samples of one feature are {name}[:, None]"
    if array.ndim == 0:
        return "a number is no sample"
    return f"flatten each sample with {name}.reshape(len({name}), -1)"


def _converted(value: object, operation: str, name: str) -> Array:
    masked = sys.modules.get("numpy.ma")  # a masked array cannot exist before its module does
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise TypeError(
            f"{operation}: expected {name} without masked elements, got a masked array; fill it with {name}.filled(value) or drop the rows"
        )
    for method, wanted in (("toarray", "a dense array"), ("collect", "an array or a frame that is computed")):
        if not isinstance(value, np.ndarray) and hasattr(value, method):
            raise TypeError(
                f"{operation}: expected {name} as {wanted}, got {type(value).__name__}; convert it with {name}.{method}()"
            )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{operation}: expected {name} as a rectangular array, got {type(value).__name__}: {error}") from None


def _unreadable(array: Array, operation: str, name: str) -> str:
    dtype = array.dtype
    if dtype.char in _READABLE:
        got = f"{dtype.name} of foreign byte order"
        way = f"convert it with {name}.astype({name}.dtype.newbyteorder('='))"
    else:
        got = dtype.name if dtype.names is None else "a structured array"
        kind = "U" if dtype.kind == "O" and any(isinstance(one, str) for one in array.flat) else dtype.kind
        way = {
            "f": f"convert it with {name}.astype(np.float32) or np.float64",
            "c": f"give its real and imaginary parts as separate columns: {name}.real, {name}.imag",
            "O": f"convert it with np.asarray({name}, dtype=np.float64)",
            "U": "encode text as numbers, for instance np.unique(column, return_inverse=True)[1]",
            "S": "encode text as numbers, for instance np.unique(column, return_inverse=True)[1]",
            "M": "convert times to numbers with .astype('datetime64[s]').astype(np.float64)",
            "m": "convert durations to numbers with .astype('timedelta64[s]').astype(np.float64)",
        }.get(kind, "give one array of numbers")
    return f"{operation}: expected {name} of float32, float64, bool or an integer type, got {got}; {way}"
