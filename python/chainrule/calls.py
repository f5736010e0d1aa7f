"""One call of a function on variables: what every transform begins with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule import _core, trees
from chainrule.recording import identity, is_variable
from chainrule.variables import Variable

Function = Callable[..., Any]
Argnums = int | Sequence[int]


class _Depth(threading.local):
    value = 0


_depth = _Depth()


def is_recording() -> bool:
    """Whether a transform is calling a function on variables now, in this thread."""
    return _depth.value > 0


@contextmanager
def tracing() -> Iterator[None]:
    """Record a function that will run on other values: its course must not depend on these."""
    _core.set_tracing(True)
    try:
        yield
    finally:
        _core.set_tracing(False)


class Recorder:
    """Turns arguments into fresh variables and, at the end, results into plain arrays where nobody outside records."""

    __slots__ = ("inside", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside = False

    def __enter__(self) -> Recorder:
        depth = _depth.value
        self.inside = depth > 0
        _depth.value = depth + 1
        return self

    def __exit__(self, *error: object) -> None:
        _depth.value -= 1

    def fresh(self, x: Any) -> Variable:
        """Return a variable of its own with the value of x, through which derivatives in x still flow."""
        if is_variable(x):
            self.inside = True
            alias: Variable = identity(x)
            return alias
        if not isinstance(x, float):
            x = np.asarray(x)
            if x.dtype.kind not in "fiub":
                raise TypeError(f"{self.name}: expected real numbers, got {x.dtype} in an argument to differentiate in")
        made: Variable = _core.variable(x)
        return made

    def seed(self, value: Any, like: Any) -> Any:
        """Return a value as a variable of the type of another."""
        if is_variable(value):
            self.inside = True
            return value
        return _core.variable_like(like, value)

    def out(self, x: Any) -> Any:
        """Return a result for the caller."""
        return x if self.inside or not is_variable(x) else x.value

    def derivative(self, x: Any, like: Any) -> Any:
        """Return a derivative for the caller; None is zero in the shape of another variable."""
        if x is None:
            return np.zeros(like.shape, like.dtype)[()]
        return x if self.inside else x.value


def positions_of(argnums: Argnums, count: int, name: str) -> tuple[tuple[int, ...], bool]:
    """Return the arguments meant, and whether it is just one."""
    if type(argnums) is int and 0 <= argnums < count:
        return (argnums,), True
    single = isinstance(argnums, (int, np.integer))
    given = (argnums,) if single else tuple(argnums)  # type: ignore[arg-type]
    positions = []
    for number in given:
        if not isinstance(number, (int, np.integer)) or not -count <= number < count:
            raise ValueError(f"{name}: expected argnums from {-count} below {count}, got {number!r}")
        positions.append(int(number) % count)
    return tuple(positions), single


class Call:
    """One call of f with some of its arguments replaced by fresh variables."""

    def __init__(self, recorder: Recorder, f: Function, args: tuple[Any, ...], keywords: dict[str, Any], argnums: Argnums) -> None:
        self.positions, self.single = positions_of(argnums, len(args), recorder.name)
        changed = list(args)
        self.trees: list[Any] = []
        self.inputs: list[Variable] = []
        for position in self.positions:
            tree = changed[position] = trees.mapped(recorder.fresh, args[position])
            self.trees.append(tree)
            self.inputs += trees.leaves(tree)
        self.result = f(*changed, **keywords)

    def like_arguments(self, derivatives: list[Any]) -> Any:
        """Return derivatives, one for each input, in the arguments' containers."""
        if self.single and is_variable(self.trees[0]):
            return derivatives[0]
        rest = iter(derivatives)
        parts = tuple(trees.mapped(lambda _: next(rest), tree) for tree in self.trees)
        return parts[0] if self.single else parts
