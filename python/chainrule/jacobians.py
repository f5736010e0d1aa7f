"""The Jacobians of a stack of layers at one sample, and their products.

With ``x(l+1) = f_l(x(l); a(l))`` for layers 0 to L - 1: ``M[l] = d f_l / d x(l)``, ``O[l] = d f_l / d a(l)``, and the Jacobian of the
output in the parameters of layer l is ``M[L-1] M[L-2] ... M[l+1] O[l]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chainrule import validation
from chainrule.layer_jacobians import layer_jacobians
from chainrule.operators import Chain, Diagonal, Operator
from chainrule.operators.chain import multiply
from chainrule.structure import Structure
from chainrule.validation import Array


class Jacobians:
    """What `Sequential.jacobians` returns.

    Attributes
    ----------
    M : list of Operator
        The Jacobian of each layer's output, activation included, in its input: shape (outputs, features).
    O : list of Operator
        That in its parameters, kernel (in, out) in C order and then bias: shape (outputs, parameters).

    Examples
    --------
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(2), cr.Dense(3, "tanh"), cr.Dense(4, "tanh"), cr.Dense(1)])
    >>> model.jacobians([0.5, -0.5]).explain()
    factor   operator
    M[2]     Dense(1, 4)
    M[1]     Dense(4, 3)
    O[0]     Kronecker((3, 9): Dense(1, 3) (x) Diagonal(3, 3))
    product  Kronecker((1, 9): Dense(1, 3) (x) Dense(1, 3))
    order    (M[2] M[1]) O[0]: 27 FLOPs
    forward  477 FLOPs: each of 9 columns through all factors from the right
    reverse  53 FLOPs: each of 1 rows through all factors from the left
    """

    def __init__(self, m: Sequence[Operator], o: Sequence[Operator]) -> None:
        self.M, self.O = list(m), list(o)

    def chain(self, layer: int) -> Chain:
        """Return the factors ``M[L-1], ..., M[layer+1], O[layer]`` as a chain, not multiplied.

        Parameters
        ----------
        layer : int
            The position of a layer; from -1 downwards those from the end.

        Raises
        ------
        IndexError
            For a layer that the model does not have.
        """
        layer = self._position(layer, "chain")
        return Chain([*self.M[:layer:-1], self.O[layer]])

    def product(self, layer: int) -> Operator:
        """Return the Jacobian of the output in the parameters of a layer, multiplied in the cheapest order, in its structure.

        Parameters
        ----------
        layer : int
            The position of a layer; from -1 downwards those from the end.

        Returns
        -------
        Operator
            Of shape (outputs, parameters of the layer); ``.dense()`` or ``np.asarray`` makes it an array.

        Raises
        ------
        IndexError
            For a layer that the model does not have.
        """
        return self.chain(self._position(layer, "product")).product()

    def explain(self, layer: int | None = None) -> None:
        """Print the chain of a layer: the factors in their structure, the order, its FLOPs beside pure forward and pure reverse mode.

        Parameters
        ----------
        layer : int, optional
            The position of a layer; the first that has parameters where it is not given.
        """
        if layer is None:
            layer = next((i for i, o in enumerate(self.O) if o.shape[1]), 0)
        layer = self._position(layer, "explain")
        names = [f"M[{i}]" for i in range(len(self.M) - 1, layer, -1)]
        self.chain(layer).explain([*names, f"O[{layer}]"])

    def __repr__(self) -> str:
        return f"Jacobians(M={self.M}, O={self.O})"

    def _position(self, layer: int, operation: str) -> int:
        count = len(self.M)
        layer = validation.integer(layer, operation, "layer", -(2**63))
        if not -count <= layer < count:
            raise IndexError(f"{operation}: expected a layer from {-count} below {count}, got {layer}")
        return layer % count


def jacobians(layers: Sequence[Structure], x: Array, scale: float, parameters: Mapping[str, Array]) -> Jacobians:
    """Return the Jacobians of layers one after the other, at x of shape (1, features) times a scale."""
    ms, os = [], []
    y = x * x.dtype.type(scale)
    for layer in layers:
        m, o, y = layer_jacobians(layer, y, parameters)
        ms.append(m)
        os.append(o)
    if scale != 1:
        ms[0] = multiply(ms[0], Diagonal(np.full(x.shape[1], scale, x.dtype)))
    return Jacobians(ms, os)
