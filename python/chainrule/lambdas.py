"""Lambda: a layer that is a function given in Python, with parameters of its own.

Examples
--------
>>> import numpy as np
>>> import chainrule as cr
>>> def prelu(x, slope):
...     return np.where(x > 0, x, slope * x)
>>> cr.Sequential([cr.Input(3), cr.Dense(4), cr.Lambda(prelu, {"slope": 0.25}), cr.Dense(1)])
Sequential([Dense(4), Lambda(prelu, slope), Dense(1)], dtype='float32', 3 -> 1, 25 parameters)
"""

from collections.abc import Callable, Mapping
from typing import Any

from chainrule import validation
from chainrule._core import Graph
from chainrule.initializers import Constant, initializer
from chainrule.layers import Layer, ParameterSpec, Place

__all__ = ["Lambda"]


class Lambda(Layer):
    """y = f(x, p1, p2, ...) for a function made of NumPy's functions, with trained parameters p.

    Parameters
    ----------
    function : callable
        Of x, of shape (rows, columns), and of one array (rows, columns) for each parameter, in which all rows are the same. Each row of
        the result, (rows, any columns), depends on the same row of the arguments alone. It is recorded when a model is built and then
        runs natively, with its derivatives; what it closes over is a constant.
    parameters : dict of str to float or Initializer or array or callable, optional
        Names of the parameters, in the order of the function's arguments, with their initial values; each is a vector with one number
        for each column of x.
    name : str, optional
        See `Layer`.

    Raises
    ------
    TypeError, ValueError
        When the model is built, for a function whose course depends on values (``np.where`` chooses), that has no derivative, or in
        which rows depend on each other.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> swish = cr.Lambda(lambda x, beta: x / (1 + np.exp(-beta * x)), {"beta": 1.0})
    >>> model = cr.Sequential([cr.Input(2), swish])
    >>> model.parameters()
    {'0.beta': array([1., 1.], dtype=float32)}
    >>> model.predict([[0.0, 100.0]])
    array([[  0., 100.]], dtype=float32)
    """

    def __init__(
        self, function: Callable[..., Any], parameters: Mapping[str, object] | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"Lambda: expected a function, got {function!r}")
        if not isinstance(parameters, Mapping | None):
            raise TypeError(f"Lambda: expected parameters as a dict from name to initial value, got {parameters!r}")
        from chainrule.functions import RowOperations  # derivatives are loaded on first use

        self.function = function
        self._initial = {
            str(validation.word(key, "Lambda", "a parameter's name")): (
                Constant(float(value)) if isinstance(value, int | float) else initializer(value)
            )
            for key, value in (parameters or {}).items()
        }
        self._operations = RowOperations(function, "activation")

    def outputs(self, features: int) -> int:
        """Return the number of columns of the function's value."""
        return self._operations.operation((features,) * (1 + len(self._initial)), "float32").columns

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return the vectors."""
        return tuple(ParameterSpec(name, (features,), initial) for name, initial in self._initial.items())

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the parameters, repeated for each row, and the function."""
        (node,) = nodes
        features = graph.shape(node)[1]
        own = [graph.parameter(f"{place.prefix}.{name}", (features,)) for name in self._initial]
        rows = [graph.apply("broadcast_like", [parameter, node], name=place.label) for parameter in own]
        operation = self._operations.operation((features,) * (1 + len(own)), graph.dtype)
        return graph.apply(operation, [node, *rows], name=place.label)

    def _arguments(self) -> list[str]:
        return [self._operations.name, *self._initial]
