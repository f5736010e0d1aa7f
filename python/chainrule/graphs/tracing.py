"""A function as a graph: called once on variables, what it records is taken out and evaluated at the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import _core, trees
from chainrule.calls import Call, Recorder
from chainrule.graphs.formulas import formula
from chainrule.graphs.graph import Graph
from chainrule.graphs.naming import argument_names, distinct, leaf_names, node_names, unused
from chainrule.graphs.node import Node
from chainrule.graphs.previews import shortened
from chainrule.recording import is_variable, plain


def _seeds(outputs: list[Any], cotangent: Any) -> list[NDArray[Any]]:
    """Return what each element of each output counts for."""
    if cotangent is None:
        return [np.ones(y.shape, y.dtype) for y in outputs]
    given = [np.asarray(plain(u)) for u in trees.leaves(cotangent)]
    if len(given) != len(outputs):
        raise ValueError(f"trace: expected cotangents in the result's containers, {len(outputs)} arrays, got {len(given)}")
    for y, u in zip(outputs, given, strict=True):
        if u.shape != y.shape:
            raise ValueError(f"trace: expected a cotangent of shape {y.shape}, got {u.shape}")
    return [u.astype(y.dtype) for y, u in zip(outputs, given, strict=True)]


def _evaluated(
    graph: _core.Graph, feeds: dict[int, NDArray[Any]], outputs: list[int], seeds: list[NDArray[Any]]
) -> tuple[list[NDArray[Any]], list[NDArray[Any] | None]]:
    """Return the values of all nodes and their derivatives: one forward phase and one backward phase."""
    count = len(graph)
    values = [np.asarray(value) for value in graph.evaluate(range(count), feeds)]
    floats = [n for n in range(count) if graph.operation(n) != "constant"]
    found = graph.reverse(outputs, [graph.constant(seed) for seed in seeds], floats)
    reached = [(n, d) for n, d in zip(floats, found, strict=True) if d >= 0]
    derivatives: list[NDArray[Any] | None] = [None] * count
    for (n, _), derivative in zip(reached, graph.evaluate([d for _, d in reached], feeds), strict=True):
        derivatives[n] = np.asarray(derivative)
    for array in (*values, *(d for d in derivatives if d is not None)):
        array.setflags(write=False)
    return values, derivatives


def _nodes(
    graph: _core.Graph, names: list[str], values: list[NDArray[Any]], derivatives: list[NDArray[Any] | None]
) -> tuple[Node, ...]:
    operations = [graph.operation(n) for n in range(len(names))]
    nodes = []
    for n, operation in enumerate(operations):
        inputs = tuple(graph.inputs_of(n))
        text = ""
        if inputs:
            constants = [values[i] if operations[i] == "constant" else None for i in inputs]
            text = formula(operation, [names[i] for i in inputs], constants, graph.attributes(n), values[inputs[0]].shape)
        nodes.append(Node(n, operation, names[n], values[n].shape, values[n], derivatives[n], inputs, text))
    return tuple(nodes)


def _differentiated(names: list[str], outputs: list[Any], weighted: bool) -> str:
    """Return what the derivatives are derivatives of."""
    factor = "cotangent * " if weighted else ""
    terms = [f"sum({factor}{name})" if y.shape else f"{factor}{name}" for name, y in zip(names, outputs, strict=True)]
    return shortened(" + ".join(terms), 60)


def trace(f: Callable[..., Any], *args: Any, cotangent: Any = None) -> Graph:
    """Make the computation graph of a function at a point: what it computes from its arguments, node by node.

    Parameters
    ----------
    f : callable
        Returns a number or an array, or a tuple, list or dict of them.
    *args : array_like
        The point: a number or an array for each argument of `f`, or tuples, lists and dicts of them. They become the graph's inputs,
        by the names that `f` gives them (``p[0]``, ``p['w']`` in containers); a variable's own name wins.
    cotangent : array_like, optional
        What each element of the result counts for in the derivatives, in the result's containers; 1 for each where there is none:
        the derivatives are then those of the number that is returned, or of the sum of all that is.

    Returns
    -------
    Graph
        With the value and the derivative of each node at the point; it draws itself in a notebook.

    Raises
    ------
    TypeError
        For arguments that are not made of real numbers.
    ValueError
        For no argument at all, and for a cotangent of another shape than the result.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x: x * np.exp(x**2), 1.0)
    >>> graph
    Graph(4 nodes, inputs x, outputs y)
    >>> [node.formula for node in graph.nodes]
    ['', 'x ** 2', 'exp(v1)', 'x * v2']
    >>> graph.count_paths("x", "y")
    2
    >>> bool(np.isclose(graph.inputs[0].derivative, np.e * 3))
    True
    """
    with Recorder("trace") as recorder:
        call = Call(recorder, f, args, {}, range(len(args)))
        if not call.inputs:
            raise ValueError("trace: expected an argument to differentiate in, got none")
        kind = call.inputs[0].dtype.name
        results = [y if is_variable(y) else _core.variable(np.asarray(y), kind) for y in trees.leaves(call.result)]
        if not results:
            raise ValueError("trace: expected a function that returns numbers or arrays, got none")
        names = distinct(
            leaf for name, arg in zip(argument_names(f, len(args)), args, strict=True) for leaf in leaf_names(name, arg)
        )
        graph, inputs, outputs = _core.extract(call.inputs, names, results)
        feeds = {n: np.asarray(x.value) for n, x in zip(inputs, call.inputs, strict=True)}
        seeds = _seeds(results, cotangent)
    operations = [graph.operation(n) for n in range(len(graph))]
    root = next(name for name in ("y", "f", unused("y", names)) if name not in names)
    of_outputs = list(zip(outputs, leaf_names(root, call.result), strict=True))
    names = node_names(operations, list(zip(inputs, names, strict=True)), of_outputs)
    values, derivatives = _evaluated(graph, feeds, outputs, seeds)
    of = _differentiated([names[n] for n in outputs], results, cotangent is not None)
    return Graph(graph, _nodes(graph, names, values, derivatives), inputs, outputs, of)
