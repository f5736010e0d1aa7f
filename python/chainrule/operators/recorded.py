"""The Jacobian of any function of an array as a chain of operators, cut wherever all that is recorded passes through one value."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from chainrule import _core, jacobian_modes
from chainrule.calls import Call, Function, Recorder
from chainrule.operators.base import Operator
from chainrule.operators.kronecker import Kronecker
from chainrule.operators.structures import Dense, Diagonal, Identity, LowRank
from chainrule.recording import is_variable

SOFTMAXES = frozenset(("softmax", "log_softmax"))
_FUNCTIONS = (
    "add subtract multiply divide maximum minimum negate scale exp log sqrt power sin cos tan arcsin arccos arctan sinh cosh arcsinh "
    "arccosh arctanh exp2 expm1 log2 log10 log1p cbrt square reciprocal absolute sinc pow arctan2 hypot logaddexp logaddexp2 fmod "
    "remainder copysign fmax fmin where"
)
# Operations each element of whose result depends on one element of each operand.
ELEMENTWISE = frozenset(_core.activation_names()) - SOFTMAXES | frozenset(_FUNCTIONS.split())


def jacobian(f: Function, argnum: int = 0) -> Function:
    """Make the Jacobian of a function as an operator that keeps its structure.

    Parameters
    ----------
    f : callable
        Returns an array of any shape.
    argnum : int
        The argument to differentiate in: an array of any shape.

    Returns
    -------
    callable
        With the arguments of `f`; returns an operator of shape (elements of the result, elements of the argument), both in C order.
        What works element by element is a `Diagonal`, a sum with a constant the `Identity`, a product of matrices a `Kronecker` product
        (``X W``: in X ``I (x) W^T``, in W ``X (x) I``), other parts are `Dense`; a function of several such parts, one after the
        other, is a `Chain` of their Jacobians.

    Raises
    ------
    TypeError
        For a result that is not one array, and for arguments that are not made of real numbers.
    ValueError
        For an argnum that the call does not have.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import operators
    >>> w, x, u = np.ones((3, 4)), np.ones(4), np.ones(3)
    >>> operators.jacobian(lambda w, x: w * x)(x, 2 * x)
    Diagonal(4, 4)
    >>> operators.jacobian(lambda w: w @ x)(w)
    Kronecker((3, 12): Identity(3, 3) (x) Dense(1, 4))
    >>> operators.jacobian(lambda x: u @ np.tanh(w @ x))(x)
    Chain((1, 4): Dense(1, 3) @ Dense(3, 4))
    """

    @functools.wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Operator:
        with Recorder("operators.jacobian") as recorder:
            call = Call(recorder, f, args, keywords, argnum)
            y = call.result
            if len(call.inputs) != 1 or isinstance(y, (tuple, list, dict)):
                raise TypeError("operators.jacobian: expected one array as argument and one as result, got containers")
            if is_variable(args[call.positions[0]]):
                raise TypeError(
                    "operators.jacobian: expected a plain array, got a variable: operators hold numbers without derivatives"
                )
            recorder.inside = False
            (x,) = call.inputs
            if not is_variable(y):
                return Dense(np.zeros((np.size(y), x.size), x.dtype))
            ends = [x, *_core.waists([x], y), *([] if y is x else [y])]
            parts = [_part(recorder, a, b) for a, b in itertools.pairwise(ends)]
            return functools.reduce(lambda product, part: part @ product, parts, Identity(x.size, x.dtype))

    return derivative


def softmax_jacobian(operation: str, y: Any) -> LowRank:
    """Return the Jacobian at the value y of one row: ``diag(p) - p p^T`` of p = softmax(x), ``I - 1 p^T`` of its logarithm."""
    if operation == "softmax":
        return LowRank(-y[:, None], y[:, None], diagonal=y)
    one = np.ones_like(y)
    return LowRank(-one[:, None], np.exp(y)[:, None], diagonal=one)


def _part(recorder: Recorder, x: Any, y: Any) -> Operator:
    """Return the Jacobian of a variable in an earlier one between which nothing is known to pass through one value."""
    graph, (source,), (output,) = _core.extract([x], [""], [y])
    operations = [node for node in range(len(graph)) if graph.operation(node) not in ("input", "constant")]
    moving = {source, *operations}
    names = {graph.operation(node) for node in operations}
    if names and names <= ELEMENTWISE | {"reshape"} and all(math.prod(graph.shape(node)) == x.size for node in operations):
        if names <= {"reshape", "add"} and all(sum(i in moving for i in graph.inputs_of(node)) == 1 for node in operations):
            return Identity(x.size, x.dtype)
        (slope,) = _core.reverse([y], [recorder.seed(np.ones(y.shape), y)], [x])
        return Diagonal(np.reshape(recorder.derivative(slope, x), -1))
    if names == {"matmul"} and len(operations) == 1:
        product = _of_product(graph, source, output)
        if product is not None:
            return product
    if len(operations) == 1 and names <= SOFTMAXES and x.shape[-1] == x.size:
        return softmax_jacobian(graph.operation(output), np.reshape(y.value, -1))
    (matrix,) = jacobian_modes.jacobians(recorder, y, [x], "auto")
    return Dense(np.reshape(matrix, (y.size, x.size)))


def _of_product(graph: _core.Graph, source: int, output: int) -> Operator | None:
    """Return the Jacobian of a product of two matrices in one of them: of A B in A ``I (x) B^T``, in B ``A (x) I``."""
    operands = graph.inputs_of(output)
    attributes = graph.attributes(output)
    transposed = [attributes.get(name, False) for name in ("transpose_a", "transpose_b")]
    side = operands.index(source)
    other = operands[1 - side]
    if other == source or transposed[side] or len(graph.shape(output)) != 2:
        return None
    value = graph.evaluate([other], {})[0]
    value = value.T if transposed[1 - side] else value
    rows, columns = graph.shape(output)
    if side == 0:
        return Dense(value.T) if rows == 1 else Kronecker(Identity(rows, value.dtype), value.T)
    return Dense(value) if columns == 1 else Kronecker(value, Identity(columns, value.dtype))
