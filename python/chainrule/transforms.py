"""Functions that make derivatives of functions: they compose to any order, over arrays and over tuples, lists and dicts of arrays.

All of them call the function once, on variables, and transform what it records: reverse mode for many inputs and few outputs, forward
mode for few inputs and many outputs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import _core, trees
from chainrule.calls import Argnums, Call, Function, Recorder, positions_of
from chainrule.jacobian_modes import Mode, jacobians
from chainrule.recording import is_variable, shape_of

__all__ = ["elementwise_grad", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]


def _scalar(name: str, y: Any) -> None:
    if is_variable(y) and not y.shape:
        return
    if isinstance(y, (tuple, list, dict)):
        raise TypeError(f"{name}: expected a function with one number as its result, got a {type(y).__name__}")
    if math.prod(shape_of(y)) != 1:
        raise TypeError(f"{name}: expected a function with one number as its result, got shape {shape_of(y)}")


def _reversed(
    f: Function, argnums: Argnums, has_aux: bool, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, Any, Any]:
    """Return value, gradient and the second part of the result."""
    with Recorder("grad") as recorder:
        call = Call(recorder, f, args, keywords, argnums)
        y, aux = call.result if has_aux else (call.result, None)
        _scalar("grad", y)
        derivatives: list[Any] = [None] * len(call.inputs)
        if is_variable(y):
            derivatives = _core.reverse([y], [_core.variable_like(y)], call.inputs)
        gradient = [recorder.derivative(d, x) for d, x in zip(derivatives, call.inputs, strict=True)]
        return recorder.out(y), call.like_arguments(gradient), trees.mapped(recorder.out, aux) if has_aux else None


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make the function that returns both the value and the gradient of `f`.

    Parameters
    ----------
    f : callable
        Returns one number; with `has_aux` a pair of one number and anything else.
    argnums : int or sequence of int
        The arguments to differentiate in: arrays, or tuples, lists and dicts of arrays.
    has_aux : bool
        Whether `f` returns a pair; the second part is returned beside the value.

    Returns
    -------
    callable
        With the arguments of `f`; returns the value (or the pair) and the gradient, as :func:`grad` does.

    Raises
    ------
    TypeError
        For a result of more than one element, and for arguments that are not made of real numbers.
    ValueError
        For argnums that the call does not have.

    Examples
    --------
    >>> import chainrule as cr
    >>> value, slope = cr.value_and_grad(lambda x: 3 * x**2)(2.0)
    >>> float(value), float(slope)
    (12.0, 12.0)
    """

    @functools.wraps(f)
    def both(*args: Any, **keywords: Any) -> Any:
        value, gradient, aux = _reversed(f, argnums, has_aux, args, keywords)
        return ((value, aux) if has_aux else value), gradient

    return both


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make the gradient of a function of one number, by reverse mode.

    Parameters
    ----------
    f : callable
        Returns one number; with `has_aux` a pair of one number and anything else.
    argnums : int or sequence of int
        The arguments to differentiate in: arrays, or tuples, lists and dicts of arrays.
    has_aux : bool
        Whether `f` returns a pair; then the gradient comes with the second part.

    Returns
    -------
    callable
        With the arguments of `f`; the gradient has the shapes and containers of the argument, or is a tuple of one for each of several
        argnums. ``result[i] = d f / d x[i]`` (numerator layout).

    Raises
    ------
    TypeError
        For a result of more than one element, and for arguments that are not made of real numbers.
    ValueError
        For argnums that the call does not have.

    Examples
    --------
    >>> import chainrule as cr
    >>> of_x, of_y = cr.grad(lambda x, y: x**2 + 3 * x * y - 5 * y + 2, argnums=(0, 1))(1.0, 2.0)
    >>> float(of_x), float(of_y)
    (8.0, -2.0)
    """

    @functools.wraps(f)
    def gradient(*args: Any, **keywords: Any) -> Any:
        _, derivative, aux = _reversed(f, argnums, has_aux, args, keywords)
        return (derivative, aux) if has_aux else derivative

    return gradient


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Make the derivative of a function that works element by element: the gradient of the sum of its results.

    Parameters
    ----------
    f : callable
        Returns an array each element of which depends on the argument's element in the same place only.
    argnums : int or sequence of int
        The arguments to differentiate in.

    Returns
    -------
    callable
        With the arguments of `f`; the result has the argument's shape.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.elementwise_grad(np.tanh)(np.array([0.0, 100.0]))
    array([1., 0.])
    """

    @functools.wraps(f)
    def summed(*args: Any, **keywords: Any) -> Any:
        return np.sum(f(*args, **keywords))

    return grad(summed, argnums)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the value of a function and its derivative along a direction, by forward mode.

    Parameters
    ----------
    f : callable
    primals : sequence
        Its arguments: arrays, or tuples, lists and dicts of arrays.
    tangents : sequence
        The direction: of the same containers and shapes.

    Returns
    -------
    value, tangent
        ``f(*primals)``, and ``sum over j of d f[i] / d x[j] * tangent[j]`` in its shape: the first-order approximation is
        ``f(x + t) ~ value + tangent``.

    Raises
    ------
    TypeError
        Where primals and tangents are not sequences, or not made of real numbers.
    ValueError
        For tangents of other containers or shapes than the primals'.

    Examples
    --------
    >>> import chainrule as cr
    >>> value, moved = cr.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    >>> float(value), float(moved)
    (6.0, 3.0)
    """
    primals, tangents = tuple(primals), tuple(tangents)
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: expected a tangent for each of {len(primals)} primals, got {len(tangents)}")
    with Recorder("jvp") as recorder:
        call = Call(recorder, f, primals, {}, range(len(primals)))
        directions = [leaf for tree in tangents for leaf in trees.leaves(tree)]
        if len(directions) != len(call.inputs):
            raise ValueError(f"jvp: expected tangents in the primals' containers, {len(call.inputs)} arrays, got {len(directions)}")
        for x, t in zip(call.inputs, directions, strict=True):
            if shape_of(t) != x.shape:
                raise ValueError(f"jvp: expected a tangent of shape {x.shape}, got {shape_of(t)}")
        seeds = [recorder.seed(t, x) for x, t in zip(call.inputs, directions, strict=True)]
        outputs = trees.leaves(call.result)
        recorded = [y for y in outputs if is_variable(y)]
        found = iter(_core.forward(call.inputs, seeds, recorded))
        moved = [recorder.derivative(next(found), y) if is_variable(y) else np.zeros(np.shape(y))[()] for y in outputs]
        return trees.mapped(recorder.out, call.result), trees.rebuilt(call.result, moved)


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """Return the value of a function and the function that pulls cotangents back, by reverse mode.

    Parameters
    ----------
    f : callable
    *primals
        Its arguments: arrays, or tuples, lists and dicts of arrays.

    Returns
    -------
    value, pull_back
        ``pull_back(u)``, with u of the containers and shapes of the value, returns a tuple with
        ``sum over i of u[i] * d f[i] / d x[j]`` for each argument. It can be called any number of times.

    Raises
    ------
    ValueError
        For cotangents of other containers or shapes than the value's.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> value, pull_back = cr.vjp(np.sin, np.array([0.0, np.pi]))
    >>> pull_back(np.array([1.0, 1.0]))
    (array([ 1., -1.]),)
    """
    with Recorder("vjp") as recorder:
        call = Call(recorder, f, primals, {}, range(len(primals)))
        outputs = trees.leaves(call.result)
        inside = recorder.inside

    def pull_back(cotangent: Any) -> Any:
        given = trees.leaves(cotangent)
        if len(given) != len(outputs):
            raise ValueError(f"vjp: expected cotangents in the value's containers, {len(outputs)} arrays, got {len(given)}")
        with Recorder("vjp") as puller:
            puller.inside = puller.inside or inside
            pairs = []
            for y, u in zip(outputs, given, strict=True):
                if shape_of(u) != shape_of(y):
                    raise ValueError(f"vjp: expected a cotangent of shape {shape_of(y)}, got {shape_of(u)}")
                if is_variable(y):
                    pairs.append((y, puller.seed(u, y)))
            found = _core.reverse([y for y, _ in pairs], [u for _, u in pairs], call.inputs)
            return call.like_arguments([puller.derivative(d, x) for d, x in zip(found, call.inputs, strict=True)])

    return trees.mapped(recorder.out, call.result), pull_back


def jacobian(f: Function, argnums: Argnums = 0, mode: Mode = "auto") -> Function:
    """Make the Jacobian of a function.

    Parameters
    ----------
    f : callable
        Returns an array of any shape, or a tuple, list or dict of arrays.
    argnums : int or sequence of int
        The arguments to differentiate in: arrays, or tuples, lists and dicts of arrays.
    mode : {"auto", "forward", "reverse"}
        One tangent for each element of the argument, or one backward phase for each element of the result. "auto" takes what its
        estimate finds cheaper; where everything passes through one value w of few elements, and this saves half of the work,
        ``dy/dx = dy/dw dw/dx``: backward phases from w, tangents from w on, and the product.

    Returns
    -------
    callable
        With the arguments of `f`. For a result of shape T and an argument of shape S an array of shape T + S,
        ``J[i, j] = d f[i] / d x[j]``; containers of the result hold those of the argument.

    Raises
    ------
    ValueError
        For another mode, and for argnums that the call does not have.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.jacobian(lambda v: np.stack([3 * v[0] ** 2 * (2 * v[1] + 7), 4 * v[0] + v[1] ** 2]))(np.array([1.0, 2.0]))
    array([[66.,  6.],
           [ 4.,  4.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: expected mode 'auto', 'forward' or 'reverse', got {mode!r}")

    @functools.wraps(f)
    def derivative(*args: Any, **keywords: Any) -> Any:
        with Recorder("jacobian") as recorder:
            call = Call(recorder, f, args, keywords, argnums)
            inputs = call.inputs

            def of_output(y: Any) -> Any:
                if not is_variable(y):
                    return call.like_arguments([np.zeros(np.shape(y) + x.shape) for x in inputs])
                return call.like_arguments(jacobians(recorder, y, inputs, mode))

            return trees.mapped(of_output, call.result)

    return derivative


def hessian(f: Function, argnums: int = 0) -> Function:
    """Make the matrix of second derivatives of a function of one number: forward mode over reverse mode.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int
        The argument to differentiate in.

    Returns
    -------
    callable
        With the arguments of `f`; for an argument of shape S an array of shape S + S, ``H[i, j] = d^2 f / (d x[i] d x[j])``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums, mode="forward")


def hvp(f: Function, argnums: int = 0) -> Function:
    """Make the product of the matrix of second derivatives with a vector, without the matrix: forward mode over reverse mode.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int
        The argument to differentiate in.

    Returns
    -------
    callable
        ``hvp(f)(*args, v)`` with v of the argument's containers and shapes; returns ``sum over j of H[i, j] v[j]`` in the same.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> cr.hvp(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]), np.array([1.0, 0.0]))
    array([10.,  6.])
    """
    gradient = grad(f, argnums)

    @functools.wraps(f)
    def product(*args: Any, **keywords: Any) -> Any:
        *others, direction = args
        (position,), _ = positions_of(argnums, len(others), "hvp")

        def along(x: Any) -> Any:
            return gradient(*others[:position], x, *others[position + 1 :], **keywords)

        return jvp(along, (others[position],), (direction,))[1]

    return product
