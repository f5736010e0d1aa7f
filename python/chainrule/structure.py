"""The structure of a model: its layers in the order in which they are computed, and which values go into each.

Values are numbered: first the inputs, then what each call gives. A composite layer is replaced by the layers that it is made of.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chainrule.layers import Composite, Layer, ParameterSpec, Place
from chainrule.values import Input, Value


class Call(NamedTuple):
    """A layer with the numbers of the values that it is called on."""

    layer: Layer
    operands: tuple[int, ...]
    place: Place
    owners: tuple[Layer, ...] = ()  # the composite layers that it is a part of


class Structure(NamedTuple):
    """Inputs by name with their scales, calls, and the numbers of the values that come out, by name."""

    inputs: dict[str, float]
    calls: tuple[Call, ...]
    outputs: dict[str, int]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, composite ones taken apart."""
        return tuple(call.layer for call in self.calls)

    @property
    def scales(self) -> list[float]:
        """What each input is multiplied by."""
        return list(self.inputs.values())

    def widths(self, features: Sequence[int]) -> list[int]:
        """Return the number of columns of each value, inputs first."""
        result = list(features)
        for call in self.calls:
            result.append(call.layer.outputs(*(result[i] for i in call.operands)))
        return result

    def output_widths(self, features: Sequence[int]) -> tuple[int, ...]:
        """Return the number of columns of each output."""
        widths = self.widths(features)
        return tuple(widths[i] for i in self.outputs.values())

    def parameter_specs(self, features: Sequence[int]) -> dict[str, ParameterSpec]:
        """Return every parameter by its full name, in order."""
        widths = self.widths(features)
        return {
            f"{call.place.prefix}.{spec.name}": spec
            for call in self.calls
            for spec in call.layer.parameters(widths[call.operands[0]])
        }

    def penalties(self) -> dict[str, tuple[float, float]]:
        """Return (l1, l2) of the parameters that have a penalty, by their full names."""
        return {f"{call.place.prefix}.{name}": value for call in self.calls for name, value in call.layer.penalties().items()}


def chain(layers: Sequence[Layer], scale: float) -> Structure:
    """Return the structure of layers one after the other."""
    builder = _Builder("Sequential", ["x"])
    last = 0
    for position, layer in enumerate(layers):
        last = builder.add(layer, (last,), Naming(layer.name or str(position), layer.name))
    return Structure({"x": scale}, tuple(builder.calls), {"": last})


def each(layers: Sequence[Layer]) -> list[Structure]:
    """Return each layer of a chain as a structure of its own, under the names that it has there."""
    parts = []
    for position, layer in enumerate(layers):
        builder = _Builder("Sequential", ["x"])
        last = builder.add(layer, (0,), Naming(layer.name or str(position), layer.name))
        parts.append(Structure({"x": 1.0}, tuple(builder.calls), {"": last}))
    return parts


def network(inputs: Mapping[str, Input], outputs: Mapping[str, Value]) -> Structure:
    """Return the structure of the layers between inputs and outputs; an output alone may have no name."""
    builder = _Builder("Model", list(inputs))
    numbers = {id(value): i for i, value in enumerate(inputs.values())}
    for value in in_order(outputs.values()):
        if id(value) in numbers:
            continue
        if value.layer is None:
            raise ValueError(f"Model: expected all inputs that the outputs are made from, got none of {value!r}")
        layer = value.layer
        position = builder.position
        operands = tuple(numbers[id(operand)] for operand in value.operands)
        numbers[id(value)] = builder.add(layer, operands, Naming(layer.name or str(position), layer.name))
    for name, value in inputs.items():
        if not any(numbers[id(value)] in call.operands for call in builder.calls):
            raise ValueError(f"Model: expected inputs that the outputs are made from, got {name!r}, which no layer takes")
    return Structure(
        {name: value.scale for name, value in inputs.items()},
        tuple(builder.calls),
        {name: numbers[id(value)] for name, value in outputs.items()},
    )


def in_order(outputs: Iterable[Value]) -> list[Value]:
    """Return the values that outputs are made from, operands before what is made from them; without recursion, for deep models."""
    order: list[Value] = []
    seen: set[int] = set()
    stack = [(value, False) for value in reversed(list(outputs))]
    while stack:
        value, operands_done = stack.pop()
        if operands_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            stack.append((value, True))
            stack.extend((operand, False) for operand in reversed(value.operands))
    return order


class Naming(NamedTuple):
    """The prefix of a layer's parameters, and the name that its nodes begin with where it has one."""

    prefix: str
    label: str | None


class _Builder:
    """Adds calls, composite layers taken apart."""

    def __init__(self, operation: str, inputs: Sequence[str]) -> None:
        self.operation = operation
        self.calls: list[Call] = []
        self.position = 0  # of the next layer among those that the caller has named
        self._inputs = len(inputs)
        self._layers: set[int] = set()
        self._prefixes: set[str] = set()
        self._owners: list[Layer] = []

    def add(self, layer: Layer, operands: tuple[int, ...], naming: Naming) -> int:
        """Add a layer of the caller's and return the number of its value."""
        self.position += 1
        return self._add(layer, operands, naming)

    def _add(self, layer: Layer, operands: tuple[int, ...], naming: Naming) -> int:
        if id(layer) in self._layers:
            raise ValueError(
                f"{self.operation}: expected each layer object once, got {layer!r} twice; layers do not share parameters"
            )
        if naming.prefix in self._prefixes:
            raise ValueError(f"{self.operation}: expected each name once, got {naming.prefix!r} twice")
        self._layers.add(id(layer))
        self._prefixes.add(naming.prefix)
        if isinstance(layer, Composite):
            return self._expand(layer, operands, naming)
        position = len(self.calls)
        kind = type(layer).__name__.lower()
        label = naming.label or f"{kind}_{naming.prefix}"
        self.calls.append(Call(layer, operands, Place(position, label, naming.prefix), tuple(self._owners)))
        return self._inputs + position

    def _expand(self, layer: Composite, operands: tuple[int, ...], naming: Naming) -> int:
        # Of unknown width: what the layers inside make of it is checked when the model is built.
        sources = [Value(None) for _ in operands]
        result = layer.call(*sources)
        numbers = {id(source): operand for source, operand in zip(sources, operands, strict=True)}
        self._owners.append(layer)
        count = 0
        for value in in_order([result]):
            if id(value) in numbers:
                continue
            if value.layer is None:
                raise ValueError(f"{type(layer).__name__}: expected values made from those that it is called on, got {value!r}")
            inner = value.layer
            own = f"{naming.prefix}.{inner.name or count}"
            label = f"{naming.label}.{inner.name or count}" if naming.label else None
            numbers[id(value)] = self._add(inner, tuple(numbers[id(operand)] for operand in value.operands), Naming(own, label))
            count += 1
        self._owners.pop()
        return numbers[id(result)]
