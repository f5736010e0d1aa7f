"""What a picture of a graph shows: boxes with lines of text, and arrows. How it is drawn is for `svg` and `dot` to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainrule.graphs.node import Node
from chainrule.graphs.previews import grid, number, shape_text, shortened

Tone = Literal["title", "muted", "value", "derivative"]
Kind = Literal["input", "output", "constant", "inner"]


@dataclass(frozen=True)
class Box:
    """A node: its lines of text, each with what it speaks of."""

    name: str
    kind: Kind
    lines: tuple[tuple[str, Tone], ...]


@dataclass(frozen=True)
class Arrow:
    """An edge between two boxes; the label is the derivative along it, where both ends are single numbers."""

    source: int
    target: int
    label: str
    back: bool


@dataclass(frozen=True)
class Picture:
    """Boxes in an order in which arrows lead from earlier to later ones; `of` is what the derivatives are derivatives of."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    of: str


def _is_drawn(node: Node) -> bool:
    """Whether a node has a box: constants that are one number stand in formulas, positions of elements say little."""
    return node.operation != "constant" or (node.value.ndim > 0 and node.value.dtype.kind == "f")


def _lines(node: Node) -> tuple[tuple[str, Tone], ...]:
    name = shortened(node.name, 30)
    lines: list[tuple[str, Tone]] = [(f"{name} = {node.formula}" if node.formula else name, "title")]
    if node.shape:
        lines.append((shape_text(node.shape), "muted"))
    lines += [(("= " if i == 0 else "  ") + line, "value") for i, line in enumerate(grid(node.value))]
    if node.derivative is not None:
        lines += [(("∂ " if i == 0 else "  ") + line, "derivative") for i, line in enumerate(grid(node.derivative))]
    return tuple(lines)


def _kind(node: Node, outputs: Sequence[Node]) -> Kind:
    if node in outputs:
        return "output"
    if node.operation == "input":
        return "input"
    return "constant" if node.operation == "constant" else "inner"


def picture(nodes: Sequence[Node], outputs: Sequence[Node], local: Callable[[tuple[int, int]], Any], of: str) -> Picture:
    """Return what a picture shows; local: the derivative along an edge, by the node that it leads to and the operand's place."""
    shown = [node for node in nodes if _is_drawn(node) or node in outputs]
    place = {node.number: i for i, node in enumerate(shown)}
    arrows = []
    for node in shown:
        for i, operand in enumerate(node.inputs):
            if operand not in place:
                continue
            source = nodes[operand]
            back = source.derivative is not None and node.derivative is not None
            label = number(local((node.number, i)), 3) if back and not source.shape and not node.shape else ""
            arrows.append(Arrow(place[operand], place[node.number], label, back))
    boxes = tuple(Box(node.name, _kind(node, outputs), _lines(node)) for node in shown)
    return Picture(boxes, tuple(arrows), of)
