"""The derivatives along single edges of a graph, each by the operation's own rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import _core
from chainrule.graphs.node import Node


class LocalDerivatives:
    """Jacobians of nodes in their operands, computed when they are asked for and then kept.

    core: the native graph that the nodes stand for, number by number.
    """

    def __init__(self, core: _core.Graph, nodes: Sequence[Node]) -> None:
        self._core = core
        self._nodes = nodes
        self._known: dict[tuple[int, int], Any] = {}

    def __call__(self, edge: tuple[int, int]) -> Any:
        """Return d node / d operand, of shape T + S, for the node's number and the operand's place."""
        if edge not in self._known:
            jacobian = self._computed(*edge)
            jacobian.setflags(write=False)
            self._known[edge] = jacobian[()]
        return self._known[edge]

    def _computed(self, number: int, place: int) -> Any:
        node = self._nodes[number]
        graph, operands, result = self._core.alone(number)
        feeds = {
            operand: self._nodes[i].value
            for operand, i in zip(operands, node.inputs, strict=True)
            if graph.operation(operand) == "input"
        }
        x, y = self._nodes[node.inputs[place]].value, node.value
        reverse = y.size <= x.size
        like = y if reverse else x
        seed = graph.input("seed", like.shape)
        if reverse:
            (wanted,) = graph.reverse([result], [seed], [operands[place]])
        else:
            (wanted,) = graph.forward([operands[place]], [seed], [result])
        jacobian = np.zeros((y.size, x.size), y.dtype)
        if wanted >= 0:
            for i in range(like.size):
                unit = np.zeros(like.shape, like.dtype)
                unit.reshape(-1)[i] = 1
                (found,) = graph.evaluate([wanted], {**feeds, seed: unit})
                jacobian[(i, slice(None)) if reverse else (slice(None), i)] = found.reshape(-1)
        return jacobian.reshape(y.shape + x.shape)
