"""Both phases of a graph as text, a line for each node."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.graphs.node import Node
from chainrule.graphs.previews import one_line, shortened


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells with columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def table(nodes: Sequence[Node], of: str) -> str:
    """Return the forward phase from first to last and the backward phase from last to first; of: what derivatives are of."""
    consumers: dict[int, dict[str, None]] = {}
    for node in nodes:
        if node.derivative is not None:
            for operand in node.inputs:
                consumers.setdefault(operand, {})[node.name] = None
    forward = [("node", "operation", "computes", "shape", "value")]
    forward += [(n.name, n.operation, n.formula, str(n.shape), one_line(n.value)) for n in nodes]
    backward = [("node", "from", "shape", "derivative")]
    for n in reversed(nodes):
        if n.derivative is not None:
            backward.append((n.name, shortened(", ".join(consumers.get(n.number, ())), 30), str(n.shape), one_line(n.derivative)))
    return f"Forward phase\n{aligned(forward)}\n\nBackward phase: derivatives of {of}\n{aligned(backward)}"
