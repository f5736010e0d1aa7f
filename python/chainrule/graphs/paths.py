"""Paths through a graph, their products, and their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.graphs.node import Node

Edge = tuple[int, int]
"""An edge by the node that it leads to and its place among that node's operands."""


class Path:
    """A way from one node of a graph to another, along which a derivative flows.

    Attributes
    ----------
    nodes : tuple of Node
        From source to target.
    operands : tuple of int
        For each edge, its place among the operands of the node that it leads to.
    """

    __slots__ = ("_jacobian", "nodes", "operands")

    def __init__(self, nodes: tuple[Node, ...], operands: tuple[int, ...], jacobian: Callable[[Edge], Any]) -> None:
        self.nodes = nodes
        self.operands = operands
        self._jacobian = jacobian

    @property
    def edges(self) -> tuple[Any, ...]:
        """The derivative along each edge: of shape T + S from a node of shape S to one of shape T."""
        return tuple(self._jacobian((node.number, i)) for node, i in zip(self.nodes[1:], self.operands, strict=True))

    @property
    def product(self) -> Any:
        """The edges' derivatives multiplied: of shape T + S from a source of shape S to a target of shape T."""
        source = self.nodes[0]
        edges = self.edges
        if not edges:
            return np.eye(source.value.size, dtype=source.value.dtype).reshape(2 * source.shape)[()]
        product = edges[-1]
        for node, edge in zip(self.nodes[-2:0:-1], edges[-2::-1], strict=True):
            product = np.tensordot(product, edge, axes=len(node.shape)) if node.shape else np.multiply.outer(product, edge)
        return np.asarray(product)[()]

    def __len__(self) -> int:
        return len(self.operands)

    def __repr__(self) -> str:
        names = [node.name for node in self.nodes]
        return f"Path({' -> '.join(names if len(names) <= 12 else [*names[:6], '...', *names[-5:]])})"


def leading_to(nodes: Sequence[Node], targets: Sequence[int]) -> set[int]:
    """Return the nodes that targets depend on, themselves among them."""
    found = set(targets)
    for number in range(max(targets, default=-1), -1, -1):
        if number in found:
            found.update(nodes[number].inputs)
    return found


def led_to_from(nodes: Sequence[Node], sources: Sequence[int]) -> set[int]:
    """Return the nodes that depend on sources, themselves among them."""
    found = set(sources)
    for node in nodes[min(sources, default=0) :]:
        if not found.isdisjoint(node.inputs):
            found.add(node.number)
    return found


def walk(nodes: Sequence[Node], source: int, target: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the numbers of the nodes and the operands of each path, one path at a time."""
    between = leading_to(nodes, [target]) & led_to_from(nodes, [source])
    if source == target:
        yield [source], []
        return
    following: dict[int, list[Edge]] = {number: [] for number in between}
    for number in sorted(between):
        for place, operand in enumerate(nodes[number].inputs):
            if operand in between:
                following[operand].append((number, place))
    trail, operands = [source], [-1]
    choices = [iter(following.get(source, ()))]
    while choices:
        number, place = next(choices[-1], (-1, -1))
        if number < 0:
            choices.pop()
            trail.pop()
            operands.pop()
        elif number == target:
            yield [*trail, number], [*operands[1:], place]
        else:
            trail.append(number)
            operands.append(place)
            choices.append(iter(following[number]))


def count(nodes: Sequence[Node], source: int, target: int) -> int:
    """Return the number of paths: for each node the sum over its operands, once from the first to the last."""
    ways = {source: 1}
    for node in nodes[source + 1 : target + 1]:
        total = sum(ways.get(operand, 0) for operand in node.inputs)
        if total:
            ways[node.number] = total
    return ways.get(target, 0)
