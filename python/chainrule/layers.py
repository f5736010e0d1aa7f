"""Layers: descriptions of what a network does to rows. They hold no numbers; a model makes its parameters from them.

Examples
--------
>>> import chainrule as cr
>>> cr.Sequential([cr.Input(64), cr.Dense(32, "relu"), cr.Dropout(0.1), cr.Dense(10)])
Sequential([Dense(32, 'relu'), Dropout(0.1), Dense(10)], dtype='float32', 64 -> 10, 2,410 parameters)
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from chainrule import activations, validation
from chainrule._core import Graph
from chainrule.initializers import Initializer, initializer
from chainrule.values import Value

__all__ = ["Activation", "Composite", "Dense", "Dropout", "Layer"]


class Place(NamedTuple):
    """Where a layer stands while a graph is built: its position, the name of its nodes, the prefix of its parameters."""

    position: int
    label: str
    prefix: str


class ParameterSpec(NamedTuple):
    """One parameter: its name after the layer's prefix, its shape, its initial values, and whether an optimizer changes it."""

    name: str
    shape: tuple[int, ...]
    initial: Initializer
    trained: bool = True


class Layer:
    """Base of the layers. Called on a symbolic value, a layer gives another: see `Model`.

    Parameters
    ----------
    name : str, optional
        Names the layer's parameters ("hidden.kernel" instead of "0.kernel") and its steps in plans and errors.

    Attributes
    ----------
    trainable : bool, default True
        Whether a fit changes the layer's parameters. May be set at any time; the next fit, or step, follows it. The optimizer's state
        for other parameters goes on.
    lr_scale : float, default 1
        Multiplies the optimizer's learning rate for the layer's parameters; at least 0.
    """

    operands: ClassVar[int | None] = 1  # that it is called on; None for any number
    trainable: bool = True
    lr_scale: float = 1.0

    def __init__(self, name: str | None = None) -> None:
        self.name = validation.word(name, type(self).__name__, "name")

    def __call__(self, *values: Value) -> Value:
        """Return the value that comes out when these go in."""
        if not values or (self.operands is not None and len(values) != self.operands):
            wanted = "one value or more" if self.operands is None else "one value"
            raise TypeError(f"{type(self).__name__}: expected {wanted}, got {len(values)}")
        for value in values:
            if not isinstance(value, Value):
                raise TypeError(
                    f"{type(self).__name__}: expected a value, such as Input(64) or what another layer gave, got {type(value).__name__}"
                )
        return Value(self._width(values), self, values)

    def _width(self, values: Sequence[Value]) -> int | None:
        widths = [value.features for value in values if value.features is not None]
        return self.outputs(*widths) if len(widths) == len(values) else None

    def outputs(self, features: int) -> int:
        """Return the number of columns that come out when `features` come in."""
        return features

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return the parameters that the layer needs for `features` columns."""
        return ()

    def penalties(self) -> dict[str, tuple[float, float]]:
        """Return (l1, l2) of the parameters that have a penalty: l1 sum |w| + l2 sum w^2 is added to the loss."""
        return {}

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the layer's operations on its operands to the graph and return the last one."""
        raise NotImplementedError(
            f"{type(self).__name__}: expected a layer that says what it does; derive from layers.Composite with a method call, "
            "or give a function of NumPy's to Lambda"
        )

    def _arguments(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        named = [] if self.name is None else [f"name={self.name!r}"]
        return f"{type(self).__name__}({', '.join(self._arguments() + named)})"


class Composite(Layer):
    """A layer made of others: derive from it and say in `call` what it does.

    Parameters
    ----------
    name : str, optional
        See `Layer`. The layers inside are called "<layer>.0", "<layer>.1", ... in the order in which they are computed, or by
        their names.

    Examples
    --------
    >>> import chainrule as cr
    >>> class Gated(cr.layers.Composite):
    ...     def __init__(self, units, name=None):
    ...         super().__init__(name)
    ...         self.value, self.gate = cr.Dense(units, name="value"), cr.Dense(units, "sigmoid", name="gate")
    ...     def call(self, x):
    ...         return self.value(x) * self.gate(x)
    >>> model = cr.Sequential([cr.Input(3), Gated(5), cr.Dense(1)])
    >>> list(model.parameters())
    ['0.value.kernel', '0.value.bias', '0.gate.kernel', '0.gate.bias', '1.kernel', '1.bias']
    """

    operands = None

    def call(self, *values: Value) -> Value:
        """Return what comes out, by calling other layers on the values."""
        raise NotImplementedError

    def outputs(self, features: int, *others: int) -> int:
        """Return the number of columns that come out."""
        width = self.call(*(Value(width) for width in (features, *others))).features
        if width is None:
            raise ValueError(f"{type(self).__name__}: expected call to give a value made from those that it gets, got another")
        return width


class Dense(Layer):
    """Fully connected layer, y = f(x W + b), with W of shape (in, units) and b of shape (units,).

    Parameters
    ----------
    units : int
        Columns of y.
    activation : str or class or ActivationFunction or function, optional
        f; None is the identity. See `chainrule.activations`.
    use_bias : bool, default True
        Whether there is a b.
    kernel_init, bias_init : str or Initializer or array or callable, default "glorot_uniform" and "zeros"
        Initial values. See `chainrule.initializers`.
    l1, l2 : float, default 0
        Penalties on the kernel, at least 0: l1 sum |W| + l2 sum W^2 is added to each batch's mean loss, as Keras' ``kernel_regularizer``
        does, and to the losses that `fit`, `train_on_batch` and `evaluate` report, but not to the gradients of single rows. The
        derivative of |w| at 0 is 0.
    name : str, optional
        See `Layer`.

    Raises
    ------
    ValueError
        For fewer than one unit, a negative penalty or an unknown name.

    Notes
    -----
    Input (rows, in), output (rows, units), parameters "<layer>.kernel" and "<layer>.bias". Gradients for a batch with cotangent G of
    z = x W + b: x^T G for W, the column sums of G for b, G W^T for x.

    Examples
    --------
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(3), cr.Dense(4, "tanh"), cr.Dense(1)])
    >>> {name: value.shape for name, value in model.parameters().items()}
    {'0.kernel': (3, 4), '0.bias': (4,), '1.kernel': (4, 1), '1.bias': (1,)}
    """

    def __init__(
        self,
        units: int,
        activation: object = None,
        use_bias: bool = True,
        kernel_init: object = "glorot_uniform",
        bias_init: object = "zeros",
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = validation.integer(units, "Dense", "units", 1)
        self.activation = activations.activation(activation)
        self.use_bias = validation.flag(use_bias, "Dense", "use_bias")
        self.kernel_init = initializer(kernel_init)
        self.bias_init = initializer(bias_init)
        self.l1 = validation.real(l1, "Dense", "l1", least=0)
        self.l2 = validation.real(l2, "Dense", "l2", least=0)

    def outputs(self, features: int) -> int:
        """Return `units`, or what a function given in Python makes of them."""
        return self.activation.outputs(self.units)

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return kernel and bias."""
        kernel = ParameterSpec("kernel", (features, self.units), self.kernel_init)
        return (kernel, ParameterSpec("bias", (self.units,), self.bias_init)) if self.use_bias else (kernel,)

    def penalties(self) -> dict[str, tuple[float, float]]:
        """Return the kernel's (l1, l2), where one of them is not 0."""
        return {"kernel": (self.l1, self.l2)} if self.l1 or self.l2 else {}

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add product, bias and activation."""
        (node,) = nodes
        kernel = graph.parameter(f"{place.prefix}.kernel", (graph.shape(node)[1], self.units))
        node = graph.apply("matmul", [node, kernel], name=place.label)
        if self.use_bias:
            bias = graph.parameter(f"{place.prefix}.bias", (self.units,))
            node = graph.apply("add", [node, bias], name=place.label)
        return _activate(graph, node, self.activation, place)

    def _arguments(self) -> list[str]:
        arguments = [str(self.units)]
        if not isinstance(self.activation, activations.Linear):
            arguments.append(_short(self.activation))
        if not self.use_bias:
            arguments.append("use_bias=False")
        return arguments + [f"{name}={value:g}" for name, value in (("l1", self.l1), ("l2", self.l2)) if value]


class Activation(Layer):
    """An activation function as a layer of its own: y = f(x).

    Parameters
    ----------
    function : str or class or ActivationFunction or function
        See `chainrule.activations`.
    name : str, optional
        See `Layer`.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Activation("gelu")
    Activation('gelu')
    """

    def __init__(self, function: object, *, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = activations.activation(function)

    def outputs(self, features: int) -> int:
        """Return the number of columns of the function's value."""
        return self.activation.outputs(features)

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the function."""
        return _activate(graph, nodes[0], self.activation, place)

    def _arguments(self) -> list[str]:
        return [_short(self.activation)]


class Dropout(Layer):
    """While training, zeroes each element with probability p and multiplies the others by 1 / (1 - p); else the identity.

    Parameters
    ----------
    p : float
        In [0, 1).
    name : str, optional
        See `Layer`.

    Notes
    -----
    Srivastava et al. 2014, in the inverted form. The masks are drawn from the counter-based generator, keyed by seed, step, layer and
    element.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Dropout(0.2)
    Dropout(0.2)
    """

    def __init__(self, p: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.p = validation.real(p, "Dropout", "p", least=0, below=1)

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add the mask and the product with it, in a training graph."""
        (node,) = nodes
        if not training or self.p == 0:
            return node
        mask = graph.apply("dropout_mask", [node], alpha=self.p, key=place.position, name=place.label)
        return graph.apply("multiply", [node, mask], name=place.label)

    def _arguments(self) -> list[str]:
        return [f"{self.p:g}"]


def _activate(graph: Graph, node: int, function: activations.ActivationFunction, place: Place) -> int:
    if isinstance(function, activations.Linear):
        return node
    operation = function.operation(graph.shape(node)[1], graph.dtype)
    return graph.apply(operation, [node], alpha=function.alpha, name=place.label)


def _short(function: activations.ActivationFunction) -> str:
    """Return the name where it says everything, else the whole description."""
    if isinstance(function, activations.Function):
        return function.name
    return repr(function.name) if function == activations.activation(function.name) else repr(function)
