"""The Jacobians of one layer at one sample, in their structure.

Values come from the derivative rules of the layer's graph; here is only known which structure they have: functions of single elements
are diagonal, softmax is a diagonal and a matrix of rank one, and of z = x W + b the Jacobian in x is W^T and that in (W, b), W in C
order, is ``(x, 1) (x) I``. What is none of these is dense.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from chainrule.building import make_graph
from chainrule.operators import Dense, Diagonal, Identity, Kronecker, Operator
from chainrule.operators.chain import multiply
from chainrule.operators.recorded import ELEMENTWISE, SOFTMAXES, softmax_jacobian
from chainrule.structure import Structure
from chainrule.validation import Array


class LayerJacobians(NamedTuple):
    """M = dy/dx of shape (outputs, features), O = dy/da of shape (outputs, parameters), and y of shape (1, outputs)."""

    m: Operator
    o: Operator
    y: Array


def layer_jacobians(layer: Structure, x: Array, parameters: Mapping[str, Array]) -> LayerJacobians:
    """Return the Jacobians of a layer, for inference, at x of shape (1, features)."""
    local = _Local(layer, x, parameters)
    m, o = local.structured() or (local.dense_m(), local.dense_o())
    return LayerJacobians(m, o, local.value(local.output))


class _Local:
    """The graph of one layer and its values."""

    def __init__(self, layer: Structure, x: Array, parameters: Mapping[str, Array]) -> None:
        built = make_graph(layer, (x.shape[1],), x.dtype.name, training=False)
        graph = self.graph = built.graph
        (self.source,), (self.output,) = built.inputs, built.outputs
        self.feeds = {self.source: x}
        self.parameters = {name: node for node in range(len(graph)) if (name := self.parameter(node))}
        self.feeds |= {node: parameters[name] for name, node in self.parameters.items()}
        self.wanted = [self.parameters[name] for name, spec in layer.parameter_specs((x.shape[1],)).items() if spec.trained]

    def parameter(self, node: int) -> str:
        """Return the name of a parameter's node; of another, nothing."""
        return self.graph.name(node) if self.graph.operation(node) == "parameter" else ""

    def value(self, node: int) -> Array:
        """Return a node's value at the sample."""
        return self.graph.evaluate([node], self.feeds)[0]

    def pulled(self, node: int, cotangents: Array, wrt: int) -> Array:
        """Return what reverse mode makes of each row of cotangents of a node; of a parameter, the sum over the rows."""
        rows = len(cotangents)
        graph = self.graph
        cotangent = graph.input(f"cotangent {len(graph)}", (-1, cotangents.shape[1]))
        (derivative,) = graph.reverse([node], [cotangent], [wrt])
        if derivative == -1:
            shape = (rows, *graph.shape(wrt)[1:]) if graph.shape(wrt)[0] == -1 else graph.shape(wrt)
            return np.zeros(shape, cotangents.dtype)
        feeds = self.feeds | {self.source: np.repeat(self.feeds[self.source], rows, axis=0), cotangent: cotangents}
        return graph.evaluate([derivative], feeds)[0]

    def unit(self, columns: int) -> Array:
        """Return the rows of the identity."""
        return np.eye(columns, dtype=self.feeds[self.source].dtype)

    def dense_m(self) -> Dense:
        """Return M from a row of cotangents for each output."""
        return Dense(self.pulled(self.output, self.unit(self.graph.shape(self.output)[1]), self.source))

    def dense_o(self) -> Dense:
        """Return O from a backward phase for each output and parameter."""
        unit = self.unit(self.graph.shape(self.output)[1])
        parts = [np.reshape([self.pulled(self.output, g[None], node) for g in unit], (len(unit), -1)) for node in self.wanted]
        return Dense(np.concatenate([np.zeros((len(unit), 0), unit.dtype), *parts], axis=1))

    def steps(self) -> list[tuple[int, int]] | None:
        """Return the operations from the input to the output, each with the node it works on; None where they are no single line."""
        line = []
        node = self.output
        while node != self.source:
            before = [i for i in self.graph.inputs_of(node) if self.graph.operation(i) not in ("parameter", "constant")]
            if len(before) != 1:
                return None
            line.append((before[0], node))
            node = before[0]
        return line[::-1]

    def step(self, before: int, node: int) -> Operator | None:
        """Return the Jacobian of one operation in the node before it, or None where its structure is none that is known."""
        operation, columns = self.graph.operation(node), self.graph.shape(node)[1]
        with_parameter = any(self.parameter(i) for i in self.graph.inputs_of(node))
        if operation == "matmul" and with_parameter:
            return Dense(self.pulled(node, self.unit(columns), before))
        if operation == "add" and with_parameter:
            return Identity(columns, self.feeds[self.source].dtype)
        if operation in ELEMENTWISE and not with_parameter:
            return Diagonal(self.pulled(node, np.ones_like(self.unit(columns)[:1]), before)[0])
        return softmax_jacobian(operation, self.value(node)[0]) if operation in SOFTMAXES else None

    def structured(self) -> tuple[Operator, Operator] | None:
        """Return M and O, or None where a structure is none that is known."""
        steps = self.steps()
        if steps is None:
            return None
        m: Operator = Identity(self.graph.shape(self.source)[1], self.feeds[self.source].dtype)
        slope: Operator | None = None  # of y in z, which is affine in the parameters
        rows: dict[int, Array] = {}  # of the Jacobian of z in each parameter, row (x) I
        for before, node in steps:
            step = self.step(before, node)
            if step is None:
                return None
            m = multiply(step, m)
            slope = None if slope is None else multiply(step, slope)
            for parameter in filter(self.parameter, self.graph.inputs_of(node)):
                slope = Identity(m.shape[0], m.dtype) if slope is None else slope
                if not isinstance(slope, Identity):
                    return None
                first = self.pulled(node, self.unit(m.shape[0])[:1], parameter)
                rows[parameter] = first.reshape(-1, m.shape[0])[:, 0]
        if slope is None:
            return m, Dense(np.zeros((m.shape[0], 0), m.dtype))
        return m, Kronecker(np.concatenate([rows[node] for node in self.wanted])[None], slope)
