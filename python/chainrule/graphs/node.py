"""One node of a graph: what it computes, its value at the point of evaluation and its derivative there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from chainrule.graphs.previews import one_line


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a :class:`chainrule.Graph`: an input, a constant or an operation on earlier nodes.

    Attributes
    ----------
    number : int
        Its place in ``graph.nodes``; operands come before what is computed from them.
    operation : str
        The operation's name, or "input" or "constant".
    name : str
        The argument's or result's name; "v3" or "c3" for the operation or constant at place 3.
    shape : tuple of int
        Of the value and of the derivative.
    value : ndarray
        At the point of evaluation; read-only.
    derivative : ndarray or None
        Of the outputs in this node, there; None where nothing flows back. Read-only.
    inputs : tuple of int
        The places of the operands in ``graph.nodes``; one that is used twice is there twice.
    formula : str
        The operation on its operands as one would write it: ``"x * v2"``; "" for inputs.
    """

    number: int
    operation: str
    name: str
    shape: tuple[int, ...]
    value: NDArray[Any]
    derivative: NDArray[Any] | None
    inputs: tuple[int, ...]
    formula: str

    def __repr__(self) -> str:
        title = f"{self.name} = {self.formula}" if self.formula else self.name
        derivative = "none" if self.derivative is None else one_line(self.derivative)
        return f"Node({title}: {self.operation}, shape {self.shape}, value {one_line(self.value)}, derivative {derivative})"
