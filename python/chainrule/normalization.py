"""Layers that normalise: by row (`LayerNorm`), and by column over a batch (`BatchNorm`).

Examples
--------
>>> import chainrule as cr
>>> model = cr.Sequential([cr.Input(4), cr.Dense(8), cr.BatchNorm(), cr.Activation("relu"), cr.Dense(1)])
>>> list(model.parameters())[2:6]
['1.scale', '1.shift', '1.running_mean', '1.running_var']
"""

from chainrule import validation
from chainrule._core import Graph
from chainrule.initializers import Constant
from chainrule.layers import Layer, ParameterSpec, Place

__all__ = ["BatchNorm", "LayerNorm"]


def _parameters(graph: Graph, node: int, place: Place, *names: str) -> list[int]:
    """Add parameters with an element for each column."""
    return [graph.parameter(f"{place.prefix}.{name}", (graph.shape(node)[1],)) for name in names]


def _affine(graph: Graph, node: int, scale: int, shift: int, place: Place) -> int:
    """Add y = scale x + shift, column by column."""
    node = graph.apply("multiply", [node, scale], name=place.label)
    return graph.apply("add", [node, shift], name=place.label)


class _Normalization(Layer):
    """What both share: epsilon, scale and shift."""

    def __init__(self, epsilon: float, name: str | None) -> None:
        super().__init__(name)
        self.epsilon = validation.real(epsilon, type(self).__name__, "epsilon", above=0)

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return scale and shift."""
        return (ParameterSpec("scale", (features,), Constant(1.0)), ParameterSpec("shift", (features,), Constant(0.0)))


class LayerNorm(_Normalization):
    """y = scale (x - m) / sqrt(v + epsilon) + shift, with each row's mean m and variance v (Ba et al. 2016).

    Parameters
    ----------
    epsilon : float, default 1e-5
        Above 0.
    name : str, optional
        See `Layer`.

    Notes
    -----
    v is the mean of (x - m)^2. Parameters "<layer>.scale" of ones and "<layer>.shift" of zeros, of shape (features,). As PyTorch's
    LayerNorm(features), whose names are weight and bias.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Sequential([cr.Input(2), cr.LayerNorm()]).predict([[1.0, 3.0]]).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, epsilon: float = 1e-5, *, name: str | None = None) -> None:
        super().__init__(epsilon, name)

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add standardization by row, scale and shift."""
        (node,) = nodes
        scale, shift = _parameters(graph, node, place, "scale", "shift")
        node = graph.apply("standardize", [node], alpha=self.epsilon, name=place.label)
        return _affine(graph, node, scale, shift, place)

    def _arguments(self) -> list[str]:
        return [] if self.epsilon == 1e-5 else [f"epsilon={self.epsilon:g}"]


class BatchNorm(_Normalization):
    """y = scale (x - m) / sqrt(v + epsilon) + shift, with each column's mean m and variance v (Ioffe, Szegedy 2015).

    While training, m and v are those of the batch, and the running statistics move towards them:
    r = (1 - momentum) r + momentum s. Predictions and evaluations take the running ones.

    Parameters
    ----------
    momentum : float, default 0.1
        From 0 to 1: the weight of the newest batch, as PyTorch has it (Keras' momentum is 1 minus that).
    epsilon : float, default 1e-5
        Above 0.
    name : str, optional
        See `Layer`.

    Notes
    -----
    v is the mean of (x - m)^2; what goes into the running variance is rows / (rows - 1) times that. A batch of one row has no variance:
    its y is `shift`, and the running variance stays. Sample weights count in the loss, not in the statistics. With `trainable = False`
    scale and shift stay; the batch's statistics and the running ones are used and kept as before, as in PyTorch. Parameters
    "<layer>.scale" (ones) and "<layer>.shift" (zeros), and what training only records, "<layer>.running_mean" (zeros) and
    "<layer>.running_var" (ones). As PyTorch's BatchNorm1d(features).

    All threads meet before and after each such layer, forward and backward; with LayerNorm they need not.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(1), cr.BatchNorm(momentum=1.0), cr.Dense(1)])
    >>> _ = model.train_on_batch([[1.0], [3.0]], [0.0, 1.0], loss="mse", optimizer="sgd")
    >>> model.parameters()["0.running_mean"], model.parameters()["0.running_var"]
    (array([2.], dtype=float32), array([2.], dtype=float32))
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5, *, name: str | None = None) -> None:
        super().__init__(epsilon, name)
        self.momentum = validation.real(momentum, "BatchNorm", "momentum", least=0, most=1)

    def parameters(self, features: int) -> tuple[ParameterSpec, ...]:
        """Return scale, shift and the running statistics."""
        return (
            *super().parameters(features),
            ParameterSpec("running_mean", (features,), Constant(0.0), trained=False),
            ParameterSpec("running_var", (features,), Constant(1.0), trained=False),
        )

    def add_to(self, graph: Graph, nodes: tuple[int, ...], place: Place, training: bool) -> int:
        """Add standardization by column, with the batch's statistics where it trains; scale and shift."""
        (node,) = nodes
        scale, shift, mean, variance = _parameters(graph, node, place, "scale", "shift", "running_mean", "running_var")
        operands = [node, mean, variance]
        if training:
            node = graph.apply("standardize_batch", operands, alpha=self.epsilon, momentum=self.momentum, name=place.label)
        else:
            node = graph.apply("standardize_columns", operands, alpha=self.epsilon, name=place.label)
        return _affine(graph, node, scale, shift, place)

    def _arguments(self) -> list[str]:
        momentum = [] if self.momentum == 0.1 else [f"momentum={self.momentum:g}"]
        return momentum + ([] if self.epsilon == 1e-5 else [f"epsilon={self.epsilon:g}"])
