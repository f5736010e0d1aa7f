"""The graph of a function at a point, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

from chainrule import _core
from chainrule.graphs import paths
from chainrule.graphs.dot import dot
from chainrule.graphs.local_derivatives import LocalDerivatives
from chainrule.graphs.node import Node
from chainrule.graphs.paths import Path
from chainrule.graphs.picture import Picture, picture
from chainrule.graphs.previews import shortened
from chainrule.graphs.svg import drawn, summarized
from chainrule.graphs.tables import table
from chainrule.names import unknown

Which = Node | str | int
"""A node: itself, its name, or the place of an input (of an output, where an output is meant)."""

LARGEST_PICTURE = 300
"""Nodes; a larger graph's picture is metres long and its nodes cannot be found in it."""


class Graph:
    """A function at a point: the nodes that it computes, each with its value there and the derivative of the result in it.

    Made by :func:`chainrule.trace`. It draws itself in a notebook.

    Attributes
    ----------
    nodes : tuple of Node
        In an order in which they can be computed.
    inputs : tuple of Node
        One for each array among the arguments.
    outputs : tuple of Node
        One for each array in the result.

    Notes
    -----
    The derivatives are those of the result that is one number, of the sum of a result that is not, or of its sum weighted by the
    cotangent that :func:`chainrule.trace` was given. A derivative "in a node" counts all ways from the node to the result.
    """

    def __init__(self, core: _core.Graph, nodes: tuple[Node, ...], inputs: Sequence[int], outputs: Sequence[int], of: str) -> None:
        self.nodes = nodes
        self.inputs = tuple(nodes[i] for i in inputs)
        self.outputs = tuple(nodes[i] for i in outputs)
        self._of = of
        self._local = LocalDerivatives(core, nodes)
        self._by_name = {node.name: node for node in nodes}

    def __repr__(self) -> str:
        inputs, outputs = (shortened(", ".join(node.name for node in some), 60) for some in (self.inputs, self.outputs))
        return f"Graph({len(self.nodes)} nodes, inputs {inputs}, outputs {outputs})"

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, which: Which) -> Node:
        """Return a node by its name or its place in `nodes`."""
        return self._found(which, self.nodes, "node")

    def _found(self, which: Which, places: tuple[Node, ...], kind: str) -> Node:
        if isinstance(which, Node):
            if which.number >= len(self.nodes) or self.nodes[which.number] is not which:
                raise ValueError(f"graph: expected a node of this graph, got {which.name} of another")
            return which
        if isinstance(which, str):
            if which not in self._by_name:
                raise unknown("node", which, self._by_name)
            return self._by_name[which]
        if not -len(places) <= which < len(places):
            raise IndexError(f"graph: expected an {kind} from {-len(places)} below {len(places)}, got {which}")
        return places[which]

    def _ends(self, source: Which, target: Which | None) -> tuple[int, int]:
        first = self._found(source, self.inputs, "input")
        if first.operation == "constant":
            raise ValueError(f"paths: expected a node that depends on an input or is one, got the constant {first.name}")
        if target is None:
            if len(self.outputs) != 1:
                raise ValueError(f"paths: expected a target, since there are {len(self.outputs)} outputs, got none")
            target = 0
        return first.number, self._found(target, self.outputs, "output").number

    def _picture(self) -> Picture:
        return picture(self.nodes, self.outputs, self._local, self._of)

    def paths(self, source: Which, target: Which | None = None) -> Iterator[Path]:
        """Iterate over the paths along which a derivative flows from one node to another.

        Parameters
        ----------
        source : Node, str or int
            A node, its name, or the place of an input.
        target : Node, str or int, optional
            A node, its name, or the place of an output; the output where there is just one.

        Returns
        -------
        iterator of Path
            Each with its `nodes`, the derivatives along its `edges`, and their `product`, of shape T + S from a source of shape S to a
            target of shape T. An operand that is used twice by an operation, as in ``x * x``, makes two paths. They are found one by
            one: there may be exponentially many.

        Raises
        ------
        ValueError
            For a node of another graph, an unknown name, a constant as source, and no target where there are several outputs.
        IndexError
            For a place that no input or output has.

        Notes
        -----
        The sum over all paths of the products of their edges is the derivative: ``d target / d source``.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> graph = cr.trace(lambda x: x * x + 5.0 * x, 3.0)
        >>> for path in graph.paths("x"):
        ...     print(path, path.product)
        Path(x -> v1 -> y) 3.0
        Path(x -> v1 -> y) 3.0
        Path(x -> v3 -> y) 5.0
        """
        first, last = self._ends(source, target)
        return (
            Path(tuple(self.nodes[i] for i in trail), tuple(operands), self._local)
            for trail, operands in paths.walk(self.nodes, first, last)
        )

    def count_paths(self, source: Which, target: Which | None = None) -> int:
        """Return the number of paths from one node to another, without listing them: the work is that of one backward phase.

        Parameters
        ----------
        source, target : Node, str or int
            As in :meth:`paths`.

        Returns
        -------
        int
            Of any size.

        Raises
        ------
        ValueError, IndexError
            As in :meth:`paths`.

        Examples
        --------
        >>> import chainrule as cr
        >>> def ladder(x):
        ...     for _ in range(60):
        ...         x = 0.3 * x + 0.7 * x
        ...     return x
        >>> cr.trace(ladder, 1.0).count_paths("x") == 2**60
        True
        """
        return paths.count(self.nodes, *self._ends(source, target))

    def visited(self, wrt: Which | Sequence[Which]) -> list[Node]:
        """Return the nodes that a backward phase to some nodes visits, each once, in the order of that phase.

        Parameters
        ----------
        wrt : Node, str, int or a sequence of them
            What derivatives are wanted in: nodes, their names, or places of inputs.

        Returns
        -------
        list of Node
            Those that outputs depend on and that depend on a node of `wrt`, outputs and `wrt` among them.

        Raises
        ------
        ValueError, IndexError
            As in :meth:`paths`.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> graph = cr.trace(lambda x, w: np.sin(x) * np.cos(np.exp(w)), 1.0, 2.0)
        >>> [node.name for node in graph.visited("x")]
        ['y', 'v2', 'x']
        """
        some = [wrt] if isinstance(wrt, (Node, str, int)) else wrt
        wanted = [self._found(which, self.inputs, "input").number for which in some]
        needed = paths.leading_to(self.nodes, [node.number for node in self.outputs])
        return [self.nodes[i] for i in sorted(needed & paths.led_to_from(self.nodes, wanted), reverse=True)]

    def table(self) -> str:
        """Return both phases as text: each node with its value from first to last, then with its derivative from last to first.

        Examples
        --------
        >>> import chainrule as cr
        >>> print(cr.trace(lambda x, w: (x * w) ** 2, 3.0, 0.5).table())
        Forward phase
        node  operation  computes  shape  value
        x     input                ()     3
        w     input                ()     0.5
        v2    multiply   x * w     ()     1.5
        y     square     v2 ** 2   ()     2.25
        <BLANKLINE>
        Backward phase: derivatives of y
        node  from  shape  derivative
        y           ()     1
        v2    y     ()     3
        w     v2    ()     9
        x     v2    ()     1.5
        """
        return table(self.nodes, self._of)

    def to_dot(self) -> str:
        """Return the graph in Graphviz' language: values in blue, derivatives and what flows back in orange.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.trace(lambda x: x**2, 3.0).to_dot().startswith("digraph")
        True
        """
        return dot(self._picture())

    def svg(self, path: str | FilePath | None = None) -> str:
        """Draw the graph: boxes with values and derivatives, arrows with the derivative along each edge between single numbers.

        Parameters
        ----------
        path : path-like, optional
            A file to write.

        Returns
        -------
        str
            The picture, in SVG; it needs neither Graphviz nor a network. For a graph of more than 300 nodes a summary.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.trace(lambda x: x**2, 3.0).svg().startswith("<svg")
        True
        """
        if len(self.nodes) > LARGEST_PICTURE:
            text = summarized(self.nodes, self.inputs, self.outputs, self._of, LARGEST_PICTURE)
        else:
            text = drawn(self._picture())
        if path is not None:
            FilePath(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto; max-width:100%">{self.svg()}</div>'

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))
