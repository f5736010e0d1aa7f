"""Functions compiled to native programs: recorded once, run without Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

from chainrule import _core, trees
from chainrule.calls import Function, Recorder, is_recording, tracing
from chainrule.recording import is_variable
from chainrule.transforms import grad

__all__ = ["Compiled", "compile"]


class _Hole:
    """The place of a computed value in the result."""


_HOLE = _Hole()


class Program(NamedTuple):
    """What one signature was compiled to."""

    run: Callable[..., Any]  # from the arguments, or where `flat` from the arrays in them, to the result
    flat: bool
    dtype: str
    shapes: tuple[tuple[int, ...], ...]  # of the arrays


def _takes_nothing(*_: Any) -> None:
    """Stand for a program before there is one."""


def _is_number(x: Any) -> bool:
    return isinstance(x, (float, np.floating)) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def _is_plain(x: Any) -> bool:
    """Whether x is an input, or lists and tuples of nothing else."""
    return all(map(_is_plain, x)) if type(x) in (list, tuple) else is_variable(x)


def _signature(x: Any) -> Hashable:
    """Return what a program depends on: shapes and types of floating-point numbers and arrays, all else as it is."""
    if _is_number(x):
        return np.shape(x), getattr(x, "dtype", None)
    if isinstance(x, (tuple, list)):
        return (type(x), *map(_signature, x))
    if isinstance(x, dict):
        return (type(x), *((key, _signature(item)) for key, item in x.items()))
    if isinstance(x, np.ndarray) and x.dtype != object:
        return np.ndarray, x.dtype, x.shape, x.tobytes()
    try:
        hash(x)
    except TypeError:
        raise TypeError(f"compile: expected numbers, arrays and hashable arguments, got a {type(x).__name__}") from None
    return type(x), x


class Compiled:
    """A function that runs natively on each combination of shapes and types that it has seen before. Made by :func:`compile`."""

    def __init__(self, function: Function) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._programs: dict[Hashable, Program] = {}
        self._last: Callable[..., Any] = _takes_nothing

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return the function's result for these arguments."""
        if is_recording():  # derivatives may be wanted in what the function closes over, not in arguments alone
            return self._function(*args, **keywords)
        if not keywords:
            result = self._last(*args)
            if result is not None:
                return result
        return self._any(args, keywords)

    @functools.cached_property
    def grad(self) -> Compiled:
        """The compiled gradient in the first argument; of others, compile ``cr.grad(f, argnums)``."""
        return Compiled(grad(self._function))

    def explain(self) -> str:
        """Return a text that says for each combination of shapes seen what its program consists of."""
        lines = [repr(self)]
        for program in self._programs.values():
            shapes = ", ".join(map(str, program.shapes))
            text = "nothing depends on the arguments"
            if isinstance(program.run, _core.Compiled):
                facts = _core.compiled_facts(program.run)
                text = (
                    f"{len(facts['evaluated'])} operations in {facts['steps']} passes over memory, "
                    f"{facts['buffer_bytes']} bytes of buffers"
                )
            lines.append(f"{program.dtype} of shapes {shapes}: {text}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        name = getattr(self._function, "__name__", repr(self._function))
        return f"Compiled({name}, {len(self._programs)} signature{'' if len(self._programs) == 1 else 's'})"

    def _any(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        leaves = [*trees.leaves(args), *trees.leaves(keywords)]
        numbers = [leaf for leaf in leaves if _is_number(leaf)]
        if not numbers or any(is_variable(leaf) for leaf in leaves):
            return self._function(*args, **keywords)
        key = _signature((args, keywords))
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = self._compiled(args, keywords, numbers)
        if program.flat:
            return program.run(*(np.asarray(x, program.dtype) for x in numbers))
        self._last = program.run
        return program.run(*trees.mapped(lambda x: np.asarray(x, program.dtype), args))

    def _compiled(self, args: tuple[Any, ...], keywords: dict[str, Any], numbers: list[Any]) -> Program:
        types = {np.asarray(x).dtype for x in numbers if not isinstance(x, float)}
        dtype = "float32" if types and types <= {np.dtype(np.float32), np.dtype(np.float16)} else "float64"
        inputs: list[Any] = []
        with Recorder("compile") as recorder:

            def fresh(x: Any) -> Any:
                if not _is_number(x):
                    return x
                inputs.append(recorder.fresh(np.asarray(x, dtype)))
                return inputs[-1]

            args, keywords = trees.mapped(fresh, args), trees.mapped(fresh, keywords)
            with tracing():
                result = self._function(*args, **keywords)
            outputs = [leaf for leaf in trees.leaves(result) if is_variable(leaf)]
            template = trees.mapped(lambda leaf: _HOLE if is_variable(leaf) else leaf, result)
            shapes = tuple(x.shape for x in inputs)
            flat = bool(keywords) or not all(_is_plain(x) for x in args)
            if not outputs:
                return Program(lambda *_: trees.mapped(lambda leaf: leaf, template), True, dtype, shapes)
            graph, of_inputs, of_outputs = _core.extract(inputs, [""] * len(inputs), outputs)
        holes = (_HOLE,) * len(inputs) if flat else trees.mapped(lambda _: _HOLE, args)
        return Program(_core.compile(graph, of_inputs, of_outputs, holes, template, _HOLE), flat, dtype, shapes)


def compile(f: Function) -> Compiled:  # noqa: A001 (called as cr.compile)
    """Compile a function to a native program: recorded at the first call, run without Python from then on.

    Parameters
    ----------
    f : callable
        Of floating-point numbers and arrays, or tuples, lists and dicts of them, made of NumPy's functions and of chainrule's,
        derivatives among them. Other arguments (integers, strings, arrays of integers) belong to the program: another value of them
        is compiled anew, as is another shape.

    Returns
    -------
    Compiled
        With the arguments and the result of `f`, and its gradient in the first argument as ``.grad``. In float32 where all arrays
        are, else in float64.

    Raises
    ------
    TypeError
        At the call, where the function's course would be fixed by a value: ``if x > 0`` must be ``np.where(x > 0, a, b)``; and where
        NumPy's function has no derivative.

    Notes
    -----
    Only what the result depends on is computed. Operations by element run together, a block through all of them before the next;
    other values share memory. The result is that of the recorded function, bit for bit.

    What the function closes over is a constant of the program, as it was at the first call; where a transform (``cr.grad``, another
    compile) calls a compiled function, the function itself is called.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> f = cr.compile(lambda x: np.sum(np.where(x > 0, np.exp(-x), x) ** 2))
    >>> x = np.array([0.0, 2.0, -1.0])
    >>> bool(np.isclose(f(x), np.exp(-4) + 1))
    True
    >>> bool(np.allclose(f.grad(x), [0, -2 * np.exp(-4), -2]))
    True
    """
    return Compiled(f)
