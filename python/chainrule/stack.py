"""Layers with their parameters: what a model is before anything trains it."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from chainrule import state, validation
from chainrule.building import Built, build
from chainrule.data import Accepted, by_name
from chainrule.errors import ChainruleError
from chainrule.frames import column_names, is_frame, matrix_of
from chainrule.layers import Dense, Layer
from chainrule.sparse import Features, SparseRows, features
from chainrule.structure import Structure
from chainrule.validation import Array

T = TypeVar("T", bound="Stack")


class Stack:
    """Structure, parameters and prediction of any model; `Trainable` adds training."""

    def __init__(self, structure: Structure, *, seed: int, dtype: object) -> None:
        kind = type(self).__name__
        self._structure = structure
        self._input_names = list(structure.inputs)
        self._scales = structure.scales
        self._seed = validation.integer(seed, kind, "seed", 0, 2**64 - 1)
        self._dtype = _checked_dtype(dtype, kind)
        self._built: Built | None = None
        self._columns: list[list[str] | None] = [None] * len(self._input_names)  # of frames trained on, by input

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order in which they are computed, composite ones taken apart."""
        return list(self._structure.layers)

    @property
    def seed(self) -> int:
        """What keys everything random."""
        return self._seed

    @property
    def dtype(self) -> str:
        """What parameters are stored, and everything is computed, in."""
        return self._dtype

    @property
    def feature_names(self) -> list[str] | dict[str, list[str]] | None:
        """The columns of the frame that the model was first trained on; of several inputs a dict, for those with a frame. None without."""
        known = {name: list(columns) for name, columns in zip(self._input_names, self._columns, strict=True) if columns is not None}
        return (known if len(self._columns) > 1 else known[self._input_names[0]]) if known else None

    def build(self: T, *features: int) -> T:
        """Make the parameters for inputs of `features` columns; done by the first fit where it was not done before.

        Parameters
        ----------
        *features : int
            Columns of x; of several inputs, each one's.

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
        widths = tuple(validation.integer(one, "build", "features", 1) for one in features)
        if len(widths) != len(self._structure.inputs):
            raise ValueError(f"build: expected the features of {len(self._structure.inputs)} inputs, got {len(widths)}")
        if self._built is None:
            self._built = build(self._structure, widths, self._dtype, self._seed)
        elif widths != self._built.features:
            raise ValueError(
                f"build: expected {_numbers(self._built.features)} features, for which the model is built, got {_numbers(widths)}"
            )
        return self

    def _predict_rows(self, x: list[Features], operation: str) -> list[Array]:
        """Return the values of each output for rows that are checked."""
        with validation.named(operation):
            return self._ready(operation).network.predict_all(x, self._scales)

    def _predict(self, x: object) -> list[Array]:
        """Return the values of each output."""
        network = self._ready("predict").network
        arrays, outputs = self._accept(x, "predict", "x")
        if len(arrays[0]) == 0:
            return [np.empty((0, columns), self._dtype) for columns in outputs]
        if len(arrays) == len(outputs) == 1:
            return [network.predict(arrays[0], self._scales[0])]
        return network.predict_all(arrays, self._scales)

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

    def _accept(self, x: object, operation: str, name: str, keep_names: bool = False) -> Accepted:
        """Check x against the model, or what the model would be built for; of frames to train on the columns' names are kept."""
        names = self._input_names
        if len(names) == 1 and not isinstance(x, Mapping):  # the common case, and single rows are predicted in microseconds
            arrays = [self._checked(x, 0, operation, name, keep_names)]
        else:
            given = by_name(x, names, operation, name, "input")
            labels = [f"{name}[{key!r}]" if len(names) > 1 else name for key in names]
            pairs = enumerate(zip(given, labels, strict=True))
            arrays = [self._checked(one, i, operation, label, keep_names) for i, (one, label) in pairs]
            for array, label in zip(arrays, labels, strict=True):
                if len(array) != len(arrays[0]):
                    raise ValueError(f"{operation}: expected {label} with {len(arrays[0])} rows, got {len(array)}")
        built = self._built
        if built is None:
            return Accepted(arrays, self._structure.output_widths([array.shape[1] for array in arrays]))
        return Accepted(arrays, built.outputs)

    def _checked(self, x: object, number: int, operation: str, name: str, keep_names: bool = False) -> Features:
        """Check what is given for one input."""
        if type(x) is np.ndarray:
            array: Features = validation.matrix(x, operation, name)
        else:
            if is_frame(x):
                if keep_names and self._columns[number] is None:
                    self._columns[number] = column_names(x, operation, name)
                x = matrix_of(x, self._columns[number], operation, name)
            array = features(x, operation, name)
            if isinstance(array, SparseRows):
                self._require_dense_layers(number, name)
        built = self._built
        if built is not None and array.shape[1] != built.features[number]:
            raise ValueError(
                f"{self._taker(number)}: expected input with {built.features[number]} features, got shape {array.shape}"
            )
        return array

    def _require_dense_layers(self, number: int, name: str) -> None:
        """Raise TypeError where a sparse input goes to anything but `Dense` layers, which alone multiply it with a matrix."""
        takers: list[type] = [type(call.layer) for call in self._structure.calls if number in call.operands]
        if number in self._structure.outputs.values():
            takers.append(type(self))
        for kind in takers:
            if not issubclass(kind, Dense):
                raise TypeError(
                    f"{kind.__name__}: expected {name} as a dense array, got a sparse one, which only Dense layers take; "
                    f"convert it with {name}.toarray()"
                )

    def _taker(self, number: int) -> str:
        """Return who takes an input, for errors."""
        kinds = [type(call.layer).__name__ for call in self._structure.calls if number in call.operands]
        return kinds[0] if kinds else type(self).__name__

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


def _numbers(widths: tuple[int, ...]) -> str:
    return " and ".join(map(str, widths))


def _checked_dtype(given: object, operation: str) -> str:
    try:
        name = np.dtype(given).name if given is not None else "None"  # type: ignore[call-overload]  # TypeError is the answer otherwise
    except TypeError:
        name = str(given)
    if name not in ("float32", "float64"):
        raise ValueError(f"{operation}: expected dtype 'float32' or 'float64', got {name!r}")
    return str(name)
