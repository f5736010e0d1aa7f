"""Model: layers put together in any way, with several inputs and outputs."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from chainrule import spans, validation
from chainrule.model import Trainable
from chainrule.structure import network
from chainrule.validation import Array
from chainrule.values import Input, Value

__all__ = ["Model"]

V = TypeVar("V", bound=Value)


class Model(Trainable):
    """What is computed from inputs to outputs, by layers called on values.

    Parameters
    ----------
    inputs : Input, or a list or dict of Input
        What x is given for: an array, a list of arrays or a dict by name. Names come from the dict, else from `Input(name=...)`, else
        they are "input_0", "input_1", ...
    outputs : Value, or a list or dict of Value
        What is predicted, and what y, losses and metrics are given for. Names come from the dict, else from the layers' names, else
        they are "output_0", "output_1", ...
    seed : int, default 0
        Keys everything random, as for `Sequential`.
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
        For what is no input or no value, an input that no output is made from, or the other way round, and a layer called twice.

    Notes
    -----
    Parameters are called by the layers' names, or by their position in the order in which they are computed: ``summary`` shows it.

    Examples
    --------
    Two inputs, two outputs with a loss each:

    >>> import numpy as np
    >>> import chainrule as cr
    >>> numbers, kind = cr.Input(3, name="numbers"), cr.Input(1, name="kind")
    >>> h = cr.concatenate([numbers, cr.Embedding(5, 2)(kind)])
    >>> h = cr.Residual(cr.Dense(5, "relu"), cr.Dense(5))(h)
    >>> model = cr.Model([numbers, kind], {"price": cr.Dense(1)(h), "sold": cr.Dense(2)(h)})
    >>> x = {"numbers": np.ones((4, 3)), "kind": np.array([[0], [1], [2], [4]])}
    >>> y = {"price": np.zeros(4), "sold": np.array([0, 1, 0, 1])}
    >>> history = model.fit(x, y, loss={"price": "mse", "sold": "cross_entropy"}, loss_weights={"price": 0.5, "sold": 1},
    ...                     metrics={"sold": "accuracy"}, verbose=0)
    >>> list(history.history)
    ['loss', 'price_loss', 'sold_loss', 'sold_accuracy']
    >>> [part.shape for part in model.predict(x)]
    [(4, 1), (4, 2)]
    """

    def __init__(
        self,
        inputs: Input | Sequence[Input] | Mapping[str, Input],
        outputs: Value | Sequence[Value] | Mapping[str, Value],
        *,
        seed: int = 0,
        dtype: object = "float32",
    ) -> None:
        named_inputs = _named(inputs, Input, "inputs", "input")
        named_outputs = _named(outputs, Value, "outputs", "output")
        super().__init__(network(named_inputs, named_outputs), seed=seed, dtype=dtype)
        self.build(*(value.width for value in named_inputs.values()))

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return list(self._structure.inputs)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return list(self._structure.outputs)

    def predict(self, x: object) -> Array | list[Array]:
        """Return the values of the outputs.

        Parameters
        ----------
        x : array of shape (rows, features), or a list or dict of such
            As for `fit`, a CSR matrix included; may have no rows.

        Returns
        -------
        ndarray of shape (rows, columns), of several outputs a list of such
            Of the model's dtype.

        Raises
        ------
        TypeError, ValueError, IndexError
            For an x that does not fit; IndexError for a number that an `Embedding` does not know.

        Examples
        --------
        >>> import chainrule as cr
        >>> x = cr.Input(2)
        >>> cr.Model(x, cr.add([x, x])).predict([[1.0, 2.0]])
        array([[2., 4.]], dtype=float32)
        """
        if spans.on_model is not None:
            spans.on_model(self)
        values = self._predict(x)
        return values[0] if len(values) == 1 else values

    def __call__(self, x: object) -> Array | list[Array]:
        """Return `predict(x)`."""
        return self.predict(x)

    def __repr__(self) -> str:
        names = f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}"
        return f"{type(self).__name__}({names}, {len(self._structure.calls)} layers, dtype={self._dtype!r}, {self._size()})"


def _named(given: V | Sequence[V] | Mapping[str, V], kind: type[V], name: str, stem: str) -> dict[str, V]:
    """Return what is given by name."""
    if isinstance(given, Mapping):
        pairs = [(validation.word(key, "Model", f"a name of {name}") or stem, value) for key, value in given.items()]
    else:
        values = [given] if isinstance(given, Value) else list(given) if isinstance(given, list | tuple) else given
        if not isinstance(values, list):
            raise TypeError(f"Model: expected {name} as a value, or a list or dict of values, got {type(given).__name__}")
        own = [getattr(value, "name", None) or getattr(getattr(value, "layer", None), "name", None) for value in values]
        pairs = [(own[i] or (f"{stem}_{i}" if len(values) > 1 else stem), value) for i, value in enumerate(values)]
    if not pairs:
        raise ValueError(f"Model: expected at least one of {name}, got none")
    for _, value in pairs:
        if not isinstance(value, kind):
            raise TypeError(f"Model: expected {name} of type {kind.__name__}, got {value!r}")
    result = dict(pairs)
    if len(result) < len(pairs) or len({id(value) for value in result.values()}) < len(result):
        raise ValueError(f"Model: expected {name} each once, with a name each, got {', '.join(key for key, _ in pairs)}")
    return result
