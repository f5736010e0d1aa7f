"""Layers that put values together and take them apart, and `Residual`, which goes around others.

Examples
--------
>>> import chainrule as cr
>>> cr.Sequential([cr.Input(8), cr.Residual(cr.Dense(8, "relu"), cr.Dense(8)), cr.Dense(1)])
Sequential([Residual(Dense(8, 'relu'), Dense(8)), Dense(1)], dtype='float32', 8 -> 1, 153 parameters)
"""

from collections.abc import Iterable

from chainrule import validation
from chainrule._core import Graph
from chainrule.layers import Composite, Layer, Place
from chainrule.values import Value

__all__ = ["Add", "Columns", "Concatenate", "Multiply", "Residual", "add", "concatenate", "multiply"]


class Merge(Layer):
    """Base of the layers that are called on several values."""

    operands = None

    def outputs(self, features: int, *others: int) -> int:
        """Return the number of columns, which all operands share."""
        for other in others:
            if other != features:
                raise ValueError(f"{type(self).__name__}: expected values of equal width, got {features} and {other} features")
        return features


class _Fold(Merge):
    """One operation between all operands, from the left."""

    operation: str

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the operation between each two."""
        result = nodes[0]
        for node in nodes[1:]:
            result = graph.apply(self.operation, [result, node], name=place.label)
        return result


class Add(_Fold):
    """The sum of values of equal width, element by element. See `add`."""

    operation = "add"


class Multiply(_Fold):
    """The product of values of equal width, element by element. See `multiply`."""

    operation = "multiply"


class Concatenate(Merge):
    """The columns of values side by side. See `concatenate`."""

    def outputs(self, features: int, *others: int) -> int:
        """Return the sum of all widths."""
        return features + sum(others)

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the operation."""
        return graph.apply("join_columns", list(nodes), name=place.label)


class Columns(Layer):
    """Columns begin, begin + 1, ..., end - 1.

    Parameters
    ----------
    begin, end : int
        0 <= begin < end <= features.
    name : str, optional
        See `Layer`.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Input(5)[:, 1:3].layer
    Columns(1, 3)
    """

    def __init__(self, begin: int, end: int, *, name: str | None = None) -> None:
        super().__init__(name)
        self.begin = validation.integer(begin, "Columns", "begin", 0)
        self.end = validation.integer(end, "Columns", "end", self.begin + 1)

    def outputs(self, features: int) -> int:
        """Return the number of columns taken."""
        if self.end > features:
            raise ValueError(f"Columns: expected at least {self.end} features, got {features}")
        return self.end - self.begin

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the operation."""
        return graph.apply("slice_columns", list(nodes), shape=(self.begin, self.end), name=place.label)

    def _arguments(self) -> list[str]:
        return [str(self.begin), str(self.end)]


class Residual(Composite):
    """y = x + f(x), where f is layers applied one after the other (He et al. 2016).

    Parameters
    ----------
    *layers : Layer
        f; what comes out must be as wide as what comes in.
    name : str, optional
        See `Layer`. Parameters are called "<layer>.0.kernel", "<layer>.1.kernel", ...

    Raises
    ------
    TypeError, ValueError
        For no layer, for what is no layer, or where the widths differ.

    Examples
    --------
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(4), cr.Residual(cr.LayerNorm(), cr.Dense(4, "gelu")), cr.Dense(1)])
    >>> list(model.parameters())
    ['0.0.scale', '0.0.shift', '0.1.kernel', '0.1.bias', '1.kernel', '1.bias']
    """

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(name)
        if not layers:
            raise ValueError("Residual: expected at least one layer, got none")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Residual: expected layers, such as Dense(64, 'relu'), got {layer!r}")
        self.layers = layers

    def call(self, *values: Value) -> Value:
        """Return x + f(x)."""
        (x,) = values
        y = x
        for layer in self.layers:
            y = layer(y)
        if y.features != x.features:
            raise ValueError(f"Residual: expected layers that give {x.features} features, as many as come in, got {y.features}")
        return Add()(x, y)

    def _arguments(self) -> list[str]:
        return [repr(layer) for layer in self.layers]


def add(values: Iterable[Value]) -> Value:
    """Return the sum of values, element by element.

    Parameters
    ----------
    values : sequence of Value
        Of equal width.

    Returns
    -------
    Value

    Examples
    --------
    >>> import chainrule as cr
    >>> x = cr.Input(3)
    >>> cr.add([x, cr.Dense(3)(x)]).features
    3
    """
    return Add()(*values)


def multiply(values: Iterable[Value]) -> Value:
    """Return the product of values, element by element: gates, for instance.

    Parameters
    ----------
    values : sequence of Value
        Of equal width.

    Returns
    -------
    Value

    Examples
    --------
    >>> import chainrule as cr
    >>> x = cr.Input(3)
    >>> cr.multiply([cr.Dense(5, "sigmoid")(x), cr.Dense(5)(x)]).features
    5
    """
    return Multiply()(*values)


def concatenate(values: Iterable[Value]) -> Value:
    """Return the columns of values side by side.

    Parameters
    ----------
    values : sequence of Value

    Returns
    -------
    Value

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.concatenate([cr.Input(3), cr.Input(2)]).features
    5
    """
    return Concatenate()(*values)
