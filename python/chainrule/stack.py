"""A stack of layers with its parameters: what a model is before anything trains it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from chainrule import _core, state, summary, validation
from chainrule.building import Built, build, widths
from chainrule.errors import ChainruleError
from chainrule.layers import Activation, Input, Layer
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.jacobians import Jacobians

T = TypeVar("T", bound="Stack")


class Stack:
    """Layers applied one after the other: structure, parameters, prediction. `Sequential` adds training."""

    def __init__(self, layers: Iterable[Layer | Input | Callable[..., Any]], *, seed: int = 0, dtype: object = "float32") -> None:
        if isinstance(layers, Layer | Input) or not isinstance(layers, Iterable):
            raise TypeError(f"Sequential: expected a list of layers, got {layers!r}")
        given = list(layers)
        first = given[0] if given and isinstance(given[0], Input) else None
        self._layers = _checked_layers(given if first is None else given[1:])
        self._seed = validation.integer(seed, "Sequential", "seed", 0, 2**64 - 1)
        self._dtype = _checked_dtype(dtype)
        self._scale = 1.0 if first is None else first.scale
        self._built: Built | None = None
        if first is not None:
            self.build(first.features)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without `Input`."""
        return list(self._layers)

    @property
    def seed(self) -> int:
        """What keys everything random."""
        return self._seed

    @property
    def dtype(self) -> str:
        """What parameters are stored, and everything is computed, in."""
        return self._dtype

    def build(self: T, features: int) -> T:
        """Make the parameters for inputs of `features` columns; done by the first fit where it was not done before.

        Parameters
        ----------
        features : int
            Columns of x.

        Returns
        -------
        The model itself.

        Raises
        ------
        ValueError
            Where the model is built for another width already.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.Sequential([cr.Dense(2)]).build(3)
        Sequential([Dense(2)], dtype='float32', 3 -> 2, 8 parameters)
        """
        features = validation.integer(features, "build", "features", 1)
        if self._built is None:
            self._built = build(self._layers, features, self._dtype, self._seed)
        elif features != self._built.features:
            raise ValueError(f"build: expected {self._built.features} features, for which the model is built, got {features}")
        return self

    def predict(self, x: object) -> Array:
        """Return the last layer's values.

        Parameters
        ----------
        x : array of shape (rows, features)
            As for `fit`; may have no rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Of the model's dtype.

        Raises
        ------
        TypeError, ValueError
            For an x that does not fit.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> cr.Sequential([cr.Input(2), cr.Dense(3, "relu")]).predict(np.zeros((1, 2)))
        array([[0., 0., 0.]], dtype=float32)
        """
        network = self._ready("predict").network
        rows, outputs = self._accept(x, "predict", "x")
        if rows.shape[0] == 0:
            return np.empty((0, outputs), self._dtype)
        return network.predict(rows, self._scale)

    def __call__(self, x: object) -> Array:
        """Return `predict(x)`."""
        return self.predict(x)

    def jacobians(self, x: object) -> "Jacobians":
        """Return the Jacobians of each layer at one sample, in its input and in its parameters, without dropout.

        Parameters
        ----------
        x : array of shape (features,)

        Returns
        -------
        Jacobians
            ``.M[l]`` and ``.O[l]``, the Jacobians of layer l in its input and in its parameters as `chainrule.operators`;
            ``.product(l)``, that of the output in the parameters of layer l, ``M[L-1] ... M[l+1] O[l]``; ``.explain()``.

        Raises
        ------
        TypeError, ValueError
            For an x that does not fit.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(3, "tanh"), cr.Dense(1)])
        >>> jacobians = model.jacobians([0.5, -0.5])
        >>> jacobians.M
        [Dense(3, 2), Dense(1, 3)]
        >>> jacobians.product(0).dense().shape
        (1, 9)
        """
        from chainrule.jacobians import jacobians  # derivatives are loaded when first used

        self._ready("jacobians")
        sample = validation.numeric(x, "jacobians", "x")
        if sample.ndim != 1:
            raise ValueError(f"jacobians: expected one sample x of shape (features,), got shape {sample.shape}")
        rows, _ = self._accept(sample[None], "jacobians", "x")
        _core.require_finite(rows, "jacobians", "x")
        return jacobians(self._layers, rows.astype(self._dtype), self._scale, self.parameters())

    def parameters(self) -> dict[str, Array]:
        """Return copies of all parameters.

        Returns
        -------
        dict of str to ndarray
            "<layer>.kernel" of shape (in, out) and "<layer>.bias" of shape (out,), where <layer> is the layer's name, or without one
            its position in `layers`.

        Raises
        ------
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> list(cr.Sequential([cr.Input(2), cr.Dense(3, name="hidden"), cr.Dense(1)]).parameters())
        ['hidden.kernel', 'hidden.bias', '1.kernel', '1.bias']
        """
        network = self._ready("parameters").network
        return {name: network.parameter(name) for name in network.parameter_names}

    def set_parameters(self, values: Mapping[str, object]) -> None:
        """Set the parameters named; all or nothing.

        Parameters
        ----------
        values : dict of str to array
            Names and shapes as `parameters` gives them; cast to the model's dtype.

        Raises
        ------
        TypeError, ValueError
            For an unknown name, a wrong shape, NaN or infinity.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(1)])
        >>> model.set_parameters({"0.kernel": [[1.0], [2.0]]})
        >>> model.predict([[10, 1]])
        array([[12.]], dtype=float32)
        """
        self._set(values, "set_parameters")

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters under PyTorch's names, in PyTorch's layout.

        Returns
        -------
        dict of str to ndarray
            "<layer>.weight" of shape (out, in) and "<layer>.bias" of shape (out,), where <layer> is the position in `layers` (or the
            layer's name): those of an `nn.Sequential` with the same layers at the same positions, activations being layers of
            their own.

        Raises
        ------
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(3), cr.Activation("relu"), cr.Dense(1)])
        >>> {name: value.shape for name, value in model.state_dict().items()}
        {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
        """
        self._ready("state_dict")
        return state.to_torch(self.parameters())

    def load_state_dict(self, values: Mapping[str, object]) -> None:
        """Set all parameters from PyTorch's names and layout; all or nothing.

        Parameters
        ----------
        values : dict of str to array or tensor
            As `state_dict` gives it.

        Raises
        ------
        TypeError, ValueError
            For a name that is unknown or missing, a wrong shape, NaN or infinity.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> one, other = (cr.Sequential([cr.Input(2), cr.Dense(1)], seed=seed) for seed in (1, 2))
        >>> other.load_state_dict(one.state_dict())
        """
        built = self._ready("load_state_dict")
        self._set(state.from_torch(values, built.shapes), "load_state_dict")

    def summary(self) -> None:
        """Print a table of the layers: kind, shape that comes out, number of parameters.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.Sequential([cr.Input(2), cr.Dense(8, "tanh"), cr.Dense(1)]).summary()
        layer    kind              output shape  parameters
        ---------------------------------------------------
        dense_0  Dense(8, 'tanh')  (rows, 8)             24
        dense_1  Dense(1)          (rows, 1)              9
        ---------------------------------------------------
        input (rows, 2), 33 parameters
        """
        print(summary.table(self._layers, None if self._built is None else self._built.features))

    def __repr__(self) -> str:
        size = "input unknown"
        if self._built is not None:
            count = summary.parameter_count(self._layers, self._built.features)
            size = f"{self._built.features} -> {self._built.outputs}, {count:,} parameters"
        return f"{type(self).__name__}([{', '.join(map(repr, self._layers))}], dtype={self._dtype!r}, {size})"

    def _accept(self, x: object, operation: str, name: str) -> tuple[Array, int]:
        """Check x against the model, or what the model would be built for."""
        rows = validation.matrix(x, operation, name)
        built = self._built
        if built is None:
            return rows, widths(self._layers, rows.shape[1])[-1]
        if rows.shape[1] != built.features:
            layer = type(self._layers[0]).__name__
            raise ValueError(f"{layer}: expected input with {built.features} features, got shape {rows.shape}")
        return rows, built.outputs

    def _ready(self, operation: str) -> Built:
        if self._built is None:
            raise ChainruleError(
                f"{operation}: expected a built model, got one whose input is unknown; fit it, call build(features), "
                "or begin with Input(features)"
            )
        return self._built

    def _set(self, values: Mapping[str, object], operation: str) -> None:
        built = self._ready(operation)
        built.network.set_parameters(state.checked(values, built.shapes, self._dtype, operation))


def _checked_layers(given: list[Layer | Input | Callable[..., Any]]) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for layer in given:
        if callable(layer) and not isinstance(layer, Layer | type):
            layer = Activation(layer)
        if isinstance(layer, Input):
            raise ValueError(f"Sequential: expected Input at the front, got it after {len(layers)} layers")
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential: expected layers, such as Dense(64, 'relu'), got {layer!r}")
        if any(layer is other for other in layers):
            raise ValueError(f"Sequential: expected each layer object once, got {layer!r} twice; layers do not share parameters")
        if layer.name is not None and any(layer.name == other.name for other in layers):
            raise ValueError(f"Sequential: expected each name once, got {layer.name!r} twice")
        layers.append(layer)
    if not layers:
        raise ValueError("Sequential: expected at least one layer, got none")
    return tuple(layers)


def _checked_dtype(given: object) -> str:
    try:
        name = np.dtype(given).name if given is not None else "None"  # type: ignore[call-overload]  # TypeError is the answer otherwise
    except TypeError:
        name = str(given)
    if name not in ("float32", "float64"):
        raise ValueError(f"Sequential: expected dtype 'float32' or 'float64', got {name!r}")
    return str(name)
