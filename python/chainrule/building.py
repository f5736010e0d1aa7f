"""From layers to native graphs and a native network with its initial parameters."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from chainrule._core import Graph, Network
from chainrule.layers import Layer, ParameterSpec, Place

INPUT_NAME = "x"


class BuiltGraph(NamedTuple):
    """A graph with the nodes where rows go in and come out."""

    graph: Graph
    input: int
    output: int


class Built(NamedTuple):
    """A native network with its width on both sides and its parameters' shapes."""

    network: Network
    features: int
    outputs: int
    shapes: dict[str, tuple[int, ...]]

    @property
    def parameter_count(self) -> int:
        """The number of all parameters' elements."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def places(layers: Sequence[Layer]) -> list[Place]:
    """Name the layers: parameters by the layer's name or position ("0.kernel"), nodes by its name or kind and position ("dense_0")."""
    return [Place(i, layer.name or f"{type(layer).__name__.lower()}_{i}", layer.name or str(i)) for i, layer in enumerate(layers)]


def widths(layers: Sequence[Layer], features: int) -> list[int]:
    """Return the number of columns before the first layer and after each."""
    result = [features]
    for layer in layers:
        result.append(layer.outputs(result[-1]))
    return result


def parameter_specs(layers: Sequence[Layer], features: int) -> dict[str, ParameterSpec]:
    """Return every parameter by its full name, in order."""
    return {
        f"{place.prefix}.{spec.name}": spec
        for layer, place, width in zip(layers, places(layers), widths(layers, features), strict=False)
        for spec in layer.parameters(width)
    }


def make_graph(layers: Sequence[Layer], features: int, dtype: str, *, training: bool) -> BuiltGraph:
    """Return the graph of the layers: with dropout for training, without for inference."""
    graph = Graph(dtype)
    source = node = graph.input(INPUT_NAME, (-1, features))
    for layer, place in zip(layers, places(layers), strict=True):
        node = layer.add_to(graph, node, place, training)
    return BuiltGraph(graph, source, node)


def build(layers: Sequence[Layer], features: int, dtype: str, seed: int) -> Built:
    """Return a network with its initial parameters, keyed by the seed and each parameter's number."""
    built = make_graph(layers, features, dtype, training=False)
    network = Network(built.graph, built.input, built.output)
    specs = parameter_specs(layers, features)
    network.set_parameters({name: spec.initial.values(spec.shape, seed, key) for key, (name, spec) in enumerate(specs.items())})
    return Built(network, features, widths(layers, features)[-1], {name: spec.shape for name, spec in specs.items()})
