"""From the structure of a model to native graphs and a native network with its initial parameters."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chainrule._core import Graph, Network
from chainrule.structure import Structure
from chainrule.validation import Array


class BuiltGraph(NamedTuple):
    """A graph with the nodes where rows go in and come out."""

    graph: Graph
    inputs: list[int]
    outputs: list[int]


class Built(NamedTuple):
    """A native network with its widths on both sides and its parameters' shapes."""

    network: Network
    features: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]]
    trained: frozenset[str]  # the parameters that an optimizer changes

    @property
    def parameter_count(self) -> int:
        """The number of all trained parameters' elements."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name in self.trained)


def make_graph(structure: Structure, features: Sequence[int], dtype: str, *, training: bool) -> BuiltGraph:
    """Return the graph of the layers: with dropout and the batch's statistics for training, without for inference."""
    graph = Graph(dtype)
    nodes = [graph.input(name, (-1, columns)) for name, columns in zip(structure.inputs, features, strict=True)]
    inputs = list(nodes)
    for call in structure.calls:
        nodes.append(call.layer.add_to(graph, tuple(nodes[i] for i in call.operands), call.place, training))
    return BuiltGraph(graph, inputs, [nodes[i] for i in structure.outputs.values()])


def build(structure: Structure, features: Sequence[int], dtype: str, seed: int, values: Mapping[str, Array] | None = None) -> Built:
    """Return a network with these values of all parameters, or with initial ones, keyed by the seed and each parameter's number."""
    widths = structure.output_widths(features)
    built = make_graph(structure, features, dtype, training=False)
    network = Network(built.graph, built.inputs, built.outputs)
    specs = structure.parameter_specs(features)
    if values is None:
        values = {name: spec.initial.values(spec.shape, seed, key) for key, (name, spec) in enumerate(specs.items())}
    network.set_parameters(values)
    shapes = {name: spec.shape for name, spec in specs.items()}
    return Built(network, tuple(features), widths, shapes, frozenset(name for name, spec in specs.items() if spec.trained))
