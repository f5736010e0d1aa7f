"""A built model as a list of calls with their numbers: what is written into other formats.

Values are numbered: first the inputs, after their scaling, then what each call makes. A layer that does several things makes several
calls (a `Dense` with an activation two), so that a format needs one function for each thing; composite layers are taken apart.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.activations import Linear
from chainrule.layers import Activation, Dense, Dropout, Layer
from chainrule.normalization import BatchNorm
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.stack import Stack


class Call(NamedTuple):
    """A layer on numbered values. `name` is unique; `parameters` by the layer's names for them, kernels (in, out)."""

    layer: Layer
    inputs: tuple[int, ...]
    output: int
    name: str
    parameters: dict[str, Array]


class Calls(NamedTuple):
    """The calls in order, the columns of each value, the scales of the inputs and the values of the outputs, both by name."""

    calls: list[Call]
    columns: list[int]
    inputs: dict[str, float]
    outputs: dict[str, int]
    dtype: str

    def last_use(self) -> dict[int, int]:
        """Return for each value the number of the last call that reads it; of what goes out, one past the end."""
        last = {value: number for number, call in enumerate(self.calls) for value in call.inputs}
        return last | dict.fromkeys(self.outputs.values(), len(self.calls))


def layer_calls(model: "Stack", operation: str, *, inference: bool) -> Calls:
    """Return the calls of a model, for inference without those that do nothing then; ChainruleError where it is not built."""
    built = model._ready(operation)
    structure, stored = model._structure, model.parameters()
    numbers = list(range(len(built.features)))  # of the structure's values among those here
    columns = list(built.features)
    calls: list[Call] = []
    for (layer, operands, place, _), width in zip(structure.calls, structure.widths(built.features)[len(columns) :], strict=True):
        begin = f"{place.prefix}."
        values = {spec.name: stored[begin + spec.name] for spec in layer.parameters(columns[numbers[operands[0]]])}
        parts: list[tuple[Layer, str, int]] = [(layer, place.prefix, width)]
        if isinstance(layer, Dense) and not isinstance(layer.activation, Linear):
            parts = [
                (layer, place.prefix, layer.units),
                (Activation(layer.activation), f"{place.prefix}-{layer.activation.name}", width),
            ]
        sources = tuple(numbers[operand] for operand in operands)
        for part, name, after in parts:
            if inference and _is_identity(part):
                continue
            columns.append(after)
            calls.append(Call(part, sources, len(columns) - 1, name, values if part is layer else {}))
            sources = (len(columns) - 1,)
        numbers.append(sources[0])
    outputs = {name or "y": numbers[value] for name, value in structure.outputs.items()}
    return Calls(calls, columns, structure.inputs, outputs, model.dtype)


def batch_norm_factor(call: Call) -> Array:
    """Return what a `BatchNorm` multiplies by when it predicts, once the mean is taken away: scale / sqrt(variance + epsilon)."""
    assert isinstance(call.layer, BatchNorm)
    variance = call.parameters["running_var"].astype(np.float64) + call.layer.epsilon
    return call.parameters["scale"] / np.sqrt(variance)


def _is_identity(layer: Layer) -> bool:
    return isinstance(layer, Dropout) or (isinstance(layer, Activation) and isinstance(layer.activation, Linear))


def unsupported(operation: str, call: Call) -> TypeError:
    """Make the error for a layer that a format has no words for."""
    return TypeError(f"{operation}: expected layers and activations of chainrule's own, got {call.layer!r}")
