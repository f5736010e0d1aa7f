"""Computation graphs of functions, to look at: nodes with their values and derivatives, paths, tables and pictures."""

from chainrule.graphs.graph import Graph
from chainrule.graphs.node import Node
from chainrule.graphs.paths import Path
from chainrule.graphs.tracing import trace

__all__ = ["Graph", "Node", "Path", "trace"]
