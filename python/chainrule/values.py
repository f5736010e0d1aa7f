"""Symbolic values: what layers are called on to build models that are more than a row of layers.

Examples
--------
>>> import chainrule as cr
>>> x = cr.Input(10)
>>> h = cr.Dense(8, "relu")(x)
>>> y = cr.Dense(1)(cr.concatenate([h, x[:, :2]]))
>>> cr.Model(x, y).predict([[0.0] * 10]).shape
(1, 1)
"""

from typing import TYPE_CHECKING, Any, NoReturn

from chainrule import validation

if TYPE_CHECKING:
    from chainrule.layers import Layer

__all__ = ["Input", "Value"]


class Value:
    """The rows that come out of a layer, before there are any: a matrix (rows, features) by its name only.

    ``a + b`` and ``a * b`` add and multiply element by element; ``a[:, 2:5]`` and ``a[:, 3]`` take columns.

    Attributes
    ----------
    features : int or None
        Columns; None inside a composite layer, whose input is not known yet.
    layer : Layer or None
        Where the value comes from; None for an input.
    operands : tuple of Value
        What the layer was called on.
    """

    def __init__(self, features: int | None, layer: "Layer | None" = None, operands: "tuple[Value, ...]" = ()) -> None:
        self.features = features
        self.layer = layer
        self.operands = operands

    def __add__(self, other: "Value") -> "Value":
        from chainrule.merging import add  # layers are made from values

        return add([self, other])

    def __radd__(self, other: "Value") -> "Value":
        return Value.__add__(other, self)

    def __mul__(self, other: "Value") -> "Value":
        from chainrule.merging import multiply

        return multiply([self, other])

    def __rmul__(self, other: "Value") -> "Value":
        return Value.__mul__(other, self)

    def __getitem__(self, key: object) -> "Value":
        from chainrule.merging import Columns

        begin, end = _column_range(key, self.features)
        return Columns(begin, end)(self)

    def __array_ufunc__(self, ufunc: Any, *arguments: object, **keywords: object) -> NoReturn:
        name = ufunc.__name__
        raise TypeError(f"numpy.{name}: expected arrays, got a symbolic value; a Lambda layer applies NumPy's functions to one")

    def __array__(self, *arguments: object, **keywords: object) -> NoReturn:
        raise TypeError(f"expected numbers, got the symbolic {self!r}, on which layers are called, not models or functions")

    def __repr__(self) -> str:
        width = "unknown width" if self.features is None else f"{self.features} features"
        return f"<value of {width}, {'not from a layer' if self.layer is None else f'from {self.layer!r}'}>"


class Input(Value):
    """The rows that a model is given: of `Sequential` the first in the list, of `Model` what layers are called on.

    Parameters
    ----------
    features : int
        Columns of x.
    scale : float, default 1.0
        x is multiplied by it while a batch is gathered: 1 / 255 feeds uint8 pictures to a model without copying them.
    name : str, optional
        By which a `Model` of several inputs takes them from a dict.

    Raises
    ------
    TypeError, ValueError
        For fewer than one feature, or a name that is no word.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Input(784)
    Input(784)
    """

    def __init__(self, features: int, *, scale: float = 1.0, name: str | None = None) -> None:
        width = validation.integer(features, "Input", "features", 1)
        super().__init__(width)
        self.width = width
        self.scale = validation.real(scale, "Input", "scale")
        self.name = validation.word(name, "Input", "name")

    def __repr__(self) -> str:
        scale = "" if self.scale == 1 else f", scale={self.scale!r}"
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Input({self.width}{scale}{name})"


def _column_range(key: object, features: int | None) -> tuple[int, int]:
    """Return begin and end of the columns that ``value[:, key]`` means."""
    if not (isinstance(key, tuple) and len(key) == 2 and key[0] == slice(None)):
        raise TypeError(f"columns: expected value[:, begin:end] or value[:, column], got {key!r}")
    columns = key[1]
    if features is None:
        raise ValueError(
            "columns: expected a value whose width is known, got one inside a composite layer; use chainrule.merging.Columns"
        )
    if isinstance(columns, slice):
        begin, end, step = columns.indices(features)
        if step != 1 or begin >= end:
            raise ValueError(f"columns: expected a range of the {features} columns with step 1, got {columns}")
        return begin, end
    column = validation.integer(columns, "columns", "a column", -features, features - 1)
    column += features if column < 0 else 0
    return column, column + 1
