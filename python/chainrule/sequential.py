"""Sequential: layers in a row."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chainrule import _core, spans, validation
from chainrule.layers import Activation, Layer
from chainrule.sample_gradients import SampleGradients
from chainrule.sparse import dense
from chainrule.stack import Stack
from chainrule.structure import chain, each
from chainrule.validation import Array
from chainrule.values import Input

if TYPE_CHECKING:
    from chainrule.jacobians import Jacobians

__all__ = ["Sequential"]


class Sequential(SampleGradients):
    """Layers applied one after the other.

    Parameters
    ----------
    layers : sequence of Layer or function
        The layers, each object once; a function of arrays is taken as `Activation(function)`. The first may be `Input(features)`;
        otherwise the first fit tells the input's width.
    seed : int, default 0
        Keys everything random: initial values, shuffling, dropout. From 0 to 2**64 - 1.
    dtype : {"float32", "float64"}, default "float32"
        What parameters are stored, and everything is computed, in.

    Attributes
    ----------
    history : History or None
        Of the last fit, also of one that was interrupted.
    stop_training : bool
        Set to True by a callback, or from another thread, to end a fit.

    Raises
    ------
    TypeError, ValueError
        For anything that is no layer, no layer at all, a layer or a layer's name given twice, another dtype.

    Notes
    -----
    The same seed and data give the same bits for any number of threads and any instruction set.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> y = np.array([0, 1, 1, 0])
    >>> model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], seed=1)
    >>> history = model.fit(x, y, epochs=2000, batch_size=4, loss="mse", optimizer=cr.SGD(0.1), verbose=0)
    >>> model.predict(x).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(self, layers: Iterable[Layer | Input | Callable[..., Any]], *, seed: int = 0, dtype: object = "float32") -> None:
        if isinstance(layers, Layer | Input) or not isinstance(layers, Iterable):
            raise TypeError(f"Sequential: expected a list of layers, got {layers!r}")
        given = list(layers)
        first = given[0] if given and isinstance(given[0], Input) else None
        self._layers = _checked_layers(given if first is None else given[1:])
        super().__init__(chain(self._layers, 1.0 if first is None else first.scale), seed=seed, dtype=dtype)
        if first is not None:
            self.build(first.width)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without `Input`."""
        return list(self._layers)

    def predict(self, x: object) -> Array:
        """Return the last layer's values.

        Parameters
        ----------
        x : array of shape (rows, features)
            As for `fit`, a CSR matrix included; may have no rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Of the model's dtype.

        Raises
        ------
        TypeError, ValueError, IndexError
            For an x that does not fit; IndexError for a number that an `Embedding` does not know.
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
        if spans.on_model is not None:
            spans.on_model(self)
        rows = self._checked(x, 0, "predict", "x")
        if len(rows) == 0:
            return self._predict(x)[0]
        return network.predict(rows, self._scales[0])

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
        (rows,) = self._accept(sample[None], "jacobians", "x").x
        _core.require_finite(rows, "jacobians", "x")
        return jacobians(each(self._layers), dense(rows, "jacobians").astype(self._dtype), self._scales[0], self.parameters())

    def __repr__(self) -> str:
        return f"{type(self).__name__}([{', '.join(map(repr, self._layers))}], dtype={self._dtype!r}, {self._size()})"


def _checked_layers(given: list[Layer | Input | Callable[..., Any]]) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for layer in given:
        if isinstance(layer, Stack):
            kind = type(layer).__name__
            raise TypeError(
                f"Sequential: expected layers, got a {kind}: a model is no layer, *model.layers in the list puts its there"
            )
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
